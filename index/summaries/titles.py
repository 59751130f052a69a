"""A few words that name a part of a video: a heading shown at its start, or what it says more often than the rest."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vagent.index import words
from vagent.index.search.queries import STOP_WORDS
from vagent.index.summaries.material import Sentence
from vagent.tools.time import Span

Embed = Callable[[Sequence[str]], NDArray[np.float32]]

_LONGEST = 3  # words of a phrase ...
_LONGEST_NAME = 5  # ... and of one that is a name
_LETTERS = 3  # of a word, at least
_PHRASES = 2  # phrases of a title, at most
_COMPARED = 12  # phrases whose meaning is compared with that of the part
_LONGER = 0.6  # how much a longer phrase counts more: a power of its number of words
_SPREAD = 0.8  # how much a phrase loses that stands in all parts
_NAME = 1.5  # factor on a phrase that is written as names are
_ONCE = 0.4  # factor on one that is said only once ...
_MADE_UP = 0.2  # ... and on one of several words that is said only once and is no name
_SECOND = 0.5  # part of the first phrase's score that the second needs
_EARLY, _PART = 20.0, 0.25  # a heading is a part's own where it comes up in so many seconds, or so much, of it ...
_BEFORE = 2.0  # ... or so many seconds before
_EVERYWHERE = 0.5  # part of the parts from which on a heading that comes up there is no name of any

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|[^\w\s]|\d+")
_FILLERS = frozenset(
    """able actually almost already always another anything around away back basically become best better big bit
    called came come comes coming course day different doing done else end enough even ever every everybody everyone
    everything exactly example far feel find fine first found gave getting give given gives giving goes going gone gonna
    good got great guess guy guys happen happened happens hard hello hey hi idea important instead interesting keep kind
    kinda knew know known knows last least less let like little long look looked looking looks lot lots made make makes
    making many matter maybe mean means might moment months much must need needed needs never new next nice nothing now
    number oh okay old one ones part people place play point possible pretty probably problem put quite rather real
    really right said saw say saying says second see seem seems seen set several shall show side simple since small
    somebody someone something sometimes somewhere sort start started stuff sure take taken taking talk talked talking
    tell thank thanks thing things think thinking thought three time times today together told took tried try trying two
    understand use used using usually want wanted wants way ways week well went whatever whole without wonderful wont
    work working works world wrong yeah year years yes yet um uh er ah huh hmm mm gotta wanna cannot ain't""".split()
)


def titles(parts: Sequence[Sequence[Sentence]], spans: Sequence[Span], embed: Embed | None) -> list[str]:
    """A title for each part, "" where nothing stands out.

    Args:
        parts: the sentences of each part.
        embed: gives unit vectors of texts; with it that phrase is taken which is nearest to what the part means.
    """
    headings = [_headings(part, span) for part, span in zip(parts, spans, strict=True)]
    common = Counter(text for found in headings for text in {heading.casefold() for heading in found})
    limit = max(1.0, _EVERYWHERE * len(parts))
    phrases = _phrases(parts, embed)
    named = []
    for found, phrase in zip(headings, phrases, strict=True):
        own = [heading for heading in found if common[heading.casefold()] <= limit]
        named.append(own[0] if own else phrase)
    return named


def _headings(part: Sequence[Sentence], span: Span) -> list[str]:
    """Headings that come up where a part begins, the highest type first."""
    until = span.start + min(_EARLY, max(_PART * span.duration, _BEFORE))
    shown = [s.heading for s in part if s.heading and span.start - _BEFORE <= s.span.start <= until]
    return [heading.text for heading in sorted(shown, key=lambda heading: -heading.height)]


@dataclass(slots=True)
class _Phrase:
    """A phrase of one part: how often it stands there, and how it is written, most often first."""

    key: tuple[str, ...]
    count: int
    forms: Counter[str]
    score: float = 0.0

    @property
    def text(self) -> str:
        return max(self.forms, key=lambda form: (self.forms[form], form))


