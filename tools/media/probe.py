"""What a file holds, and which of its tracks to take."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vagent.errors import MediaError, SettingsError
from vagent.tools import languages
from vagent.tools.media import Chapter, MediaInfo, Track, TrackKind
from vagent.tools.media.frames import Orientation, usable_sar
from vagent.tools.media.opening import check, opened, prepare

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer

_MICROSECONDS = 1_000_000
_LEAST_BYTES_A_SECOND = 4  # a header that claims more time than this is damaged: no codec says so little
_FIRST_PACKETS = 300  # how many packets of each kind may pass before a first frame must have come
_TITLE_LENGTH = 200
_CHAPTERS = 1000  # a file that marks more is damaged, or made to be a nuisance
_KINDS: dict[str, TrackKind] = {"video": "video", "audio": "audio", "subtitle": "subtitle"}
_BITMAPS = frozenset({"hdmv_pgs_subtitle", "dvd_subtitle", "dvdsub", "dvb_subtitle", "dvbsub", "xsub", "pgssub"})
_HANDLERS = re.compile(r"handler|^core media|^apple|^\(c\)|^iso media", re.I)  # names that muxers write by themselves
_COMMENTARY = re.compile(r"\b(commentar(y|ies)|kommentar|commentaires?|comentarios?|commento|descriptive|"
                         r"audio.?descri(ption|be[dr])|described video|audiodeskription|dvs)\b", re.I)  # fmt: skip
_HEARING = re.compile(r"\b(sdh|cc|closed captions?|hearing.impaired|hoh)\b", re.I)
_FORCED = re.compile(r"\b(forced|foreign parts?)\b", re.I)


def probe(path: Path) -> MediaInfo:
    """What the file holds. Decodes the first picture of each video track, no more.

    Raises:
        SourceError: no such file, a folder, no permission.
        MediaError: empty, not video or audio, or holding no track that can be decoded.
    """
    size = check(path)
    with opened(path) as container:
        firsts = _first_frames(container)
        tracks = tuple(_track(stream, firsts.get(stream.index)) for stream in container.streams)
        start = (container.start_time or 0) / _MICROSECONDS
        end = (container.duration or 0) / _MICROSECONDS
        # Matroska states the time of the end, not how long it is from the beginning to there.
        lasts = end - max(0.0, start) if "matroska" in container.format.name else end
        info = MediaInfo(
            path=path,
            container=container.format.name,
            size=size,
            duration=_duration(lasts, size),
            offset=start,
            tracks=tracks,
            chapters=_chapters(container, start),
            title=_tag(container, "title"),
            made=_tag(container, "date", "date_released", "year"),
        )
    if not info.of("video") and not info.of("audio"):
        held = ", ".join(sorted({f"{t.kind} ({t.codec})" for t in tracks})) or "nothing"
        raise MediaError(f"no picture and no sound that can be decoded in it, only {held}", str(path))
    return info


def pick(
    info: MediaInfo, kind: Literal["video", "audio"], *, index: int | None = None, language: str | None = None
) -> Track | None:
    """The track to take: the one asked for, else by language, then the file's default mark, then the largest picture
    or the most channels. Commentaries and audio descriptions are taken only when asked for; None where nothing is left.

    Raises:
        SettingsError: ``index`` is not a track of this kind.
    """
    tracks = info.of(kind)
    if index is not None:
        found = next((t for t in tracks if t.index == index), None)
        if found is None:
            numbers = [f"{t.index} ({label(t)})" for t in tracks]
            raise SettingsError(
                f"no such {kind} track", index, allowed=numbers or f"none, the file has no {kind} track"
            )
        return found
    wanted = [t for t in tracks if not t.commentary]

    def rank(track: Track) -> tuple[bool, bool, int, int]:
        size = track.width * track.height if kind == "video" else track.channels
        return not languages.same(track.language, language), not track.default, -size, track.index

    return min(wanted, key=rank, default=None)


def label(track: Track) -> str:
    """A track in a few words, ``"subrip, eng"``."""
    return ", ".join(filter(None, (track.codec, track.language, track.title)))


def _tag(container: InputContainer, *names: str) -> str:
    """The first of some tags of the container that says something, whatever their case."""
    tags = {name.lower(): " ".join(str(value).split()) for name, value in container.metadata.items()}
    return next((tags[name][:_TITLE_LENGTH] for name in names if tags.get(name)), "")


def _duration(seconds: float, size: int) -> float | None:
    """The header's duration, rounded to microseconds, unless it is missing or cannot be true."""
    return round(seconds, 6) if seconds > 0 and size / seconds >= _LEAST_BYTES_A_SECOND else None


