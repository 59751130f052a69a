"""Questions of several films: the answer names the film and the moment, and says how far it was looked."""

from __future__ import annotations

import pytest

from tests.agent.memory import MemoryIndex, minilm, rows
from vagent.agent.ask import ask
from vagent.index.records import Evidence, Video
from vagent.tools.time import Span

FILMS = {
    1: ("Metropolis", 1927, "de", ["The flood reaches the workers.", "Maria leads the children upstairs.",
                                   "The inventor lost his right hand."]),
    2: ("Amelie", 2001, "fr", ["The dwarf travels by plane.", "Her father never leaves the house.",
                               "A flood of letters arrives on Monday."]),
    3: ("Heat", 1995, "en", ["He carries a suitcase of money.", "Nobody expects a flood downtown.",
                             "The bank is in the old market."]),
}  # fmt: skip


def name(number: int) -> str:
    title, year, _, _ = FILMS[number]
    return f"{title} ({year}).mkv"


@pytest.fixture(scope="module")
def cinema() -> MemoryIndex:
    evidence: list[Evidence] = []
    videos = {}
    for number, (title, year, language, lines) in FILMS.items():
        evidence += rows("subtitle", [(20.0 * i, 20.0 * i + 4, t) for i, t in enumerate(lines)], video=number)
        path = f"/films/{name(number)}"
        videos[number] = Video(number, path, path, 60.0, complete=True, title=title, year=year, language=language)
    return MemoryIndex(evidence, videos, embedder=minilm())


@pytest.mark.parametrize(
    ("question", "film", "time"),
    [
        ("In which film does a dwarf travel by plane?", 2, "00:00:00"),
        ("Who lost his right hand?", 1, "00:00:40"),
        ("What does he carry in the suitcase?", 3, "00:00:00"),
        ("Is a suitcase ever mentioned?", 3, "00:00:00"),
        ("When are the children mentioned?", 1, "00:00:20"),
        ("How many times is the dwarf mentioned?", 2, "00:00:00"),
        ("What reaches the workers in the 1927 film?", 1, "00:00:00"),
        ("In Metropolis, what reaches the workers?", 1, "00:00:00"),
        ("What does the dwarf travel by in the French film?", 2, "00:00:00"),
    ],
)
def test_an_answer_names_the_film_and_the_moment(cinema: MemoryIndex, question: str, film: int, time: str) -> None:
    answer = ask(cinema, question, videos=[1, 2, 3])
    assert answer.answered
    assert f"{name(film)} at {time}" in answer.text or f"“{name(film)}”: At {time}" in answer.text
    assert answer.citations[0].video.endswith(name(film))


@pytest.mark.parametrize(
    "question",
    ["In which film does a flood come?", "How many times is a flood mentioned?", "Is a flood mentioned?",
     "Which film mentions a flood first?", "What is said about the flood in each film?"],
)  # fmt: skip
def test_where_several_films_fit_all_are_named(cinema: MemoryIndex, question: str) -> None:
    answer = ask(cinema, question, videos=[1, 2, 3])
    assert answer.answered
    for film, time in ((1, "00:00:00"), (2, "00:00:40"), (3, "00:00:20")):
        assert f"{name(film)} at {time}" in answer.text or f"“{name(film)}”: At {time}" in answer.text


@pytest.mark.parametrize("question", ["What is the price of the hat?", "In which film does a plumber sing?"])
def test_what_no_film_says_is_declined(cinema: MemoryIndex, question: str) -> None:
    answer = ask(cinema, question, videos=[1, 2, 3])
    assert not answer.answered
    assert answer.citations == ()


def test_one_film_alone_is_not_named(cinema: MemoryIndex) -> None:
    assert name(1) not in ask(cinema, "Who lost his right hand?", videos=[1]).text


class Counting(MemoryIndex):
    """Counts the evidence rows that are read beside what searches find."""

    read = 0

    def evidence(self, video: int, span: object = None, kinds: object = None) -> list[Evidence]:
        found = self.held[video]
        self.read += 0 if self.searching else len(found)
        return found

    searching = False

    def search(self, query: str, **given: object) -> list:  # type: ignore[override, type-arg]
        self.searching = True
        try:
            return super().search(query, **given)  # type: ignore[arg-type]
        finally:
            self.searching = False

    @property
    def held(self) -> dict[int, list[Evidence]]:
        if not hasattr(self, "_held"):
            self._held: dict[int, list[Evidence]] = {}
            for row in self.rows:
                self._held.setdefault(row.video, []).append(row)
        return self._held


@pytest.fixture(scope="module")
def archive() -> Counting:
    """500 films of 100 lines; the film of number n speaks of the lighthouse keeper n."""
    lines = [Evidence(n, Span(5.0 * i, 5.0 * i + 4), "subtitle", "It rains on the roof again.", 1.0)
             for n in range(1, 501) for i in range(99)]  # fmt: skip
    lines += [Evidence(n, Span(495.0, 499.0), "subtitle", f"The keeper of lighthouse {n} lost a lantern.", 1.0)
              for n in range(1, 501)]  # fmt: skip
    return Counting(lines)


@pytest.mark.parametrize(
    "question",
    ["In which film did the keeper of lighthouse 321 lose a lantern?", "Who lost a lantern at lighthouse 321?",
     "Is lighthouse 321 ever mentioned?", "When is lighthouse 321 mentioned?"],
)  # fmt: skip
def test_of_many_films_only_a_few_are_read(archive: Counting, question: str) -> None:
    archive.read = 0
    answer = ask(archive, question, videos=range(1, 501))
    assert answer.answered
    assert "321.mkv" in answer.text
    assert archive.read <= 6 * 100 * 3  # six films, for each round of retrieval


def test_no_cannot_be_said_of_films_that_were_not_read(archive: Counting) -> None:
    answer = ask(archive, "Is a giraffe ever mentioned?", videos=range(1, 501))
    assert not answer.answered
    assert "Of 500 videos the 6 that search found best were gone through." in answer.text
    assert ask(archive, "Is a giraffe ever mentioned?", videos=[1, 2]).answered
