"""Text tracks inside a video file."""

from __future__ import annotations

from typing import Any

from vagent.errors import MediaError
from vagent.tools.media import MediaInfo, Track
from vagent.tools.media.opening import opened
from vagent.tools.subtitles.cues import RawCue, Subtitles, tidy

_FAILURES = 10  # failed reads in a row after which the rest of the file counts as unreadable
_ASS_FIELDS = 8  # fields before the text in FFmpeg's form of every text subtitle


def load(info: MediaInfo, tracks: list[Track]) -> tuple[dict[int, Subtitles], list[str]]:
    """The cues of text tracks, by track number, from one pass over the file; and what went wrong.

    Raises:
        SourceError, MediaError: the file cannot be opened any more.
    """
    raw: dict[int, list[RawCue]] = {t.index: [] for t in tracks}
    problems: list[str] = []
    with opened(info.path) as container:
        from av.error import FFmpegError
        from av.stream import Discard

        for stream in container.streams:
            if stream.index not in raw:
                stream.discard = Discard.all  # its packets need not even be read
        failures = 0
        while failures < _FAILURES:
            try:
                for packet in container.demux():
                    if packet.stream.index in raw:
                        raw[packet.stream.index] += _cues(packet, info.offset)
                    failures = 0
                break
            except EOFError:
                break
            except (FFmpegError, ValueError) as error:
                failures += 1
                if failures == _FAILURES:
                    problems.append(f"subtitle tracks are read only in part: {error}")
    found = {}
    for track in tracks:
        cues = tidy(raw[track.index])
        found[track.index] = Subtitles(
            track.language, f"track {track.index}", track.codec, cues, track.forced, track.hearing_impaired
        )
    return found, problems


def _cues(packet: Any, offset: float) -> list[RawCue]:
    """What one packet says; nothing where it is damaged."""
    from av.error import FFmpegError

    if packet.size == 0 or packet.pts is None or not packet.time_base:
        return []
    start = float(packet.pts * packet.time_base) - offset
    end = start + float(packet.duration * packet.time_base) if packet.duration else None
    try:
        parts = packet.decode()
    except (FFmpegError, ValueError, MediaError):
        return []
    texts = [_text(part) for part in parts if part.type in (b"ass", b"text")]
    return [RawCue(start, end, text) for text in texts if text]


def _text(part: Any) -> str:
    ass = bytes(part.ass or b"").decode("utf-8", errors="replace")
    fields = ass.split(",", _ASS_FIELDS)
    return fields[_ASS_FIELDS] if len(fields) > _ASS_FIELDS else bytes(part.text or b"").decode("utf-8", "replace")
