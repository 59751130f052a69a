"""Objects with a detector that has learnt something: from a film of the little world to rows, against its truth."""

from __future__ import annotations

from typing import Any

import pytest

from tests.world.films import Film, different, film
from tests.world.judge import CHECKPOINTS
from tests.world.samples import HELD_OUT
from tests.world.scenes import HEIGHT, WIDTH, Thing, scene
from vagent import configs
from vagent.index.library import VideoLibrary
from vagent.index.records import Evidence
from vagent.tools.objects import Box
from vagent.tools.objects.boxes import overlap
from vagent.tools.time import Span

FOLDER = CHECKPOINTS / "detector"
AIM = 0.9

if not (FOLDER / "model.safetensors").is_file():
    pytest.skip("the little world's detector is not here", allow_module_level=True)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Film:
    """Eight scenes that no model was trained on, with cuts that everybody sees."""
    scenes: list[Any] = []
    for seed in range(HELD_OUT + 60_000, HELD_OUT + 61_000):
        candidate = scene(seed, word=False)
        if not scenes or different([scenes[-1], candidate]):
            scenes.append(candidate)
        if len(scenes) == 8:
            break
    return film(tmp_path_factory.mktemp("world") / "film.mp4", scenes, fps=5.0)


@pytest.fixture(scope="module")
def rows(shown: Film, tmp_path_factory: pytest.TempPathFactory) -> list[Evidence]:
    senses = ("text", "speech", "sounds", "visual", "embeddings", "videollm")
    given = {
        "library": str(tmp_path_factory.mktemp("library")),
        "threads": 1,
        "device": "cpu",
        "media": {"checkpoint": 10, "sample_fps": 2},
        "objects": {"model": str(FOLDER), "every": 0.5},
        "engines": {**dict.fromkeys(senses, "off"), "objects": "transformers"},
    }
    opened = VideoLibrary(configs.load(given, env={}))
    try:
        (report,) = opened.add(shown.path)
        assert report.error is None
        (video,) = opened.videos()
        return opened.evidence(video.id, kinds=["objects"])
    finally:
        opened.close()


def truth(shown: Film) -> list[tuple[Thing, Span, float]]:
    """Each thing, when it can be seen, and when its shot begins."""
    found = []
    for shot in shown.shots:
        for thing in shot.scene.things:
            seen = Span(shot.span.start + thing.appears, shot.span.start + max(thing.appears, thing.leaves))
            found.append((thing, seen.clamp(shot.span), shot.span.start))
    return found


def fits(row: Evidence, thing: Thing, seen: Span, begin: float) -> bool:
    """Whether a row is of a thing: its name, and its box wherever it is said to be."""
    if row.text != thing.name or not row.span.overlap(seen):
        return False

    def real(time: float) -> Box:
        left, top, right, bottom = thing.box(time - begin)
        return left / WIDTH, top / HEIGHT, right / WIDTH, bottom / HEIGHT

    boxes = [(at, tuple(corners)) for at, *corners in row.extra["boxes"]]
    right = [overlap(where, real(at)) >= 0.5 for at, where in boxes]  # type: ignore[arg-type]
    return sum(right) >= AIM * len(right)


def test_rows_are_things_with_their_names_places_and_times(shown: Film, rows: list[Evidence]) -> None:
    left, right, in_time = list(rows), 0, 0
    things = truth(shown)
    for thing, seen, begin in things:
        mine = [row for row in left if fits(row, thing, seen, begin)]
        if mine:
            left.remove(mine[0])
            right += 1
            span = mine[0].span
            in_time += abs(span.start - seen.start) <= 0.6 and abs(span.end - seen.end) <= 0.6
    assert 2 * right / (len(rows) + len(things)) >= AIM
    # Half a second from picture to picture: who is overlooked in the first one of a shot is late by more than that.
    assert in_time >= 0.8 * len(things)


def test_there_are_as_many_rows_as_things(shown: Film, rows: list[Evidence]) -> None:
    assert len(rows) == pytest.approx(len(truth(shown)), rel=1 - AIM)
    assert all(row.confidence is not None and row.confidence > 0.5 for row in rows)


def test_no_row_crosses_a_cut(shown: Film, rows: list[Evidence]) -> None:
    for row in rows:
        around = [
            s.span for s in shown.shots if s.span.start - 0.1 <= row.span.start and row.span.end <= s.span.end + 0.1
        ]
        assert len(around) == 1
