"""One video into the library: subtitles first, then one decode pass for the other senses, then clips and embeddings."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from vagent.errors import EngineError, MediaError, VagentError
from vagent.index.estimates import actuals
from vagent.index.passages import embed_video
from vagent.index.pictures import Pictures
from vagent.index.records import Evidence, Video
from vagent.index.stages import planned
from vagent.index.stages.runner import Runner, stop
from vagent.index.stages.stage import Stage
from vagent.index.store import Store
from vagent.index.summaries import refresh
from vagent.index.sync.marks import STAGE as MARK
from vagent.index.sync.marks import Marks
from vagent.index.sync.stretches import Known
from vagent.index.video import subtitling
from vagent.index.video.captions import caption_clips
from vagent.index.video.cutting import cut_clips
from vagent.index.video.job import Job, OnProgress
from vagent.index.video.spending import Cost
from vagent.index.video.visual import embed_pictures
from vagent.tools.engines import Engines
from vagent.tools.media import Frame, Gap, Item, MediaInfo, Track
from vagent.tools.media.hardware import Decoder, chosen
from vagent.tools.media.reader import read
from vagent.tools.speech import RATE
from vagent.tools.subtitles import Found
from vagent.tools.time import format_time

_HEADER_SLACK = 2.0  # seconds by which a header may promise more than decodes without being a lie
_SCANNED = ("shots", "pictures", "text", "speech", "sounds")


@dataclass(frozen=True, slots=True)
class Report:
    """What indexing one file came to.

    Attributes:
        status: ``indexed`` (something was done), ``unchanged`` (nothing had to be), ``quarantined`` (it cannot be
            indexed, and is left alone until it changes; see ``error``), ``failed`` (see ``error``; the next run tries
            again), ``waiting`` (it is still being written), ``busy`` (another process is indexing it), ``alike`` (it
            looks like another video, and waits for the user's word), ``relinked`` (it took over that one's index),
            ``missing`` (the file is gone; what it showed is kept).
        counts: evidence rows per kind.
        engines: sense -> engine and revision.
        seconds: stage -> wall seconds of this run.
        notices: what the user should know: tracks left out, gaps, senses without an engine.
        stage: where it failed.
    """

    path: str
    status: Literal["indexed", "unchanged", "quarantined", "failed", "waiting", "busy", "alike", "relinked", "missing"]
    video: Video | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    engines: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    error: VagentError | None = None
    stage: str | None = None


class VideoIndexer:
    """Brings one video up to date with the settings; stages that are done are left alone.

    Args:
        store: the library's database.
        video: the video's row there.
        info: what its file holds.
        engines: the engines of this process, with the settings in force.
        pictures: where its pictures are kept.
        on_progress: told how far it is, a few times a second.
        guard: called inside each transaction that ends a step; what it raises undoes the step and ends the work.
        known: stretches that videos of the library show too, as far as samples tell.
    """

    def __init__(
        self,
        store: Store,
        video: Video,
        info: MediaInfo,
        engines: Engines,
        pictures: Pictures,
        on_progress: OnProgress | None = None,
        guard: Callable[[], object] | None = None,
        known: Sequence[Known] = (),
    ) -> None:
        self._job = Job(store, video, info, engines, pictures, on_progress, guard, known)

    def run(self) -> Report:
        """Do what is missing.

        Raises:
            MediaError: nothing in the file decodes.
            VagentError: an engine or the disk failed; what was committed stays, and the next run goes on from there.
        """
        job = self._job
        marks = Marks(job.engines)
        mark = marks.of(str(job.info.path.absolute()))
        with job.timed("subtitles"):
            found = job.subtitles = self._read_subtitles()
        with job.timed("scan"):
            stages = planned(job)
            if stages:
                self._scan(stages, found)
        self._tell_of_failures()
        with job.timed("clips"):
            cut_clips(job)
        with job.timed("embed"):
            self._embed()  # before the slow stages, so that what is said and written can be found meanwhile
        with job.timed("visual"):
            embed_pictures(job)
        with job.timed("captions"):
            caption_clips(job)
        with job.timed("embed"):
            self._embed()
        with job.timed("summaries"):
            refresh(job)
        job.collect_notices()
        counts = job.store.counts(job.video.id)
        with job.store.transaction():
            if job.guard is not None:
                job.guard()
            job.store.update_video(job.video.id, complete=True)
            # A stage that gave up, because its model broke, is tried again next time.
            through = all(s.status == "done" for n, s in job.store.stages(job.video.id).items() if n != MARK)
            told = {"counts": counts, "engines": job.used}
            job.store.set_stage(job.video.id, MARK, mark if through else "", "done", 0.0, told)
        actuals.keep(job, marks.common)
        return Report(
            path=str(job.info.path),
            status="indexed" if job.worked else "unchanged",
            video=job.store.video(job.video.id),
            counts=counts,
            engines=job.used,
            seconds={name: round(value, 3) for name, value in job.seconds.items()},
            notices=tuple(job.notices),
        )

    def _read_subtitles(self) -> Found:
        job = self._job
        job.tell("subtitles", 0.0)
        found = subtitling.read(job)
        job.notices += found.problems
        chosen = found.chosen
        cues = chosen.cues if chosen else ()
        if job.pending("subtitles", *subtitling.depends(found)) is None:
            return found
        rows = [
            Evidence(
                video=job.video.id,
                span=cue.span,
                kind="subtitle",
                text=cue.text,
                confidence=1.0,
                engine=f"subtitles {chosen.origin}",
                extra={"language": chosen.language, "origin": chosen.origin},
            )
            for cue in cues
            if chosen
        ]
        with job.store.transaction():
            job.store.add_evidence(rows)
            job.settle("subtitles", 0.0, subtitling.source(job, found), done=True)
            job.store.update_video(job.video.id, info=describe(job.info, found))
        return found

    def _scan(self, stages: list[Stage], found: Found) -> None:
        """The decode pass, from where the least advanced stage stopped."""
        job = self._job
        start = min(stage.begin for stage in stages)
        wanted = {stage.wants for stage in stages}
        items = self._items(
            job.video_track if Frame in wanted else None, job.audio_track if wanted != {Frame} else None, start
        )
        clock = _Clock()
        gaps = [gap for gap in job.video.gaps if gap.start < start]
        runners = [Runner(stage) for stage in stages]
        told, begun = 0.0, time.perf_counter()
        try:
            for item in items:
                if isinstance(item, Gap):
                    gaps.append(item.span)
                    job.notices.append(
                        f"nothing decodes from {format_time(item.span.start, 1)} to {format_time(item.span.end, 1)}:"
                        f" {item.reason}"
                    )
                    continue
                clock.see(item)
                for runner in runners:
                    runner.offer(item)
                if time.monotonic() - told > 0.2:
                    told = time.monotonic()
                    job.tell("scan", item.time)
            passed = time.perf_counter() - begun - sum(runner.held for runner in runners)
            end = self._end(clock, found, resumed=start > 0)
            job.store.update_video(job.video.id, duration=end, gaps=gaps)
            self._warm()
            for runner in runners:
                runner.finish(end)
        except BaseException:
            stop(runners)
            raise
        job.tell("scan", end)
        job.costs |= {runner.stage.name: runner.cost for runner in runners}
        job.costs["decode"] = Cost(passed, passed, max(0.0, end - start))

    def _items(self, video: Track | None, audio: Track | None, start: float) -> Iterator[Item]:
        """What the file holds from ``start`` on."""
        job = self._job
        decoder = chosen(job.info, video, job.settings.media.hwaccel) if video is not None else Decoder()
        if decoder.notice is not None:
            job.notices.append(decoder.notice)
        if decoder.device is not None:
            job.used["decoding"] = decoder.device
        return read(job.info, job.settings, video=video, audio=audio, start=start, device=decoder.device)

    def _tell_of_failures(self) -> None:
        for start, end, why in self._job.detail("speech").get("failed", ()):
            stretch = f"{format_time(start, 1)} to {format_time(end, 1)}"
            self._job.notices.append(f"speech not recognised from {stretch}: {why}")

    def _end(self, clock: _Clock, found: Found, *, resumed: bool) -> float:
        """Seconds that the video lasts: what decodes; the header is believed where it says little more."""
        job = self._job
        if not clock.seen and not resumed:
            raise MediaError("nothing in the file can be decoded", str(job.info.path), hint="is it complete?")
        header = job.info.duration or 0.0
        # A pass that only one sense needed, or that began in the middle, must not shorten what an earlier one saw.
        stages = job.store.stages(job.video.id)
        before = any(name in stages and stages[name].status == "done" for name in _SCANNED)
        end = max(clock.end, job.video.duration if before else 0.0)
        if found.chosen and found.chosen.cues:
            # Subtitles may go on over a picture that has ended. Those beside the video may be another cut's: the header
            # says how far to believe them.
            last = max(cue.span.end for cue in found.chosen.cues)
            end = max(end, last if found.chosen.origin.startswith("track ") else min(header, last))
        return header if end < header <= end + _HEADER_SLACK else end

    def _warm(self) -> None:
        """Begin to load the sentence embedding while the last stages end, where there is something to embed."""
        job = self._job
        if not any(kind != "visual" for kind in job.store.counts(job.video.id)):
            return
        with suppress(EngineError):  # told where texts are embedded: what the stages have found is kept before that
            warm = getattr(job.engine("embeddings", None), "warm", None)
            if warm is not None:
                warm()

    def _embed(self) -> None:
        job = self._job
        engine = job.engine("embeddings", "texts were not embedded, so search goes by words alone")
        if engine is None:
            return
        duration = job.store.video(job.video.id).duration
        done = embed_video(
            job.store, job.video.id, engine, lambda rows, total: job.tell("embed", duration * rows / total)
        )
        job.worked = job.worked or done > 0


class _Clock:
    """The end of what has been decoded."""

    def __init__(self) -> None:
        self.end = 0.0
        self.seen = False
        self._frame: float | None = None

    def see(self, item: Item) -> None:
        """Note an item; a frame lasts as long as the one before it did, and no longer than the file says."""
        self.seen = True
        if isinstance(item, Frame):
            lasted = 0.0 if self._frame is None else min(max(item.time - self._frame, 0.0), _HEADER_SLACK)
            lasted = min(lasted, item.lasts or lasted)
            self._frame = item.time
            self.end = max(self.end, item.time + lasted)
        elif not isinstance(item, Gap):
            self.end = max(self.end, item.time + len(item.samples) / RATE)


def describe(info: MediaInfo, found: Found) -> dict[str, Any]:
    """What a file holds, as JSON values: facts that questions may ask for."""
    facts = asdict(info)
    del facts["path"]
    facts["name"] = info.path.name
    chosen = found.chosen
    facts["subtitles"] = {
        "chosen": {"origin": chosen.origin, "language": chosen.language, "cues": len(chosen.cues)} if chosen else None,
        "others": list(found.others),
        "problems": list(found.problems),
    }
    return facts
