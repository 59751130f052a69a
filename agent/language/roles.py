"""Who did it, and who is what: the verb or the role that a question asks about, and names that stand beside a role."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vagent.agent.language.values import Value
from vagent.agent.language.words import FRAME, STOP, Bag, content, fold, stem, tokens

_LIGHT = (FRAME - {"write", "written"}) | frozenset(
    "give gives gave make makes take takes took do does did come comes came yet already really actually alone".split()
)
"""Words that need not stand beside the name: too general to be missed."""

_SAME = (
    ("write", "wrote written writer writers author authors screenplay script screenwriter novelist lyrics"),
    ("direct", "director directors directed"),
    ("compose", "composer composed music score soundtrack"),
    ("design", "designer designed architect"),
    ("edit", "editor edited editing cut"),
    ("photograph", "photographer photography cinematography camera"),
    ("film", "camera cinematography photography"),
    ("play", "as starring cast actor actress role plays"),
    ("sing", "singer sung vocals song"),
    ("narrate", "narrator narrated voice"),
    ("produce", "producer producers produced production"),
    ("teach", "teacher lecturer professor prof lecture"),
    ("score", "goal scorer"),
    ("win", "winner won champion"),
)
_GROUPS = tuple(frozenset({stem(verb), *(stem(word) for word in others.split())}) for verb, others in _SAME)
_ROLE = 12  # words of what somebody is, in the line beside the name, at most
_LABEL = 3  # words of a label before a colon, at most
_WHAT_IS = re.compile(r"^\W*(?:and |but )?(?:what|which|who)\b", re.I)
_GLUED = 6  # letters from which a stem counts where recognition ran words together
_ARTICLE = r"(?:the|this|that|these|those|a|an|his|her|their|our|your)"
_WHO = re.compile(r"\bwhom?\s+(?P<rest>.+)", re.I)
_WHO_IS = re.compile(rf"\bwho\s+(?:is|are|was|were)\s+{_ARTICLE}\s+(?P<role>.+)", re.I)
_NAME_OF = re.compile(rf"\bnames?\s+of\s+{_ARTICLE}\s+(?P<role>.+)", re.I)
_ITS_NAME = re.compile(rf"\b{_ARTICLE}\s+(?P<role>(?:[\w-]+\s+)*?[\w-]+)['’]s\s+name\b", re.I)
_AFTER_ROLE = re.compile(r"\s(?:of|at|in|on|from|for|with|to|by|who|that|which|according|called)\b|[,;:?!(/|]", re.I)
_JOB = re.compile(
    r"\b(?:what (?:is|was)|which is) (?P<name>.+?)['’]s? (?:job|profession|occupation|role|position|trade)\b"
    r"|\bwhat does (?P<doer>.+?) do for a living\b|\bwho (?:is|was) (?P<who>[^?,]+?)\s*\?*\s*$",
    re.I,
)
_PLACE = re.compile(
    r"\b(?:square|street|road|avenue|lane|market|station|airport|harbou?r|port|bridge|park|hall|museum|hotel|café|cafe"
    r"|restaurant|university|school|college|hospital|lake|river|island|beach|bay|hill|mountain|city|town|village|county"
    r"|valley|tower|lighthouse|church|castle|theatre|theater|studios?|house)\s*$",
    re.I,
)
_NAME_LINE = re.compile(r"(?:(?:Mrs?|Ms|Dr|Prof)\.?\s)?[^\W\d_][\w.'’-]*(?:\s[^\W\d_][\w.'’-]*){0,3}")
_PARTICLES = frozenset("de da di van von der den la le el al bin".split())


def deed(question: str) -> frozenset[str]:
    """Stems of which one has to stand in an answer to "who ...": the verb, or the role; empty where there is none."""
    match = _WHO.search(question)
    if match is None:
        return frozenset()
    role = _WHO_IS.search(question)
    word = _head(role.group("role")) if role else _verb(match.group("rest"))
    return _forms(word) if word and word not in _LIGHT else frozenset()


def done(wanted: frozenset[str], bag: Bag) -> bool:
    """Whether a passage speaks of the deed or the role; always true when there is none to look for."""
    # No misspellings here: a seller is not Mr Keller.
    return not wanted or any(w in bag.stems or (len(w) >= _GLUED and w in bag.squeezed) for w in wanted)


def role_of(question: str) -> str | None:
    """The role whose bearer is asked for, as in "the name of the lighthouse keeper"; None where there is none."""
    for pattern in (_NAME_OF, _ITS_NAME, _WHO_IS):
        match = pattern.search(question)
        if match:
            return _AFTER_ROLE.split(match.group("role"), maxsplit=1)[0].strip(" .") or None
    return None


def speaks_of(role: str, text: str) -> bool:
    """Whether a text names the role itself, not only what goes with it (the seller, not only the market)."""
    head = _head(role)
    return head is None or head in _LIGHT or done(_forms(head), Bag.of(text))


def is_place(text: str) -> bool:
    """Whether a name is that of a street, a station or another place: nobody is called so."""
    return _PLACE.search(text) is not None


def is_of_role(role: str, before: str, after: str) -> bool:
    """Whether what stands between is a part of the role itself, as "Lighthouse" in "Lighthouse keeper"."""
    head = _head(role)
    follows = re.match(r"\s*([\w-]+)", after)
    return not before.strip() and head is not None and follows is not None and follows.group(1) == head


def bearer(question: str, text: str) -> Value | None:
    """The name on a line of its own above or below a line with the role that is asked for (a lower third)."""
    role = role_of(question)
    if role is None:
        return None
    lines = text.split("\n")
    found = [i for i, line in enumerate(lines) if is_name(line) and _has_role(lines[i + 1 : i + 2], role)]
    # Credits put the role first; only one reading may fit, for else a name may belong to the role on its other side.
    found = found or [i for i, line in enumerate(lines) if i and is_name(line) and _has_role(lines[i - 1 : i], role)]
    if len(found) != 1:
        return None
    start = sum(len(line) + 1 for line in lines[: found[0]])
    return Value(lines[found[0]], start, start + len(lines[found[0]]))


def job(question: str, lines: Sequence[str]) -> str | None:
    """The line beside the name that the question asks about: what X is, where the screen shows "X / what X is"."""
    match = _JOB.search(question)
    name = next((part for part in match.groups() if part), "") if match else ""
    if not name[:1].isupper():
        return None
    wanted = set(tokens(name))
    for i, line in enumerate(lines):
        if is_name(line) and wanted <= set(tokens(line)):
            beside = [other for other in (*lines[i + 1 : i + 2], *lines[max(0, i - 1) : i]) if _is_role(other)]
            return beside[0] if beside else None
    return None


def labelled(question: str, lines: Sequence[str]) -> str | None:
    """What stands behind the label that the question asks for: "PLATE: KX51 BPL" tells the licence plate."""
    wanted = set(content(question, frame=True))
    found = []
    for line in lines:
        label, sign, value = line.partition(":")
        words = content(label, frame=True)
        if sign and words and len(words) <= _LABEL and set(words) <= wanted and 0 < len(value.split()) <= _ROLE:
            found.append(value.strip())
    return found[0] if len(set(found)) == 1 and _WHAT_IS.search(question) else None


def is_name(line: str) -> bool:
    """Whether a line is nothing but somebody's name: one to four capitalised words."""
    words = line.split()
    capitals = all(word[:1].isupper() or fold(word) in _PARTICLES for word in words)
    common = all(word in STOP or word in FRAME for word in tokens(line))
    return bool(_NAME_LINE.fullmatch(line)) and capitals and not common and not is_place(line)


