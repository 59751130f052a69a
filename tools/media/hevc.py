"""Which pictures of a HEVC film others are predicted from, told by the heads of their units (ITU-T H.265, 7.3.1.2)."""

from __future__ import annotations

from dataclasses import dataclass

from vagent.tools.media.h264 import parted, units

_HEAD = 16  # bytes of a unit that hold what is read of it
_CODED = 32  # kinds below this one are slices
_BEGINS = range(16, 24)  # a decoder may begin at these (IRAP) ...
_LEADING = range(6, 10)  # ... and these are stored behind one, but shown before it
_VIDEO = 32  # the parameter set that tells how many layers of time there are
_ARRAYS = 22  # bytes before the parameter sets in what a container says of a stream (ISO/IEC 14496-15, 8.3.3.1)


@dataclass(frozen=True, slots=True)
class Picture:
    """One coded picture.

    Attributes:
        begins: a decoder may begin here; of what is stored behind it all that is shown behind it can be decoded.
        reference: others may be predicted from it.
        intra: it is known to be predicted from no other.
        bidirectional: it is known to be predicted from two at once, which is not looked at.
    """

    begins: bool
    reference: bool
    intra: bool
    bidirectional: bool = False


class Headers:
    """Reads the pictures of one stream.

    Args:
        extradata: what the container says of the stream: parameter sets, and how units are told apart.
    """

    def __init__(self, extradata: bytes | None) -> None:
        data = bytes(extradata or b"")
        self._layers: int | None = None  # the highest layer of time: pictures in lower ones may be needed by it
        self._length = 0  # bytes of the length before each unit; 0: start codes
        if len(data) > _ARRAYS and data[0] == 1:
            self._length = (data[_ARRAYS - 1] & 3) + 1
            layers = data[_ARRAYS - 1] >> 3 & 7
            self._layers = layers - 1 if layers else None
        else:
            for unit in parted(data):
                self._learn(unit)

    def picture(self, packet: bytes | memoryview) -> Picture | None:
        """What a packet's picture says of itself; None where that cannot be known."""
        kinds: set[tuple[int, int]] = set()
        try:
            for unit in units(packet, self._length, _HEAD, lambda _: False):
                kind, layer = unit[0] >> 1 & 63, (unit[0] & 1) << 5 | unit[1] >> 3
                if kind < _CODED and layer == 0:
                    kinds.add((kind, (unit[1] & 7) - 1))
                else:
                    self._learn(unit)
        except (ValueError, IndexError):  # cut short, or not what the standard says
            return None
        if len(kinds) != 1 or self._layers is None:
            return None
        ((kind, layer),) = kinds
        spare = kind < min(_BEGINS) and kind % 2 == 0 and kind not in _LEADING and layer == self._layers
        return Picture(kind in _BEGINS, not spare, intra=kind in _BEGINS)

    def _learn(self, unit: bytes) -> None:
        if len(unit) > 3 and unit[0] >> 1 & 63 == _VIDEO:
            self._layers = unit[3] >> 1 & 7
