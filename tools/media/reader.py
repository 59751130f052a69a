"""Reading a file once from front to back: pictures, signatures and sound, whatever is damaged left out and noted."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from vagent.configs import Settings
from vagent.errors import MediaError
from vagent.tools.media import Frame, Gap, Item, MediaInfo, Track
from vagent.tools.media.adaptive import Adaptive
from vagent.tools.media.clock import FrameClock
from vagent.tools.media.decoding import Decoding, References, Shown, Signature, decode
from vagent.tools.media.frames import Pictures, jpeg, unjpeg
from vagent.tools.media.packets import Packets
from vagent.tools.media.skipping import Skipper
from vagent.tools.media.sound import SoundLine, limit, seconds
from vagent.tools.media.stretches import HEADERS, Stretches
from vagent.tools.time import Span

if TYPE_CHECKING:
    from av import VideoFrame

__all__ = ["frame_at", "frames_at", "jpeg", "read", "unjpeg"]

_GAP = 0.5  # seconds without a picture or sound from which a gap is worth a note
_RECOVERS = 10.0  # seconds behind a hole after which pictures count as sound without a key frame: some films have none
_EDGE = 1e-6  # seconds: times are rounded to microseconds
_PENDING = 2000  # packets remembered that have not given a picture yet
_FAR = 10.0  # seconds between two wanted frames from which a seek is cheaper than decoding on
_REFERENCE = frozenset({"h264", "hevc", "av1"})  # decoders that know which frames no other needs


def read(
    info: MediaInfo,
    settings: Settings,
    *,
    video: Track | None,
    audio: Track | None,
    start: float = 0.0,
    device: str | None = None,
) -> Iterator[Item]:
    """Everything from ``start`` on, in one pass over the file and in its order.

    Every picture that is decoded (``media.decode`` says how many are) is a ``Frame`` with its signature. The first one
    at or after each multiple of 1/``sample_fps`` seconds is a sample and has its image: upright, square pixels,
    deinterlaced, at most ``image_width`` wide. Sound comes in blocks of a few seconds that follow one another without a
    hole.
    A read that starts later gives the same pictures, times and samples as the tail of a full read.

    Args:
        device: the card that decodes pictures, as ``hardware.chosen`` found it; None: the processor does.

    Raises:
        EngineUnavailable: the device cannot be opened any more.
        SourceError: the file is gone, or may not be read.
        MediaError: it is not media any more. Damage inside the file is a ``Gap``, never an error.
    """
    tracks = [t for t in (video, audio) if t is not None]
    if not tracks:
        return
    with Packets(info, tracks, settings.cores, device) as packets:
        packets.begin(start)
        sight = _Sight(info, settings, packets, video, start) if video and video.index in packets.streams else None
        hearing = _Hearing(info, packets, audio, start) if audio and audio.index in packets.streams else None
        for packet in packets:
            if sight is not None and packet.stream.index == sight.track.index:
                yield from sight.feed(packet)
            elif hearing is not None:
                yield from hearing.feed(packet)
        for sense in (sight, hearing):
            if sense is not None:
                yield from sense.finish()


def frame_at(info: MediaInfo, video: Track, time: float) -> Frame:
    """The picture shown at ``time``: the last one that begins at or before it, or the first of all.

    Its image has the full resolution, upright.

    Raises:
        MediaError: nothing decodes there.
    """
    return frames_at(info, video, [time])[0]


def frames_at(info: MediaInfo, video: Track, times: Sequence[float]) -> list[Frame]:
    """``frame_at`` for several times, in the order given; times that lie close together cost one pass.

    Raises:
        MediaError: nothing decodes there.
    """
    found: dict[float, Frame] = {}
    wanted = sorted(set(times))
    while wanted:
        run = [wanted[0]]
        while len(run) < len(wanted) and wanted[len(run)] - run[-1] <= _FAR:
            run.append(wanted[len(run)])
        found.update(_shown_at(info, video, run))
        wanted = wanted[len(run) :]
    return [found[time] for time in times]


def _shown_at(info: MediaInfo, video: Track, times: list[float]) -> dict[float, Frame]:
    found: dict[float, Frame] = {}
    waiting = deque(times)
    with Packets(info, [video], 0) as packets:
        packets.begin(times[0])
        stream = packets.streams[video.index]
        pictures = Pictures(stream.sample_aspect_ratio)
        clock, base = FrameClock(info, video, packets.joined), float(stream.time_base or 0)
        last: tuple[float, VideoFrame] | None = None
        for frame in _frames(packets, stream):
            time = clock.time(frame, base)
            while waiting and time > waiting[0] + _EDGE:
                found[waiting.popleft()] = _full(pictures, *(last or (time, frame)))
            if not waiting:
                break
            last = (time, frame)
        while waiting and last is not None:
            found[waiting.popleft()] = _full(pictures, *last)
    if waiting:
        raise MediaError("no picture decodes there", f"{info.path}, {times[0]:.3f} s")
    return found


def _full(pictures: Pictures, time: float, frame: VideoFrame) -> Frame:
    return Frame(time, pictures.signature(frame), pictures.image(frame), frame.key_frame)


def _frames(packets: Packets, stream: Any) -> Iterator[VideoFrame]:
    for packet in packets:
        yield from decode(stream, packet)[0]
    yield from decode(stream, None)[0]


class _Sight:
    """Pictures of one track, from packets to ``Frame`` and ``Gap``."""

    def __init__(self, info: MediaInfo, settings: Settings, packets: Packets, track: Track, start: float) -> None:
        self.track = track
        self._packets = packets
        self._stream = packets.streams[track.index]
        self._base = float(self._stream.time_base or 0)
        self._pictures = Pictures(self._stream.sample_aspect_ratio)
        self._clock = FrameClock(info, track, packets.joined)
        self._settings = settings.media
        self._start = start
        self._grid = -1  # number of the last multiple of 1/sample_fps that has its sample
        self._shown = start  # where the last picture ends, as far as is known
        self._pending: deque[float] = deque(maxlen=_PENDING)  # times of packets that have not given a picture
        self._decoding = self._way()
        self._resumed = 0

    def _way(self) -> Decoding:
        """How much is decoded. Cards leave out pictures that no other needs, and are not asked for more."""
        context, wanted = self._stream.codec_context, self._settings.decode
        name = "" if context.is_hwaccel else context.name
        if wanted == "reference" and self.track.codec in _REFERENCE:
            return References(self._stream, Skipper(name, context.extradata, self._base))
        if wanted == "adaptive" and name in HEADERS:
            stretches, every = Stretches(name, context.extradata, self._base), 1 / self._settings.sample_fps
            return Adaptive(self._stream, stretches, self._base, every, self._sign)
        return Decoding(self._stream)

    def _sign(self, frame: VideoFrame) -> Signature | None:
        try:
            return self._pictures.signature(frame)
        except MediaError:
            return None

    def feed(self, packet: Any) -> Iterator[Item]:
        resumed = len(self._packets.resumed[self.track.index])
        if resumed != self._resumed:
            self._resumed = resumed  # damage is told of before more of it may come
            yield from self._take(self._decoding.release())
        time = self._packets.seconds(packet.pts, packet)
        if time is not None:
            self._pending.append(time)
        yield from self._take(self._decoding.feed(packet))

    def finish(self) -> Iterator[Item]:
        yield from self._take(self._decoding.finish())
        end = self._packets.ends.get(self.track.index, 0.0)
        yield from self._gap(end, "the last pictures do not decode")
        yield from _missing_end(self._packets, self.track, max(self._shown, end, self._start))

    def _take(self, shown: Iterable[Shown]) -> Iterator[Item]:
        for frame, signature in shown:
            time = self._clock.time(frame, self._base)
            if self._waits(frame, time):
                continue
            number = math.floor(time * self._settings.sample_fps + _EDGE)
            sample, self._grid = number > self._grid, max(number, self._grid)
            if time < self._start - _EDGE:
                self._shown = self._start
                self._pending.clear()
                continue
            yield from self._gap(time, "pictures do not decode")
            try:
                image = self._pictures.image(frame, self._settings.image_width) if sample else None
                signature = self._pictures.signature(frame) if signature is None else signature
            except MediaError:
                self._decoding.broken += 1
                continue
            lasts = frame.duration * self._base if frame.duration else 0.0
            yield Frame(time, signature, image, frame.key_frame, lasts or None)
            self._shown = time + min(lasts, _GAP)
            self._decoding.broken = 0

    def _skipped(self, time: float) -> bool:
        """Whether bytes that gave nothing lie between the last picture and ``time``."""
        return time - self._shown > _GAP and self._packets.resumes(self.track.index, self._shown, time + _GAP)

    def _waits(self, frame: Any, time: float) -> bool:
        """Whether a picture is predicted from ones that are missing: behind a hole, all up to the next key frame."""
        if not self._packets.proves or not self._skipped(time):
            return False
        from av.video.frame import PictureType

        late = time - self._packets.resumed[self.track.index][-1]
        return late < _RECOVERS and not frame.key_frame and frame.pict_type != PictureType.I

    def _gap(self, time: float, reason: str) -> Iterator[Gap]:
        """A note when the file holds pictures between the last one and ``time`` that did not come out."""
        lost = 0
        while self._pending and self._pending[0] <= time + _EDGE:
            lost += self._shown + _EDGE < self._pending.popleft() < time - _EDGE
        if time - self._shown <= _GAP:
            return
        if self._decoding.broken or self._skipped(time) or lost > self._decoding.left_out:
            yield Gap(Span(self._shown, time), reason)
            self._shown = time


class _Hearing:
    """Sound of one track, from packets to ``Audio`` and ``Gap``."""

    def __init__(self, info: MediaInfo, packets: Packets, track: Track, start: float) -> None:
        self.track = track
        self._packets = packets
        self._stream = packets.streams[track.index]
        self._base = float(self._stream.time_base or 0)
        self._offset = info.offset
        self._line = SoundLine(start, math.inf if packets.joined else limit(info.duration))
        self._broken = 0

    def feed(self, packet: Any) -> Iterator[Item]:
        yield from self._take(packet)

    def finish(self) -> Iterator[Item]:
        yield from self._take(None)
        yield from self._line.finish()
        end = self._packets.ends.get(self.track.index, 0.0)
        if end - self._line.heard > _GAP and self._broken:
            yield Gap(Span(self._line.heard, end), "the last sound does not decode")
        yield from _missing_end(self._packets, self.track, max(self._line.heard, end))

    def _take(self, packet: Any) -> Iterator[Item]:
        frames, broke = decode(self._stream, packet)
        self._broken += broke
        for frame in frames:
            self._line.hole = None
            yield from self._line.feed(frame, seconds(frame, self._base, self._offset))
            hole = self._line.hole
            if hole is not None and hole[1] - hole[0] > _GAP and (self._broken or self._skipped(*hole)):
                yield Gap(Span(*hole), "sound does not decode")
            self._broken = self._line.failed = 0

    def _skipped(self, start: float, end: float) -> bool:
        return self._packets.resumes(self.track.index, start, end + _GAP)


def _missing_end(packets: Packets, track: Track, shown: float) -> Iterator[Gap]:
    """A note when the file stops before its header says: not when only this track ends earlier than another."""
    stated = packets.stated_end(track)
    if stated is None or stated - shown <= _GAP:
        return
    # A track that ends early is whole when the file goes on beside it up to its end.
    if stated - packets.reached > _GAP or packets.states_each:
        yield Gap(Span(shown, stated), packets.failure or "the file ends before its header says")
