"""Words of questions and evidence made comparable: case, accents, endings, number words, spelling variants."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import log

_TOKEN = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)*")

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen"
).split()
_TENS = {w: 10 * i for i, w in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
NUMBERS: Mapping[str, int] = {w: i for i, w in enumerate(_UNITS)} | _TENS | {"hundred": 100, "thousand": 1000}
"""Number words and their values."""

ORDINALS: Mapping[str, int] = {
    w: i for i, w in enumerate("first second third fourth fifth sixth seventh eighth ninth tenth".split(), 1)
}
"""Ordinal words and their values."""

STOP = frozenset(
    """
    a an the and or but if of to in on at by for with from as into about than then there here this that these
    those it its it's he she they them his her their we us our you your i me my mine is are was were be been
    being am do does did done has have had having will would can could shall should may might must not no so
    such what which who whom whose when where why how much many any some all both each every other another own
    same also just only very too up down out off over under again during while until because between through
    before after above below s t re ve ll d m o let get got go goes going went one's according doesn't don't
    didn't isn't aren't wasn't weren't won't can't im ive
    """.split()
)
"""Words that carry no content."""

FRAME = frozenset(
    """
    video film movie clip footage recording scene shot picture image frame screen text caption captions
    captioned card slide slides overlay overlays subtitle subtitles line lines word words phrase sentence sign
    title say says said saying tell tells told mention mentions mentioned name names named speak speaks speaking
    spoken speaker narrator narration voice talk talks talking show shows showed shown showing appear appears
    appeared appearing display displays displayed write written read reads according call called calls person
    people man woman someone somebody anybody anyone character dialogue conversation given give gives state
    stated states exactly first last next kind type thing things way moment time times long ever happen happens
    happened happening hear hears heard
    hearing audible total altogether seconds minute minutes start end beginning ask asks asked answer answers answered
    reply replies replied respond responds response describe describes described explain explains explained use
    used make made new does visible seen see think list listed want wants there presenter lecturer host guest
    video's caller customer client agent interviewer interviewee reporter lady gentleman audience viewer viewers
    instead then either else bottom corner middle background foreground often
    """.split()
)
"""Words of questions about videos that need not stand in the evidence."""

_IRREGULAR = dict(
    pair.split(":")
    for pair in """
    stole:steal stolen:steal bought:buy sold:sell paid:pay spent:spend costs:cost left:leave taught:teach
    brought:bring caught:catch thought:think found:find built:build began:begin begun:begin broke:break
    broken:break chose:choose chosen:choose drove:drive driven:drive ate:eat eaten:eat fell:fall fallen:fall
    flew:fly flown:fly forgot:forget forgotten:forget gave:give given:give grew:grow grown:grow knew:know
    known:know lost:lose met:meet ran:run sang:sing sung:sing sent:send sat:sit slept:sleep spoke:speak
    stood:stand swam:swim took:take taken:take threw:throw thrown:throw won:win wore:wear worn:wear wrote:write
    written:write kept:keep held:hold heard:hear men:man women:woman children:child people:person feet:foot
    teeth:tooth mice:mouse knives:knife lives:life leaves:leave wolves:wolf loaves:loaf shelves:shelf hung:hang
    led:lead meant:mean rose:rise risen:rise shook:shake born:birth died:die death:die dead:die bigger:big
    biggest:big larger:large largest:large older:old oldest:old min:minute mins:minute sec:second secs:second
    hr:hour hrs:hour tv:television phone:telephone photo:photograph bike:bicycle fridge:refrigerator
    plane:aeroplane airplane:aeroplane price:cost prices:cost grey:gray humour:humor autumn:fall lorry:truck
    centre:center centres:center theatre:theater litre:liter metre:meter metres:meter litres:liter
    kilometres:kilometer kilometre:kilometer km:kilometer kg:kilogram
    """.split()
)
_ENDINGS = (
    ("ational", "ate"), ("ization", "ize"), ("isation", "ize"), ("fulness", "ful"), ("iveness", "ive"), ("ements", ""),
    ("ement", ""), ("ments", ""), ("ment", ""), ("ation", ""), ("ations", ""), ("ities", "ity"), ("iness", "y"),
    ("ness", ""), ("ically", "ic"), ("ously", "ous"), ("ingly", ""), ("edly", ""), ("ising", "ize"), ("izing", "ize"),
    ("ised", "ize"), ("ized", "ize"), ("ise", "ize"), ("ies", "y"), ("ied", "y"), ("sses", "ss"), ("ches", "ch"),
    ("shes", "sh"), ("xes", "x"), ("ings", ""), ("ing", ""), ("ers", ""), ("er", ""), ("ors", ""), ("or", ""),
    ("ed", ""), ("es", ""), ("ly", ""), ("s", ""),
)  # fmt: skip


_TEXTS = 16_384  # lines and passages whose words are kept: those of some hours
_NOT_ALNUM = re.compile(r"[^a-z0-9]+")
_SIGNS = str.maketrans({"’": "'", "‘": "'", "©": " copyright ", "&": " and "})


def fold(text: str) -> str:
    """Lower case without accents, ligatures and width variants; apostrophes straight."""
    if text.isascii():
        return text.replace("&", " and ").lower()
    decomposed = unicodedata.normalize("NFKD", text.translate(_SIGNS))
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()


def tokens(text: str) -> list[str]:
    """Folded words and numbers in order; nothing is left out."""
    return [m.group(0) for m in _TOKEN.finditer(fold(text))]


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """What a folded word shares with its other forms: ``vaulting``, ``vaults``: ``vault``; ``three``: ``3``.

    Only good for comparing two stems; it is not always a word.
    """
    if word in NUMBERS:
        return str(NUMBERS[word])
    if word in ORDINALS:
        return f"{ORDINALS[word]}th"
    word = word.removesuffix("'s").replace("'", "")
    word = _IRREGULAR.get(word, word)
    if len(word) > 5:
        word = re.sub(r"our(?=$|s$|ed$|ing$|ful$|ite$)", "or", word)
    word = _cut(_cut(word))
    word = word.removesuffix("e") if len(word) > 4 else word
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "ls" else word


def _cut(word: str) -> str:
    """One ending less: ``engineers`` gives ``engineer``, and that gives ``engine``."""
    for ending, instead in _ENDINGS:
        shortest = 5 if ending in ("er", "or", "ers", "ors") else 3
        if word.endswith(ending) and len(word) - len(ending) >= shortest and not word.endswith("ss"):
            return word.removesuffix(ending) + instead
    return word


def stems(text: str) -> list[str]:
    """Stems of all words, in order; ``twenty-five`` is one word, ``25``."""
    found: list[str] = []
    tens = 0
    for token in tokens(text):
        unit = NUMBERS.get(token, 0)
        if tens and 0 < unit < 10:
            found[-1] = str(tens + unit)
        else:
            found.append(stem(token))
        tens = unit if token in _TENS else 0
    return found


def content(text: str, *, frame: bool = False) -> list[str]:
    """Stems of the words that carry content, each once, in order.

    Args:
        frame: keep words such as "video", "says" and "three", which questions use and evidence often does not.
    """
    return list(_content(text, frame))


@lru_cache(maxsize=_TEXTS)
def _content(text: str, frame: bool) -> tuple[str, ...]:
    kept = (t for t in tokens(text) if t not in STOP and (frame or (t not in FRAME and t not in NUMBERS)))
    return tuple(dict.fromkeys(stem(t) for t in kept))


@lru_cache(maxsize=_TEXTS)
def squeezed(text: str) -> str:
    """Folded letters and digits alone: finds words that recognition glued together or split."""
    folded = fold(text)
    if folded.isascii():
        return _NOT_ALNUM.sub("", folded)
    return "".join(c for c in folded if c.isalnum())


def within_one(a: str, b: str) -> bool:
    """True when one edit (change, insert, drop) at most turns ``a`` into ``b``."""
    if a == b:
        return True
    if abs(len(a) - len(b)) > 1:
        return False
    half = min(len(a), len(b)) // 2
    if a[:half] != b[:half] and half and a[-half:] != b[-half:]:
        return False  # one edit leaves one of the halves as it is
    short, long = sorted((a, b), key=len)
    i = next((k for k, (x, y) in enumerate(zip(short, long, strict=False)) if x != y), len(short))
    return long[i + 1 :] == (short[i + 1 :] if len(a) == len(b) else short[i:])


@dataclass(frozen=True, slots=True)
class Bag:
    """Words of one piece of evidence, ready for matching."""

    stems: frozenset[str]
    squeezed: str

    @classmethod
    def of(cls, text: str) -> Bag:
        """The bag of a text."""
        return _bag(text)

    def has(self, word: str) -> float:
        """How surely the stem ``word`` stands here: 1 exact, 0.9 glued to others, 0.8 with one wrong letter, else 0."""
        if word in self.stems:
            return 1.0
        if len(word) >= 5 and word.isalpha():
            if word in self.squeezed:
                return 0.9
            shortest, longest = max(5, len(word) - 1), len(word) + 1
            if any(shortest <= len(s) <= longest and within_one(word, s) for s in self.stems):
                return 0.8
        return 0.0


@lru_cache(maxsize=_TEXTS)
def _bag(text: str) -> Bag:
    """Each question goes through the same lines again."""
    return Bag(frozenset(stems(text)), squeezed(text))


class Rarity:
    """How much a word tells within one body of evidence: inverse document frequency over its rows."""

    def __init__(self, bags: Iterable[Bag]) -> None:
        self._rows = 0
        self._counts: dict[str, int] = {}
        for bag in bags:
            self._rows += 1
            for word in bag.stems:
                self._counts[word] = self._counts.get(word, 0) + 1

    def __call__(self, word: str) -> float:
        """Weight of a stem, at least 1; a word that never occurs weighs as much as one that occurs once."""
        count = max(1, self._counts.get(word, 0))
        return 1.0 + log((1 + self._rows) / (1 + count))

    def known(self, word: str) -> bool:
        """True when the stem occurs in the evidence."""
        return word in self._counts

    @property
    def words(self) -> Iterable[str]:
        """All stems of the evidence."""
        return self._counts.keys()

    def coverage(self, words: Iterable[str], bag: Bag) -> float:
        """Weighted share, 0..1, of ``words`` that stand in ``bag``; a half when there are no words to look for."""
        total = found = 0.0
        for word in words:
            weight = self(word)
            total += weight
            found += weight * bag.has(word)
        return found / total if total else 0.5
