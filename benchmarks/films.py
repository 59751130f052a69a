"""Long films that cost little to make: a few minutes of boards, speech and subtitles, and the same packets again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from tests.media_files import AudioTrack, Image, SubtitleTrack, write_video
from tests.sounds import RATE, speech

_FPS = 5.0
_CUE = 8.0  # seconds from one subtitle to the next
_WORDS = (
    "harbour ferry lighthouse timetable winter island letter museum garden engine copper salmon bridge market "
    "violin glacier orchard lantern captain meadow"
).split()


def cycle(
    path: Path,
    seconds: float,
    board: float,
    size: tuple[int, int],
    spoken: float = 120.0,
    *,
    subtitles: bool = True,
) -> Path:
    """A film of boards of text, a new one every ``board`` seconds, with speech and subtitles.

    Args:
        seconds: its length.
        size: width and height, pixels.
        spoken: seconds from one spoken passage to the next.
        subtitles: it has a track of them.
    """
    samples = np.zeros(round(seconds * RATE), np.int16)
    said = speech()
    for at in np.arange(0.0, seconds, spoken):
        part = samples[round(at * RATE) :][: len(said)]
        part[:] = said[: len(part)]
    cues = [(at, min(at + 0.6 * _CUE, seconds), _sentence(i)) for i, at in enumerate(np.arange(0.5, seconds, _CUE))]
    return write_video(
        path,
        lambda number: _board(number / _FPS, board, size),
        count=round(seconds * _FPS),
        fps=_FPS,
        gop=round(10 * _FPS),
        audio=AudioTrack(samples, codec="aac"),
        subtitles=SubtitleTrack(cues, language="eng") if subtitles else (),
        options={"crf": "30"},
    )


def repeated(film: Path, path: Path, times: int) -> Path:
    """The film's packets so many times, one after the other; each subtitle gets a word of its own at its end."""
    with av.open(str(film)) as source, av.open(str(path), "w") as target:
        streams = {s.index: target.add_stream_from_template(s) for s in source.streams}
        seconds = float((source.duration or 0) / av.time_base)
        for number in range(times):
            for packet in _packets(source):
                target.mux(_moved(packet, streams[packet.stream.index], seconds, number))
    return path


def _packets(source: Any) -> Iterator[Any]:
    source.seek(0)
    for packet in source.demux():
        if packet.dts is not None or packet.pts is not None:
            yield packet


def _moved(packet: Any, stream: Any, seconds: float, number: int) -> Any:
    """A packet of one more round, later by as much as the rounds before it last."""
    shift = round(number * seconds / packet.time_base)
    moved = packet
    if packet.stream.type == "subtitle" and number and packet.stream.codec_context.name in ("srt", "subrip"):
        moved = av.Packet(bytes(packet) + f" {_sentence(number)}".encode())
        moved.time_base, moved.duration = packet.time_base, packet.duration
    moved.pts = None if packet.pts is None else packet.pts + shift
    moved.dts = None if packet.dts is None else packet.dts + shift
    moved.stream = stream
    return moved


def _board(time: float, board: float, size: tuple[int, int]) -> Image:
    """A board with four lines, and a faint stripe that wanders, so that no two pictures are the same.

    It is too faint for the board to be read again: recognition would take most of the time.
    """
    number = int(time // board)
    width, height = size
    image = np.full((height, width, 3), (40 + 37 * number % 90, 30, 60 + 53 * number % 80), np.uint8)
    scale = height / 270
    for line in range(4):
        place = (round(24 * scale), round((60 + 50 * line) * scale))
        cv2.putText(image, _line(number, line), place, cv2.FONT_HERSHEY_SIMPLEX, 0.8 * scale, (235, 235, 235), 2)
    left = int((time * 30 * scale) % (width - 12))
    image[height - 12 :, left : left + 12] += 6
    return image


def _line(number: int, line: int) -> str:
    luck = np.random.default_rng((number, line))
    return f"{luck.choice(_WORDS)} {luck.choice(_WORDS)} {luck.integers(100, 999)}"


def _sentence(number: int) -> str:
    luck = np.random.default_rng(number)
    return f"The {luck.choice(_WORDS)} and the {luck.choice(_WORDS)} of {luck.integers(1000, 9999)}"
