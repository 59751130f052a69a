"""What the engines that run Whisper have in common; they differ in the library and in the format of the weights.

Whisper: Radford et al. 2022, "Robust speech recognition via large-scale weak supervision".

The library is asked as its authors recommend where nobody checks the result: no text of earlier windows as a prompt
(which keeps loops going), a higher temperature where the words are improbable or repeat themselves, word times from the
cross-attention. Voice activity has been told from silence before; the libraries' own detection stays off. What is left
over in ``whisper_filters``'s judgement is heard once more: each stretch by itself, without its company in the window.
"""

from __future__ import annotations

import math
import re
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from vagent.configs import Settings
from vagent.errors import EngineError, EngineFailed, EngineUnavailable
from vagent.tools.engines import Status
from vagent.tools.speech import RATE, Stretch, Utterance, Word
from vagent.tools.speech.whisper_filters import Heard, HeardWord, clean, doubtful, sift
from vagent.tools.speech.whisper_languages import CODES, code
from vagent.tools.speech.whisper_windows import LONGEST, Place, Window, pack, waveform
from vagent.tools.time import Span

TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Tried one after the other while the words are improbable or repeat themselves."""

_QUIET = 16  # of 32768: the loudest sample of what is silence
_SHORTEST = 0.05  # seconds
_UNHEARD = 1.0  # seconds of a stretch without a word that are heard again
_PAUSE = 1.0  # seconds between two words that end an utterance
_SENTENCE = 1.0  # seconds after which the end of a sentence ends an utterance
_LONG = 12.0  # seconds after which a comma or a short pause does
_SHORT_PAUSE = 0.25
_LIKELY = 0.5  # probability of a last word that is believed without a length
_ENDS = re.compile(r"[.!?…。！？؟।]+[\"'”’»」)]*$")
_COMMAS = re.compile(r"[,;:，、；：]$")
_SHORTENED = re.compile(r"\b(?:[A-Z]|Mr|Mrs|Ms|Dr|St|Prof|Nr|No|vs|etc|bzw|ca)\.$")

_Model = TypeVar("_Model")


class Whisper(ABC, Generic[_Model]):
    """An engine that runs Whisper; a subclass loads the weights and hears windows.

    May be used from several threads; they take turns. The weights load at the first use.
    """

    name: ClassVar[str]
    package: ClassVar[str]
    """The distribution that runs it."""
    weak: ClassVar[bool] = False

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.RLock()
        self._loaded: _Model | None = None

    @property
    def revision(self) -> str:
        """Name and version of the engine and its weights."""
        return f"{self.name} {version(self.package)} {self._label()}"

    @property
    def language(self) -> str | None:
        """Whisper's code of the language that the settings name; None where it has to be found out."""
        return code(self._settings.speech.language)

    @property
    def capacity(self) -> float:
        """Seconds of speech that are best handed over at once."""
        return LONGEST

    @classmethod
    def check(cls, settings: Settings) -> Status:
        """Whether the package and the weights are here, and know the language that is asked for."""
        status, label = cls._status(settings)
        if not status.ready:
            return status
        speech = settings.speech
        if speech.language and code(speech.language) is None and _names_one(speech.language):
            return Status(False, f"Whisper does not know the language {speech.language!r}", "set speech.language: null")
        english = re.search(r"\.en\b", label) is not None
        if english and code(speech.language) not in (None, "en"):
            return Status(False, f"{label} knows English only, not {speech.language!r}", "name a model without .en")
        if speech.translate and (english or re.search("turbo|distil", label)):
            return Status(
                False, f"{label} does not translate", "set speech.model: whisper-large-v3, or another of those"
            )
        return status

    def transcribe(self, samples: NDArray[np.int16], start: float) -> list[Utterance]:
        """What is said in one stretch; see ``transcribe_many``.

        Raises:
            EngineUnavailable: the weights or what runs them are not here.
            EngineFailed: the library broke.
        """
        return self.transcribe_many([(samples, start)])[0]

    def transcribe_many(self, stretches: Sequence[Stretch], language: str | None = None) -> list[list[Utterance]]:
        """What is said in each stretch, sentence by sentence; they are of one video and in order of time.

        Args:
            language: Whisper's code of the language spoken; None: the one of the settings, else it is found out.

        Raises:
            EngineUnavailable: the weights or what runs them are not here.
            EngineFailed: the library broke.
        """
        found: list[list[Utterance]] = [[] for _ in stretches]
        loud = [number for number, (samples, _) in enumerate(stretches) if _audible(samples)]
        if not loud:
            return found
        spoken = self.language or language
        if spoken is None:
            spoken = _best(self.languages(np.concatenate([stretches[number][0] for number in loud])))
        # Words of a translation have no times of their own to part the stretches by.
        translate = self._settings.speech.translate and spoken != "en"
        windows = pack(stretches, loud, 0.0 if translate else LONGEST)
        with self._lock:
            model = self._model()
            self._knows(model, spoken)
            for window, place, heard in self._judge(model, windows, spoken, translate):
                for utterance in _utterances(window, place, heard):
                    text = "en" if translate else spoken
                    found[place.stretch].append(_labelled(utterance, text, spoken if translate else None))
        return found

    def languages(self, samples: NDArray[np.int16]) -> Mapping[str, float]:
        """How likely each language is in the first half minute of ``samples``, 0..1, by Whisper's codes.

        Raises:
            EngineUnavailable: the weights or what runs them are not here.
            EngineFailed: the library broke.
        """
        sound = waveform(samples[: 30 * RATE])
        with self._lock, self._guarded():
            return self._languages(self._model(), sound)

    def close(self) -> None:
        """Let go of the model; the next use loads it again."""
        with self._lock:
            self._loaded = None

    def _judge(
        self, model: _Model, windows: Sequence[Window], language: str, translate: bool
    ) -> Iterator[tuple[Window, Place, list[Heard]]]:
        """What was said in each stretch. What is doubtful in company is heard again alone."""
        again: list[Window] = []
        for window, heard in zip(windows, self._listen(model, windows, language, translate), strict=True):
            if len(window.places) == 1:
                yield window, window.places[0], sift(heard, window.seconds)
                continue
            parts = _parted(window, heard)
            for place in window.places:
                part = parts.get(place, [])
                if any(map(doubtful, part)) or (not part and place.length >= _UNHEARD):
                    again.append(window.alone(place))
                else:
                    yield window, place, sift(part, window.seconds)
        for window, heard in zip(again, self._listen(model, again, language, translate), strict=True):
            yield window, window.places[0], sift(heard, window.seconds)

    def _listen(
        self, model: _Model, windows: Sequence[Window], language: str, translate: bool
    ) -> Sequence[Sequence[Heard]]:
        if not windows:
            return []
        with self._guarded():
            return self._hear(model, windows, language, translate)

    def _model(self) -> _Model:
        with self._lock:
            if self._loaded is None:
                with self._guarded():
                    self._loaded = self._load()
            return self._loaded

    def _guarded(self) -> _Guard:
        return _Guard(self)

    def _trouble(self, error: Exception) -> EngineError:
        """What to tell of an error of the library."""
        return EngineFailed(f"{self.name} broke ({type(error).__name__}: {error})")

    def _knows(self, model: _Model, language: str) -> None:
        """Raises EngineUnavailable where the loaded weights do not know a language."""
        if language not in self._known(model):
            raise EngineUnavailable(
                f"the weights of {self.name} do not know the language", language, hint="name another speech.model"
            )

    @classmethod
    @abstractmethod
    def _status(cls, settings: Settings) -> tuple[Status, str]:
        """Whether package and weights are here, and the weights' name."""

    @abstractmethod
    def _label(self) -> str:
        """Name of the weights and what tells them from others."""

    @abstractmethod
    def _load(self) -> _Model:
        """The model, from its folder."""

    @abstractmethod
    def _known(self, model: _Model) -> Sequence[str]:
        """Codes of the languages that the weights know."""

    @abstractmethod
    def _languages(self, model: _Model, sound: NDArray[np.float32]) -> Mapping[str, float]:
        """See ``languages``."""

    @abstractmethod
    def _hear(
        self, model: _Model, windows: Sequence[Window], language: str, translate: bool
    ) -> Sequence[Sequence[Heard]]:
        """All that the library hears in each window."""


