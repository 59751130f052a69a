"""Which pictures of an H.264 film a fast pass leaves undecoded, beside those that no other picture needs.

B pictures that others are predicted from are often needed by B pictures alone. Where the heads of all slices between
two places at which a decoder may begin (IDR) prove that, the P and I pictures of that stretch come out to the last bit
without them, at two thirds of the cost of the stretch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from statistics import median
from typing import Any, Literal

from vagent.tools.media.stretches import STRIDE, Stretch, Stretches

Level = Literal["DEFAULT", "NONREF", "BIDIR"]
"""FFmpeg's names: leave nothing out; leave out pictures that no other needs; leave out B pictures."""

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
        self._stretches = Stretches(codec if codec == "h264" else "", extradata, base)
        self._base = base

    def offer(self, packet: Any) -> Iterator[tuple[Any, Level]]:
        """Take a packet; gives those whose turn has come, in order."""
        yield from self._give(self._stretches.offer(packet))

    def finish(self) -> Iterator[tuple[Any, Level]]:
        """The stretch has ended: all of it."""
        yield from self._give(self._stretches.finish())

    def release(self) -> Iterator[tuple[Any, Level]]:
        """Give out what is held without having seen the end."""
        yield from self._give(self._stretches.release())

    def _give(self, stretches: Iterable[Stretch]) -> Iterator[tuple[Any, Level]]:
        for stretch in stretches:
            level: Level = "BIDIR" if stretch.lone() and self._flows(stretch) else "NONREF"
            for packet in stretch.packets:
                yield packet, level

    def _flows(self, stretch: Stretch) -> bool:
        """Whether the pictures that remain lie close together, and none looks as if it came behind a cut."""
        kept = [(packet, p) for packet, p in zip(stretch.packets, stretch.pictures, strict=True) if not p.bidirectional]
        if any(packet.pts is None for packet, _ in kept) or any(picture.intra for _, picture in kept[1:]):
            return False
        times = [packet.pts * self._base for packet in stretch.packets if packet.pts is not None]
        shown = sorted(packet.pts * self._base for packet, _ in kept)
        if any(b - a > STRIDE for a, b in zip(shown, [*shown[1:], max(times)], strict=True)):
            return False
        sizes = [packet.size for packet, _ in kept]
        return not any(_leaps(sizes, number) for number in range(1, len(sizes)))


def _leaps(sizes: Sequence[int], number: int) -> bool:
    """Whether a picture is so large that it may be the first of a shot; ``sizes`` begin with the IDR picture's."""
    if sizes[number] <= _FULL * sizes[0]:
        return False
    sides = sizes[max(1, number - _NEAR) : number], sizes[number + 1 : number + 1 + _NEAR]
    return any(len(side) == _NEAR and sizes[number] > _LEAP * median(side) for side in sides)
