"""What H.264 pictures say of themselves before they are decoded: their kind, and which others they are predicted from.

Reads parameter sets and the heads of slices (ITU-T H.264, 7.3.2.1, 7.3.2.2, 7.3.3 and 8.2.4), and of those no more than
that takes. Interlaced streams and rare tools are left alone: nothing is said of their pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

_HEAD = 64  # bytes of a slice that hold what is read of it
_SLICES = (1, 5)
_PARTS = (2, 3, 4)  # slices stored in three parts
_IDR, _SEQUENCE, _PICTURE = 5, 7, 8
_P, _B = 0, 1
_RICH = frozenset({44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244})  # profiles that state their chroma
_ALL_CHROMA = 3


@dataclass(frozen=True, slots=True)
class Picture:
    """One coded picture.

    Attributes:
        begins: nothing that comes after it is predicted from what came before it (IDR).
        intra: it is predicted from no other.
        bidirectional: it is predicted from two at once (B), all of it.
        reference: others may be predicted from it.
        number: its number among those; counts up to a limit and begins anew.
        named: of a P picture, the numbers of those that it names.
        latest: of a P picture, from how many more of the latest it may be predicted.
        held: how many pictures a decoder holds for prediction.
    """

    begins: bool
    intra: bool
    bidirectional: bool
    reference: bool
    number: int
    named: frozenset[int]
    latest: int
    held: int


@dataclass(frozen=True, slots=True)
class _Sequence:
    number_bits: int
    order_bits: int  # 0: the order is not written down
    held: int
    planes: bool  # each colour is coded as a picture of its own


@dataclass(frozen=True, slots=True)
class _Set:
    sequence: int
    bottom: bool
    references: int
    redundant: bool


@dataclass(frozen=True, slots=True)
class _Slice:
    kind: int
    number: int
    named: tuple[int, ...]
    latest: int


class Headers:
    """Reads the pictures of one stream.

    Args:
        extradata: what the container says of the stream: parameter sets, and how units are told apart.
    """

    def __init__(self, extradata: bytes | None) -> None:
        data = bytes(extradata or b"")
        self._sequences: dict[int, _Sequence | None] = {}
        self._sets: dict[int, _Set | None] = {}
        self._length = 0  # bytes of the length before each unit; 0: start codes
        if len(data) > 6 and data[0] == 1:
            self._length = (data[4] & 3) + 1
            for unit in _configured(data):
                self._learn(unit)
        else:
            for unit in parted(data):
                self._learn(unit)

    def picture(self, packet: bytes | memoryview) -> Picture | None:
        """What a packet's picture says of itself; None where that cannot be known."""
        try:
            return self._picture(packet)
        except (ValueError, IndexError, KeyError):  # cut short, or not what the standard says
            return None

    def _picture(self, packet: bytes | memoryview) -> Picture | None:
        slices: list[_Slice] = []
        head, sequence = 0, None
        for unit in units(packet, self._length, _HEAD, lambda first: first & 31 in (_SEQUENCE, _PICTURE)):
            kind = unit[0] & 31
            if kind in _PARTS:
                return None
            if kind in _SLICES:
                head = unit[0]
                sequence, read = self._slice(unit)
                slices.append(read)
            else:
                self._learn(unit)
        if sequence is None or len({one.kind == _B for one in slices}) != 1:
            return None
        return Picture(
            begins=head & 31 == _IDR,
            intra=all(one.kind not in (_P, _B) for one in slices),
            bidirectional=slices[0].kind == _B,
            reference=head >> 5 != 0,
            number=slices[0].number,
            named=frozenset(number for one in slices for number in one.named),
            latest=max(one.latest for one in slices),
            held=sequence.held,
        )

    def _learn(self, unit: bytes) -> None:
        """Take in a parameter set; one that cannot be read is one that nothing is known of."""
        kind = unit[0] & 31
        if kind not in (_SEQUENCE, _PICTURE):
            return
        bits = _Bits(unit[1:])
        try:
            if kind == _SEQUENCE:
                number, sequence = _sequence(bits)
                self._sequences[number] = sequence
            else:
                self._set(bits)
        except ValueError:
            self._sequences.clear()

    def _set(self, bits: _Bits) -> None:
        number, sequence = bits.unsigned(), bits.unsigned()
        bits.take(1)
        bottom = bool(bits.take(1))
        groups = bits.unsigned()
        references = bits.unsigned() + 1
        bits.unsigned()
        bits.take(3)
        for _ in range(3):
            bits.unsigned()  # signed, of which only the length matters
        bits.take(2)
        self._sets[number] = None if groups else _Set(sequence, bottom, references, bool(bits.take(1)))

    def _slice(self, unit: bytes) -> tuple[_Sequence, _Slice]:
        bits = _Bits(unit[1:_HEAD])
        bits.unsigned()
        kind = bits.unsigned() % 5
        chosen = self._sets[bits.unsigned()]
        sequence = self._sequences[chosen.sequence] if chosen else None
        if chosen is None or sequence is None:
            raise ValueError
        bits.take(2 if sequence.planes else 0)
        number = bits.take(sequence.number_bits)
        if unit[0] & 31 == _IDR:
            bits.unsigned()
        bits.take(sequence.order_bits)
        if sequence.order_bits and chosen.bottom:
            bits.unsigned()
        if chosen.redundant and bits.unsigned():
            raise ValueError
        if kind != _P:
            return sequence, _Slice(kind, number, (), 0)
        references = bits.unsigned() + 1 if bits.take(1) else chosen.references
        named = tuple(_named(bits, number, 1 << sequence.number_bits))[:references]
        return sequence, _Slice(kind, number, named, references - len(named))


