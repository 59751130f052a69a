"""The packets of one file in one pass: goes on after damage, mends the clock of joined streams, finds a place again."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any

from vagent.tools.media import MediaInfo, Track
from vagent.tools.media.opening import opened, prepare
from vagent.tools.media.transport import whole

if TYPE_CHECKING:
    from av.container import InputContainer

_PREROLL = 1.0  # seconds decoded before the place asked for, so that decoders and clocks have settled there
_SEEK_SLACK = 0.25  # seconds that sound may begin after the place a seek was for; later means that it was missed
_FAILURES = 10  # failed reads in a row after which the rest of the file counts as unreadable
_TRIAL = 5000  # packets looked at to see where a seek has led
_JUMP_BACK = 1.0  # seconds; a stream whose clock falls back further has been joined from pieces ...
_JUMP_AHEAD = 30.0  # ... or leaps ahead further
_REMEMBERED = 50  # shifts kept to choose from
_FIT = 2.0  # seconds by which tracks may differ where pieces were joined
_SEEKABLE = frozenset({"mov", "matroska"})  # containers whose index says exactly where a time is stored
_SEQUENTIAL = frozenset({"matroska", "flv"})  # containers whose packets lie one behind the other
_SEARCHED = 1 << 15  # bytes that FFmpeg has passed over, at least, each time that it gives up the search for a packet
_LEAP = 0.5  # seconds between two packets of a track from which it is looked at what lies between them
_SKIPPED = 4096  # bytes between two packets from which the stretch counts as damaged
_STATES_END = frozenset({"mov", "matroska", "avi", "flv", "asf", "wav", "flac", "ogg", "mxf"})


class Packets:
    """Context manager: the container, and ``__iter__`` over the packets of the tracks asked for.

    Attributes:
        reached: end in seconds of the last packet of any track seen, and ``ends`` the same by track number.
        failure: why reading stopped early, or None.
        resumed: by track number, in order, the times of the first packets behind stretches of bytes that gave none.
        proves: these were looked at, and something is missing there; else it is only that no packet lies in them.
    """

    def __init__(self, info: MediaInfo, tracks: list[Track], threads: int, device: str | None = None) -> None:
        self._info = info
        self._threads = threads
        self._device = device
        self._numbers = [t.index for t in tracks]
        self._video = next((t.index for t in tracks if t.kind == "video"), None)
        self._skip: dict[int, int] = {}
        self._stack = ExitStack()
        self._bases: dict[int, float] = {}
        self.reached = 0.0
        self.ends: dict[int, float] = {}
        self.failure: str | None = None
        self.resumed: dict[int, list[float]] = {n: [] for n in self._numbers}
        self._place = 0  # where in the file the last packet ends
        self._behind: set[int] = set()  # tracks that have had no packet since bytes were skipped
        self._last: dict[int, tuple[float, int]] = {}  # by track, when its last packet ended, and its place in the file

    def __enter__(self) -> Packets:
        self.container: InputContainer = self._stack.enter_context(opened(self._info.path, self._device))
        self._sequential = any(form in self._info.container for form in _SEQUENTIAL)
        self.proves = "mpegts" in self._info.container
        self.streams: dict[int, Any] = {
            n: self.container.streams[n] for n in self._numbers if n < len(self.container.streams)
        }
        for stream in self.streams.values():
            prepare(stream, self._threads)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def __iter__(self) -> Iterator[Any]:
        """Packets of the tracks, in the order of the file; those before the place of ``begin`` left out."""
        skip = dict(self._skip)
        for packet in self._all(self.container):
            number = packet.stream.index
            if number in self.streams:
                if skip.get(number, 0) > 0:
                    skip[number] -= 1
                else:
                    yield packet

    def seconds(self, stamp: int | None, packet: Any) -> float | None:
        """A time stamp of the packet in seconds from the start of the video."""
        return None if stamp is None else stamp * self._base(packet) - self._info.offset

    def resumes(self, track: int, after: float, before: float) -> bool:
        """Whether a stretch of bytes that gave nothing lies before a packet of these times."""
        found = self.resumed[track]
        return bisect_right(found, after) < bisect_right(found, before)

    def begin(self, start: float) -> None:
        """Go to a place from which decoding gives everything at and after ``start`` as a full pass would.

        The next iteration starts there. A container without a trustworthy index is read through, not decoded.
        """
        target = start - _PREROLL
        name = self._info.container
        from av.format import Flags

        if target <= 0 or Flags.no_timestamps in Flags(self.container.format.flags):
            return
        if any(form in name for form in _SEEKABLE) and self._seek(target):
            return
        self._scan(target)

    @property
    def joined(self) -> bool:
        """True for containers that may have been joined from pieces; their header's duration says little."""
        from av.format import Flags

        return Flags.ts_discont in Flags(self.container.format.flags)

    @property
    def states_each(self) -> bool:
        """True when the header states an end for each track, not one for all."""
        return "mov" in self._info.container

    def stated_end(self, track: Track) -> float | None:
        """Where the header says that a track ends, in seconds; None where it does not say, or only guesses."""
        stream = self.streams.get(track.index)
        if stream is None or not any(form in self._info.container for form in _STATES_END):
            return None
        if stream.duration and stream.time_base and "mov" in self._info.container:
            return float(((stream.start_time or 0) + stream.duration) * stream.time_base) - self._info.offset
        tagged = _clock(stream.metadata.get("DURATION"))  # Matroska's, which counts from 0, not from the first picture
        return tagged - max(0.0, self._info.offset) if tagged else self._info.duration

    def _all(self, container: InputContainer) -> Iterator[Any]:
        """Every packet of every track, with mended clocks. Ends where the file does, or where it stays unreadable."""
        from av.error import FFmpegError

        repair = _Joints(self._info.offset) if self.joined else None
        failures = searches = 0
        while failures < _FAILURES and searches <= self._info.size // _SEARCHED:
            try:
                for packet in container.demux():
                    failures = 0
                    if packet.size == 0 and packet.pts is None and packet.dts is None:
                        continue  # PyAV's mark that a track has ended
                    if repair is not None:
                        repair.mend(packet)
                    self._note(packet)
                    yield packet
            except EOFError:
                return
            except BlockingIOError:
                searches += 1  # so many bytes held no packet; what lies behind them may
            except IndexError:
                continue  # a packet of a track that began later than the file, which PyAV does not know
            except (FFmpegError, ValueError) as error:
                failures += 1
                self.failure = getattr(error, "strerror", None) or str(error)
            else:
                return

    def _note(self, packet: Any) -> None:
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is not None:
            number = packet.stream.index
            end = (stamp + (packet.duration or 0)) * self._base(packet) - self._info.offset
            if end > self.ends.get(number, 0.0):
                self.ends[number] = end
                self.reached = max(self.reached, end)
            if self._sequential:
                self._note_place(packet, number, end)
        if self.proves:
            self._note_leap(packet)

    def _note_leap(self, packet: Any) -> None:
        """Where the clock of a track leaps, the bytes in between tell whether something is missing there."""
        stamp = packet.dts if packet.dts is not None else packet.pts
        number, place = packet.stream.index, packet.pos
        if stamp is None or place is None or number not in self.resumed:
            return
        start = stamp * self._base(packet) - self._info.offset
        ended, before = self._last.get(number, (start, place))
        if start - ended > _LEAP and before < place and not self._whole(before, place, packet.stream.id):
            self.resumed[number].append(start)
        self._last[number] = start + (packet.duration or 0) * self._base(packet), place

    def _whole(self, start: int, end: int, track: int) -> bool:
        try:
            return whole(self._info.path, start, end, track)
        except OSError:
            return False  # the file is going

    def _note_place(self, packet: Any, number: int, time: float) -> None:
        place = packet.pos
        if place is None or place < 0:
            return
        if self._place and place - self._place > _SKIPPED:
            self._behind = set(self.streams)
        if number in self._behind:
            self._behind.discard(number)
            self.resumed[number].append(time)
        self._place = max(self._place, place + packet.size)

    def _base(self, packet: Any) -> float:
        """Seconds of one tick of the packet's clock; remembered, because fractions are slow."""
        number = packet.stream.index
        found = self._bases.get(number)
        if found is None:
            found = self._bases[number] = float(packet.time_base or 0)
        return found

    def _seek(self, target: float) -> bool:
        """Seek by the container's index; False, and back at the beginning, where that leads behind ``target``."""
        from av.error import FFmpegError

        number = self._video if self._video is not None else next(iter(self.streams))
        stream = self.streams[number]
        try:
            place = round((target + self._info.offset) / stream.time_base)
            self.container.seek(place, stream=stream)
            if self._lands_before(target):
                self.container.seek(place, stream=stream)
                self._forget()
                return True
        except (FFmpegError, OverflowError, ValueError):
            pass  # no index, or a damaged one: the file is read through instead
        self._stack.close()
        self.__enter__()
        return False

    def _lands_before(self, target: float) -> bool:
        """True when every track goes on at or before ``target`` here (sound: a little after will do)."""
        waiting = set(self.streams)
        for count, packet in enumerate(self._all(self.container)):
            number = packet.stream.index
            if number in waiting:
                time = self.seconds(packet.pts if packet.pts is not None else packet.dts, packet)
                if time is None or time > target + (0.0 if number == self._video else _SEEK_SLACK):
                    return False
                waiting.discard(number)
            if not waiting:
                return True
            if count >= _TRIAL:
                break
        return False

    def _scan(self, target: float) -> None:
        """Read the file through once, without decoding, and note how many packets of each track can be left out."""
        counts = dict.fromkeys(self.streams, 0)
        passed: set[int] = set()
        with opened(self._info.path) as container:
            for packet in self._all(container):
                number = packet.stream.index
                if number not in counts:
                    continue
                time = self.seconds(packet.pts if packet.pts is not None else packet.dts, packet)
                if time is not None and time > target + 2 * _PREROLL:
                    passed.add(number)
                if len(passed) == len(counts):
                    break
                usable = packet.is_keyframe or number != self._video
                if usable and time is not None and time <= target:
                    self._skip[number] = counts[number]
                counts[number] += 1
        self._forget()

    def _forget(self) -> None:
        self.reached, self.ends, self.failure = 0.0, {}, None
        self.resumed = {number: [] for number in self._numbers}
        self._place, self._behind, self._last = 0, set(), {}


