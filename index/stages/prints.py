"""What the film looks and sounds like: by it the same film is known again when it comes in another encoding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vagent.index.stages.stage import Stage
from vagent.index.sync.prints import LEVEL_STEP, PICTURE_STEP, Kind, Print, levels, picture_hash
from vagent.index.video.job import Job
from vagent.tools.media import Audio, Frame, Track
from vagent.tools.speech import RATE

_EDGE = 1e-6  # seconds: times are rounded to microseconds
_REACH = 5.0  # seconds before the cursor from which pictures are wanted


def plan_pictures(job: Job, track: Track) -> PicturePrintStage | None:
    """The stage of the pictures, where it has anything left to do."""
    at = job.pending("print of pictures", track.index)
    return None if at is None else PicturePrintStage(job, *at, track.rotation)


def plan_loudness(job: Job, track: Track) -> LoudnessStage | None:
    """The stage of the sound, where it has anything left to do."""
    at = job.pending("print of sound", track.index)
    return None if at is None else LoudnessStage(job, *at)


class _PrintStage(Stage):
    """Values at even times from the beginning, appended to what earlier runs have written."""

    kind: Kind
    step: float

    def __init__(self, job: Job, cursor: float, detail: Mapping[str, Any]) -> None:
        super().__init__(job, cursor, detail)
        before = job.store.prints_of(self.kind, [job.video.id]).get(job.video.id) if cursor else None
        self._before = Print.from_bytes(self.kind, before).values[: self._number(cursor)] if before else None
        self._first = 0 if self._before is None else len(self._before)

    def _number(self, time: float) -> int:
        """How many values come before a time."""
        return max(0, int(np.ceil(time / self.step - _EDGE)))

    def _write(self, values: NDArray[Any], cursor: float, *, done: bool = False) -> None:
        if self._before is not None:
            values = np.concatenate([self._before, values])
        store = self.job.store
        with store.transaction():
            store.put_print(self.job.video.id, self.kind, Print(0.0, self.step, values).to_bytes())
            self.commit(cursor, [], done=done)


class PicturePrintStage(_PrintStage):
    """A hash of the picture that is shown at each second."""

    name = "print of pictures"
    wants = Frame
    kind = "pictures"
    step = PICTURE_STEP

    def __init__(self, job: Job, cursor: float, detail: Mapping[str, Any], rotation: int) -> None:
        super().__init__(job, cursor, detail)
        self._rotation = rotation
        self._hashes: list[np.uint64] = []
        self._shown: Frame | None = None

    @property
    def begin(self) -> float:
        """What is shown at the cursor may have begun before it."""
        return max(0.0, self.cursor - _REACH)

    def take(self, item: Frame) -> None:
        self._fill(item.time)
        self._shown = item

    def mark(self, time: float) -> None:
        self._fill(time)
        self._write(np.array(self._hashes, np.uint64), time)

    def finish(self, end: float) -> None:
        self._fill(end)
        self._write(np.array(self._hashes, np.uint64), end, done=True)

    def _fill(self, time: float) -> None:
        """Hash the last picture where it was shown at one of the seconds before ``time``."""
        missing = self._number(time) - self._first - len(self._hashes)
        if missing > 0:
            self._hashes += [self._hash()] * missing

    def _hash(self) -> np.uint64:
        if self._shown is not None:
            return picture_hash(self._shown.signature, self._rotation)
        # A picture from before the place where this run began is still shown.
        return np.uint64(self._before[-1]) if self._before is not None and len(self._before) else np.uint64(0)


class LoudnessStage(_PrintStage):
    """How loud each tenth of a second is."""

    name = "print of sound"
    wants = Audio
    kind = "loudness"
    step = LEVEL_STEP

    def __init__(self, job: Job, cursor: float, detail: Mapping[str, Any]) -> None:
        super().__init__(job, cursor, detail)
        self._levels: list[NDArray[np.uint8]] = []
        self._rest = np.zeros(0, np.int16)
        self._block = round(RATE * LEVEL_STEP)
        self._begun = False

    def take(self, item: Audio) -> None:
        # What an earlier run has heard is left out.
        heard = 0 if self._begun else max(0, round((self._first * self.step - item.time) * RATE))
        self._begun = True
        together = np.concatenate([self._rest, item.samples[heard:]])
        whole = len(together) // self._block * self._block
        self._levels.append(levels(together[:whole]))
        self._rest = together[whole:]

    def mark(self, time: float) -> None:
        heard = self._heard()
        self._write(heard, (self._first + len(heard)) * self.step)

    def finish(self, end: float) -> None:
        self._write(self._heard(), end, done=True)

    def _heard(self) -> NDArray[np.uint8]:
        return np.concatenate(self._levels) if self._levels else np.zeros(0, np.uint8)
