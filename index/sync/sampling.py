"""Samples of a file that is not in the library: key frames spread over its length, and short stretches of its sound.

That takes seconds, whatever the file's length: pictures that the file marks as decodable by themselves cost one seek
and one picture each. Short videos, which have few of them, are decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vagent.configs import Settings
from vagent.errors import MediaError
from vagent.index.sync.prints import LEVEL_STEP, Hashes, Levels, levels, picture_hash
from vagent.tools.media import Audio, Frame, MediaInfo, Track
from vagent.tools.media.frames import Pictures
from vagent.tools.media.opening import opened, prepare
from vagent.tools.media.reader import read
from vagent.tools.speech import RATE

_MOST = 600  # pictures of a film
_CLOSEST = 1.0  # seconds between two of them
_ENDS = 60.0  # seconds at either end of which more are taken
_DECODED = 120.0  # seconds; what is shorter is decoded
_PACKETS = 400  # packets of all tracks read after a seek in search of a key frame
_WINDOWS, _WINDOW = 24, 10.0  # stretches of sound that are heard, and seconds of each
_SEEKABLE = ("mov", "matroska")  # containers in which going to a place costs nothing


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """Pictures of a film: when they are shown, seconds, and their hashes; only those that tell something."""

    times: NDArray[np.float64]
    hashes: Hashes

    def some(self, count: int) -> Looks:
        """About so many of them, spread evenly."""
        if len(self.times) <= count:
            return self
        chosen = np.linspace(0, len(self.times) - 1, count).round().astype(int)
        return Looks(self.times[chosen], self.hashes[chosen])


def looks(info: MediaInfo, track: Track, settings: Settings) -> Looks:
    """Pictures spread over a film.

    Raises:
        SourceError, MediaError: the file cannot be opened.
    """
    duration = info.duration or 0.0
    every = max(_CLOSEST, duration / _MOST)
    if duration <= _DECODED:
        found = _decoded(info, track, settings, every)
    else:
        found = _key_frames(info, track, every)
        if len(found) < duration / every / 4 and not seekable(info):
            found = _passed(info, track, every)
    pairs = [(time, value) for time, value in found if value]
    return Looks(np.array([t for t, _ in pairs], np.float64), np.array([h for _, h in pairs], np.uint64))


def seekable(info: MediaInfo) -> bool:
    """Whether any place of the file can be gone to at once."""
    return any(form in info.container for form in _SEEKABLE)


def loudness(info: MediaInfo, track: Track, settings: Settings) -> list[tuple[float, Levels]]:
    """Stretches of sound spread over a film: when each begins, and its levels (see ``prints.levels``)."""
    duration = info.duration or 0.0
    if duration <= _WINDOWS * _WINDOW or not seekable(info):
        return [(0.0, _heard(info, track, settings, 0.0, duration + 1.0))]
    starts = np.linspace(0.0, duration - _WINDOW, _WINDOWS)
    return [(float(s), _heard(info, track, settings, float(s), _WINDOW)) for s in starts.round(1)]


def frames(info: MediaInfo, track: Track, settings: Settings, start: float, end: float) -> Iterator[Frame]:
    """The frames of a stretch."""
    for item in read(info, settings, video=track, audio=None, start=max(0.0, start)):
        if isinstance(item, Frame):
            if item.time > end:
                return
            yield item


def _heard(info: MediaInfo, track: Track, settings: Settings, start: float, length: float) -> Levels:
    parts: list[NDArray[np.int16]] = []
    wanted = round(length / LEVEL_STEP) * round(RATE * LEVEL_STEP)
    for item in read(info, settings, video=None, audio=track, start=start):
        if isinstance(item, Audio):
            parts.append(item.samples)
            wanted -= len(item.samples)
            if wanted <= 0:
                break
    return levels(np.concatenate(parts)) if parts else np.zeros(0, np.uint8)


def _decoded(info: MediaInfo, track: Track, settings: Settings, every: float) -> list[tuple[float, np.uint64]]:
    found: list[tuple[float, np.uint64]] = []
    for frame in frames(info, track, settings, 0.0, float("inf")):
        if not found or frame.time >= found[-1][0] + every:
            found.append((frame.time, picture_hash(frame.signature, track.rotation)))
    return found


def _key_frames(info: MediaInfo, track: Track, every: float) -> list[tuple[float, np.uint64]]:
    """One picture at each of many places; where two places share a key frame it is taken once."""
    from av.error import FFmpegError

    found: dict[float, np.uint64] = {}
    with opened(info.path) as container:
        stream: Any = container.streams[track.index]
        only_keys(stream)
        pictures = Pictures(stream.sample_aspect_ratio)
        base = float(stream.time_base or 0)
        for place in _places(info.duration or 0.0, every):
            try:
                container.seek(round((float(place) + info.offset) / base), stream=stream)
                frame = _next(container, stream)
            except (FFmpegError, OverflowError, ValueError):
                continue  # damage, or no way to get there: the place has no sample
            if frame is None or frame.pts is None:
                continue
            time = frame.pts * base - info.offset
            if time not in found:
                found[time] = _hash(pictures, frame, track)
    return sorted(found.items())


def _places(duration: float, every: float) -> list[float]:
    """Where pictures are taken; closer together at both ends, where few would tell what was cut off there."""
    ends = np.arange(0.0, min(_ENDS, duration), _CLOSEST)
    whole = np.arange(0.0, duration, every)
    return sorted({round(float(place), 3) for place in (*ends, *whole, *(duration - 1.0 - ends)) if place >= 0})


def _passed(info: MediaInfo, track: Track, every: float) -> list[tuple[float, np.uint64]]:
    """The key frames of a file that can only be read through."""
    from av.error import FFmpegError

    found: list[tuple[float, np.uint64]] = []
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
                    found.append((time, _hash(pictures, frame, track)))
        except FFmpegError:
            return found  # what lies behind the damage has no samples
    return found


def only_keys(stream: Any) -> None:
    """Decode nothing but key frames, each at once."""
    prepare(stream, 1)
    stream.codec_context.skip_frame = "NONKEY"


def _next(container: Any, stream: Any) -> Any | None:
    """The first key frame from here on."""
    for count, packet in enumerate(container.demux(stream)):
        if packet.pts is not None and packet.is_keyframe:
            frame = _alone(stream, packet)
            if frame is not None:
                return frame
        if count > _PACKETS:
            return None
    return None


def _alone(stream: Any, packet: Any) -> Any | None:
    """The picture of one packet: the decoder is told that no more come, or it would wait for them."""
    context = stream.codec_context
    shown = [*context.decode(packet), *context.decode(None)]
    context.flush_buffers()
    return shown[0] if shown else None


def _hash(pictures: Pictures, frame: Any, track: Track) -> np.uint64:
    try:
        return picture_hash(pictures.signature(frame), track.rotation)
    except MediaError:  # its pixels cannot be converted
        return np.uint64(0)