def _named(bits: _Bits, number: int, limit: int) -> Iterator[int]:
    """Numbers of the pictures that a slice puts at the front of those that it is predicted from."""
    if not bits.take(1):
        return
    while (order := bits.unsigned()) != 3:
        if order > 1:
            raise ValueError  # one that is held for long, which has no number
        step = bits.unsigned() + 1
        number = (number + (step if order else -step)) % limit
        yield number


def _sequence(bits: _Bits) -> tuple[int, _Sequence | None]:
    """A sequence's number and what it says; None where it uses what is not followed here."""
    profile = bits.take(8)
    bits.take(16)
    name = bits.unsigned()
    planes = False
    if profile in _RICH:
        chroma = bits.unsigned()
        planes = bool(bits.take(1)) if chroma == _ALL_CHROMA else False
        bits.unsigned()
        bits.unsigned()
        bits.take(1)
        if bits.take(1):
            _pass_scaling(bits, 12 if chroma == _ALL_CHROMA else 8)
    number_bits = bits.unsigned() + 4
    order = bits.unsigned()
    order_bits = bits.unsigned() + 4 if order == 0 else 0
    if order == 1:
        return name, None
    held = bits.unsigned()
    gaps = bits.take(1)
    bits.unsigned()
    bits.unsigned()
    whole = bits.take(1)
    return name, _Sequence(number_bits, order_bits, held, planes) if whole and not gaps else None


def _pass_scaling(bits: _Bits, lists: int) -> None:
    for number in range(lists):
        if bits.take(1):
            last = step = 8
            for _ in range(16 if number < 6 else 64):
                if step:
                    step = (last + bits.signed() + 256) % 256
                last = step or last


def _configured(data: bytes) -> Iterator[bytes]:
    """The parameter sets of an AVCDecoderConfigurationRecord (ISO/IEC 14496-15)."""
    place = 5
    for mask in (31, 255):
        if place >= len(data):
            return
        count = data[place] & mask
        place += 1
        for _ in range(count):
            size = int.from_bytes(data[place : place + 2], "big")
            if unit := data[place + 2 : place + 2 + size]:
                yield unit
            place += 2 + size


def units(data: bytes | memoryview, length: int, head: int, whole: Callable[[int], bool]) -> Iterator[bytes]:
    """The units of a packet.

    Args:
        length: bytes of the length that stands before each; 0: start codes do.
        head: so many bytes are given of each where that costs less,
        whole: and all of those whose first byte says so.

    Raises:
        ValueError: a length makes no sense.
    """
    if not length:
        yield from parted(bytes(data))
        return
    place, end = 0, len(data)
    while place + length < end:
        size = int.from_bytes(data[place : place + length], "big")
        place += length
        if not 0 < size <= end - place:
            raise ValueError
        yield bytes(data[place : place + (size if whole(data[place]) else min(size, head))])
        place += size


def parted(data: bytes) -> Iterator[bytes]:
    """Units with a start code before them."""
    place = data.find(b"\0\0\1")
    while place >= 0:
        after = data.find(b"\0\0\1", place + 3)
        if unit := data[place + 3 : after if after >= 0 else None]:
            yield unit
        place = after


class _Bits:
    """Reads a unit bit by bit; the bytes that keep start codes apart are taken out."""

    __slots__ = ("_left", "_value")

    def __init__(self, data: bytes) -> None:
        plain = data.replace(b"\0\0\3", b"\0\0")
        self._value, self._left = int.from_bytes(plain, "big"), 8 * len(plain)

    def take(self, count: int) -> int:
        """So many bits as a number.

        Raises:
            ValueError: there are no more.
        """
        self._left -= count
        if self._left < 0:
            raise ValueError
        return (self._value >> self._left) & ((1 << count) - 1)

    def unsigned(self) -> int:
        """An Exp-Golomb code (9.1).

        Raises:
            ValueError: there is none.
        """
        rest = self._value & ((1 << self._left) - 1)
        zeros = self._left - rest.bit_length()
        if not rest or zeros > 31:
            raise ValueError
        self._left -= zeros
        return self.take(zeros + 1) - 1

    def signed(self) -> int:
        """A signed Exp-Golomb code (9.1.1).

        Raises:
            ValueError: there is none.
        """
        code = self.unsigned()
        return (code + 1) // 2 if code % 2 else -(code // 2)
