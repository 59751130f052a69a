"""Does a summary say only what stands in its material? Times, quotes, numbers and names are compared word for word."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vagent.errors import TimeError
from vagent.index import words
from vagent.index.summaries.sentences import Sentences, content
from vagent.tools.time import parse_time

_SENTENCES = re.compile(r"(?<=[.!?…])[\"”’')\]]*\s+(?=\S)|(?<=[。！？])")
_TIME = re.compile(r"(?<![\d:])\d{1,3}:\d{2}(?::\d{2})?(?:[.,]\d+)?(?![\d:])")
_QUOTE = re.compile(r"“([^”]+)”|\"([^\"]+)\"|«([^»]+)»|„([^“”]+)[“”]")
_NUMBER = re.compile(r"\d+(?:[.,\s]\d{3})*(?:[.,]\d+)?")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_SMALL = "zero one two three four five six seven eight nine ten eleven twelve".split()
_LIKE_NAMES = 0.25  # part of the words of a text that are written large where names cannot be told by it, as in German
_LETTERS = 3  # of a name, at least


def grounded(text: str, material: str) -> tuple[str, list[str]]:
    """The sentences of a summary that the material bears, and why others were left out.

    Args:
        material: all that the model was given, times included.
    """
    known = _Known(material)
    large = _written_large(text)
    kept, left_out = [], []
    for sentence in _SENTENCES.split(text):
        strange = next(known.strange(sentence, names=large <= _LIKE_NAMES), None)
        if strange is None:
            kept.append(sentence.strip())
        else:
            left_out.append(strange)
    return " ".join(kept), left_out


def support(text: str, sentences: Sentences, count: int) -> Sentences:
    """The sentences of the material that say most of what each sentence of a summary says, in order of time."""
    taken: set[int] = set()
    found = {word for sentence in sentences for word in sentence.words}
    for said in _SENTENCES.split(text):
        stems = set(_stemmed(said)) & found
        scored = [(len(stems & set(s.words)) / (len(set(s.words)) + 4) ** 0.5, -at) for at, s in enumerate(sentences)]
        best, at = max(scored, default=(0.0, 0))
        if best > 0:
            taken.add(-at)
    return sentences.take(sorted(taken)[:count])


class _Known:
    """What stands in the material."""

    def __init__(self, material: str) -> None:
        self._letters = _squeezed(material)
        self._words = set(words.words(material))
        self._stems = set(words.stems(sorted(self._words)))
        self._numbers = {_plain(match.group()) for match in _NUMBER.finditer(_TIME.sub(" ", material))}
        self._times = set(_times(material))

    def strange(self, sentence: str, *, names: bool) -> Iterator[str]:
        """What a sentence says that is not there."""
        for time in _times(sentence):
            if time not in self._times:
                yield f"a time that is not there ({_TIME.search(sentence).group()})"  # type: ignore[union-attr]
        for match in _QUOTE.finditer(sentence):
            quote = next(group for group in match.groups() if group is not None)
            if _squeezed(quote) not in self._letters:
                yield "a quote that is not there"
        for match in _NUMBER.finditer(_TIME.sub(" ", sentence)):
            number = _plain(match.group())
            word = _SMALL[int(number)] if number.isdigit() and int(number) < len(_SMALL) else ""
            if number not in self._numbers and word not in self._words:
                yield f"a number that is not there ({number})"
        for name in _names(sentence) if names else ():
            if not set(words.words(name)) <= self._words and not set(_stemmed(name)) <= self._stems:
                yield "a name that is not there"


def _names(sentence: str) -> Iterator[str]:
    """Words written large within a sentence."""
    for match in list(_WORD.finditer(sentence))[1:]:
        before = sentence[: match.start()].rstrip(" \"'“‘(«")
        if match.group()[0].isupper() and len(match.group()) >= _LETTERS and before[-1:] not in (":", ".", "!", "?"):
            yield match.group().removesuffix("'s").removesuffix("’s")


def _written_large(text: str) -> float:
    inner = [match.group() for part in _SENTENCES.split(text) for match in list(_WORD.finditer(part))[1:]]
    return sum(word[0].isupper() for word in inner) / max(1, len(inner))


def _times(text: str) -> Iterator[int]:
    """Times in a text, in whole seconds."""
    for match in _TIME.finditer(text):
        try:
            yield int(parse_time(match.group()))
        except TimeError:
            yield -1  # "12:75" is a time that nothing shows


def _plain(number: str) -> str:
    """A number without what parts its thousands: ``5,000`` and ``5 000`` are ``5000``."""
    bare = re.sub(r"[.,\s](?=\d{3}(?:\D|$))", "", number)
    return bare.replace(",", ".")


def _stemmed(text: str) -> list[str]:
    return words.stems(content(text))


def _squeezed(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())
