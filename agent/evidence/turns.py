"""Who says a line, where the evidence tells: a label of the recogniser, or a name before the words ("ANNA: Hi")."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vagent.agent.language.words import FRAME, STOP, fold, tokens
from vagent.index.records import Evidence
from vagent.tools.safe import safe

_NAME = r"(?:(?:[Dd]r|[Mm]rs?|[Mm]s|[Pp]rof|[Ss]gt|[Ll]t|[Cc]apt|[Cc]ol|[Gg]en|[^\W\d_])\.|[^\W\d_][\w'’-]*)"
_LABEL = re.compile(
    rf"(?:(?<=^)|(?<=[.!?…\"”')\]] ))[\[(]?(?P<name>{_NAME}(?: {_NAME}){{0,2}}?)(?: \([^()]*\))?[\])]?:\s+(?=\S)"
)
_NO_NAME = frozenset(
    """note warning example question answer step tip remember caution attention important ps q a figure table chapter
    part source total sum result conclusion problem solution rule subject re date time place address price phone tel fax
    email is are was this that here there so but and or if then first second third finally namely means says said today
    following follows thing reason point idea fact rumour truth title name music song sound""".split()
)
_NARRATOR = frozenset("nar narr vo voiceover".split())
_ROLES = frozenset(
    """narrator man woman boy girl host guest interviewer interviewee reporter presenter speaker teacher student
    lecturer professor doctor patient nurse waiter waitress customer driver officer captain pilot mother father child
    children crowd audience announcer anchor caller agent clerk judge lawyer witness king queen chef moderator
    voice both all player coach engineer guide guard baker farmer singer director actor""".split()
)


def turns(row: Evidence) -> list[tuple[str | None, str]]:
    """The words of a spoken row by speaker: (speaker or None, words). Words are safe to show and keep their order."""
    text = safe(row.text)
    told = row.extra.get("speaker")
    given = safe(str(told)) if isinstance(told, str | int) and str(told).strip() else None
    found = [match for match in _LABEL.finditer(text) if _is_name(match["name"])]
    if not found:
        return [(given, text)]
    parts = [(given, text[: found[0].start()])]
    ends = [match.start() for match in found[1:]] + [len(text)]
    parts += [(match["name"], text[match.end() : end]) for match, end in zip(found, ends, strict=True)]
    return [(name, words.strip()) for name, words in parts if words.strip()]


def called(label: str) -> str:
    """A speaker in a sentence: ``ANNA`` is Anna, ``NARRATOR`` the narrator, ``SPEAKER_01`` speaker 1."""
    if match := re.fullmatch(r"(?:speaker|spk)[ _-]*0*(\d+)", label, re.I):
        return f"speaker {match[1]}"
    if label.isdigit():
        return f"speaker {label}"
    words = tokens(label)
    if words and words[0] in _NARRATOR:
        return "the narrator"
    if words and words[-1] in _ROLES:
        return f"the {label.lower()}"
    return label.title() if label.isupper() and len(label) > 2 else label


def matches(asked: str, label: str) -> bool:
    """Whether a label is the one that a question names: every word of the shorter one stands in the other."""
    one, other = set(tokens(asked)), set(tokens(called(label)))
    one, other = one - {"the", "mr", "mrs", "ms", "dr"}, other - {"the", "mr", "mrs", "ms", "dr"}
    return bool(one and other) and (one <= other or other <= one)


def named_alike(labels: Sequence[str]) -> list[str]:
    """Speakers by the name they are called, each once, in order."""
    return list(dict.fromkeys(called(label) for label in labels))


def _is_name(name: str) -> bool:
    words = [fold(word).strip(".") for word in name.split()]
    if any(word in _NO_NAME for word in words) or not all(word[:1].isupper() for word in name.split()):
        return False
    return any(word in _ROLES or (word not in STOP and word not in FRAME) for word in words)
