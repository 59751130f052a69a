"""Whether a film is known again in another encoding, and another cut of it is not taken for it.

    python -m benchmarks.relinking [--minutes 120] [--edits NAME ...] [--media FOLDER] [--json OUT]

A film of textured scenes with sound is made, of ``--minutes``, and indexed; then each edit of it at half the size, in
another codec and another container is shown to the library. With ``--media`` the videos of a folder that last from ten
seconds to ``_LONGEST`` are indexed too, and each is shown again at half its size in another codec.

    same            nothing is changed: it should be proposed
    head            three seconds stand before it: proposed, with that offset
    replaced N      N seconds in the middle show and sound otherwise: another cut
    pictures N      N seconds show otherwise and sound the same: another cut
    sound N         N seconds sound otherwise and show the same: another cut
    removed N       N seconds are left out: another cut
    inserted N      N seconds more stand in the middle: another cut

``seconds`` are processor seconds of the comparison, without the making of the film.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from vagent import configs
from vagent.errors import MediaError
from vagent.index.library import VideoLibrary
from vagent.index.sources.files import VIDEO_SUFFIXES
from vagent.index.sync.lookalikes import SHORTEST, Lookalikes
from vagent.tools.media.probe import pick, probe

EDITS = (
    *("same", "head", "replaced 30", "replaced 20", "replaced 10", "pictures 20", "pictures 10", "sound 20"),
    *("removed 20", "removed 5", "inserted 20"),
)
_OFF = dict.fromkeys(("speech", "text", "objects", "sounds", "visual", "embeddings"), "off")
_FPS, _RATE = 4, 16_000
_OLD, _NEW = (160, 90), (80, 46)  # width and height
_LONGEST = 1500.0  # seconds of a video of a folder
_AFTER = 0.31  # of the film's length: where an edit begins


@dataclass(frozen=True)
class Scene:
    """A picture that is slowly panned over, and a sound; both follow from their seeds. Times in seconds."""

    pictures: int
    sound: int
    seconds: float


@dataclass(frozen=True)
class Found:
    """What became of one film: whether it was proposed, as it should be, and what it cost."""

    film: str
    edit: str
    proposed: bool
    right: bool
    seconds: float
    said: str = ""


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="vagent-benchmark-") as folder:
        settings = {"library": str(Path(folder) / "library"), "engines": _OFF, "threads": 1, "index": {"settle": 0}}
        library = VideoLibrary(configs.load(settings, env={}))
        try:
            found = list(_made(library, Path(folder), given.minutes, given.edits))
            if given.media:
                found += _real(library, Path(folder), given.media)
        finally:
            library.close()
    print(table(found))
    if given.json:
        machine = f"{platform.machine()}, {os.cpu_count()} cores"
        report = {"machine": machine, "minutes": given.minutes, "films": [asdict(one) for one in found]}
        given.json.write_text(json.dumps(report, indent=2), encoding="utf-8")
    return 0 if all(one.right for one in found) else 1


def _made(library: VideoLibrary, folder: Path, minutes: float, edits: Sequence[str]) -> Iterator[Found]:
    """Edits of a film that is made here."""
    film = list(_scenes(minutes * 60))
    source = write(folder / "film.mkv", film, _OLD, "libx264")
    library.add(source, relink="never")
    for edit in edits:
        kind, _, length = edit.partition(" ")
        new = write(folder / "edit.mp4", edited(film, kind, float(length or 0)), _NEW, "mpeg4")
        yield shown(library, new, source, edit)
        new.unlink()


def _real(library: VideoLibrary, folder: Path, media: Path) -> list[Found]:
    """The videos of a folder, encoded anew."""
    sources = []
    for path in sorted(media.iterdir()):
        try:
            seconds = probe(path).duration if path.suffix.lower() in VIDEO_SUFFIXES else None
        except MediaError:
            continue
        if seconds and SHORTEST <= seconds <= _LONGEST:
            sources.append(path)
    library.add(sources, workers=1, relink="never")
    found = []
    for source in sources:
        new = encoded(source, folder / "half.mkv")
        found.append(shown(library, new, source, "same"))
        new.unlink()
    return found


def shown(library: VideoLibrary, new: Path, source: Path, edit: str) -> Found:
    """What the library makes of a new file that is an edit of one it knows."""
    begun = time.process_time()
    found = Lookalikes(library.store, library.settings).find(probe(new))
    spent = time.process_time() - begun
    wanted = edit in ("same", "head")
    known = found.like is not None and library.video(found.like.video).path == str(source)
    right = known if wanted else found.like is None
    told = f"offset {found.like.offset:+.2f} s" if found.like else (found.related or "").rpartition("those of ")[2]
    return Found(source.name, edit, found.like is not None, right, round(spent, 2), told.replace(str(source), "it"))


def edited(film: Sequence[Scene], kind: str, length: float) -> list[Scene]:
    """A film with one change, so many seconds long."""
    start = _AFTER * sum(scene.seconds for scene in film)
    before, after = _split(film, start)
    if kind == "head":
        return [Scene(-1, -1, 3.0), *film]
    if kind == "inserted":
        return [*before, *_other(_split(after, length)[0], True, True), *after]
    taken, after = _split(after, length)
    if kind == "removed":
        return [*before, *after]
    return [*before, *_other(taken, kind in ("replaced", "pictures"), kind in ("replaced", "sound")), *after]


def _split(film: Sequence[Scene], at: float) -> tuple[list[Scene], list[Scene]]:
    """The whole scenes up to about a time, and the rest."""
    passed, number = 0.0, 0
    while number < len(film) and passed + film[number].seconds / 2 < at:
        passed += film[number].seconds
        number += 1
    return list(film[:number]), list(film[number:])


def _other(scenes: Sequence[Scene], pictures: bool, sound: bool) -> list[Scene]:
    away = 10**6
    return [replace(s, pictures=s.pictures + away * pictures, sound=s.sound + away * sound) for s in scenes]


def _scenes(seconds: float) -> Iterator[Scene]:
    """Scenes of two to nine seconds."""
    number = 0
    while seconds > 0:
        yield Scene(number, number, 2.0 + (7 * number) % 15 / 2)
        seconds -= 2.0 + (7 * number) % 15 / 2
        number += 1


def write(path: Path, film: Sequence[Scene], size: tuple[int, int], codec: str) -> Path:
    """A film as a file; nothing of it stays in memory."""
    with av.open(str(path), "w") as container:
        pictures: Any = container.add_stream(codec, rate=_FPS)
        pictures.width, pictures.height, pictures.pix_fmt = *size, "yuv420p"
        pictures.codec_context.gop_size = 5 * _FPS
        sound: Any = container.add_stream("mp2", rate=_RATE)
        sound.layout = "mono"
        heard = 0
        for scene in film:
            for image in _pictures(scene, size):
                for packet in pictures.encode(av.VideoFrame.from_ndarray(image, "bgr24")):
                    container.mux(packet)
            frame = av.AudioFrame.from_ndarray(_sound(scene)[None], "s16", "mono")
            frame.sample_rate, frame.pts = _RATE, heard
            heard += frame.samples
            for packet in sound.encode(frame):
                container.mux(packet)
        for stream in (pictures, sound):
            for packet in stream.encode(None):
                container.mux(packet)
    return path


def _pictures(scene: Scene, size: tuple[int, int]) -> Iterator[NDArray[np.uint8]]:
    noise = np.random.default_rng(abs(scene.pictures)).integers(0, 256, (9, 16, 3)).astype(np.uint8)
    large = cv2.resize(noise, (320, 180), interpolation=cv2.INTER_CUBIC)
    for number in range(round(scene.seconds * _FPS)):
        yield np.asarray(cv2.resize(large[:, number : 280 + number], size, interpolation=cv2.INTER_AREA), np.uint8)


def _sound(scene: Scene) -> NDArray[np.int16]:
    """Noise that is louder and softer."""
    random = np.random.default_rng(abs(scene.sound) + 7)
    envelope = np.repeat(random.uniform(0.02, 0.6, round(scene.seconds * 4)), _RATE // 4)
    return (random.uniform(-1, 1, len(envelope)) * envelope * 20_000).astype(np.int16)


def encoded(source: Path, target: Path) -> Path:
    """A video at half its size, in another codec and container, with the times that it had."""
    info = probe(source)
    track, audio = pick(info, "video"), pick(info, "audio")
    assert track is not None
    with av.open(str(source)) as before, av.open(str(target), "w") as after:
        old: Any = before.streams[track.index]
        pictures: Any = after.add_stream("mpeg4", rate=Fraction(old.average_rate or 25).limit_denominator(1001))
        pictures.width, pictures.height, pictures.pix_fmt = old.width // 4 * 2, old.height // 4 * 2, "yuv420p"
        pictures.bit_rate, pictures.codec_context.gop_size = 400_000, 100
        pictures.codec_context.time_base = Fraction(1, 1000)
        sound: Any = after.add_stream("libopus", rate=48_000) if audio else None
        streams = [old, *([before.streams[audio.index]] if audio else [])]
        written(decoded(before, streams, info.offset), after, pictures, sound)
    return target


def written(frames: Iterable[Any], after: Any, pictures: Any, sound: Any | None) -> None:
    """Encode pictures and sound, in the sizes and codecs of two streams, into a container."""
    last = -1
    for frame in frames:
        if isinstance(frame, av.AudioFrame):
            assert sound is not None
            packets = sound.encode(frame)
        elif frame.pts > last:
            last = frame.pts
            packets = pictures.encode(frame.reformat(pictures.width, pictures.height, "yuv420p"))
        else:
            continue
        for packet in packets:
            after.mux(packet)
    for stream in filter(None, (pictures, sound)):
        for packet in stream.encode(None):
            after.mux(packet)


def decoded(container: Any, streams: Sequence[Any], offset: float) -> Iterator[Any]:
    """What decodes, with times from the file's beginning: pictures in milliseconds, sound in samples."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=48_000)
    heard: int | None = None
    for packet in container.demux(*streams):
        try:
            decoded = packet.decode()
        except av.error.FFmpegError:
            continue
        for frame in decoded:
            if frame.time is None:
                continue
            if isinstance(frame, av.VideoFrame):
                frame.pts, frame.time_base = round((frame.time - offset) * 1000), Fraction(1, 1000)
                frame.pict_type = av.video.frame.PictureType.NONE
                yield frame
                continue
            heard = round((frame.time - offset) * 48_000) if heard is None else heard
            for part in resampler.resample(frame):
                part.pts, part.time_base = heard, Fraction(1, 48_000)
                heard += part.samples
                yield part


def table(found: Sequence[Found]) -> str:
    """A line a film, and how many were judged rightly."""
    lines = [f"{'film':32} {'edit':14} {'proposed':8} {'right':5} {'seconds':>8}  said"]
    for one in found:
        answers = ("yes" if one.proposed else "no", "yes" if one.right else "NO")
        lines.append(f"{one.film:32} {one.edit:14} {answers[0]:8} {answers[1]:5} {one.seconds:8.2f}  {one.said}")
    lines.append(f"{sum(one.right for one in found)} of {len(found)} are right")
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.relinking", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--edits", nargs="*", default=list(EDITS))
    parser.add_argument("--media", type=Path)
    parser.add_argument("--json", type=Path)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
