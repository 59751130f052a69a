"""What a question asks for: its kind, the answer's type, the senses to search and the words to search for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from vagent.agent.language.gloss import framed, language, tongue_of
from vagent.agent.language.words import FRAME, ORDINALS, STOP, content, fold, stem, tokens
from vagent.agent.question import anchors, patterns, people
from vagent.agent.question.anchors import Relation
from vagent.agent.question.answer_types import STRICT, TYPE_WORDS, AnswerType, expected_type
from vagent.agent.question.hints import TimeHint, quotes, time_hint
from vagent.agent.question.lettering import own_letters
from vagent.index.records import Kind

QuestionKind = Literal["speech", "text", "visual", "sound", "any"]
"""The sense a question is about; ``any`` where it does not say."""

Task = Literal[
    "find", "edge", "when", "count", "order", "neighbour", "between", "at_time", "exists", "explain", "speaker",
    "whole", "chapters", "file", "slide", "which_video", "compare",
]  # fmt: skip
"""What has to be done with the evidence."""

SPOKEN: tuple[Kind, ...] = ("subtitle", "speech")
WRITTEN: tuple[Kind, ...] = ("screen_text",)
SEEN: tuple[Kind, ...] = ("objects", "caption", "visual")
HEARD: tuple[Kind, ...] = ("sound",)


_LONG = 45.0  # seconds of a stretch that is told of as a whole; what is said in a shorter one can be listed
_SOUNDS = frozenset(stem(word) for word in "sound noise sounds noises".split())


@dataclass(frozen=True, slots=True)
class Plan:
    """A question understood by rules.

    Attributes:
        question: as it was asked.
        framed: the same with its frame in English, whatever language it was asked in; what rules read.
        language: ISO 639-1 code of the question.
        held: the same of the evidence, as far as it is known.
        kind: the sense the question is about.
        visual: how many signs there are that only a look at the pictures can answer.
        task: what to do with the evidence.
        expects: the type of the answer.
        words: stems that the evidence ought to hold, in the order of the question.
        queries: texts to search for, per kinds of evidence (None: all).
        quoted: strings in quotation marks.
        hint: the stretch of time that the question names.
        items: things to be put in order, or looked for, where the question lists them.
        text_itself: the question asks for the wording of on-screen text, whatever it says.
        head: stem of what is counted, in "how many ...".
        edge: ``first`` or ``last`` when the question asks for that one.
        nth: which occurrence is asked for, from 1; "the second time".
        relation: where the answer lies, seen from the anchor.
        anchor: the event or line that the question starts from, in its words.
        event: the anchor is something that happens, found by the clock; else the neighbour in a list.
        pairs: the two events that the answer lies between; several readings of one question.
        speaker: whose words are asked for.
        labels: the letters that the options bring along, where they do.
        never: the question says that something is not there; "yes" then means that it is not.
    """

    question: str
    kind: QuestionKind
    visual: int
    task: Task
    expects: AnswerType
    words: tuple[str, ...]
    queries: tuple[tuple[str, tuple[Kind, ...] | None], ...]
    framed: str = ""
    language: str = "en"
    held: str = "en"
    quoted: tuple[str, ...] = ()
    hint: TimeHint | None = None
    items: tuple[str, ...] = ()
    text_itself: bool = False
    head: str | None = None
    edge: Literal["first", "last"] | None = None
    nth: int | None = None
    relation: Relation | None = None
    anchor: str | None = None
    event: bool = False
    pairs: tuple[tuple[str, str], ...] = ()
    speaker: str | None = None
    never: bool = False
    labels: tuple[str, ...] = ()

    @property
    def kinds(self) -> tuple[Kind, ...] | None:
        """Kinds of evidence that the question is about, None for all."""
        return {"speech": SPOKEN, "text": WRITTEN, "visual": SEEN, "sound": HEARD, "any": None}[self.kind]


def understand(question: str, *, videos: int = 1, duration: float = 0.0, choices: tuple[str, ...] = ()) -> Plan:
    """The plan for a question.

    Args:
        videos: how many videos are asked.
        duration: seconds of the (longest) video.
        choices: options of a multiple-choice question; used as items to look for, never to guess the answer.
    """
    code = language(question)
    asked = framed(question, code)
    quoted = quotes(asked)
    hint = time_hint(asked, duration)
    expects = expected_type(asked)
    beside = anchors.beside(asked)
    pairs = anchors.between(asked)
    task = _task(asked, expects, quoted, hint, videos, beside, pairs)
    kind, visual = _kind(_unquoted(asked, quoted), expects)
    nth = patterns.NTH.search(asked) or (patterns.NTH_THING.search(asked) if visual or kind == "sound" else None)
    words = _words(asked, expects, code, kind)
    if nth:
        words = tuple(word for word in words if word != stem(nth["nth"].lower()))
    if not words and task in ("when", "count", "exists"):
        # Where nothing else is named, the people are what the question is about.
        words = tuple(dict.fromkeys(stem(fold(match)) for match in patterns.SOMEBODY.findall(asked)))
    edge = patterns.EDGE.search(asked)
    return Plan(
        question=question,
        framed=asked,
        language=code,
        kind=kind,
        visual=visual,
        task=task,
        expects=expects,
        words=words,
        queries=_queries(question, kind, quoted, words, beside.anchor if beside else None, pairs),
        quoted=quoted,
        hint=hint,
        items=_items(asked, quoted, choices) if task in ("order", "compare") else (),
        text_itself=kind == "text" and expects not in STRICT and patterns.TEXT_ITSELF.search(asked) is not None,
        head=_head(asked),
        edge=None if edge is None else ("first" if edge.group("first") else "last"),
        nth=ORDINALS[nth["nth"].lower()] if nth else None,
        relation=beside.relation if beside else _relation(asked),
        anchor=beside.anchor if beside else None,
        event=beside is not None and beside.event,
        pairs=pairs,
        speaker=people.speaker(asked),
        labels=own_letters(choices),
        never=patterns.NEVER.search(asked) is not None,
    )


def _task(
    question: str,
    expects: AnswerType,
    quoted: tuple[str, ...],
    hint: TimeHint | None,
    videos: int,
    beside: anchors.Beside | None,
    pairs: tuple[tuple[str, str], ...],
) -> Task:
    if patterns.FILE.search(question) and not (videos > 1 and patterns.COMPARE.search(question)):
        return "file"
    if patterns.CHAPTERS.search(question) and not (videos > 1 and patterns.COMPARE.search(question)):
        return "chapters"
    compared = videos > 1 and patterns.COMPARE.search(question)
    if patterns.WHOLE.search(question) and beside is None and not pairs and not compared:
        return "whole"
    long = hint is not None and hint.strict and hint.span.duration >= _LONG
    if (long or patterns.CHAPTER.search(question)) and _all_of(question):
        return "whole"
    if videos > 1 and patterns.COMPARE.search(question):
        return "compare"
    if videos > 1 and patterns.LIBRARY.search(question):
        return "which_video"
    if patterns.SLIDE.search(question):
        return "slide"
    if patterns.FIRST_LINE.search(question) and not quoted:
        return "edge"
    if people.all_of_it(question) and re.search(r"\b(?:first|last)\b", question, re.I):
        return "edge"
    if patterns.ORDERING.search(question) or (
        patterns.WHICH_FIRST.search(question) and len(_items(question, quoted, ())) > 1
    ):
        return "order"
    if pairs:
        return "between"
    return _of_moments(question, expects, quoted, hint, beside)


def _of_moments(
    question: str,
    expects: AnswerType,
    quoted: tuple[str, ...],
    hint: TimeHint | None,
    beside: anchors.Beside | None,
) -> Task:
    """What has to be done for a question about moments of one video, or of all alike."""
    if patterns.SPEAKERS.search(question) or patterns.COUNT.search(question):
        return "count"
    if patterns.HOW_OFTEN.search(question) and (
        patterns.ON_SCREEN.search(question)
        or patterns.SOUND.search(question)
        # How often a bus runs is told by a timetable; how many times it comes can be seen.
        or patterns.MANY_TIMES.search(question)
        or patterns.OFTEN_SAID.search(question)
    ):
        return "count"
    if _asks_when(question):
        return "when"
    if beside is not None or (patterns.NEIGHBOUR.search(question) and quoted):
        return "neighbour"
    if patterns.SAYS_WHO.search(question):
        return "speaker"
    if (
        hint is not None
        and hint.strict
        and expects not in ("number", "yes_no")
        and (expects == "quote" or not _named(question) or patterns.TEXT_ITSELF.search(question))
    ):
        return "at_time"
    if patterns.EXISTS.search(question):
        return "exists"
    return "explain" if expects in ("reason", "manner") else "find"


def _all_of(question: str) -> bool:
    """Whether everything in a stretch of time is asked for, and nothing in particular."""
    match = patterns.HAPPENS.search(question)
    if match is None:
        return False
    rest = patterns.CHAPTER.sub(" ", _without_times(question.replace(match.group(), " ")))
    return not content(patterns.PART.sub(" ", rest))


def _named(question: str) -> list[str]:
    """What a question is about, beside a time and a sense."""
    return [w for w in content(_without_times(question)) if w not in _SOUNDS]


def _asks_when(question: str) -> bool:
    if not patterns.SHOWN_WHEN.search(question) or _starts_otherwise(question):
        return False
    told = patterns.SPEECH.search(question) or patterns.VISUAL.search(question) or patterns.SOUND.search(question)
    return bool(patterns.ON_SCREEN.search(question) or (patterns.PRESENT_WHEN.search(question) and told))


def _starts_otherwise(question: str) -> bool:
    """ "Where does he go when the text appears" asks where, not when."""
    first = re.search(r"\b(what|which|who|whom|whose|where|when|why|how|during)\b", question, re.I)
    if first is None or first.group(1).lower() in ("when", "during"):
        return False
    return not re.match(
        r"(?:at )?(?:what|which) (?:time|moment|point|minute|second|timestamp)|where in the|how (?:far|long) into",
        question[first.start() :],
        re.I,
    )


def _unquoted(question: str, quoted: tuple[str, ...]) -> str:
    """The question without what it quotes: hands in a line of a song are not hands that are seen."""
    for part in quoted:
        question = question.replace(part, " ")
    return question


def _kind(question: str, expects: AnswerType) -> tuple[QuestionKind, int]:
    speech = len(patterns.SPEECH.findall(question)) + (2 if patterns.SUBTITLE.search(question) else 0)
    text = len(patterns.TEXT.findall(question)) + (2 if expects in ("url", "email") else 0)
    visual = len(patterns.VISUAL.findall(question))
    if patterns.SEEN_WHILE.search(question):
        return "visual", 3
    if patterns.SOUND.search(question):
        return "sound", 0
    if speech > text:
        # "What does the woman in red say?" is about what is said; how she looks only tells her from others.
        return "speech", 0
    if text:
        return "text", 0 if expects == "quote" or patterns.TEXT_ITSELF.search(question) else visual
    return ("visual" if visual else "any"), visual


def _words(question: str, expects: AnswerType, code: str, kind: QuestionKind) -> tuple[str, ...]:
    plain = _without_times(question)
    covered = TYPE_WORDS.get(expects, frozenset()) | (_SOUNDS if kind == "sound" else frozenset())
    tongue = tongue_of(code)
    stops = frozenset(stem(word) for word in tongue.stops) if tongue else frozenset()
    return tuple(w for w in content(plain) if w not in covered and w not in stops)


def _head(question: str) -> str | None:
    match = re.search(r"\bhow much ([^\W\d_]+)", question, re.I)
    if match is not None and fold(match.group(1)) not in (*FRAME, *STOP, "money", "cost"):
        return stem(fold(match.group(1)))
    match = re.search(
        r"\bhow many (?:different |of (?:the|his|her|these|those) |other |more )?(?:\w+ing )?([^\W\d_]+)",
        question,
        re.I,
    )
    if match is None:
        return None
    word = fold(match.group(1))
    return stem(word) if word in ("people", "persons", "men", "women") or word not in FRAME else None


def _without_times(question: str) -> str:
    return re.sub(
        r"\b\d+(?:[.,:]\d+)*\s*(?:s|sec|secs|seconds?|min|minutes?)\b|\b\d{1,2}:\d{2}(?::\d{2})?\b", " ", question
    )


def _queries(
    question: str,
    kind: QuestionKind,
    quoted: tuple[str, ...],
    words: tuple[str, ...],
    anchor: str | None,
    pairs: tuple[tuple[str, str], ...],
) -> tuple[tuple[str, tuple[Kind, ...] | None], ...]:
    queries: list[tuple[str, tuple[Kind, ...] | None]] = [(question, None)]
    if kind == "speech":
        queries.append((question, SPOKEN))
    elif kind == "text":
        queries.append((question, WRITTEN))
    events = (*quoted, *([anchor] if anchor else []), *(pairs[0] if pairs else ()))
    queries += [(words_of, None) for words_of in dict.fromkeys(events) if content(words_of, frame=True)]
    plain = " ".join(t for t in tokens(question) if stem(t) in words)
    if plain and len(words) >= 2:
        queries.append((plain, None))
    return tuple(queries)


def _relation(question: str) -> Relation | None:
    match = patterns.NEIGHBOUR.search(question)
    if match is None:
        return None
    return "before" if (match.group("way") or "").lower() in ("before", "preceding") else "after"


def _items(question: str, quoted: tuple[str, ...], choices: tuple[str, ...]) -> tuple[str, ...]:
    if len(quoted) >= 2:
        return quoted
    tail = re.split(r"[:]\s*|\bfirst,\s*|\bearlier,\s*|\blast,\s*|\blater,\s*", question, maxsplit=1)
    listed = tail[1] if len(tail) > 1 else ""
    parts = [p.strip(" .?!") for p in re.split(r",\s*(?:or |and )?|\s+or\s+|;\s*", listed) if p.strip(" .?!")]
    if len(parts) >= 2:
        return tuple(parts)
    return tuple(choices) if choices and all(ORDINALS.keys().isdisjoint(tokens(c)) for c in choices) else ()