def _chapters(container: InputContainer, offset: float) -> tuple[Chapter, ...]:
    """The chapters that the file marks; marks that say nothing, because they end before they begin, are left out."""
    found = []
    for mark in container.chapters()[:_CHAPTERS]:
        unit = mark["time_base"] or 0
        start, end = (max(0.0, float(mark[at] * unit) - offset) for at in ("start", "end"))
        title = " ".join(str(mark["metadata"].get("title", "")).split())[:_TITLE_LENGTH]
        found += [Chapter(round(start, 6), round(end, 6), title)] if end > start else []
    return tuple(sorted(found, key=lambda chapter: (chapter.start, chapter.end)))


def _first_frames(container: InputContainer) -> dict[int, VideoFrame]:
    """The first picture of each video track that gives one soon, by track number."""
    from av.error import FFmpegError

    waiting = {s.index: s for s in container.streams.video if s.codec_context and not _attached(s)}
    for stream in waiting.values():
        prepare(stream, 1)
    found: dict[int, VideoFrame] = {}
    left = _FIRST_PACKETS * len(waiting)
    try:
        for packet in container.demux(*waiting.values()) if waiting else ():
            left -= 1
            if packet.stream.index not in found:
                frames = _decoded(packet)
                if frames:
                    found[packet.stream.index] = frames[0]
            if left < 0 or len(found) == len(waiting):
                break
    except FFmpegError:
        return found  # damaged so early; what decodes is found out by reading
    return found


def _decoded(packet: Any) -> Sequence[VideoFrame]:
    from av.error import FFmpegError

    try:
        frames: Sequence[VideoFrame] = packet.decode()
    except FFmpegError:
        return ()
    return frames


def _track(stream: Any, first: VideoFrame | None) -> Track:
    context = stream.codec_context
    kind = _KINDS.get(stream.type, "other") if context is not None else "other"
    marks = _marks(stream)
    title = _title(stream.metadata)
    codec = context.codec.canonical_name if context is not None else "unknown"
    common: dict[str, Any] = {
        "index": stream.index,
        "kind": kind,
        "codec": codec,
        "language": languages.tidy(stream.metadata.get("language")),
        "title": title,
        "default": "default" in marks,
    }
    if kind == "video":
        return Track(**common, attached_picture=_attached(stream), **_picture_fields(stream, first))
    if kind == "audio":
        spoken_over = bool(marks & {"comment", "descriptions", "visual_impaired"} or _COMMENTARY.search(title))
        return Track(**common, commentary=spoken_over, sample_rate=context.sample_rate, channels=context.channels)
    if kind == "subtitle":
        return Track(
            **common,
            forced="forced" in marks or bool(_FORCED.search(title)),
            hearing_impaired=bool(marks & {"hearing_impaired", "captions"} or _HEARING.search(title)),
            commentary="comment" in marks or bool(_COMMENTARY.search(title)),
            bitmap=codec in _BITMAPS,
        )
    return Track(**common)


def _picture_fields(stream: Any, first: VideoFrame | None) -> dict[str, Any]:
    sar = usable_sar(stream.sample_aspect_ratio)
    shape = Orientation.of(first) if first is not None else Orientation(None)
    width, height = (first.width, first.height) if first is not None else (stream.width, stream.height)
    width = round(width * sar)
    return {
        "width": height if shape.transposed else width,
        "height": width if shape.transposed else height,
        "rotation": shape.rotation,
        "interlaced": first is not None and first.interlaced_frame,
        "frame_rate": float(stream.average_rate) if stream.average_rate else None,
    }


def _attached(stream: Any) -> bool:
    return bool(_marks(stream) & {"attached_pic", "timed_thumbnails", "still_image"})


def _marks(stream: Any) -> set[str]:
    """Names of the stream's dispositions: ``default``, ``forced``, ``comment`` ..."""
    from av.stream import Disposition

    return {str(mark.name) for mark in Disposition if mark in stream.disposition}


def _title(metadata: Any) -> str:
    """The title; MP4 has none, and writers put it into the handler's name."""
    handler = str(metadata.get("handler_name") or "")
    title = str(metadata.get("title") or ("" if _HANDLERS.search(handler) else handler))
    return " ".join(title.split())[:_TITLE_LENGTH]
