"""What is asked of thousands of videos at once is asked of the database once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from vagent import configs
from vagent.index.library import VideoLibrary
from vagent.index.records import Evidence
from vagent.index.search.searcher import Searcher
from vagent.index.store import Filters, Store
from vagent.tools.time import Span


@pytest.fixture
def library(settings: configs.Settings) -> Iterator[VideoLibrary]:
    off = {"embeddings": "off", "visual": "off"}
    opened = VideoLibrary(configs.load({"library": str(settings.library_dir), "engines": off}, env={}))
    for name in ("a", "b", "c"):
        add(opened.store, name)
    yield opened
    opened.close()


def add(store: Store, name: str, kind: Any = "subtitle") -> int:
    video = store.add_video(name, f"/{name}.mp4", 1, 1, 60.0, {}).id
    store.add_evidence([Evidence(video, Span(1, 2), kind, f"the ship {name} sails")])
    store.set_stage(video, "subtitles", "f", "done", 60.0)
    return video


def test_a_search_of_all_videos_is_one_of_the_library(library: VideoLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Filters] = []
    search = Searcher.search

    def noted(self: Searcher, query: str, *, filters: Filters, limit: int) -> Any:
        asked.append(filters)
        return search(self, query, filters=filters, limit=limit)

    monkeypatch.setattr(Searcher, "search", noted)
    found = [library.search("ship", videos=videos) for videos in (None, [1, 2, 3], [3, 2, 1], [1, 2], [1])]
    assert [filters.videos for filters in asked] == [None, None, None, [1, 2], [1]]
    assert [[moment.video.id for moment in moments] for moments in found] == [[1, 2, 3]] * 3 + [[1, 2], [1]]


def test_a_video_that_came_since_is_not_found(library: VideoLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    assert library.store.video_numbers() == [1, 2, 3]
    add(library.store, "d")
    monkeypatch.setattr(library.store, "video_numbers", lambda: [1, 2, 3])
    assert [moment.video.id for moment in library.search("ship", videos=[1, 2, 3])] == [1, 2, 3]


def test_one_video_stays_one_video(settings: configs.Settings) -> None:
    store = Store(settings.library_dir)
    add(store, "alone")
    store.close()
    library = VideoLibrary(settings)
    assert [moment.video.id for moment in library.search("ship", videos=[1])] == [1]
    library.close()


def test_what_was_searched_is_told_of_each(library: VideoLibrary) -> None:
    store = library.store
    silent = add(store, "d", "screen_text")  # its subtitles were looked for, and there were none
    store.set_stage(silent, "text", "f", "done", 60.0)
    store.set_stage(1, "speech", "f", "done", 60.0, {"recognised": True})
    store.set_stage(2, "speech", "f", "done", 60.0)
    store.set_stage(3, "text", "f", "running", 10.0)
    found = library.searched([4, 1, 2, 3], 5.0, 30.0)
    assert [(one.video.id, one.kinds) for one in found] == [
        (4, ("screen_text",)),
        (1, ("subtitle", "speech")),
        (2, ("subtitle",)),
        (3, ("subtitle",)),
    ]
    assert {one.span for one in found} == {Span(5.0, 30.0)}


def test_some_videos_and_their_stages_at_once(library: VideoLibrary) -> None:
    store = library.store
    assert {number: video.path for number, video in store.some_videos([3, 1, 99]).items()} == {1: "/a.mp4", 3: "/c.mp4"}
    assert store.stages_of([1, 99]) == {1: store.stages(1)}
    assert store.stages(99) == {}
    assert store.videos_with("subtitle", [1, 3, 99]) == {1, 3}
    assert store.videos_with("objects", [1, 2, 3]) == set()
