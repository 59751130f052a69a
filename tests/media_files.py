"""Tiny videos, made on the spot with PyAV, for every test that needs a file whose content and times are known.

The usual call is ``write_video(path, colours(10), fps=5)``: ten plain pictures, a fifth of a second apart. ``times``
gives each picture its own time, ``audio``, ``subtitles`` and ``more_video`` add tracks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Pictures = Sequence[Image] | Callable[[int], Image]

TICKS = 1000  # time base of every picture: a millisecond

ASS_HEADER = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, \
Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, \
MarginV, Encoding
Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


@dataclass(frozen=True)
class VideoTrack:
    """Pictures (BGR) and when each is shown. Codec options go to the encoder as they are."""

    pictures: Pictures
    times: Sequence[float] | None = None
    fps: float = 10.0
    count: int | None = None  # needed where ``pictures`` is a function
    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    gop: int = 12
    b_frames: int = 0
    rotation: int = 0  # degrees clockwise that a player turns the stored picture
    flip: bool = False  # mirrored left to right after the rotation
    sar: Fraction | None = None
    interlaced: bool = False
    language: str | None = None
    title: str | None = None
    disposition: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class AudioTrack:
    """Sound: int16, mono or (n, channels). ``pieces`` of (start seconds, samples) make holes and overlaps."""

    samples: NDArray[np.int16] | None = None
    rate: int = 16_000
    start: float = 0.0
    pieces: Sequence[tuple[float, NDArray[np.int16]]] = ()
    codec: str | None = None  # None: aac, or flac where the container takes it
    language: str | None = None
    title: str | None = None
    disposition: str | None = None


@dataclass(frozen=True)
class SubtitleTrack:
    """Cues of (start, end, text); the text may hold ASS markup, ``\\N`` breaks the line."""

    cues: Sequence[tuple[float, float, str]]
    codec: str | None = None  # None: subrip, mov_text or webvtt, as the container takes
    language: str | None = None
    title: str | None = None
    disposition: str | None = None


def picture(colour: tuple[int, int, int], size: tuple[int, int] = (64, 48)) -> Image:
    """One plain picture. ``colour`` is blue, green, red; ``size`` is width, height."""
    return np.full((size[1], size[0], 3), colour, dtype=np.uint8)


def colours(count: int, size: tuple[int, int] = (64, 48)) -> list[Image]:
    """Plain grey pictures of which every one is a shade of its own: number ``i`` is ``shade(i)`` bright."""
    return [picture((shade(i),) * 3, size) for i in range(count)]


def shade(number: int) -> int:
    """Brightness (0..255) of picture ``number`` of ``colours``: neighbours differ by 24 at least."""
    return 30 + (number * 61) % 200


def quadrants(size: tuple[int, int] = (64, 48)) -> Image:
    """A picture that shows which way up it is: top left red, top right green, bottom left blue, bottom right white."""
    image = np.zeros((size[1], size[0], 3), dtype=np.uint8)
    half_height, half_width = size[1] // 2, size[0] // 2
    image[:half_height, :half_width] = (0, 0, 255)
    image[:half_height, half_width:] = (0, 255, 0)
    image[half_height:, :half_width] = (255, 0, 0)
    image[half_height:, half_width:] = (255, 255, 255)
    return image


def tone(seconds: float, frequency: float = 440.0, rate: int = 16_000, loudness: float = 0.3) -> NDArray[np.int16]:
    """A sine of so many seconds, int16."""
    wave = np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)
    return (wave * loudness * 32767).astype(np.int16)


def clicks(times: Sequence[float], seconds: float, rate: int = 16_000) -> NDArray[np.int16]:
    """Silence with a short loud burst that begins at each of ``times``: shows where audio really lies."""
    samples = np.zeros(round(seconds * rate), dtype=np.int16)
    burst = tone(0.02, 1000.0, rate, 0.8)
    for time in times:
        at = round(time * rate)
        samples[at : at + len(burst)] = burst[: len(samples) - at]
    return samples


def write_video(
    path: Path,
    frames: Pictures | None = None,
    *,
    times: Sequence[float] | None = None,
    fps: float = 10.0,
    audio: NDArray[np.int16] | AudioTrack | Sequence[AudioTrack] | None = None,
    subtitles: SubtitleTrack | Sequence[SubtitleTrack] = (),
    more_video: Sequence[VideoTrack] = (),
    offset: float = 0.0,
    audio_first: bool = False,
    format: str | None = None,
    container_options: Mapping[str, str] | None = None,
    cover: bytes | None = None,
    chapters: Sequence[tuple[float, float, str]] = (),
    **track: Any,
) -> Path:
    """Write a file and return its path; the suffix says the container unless ``format`` does.

    Args:
        frames: BGR pictures, or a function of their number (then give ``count``); None: no video.
        times: when each picture is shown, seconds; None: evenly, ``fps`` a second.
        audio: int16 samples at 16 kHz, or tracks.
        more_video: further video tracks, after the first.
        offset: seconds added to every time, so that the file does not start at 0.
        audio_first: store all sound before all pictures: badly interleaved (Matroska only).
        cover: JPEG bytes of an attached picture (Matroska).
        chapters: marks of (start, end, title).
        track: further fields of ``VideoTrack`` for the first track.
    """
    first = [] if frames is None else [VideoTrack(frames, times=times, fps=fps, **track)]
    sounds = [audio] if isinstance(audio, AudioTrack) else _audio_tracks(audio)
    texts = [subtitles] if isinstance(subtitles, SubtitleTrack) else list(subtitles)
    options = dict(container_options or {}) | ({"max_interleave_delta": "1"} if audio_first else {})
    with av.open(str(path), "w", format=format, container_options=options) as container:
        name = container.format.name
        packets = []
        writers = [(_add_video(container, t), t) for t in [*first, *more_video]]
        audio_writers = [(_add_audio(container, t, name), t) for t in sounds]
        text_writers = [(_add_text(container, t, name), t) for t in texts]
        if cover is not None:
            container.add_attachment("cover.jpg", "image/jpeg", cover)
        if chapters:
            container.set_chapters([_chapter(i, *chapter, offset) for i, chapter in enumerate(chapters, 1)])
        for stream, video_track in writers:
            packets += [(p, 1) for p in _video_packets(stream, video_track, offset)]
        for stream, audio_track in audio_writers:
            packets += [(p, 0) for p in _audio_packets(stream, audio_track, offset)]
        for stream, text_track in text_writers:
            packets += [(p, 1) for p in _text_packets(stream, text_track, offset)]
        packets.sort(key=lambda pair: (pair[1] if audio_first else 0, _order(pair[0])))
        for packet, _ in packets:
            container.mux(packet)
    return path


def _chapter(number: int, start: float, end: float, title: str, offset: float) -> dict[str, Any]:
    ticks = {"start": round((start + offset) * TICKS), "end": round((end + offset) * TICKS)}
    return {"id": number, **ticks, "time_base": Fraction(1, TICKS), "metadata": {"title": title} if title else {}}


def _audio_tracks(audio: NDArray[np.int16] | Sequence[AudioTrack] | None) -> list[AudioTrack]:
    if audio is None:
        return []
    return [AudioTrack(audio)] if isinstance(audio, np.ndarray) else list(audio)


def _order(packet: Any) -> float:
    stamp = packet.dts if packet.dts is not None else packet.pts
    return float((stamp or 0) * packet.time_base)


def _label(stream: Any, track: VideoTrack | AudioTrack | SubtitleTrack) -> None:
    if track.language:
        stream.metadata["language"] = track.language
    if track.title:
        stream.metadata["title"] = track.title
        stream.metadata["handler_name"] = track.title
    if track.disposition is not None:
        from av.stream import Disposition

        stream.disposition = sum((Disposition[name] for name in track.disposition.split("+") if name), Disposition(0))


def _picture(track: VideoTrack, number: int) -> Image:
    return track.pictures(number) if callable(track.pictures) else track.pictures[number]


def _add_video(container: Any, track: VideoTrack) -> Any:
    options = dict(track.options)
    if track.codec == "libx264":
        options = {"preset": "ultrafast", "crf": "12", "bf": str(track.b_frames), "forced-idr": "1"} | options
        if track.interlaced:
            options["x264-params"] = "interlaced=1:tff=1"
    stream = container.add_stream(track.codec, rate=Fraction(track.fps).limit_denominator(1001), options=options)
    height, width = _picture(track, 0).shape[:2]
    stream.width, stream.height, stream.pix_fmt = width, height, track.pix_fmt
    # MPEG-2 knows a few fixed frame rates only.
    base = Fraction(1, round(track.fps)) if track.codec == "mpeg2video" else Fraction(1, TICKS)
    stream.codec_context.time_base = stream.time_base = base
    stream.codec_context.gop_size = track.gop
    if track.sar:
        stream.codec_context.sample_aspect_ratio = track.sar
        stream.sample_aspect_ratio = track.sar
    if track.rotation or track.flip:
        stream.set_display_rotation(-track.rotation, hflip=track.flip)
    if track.interlaced and track.codec != "libx264":
        stream.codec_context.flags |= 0x40000 | 0x20000000  # interlaced DCT and motion estimation
    if track.codec in ("mpeg4", "mpeg2video", "mjpeg", "wmv2"):
        stream.codec_context.bit_rate = 4_000_000
    _label(stream, track)
    return stream


def _video_packets(stream: Any, track: VideoTrack, offset: float) -> list[Any]:
    count = track.count if track.count is not None else len(track.pictures)  # type: ignore[arg-type]
    times = track.times if track.times is not None else [i / track.fps for i in range(count)]
    found = []
    reformatter = VideoReformatter()  # one for all, in this thread: pictures are small
    for number, time in zip(range(count), times, strict=True):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(_picture(track, number)), format="bgr24")
        frame = reformatter.reformat(frame, format=track.pix_fmt, threads=1)
        frame.pts = round((time + offset) * TICKS)
        frame.time_base = Fraction(1, TICKS)
        found += stream.encode(frame)
    return found + stream.encode(None)


def _add_audio(container: Any, track: AudioTrack, name: str) -> Any:
    codec = track.codec or {"matroska": "flac", "webm": "libopus", "wav": "pcm_s16le", "flac": "flac"}.get(name, "aac")
    stream = container.add_stream(codec, rate=48_000 if codec == "libopus" else track.rate)
    first = track.samples if track.samples is not None else track.pieces[0][1]
    stream.codec_context.layout = "mono" if first.ndim == 1 else {2: "stereo", 6: "5.1"}[first.shape[1]]
    _label(stream, track)
    return stream


def _audio_packets(stream: Any, track: AudioTrack, offset: float) -> list[Any]:
    pieces = track.pieces or [(track.start, track.samples)]
    found = []
    context = stream.codec_context
    context.open()
    block = context.frame_size or 1024
    target = context.sample_rate
    for start, samples in pieces:
        resampler = av.AudioResampler(format=context.format, layout=context.layout, rate=target, frame_size=block)
        flat = samples.reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(flat, format="s16", layout=context.layout.name)
        frame.sample_rate, frame.time_base, frame.pts = track.rate, Fraction(1, track.rate), 0
        at = round((start + offset) * target)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            part.pts, part.time_base = at, Fraction(1, target)
            at += part.samples
            found += stream.encode(part)
    return found + stream.encode(None)


def _add_text(container: Any, track: SubtitleTrack, name: str) -> Any:
    codec = track.codec or {"matroska": "subrip", "webm": "webvtt"}.get(name, "mov_text")
    stream = container.add_stream(codec)
    stream.codec_context.time_base = Fraction(1, TICKS)
    stream.codec_context.subtitle_header = ASS_HEADER
    stream.time_base = Fraction(1, TICKS)
    _label(stream, track)
    return stream


def _text_packets(stream: Any, track: SubtitleTrack, offset: float) -> list[Any]:
    from av.subtitles.subtitle import SubtitleSet

    found = []
    for number, (start, end, text) in enumerate(track.cues):
        line = f"{number},0,Default,,0,0,0,,{text}".encode()
        packet = stream.codec_context.encode_subtitle(SubtitleSet.create(line, 0, round((end - start) * 1000)))
        packet.pts = packet.dts = round((start + offset) * TICKS)
        packet.duration = round((end - start) * TICKS)
        packet.time_base = Fraction(1, TICKS)
        packet.stream = stream
        found.append(packet)
    return found
