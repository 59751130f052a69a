"""A text finds the picture that shows it, from a video file to the first moment, with a little SigLIP that was trained
on the little world of ``tests.world`` and films that it has never seen."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.world.films import Film, different, film
from tests.world.samples import HELD_OUT
from tests.world.scenes import COLOURS, SHAPES, Scene, scene
from vagent import configs
from vagent.index.library import VideoLibrary
from vagent.index.records import Evidence, Moment
from vagent.tools.time import Span
from vagent.tools.visual import Image
from vagent.tools.visual.transformers import TransformersVisual

CHECKPOINT = Path(__file__).parents[2] / "world" / "checkpoints" / "siglip"
QUERIES = ("a {}", "where is the {}?", "when is a {} seen?")

pytestmark = pytest.mark.skipif(not (CHECKPOINT / "config.json").is_file(), reason="the little SigLIP is not here")


def scenes(first: int, count: int) -> list[Scene]:
    """Scenes whose neighbours differ in their grounds."""
    found: list[Scene] = []
    seed = first
    while len(found) < count:
        if different([*found[-1:], scene(seed)]):
            found.append(scene(seed))
        seed += 1
    return found


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[Film]:
    folder = tmp_path_factory.mktemp("world")
    return [film(folder / f"{i}.mp4", scenes(HELD_OUT + 50_000 + 1000 * i, 8), fps=5.0) for i in range(2)]


def library(folder: Path, every: float = 2.0) -> VideoLibrary:
    given: dict[str, Any] = {
        "library": str(folder),
        "threads": 1,
        "device": "cpu",
        "engines": {"text": "off", "speech": "off", "objects": "off", "sounds": "off", "visual": "transformers"},
        "visual": {"model": str(CHECKPOINT), "every": every},
    }
    return VideoLibrary(configs.load(given, env={}))


@pytest.fixture(scope="module")
def opened(films: Sequence[Film], tmp_path_factory: pytest.TempPathFactory) -> Iterator[VideoLibrary]:
    made = library(tmp_path_factory.mktemp("library"))
    assert all(made.add(one.path)[0].error is None for one in films)  # one by one: in this process, which has torch
    yield made
    made.close()


def copied(opened: VideoLibrary, folder: Path, every: float = 2.0) -> VideoLibrary:
    """A library like another, which has decoded the films already."""
    shutil.copytree(opened.folder, folder)
    return library(folder, every)


def shown(films: Sequence[Film], name: str) -> list[tuple[str, Span]]:
    """In which file and when a thing is seen."""
    found = []
    for one in films:
        for shot in one.shots:
            for thing in shot.scene.things:
                if thing.name == name:
                    start, end = shot.span.start + thing.appears, min(shot.span.end, shot.span.start + thing.leaves)
                    found.append((str(one.path), Span(start, end)))
    return found


def first_right(opened: VideoLibrary, films: Sequence[Film]) -> float:
    """How many questions for a thing have a picture of it first."""
    names = sorted({thing.name for one in films for shot in one.shots for thing in shot.scene.things})
    right = []
    for name in names:
        for wording in QUERIES:
            found = opened.search(wording.format(name))
            right.append(bool(found) and _shows(found[0], shown(films, name)))
    assert len(right) > 30
    return float(np.mean(right))


def _shows(moment: Moment, places: Sequence[tuple[str, Span]]) -> bool:
    time = moment.hits[0].evidence.extra.get("picture", -1.0) + 0.01  # a hair inside, as the film is written
    return any(moment.video.path == path and span.start <= time < span.end for path, span in places)


def test_a_text_finds_the_picture_that_shows_it(opened: VideoLibrary, films: Sequence[Film]) -> None:
    assert first_right(opened, films) >= 0.9


def test_what_is_in_no_film_is_likely_in_few_pictures(opened: VideoLibrary, films: Sequence[Film]) -> None:
    every = {f"{colour} {shape}" for colour in COLOURS for shape in SHAPES}
    absent = sorted(name for name in every if not shown(films, name))
    assert absent
    rows = sum(len(opened.evidence(video.id, kinds=["visual"])) for video in opened.videos())
    k = opened.settings.search.rrf_k
    hits = [opened.searcher.hits(f"a {name}") for name in absent]
    likely = [sum(hit.score * (k + hit.ranks["visual"]) >= 1.0 for hit in found) for found in hits]
    assert np.mean(likely) < 0.08 * rows


def test_pictures_stand_before_texts_that_have_nothing_to_do_with_it(
    opened: VideoLibrary, films: Sequence[Film], tmp_path: Path
) -> None:
    from vagent.index.passages import embed_video

    added = copied(opened, tmp_path / "library")
    video = added.videos()[0].id
    lines = ("we had soup for dinner", "the ship leaves at noon", "good night everybody", "nobody knows the captain")
    added.store.add_evidence(
        [Evidence(video, Span(5.0 * i, 5.0 * i + 3), "screen_text", line) for i, line in enumerate(lines)]
    )
    embed_video(added.store, video, added.engines.get("embeddings")[1])
    assert first_right(added, films) >= 0.9
    added.close()


def test_swapped_channels_are_seen(
    opened: VideoLibrary, films: Sequence[Film], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above can fail: red would be blue, and yellow something between."""
    real = TransformersVisual.embed_images

    def swapped(self: TransformersVisual, images: Sequence[Image]) -> np.ndarray:
        return real(self, [image[:, :, ::-1] for image in images])

    monkeypatch.setattr(TransformersVisual, "embed_images", swapped)
    broken = copied(opened, tmp_path / "library", every=1.9)
    # One by one: worker processes would not see what is broken here.
    assert all(broken.add(one.path)[0].status == "indexed" for one in films)
    assert first_right(broken, films) < 0.7
    broken.close()
