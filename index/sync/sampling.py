"""Samples of a file that is not in the library: key frames spread over its length, and short stretches of its sound.

That takes seconds, whatever the file's length: pictures that the file marks as decodable by themselves cost one seek
and one picture each. Short videos, which have few of them, are decoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vagent.configs import Settings
from vagent.errors import MediaError
from vagent.index.sync.prints import LEVEL_STEP, Hashes, Levels, levels, picture_bits
from vagent.tools.media import Audio, Frame, MediaInfo, Track
from vagent.tools.media.frames import Pictures
from vagent.tools.media.opening import opened, prepare
from vagent.tools.media.reader import read
from vagent.tools.speech import RATE

_MOST = 600  # pictures of a film
_CLOSEST = 1.0  # seconds between two of them
_ENDS = 60.0  # seconds at either end of which more are taken
DECODED = 120.0
"""Seconds; what is shorter is decoded."""
_FEW, _FEW_DECODED = 24, 900.0  # key frames of a film below which it is decoded all the same, and its length at most
_PACKETS = 400  # packets of all tracks read after a seek in search of a key frame
_WINDOWS, _WINDOW = 24, 10.0  # stretches of sound that are heard, and seconds of each
_SEEKABLE = ("mov", "matroska")  # containers in which going to a place costs nothing


_Look = tuple[float, tuple[np.uint64, np.uint64]]  # when a picture is shown, its hash and the bits of it that are sure


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """Pictures of a film: when they are shown, seconds, their hashes, and which bits of these are sure; only those that
    tell something."""

    times: NDArray[np.float64]
    hashes: Hashes
    sure: Hashes

    @classmethod
    def of(cls, found: Sequence[_Look]) -> Looks:
        """From pictures in order of time."""
        told = [one for one in found if one[1][0]]
        bits = np.array([one for _, one in told], np.uint64).reshape(-1, 2)
        return cls(np.array([time for time, _ in told], np.float64), bits[:, 0], bits[:, 1])

    def some(self, count: int) -> Looks:
        """About so many of them, spread evenly."""
        if len(self.times) <= count:
            return self
        chosen = np.linspace(0, len(self.times) - 1, count).round().astype(int)
        return Looks(self.times[chosen], self.hashes[chosen], self.sure[chosen])


def looks(info: MediaInfo, track: Track, settings: Settings) -> Looks:
    """Pictures spread over a film.

    Raises:
        SourceError, MediaError: the file cannot be opened.
    """
    duration = info.duration or 0.0
    every = max(_CLOSEST, duration / _MOST)
    if duration <= DECODED:
        return Looks.of(_decoded(info, track, settings, every))
    found = _key_frames(info, track, _places(duration, every))
    if len(found) < duration / every / 4 and not seekable(info):
        found = _passed(info, track, every)
    if len(found) < _FEW and duration <= _FEW_DECODED:
        found = _decoded(info, track, settings, every)
    return Looks.of(found)


def all_key_frames(info: MediaInfo, track: Track) -> Looks:
    """All key frames of a film; of two within a second one at least."""
    if not seekable(info):
        return Looks.of(_passed(info, track, 0.0))
    return Looks.of(_key_frames(info, track, np.arange(0.0, info.duration or 0.0, _CLOSEST).tolist()))


def seekable(info: MediaInfo) -> bool:
    """Whether any place of the file can be gone to at once."""
    return any(form in info.container for form in _SEEKABLE)


def loudness(info: MediaInfo, track: Track, settings: Settings) -> list[tuple[float, Levels]]:
    """Stretches of sound spread over a film: when each begins, and its levels (see ``prints.levels``)."""
    duration = info.duration or 0.0
    if duration <= _WINDOWS * _WINDOW or not seekable(info):
        return [(0.0, heard(info, track, settings, 0.0, duration + 1.0))]
    starts = np.linspace(0.0, duration - _WINDOW, _WINDOWS)
    return [(float(s), heard(info, track, settings, float(s), _WINDOW)) for s in starts.round(1)]


def frames(info: MediaInfo, track: Track, settings: Settings, start: float, end: float) -> Iterator[Frame]:
    """The frames of a stretch."""
    for item in read(info, settings, video=track, audio=None, start=max(0.0, start)):
        if isinstance(item, Frame):
            if item.time > end:
                return
            yield item


def heard(info: MediaInfo, track: Track, settings: Settings, start: float, length: float) -> Levels:
    """The levels of a stretch of sound."""
    parts: list[Levels] = []
    rest, wanted = np.zeros(0, np.int16), round(length / LEVEL_STEP)
    block = round(RATE * LEVEL_STEP)
    for item in read(info, settings, video=None, audio=track, start=start):
        if isinstance(item, Audio):
            together = np.concatenate([rest, item.samples])
            whole = len(together) // block * block
            parts.append(levels(together[:whole]))
            rest = together[whole:]
            wanted -= len(parts[-1])
            if wanted <= 0:
                break
    return np.concatenate(parts) if parts else np.zeros(0, np.uint8)


def _decoded(info: MediaInfo, track: Track, settings: Settings, every: float) -> list[_Look]:
    found: list[_Look] = []
    for frame in frames(info, track, settings, 0.0, float("inf")):
        if not found or frame.time >= found[-1][0] + every:
            found.append((frame.time, picture_bits(frame.signature, track.rotation)))
    return found


def _key_frames(info: MediaInfo, track: Track, places: Sequence[float]) -> list[_Look]:
    """One picture at each of many places; where two places share a key frame it is decoded once."""
    from av.error import FFmpegError

    found: dict[int, _Look] = {}
    with opened(info.path) as container:
        stream: Any = container.streams[track.index]
        only_keys(stream)
        pictures = Pictures(stream.sample_aspect_ratio)
        base = float(stream.time_base or 0)
        for place in places:
            try:
                container.seek(round((place + info.offset) / base), stream=stream)
                packet = _next(container, stream)
                if packet is None or packet.pts in found:
                    continue
                frame = _alone(stream, packet)
            except (FFmpegError, OverflowError, ValueError):
                continue  # damage, or no way to get there: the place has no sample
            if frame is not None:
                found[packet.pts] = packet.pts * base - info.offset, _bits(pictures, frame, track)
    return sorted(found.values())


def _places(duration: float, every: float) -> list[float]:
    """Where pictures are taken; closer together at both ends, where few would tell what was cut off there."""
    ends = np.arange(0.0, min(_ENDS, duration), _CLOSEST)
    whole = np.arange(0.0, duration, every)
    return sorted({round(float(place), 3) for place in (*ends, *whole, *(duration - 1.0 - ends)) if place >= 0})


def _passed(info: MediaInfo, track: Track, every: float) -> list[_Look]:
    """The key frames of a file that can only be read through."""
    from av.error import FFmpegError

    found: list[_Look] = []
    with opened(info.path) as container:
        stream: Any = container.streams[track.index]
        only_keys(stream)
        pictures = Pictures(stream.sample_aspect_ratio)
        base = float(stream.time_base or 0)
        try:
            for packet in container.demux(stream):
                if packet.pts is None or not packet.is_keyframe:
                    continue
                time = packet.pts * base - info.offset
                if found and time < found[-1][0] + every:
                    continue
                frame = _alone(stream, packet)
                if frame is not None:
                    found.append((time, _bits(pictures, frame, track)))
        except FFmpegError:
            return found  # what lies behind the damage has no samples
    return found


def only_keys(stream: Any) -> None:
    """Decode nothing but key frames, each at once."""
    prepare(stream, 1)
    stream.codec_context.skip_frame = "NONKEY"


def _next(container: Any, stream: Any) -> Any | None:
    """The first packet of a key frame from here on."""
    for count, packet in enumerate(container.demux(stream)):
        if packet.pts is not None and packet.is_keyframe:
            return packet
        if count > _PACKETS:
            return None
    return None


def _alone(stream: Any, packet: Any) -> Any | None:
    """The picture of one packet: the decoder is told that no more come, or it would wait for them."""
    context = stream.codec_context
    shown = [*context.decode(packet), *context.decode(None)]
    context.flush_buffers()
    return shown[0] if shown else None


def _bits(pictures: Pictures, frame: Any, track: Track) -> tuple[np.uint64, np.uint64]:
    try:
        return picture_bits(pictures.signature(frame), track.rotation)
    except MediaError:  # its pixels cannot be converted
        return np.uint64(0), np.uint64(0)
