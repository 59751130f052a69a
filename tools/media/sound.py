"""Decoded sound as 16 kHz mono int16 in which the number of a sample is its time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vagent.tools.media import Audio

if TYPE_CHECKING:
    from av import AudioFifo, AudioFrame, AudioResampler

RATE = 16_000
_TOLERANCE = 0.02  # seconds by which stamps and samples may differ before samples are put in or taken out
_STRAY = 1.0  # seconds that a stamp may lie behind what has been heard; further back it says nothing
_LEAP = 600.0  # seconds after what has been heard from which a stamp says nothing, where the header states no end
_TOGETHER = 0.5  # seconds converted at once
_BLOCK = 2 * RATE  # samples handed out at once, about


class SoundLine:
    """Lines decoded sound up with its time stamps: silence goes into holes, what overlaps is dropped.

    Args:
        start: seconds; sample number n is heard at ``start + n / 16000``. What comes before is dropped.
        limit: seconds from which a time stamp is not believed.

    Attributes:
        failed: frames that could not be converted.
        hole: the last stretch that was filled with silence, (from, to) in seconds, or None.
    """

    def __init__(self, start: float, limit: float) -> None:
        self._start = start
        self._limit = limit
        self._queue: AudioFifo | None = None
        self._resampler: AudioResampler | None = None
        self._form: tuple[str, str, int] | None = None
        self._clock: float | None = None  # when the next frame should be heard
        self._drop = 0  # samples to leave out because they were heard already
        self._waiting: list[NDArray[np.int16]] = []
        self._held = 0  # samples in ``_waiting``
        self._written = 0  # samples handed out
        self.failed = 0
        self.hole: tuple[float, float] | None = None

    @property
    def heard(self) -> float:
        """Seconds up to which the sound has been lined up."""
        return self._start + (self._written + self._held) / RATE

    def feed(self, frame: AudioFrame, time: float | None) -> Iterator[Audio]:
        """Take one decoded frame that is heard at ``time`` (None: right after the one before)."""
        if frame.samples <= 0 or frame.sample_rate <= 0:
            return
        clock = self._clock
        limit = self._limit if self._limit < float("inf") else (clock or self._start) + _LEAP
        if time is None or time > limit or (clock is not None and time < clock - _STRAY):
            time = clock if clock is not None else 0.0
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        if clock is None or form != self._form or abs(time - clock) > _TOLERANCE:
            self._flush()
            yield from self._go_to(time)
            self._form, self._clock = form, time
        # A frame that cannot be converted leaves a hole that the next one's stamp shows.
        lasts = frame.samples / frame.sample_rate
        self._clock = (self._clock or 0.0) + lasts if self._convert(frame) else None
        yield from self._blocks(_BLOCK)

    def finish(self) -> Iterator[Audio]:
        """What is still held."""
        self._flush()
        yield from self._blocks(1)

    def _go_to(self, time: float) -> Iterator[Audio]:
        """The next sample will be the one of ``time``."""
        missing = round((time - self._start) * RATE) - self._written - self._held
        self._drop = max(0, -missing)
        if missing > _TOLERANCE * RATE:
            self.hole = (self.heard, time)
        while missing > 0:
            self._hold(np.zeros(min(missing, _BLOCK), dtype=np.int16))
            missing -= _BLOCK
            yield from self._blocks(_BLOCK)

    def _convert(self, frame: AudioFrame) -> bool:
        """Take a frame in; it is converted together with others, because each call costs as much as the conversion."""
        from av import AudioFifo
        from av.error import FFmpegError

        try:
            if self._queue is None:
                self._queue = AudioFifo()
            frame.pts = None  # the queue and the resampler count for themselves
            self._queue.write(frame)
        except (FFmpegError, ValueError, MemoryError):
            self.failed += 1
            self._queue = None
            return False
        return self._queue.samples < frame.sample_rate * _TOGETHER or self._resample()

    def _resample(self) -> bool:
        from av import AudioResampler
        from av.error import FFmpegError

        together = self._queue.read(0) if self._queue is not None and self._queue.samples else None
        try:
            if self._resampler is None and together is not None:
                self._resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
            for part in self._resampler.resample(together) if self._resampler is not None else ():
                if part is not None:  # a resampler with nothing to do passes the end mark through
                    self._hold(part.to_ndarray().reshape(-1).astype(np.int16, copy=False))
        except (FFmpegError, ValueError, MemoryError):
            self.failed += 1
            self._queue = self._resampler = None
            return False
        return True

    def _flush(self) -> None:
        """Everything taken in comes out; what follows begins anew."""
        if self._queue is not None and self._queue.samples:
            self._resample()
        if self._resampler is not None:
            self._resample()
        self._queue = self._resampler = None

    def _hold(self, samples: NDArray[np.int16]) -> None:
        dropped = min(self._drop, len(samples))
        self._drop -= dropped
        if len(samples) > dropped:
            self._waiting.append(samples[dropped:])
            self._held += len(samples) - dropped

    def _blocks(self, least: int) -> Iterator[Audio]:
        while self._held >= least:
            samples = self._waiting[0] if len(self._waiting) == 1 else np.concatenate(self._waiting)
            block, rest = samples[: 2 * _BLOCK], samples[2 * _BLOCK :]
            time = round(self._start + self._written / RATE, 6)
            self._waiting, self._held = ([rest] if len(rest) else []), len(rest)
            self._written += len(block)
            yield Audio(time, np.ascontiguousarray(block))


def limit(duration: float | None) -> float:
    """Seconds from which a time stamp of the sound is not believed."""
    return duration + 60.0 if duration else float("inf")


def seconds(frame: Any, base: float, offset: float) -> float | None:
    """When an audio frame is heard, or None where it bears no stamp."""
    stamp = frame.pts if frame.pts is not None else frame.dts
    return stamp * base - offset if stamp is not None and base else None