def _phrases(parts: Sequence[Sequence[Sentence]], embed: Embed | None) -> list[str]:
    """For each part what it speaks of more than the rest."""
    runs = [[run for sentence in part for run in _runs(sentence.text)] for part in parts]
    known = sorted({word.casefold() for part in runs for run in part for word in run})
    stems = dict(zip(known, words.stems(known), strict=True))
    held = [_counted(part, stems) for part in runs]
    total: Counter[tuple[str, ...]] = Counter()
    spread = Counter(key for part in held for key in part)
    for part in held:
        total.update({key: phrase.count for key, phrase in part.items()})
    sizes = [sum(phrase.count for key, phrase in part.items() if len(key) == 1) for part in held]
    ranked = []
    for part, size in zip(held, sizes, strict=True):
        for key, phrase in part.items():
            elsewhere = (total[key] - phrase.count + 0.5) / (sum(sizes) - size + 1)
            phrase.score = _score(phrase, size, elsewhere if len(parts) > 1 else None)
            phrase.score *= 1 - _SPREAD * (spread[key] - 1) / max(1, len(parts) - 1)
        ranked.append(sorted(part.values(), key=lambda phrase: (-phrase.score, phrase.key))[:_COMPARED])
    if embed is not None:
        _weigh(ranked, parts, embed)
    return [_title(found) for found in ranked]


def _runs(text: str) -> Iterator[list[str]]:
    """Runs of words that carry content, within which phrases lie."""
    run: list[str] = []
    for token in _WORD.findall(text):
        plain = token.casefold().replace("’", "'")
        bare = plain.split("'")[0]
        if len(token) >= _LETTERS and not ({plain, bare} & (STOP_WORDS | _FILLERS)) and token[0].isalpha():
            run.append(token.removesuffix("'s").removesuffix("’s"))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _counted(runs: Sequence[Sequence[str]], stems: Mapping[str, str]) -> dict[tuple[str, ...], _Phrase]:
    found: dict[tuple[str, ...], _Phrase] = {}
    for run in runs:
        for size in range(1, _LONGEST_NAME + 1):
            for at in range(len(run) - size + 1):
                piece = run[at : at + size]
                if size > _LONGEST and not _named(piece):
                    continue
                key = tuple(stems.get(word.casefold(), word.casefold()) for word in piece)
                phrase = found.setdefault(key, _Phrase(key, 0, Counter()))
                phrase.count += 1
                phrase.forms[" ".join(piece)] += 1
    return found


def _score(phrase: _Phrase, size: int, elsewhere: float | None) -> float:
    """How telling a phrase is: how often it stands here, and how much more often than elsewhere."""
    share = (phrase.count + 0.5) / (size + 1)
    gain = 1.0 if elsewhere is None else max(0.0, math.log(share / elsewhere))
    named = _named(phrase.text.split())
    score = phrase.count * gain * float(len(phrase.key) ** _LONGER) * (_NAME if named else 1.0)
    return score if phrase.count > 1 else score * (_ONCE if named or len(phrase.key) == 1 else _MADE_UP)


def _named(piece: Sequence[str]) -> bool:
    """Whether words are written as names are; a line all in capitals says nothing about it."""
    return all(word[0].isupper() for word in piece) and not all(word.isupper() for word in piece)


def _weigh(ranked: Sequence[Sequence[_Phrase]], parts: Sequence[Sequence[Sentence]], embed: Embed) -> None:
    """Let the score count as much as the phrase means what its part means."""
    texts = list(dict.fromkeys(phrase.text for found in ranked for phrase in found))
    vectors = dict(zip(texts, embed(texts), strict=True)) if texts else {}
    for found, part in zip(ranked, parts, strict=True):
        meant = [sentence.vector for sentence in part if sentence.vector is not None]
        if not meant:
            continue
        middle = np.mean(meant, axis=0)
        middle /= max(float(np.linalg.norm(middle)), 1e-9)
        for phrase in found:
            phrase.score *= max(0.05, float(vectors[phrase.text] @ middle))


def _title(found: Sequence[_Phrase]) -> str:
    """The best phrase, and a second one where it is nearly as good and says something else."""
    taken: list[_Phrase] = []
    for phrase in sorted(found, key=lambda phrase: (-phrase.score, phrase.key)):
        if len(taken) == _PHRASES or phrase.score <= 0 or (taken and phrase.score < _SECOND * taken[0].score):
            break
        if all(not set(phrase.key) & set(other.key) for other in taken):
            taken.append(phrase)
    text = ", ".join(phrase.text for phrase in taken)
    return text[:1].upper() + text[1:]