class _Joints:
    """Makes one clock of streams that were joined from pieces, each with a clock of its own (MPEG-TS).

    Where a track's clock falls back or leaps, its stamps are shifted so that they go on. Every track takes a shift that
    another has taken before when that fits, so that they stay in step.
    """

    def __init__(self, start: float) -> None:
        self._start = start
        self._shifts: list[float] = [0.0]
        self._shift: dict[int, float] = {}
        self._next: dict[int, float] = {}

    def mend(self, packet: Any) -> None:
        """Shift the packet's stamps."""
        stamp = packet.dts if packet.dts is not None else packet.pts
        base = packet.time_base
        if stamp is None or not base:
            return
        number = packet.stream.index
        raw = float(stamp * base)
        shift = self._shift.get(number, 0.0)
        expected = self._next.get(number, self._start)
        if not -_JUMP_BACK <= raw + shift - expected <= _JUMP_AHEAD:
            shift = next((s for s in reversed(self._shifts) if abs(raw + s - expected) <= _FIT), expected - raw)
            if shift not in self._shifts:
                self._shifts = [*self._shifts[-_REMEMBERED:], shift]
            self._shift[number] = shift
        self._next[number] = max(expected, raw + shift + float((packet.duration or 0) * base))
        ticks = round(shift / base)
        if ticks:
            packet.dts = None if packet.dts is None else packet.dts + ticks
            packet.pts = None if packet.pts is None else packet.pts + ticks


def _clock(text: str | None) -> float | None:
    """Seconds of Matroska's tag ``00:00:30.003000000``."""
    try:
        hours, minutes, seconds = (float(part) for part in (text or "").split(":"))
    except ValueError:
        return None
    total = hours * 3600 + minutes * 60 + seconds
    return total if 0 < total < float("inf") else None
