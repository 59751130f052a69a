"""Questions of a chat that do not stand by themselves: what "she", "then", "why?" and "what about the second?" mean.

Rules alone, over what was asked and answered before. What cannot be resolved stays as it was asked, and so does every
question that stands by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from vagent.agent.language.words import FRAME, ORDINALS, STOP, content, fold
from vagent.agent.question import patterns
from vagent.agent.question.mentions import Mention, mentions
from vagent.tools.time import Span, format_time


class Asked(Protocol):
    """One question of a chat and what came of it."""

    @property
    def resolved(self) -> str:
        """The question as it stands by itself."""
        ...

    @property
    def text(self) -> str:
        """The answer in words."""
        ...

    @property
    def short(self) -> str | None:
        """The answer alone."""
        ...

    @property
    def spans(self) -> Sequence[tuple[int, Span]]:
        """(row number of the video, stretch) of what was cited, best first."""
        ...


@dataclass(frozen=True, slots=True)
class Resolved:
    """A question that stands by itself.

    Attributes:
        start, end: seconds; the stretch that "then" or "there" stands for, which the question now names.
        elsewhere: videos that the question leaves out, because it asks of another one.
        changed: whether it is other than it was asked.
    """

    question: str
    start: float | None = None
    end: float | None = None
    elsewhere: tuple[int, ...] = ()
    changed: bool = False


_LEADING = re.compile(r"^\s*(?:and|but|so|ok(?:ay)?|then|well)\b[, ]+(?=\S)", re.I)
_AGAIN = re.compile(
    r"^(?:(?:please |can you |could you )*(?:say|repeat|tell me)(?: (?:that|it|this))?(?: once more| again)?"
    r"|(?:once )?again|once more|are you sure|really|sorry|pardon|what)(?:,? please)?$",
    re.I,
)
_NEXT = re.compile(
    r"^(?:what (?:happens|happened|comes|came|is|was)(?: (?:said|shown|seen|there))? )?(?:right |directly |just )?"
    r"(?:(?P<way>after|before) (?:that|this|it)|afterwards|then|next|thereafter|(?P<prior>beforehand|previously))$"
    r"|^then what(?: happens)?$|^what next$"
    r"|^what (?:is|was) the (?P<nextly>next|previous) (?:thing|line|sentence)"
    r"(?: (?P<who>[\w ]+?) (?:says?|said|asks?))?$"
    r"|^what (?:does|do|did) (?P<actor>[\w ]+?) (?P<verb>say|do|ask|answer|reply) "
    r"(?:next|then|afterwards|(?:right |directly |just )?(?P<when>after|before) (?:that|this))$",
    re.I,
)
_BARE = re.compile(
    r"^(?P<word>why|how|when|where|who)(?: (?:is|was|does|did) (?:that|this|it)| so| exactly| not)?$", re.I
)
_OF_THAT = re.compile(
    r"^(?:(?P<when>when|at what time|at which time) (?:is|was|does|did|do) (?:that|this)(?: (?:said|shown|happen|seen"
    r"|appear))?|(?P<who>who (?:says|said|asks|asked) (?:that|this|it)))$",
    re.I,
)
_ABOUT = re.compile(r"^(?:what|how) about (?P<what>.+)$", re.I)
_ONE = re.compile(rf"^(?:the )?(?P<nth>{'|'.join(ORDINALS)}|last|other|next|previous)(?: (?:one|time|of them))?$", re.I)
_ASKING = re.compile(r"^(?:who|whom|whose|what|which|when|where|why|how|in which|at what)\b", re.I)
_OTHER_VIDEO = re.compile(
    r"^(?:what about |how about )?(?:in )?(?:the )?other (?:videos?|films?|recordings?|clips?|one)$", re.I
)
_PRONOUN = re.compile(r"\b(?P<who>he|she|him|her|his|hers|they|them|their)\b|\b(?P<what>it|its)\b", re.I)
_EXPLETIVE = re.compile(
    r"\bit (?:rain|snow|take|matter|seem|appear|get)\w*\b|\b(?:time|day|date|late|cold|warm|dark|hot) (?:is|was) it\b"
    r"|\b(?:is|was) it (?:\w+ )?(?:to|that|true|possible|raining|snowing|dark|cold|warm|hot|about)\b"
    r"|\bwhat is it about\b"
    r"|\bit (?:is|was) (?:said|mentioned|shown|\w+ (?:to|that))\b",
    re.I,
)
_THEN = re.compile(r"\b(?:then|at that (?:time|moment|point)|at the same time|meanwhile|there)\W*$", re.I)
_THERE_IS = re.compile(r"\b(?:is|are|was|were|be)(?: \w+)? there\W*$", re.I)
_GIVEN = re.compile(r"“([^”]+)”")
_LENGTH = 90  # characters of a quote that a question is built on
_AROUND = 5.0  # seconds around what was cited that "then" may mean


def resolve(question: str, turns: Sequence[Asked]) -> Resolved:
    """The question as it stands by itself, from what was asked and answered before, latest last."""
    unchanged = Resolved(question)
    asked = " ".join(question.split())
    if not turns or not asked:
        return unchanged
    bare = _LEADING.sub("", asked).rstrip(" ?!.")
    led = bare != asked.rstrip(" ?!.")
    rules: list[_Rule] = [_again, _elsewhere, _next, _of_that, _why]
    rules += [_about] if led or _ABOUT.match(bare) else []
    for rule in rules:
        found = rule(bare, turns[-1], turns)
        if found is not None:
            return found
    return _anaphors(asked, turns) or unchanged


_Rule = Callable[[str, Asked, Sequence[Asked]], Resolved | None]


def _again(bare: str, last: Asked, turns: Sequence[Asked]) -> Resolved | None:
    return Resolved(last.resolved, changed=True) if _AGAIN.match(bare) else None


def _elsewhere(bare: str, last: Asked, turns: Sequence[Asked]) -> Resolved | None:
    if not _OTHER_VIDEO.match(bare) or (bare.lower().endswith("one") and len({v for v, _ in last.spans}) != 1):
        return None
    videos = tuple(dict.fromkeys(video for video, _ in last.spans))
    return Resolved(last.resolved, elsewhere=videos, changed=True)


def _next(bare: str, last: Asked, turns: Sequence[Asked]) -> Resolved | None:
    """ "And after that?": what comes beside the line that was cited last."""
    match = _NEXT.match(bare)
    quote = _cited(last)
    if match is None or quote is None:
        return None
    before = (
        "before" in (match["way"], match["when"]) or match["prior"] or (match["nextly"] or "").lower() == "previous"
    )
    way = "before" if before else "after"
    actor = match["actor"] or match["who"]
    if actor:
        name = _person(actor, turns) if _PRONOUN.fullmatch(actor) else actor
        doing = (match["verb"] or "say").lower()
        return Resolved(f"What does {name or actor} {doing} right {way} “{quote}”?", changed=True)
    said = patterns.SPEECH.search(last.resolved) is not None or "says: “" in last.text or "subtitles say" in last.text
    shown = "screen shows: “" in last.text
    what = "is said" if said else "is written" if shown else "happens"
    return Resolved(f"What {what} right {way} “{quote}”?", changed=True)


def _of_that(bare: str, last: Asked, turns: Sequence[Asked]) -> Resolved | None:
    match = _OF_THAT.match(bare)
    quote = _cited(last)
    if match is None or quote is None:
        return None
    return Resolved(f"When is “{quote}” shown or said?" if match["when"] else f"Who says “{quote}”?", changed=True)


def _why(bare: str, last: Asked, turns: Sequence[Asked]) -> Resolved | None:
    """A question word alone asks that of what was asked before."""
    match = _BARE.match(bare)
    if match is None:
        return None
    word = match["word"].capitalize()
    before = last.resolved.rstrip(" ?!.")
    if patterns.YES_NO.match(before):
        return Resolved(f"{word} {before[:1].lower()}{before[1:]}?", changed=True)
    if word in ("When", "Who") and (quote := _cited(last)):
        return Resolved(f"When is “{quote}” shown or said?" if word == "When" else f"Who says “{quote}”?", changed=True)
    answer = last.short if last.short and len(last.short) <= _LENGTH else None
    did = re.match(
        r"^(?:what|whom?|which [\w ]+?) (?P<rest>(?:did|does|do|is|are|was|were|has|have|can|will) .+)$", before, re.I
    )
    if did:
        return Resolved(f"{word} {did['rest']}{f' {answer}' if answer else ''}?", changed=True)
    who = re.match(r"^(?:who|what|which [\w ]+?) (?P<rest>.+)$", before, re.I)
    if who:
        return Resolved(f"{word} does {answer or 'somebody'} {who['rest']}?", changed=True)
    rest = re.match(r"^(?:when|where|how|why)\s+(?P<rest>.+)$", before, re.I)
    return Resolved(f"{word} {rest['rest']}?", changed=True) if rest else None


def _about(bare: str, last: Asked, turns: Sequence[Asked]) -> Resolved | None:
    """ "What about the cat?": the question before, of something else."""
    match = _ABOUT.match(bare)
    what = match["what"].strip() if match else bare
    if re.search(r"\b(?:is|are|was|were|does|do|did|has|have|had|can|will|would|should)\b", what, re.I):
        return None
    if one := _ONE.match(what):
        return _nth(one["nth"].lower(), last)
    if match is None and (
        _ASKING.match(what) or len(what.split()) > 4 or not re.match(r"(?:the|a|an|in|on|at|with|for|by)\b|[A-Z]", what)
    ):
        return None
    if match is None and (patterns.YES_NO.match(f"{what} ") or fold(what) in STOP | FRAME):
        return None
    before = last.resolved.rstrip(" ?!.")
    held = mentions(before)
    if not held or not content(what, frame=True):
        return None
    fresh = mentions(what)
    person = bool(fresh) and fresh[0].person
    alike = [m for m in held if m.person == person] or held
    place = alike[-1]
    return Resolved(f"{before[: place.start]}{what}{before[place.end :]}?", changed=True)


def _nth(word: str, last: Asked) -> Resolved | None:
    """ "And the second one?": another of what the question before named by its number, or another time."""
    before = last.resolved.rstrip(" ?!.")
    if word in ("other", "previous"):
        return None
    known = [*ORDINALS, "last", "next"]
    number = re.search(rf"\b(?:{'|'.join(known)})\b", before, re.I)
    if number:
        here = number.group().lower()
        if word == "next":
            word = known[known.index(here) + 1] if here in ORDINALS and here != "tenth" else word
        return Resolved(f"{before[: number.start()]}{word}{before[number.end() :]}?", changed=True)
    word = "second" if word == "next" else word
    return Resolved(f"{before} for the {word} time?", changed=True)


def _anaphors(asked: str, turns: Sequence[Asked]) -> Resolved | None:
    """Pronouns put into names, and "then" into a time, where the question itself does not say what they mean."""
    text = _LEADING.sub("", asked)
    led = text != asked
    changed = False
    for match in reversed(list(_PRONOUN.finditer(text))):
        if _stands_for_itself(text, match):
            continue
        name = _person(match.group(), turns) if match["who"] else _thing(turns)
        if name is None:
            continue
        text = f"{text[: match.start()]}{_case(match.group().lower(), name, text[match.end() :])}{text[match.end() :]}"
        changed = True
    start = end = None
    then = _THEN.search(text)
    if then and not _THERE_IS.search(text) and turns[-1].spans and (changed or led or _short(text)):
        span = turns[-1].spans[0][1]
        start, end = max(0.0, span.start - _AROUND), span.end + _AROUND
        text = f"{text[: then.start()].rstrip()} between {format_time(start)} and {format_time(end)}?"
        changed = True
    if not changed:
        return None
    return Resolved(text[:1].upper() + text[1:], start, end, changed=True)


def _stands_for_itself(text: str, pronoun: re.Match[str]) -> bool:
    """Whether the question says itself who or what a pronoun means, or it means nothing."""
    before = mentions(text[: pronoun.start()])
    if pronoun["what"]:
        return bool(_EXPLETIVE.search(text)) or any(not m.person for m in before)
    plural = fold(pronoun.group()) in ("they", "them", "their")
    return any(m.person for m in before) or (plural and bool(before))


def _short(text: str) -> bool:
    return len(content(text)) <= 1


def _person(pronoun: str, turns: Sequence[Asked]) -> str | None:
    """Whom a pronoun means: somebody of the latest question or answer that fits it."""
    for turn in reversed(turns):
        found = [*mentions(turn.resolved), *mentions(turn.short or ""), *_speakers(turn)]
        people = [m for m in found if m.person and m.fits(fold(pronoun))]
        if people:
            return people[0].text
    return None


def _thing(turns: Sequence[Asked]) -> str | None:
    """What "it" means: the thing that was last asked about, else the answer."""
    for turn in reversed(turns):
        things = [m for m in mentions(turn.resolved) if not m.person]
        if things:
            return things[-1].text
        told = [m for m in mentions(turn.short or "") if not m.person]
        if told:
            return told[0].text
    return None


def _speakers(turn: Asked) -> list[Mention]:
    """Who is quoted in an answer: "At 00:01:02 Anna says: ..."."""
    named = re.findall(r"\bAt [\d:]+ ((?:the )?[^\W\d_][\w.' -]*?) says: “", turn.text)
    return [m for name in named if fold(name) != "somebody" for m in mentions(name)]


def _case(pronoun: str, name: str, after: str) -> str:
    """The name in the place of a pronoun: "her boat" is Anna's boat, "with her" is with Anna."""
    owns = pronoun in ("his", "their", "its") or (pronoun == "her" and bool(re.match(r"\s+[^\W\d_]", after)))
    if (
        pronoun == "her"
        and owns
        and re.match(r"\s+(?:\w+ly|then|there|in|on|at|by|with|for|to|from|when|while)\b", after, re.I)
    ):
        owns = False
    return f"{name}'s" if owns else name


def _cited(turn: Asked) -> str | None:
    """The words that the last answer rests on."""
    match = _GIVEN.search(turn.text)
    if match is None or not turn.spans:
        return None
    words = match[1].removesuffix(" …")
    return words if len(words) <= _LENGTH else words[:_LENGTH].rsplit(" ", 1)[0]