class _Guard:
    """Turns what a library raises into our errors."""

    def __init__(self, engine: Whisper[Any]) -> None:
        self._engine = engine

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, EngineError):
            raise self._engine._trouble(error) from error


def tokens_for(seconds: float, most: int) -> int:
    """Tokens that may be said in so much sound: a loop should not go on for longer than anybody can speak."""
    return min(most, 32 + math.ceil(24 * min(seconds, 30.0)))


def known(codes: Sequence[str]) -> list[str]:
    """Of Whisper's languages those among ``codes``, in Whisper's order."""
    return [one for one in CODES if one in codes]


def _names_one(language: str) -> bool:
    return language.strip().lower() not in ("", "und", "mis", "mul", "zxx", "unk")


def _audible(samples: NDArray[np.int16]) -> bool:
    return len(samples) >= _SHORTEST * RATE and max(int(samples.max()), -int(samples.min())) >= _QUIET


def _best(chances: Mapping[str, float]) -> str:
    return max(chances, key=lambda language: chances[language])


def _labelled(utterance: Utterance, language: str, source: str | None) -> Utterance:
    return Utterance(utterance.span, utterance.text, utterance.words, utterance.confidence, language, source)


def _parted(window: Window, heard: Sequence[Heard]) -> dict[Place, list[Heard]]:
    """What was heard by the stretch that it lies in; a sentence over two of them is parted between its words."""
    parts: dict[Place, list[Heard]] = {}
    for one in heard:
        if not one.words:
            parts.setdefault(window.place(one.start, one.end), []).append(one)
            continue
        for place in window.places:
            words = tuple(word for word in one.words if window.place(word.start, word.end) == place)
            if words:
                parts.setdefault(place, []).append(_of_words(one, words))
    return parts


