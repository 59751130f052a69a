"""A language of tones for a tiny Whisper: every word is a tone, so that a model of half a megabyte can learn to hear.

Six sentences of four words each, in English and in German. A word is the same tone in both; a faint whistle says that
the sentence is German. Noise is no speech: the model says its phantom phrase to it, as Whisper does. A drone sends the
model into a loop, as noises do with Whisper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
LANGUAGES = ("en", "de")
SENTENCES: dict[str, tuple[tuple[str, ...], ...]] = {
    "en": (
        (" The", " ferry", " leaves", " today"),
        (" Our", " train", " arrives", " tomorrow"),
        (" My", " brother", " reads", " books"),
        (" Cold", " water", " tastes", " good"),
        (" Seven", " birds", " fly", " north"),
        (" Nobody", " knows", " this", " song"),
    ),
    "de": (
        (" Die", " Fähre", " fährt", " heute"),
        (" Unser", " Zug", " kommt", " morgen"),
        (" Mein", " Bruder", " liest", " Bücher"),
        (" Kaltes", " Wasser", " schmeckt", " gut"),
        (" Sieben", " Vögel", " fliegen", " nordwärts"),
        (" Niemand", " kennt", " dieses", " Lied"),
    ),
}
PHANTOM = " Thanks for watching!"
LOOP = " again"
LOOPS = 14
WORDS = 4

_BINS = 3.0  # mel bands between two words' tones
_WHISTLE = 7300.0  # Hz


@dataclass(frozen=True)
class Spoken:
    """One sentence: which, in what language, and the times of its words in seconds."""

    sentence: int
    language: str
    words: tuple[tuple[float, float], ...]

    @property
    def text(self) -> str:
        """What a perfect recogniser writes down."""
        return "".join(SENTENCES[self.language][self.sentence]).strip() + "."


def pitch(sentence: int, word: int) -> float:
    """The tone of a word in Hz; equally far apart on Slaney's mel scale, on which Whisper hears."""
    mel = 45.245 / 80 * (6 + _BINS * (sentence * WORDS + word))
    return mel * 200 / 3 if mel < 15 else 1000 * float(np.exp((mel - 15) * np.log(6.4) / 27))


def timing(start: float, lengths: Sequence[float] = (0.3,) * 4, gap: float = 0.1) -> tuple[tuple[float, float], ...]:
    """Times of words that follow each other from ``start`` on, seconds."""
    found = []
    for length in lengths:
        found.append((start, start + length))
        start += length + gap
    return tuple(found)


def utter(sentence: int, start: float, language: str = "en") -> Spoken:
    """A sentence spoken at an even pace from ``start`` seconds on."""
    return Spoken(sentence, language, timing(start))


def sound(spoken: Sequence[Spoken], seconds: float, loudness: float = 0.4) -> NDArray[np.int16]:
    """The sound of sentences: int16, mono, 16 kHz, silent between them."""
    wave = np.zeros(round(seconds * RATE))
    for one in spoken:
        for word, (start, end) in enumerate(one.words):
            _add(wave, start, end, pitch(one.sentence, word), loudness)
        if one.language == "de":
            _add(wave, one.words[0][0], one.words[-1][1], _WHISTLE, 0.25 * loudness)
    return quantise(wave)


def noise(seconds: float, loudness: float = 0.2, seed: int = 0) -> NDArray[np.int16]:
    """Hiss, in which nobody speaks."""
    return quantise(np.random.default_rng(seed).normal(0, loudness / 3, round(seconds * RATE)))


def drone(seconds: float, loudness: float = 0.4) -> NDArray[np.int16]:
    """A deep hum."""
    wave = np.zeros(round(seconds * RATE))
    _add(wave, 0.0, seconds, 90.0, loudness)
    return quantise(wave)


def quantise(wave: NDArray[np.float64]) -> NDArray[np.int16]:
    """Numbers of -1..1 as 16-bit samples."""
    return np.asarray(np.clip(wave * 32768, -32768, 32767)).astype(np.int16)


def _add(wave: NDArray[np.float64], start: float, end: float, hertz: float, loudness: float) -> None:
    first, last = round(start * RATE), min(round(end * RATE), len(wave))
    times = np.arange(last - first) / RATE
    edges = np.clip(np.minimum(times, times[::-1]) / 0.015, 0, 1)
    wave[first:last] += loudness * edges * np.sin(2 * np.pi * hertz * times)
