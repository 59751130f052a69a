"""What the film looks and sounds like: by it the same film is known again when it comes in another encoding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vagent.index.stages.stage import Stage
from vagent.index.sync.prints import LEVEL_STEP, PICTURE_STEP, STAGES, Kind, Print, levels, of_bytes, picture_hash
from vagent.index.video.job import Job
from vagent.tools.media import Audio, Frame, Track
from vagent.tools.speech import RATE

_EDGE = 1e-6  # seconds: times are rounded to microseconds
_REACH = 5.0  # seconds before the cursor from which pictures are wanted


def plan_pictures(job: Job, track: Track) -> PicturePrintStage | None:
    """The stage of the pictures, where it has anything left to do."""
    at = job.pending(PicturePrintStage.name, track.index)
    return None if at is None else PicturePrintStage(job, *at, track.rotation)


def plan_loudness(job: Job, track: Track) -> LoudnessStage | None:
    """The stage of the sound, where it has anything left to do."""
    at = job.pending(LoudnessStage.name, track.index)
    return None if at is None else LoudnessStage(job, *at)


class _PrintStage(Stage):
    """Values at even times from the beginning: a piece at each mark, and one print when the video is through."""

    kind: Kind
    step: float

    def __init__(self, job: Job, cursor: float, detail: Mapping[str, Any]) -> None:
        super().__init__(job, cursor, detail)
        before, self._moved = self._earlier(cursor) if cursor else (of_bytes(self.kind, b""), False)
        self._carried = before.tobytes() if self._moved else b""  # goes into the next piece
        self._count = len(before)
        self._last = before[-1] if len(before) else None

    def _earlier(self, cursor: float) -> tuple[NDArray[Any], bool]:
        """What earlier runs have found before the cursor; and whether it has to be written again, because an older
        version kept it elsewhere, or there is more than that."""
        store, video = self.job.store, self.job.video.id
        pieces = of_bytes(self.kind, store.pieces(video, self.name))
        if not len(pieces) and (kept := store.prints_of(self.kind, [video]).get(video)):
            return Print.from_bytes(self.kind, kept).values[: self._number(cursor)], True
        return pieces[: self._number(cursor)], len(pieces) > self._number(cursor)

    def _number(self, time: float) -> int:
        """How many values come before a time."""
        return max(0, int(np.ceil(time / self.step - _EDGE)))

    def _write(self, values: NDArray[Any], cursor: float, *, done: bool = False) -> None:
        store, video = self.job.store, self.job.video.id
        piece, self._carried = self._carried + values.tobytes(), b""
        with store.transaction():
            if self._moved:
                store.drop_pieces(video, self.name)
                self._moved = False
            if done:
                whole = of_bytes(self.kind, store.pieces(video, self.name) + piece)
                store.put_print(video, self.kind, Print(0.0, self.step, whole).to_bytes())
            self.commit(cursor, [], piece=piece, done=done)
        self._count += len(values)
        if len(values):
            self._last = values[-1]


class PicturePrintStage(_PrintStage):
    """A hash of the picture that is shown at each second."""

    name = STAGES["pictures"]
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
        self._write(self._hashed(), time)

    def finish(self, end: float) -> None:
        self._fill(end)
        self._write(self._hashed(), end, done=True)

    def _hashed(self) -> NDArray[np.uint64]:
        hashes, self._hashes = self._hashes, []
        return np.array(hashes, np.uint64)

    def _fill(self, time: float) -> None:
        """Hash the last picture where it was shown at one of the seconds before ``time``."""
        missing = self._number(time) - self._count - len(self._hashes)
        if missing > 0:
            self._hashes += [self._hash()] * missing

    def _hash(self) -> np.uint64:
        if self._shown is not None:
            return picture_hash(self._shown.signature, self._rotation)
        # A picture from before the place where this run began is still shown.
        return np.uint64(0) if self._last is None else np.uint64(self._last)


class LoudnessStage(_PrintStage):
    """How loud each tenth of a second is."""

    name = STAGES["loudness"]
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
        heard = 0 if self._begun else max(0, round((self._count * self.step - item.time) * RATE))
        self._begun = True
        together = np.concatenate([self._rest, item.samples[heard:]])
        whole = len(together) // self._block * self._block
        self._levels.append(levels(together[:whole]))
        self._rest = together[whole:]

    def mark(self, time: float) -> None:
        heard = self._heard()
        self._write(heard, (self._count + len(heard)) * self.step)

    def finish(self, end: float) -> None:
        self._write(self._heard(), end, done=True)

    def _heard(self) -> NDArray[np.uint8]:
        heard, self._levels = self._levels, []
        return np.concatenate(heard) if heard else np.zeros(0, np.uint8)
