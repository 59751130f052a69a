"""Stretches of packets between two places at which a decoder may begin, looked through before they are decoded."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from vagent.tools.media import h264, hevc

STRIDE = 0.17
"""Seconds that may lie between two decoded pictures; with 0.2 motion was taken for cuts."""

_PACKETS = 1000  # held back at most; a longer stretch is not looked through
_BYTES = 16 << 20  # the same


HEADERS: dict[str, type[h264.Headers] | type[hevc.Headers]] = {"h264": h264.Headers, "hevc": hevc.Headers}
"""By name of the decoder, what reads the heads of its pictures."""


class Picture(Protocol):
    """What the head of a coded picture says.

    Attributes:
        begins: a decoder may begin here: of what comes after it, what is shown after it can be decoded.
        reference: others may be predicted from it.
        intra: it is predicted from no other.
        bidirectional: it is predicted from two at once.
    """

    @property
    def begins(self) -> bool: ...
    @property
    def reference(self) -> bool: ...
    @property
    def intra(self) -> bool: ...
    @property
    def bidirectional(self) -> bool: ...


class Stretch(NamedTuple):
    """Packets; with what their pictures say of themselves where they are all from one beginning to the next."""

    packets: Sequence[Any]
    pictures: Sequence[Picture] = ()

    def lone(self) -> bool:
        """Whether B pictures are there that others need, but none that are not B pictures."""
        coded = [picture for picture in self.pictures if isinstance(picture, h264.Picture)]
        return any(p.bidirectional and p.reference for p in coded) and independent(coded)


class Stretches:
    """Holds back packets until their stretch is whole.

    Args:
        codec: name of the decoder.
        extradata: what the container says of the stream.
        base: seconds of one tick of its clock.
    """

    def __init__(self, codec: str, extradata: bytes | None, base: float) -> None:
        self._headers: h264.Headers | hevc.Headers | None = None
        if codec in HEADERS and base:
            self._headers = HEADERS[codec](extradata)
        self._held: list[tuple[Any, Picture]] = []
        self._size = 0

    def offer(self, packet: Any) -> Iterator[Stretch]:
        """Take a packet; gives what can be decoded, in order."""
        picture = self._headers.picture(memoryview(packet)) if self._headers is not None else None
        begins = picture is not None and picture.begins
        if begins:
            yield from self.finish()
        if picture is None or not (begins or self._held):
            yield from self.release()
            yield Stretch([packet])
            return
        self._held.append((packet, picture))
        self._size += packet.size
        if len(self._held) >= _PACKETS or self._size >= _BYTES or (packet.is_keyframe and not begins):
            yield from self.release()

    def finish(self) -> Iterator[Stretch]:
        """The stretch has ended: all of it."""
        if self._held:
            yield Stretch([packet for packet, _ in self._held], [picture for _, picture in self._held])
        self._held, self._size = [], 0

    def release(self) -> Iterator[Stretch]:
        """Give out what is held without having seen the end; nothing more is held before the next stretch."""
        for stretch in self.finish():
            yield Stretch(stretch.packets)


def independent(pictures: Sequence[h264.Picture]) -> bool:
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
