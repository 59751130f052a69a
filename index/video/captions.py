"""Captions: what the pictures of each clip show, in the words of a video-LLM.

The model is given what was said, written and detected in the same clip, so that it can name people and places; it is
told to use such words only where the pictures agree with them. A change of those words alone is no reason to describe
everything anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set
from typing import Any

from vagent.configs import Settings
from vagent.errors import EngineError, EngineFailed
from vagent.index.pictures import Pictures, inside
from vagent.index.records import Clip, Evidence, Kind
from vagent.index.sync import reuse
from vagent.index.sync.reuse import Taken
from vagent.index.video.job import Job
from vagent.prompts import fill, marker
from vagent.tools import batches
from vagent.tools.media.frames import unjpeg
from vagent.tools.safe import safe
from vagent.tools.time import Span, format_time
from vagent.tools.videollm import Frames, VideoLanguageModel

_BESIDE: tuple[Kind, ...] = ("subtitle", "speech", "screen_text", "objects")
_EVIDENCE = 20  # lines of evidence that go into one prompt
_TOKENS = 2.0  # tokens that a word may take, on average
_FAILURES = 5  # clips of one video that may break the model
_LOOP = 3  # times that a phrase may be repeated before the rest is cut off


def caption_clips(job: Job) -> None:
    """Describe the clips that are not described yet. Each is committed as its description comes: one at a time, or a
    batch where the model looks at several together.

    A model that breaks again and again, or a server that is gone, ends the descriptions with a notice: what was said
    and written is there all the same, and the next run goes on.

    Raises:
        EngineUnavailable: the video-LLM was asked for by name and cannot run here.
    """
    if not job.settings.captions.use or job.video_track is None:
        return
    engine = job.engine("videollm", "clips were not described")
    if engine is None:
        return
    settings = job.settings
    clips = job.store.clips(job.video.id)

    def depends(clips: Sequence[Clip]) -> list[object]:
        spans = [[clip.span.start, clip.span.end] for clip in clips]
        how = settings.captions.model_dump(exclude={"batch"})
        return [spans, how, settings.media.picture_width, settings.media.sample_fps, engine.revision]

    at = job.pending("captions", *depends(clips))
    if at is None:
        return
    cursor, detail = at
    failed: list[list[Any]] = list(detail.get("failed", []))
    left = [clip for clip in clips if clip.span.start >= cursor]
    known = Taken()
    if settings.sync.reuse:
        known = reuse.descriptions(job, left, "captions", depends)
        job.notices += filter(None, [reuse.notice(job.store, known)])
    size = batches.size("captions", settings) if _looks_together(engine) else 1
    written = 0.0
    try:
        for end, rows in _described(job, engine, left, size, failed, known.clips):
            rows += [row for row in known.rows if written <= row.span.start < end]
            cursor = written = end
            with job.store.transaction():
                job.store.add_evidence(sorted(rows, key=lambda row: row.span))
                job.settle("captions", cursor, {"failed": failed})
            job.tell("captions", cursor)
    except EngineError as error:
        job.notices.append(f"clips from {format_time(cursor, 1)} on were not described: {error}")
        return
    job.settle("captions", cursor, {"failed": failed}, done=True)
    job.notices += [
        f"not described from {format_time(start, 1)} to {format_time(end, 1)}: {why}" for start, end, why in failed
    ]


def _described(
    job: Job,
    engine: VideoLanguageModel,
    clips: Sequence[Clip],
    size: int,
    failed: list[list[Any]],
    known: Set[int],
) -> Iterator[tuple[float, list[Evidence]]]:
    """Captions as they come, ``size`` clips at once, each time with the seconds up to which there are all of them.

    A batch that breaks the model is tried clip by clip: one clip costs only itself.

    Args:
        known: numbers of clips that need none.
    """
    for batch in _batches(clips, size):
        try:
            rows = _captions(job, engine, [clip for clip in batch if clip.id not in known])
        except EngineFailed as error:
            if len(batch) > 1:
                yield from _described(job, engine, batch, 1, failed, known)
                continue
            failed.append([batch[0].span.start, batch[0].span.end, str(error)])
            if len(failed) >= _FAILURES:
                raise
            rows = []
        yield batch[-1].span.end, rows


def _looks_together(engine: VideoLanguageModel) -> bool:
    """Whether several clips in one call cost less than one after the other."""
    return type(engine).caption is not VideoLanguageModel.caption


def _captions(job: Job, engine: VideoLanguageModel, batch: Sequence[Clip]) -> list[Evidence]:
    shown = [(clip, frames) for clip in batch if (frames := _frames(job.pictures, job.settings, clip.span))]
    if not shown:
        return []
    prompts = [prompt(job, clip.span, [time for time, _ in frames]) for clip, frames in shown]
    tokens = round(job.settings.captions.words * _TOKENS)
    texts = engine.caption([frames for _, frames in shown], prompts, tokens=tokens)
    pairs = [(clip, tidy(text, job.settings.captions.words)) for (clip, _), text in zip(shown, texts, strict=True)]
    return [
        Evidence(job.video.id, clip.span, "caption", text, weak=engine.weak, engine=engine.revision)
        for clip, text in pairs
        if text
    ]


def prompt(job: Job, span: Span, times: Sequence[float]) -> str:
    """The prompt for one clip: times in text, evidence in order of time between two unguessable lines."""
    rows = job.store.evidence(job.video.id, span, _BESIDE)[:_EVIDENCE]
    evidence = "\n".join(f"[{format_time(row.span.start, 1)}] {row.kind}: {safe(row.text)}" for row in rows)
    return fill(
        "caption",
        count=str(len(times)),
        start=format_time(span.start, 1),
        end=format_time(span.end, 1),
        times=", ".join(format_time(time, 1) for time in times),
        marker=marker(evidence),
        evidence=evidence or "(none)",
        words=str(job.settings.captions.words),
    )


def tidy(text: str, words: int) -> str:
    """A caption as it is kept: one line, a loop of repeated phrases cut off, no longer than ``words``.

    A longer one ends with its last whole sentence, where it has one.
    """
    line = _unlooped(safe(text))
    parts = line.split()
    if len(parts) <= words:
        return line
    cut = " ".join(parts[:words])
    end = max(cut.rfind(mark) for mark in (". ", "! ", "? ", "。"))
    return cut[: end + 1] if end > 0 else f"{cut} …"


def _unlooped(line: str) -> str:
    """Small models may say the same phrase without end; what follows the first repetition tells nothing."""
    loop = re.search(rf"(\b.{{2,80}}?[\s,.;]+)\1{{{_LOOP - 1},}}", line)
    return line if loop is None else (line[: loop.start()] + loop.group(1)).strip()


def _frames(pictures: Pictures, settings: Settings, span: Span) -> Frames:
    """Pictures of a clip, evenly spread; none from before it."""
    count = max(1, min(settings.captions.frames, round(span.duration * settings.media.sample_fps)))
    step = span.duration / count
    kept = pictures.nearest([span.start + (i + 0.5) * step for i in range(count)])
    return [(time, unjpeg(jpeg)) for time, jpeg in inside(kept, span)]


def _batches(clips: Sequence[Clip], size: int) -> Iterator[Sequence[Clip]]:
    for first in range(0, len(clips), size):
        yield clips[first : first + size]
