"""How much of another cut of a film is not described and recognised again, and whether anything is taken over wrongly.

    python -m benchmarks.reusing FILM ... [--others FILM ...] [--seconds 400] [--edits EDIT ...] [--speech] [--json OUT]

Of each film the first ``--seconds`` are indexed, and then edits of them, at half the size in another codec, each in a
library of its own. Every edit is at odds with whole seconds, as cuts are:

    same        nothing is changed but the encoding
    head        the first 7.3 seconds are missing
    removed     10.3 seconds are left out in the middle
    replaced    10.3 seconds in the middle are upside down and sound backwards

``possible`` are the clips of which nothing was edited, ``taken`` those that took over a description, ``false`` what was
taken over from elsewhere or from an edited stretch. With ``--speech`` the recogniser of the default settings listens
too: seconds of its utterances, and processor seconds of indexing beside those of an index without the first film. Films
that are named with ``--others`` have nothing to do with one another: each is indexed into one library, and whatever is
taken over is false. Descriptions come from a stand-in, as they are not what is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np

from benchmarks.relinking import decoded, written
from vagent import configs
from vagent.index.library import VideoLibrary
from vagent.index.records import Evidence
from vagent.index.video.spending import processor_seconds
from vagent.tools import engines
from vagent.tools.engines import Status
from vagent.tools.media.probe import pick, probe
from vagent.tools.time import Span
from vagent.tools.videollm import Frames, VideoLanguageModel

Edit = Literal["same", "head", "removed", "replaced"]
EDITS: Sequence[Edit] = ("same", "head", "removed", "replaced")
_HEAD, _CUT, _AFTER = 7.3, 10.3, 0.43  # seconds, and the part of the film after which an edit begins
_RATE, _SIZES = 48_000, (2, 4)  # of the sound; the first file keeps its size, the edits have half of it
_OFF = dict.fromkeys(("text", "objects", "sounds", "visual", "embeddings"), "off")
_SLACK = 0.4  # seconds by which a row may lie elsewhere than in the film it is of


class StandIn(VideoLanguageModel):
    """Says the same of everything."""

    name, revision = "stand-in", "stand-in 1"

    @classmethod
    def check(cls, settings: configs.Settings) -> Status:
        return Status(True, "needs no model")

    def answer(self, frames: Frames, prompt: str, *, tokens: int | None = None) -> str:
        return "Something is to be seen."


@dataclass(frozen=True)
class Found:
    """What was taken over into one edit; seconds of processor time with and without the film it is of."""

    film: str
    edit: str
    clips: int
    possible: int
    taken: int
    false: int
    speech: float = 0.0
    speech_taken: float = 0.0
    seconds: float = 0.0
    alone: float = 0.0


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    table = dict(engines.ENGINES["videollm"])
    engines.ENGINES["videollm"]["stand-in"] = f"{__name__}:StandIn"  # type: ignore[index]
    engines._table.cache_clear()
    try:
        with tempfile.TemporaryDirectory(prefix="vagent-benchmark-") as folder:
            found = [one for film in given.films for one in _edits(film, Path(folder), given)]
            found += _others(given.others, Path(folder) / "others", given.speech)
    finally:
        engines.ENGINES["videollm"].clear()  # type: ignore[attr-defined]
        engines.ENGINES["videollm"].update(table)  # type: ignore[attr-defined]
        engines._table.cache_clear()
    print(shown(found))
    if given.json:
        machine = f"{platform.machine()}, {os.cpu_count()} cores"
        given.json.write_text(json.dumps({"machine": machine, "films": [asdict(one) for one in found]}, indent=2))
    return 1 if any(one.false for one in found) else 0


def _library(folder: Path, speech: bool) -> VideoLibrary:
    chosen = {**_OFF, "videollm": "stand-in", "speech": "auto" if speech else "off"}
    given = {
        "library": str(folder),
        "engines": chosen,
        "captions": {"use": True},
        "speech": {"when": "always"},
        "index": {"settle": 0},
        "threads": 1,
    }
    return VideoLibrary(configs.load(given, env={}))


def _edits(film: Path, folder: Path, given: argparse.Namespace) -> Iterator[Found]:
    speech: bool = given.speech
    first = cut(film, folder / "first.mkv", None, given.seconds, codec="libx264")
    length = probe(first).duration or given.seconds
    for edit in given.edits:
        new = cut(film, folder / f"{edit}.mp4", edit, length, codec="mpeg4")
        with closing(_library(folder / film.name / edit, speech)) as library:
            library.add(first, relink="never")
            begun = processor_seconds()
            library.add(new, relink="never")
            spent = processor_seconds() - begun
            yield _judged(library, film.name, edit, new, length, spent, _alone(new, folder, speech))
        new.unlink()
    first.unlink()


def _alone(new: Path, folder: Path, speech: bool) -> float:
    """Processor seconds of indexing a file into a library that knows nothing."""
    if not speech:
        return 0.0
    with tempfile.TemporaryDirectory(dir=folder) as empty, closing(_library(Path(empty), speech)) as library:
        begun = processor_seconds()
        library.add(new, relink="never")
        return processor_seconds() - begun


def _judged(
    library: VideoLibrary, film: str, edit: Edit, new: Path, length: float, spent: float, alone: float
) -> Found:
    (video,) = library.find(new)
    clips = library.clips(video.id)
    captions, speech = (library.evidence(video.id, kinds=[kind]) for kind in ("caption", "speech"))
    taken = [row for row in (*captions, *speech) if "taken_from" in row.extra]
    return Found(
        film=film,
        edit=edit,
        clips=len(clips),
        possible=sum(_before(clip.span, edit, length) is not None for clip in clips),
        taken=len(clips) - sum(row not in taken for row in captions),
        false=sum(not _right(row, edit, length) for row in taken),
        speech=round(sum(row.span.duration for row in speech), 1),
        speech_taken=round(sum(row.span.duration for row in speech if row in taken), 1),
        seconds=round(spent, 1),
        alone=round(alone, 1),
    )


def _before(span: Span, edit: Edit, length: float) -> Span | None:
    """Where a stretch of an edit lies in the film; None where the edit lies in it."""
    start = _AFTER * length
    if edit == "head":
        return Span(span.start + _HEAD, span.end + _HEAD)
    if edit == "removed" and span.end > start + _SLACK:
        return Span(span.start + _CUT, span.end + _CUT) if span.start >= start - _SLACK else None
    if edit == "replaced" and span.overlap(Span(start, start + _CUT)) > _SLACK:
        return None
    return span


def _right(row: Evidence, edit: Edit, length: float) -> bool:
    """Whether what was taken over comes from the place in the film that the edit shows there."""
    source = row.extra["taken_from"]
    there = _before(row.span, edit, length)
    return there is not None and max(abs(there.start - source["start"]), abs(there.end - source["end"])) <= 2 * _SLACK


def _others(films: Sequence[Path], folder: Path, speech: bool) -> list[Found]:
    found = []
    if films:
        with closing(_library(folder, speech)) as library:
            for film in films:
                library.add(film, relink="never")
                (video,) = library.find(film)
                rows = library.evidence(video.id, kinds=["caption", "speech"])
                false = sum("taken_from" in row.extra for row in rows)
                found.append(Found(film.name, "another film", len(library.clips(video.id)), 0, false, false))
    return found


def cut(source: Path, target: Path, edit: Edit | None, length: float, *, codec: str) -> Path:
    """The beginning of a film, as it is or edited, and then at half its size."""
    info = probe(source)
    track, audio = pick(info, "video"), pick(info, "audio")
    assert track is not None
    part = _SIZES[edit is not None]
    with av.open(str(source)) as before, av.open(str(target), "w") as after:
        old: Any = before.streams[track.index]
        pictures: Any = after.add_stream(codec, rate=Fraction(old.average_rate or 25).limit_denominator(1001))
        pictures.width, pictures.height = old.width // part * 2, old.height // part * 2
        pictures.pix_fmt = "yuv420p"
        pictures.bit_rate, pictures.codec_context.gop_size = 600_000, 60
        pictures.codec_context.time_base = Fraction(1, 1000)
        sound: Any = after.add_stream("aac", rate=_RATE) if audio else None
        if sound:
            sound.layout = "mono"
        streams = [old, *([before.streams[audio.index]] if audio else [])]
        written(_edited(decoded(before, streams, info.offset), edit, length), after, pictures, sound)
    return target


def _edited(frames: Iterator[Any], edit: Edit | None, length: float) -> Iterator[Any]:
    start = {"head": 0.0}.get(str(edit), _AFTER * length)
    end = start + (_HEAD if edit == "head" else _CUT)
    held: list[Any] = []
    for frame in frames:
        time = float(frame.pts * frame.time_base)
        if time >= length:
            if isinstance(frame, av.VideoFrame):
                return
            continue
        inside = start <= time < end
        if edit in ("head", "removed"):
            if inside:
                continue
            if time >= end:
                frame.pts -= round((end - start) / frame.time_base)
        elif edit == "replaced" and inside:
            if isinstance(frame, av.AudioFrame):
                held.append(frame)
                continue
            frame = _upside_down(frame)
        if held and isinstance(frame, av.AudioFrame):
            yield from _backwards(held)
            held = []
        yield frame


def _upside_down(frame: Any) -> Any:
    turned = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame.to_ndarray(format="bgr24")[::-1]), "bgr24")
    turned.pts, turned.time_base = frame.pts, frame.time_base
    return turned


def _backwards(frames: Sequence[Any]) -> Iterator[Any]:
    samples = np.concatenate([frame.to_ndarray() for frame in frames], axis=1)[:, ::-1]
    whole = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "s16", "mono")
    whole.sample_rate, whole.pts, whole.time_base = _RATE, frames[0].pts, frames[0].time_base
    yield whole


def shown(found: Sequence[Found]) -> str:
    """A line an edit, and the sums."""
    lines = [
        f"{'film':28} {'edit':12} {'clips':>5} {'possible':>8} {'taken':>5} {'false':>5}"
        f" {'speech s':>8} {'taken s':>7} {'cpu s':>6} {'alone':>6}"
    ]
    for one in found:
        lines.append(
            f"{one.film[:28]:28} {one.edit:12} {one.clips:5} {one.possible:8} {one.taken:5} {one.false:5}"
            f" {one.speech:8.1f} {one.speech_taken:7.1f} {one.seconds:6.1f} {one.alone:6.1f}"
        )
    taken, possible, false = (sum(getattr(one, name) for one in found) for name in ("taken", "possible", "false"))
    lines.append(f"{taken} of {possible} clips that could be taken over were; {false} rows were taken over wrongly")
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reusing", description=__doc__.splitlines()[0])
    parser.add_argument("films", nargs="*", type=Path)
    parser.add_argument("--others", nargs="*", type=Path, default=[])
    parser.add_argument("--seconds", type=float, default=400.0)
    parser.add_argument("--edits", nargs="*", choices=EDITS, default=EDITS)
    parser.add_argument("--speech", action="store_true")
    parser.add_argument("--json", type=Path)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
