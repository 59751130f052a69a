"""Whose words a question is about: "What does Anna say about the boat?"."""

from __future__ import annotations

import re

from vagent.agent.language.words import FRAME, STOP, fold

_SAYS = (
    r"(?:say|said|saying|ask|asked|asking|tell|told|answer|answered|reply|replied|think|mention|mentioned|claim|claimed"
    r"|explain|explained|suggest|suggested|promise|promised|talk|talking|announce|announced|shout|shouted|whisper|recommend"
    r"|recommended|respond|responded|speak|speaking|spoke|describe|described|complain|admit|argue|warn|want)"
)
_NAME = r"(?P<name>(?:the |The )?[^\W\d_][\w.'’-]*(?: [^\W\d_][\w.'’-]*){0,2}?)"
_WHOSE = (
    re.compile(rf"\b(?:does|do|did|is|was|has|had|will|would|can)\s+{_NAME}\s+(?:\w+ly\s+|first\s+)?{_SAYS}\b", re.I),
    re.compile(rf"\b(?:things?|lines?|words?|questions?)\s+(?:that\s+)?{_NAME}\s+(?:says?|said|asks?|asked)\b", re.I),
    re.compile(r"\b[Aa]ccording to (?P<name>(?:the )?[\w.'’-]+(?: [^\W\d_a-z][\w.'’-]*)?)"),
    re.compile(
        r"(?:^|\s)(?P<name>(?:the )?[\w.-]+)['’]s (?:\w+ )?(?:answer|reply|response|opinion|words?|line|question|view"
        r"|reason|explanation|advice|suggestion|promise)\b",
        re.I,
    ),
)  # fmt: skip
_NOBODY = frozenset(
    "he she they it we you i one that this there who what somebody anybody anyone someone everyone nobody people his"
    " her their the video film text sign screen caption slide subtitle subtitles".split()
)
_SOUGHT = re.compile(
    rf"\bwhat (?:else )?(?:does|do|did) {_NAME} (?:then |first |last )?{_SAYS}(?: first| last| then)?[ ?.]*$", re.I
)


def speaker(question: str) -> str | None:
    """The name or the role of whoever's words are asked for, without an article; None where it is nobody's."""
    for pattern in _WHOSE:
        match = pattern.search(question)
        if match:
            name = re.sub(r"^the\s+", "", match["name"], flags=re.I).removesuffix("'s").removesuffix("’s")
            words = [fold(word) for word in name.split()]
            if words and words[0] not in _NOBODY and not (words[0] in STOP and words[0] not in FRAME):
                return name
    return None


def all_of_it(question: str) -> bool:
    """Whether the question asks for somebody's words without saying what they are about."""
    return _SOUGHT.search(question) is not None
