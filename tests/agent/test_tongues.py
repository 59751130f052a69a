"""Questions in other languages, evidence in other languages, and both."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.agent.memory import MemoryIndex, minilm, rows
from vagent.agent.ask import ask
from vagent.agent.evidence.shelf import Shelf
from vagent.agent.language.gloss import framed, kin, language
from vagent.agent.language.tongues import TONGUES
from vagent.agent.language.values import ValueType, find
from vagent.agent.question.plan import understand
from vagent.agent.routes import extract

GERMAN = [
    (1.0, 4.0, "Guten Abend, ich heiße Marta Vogel."), (6.0, 9.0, "Das Konzert beginnt um acht Uhr."),
    (11.0, 14.0, "Die Karten kosten zwölf Euro."), (16.0, 19.0, "Die Geige ist dunkelrot."),
    (21.0, 24.0, "Wir spielen seit dem 3. März 1998 zusammen."),
    (30.0, 33.0, "Ich spiele, weil mein Vater Musiker war."), (40.0, 44.0, "Im Saal sind dreihundert Plätze."),
]  # fmt: skip
SPANISH = [
    (1.0, 4.0, "Buenas noches, me llamo Lucía Ortega."), (6.0, 9.0, "La obra empieza a las nueve."),
    (11.0, 14.0, "La entrada cuesta quince euros."), (20.0, 24.0, "El teatro abrió el 12 de mayo de 1931."),
]  # fmt: skip
ENGLISH = [
    (1.0, 4.0, "Good evening, my name is Marta Vogel."), (6.0, 9.0, "The concert begins at eight o'clock."),
    (11.0, 14.0, "Tickets cost twelve euros."), (20.0, 24.0, "The hall has three hundred seats."),
]  # fmt: skip


def index(held: list[tuple[float, float, str]]) -> MemoryIndex:
    return MemoryIndex(rows("subtitle", held), embedder=minilm())


@pytest.mark.parametrize(
    "question, code, frame",
    [
        ("Wie viele Hunde sind zu sehen?", "de", "how many Hunde are seen?"),
        ("Welche Farbe hat das Auto?", "de", "what colour is the Auto?"),
        ("Was passiert nach dem Interview?", "de", "what happens after the Interview?"),
        ("Combien de fois Marie est-elle mentionnée ?", "fr", "how many times Marie is-elle mentionnée ?"),
        ("Quelle est la couleur de la voiture ?", "fr", "what is the colour of the voiture ?"),
        ("¿Cuándo se ve el perro?", "es", "when is seen the perro?"),
        ("¿Cuánto cuesta la entrada?", "es", "how much does it cost the entrada?"),
        ("Quanti anni ha Marco?", "it", "how old ha Marco?"),
        ("Quem fala primeiro?", "pt", "who speaks first?"),
        ("Hoeveel mensen zijn er te zien?", "nl", "how many people are there seen?"),
        ('Wann wird "der Hund" gesagt?', "de", 'when is "der Hund" said?'),
    ],
)
def test_the_frame_of_a_question_is_put_into_english(question: str, code: str, frame: str) -> None:
    assert language(question) == code
    assert framed(question, code) == frame


@pytest.mark.parametrize(
    "question",
    [
        "Who says no?", "Does he die in the end?", "What is Mars?", "Film title?", "Is there a dog?", "Summarize",
        "Where is Die Zeit printed?", "What does de Gaulle say?", "Name the three colours.", "How was the war?", "",
    ],
)  # fmt: skip
def test_english_stays_english(question: str) -> None:
    assert language(question) == "en"
    assert framed(question, "en") == question


@pytest.mark.parametrize(
    "question, code", [("Кто платит по счету?", "ru"), ("犬はいつ見えますか", "ja"), ("¿Quién?", "es")]
)
def test_other_scripts_are_told_by_their_letters(question: str, code: str) -> None:
    assert language(question) == code


@given(st.text(max_size=80), st.sampled_from([tongue.code for tongue in TONGUES]))
def test_any_text_can_be_framed(text: str, code: str) -> None:
    framed(text, code)
    assert language(text)


def test_tables_are_whole() -> None:
    for one in TONGUES:
        assert (len(one.months.split()), len(one.days.split())) == (12, 7)
        assert all(phrase and english for phrase, english in one.glosses.items())


@pytest.mark.parametrize(
    "question, task, expects",
    [
        ("Wie viele Hunde sind zu sehen?", "find", "number"),
        ("Wann wird der Hund gezeigt?", "when", "when"),
        ("Warum lacht sie?", "explain", "reason"),
        ("Combien coûte le billet ?", "find", "money"),
        ("¿Hay un perro?", "exists", "yes_no"),
        ("Chi parla per primo?", "speaker", "who"),
        ("O que acontece depois de a música parar?", "neighbour", "free"),
        ("Wie is de kapitein?", "find", "who"),
    ],
)
def test_questions_are_understood_by_their_frame(question: str, task: str, expects: str) -> None:
    plan = understand(question)
    assert (plan.task, plan.expects) == (task, expects)
    assert plan.question == question


@pytest.mark.parametrize(
    "held, question, said",
    [
        (GERMAN, "Wie heißt die Frau?", "Marta Vogel."),
        (GERMAN, "Um wie viel Uhr beginnt das Konzert?", "um acht Uhr."),
        (GERMAN, "Welche Farbe hat die Geige?", "dunkelrot."),
        (GERMAN, "Wie viele Plätze sind im Saal?", "dreihundert."),
        (GERMAN, "Was kommt nach den Karten?", "“Die Geige ist dunkelrot.”"),
        (GERMAN, "Wird ein Hund erwähnt?", "No: “hund” was not found."),
        (SPANISH, "¿Cuánto cuesta la entrada?", "quince euros."),
        (SPANISH, "¿A qué hora empieza la obra?", "a las nueve."),
        (SPANISH, "¿Cuándo abrió el teatro?", "12 de mayo de 1931."),
        (SPANISH, "¿Cómo se llama la mujer?", "Lucía Ortega."),
    ],
)
def test_question_and_evidence_in_one_language(held: list[tuple[float, float, str]], question: str, said: str) -> None:
    given = ask(index(held), question, videos=[1])
    assert given.answered and given.text.startswith(said)
    assert "seems to be in" not in given.text


@pytest.mark.parametrize(
    "held, question, said",
    [
        (GERMAN, "What time does the concert begin?", "um acht Uhr."),  # a word that both languages share
        (ENGLISH, "Wann beginnt das Konzert?", "at eight."),
        (ENGLISH, "Wer ist Marta Vogel?", "At 00:00:01"),  # a name
    ],
)
def test_what_two_languages_share_is_found(held: list[tuple[float, float, str]], question: str, said: str) -> None:
    given = ask(index(held), question, videos=[1])
    assert given.answered and given.text.startswith(said)
    assert given.confidence <= 0.5


@pytest.mark.parametrize(
    "held, question, asked, found",
    [
        (ENGLISH, "Wie viel kosten die Karten?", "German", "English"),
        (GERMAN, "How much do the tickets cost?", "English", "German"),
        (ENGLISH, "Сколько стоит билет?", "Russian", "English"),
    ],
)
def test_where_nothing_is_shared_it_says_so(
    held: list[tuple[float, float, str]], question: str, asked: str, found: str
) -> None:
    given = ask(index(held), question, videos=[1])
    assert not given.answered
    assert f"seems to be in {asked}, what was indexed in {found}" in given.text


def test_a_multilingual_embedding_needs_no_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Shelf, "multilingual", True)
    shelf = Shelf(index(ENGLISH), [1])
    drafted = extract.draft(understand("Wie viel kosten die Karten?"), shelf, [])
    assert drafted.notice == ""


@pytest.mark.parametrize(
    "code, kind, text, found",
    [
        ("de", "date", "am 3. März 1998 war", "3. März 1998"),
        ("de", "money", "das kostet zwölf Euro fünfzig", "zwölf Euro fünfzig"),
        ("de", "duration", "nach drei Stunden", "drei Stunden"),
        ("de", "number", "im Saal sind dreihundert Plätze", "dreihundert"),
        ("fr", "date", "le 14 juillet 1789", "14 juillet 1789"),
        ("fr", "clock", "à 14h30 précises", "14h30"),
        ("fr", "colour", "une voiture rouge", "rouge"),
        ("es", "date", "el 12 de mayo de 1931", "12 de mayo de 1931"),
        ("es", "clock", "empieza a las nueve", "a las nueve"),
        ("it", "duration", "dura due ore", "due ore"),
        ("it", "measure", "alto tre metri", "tre metri"),
        ("pt", "percent", "dez por cento", "dez por cento"),
        ("pt", "introduced", "me chamo João Silva", "João Silva"),
        ("nl", "weekday", "op donderdag", "donderdag"),
        ("nl", "age", "zij is twaalf jaar oud", "twaalf jaar oud"),
    ],
)
def test_values_of_other_languages(code: str, kind: ValueType, text: str, found: str) -> None:
    assert found in [value.text for value in find(kind, text, code)]


@pytest.mark.parametrize("code", [tongue.code for tongue in TONGUES])
@given(text=st.text(max_size=80))
def test_values_are_stretches_of_the_text(code: str, text: str) -> None:
    for kind in ("number", "money", "date", "clock", "duration", "colour"):
        for value in find(kind, text, code):  # type: ignore[arg-type]
            assert value.text in text[value.start : value.end]


def test_kin() -> None:
    assert kin("Konzert") == kin("concert")
    assert kin("Fotografie") == kin("photograph")
    assert kin("Karten") != kin("tickets")