def _utterances(window: Window, place: Place, heard: Sequence[Heard]) -> Iterator[Utterance]:
    """What was heard in one stretch as utterances of the video's time, a sentence each where the words have times."""
    last = place.start
    for one in heard:
        for piece in _sentences(one):
            words = _words(piece.words, place, last)
            if piece.words and not words:
                continue
            span = Span(words[0].span.start, words[-1].span.end) if words else _span(piece, place, last)
            text = clean(piece.text)
            if text and span.duration > 0:
                last = span.end
                yield Utterance(span, text, words, min(1.0, math.exp(min(one.sureness, 0.0))))


def _span(piece: Heard, place: Place, last: float) -> Span:
    start = max(place.time(piece.start), last)
    return Span(start, max(start, place.time(piece.end)))


def _words(heard: Sequence[HeardWord], place: Place, last: float) -> tuple[Word, ...]:
    """Words in the video's time: none begins before the one before it has ended, none ends after the stretch."""
    found: list[Word] = []
    for word in heard:
        text = clean(word.text)
        start = max(place.time(word.start), last)
        last = max(place.time(word.end), start)
        if text:
            found.append(Word(Span(start, last), text, min(max(word.probability, 0.0), 1.0)))
    return tuple(found)


def _sentences(heard: Heard) -> Iterator[Heard]:
    """A text cut between its sentences and at its pauses, as far as the words have times."""
    words = list(heard.words)
    while words and words[-1].end <= words[-1].start and words[-1].probability < _LIKELY:
        words.pop()  # made up: nothing was left of the sound that it could lie on
    if not words:
        if not heard.words:
            yield heard
        return
    first = 0
    for number, word in enumerate(words):
        after = words[number + 1].start - word.end if number + 1 < len(words) else math.inf
        if after >= _PAUSE or _ends(word, after, word.end - words[first].start):
            yield _of_words(heard, tuple(words[first : number + 1]))
            first = number + 1


def _ends(word: HeardWord, after: float, lasted: float) -> bool:
    text = word.text.strip()
    if lasted >= _SENTENCE and _ENDS.search(text) and not _SHORTENED.search(text):
        return True
    return lasted >= _LONG and (after >= _SHORT_PAUSE or _COMMAS.search(text) is not None)


def _of_words(heard: Heard, words: tuple[HeardWord, ...]) -> Heard:
    if len(words) == len(heard.words):
        return heard
    text = "".join(word.text for word in words)
    return Heard(
        words[0].start, words[-1].end, text, words, heard.sureness, heard.no_speech, heard.repetition, heard.begun
    )
