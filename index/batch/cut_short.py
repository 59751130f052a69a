"""Whether a file ends before what it says it holds: a copy that is under way, or one that was broken off.

Containers state the sizes of their parts. Only these are read, a few bytes of each part and nothing of what it holds,
so that a look costs milliseconds. Formats that state no sizes (transport streams, Flash video, Ogg) cannot be told.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

_BOXES = frozenset("ftyp moov mdat moof mfra styp sidx ssix prft emsg meta free skip wide uuid pnot udta PICT".split())
"""Boxes that stand at the top of MP4 and QuickTime files, and that such a file may begin with."""
_MOST_BOXES = 200_000  # of one file; fragments of a second of two days
_EBML, _SEGMENT, _VOID, _CRC = 0x1A45DFA3, 0x18538067, 0xEC, 0xBF
_MOST_BEFORE = 16  # elements that may stand before the segment of a Matroska file
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_LARGEST_HEADER = 1 << 20  # bytes of it that are searched
_BROADCAST = 1  # the flag of an ASF file whose sizes are not known
_RIFF_LIMIT = 1 << 16  # RIFF chunks of one AVI file
_GLANCE = 4096


def cut_short(file: Path) -> str | None:
    """Why a file cannot be complete, in words; None where it can be, where its format does not tell, or where it cannot
    be read, which whoever opens it says better."""
    try:
        if not file.is_file():  # a pipe would be waited for
            return None
        with file.open("rb") as opened:
            size = os.fstat(opened.fileno()).st_size
            told = _told_by(opened.read(_GLANCE))
            return None if told is None else told(opened, size)
    except OSError:
        return None


def _told_by(begin: bytes) -> Callable[[BinaryIO, int], str | None] | None:
    """What reads the sizes of a file that begins like this."""
    if not any(begin):
        return _blank
    if begin[4:8] in {name.encode() for name in _BOXES}:
        return _boxes
    if begin[:4] == _EBML.to_bytes(4, "big"):
        return _matroska
    if begin[:4] == b"RIFF" and begin[8:12] == b"AVI ":
        return _avi
    return _asf if begin[:16] == _ASF else None


def _blank(file: BinaryIO, size: int) -> str:
    """Room that was set aside for a file, and not filled yet."""
    return "it begins with zeros" if size else "the file is empty"


def _boxes(file: BinaryIO, size: int) -> str | None:
    """MP4 and QuickTime: what is played is listed in ``moov``, which is often written last."""
    at, listed = 0, False
    for _ in range(_MOST_BOXES):
        if at >= size:
            break
        file.seek(at)
        header = file.read(16)
        if len(header) < 8:
            return f"it ends within a box at byte {at}" if not listed else None
        length, name = struct.unpack(">I4s", header[:8])
        if not any(header):
            return None if listed else f"zeros from byte {at} on"
        kind = name.decode("latin-1")
        if length == 1:
            length = int.from_bytes(header[8:], "big") if len(header) == 16 else size + 1
        if length == 0:  # up to the end, wherever that is
            length = size - at
        if kind not in _BOXES and (not name.isalnum() or at + length > size):
            break  # damage, or something appended: what was found so far has to do
        if at + length > size:
            return _ends(f"the box {kind!r}", at + length, size)
        listed = listed or kind == "moov"
        at += max(length, 8)
    return None if listed else "its index (moov) is not there"


def _matroska(file: BinaryIO, size: int) -> str | None:
    """Matroska and WebM: everything lies in a segment, whose size is stated unless it was recorded live."""
    at = 0
    for _ in range(_MOST_BEFORE):
        file.seek(at)
        header = file.read(12)
        kind, used = _number(header, keep_marker=True)
        length, more = _number(header[used:]) if used else (None, 0)
        if not used or not more:
            return _ends("the header", at + 12, size) if len(header) < 12 else None
        if kind == _SEGMENT:
            end = size if length is None else at + used + more + length
            return _ends("the segment", end, size) if end > size else None
        if kind not in (_EBML, _VOID, _CRC) or length is None:
            return None
        at += used + more + length
    return None


def _number(data: bytes, *, keep_marker: bool = False) -> tuple[int | None, int]:
    """A number of EBML's variable length, and its bytes: (None, n) where all bits are ones, "unknown"; (None, 0) where
    there is none."""
    width = 9 - data[0].bit_length() if data else 9
    if width > 8 or len(data) < width:
        return None, 0
    value = int.from_bytes(data[:width], "big")
    if keep_marker:
        return value, width
    value &= (1 << 7 * width) - 1
    return (None if value == (1 << 7 * width) - 1 else value), width


def _avi(file: BinaryIO, size: int) -> str | None:
    """AVI: one RIFF chunk, followed by more in files of over a gigabyte."""
    at = 0
    for _ in range(_RIFF_LIMIT):
        file.seek(at)
        header = file.read(8)
        if len(header) < 8 or header[:4] != b"RIFF":
            return None
        end = at + 8 + int.from_bytes(header[4:], "little")
        if end > size:
            return _ends("the RIFF chunk", end, size)
        at = end + end % 2
    return None


def _asf(file: BinaryIO, size: int) -> str | None:
    """Windows Media: the header states the size of the file."""
    file.seek(0)
    header = file.read(_ASF_LARGEST_HEADER)
    end = int.from_bytes(header[16:24], "little")
    if size < end or len(header) < 24:
        return _ends("the header", max(end, 24), size)
    at = header.find(_ASF_PROPERTIES)
    if at < 0 or len(header) < at + 92:
        return None
    stated, flags = int.from_bytes(header[at + 40 : at + 48], "little"), header[at + 88]
    return _ends("the file", stated, size) if stated > size and not flags & _BROADCAST else None


def _ends(what: str, end: int, size: int) -> str:
    return f"it ends at byte {size}, {what} at byte {end}"
