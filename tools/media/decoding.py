"""Packets of one picture track to pictures in order of display: all of them, or what other pictures need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vagent.tools.media.skipping import Level, Skipper

if TYPE_CHECKING:
    from av import VideoFrame

Signature = NDArray[np.uint8]
Shown = tuple["VideoFrame", Signature | None]
"""A picture, and its signature where that was made already."""


def decode(stream: Any, packet: Any) -> tuple[Sequence[Any], bool]:
    """Frames that come out now, and whether something broke. None as packet: the last ones."""
    from av.error import EOFError as Ended
    from av.error import FFmpegError

    try:
        return stream.codec_context.decode(packet), False
    except Ended:
        return (), False
    except (FFmpegError, ValueError, MemoryError):
        return (), True


class Decoding:
    """Every picture that decodes.

    Attributes:
        left_out: so many pictures on end may be missing for longer than a moment without anything being broken.
        broken: how often decoding has failed; whoever reads that sets it back.
    """

    left_out = 0

    def __init__(self, stream: Any) -> None:
        self.broken = 0
        self._stream = stream
        self._level: Level = "DEFAULT"

    def feed(self, packet: Any) -> Iterator[Shown]:
        """Pictures that come out when a packet goes in."""
        yield from self._pictures(packet)

    def release(self) -> Iterator[Shown]:
        """Damage lies before the next packet: pictures of what is held back."""
        yield from ()

    def finish(self) -> Iterator[Shown]:
        """There are no more packets: all that is left."""
        yield from self._pictures(None)

    def _pictures(self, packet: Any) -> Iterator[Shown]:
        for frame in self._send(packet):
            yield frame, None

    def _send(self, packet: Any, level: Level = "DEFAULT") -> Sequence[Any]:
        if level != self._level:
            self._stream.codec_context.skip_frame = self._level = level
        frames, broke = decode(self._stream, packet)
        self.broken += broke
        return frames


class References(Decoding):
    """Pictures that others are predicted from, and not even those where ``skipping`` proves that they can be spared."""

    left_out = 32  # encoders write 16 on end that no other needs, at most

    def __init__(self, stream: Any, skipper: Skipper) -> None:
        super().__init__(stream)
        self._skipper = skipper
        context = stream.codec_context
        # The edges of blocks stay as they were stored: a fifth of the cost, and nothing that a small picture shows.
        context.options = {**context.options, "skip_loop_filter": "all"}

    def feed(self, packet: Any) -> Iterator[Shown]:
        yield from self._at(self._skipper.offer(packet))

    def release(self) -> Iterator[Shown]:
        yield from self._at(self._skipper.release())

    def finish(self) -> Iterator[Shown]:
        yield from self._at(self._skipper.finish())
        yield from self._pictures(None)

    def _at(self, packets: Iterable[tuple[Any, Level]]) -> Iterator[Shown]:
        for packet, level in packets:
            for frame in self._send(packet, level):
                yield frame, None
