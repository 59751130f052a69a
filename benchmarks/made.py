"""What benchmarks of libraries are made of: short videos, and films that were never filmed, as rows of evidence.

Every film has a fact of its own, "The harbour master of Kobalu is Dimare.", with names that no other film has, so that
a question about it has one right answer. All else that is said is drawn from a vocabulary whose words are as unevenly
frequent as those of a language.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.media_files import tone, write_video
from tests.text_pictures import page
from vagent.index.records import Clip, Evidence, Kind
from vagent.index.store import Store
from vagent.tools.time import Span

SECONDS = 4.0
"""Length of a video that is made."""

CLIP = 12.0
"""Length of a clip of a film that was never filmed."""

_FPS = 10.0
_SYLLABLES = tuple(c + v for c in "bdfgklmnprstvz" for v in "aeiou")
_OFFICES = ("harbour master", "night porter", "village doctor", "head gardener", "chief engineer", "ship's cook")
_COMMON = """money house night water letter road train doctor winter garden captain window river paper kitchen summer
    father mother brother sister friend stranger soldier teacher station island mountain village church market hotel
    office theatre hospital school prison palace forest desert harbour bridge tower engine ticket mirror candle bottle
    knife horse dog bird fish bread coffee dinner breakfast morning evening midnight journey promise secret answer
    question story song picture newspaper telephone radio murder wedding funeral battle dream fire snow rain storm
    light shadow silence voice colour silver gold""".split()
_SMALL = "the a of to and in is it you that he was for on are with as they be at have this from I we not".split()
_VOCABULARY = 30_000  # words that carry content
_BANK = 2048  # sentences that are embedded; the vectors of all others lie around theirs
_SPREAD = 0.6  # length of the noise added to a unit vector
_KINDS: tuple[Kind, ...] = ("subtitle", "subtitle", "screen_text", "subtitle", "objects", "subtitle", "subtitle")
_TOGETHER = 8  # films stored in one transaction

Embed = Callable[[list[str]], NDArray[np.float32]]


def name(number: int) -> str:
    """A name that no other number below 343,000 has: ``Kobalu``."""
    base = len(_SYLLABLES)
    mixed = number * 104_729 % base**3  # neighbours do not sound alike
    return "".join(_SYLLABLES[mixed // base**power % base] for power in range(3)).capitalize()


@dataclass(frozen=True, slots=True)
class Fact:
    """What is said in one film alone."""

    number: int

    @property
    def office(self) -> str:
        return _OFFICES[self.number % len(_OFFICES)]

    @property
    def place(self) -> str:
        return name(2 * self.number + 1)

    @property
    def person(self) -> str:
        return name(2 * self.number + 2)

    @property
    def text(self) -> str:
        return f"The {self.office} of {self.place} is {self.person}."

    @property
    def question(self) -> str:
        return f"Who is the {self.office} of {self.place}?"


def write_videos(folder: Path, count: int) -> list[Path]:
    """Videos of a few seconds in folders of fifty, no two alike; every other one has its words in the picture, the
    rest in a subtitle file beside it.
    """
    return [
        _write_video(folder / f"shelf {number // 50:02}" / f"film {number:04}.mp4", number) for number in range(count)
    ]


def _write_video(path: Path, number: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    fact, burned = Fact(number), number % 2 == 1
    blue, green, red = np.random.default_rng(number).integers(20, 110, 3).tolist()
    still = page([(fact.text, (20, 300), 24)] if burned else [], (640, 360), ground=(red, green, blue))

    def picture(index: int) -> Any:
        moved = still.copy()
        left = 16 + (number * 37 + index * 8) % 560
        moved[40:104, left : left + 64] = 255 - still[0, 0]
        return moved

    write_video(path, picture, fps=_FPS, count=round(SECONDS * _FPS), audio=tone(SECONDS, 200.0 + number % 400))
    if not burned:
        cue = f"1\n00:00:00,500 --> 00:00:03,500\n{fact.text}\n"
        path.with_suffix(".srt").write_text(cue, encoding="utf-8")
    return path


class Language:
    """Sentences of about ten words; the frequency of a word falls with its rank (Zipf, 1949)."""

    def __init__(self, seed: int) -> None:
        self._chance = np.random.default_rng(seed)
        made = [name(100_000 + i).lower() + "n" for i in range(_VOCABULARY - len(_COMMON))]
        self._words = np.array([*_COMMON, *made])
        weights = 1.0 / (np.arange(_VOCABULARY) + 20.0)
        self._chances = weights / weights.sum()

    def sentences(self, count: int) -> list[str]:
        """So many of them."""
        lengths = self._chance.integers(3, 8, count)
        content = self._chance.choice(self._words, int(lengths.sum()), p=self._chances)
        small = self._chance.choice(_SMALL, int(lengths.sum()))
        both = [f"{a} {b}" for a, b in zip(small.tolist(), content.tolist(), strict=True)]
        ends = np.cumsum(lengths).tolist()
        return [
            " ".join(both[end - length : end]).capitalize() + "." for end, length in zip(ends, lengths, strict=True)
        ]


class Meanings:
    """Vectors for sentences that are not embedded one by one, which would take hours: those of a few thousand that
    are, with noise around them, so that they lie in heaps as real ones do.
    """

    def __init__(self, language: Language, embed: Embed, count: int, seed: int) -> None:
        self._bank = embed(language.sentences(min(_BANK, count)))
        self._chance = np.random.default_rng(seed)

    def vectors(self, count: int) -> NDArray[np.float32]:
        """Unit vectors, shape (count, dimension)."""
        size = (count, self._bank.shape[1])
        noise = self._chance.standard_normal(size, np.float32) * np.float32(_SPREAD / size[1] ** 0.5)
        made = self._bank[self._chance.integers(0, len(self._bank), count)] + noise
        return made / np.linalg.norm(made, axis=1, keepdims=True)


def fill(
    store: Store, films: int, clips: int, model: str, embed: Embed, share: float = 1.0, seed: int = 0
) -> Iterator[int]:
    """Puts films into a library, each with a row of evidence a clip; gives how many are in after each transaction.

    Args:
        model: name of the embedding.
        share: part of the films whose evidence has vectors.
    """
    language = Language(seed)
    meanings = Meanings(language, embed, films * clips, seed + 1)
    for first in range(0, films, _TOGETHER):
        numbers = range(first, min(first + _TOGETHER, films))
        facts = embed([Fact(number).text for number in numbers])
        with store.transaction():
            for number, fact in zip(numbers, facts, strict=True):
                rows = _add_film(store, number, clips, language)
                if number < share * films:
                    vectors = meanings.vectors(clips)
                    vectors[_place(number, clips)] = fact
                    store.put_vectors(model, rows, vectors)
        yield numbers.stop


def _add_film(store: Store, number: int, clips: int, language: Language) -> list[int]:
    fact, duration = Fact(number), clips * CLIP
    title = f"The {fact.office.title()} of {fact.place}"
    path = f"/films/shelf {number // 50:03}/{title} ({1930 + number % 95}).mkv"
    video = store.add_video(f"{number:064x}", path, 1 << 30, number, duration, {"title": title}).id
    store.update_video(video, complete=True)
    store.name_video(video, title, 1930 + number % 95, ("en", "de", "fr")[number % 3])
    spans = [Span(i * CLIP, (i + 1) * CLIP) for i in range(clips)]
    store.replace_clips(video, [Clip(span) for span in spans])
    texts = language.sentences(clips)
    kinds = [_KINDS[i % len(_KINDS)] for i in range(clips)]
    texts[_place(number, clips)], kinds[_place(number, clips)] = fact.text, "subtitle"
    for stage in ("subtitles", "text", "objects"):
        store.set_stage(video, stage, "made", "done", duration)
    return store.add_evidence(
        [
            Evidence(video, Span(span.start + 1.0, span.end - 1.0), kind, text, 0.9, engine="made 1")
            for span, kind, text in zip(spans, kinds, texts, strict=True)
        ]
    )


def _place(number: int, clips: int) -> int:
    """The clip in which a film tells its fact."""
    return number * 7 % clips
