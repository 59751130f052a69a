"""Whom and what a sentence names: proper names, and nouns with an article."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vagent.agent.language.words import FRAME, NUMBERS, ORDINALS, STOP, fold

_FEMALE = frozenset(
    "woman girl lady mother sister daughter wife aunt grandmother queen actress waitress bride widow princess ms"
    " mrs".split()
)
_MALE = frozenset(
    "man boy gentleman father brother son husband uncle grandfather king actor waiter groom prince mr".split()
)
_ROLES = (
    _FEMALE
    | _MALE
    | frozenset(
        """person child baby narrator host guest interviewer interviewee reporter presenter speaker teacher student
        lecturer professor doctor patient nurse customer driver officer captain pilot crowd audience announcer caller
        clerk judge lawyer witness chef moderator player coach engineer guide guard baker farmer singer director author
        writer artist scientist expert boss friend neighbour neighbor thief detective soldier policeman mechanic keeper
        people men women children couple friends students players workers passengers somebody someone""".split()
    )
)
_PLURAL = frozenset(
    "people men women children couple friends students players workers passengers crowd audience".split()
)
_NAME = re.compile(r"(?<![\w'’])[^\W\d_a-zà-öø-ÿ][\w’'-]*(?:\s+[^\W\d_a-zà-öø-ÿ][\w’'-]*)*")
_NOUN = re.compile(
    r"\b(?:the|a|an|this|these|those|his|her|their)\s+(?P<words>[^\W\d_][\w-]*(?:\s+[^\W\d_][\w-]*){0,2})", re.I
)
_VERBAL = frozenset(
    """is are was were be been has have had does do did can could will would should say says said show shows shown seen
    see heard hear appear appears happen happens move moves run runs walk walks stand stands sit sits wear wears hold
    holds come comes go goes leave leaves left break breaks start starts end ends speak speaks talk talks tell tells ask
    asks answer answers cost costs look looks make makes take takes get gets give gives play plays turn turns open opens
    close closes fall falls drive drives fly flies begin begins stop stops want wants need needs mention mentions
    explain explains who which that what when where why how and or but not first last made called written broken sold
    bark barks jump jumps swim swims eat eats drink drinks sing sings dance dances mentioned visible""".split()
)


@dataclass(frozen=True, slots=True)
class Mention:
    """Somebody or something that a sentence names, from character ``start`` to ``end``; with its article."""

    text: str
    start: int
    end: int
    person: bool
    gender: str = ""
    plural: bool = False

    def fits(self, pronoun: str) -> bool:
        """Whether a pronoun may stand for it."""
        if pronoun in ("they", "them", "their"):
            return True
        if self.plural:
            return False
        female = pronoun in ("she", "her", "hers")
        return not self.gender or (self.gender == "f") == female


def mentions(text: str) -> list[Mention]:
    """What a sentence names, in order."""
    found = [mention for match in _NOUN.finditer(text) if (mention := _noun(match)) is not None]
    taken = [(m.start, m.end) for m in found]
    for match in _NAME.finditer(text):
        mention = _named(match, text)
        if mention is not None and not any(mention.start < end and start < mention.end for start, end in taken):
            found.append(mention)
    return sorted(found, key=lambda m: m.start)


def _noun(match: re.Match[str]) -> Mention | None:
    words = match["words"].split()
    kept: list[str] = []
    for word in words:
        plain = fold(word)
        if plain in _VERBAL or plain in STOP:
            break
        kept.append(word)
        if plain in _ROLES:
            break
    # "Does the car stop": the last word is what it does, unless more words follow.
    asked = re.search(r"\b(?:does|do|did|will|can)\s*$", match.string[: match.start()], re.I)
    if asked and len(kept) == len(words) > 1 and not (len(words) == 3 and match.string[match.end() :].strip(" ?.!")):
        kept.pop()
    if not kept:
        return None
    head = fold(kept[-1])
    ordinals = all(fold(word) in ORDINALS or fold(word) in ("last", "next", "same", "other") for word in kept)
    if ordinals or (head in FRAME and head not in _ROLES):
        return None
    start = match.start()
    held = re.match(r"\s*".join(map(re.escape, kept)), match["words"])
    end = match.start("words") + (held.end() if held else 0)
    text = match.string[start:end]
    person = head in _ROLES
    return Mention(text[:1].lower() + text[1:], start, end, person, _gender(head), head in _PLURAL)


def _named(match: re.Match[str], text: str) -> Mention | None:
    words = match.group().split()
    start = match.start()
    begins = not text[:start].strip() or text[:start].rstrip()[-1:] in ".?!"
    # A capital at the beginning of a sentence makes no name.
    while words and (fold(words[0]) in STOP | FRAME | _VERBAL or fold(words[0]) in NUMBERS):
        start += len(words[0])
        start += len(text[start:]) - len(text[start:].lstrip())
        words = words[1:]
        begins = False
    if not words or (begins and len(words) == 1 and " " in text.strip()):
        return None
    name = text[start : match.end()]
    for suffix in ("'s", "’s"):
        name = name.removesuffix(suffix)
    if name.isupper() and len(name) > 3 and len(words) > 1:
        return None  # on-screen text
    return Mention(name, start, start + len(name), True, _gender(fold(words[0]).rstrip(".")))


def _gender(word: str) -> str:
    return "f" if word in _FEMALE else "m" if word in _MALE else ""
