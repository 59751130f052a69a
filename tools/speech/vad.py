"""Where somebody speaks: Silero VAD's network, run by onnxruntime on the weights that the package silero-vad carries.

The package itself is never imported: it needs torch, its ONNX file does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vagent.configs import SpeechSettings
from vagent.errors import EngineFailed, EngineUnavailable
from vagent.tools.speech import RATE
from vagent.tools.time import Span

_FRAME, _OVERLAP = 512, 64  # samples that the network judges at once, and those before that it sees too
_SECONDS = _FRAME / RATE
_HYSTERESIS = 0.15  # speech goes on down to so much below the threshold
_PADDING = 0.1  # seconds kept on each side, for soft beginnings and ends
_SMOOTH = 5  # frames averaged where a place to cut is looked for
_BATCH = 512  # frames handed to the network at once

_lock = Lock()


@dataclass(frozen=True, slots=True, eq=False)
class Speech:
    """A stretch in which somebody speaks, and its sound: int16, mono, 16 kHz."""

    span: Span
    samples: NDArray[np.int16]


class SpeechDetector:
    """Finds the utterances in a stream of audio. Keeps no more audio than the utterance that goes on.

    Args:
        settings: thresholds and lengths.
        start: time of the first sample that will be fed, seconds from the video's start.

    Raises:
        EngineUnavailable: the weights are not installed.
    """

    def __init__(self, settings: SpeechSettings, start: float = 0.0) -> None:
        self._settings = settings
        self._start = start
        self._network = _Network()
        self._audio: NDArray[np.int16] = np.zeros(0, np.int16)
        self._audio_at = 0  # number of the first sample in _audio
        self._frames = 0  # frames judged so far
        self._begin: int | None = None  # first frame of the utterance that goes on
        self._end = 0  # the frame after its last one with speech
        self._chances: list[float] = []  # of speech, a frame of the utterance each
        self._taken = 0  # samples up to here belong to utterances that were reported

    @property
    def speaking(self) -> bool:
        """Whether an utterance goes on at the end of what was fed."""
        return self._begin is not None

    def feed(self, samples: NDArray[np.int16]) -> list[Speech]:
        """The utterances that end in ``samples``: int16, mono, 16 kHz, going on where the last ones ended.

        Raises:
            EngineFailed: the network broke.
        """
        self._audio = np.concatenate([self._audio, samples])
        found: list[Speech] = []
        first = self._frames * _FRAME - self._audio_at
        count = (len(self._audio) - first) // _FRAME
        frames = self._audio[first : first + count * _FRAME].reshape(count, _FRAME)
        for chance in self._network.chances(frames):
            found += self._step(chance)
        self._forget()
        return found

    def finish(self) -> list[Speech]:
        """The utterances still open when the audio ends."""
        total = self._audio_at + len(self._audio)
        found = self.feed(np.zeros(-total % _FRAME, np.int16))
        self._audio = self._audio[: total - self._audio_at]
        if self._begin is not None:
            found += self._take(self._begin, self._end, self._frames)
            self._begin = None
        return found

    def _step(self, chance: float) -> list[Speech]:
        settings = self._settings
        frame, self._frames = self._frames, self._frames + 1
        if self._begin is None:
            if chance >= settings.vad_threshold:
                self._begin, self._end, self._chances = frame, frame + 1, [chance]
            return []
        self._chances.append(chance)
        if chance >= settings.vad_threshold - _HYSTERESIS:
            self._end = frame + 1
        if (frame + 1 - self._end) * _SECONDS >= settings.pause:
            begin, self._begin = self._begin, None
            return self._take(begin, self._end, frame + 1)
        if (frame + 1 - self._begin) * _SECONDS + 2 * _PADDING >= settings.longest:
            return self._cut(self._begin)
        return []

    def _cut(self, begin: int) -> list[Speech]:
        """Report the utterance up to its quietest pause in the second half; what follows goes on."""
        chances = np.array(self._chances)
        smooth = np.convolve(chances, np.full(_SMOOTH, 1 / _SMOOTH), mode="same")
        half = len(chances) // 2
        cut = half + int(np.argmin(smooth[half:-_SMOOTH] if len(smooth) > half + _SMOOTH else smooth[half:]))
        spoken = np.flatnonzero(chances >= self._settings.vad_threshold - _HYSTERESIS)
        before, after = spoken[spoken < cut], spoken[spoken >= cut]
        found = self._take(begin, begin + int(before[-1]) + 1, begin + cut) if len(before) else []
        if len(after):
            self._begin, self._chances = begin + int(after[0]), self._chances[int(after[0]) :]
        else:
            self._begin = None
        return found

    def _take(self, begin: int, end: int, limit: int) -> list[Speech]:
        """The utterance from frame ``begin`` to before ``end``, padded, but not beyond frame ``limit``."""
        if (end - begin) * _SECONDS < self._settings.shortest:
            return []
        padding = round(_PADDING * RATE)
        first = max(self._taken, begin * _FRAME - padding)
        last = min(max(end, limit) * _FRAME, end * _FRAME + padding, self._audio_at + len(self._audio))
        self._taken = last
        span = Span(self._start + first / RATE, self._start + last / RATE)
        return [Speech(span, self._audio[first - self._audio_at : last - self._audio_at].copy())]

    def _forget(self) -> None:
        frame = self._frames if self._begin is None else self._begin
        keep = max(self._audio_at, frame * _FRAME - round(_PADDING * RATE))
        self._audio = self._audio[keep - self._audio_at :].copy()
        self._audio_at = keep


class _Network:
    """The network with its memory of what it heard before."""

    def __init__(self) -> None:
        with _lock:
            self._session = _session()
        self._tail: NDArray[np.float32] = np.zeros((1, _OVERLAP), np.float32)
        self._memory: Sequence[NDArray[np.float32]] = (np.zeros((1, 1, 128), np.float32),) * 2

    def chances(self, frames: NDArray[np.int16]) -> list[float]:
        """The chance that somebody speaks in each frame (n x 512 samples), 0..1."""
        found: list[float] = []
        for first in range(0, len(frames), _BATCH):
            sound = frames[first : first + _BATCH].astype(np.float32) / 32768
            ends = np.concatenate([self._tail, sound[:, -_OVERLAP:]])
            self._tail = ends[-1:]
            inputs = {"input": np.concatenate([ends[:-1], sound], axis=1), "h": self._memory[0], "c": self._memory[1]}
            try:
                chances, *self._memory = self._session.run(None, inputs)
            except Exception as error:
                raise EngineFailed(f"voice detection broke: {error}") from error
            found += np.ravel(chances).tolist()
        return found


@cache
def _session() -> Any:
    import onnxruntime

    spec = find_spec("silero_vad")
    folders = spec.submodule_search_locations if spec and spec.submodule_search_locations else []
    for folder in folders:
        path = Path(folder) / "data" / "silero_vad_16k_sequence.onnx"
        if path.is_file():
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1  # one stream of tiny steps
            options.log_severity_level = 3
            return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    raise EngineUnavailable(
        "the weights of voice detection are not installed", hint="run: pip install 'silero-vad>=6.2'"
    )
