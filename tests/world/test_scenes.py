"""The world's truth is the truth: what a scene says is in its pictures, and a film shows its scenes when it says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.world.films import film
from tests.world.samples import HELD_OUT
from tests.world.scenes import COLOURS, DIRECTIONS, HEIGHT, WIDTH, draw, scene
from tests.world.words import caption, questions
from vagent.configs import Settings

SEEDS = range(HELD_OUT, HELD_OUT + 60)


def test_a_seed_is_one_scene():
    assert scene(5) == scene(5)
    assert scene(5) != scene(6)
    assert np.array_equal(draw(scene(5), 2.0), draw(scene(5), 2.0))


@pytest.mark.parametrize("seed", SEEDS[:20])
def test_boxes_hold_the_things_and_nothing_else_is_coloured(seed: int):
    made = scene(seed, word=False)
    time = made.duration * 0.8
    picture = draw(made, time).astype(int)
    plain = np.ones(picture.shape[:2], bool)
    for thing, (left, top, right, bottom) in made.boxes(time):
        assert left >= 0 and top >= 0 and right <= WIDTH and bottom <= HEIGHT
        x, y = (round(v) for v in thing.place(time))
        near = min(COLOURS, key=lambda name: np.abs(picture[y, x] - COLOURS[name]).sum())
        assert near == thing.colour
        inside = picture[round(top) : round(bottom), round(left) : round(right)]
        drawn = np.abs(inside - np.array(thing.ink)).sum(axis=2) < 60
        for side in (drawn[:3], drawn[-3:], drawn[:, :3], drawn[:, -3:]):
            assert side.any(), "the box is larger than the thing"
        plain[max(0, int(top) - 2) : int(bottom) + 3, max(0, int(left) - 2) : int(right) + 3] = False
    ground = picture[plain].reshape(-1, 3)
    assert (np.abs(ground - ground.mean(axis=0)) < 60).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_things_move_as_they_are_said_to(seed: int):
    for thing in scene(seed).things:
        (x, y), (u, v) = thing.place(thing.appears), thing.place(thing.appears + 2)
        dx, dy = DIRECTIONS.get(thing.motion, (0, 0))
        assert (np.sign(round(u - x)), np.sign(round(v - y))) == (dx, dy)


@pytest.mark.parametrize("seed", SEEDS)
def test_answers_are_true_of_the_scene(seed: int):
    made = scene(seed)
    names = {thing.name for thing in made.things}
    asked = questions(made, np.random.default_rng(seed))
    assert {q.kind for q in asked} >= {"present", "moves", "nothing"}
    for question in asked:
        assert question.right not in question.wrong
        if question.kind in ("direction", "first", "after", "before", "mover"):
            assert any(name in question.answer for name in names) or "it" in question.answer
    if made.plot == "order":
        first, second = made.ordered
        assert first.appears < second.appears
        assert caption(made).index(first.name) < caption(made).rindex(second.name)


def test_a_film_shows_its_scenes_at_their_times(tmp_path: Path):
    made = film(tmp_path / "film.mp4", [scene(HELD_OUT), scene(HELD_OUT + 1)])

    import cv2

    capture = cv2.VideoCapture(str(made.path))
    frames = []
    while (got := capture.read())[0]:
        frames.append(got[1].astype(int))
    assert len(frames) == round(made.duration * 12.5)
    for shot in made.shots:
        for part in (0.02, 0.5, 0.97):
            number = int((shot.span.start + part * shot.span.duration) * 12.5)
            true = draw(shot.scene, number / 12.5 - shot.span.start).astype(int)
            assert np.abs(frames[number] - true).mean() < 9


def test_printed_words_can_be_read(settings: Settings):
    from vagent.tools.text.rapid import RapidText

    made = scene(HELD_OUT + 3, word=True)
    engine = RapidText(settings)
    picture = draw(made, 1.0)
    read = engine.recognise(picture, engine.detect(picture))
    assert [line.text for lines in read for line in lines] == [made.word]