def _verb(rest: str) -> str | None:
    """The verb after "who"; None for "who did she meet", whose verb says nothing of who it was."""
    words = re.findall(r"[^\W\d_][\w'’-]*", rest)
    if words and fold(words[0]) in ("did", "does", "do"):
        return None
    chosen = next((w for w in words if fold(w) not in STOP and fold(w) not in ("yet", "also", "first", "really")), None)
    return None if chosen is None or chosen[:1].isupper() else fold(chosen)


def _head(phrase: str) -> str | None:
    """The noun that a role is: "keeper" of "lighthouse keeper on the island"."""
    words = tokens(_AFTER_ROLE.split(phrase, maxsplit=1)[0])
    return words[-1] if words else None


def _forms(word: str) -> frozenset[str]:
    """Stems of a verb with those of its doer, and of a role with those of its verb, and of what stands for both."""
    own = {stem(word)}
    bare = re.sub(r"(?:er|or)s?$", "", word)
    own |= {stem(bare), stem(bare + "e")} if bare != word and len(bare) >= 3 else set()
    own |= {stem(w) for one in tuple(own) for w in (one + "er", one + "or", one + "ers", one + one[-1] + "er")}
    return frozenset(own).union(*(group for group in _GROUPS if group & own))


def _has_role(lines: Sequence[str], role: str) -> bool:
    head = _head(role)
    if not lines or head is None or _is_number(lines[0]):
        return False
    shown = _head(lines[0])
    if shown is None or not _forms(head) & _forms(shown):
        return False
    # A zoo keeper is not the lighthouse keeper.
    asked = set(content(role, frame=True)) - {stem(head)}
    others = set(content(lines[0], frame=True)) - {stem(shown)}
    return not asked or not others or bool(asked & others)


def _is_role(line: str) -> bool:
    return not _is_number(line) and len(line.split()) <= _ROLE and line.rstrip()[-1:] not in ("?", "!")


def _is_number(line: str) -> bool:
    return not any(c.isalpha() for c in line)
