"""Which pictures of an H.264 film a fast pass leaves undecoded, beside those that no other picture needs.

B pictures that others are predicted from are often needed by B pictures alone. Where the heads of all slices between
two places at which a decoder may begin (IDR) prove that, the P and I pictures of that stretch come out to the last bit
without them, at two thirds of the cost of the stretch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any, Literal

from vagent.tools.media.h264 import Headers, Picture

Skip = Literal["NONREF", "BIDIR"]
"""FFmpeg's names: leave out pictures that no other needs; leave out B pictures."""

_PACKETS = 1000  # held back at most; a longer stretch is not looked through
_BYTES = 16 << 20  # the same
_STRIDE = 0.17  # seconds that may lie between two decoded pictures; with 0.2 motion was taken for cuts
# A picture may be the first of a shot when it is so many times as large as the median of so many on either side, and
# has this part of the IDR picture's size. Where that fails, a cut is found at the next picture that is decoded.
_LEAP, _NEAR, _FULL = 1.6, 4, 0.25


class Skipper:
    """Holds back the packets of one stretch, and gives them out with how much of them to leave out.

    A stretch in which a cut may lie between two P pictures, or in which they are far apart, is decoded as closely as
    one of which nothing is known. What is decided depends on the stretch alone, so that a pass that begins at its IDR
    picture decides the same.

    Args:
        codec: name of the decoder.
        extradata: what the container says of the stream.
        base: seconds of one tick of its clock.
    """

    def __init__(self, codec: str, extradata: bytes | None, base: float) -> None:
        self._headers = Headers(extradata) if codec == "h264" and base else None
        self._base = base
        self._held: list[tuple[Any, Picture]] = []
        self._size = 0

    def offer(self, packet: Any) -> Iterator[tuple[Any, Skip]]:
        """Take a packet; gives those whose turn has come, in order."""
        picture = self._headers.picture(memoryview(packet)) if self._headers is not None else None
        begins = picture is not None and picture.idr
        if begins:
            yield from self.finish()
        if picture is None or not (begins or self._held):
            yield from self.release()
            yield packet, "NONREF"
            return
        self._held.append((packet, picture))
        self._size += packet.size
        if len(self._held) >= _PACKETS or self._size >= _BYTES or (packet.is_keyframe and not begins):
            yield from self.release()

    def finish(self) -> Iterator[tuple[Any, Skip]]:
        """The stretch has ended: all of it."""
        level: Skip = "BIDIR" if self._held and self._can_leave_out() else "NONREF"
        yield from self._give(level)

    def release(self) -> Iterator[tuple[Any, Skip]]:
        """Give out what is held without having seen the end; nothing more is held before the next stretch."""
        yield from self._give("NONREF")

    def _give(self, level: Skip) -> Iterator[tuple[Any, Skip]]:
        held, self._held, self._size = self._held, [], 0
        for packet, _ in held:
            yield packet, level

    def _can_leave_out(self) -> bool:
        pictures = [picture for _, picture in self._held]
        return any(p.bidirectional and p.reference for p in pictures) and independent(pictures) and self._flows()

    def _flows(self) -> bool:
        """Whether the pictures that remain lie close together, and none looks as if it came behind a cut."""
        kept = [(packet, picture) for packet, picture in self._held if not picture.bidirectional]
        if any(packet.pts is None for packet, _ in kept) or any(picture.intra for _, picture in kept[1:]):
            return False
        times = [packet.pts * self._base for packet, _ in self._held if packet.pts is not None]
        shown = sorted(packet.pts * self._base for packet, _ in kept)
        if any(b - a > _STRIDE for a, b in zip(shown, [*shown[1:], max(times)], strict=True)):
            return False
        sizes = [packet.size for packet, _ in kept]
        return not any(_leaps(sizes, number) for number in range(1, len(sizes)))


def _leaps(sizes: Sequence[int], number: int) -> bool:
    """Whether a picture is so large that it may be the first of a shot; ``sizes`` begin with the IDR picture's."""
    if sizes[number] <= _FULL * sizes[0]:
        return False
    sides = sizes[max(1, number - _NEAR) : number], sizes[number + 1 : number + 1 + _NEAR]
    return any(len(side) == _NEAR and sizes[number] > _LEAP * median(side) for side in sides)


def independent(pictures: Sequence[Picture]) -> bool:
    """Whether no picture but B pictures is predicted from a B picture; the first one is an IDR picture."""
    numbered: dict[int, bool] = {}  # number -> it is a B picture
    latest: deque[bool] = deque(maxlen=max(1, max(p.held for p in pictures)))
    for picture in pictures:
        if not (picture.bidirectional or picture.intra):
            if any(numbered.get(number, True) for number in picture.named):
                return False
            # Which pictures are still held is not followed, but the last one always is.
            last_alone = picture.latest == 1 and not picture.named and latest and not latest[-1]
            if picture.latest and not last_alone and any(latest):
                return False
        if picture.reference:
            numbered[picture.number] = picture.bidirectional
            latest.append(picture.bidirectional)
    return True
