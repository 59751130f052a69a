"""From a video file to the answer: decode, sample, keep pictures, describe clips, find things, look again, answer, with
the little models in the place of the large ones. The film's scenes are held out from all training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torchvision", reason="the video-LLM's processor needs it (extra: models)")
pytest.importorskip("transformers", reason="the models run on it (extra: models)")

from tests.world.films import Film, Shot, different, film
from tests.world.judge import CHECKPOINTS
from tests.world.samples import HELD_OUT
from tests.world.scenes import HEIGHT, WIDTH, Scene, scene
from tests.world.test_detector import overlap
from tests.world.words import Question, questions
from vagent import Library
from vagent.index.pictures import Pictures

AIM = 0.9
KINDS = ("colour", "shape", "direction", "mover", "first", "after", "before")
SETTINGS: dict[str, Any] = {
    "threads": 1,
    "device": "cpu",
    "engines": {
        "speech": "off",
        "text": "off",
        "sounds": "off",
        "videollm": "transformers",
        "visual": "transformers",
        "objects": "transformers",
    },
    "videollm": {"model": str(CHECKPOINTS / "videollm"), "precision": "fp32"},
    "visual": {"model": str(CHECKPOINTS / "siglip")},
    "objects": {"model": str(CHECKPOINTS / "detector")},
    "captions": {"use": True, "frames": 10},
    "clips": {"window": 8},
}


def scenes(first: int, count: int) -> list[Scene]:
    """Held-out scenes, each of whose grounds differs from the next one's."""
    found: list[Scene] = []
    for seed in range(HELD_OUT + first, HELD_OUT + first + 1000):
        if len(found) < count and different([*found[-1:], scene(seed)]):
            found.append(scene(seed))
    return found


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Film:
    return film(tmp_path_factory.mktemp("film") / "film.mp4", scenes(50_000, 8))


@pytest.fixture(scope="module")
def library(shown: Film, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with Library(tmp_path_factory.mktemp("library"), settings=SETTINGS) as made:
        (report,) = made.add(shown.path)
        assert report.error is None
        yield made
    torch.set_num_threads(threads)


def asked(shot: Shot, most: int = 2) -> list[Question]:
    """Questions about one scene."""
    random = np.random.default_rng(shot.scene.seed)
    pool = [q for q in questions(shot.scene, random, nothing=False) if q.kind in KINDS]
    return [pool[int(i)] for i in random.permutation(len(pool))[:most]]


def answered(library: Library, shown: Film) -> float:
    """The part of the questions that are answered with the true words."""
    right = []
    for shot in shown.shots:
        for question in asked(shot):
            answer = library.ask(question.text, start=shot.span.start, until=shot.span.end)
            # A caption that is quoted says "a red circle moves left", a look "the red circle moves left".
            right.append(question.answer.removeprefix("The ").rstrip(".") in answer.text)
    return float(np.mean(right))


def test_shots_begin_where_scenes_do(library: Library, shown: Film):
    (video,) = library.videos()
    found = [shot.span.start for shot in library.index.shots(video.id)]
    assert found == pytest.approx([shot.span.start for shot in shown.shots], abs=0.1)


def test_questions_are_answered(library: Library, shown: Film):
    assert answered(library, shown) >= AIM


def test_captions_name_what_is_there(library: Library, shown: Film):
    (video,) = library.videos()
    named = []
    for shot in shown.shots:
        rows = library.index.evidence(video.id, shot.span, ["caption"])
        texts = " ".join(row.text for row in rows if row.span.overlap(shot.span) > 0.5 * row.span.duration)
        named += [thing.name in texts for thing in shot.scene.things]
    assert np.mean(named) >= AIM


def test_a_text_finds_its_scene(library: Library, shown: Film):
    names = sorted({thing.name for shot in shown.shots for thing in shot.scene.things})
    right = []
    for name in names:
        (best, *_) = library.search(f"a {name}", kinds=["visual"])
        right.append(any(name in {t.name for t in s.scene.things} and s.span.overlap(best.span) > 0.3
                         for s in shown.shots))  # fmt: skip
    assert np.mean(right) >= AIM


def test_things_are_where_they_are_found(library: Library, shown: Film):
    """Every box is right at its time, and every second of every thing is covered by a row of its name."""
    (video,) = library.videos()
    rows = library.index.evidence(video.id, kinds=["objects"])
    right = [box_is_right(shown, row.text, *one) for row in rows for one in row.extra["boxes"]]
    covered = [
        any(row.text == thing.name and row.span.start - 1 <= time <= row.span.end + 1 for row in rows)
        for shot in shown.shots
        for time in map(float, np.arange(np.ceil(shot.span.start), shot.span.end))
        for thing, _ in shot.scene.boxes(time - shot.span.start)
    ]
    assert min(np.mean(right), np.mean(covered)) >= AIM


def test_times_shifted_by_one_clip_are_seen(library: Library, shown: Film, monkeypatch: pytest.MonkeyPatch):
    """The pictures of the next scene instead of those that are asked for: the answers go wrong."""
    real = Pictures.nearest

    def shifted(self: Pictures, times: list[float]) -> list[tuple[float, bytes]]:
        starts = [shot.span.start for shot in shown.shots] + [shown.duration]
        here = max(i for i, start in enumerate(starts[:-1]) if start <= np.median(times))
        there = (here + 1) % len(shown.shots)
        step = starts[there] - starts[here]
        moved = real(self, [min(max(t + step, starts[there]), starts[there + 1] - 0.1) for t in times])
        return [(time - step, jpeg) for time, jpeg in moved if time >= starts[there]]

    monkeypatch.setattr(Pictures, "nearest", shifted)
    assert answered(library, shown) < 0.65  # what captions say was written before the times went wrong


def box_is_right(shown: Film, name: str, time: float, *box: float) -> bool:
    """Whether the thing of that name is at that place then (IoU of a half)."""
    shot = next(s for s in shown.shots if time < s.span.end)
    there = {thing.name: place for thing, place in shot.scene.boxes(time - shot.span.start)}
    pixels = tuple(part * size for part, size in zip(box, (WIDTH, HEIGHT, WIDTH, HEIGHT), strict=True))
    return name in there and overlap(there[name], pixels) >= 0.5
