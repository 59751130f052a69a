"""What stages do at the end of the pass takes the memory of what is on the screen, not that of the whole film."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from vagent import configs
from vagent.index.passages import embed_video
from vagent.index.pictures import Pictures
from vagent.index.records import Evidence
from vagent.index.stages.objects import ObjectStage
from vagent.index.stages.stage import Stage
from vagent.index.stages.text import TextStage
from vagent.index.store import Store, walks
from vagent.index.video.job import Job
from vagent.tools.embeddings import Vectors
from vagent.tools.engines import Engines
from vagent.tools.media import MediaInfo
from vagent.tools.objects.tracks import ObjectTrack
from vagent.tools.text import TextLine
from vagent.tools.text.spans import joined
from vagent.tools.time import Span

SHORT, LONG = 300.0, 3000.0
SLIDE = 5.0  # seconds
CACHED = 1_600_000  # bytes of the last thousands of texts that were compared, kept in a form that is compared at once
# At the end there is no picture left to look at.
ENGINE: Any = SimpleNamespace(revision="e 1", weak=False, detect=lambda _: [], find=lambda *_: [])


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    settings = configs.load({"library": str(tmp_path)}, env={})
    with Store(tmp_path) as store:
        video = store.add_video("0f", "/film.mkv", 1, 1, LONG, {})
        info = MediaInfo(Path("/film.mkv"), "matroska", 1, LONG, 0.0, ())
        yield Job(store, video, info, Engines(settings), Pictures(tmp_path / "frames", "0f"))


def slides(job: Job, end: float) -> None:
    """Four lines a slide, every other slide split by a checkpoint, and a name in the corner all the time."""
    rows = []
    for number in range(int(end / SLIDE)):
        lines = [
            TextLine((0.1, 0.2 * i + 0.1, 0.9, 0.2 * i + 0.2), f"line {i} of slide {number:05}", 0.9) for i in range(4)
        ]
        begin = number * SLIDE
        halves = (
            [Span(begin, begin + 2), Span(begin + 2, begin + SLIDE)] if number % 2 else [Span(begin, begin + SLIDE)]
        )
        spans = [joined(half, lines) for half in halves]
        spans.append(joined(Span(begin, begin + SLIDE), [TextLine((0.8, 0.0, 1.0, 0.08), "CHANNEL", 0.9)]))
        rows += [evidence(job, "screen_text", one.span, one.text, one.to_extra()) for one in spans]
    job.store.add_evidence(rows)


def things(job: Job, end: float) -> None:
    """Two things every few seconds."""
    rows = []
    for number in range(int(end / SLIDE)):
        for place in range(2):
            times = [number * SLIDE + 0.5 * at for at in range(4)]
            boxes = tuple((at, (0.3 * place, 0.1, 0.3 * place + 0.2, 0.2 + 0.04 * (number % 20))) for at in times)
            label = f"dog {number % 7}"  # the same one comes back only after it has been forgotten
            track = ObjectTrack(label, Span(times[0], times[-1] + 1), 0.9, boxes, (0.9,) * len(boxes))
            rows.append(evidence(job, "objects", track.span, label, track.to_extra()))
    job.store.add_evidence(rows)


def evidence(job: Job, kind: Any, span: Span, text: str, extra: dict[str, Any]) -> Evidence:
    return Evidence(job.video.id, span, kind, text, 0.9, False, ENGINE.revision, extra)


class Embedding:
    """As little as an engine may be: what is measured is what its caller holds."""

    model = "m"

    def embed(self, texts: Sequence[str]) -> Vectors:
        import numpy as np

        return np.ones((len(texts), 8), np.float32)


def text(job: Job) -> Stage:
    job.pending("text", "settings")
    return TextStage(job, LONG, {}, ENGINE)


def objects(job: Job) -> Stage:
    job.pending("objects", "settings")
    return ObjectStage(job, LONG, {}, ENGINE)


def peak(work: Callable[[], object]) -> int:
    """Most bytes that some work held at a time."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("fill", "stage", "kind"), [(slides, text, "screen_text"), (things, objects, "objects")], ids=["text", "objects"]
)
def test_the_end_of_a_film_ten_times_as_long_takes_no_more(
    fill: Callable[[Job, float], None],
    stage: Callable[[Job], Stage],
    kind: Any,
    job: Job,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(walks, "_PAGE", 50)  # less than the short film's rows
    found = {}
    for end in (SLIDE, SHORT, LONG):  # the first time modules are imported too
        made = stage(job)
        job.store.clear(job.video.id, [kind])
        fill(job, end)
        before = job.store.counts(job.video.id)[kind]
        found[end] = peak(lambda made=made, end=end: made.finish(end))  # type: ignore[misc]
        after = job.store.counts(job.video.id)[kind]
        assert 0 < after <= before
        job.store.set_stage(job.video.id, made.name, "begin anew", "running")
    assert found[LONG] <= 2 * found[SHORT] + (CACHED if kind == "screen_text" else 0)


def test_embedding_a_film_ten_times_as_long_takes_no_more(job: Job) -> None:
    found = {}
    words = [[at / 10, at / 10 + 0.1, "word"] for at in range(30)]
    for end in (2 * SHORT, 2 * LONG):
        job.store.clear(job.video.id, ["speech"])
        times = [2.0 * at for at in range(int(end / 2))]
        rows = [evidence(job, "speech", Span(at, at + 1.9), f"said at {at}", {"words": words}) for at in times]
        job.store.add_evidence(rows)
        found[end] = peak(lambda: embed_video(job.store, job.video.id, Embedding()))
        assert job.store.lacking(job.video.id, "m") == 0
    # Hashes of texts that may come back are kept.
    assert found[2 * LONG] <= 1.3 * found[2 * SHORT] + 200 * (LONG - SHORT)


def test_a_name_that_stands_there_all_the_time_is_one_row(job: Job) -> None:
    made = text(job)
    slides(job, SHORT)
    slides_before = job.store.evidence(job.video.id)
    made.finish(SHORT)
    rows = job.store.evidence(job.video.id)
    (name,) = [row for row in rows if row.text == "CHANNEL"]
    assert name.span == Span(0.0, SHORT)
    assert [row.span.end - row.span.start for row in rows if row is not name] == [SLIDE] * int(SHORT / SLIDE)
    assert rows[0] == name  # above the slide that is there from the beginning too
    # What nothing goes on from, and what stands in order, is left alone.
    kept = {row.id for row in rows}
    whole = [row for row in slides_before if row.text != "CHANNEL" and row.span.end - row.span.start == SLIDE]
    assert {row.id for row in whole[1:]} <= kept
    assert whole[0].id not in kept
