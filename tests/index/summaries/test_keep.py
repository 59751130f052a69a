"""Summaries are made once: kept with the video, found while they fit, made anew when what they rest on changes."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.index.summaries.documents import clips, film, topics
from tests.index.summaries.test_writer import Scripted, said
from tests.media_files import SubtitleTrack, colours, write_video
from vagent import configs
from vagent.errors import EngineFailed, StorageError
from vagent.index.bundle.exporting import export_library
from vagent.index.bundle.importing import import_library
from vagent.index.library import VideoLibrary
from vagent.index.passages import embed_video
from vagent.index.records import Evidence, Video
from vagent.index.store import Filters, Store
from vagent.index.summaries import Summarised, summarise
from vagent.index.summaries.make import METHOD
from vagent.tools.chat import ChatModel
from vagent.tools.embeddings import Vectors
from vagent.tools.time import Span

SETTINGS = configs.load({}, env={})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "library") as opened:
        yield opened


def add_film(store: Store, documents: int = 6, times: int = 3) -> Video:
    rows, _ = film([document * times for document in topics()[:documents]])
    duration = rows[-1].span.end
    video = store.add_video("c" * 40, "/films/a.mp4", 100, 7, duration, {})
    store.add_evidence(rows)
    store.replace_clips(video.id, clips(duration))
    return video


def sum_up(store: Store, video: Video, chat: ChatModel | None = None) -> Summarised:
    return summarise(store, store.video(video.id), SETTINGS, None, chat)


def levels(rows: Sequence[Evidence]) -> list[str]:
    return [row.extra["level"] for row in rows]


def test_scenes_chapters_and_the_whole_are_rows_that_point_to_evidence(store: Store) -> None:
    video = add_film(store)
    done = sum_up(store, video)
    assert done.made and done.stored and not done.notices
    assert done.rows == sorted(store.evidence(video.id, kinds=["summary"]), key=lambda row: row.id)
    assert levels(done.rows)[:2] == ["video", "chapter"]
    assert set(levels(done.rows)) == {"video", "chapter", "scene"}
    held = {row.id: row for row in store.evidence(video.id)}
    for row in done.rows:
        assert (row.kind, row.engine, row.weak) == ("summary", METHOD, False)
        assert row.extra["title"]
        assert row.text and row.extra["from"]
        for number in row.extra["from"]:
            assert held[number].kind == "subtitle"
            assert held[number].span.overlap(row.span) > 0
            assert any(piece in row.text for piece in re.split(r"(?<=[.?!]) ", held[number].text))
    chapters = [row for row in done.rows if row.extra["level"] == "chapter"]
    assert chapters[0].span.start == 0 and chapters[-1].span.end == video.duration


def test_they_are_made_once_and_anew_when_evidence_changes(store: Store) -> None:
    video = add_film(store)
    first = sum_up(store, video)
    again = sum_up(store, video)
    assert not again.made and again.rows == first.rows
    store.add_evidence([Evidence(video.id, Span(1, 5), "screen_text", "A day at sea")])
    third = sum_up(store, video)
    assert third.made and not {row.id for row in third.rows} & {row.id for row in first.rows}
    assert len(store.evidence(video.id, kinds=["summary"])) == len(third.rows)
    longer = SETTINGS.model_copy(update={"summaries": SETTINGS.summaries.model_copy(update={"words": 20})})
    assert summarise(store, store.video(video.id), longer, None, None).made
    store.remove_video(video.id)
    assert store.evidence() == []


def test_they_fit_in_another_library_whatever_numbers_its_rows_have(store: Store, tmp_path: Path) -> None:
    video = add_film(store)
    made = sum_up(store, video)
    bundle = export_library(store.folder, tmp_path / "films.tar.zst", [video.fingerprint]).file
    with Store(tmp_path / "other") as other:
        elder = other.add_video("elder", "/films/z.mp4", 1, 1, 60.0, {})
        other.add_evidence([Evidence(elder.id, Span(n, n + 1), "speech", f"line {n}") for n in range(50)])
        import_library(other.folder, bundle)
        there = next(one for one in other.videos() if one.fingerprint == video.fingerprint)
        found = sum_up(other, there)
        assert not found.made
        assert [row.text for row in found.rows] == [row.text for row in made.rows]
        assert {row.id for row in found.rows}.isdisjoint(row.id for row in made.rows)
        held = {row.id for row in other.evidence(there.id)}
        assert all(set(row.extra["from"]) <= held for row in found.rows)


def test_they_are_made_anew_where_the_same_words_were_found_anew(store: Store) -> None:
    video = add_film(store)
    first = sum_up(store, video)
    rows = store.evidence(video.id, kinds=["subtitle"])
    store.clear(video.id, ["subtitle"])
    ids = store.add_evidence(rows)
    again = sum_up(store, video)
    assert again.made and [row.text for row in again.rows] == [row.text for row in first.rows]
    assert all(set(row.extra["from"]) <= set(ids) for row in again.rows)


def test_a_video_without_evidence_has_none(store: Store) -> None:
    video = store.add_video("nothing", "/films/b.mp4", 1, 1, 60.0, {})
    assert sum_up(store, video).rows == []
    assert not sum_up(store, video).made


def test_things_and_sounds_are_named_where_nothing_is_said(store: Store) -> None:
    video = store.add_video("things", "/films/c.mp4", 1, 1, 60.0, {})
    names = [("objects", "dog"), ("objects", "dog"), ("objects", "car"), ("sound", "Siren")]
    rows = [Evidence(video.id, Span(n, n + 5), kind, text, weak=True) for n, (kind, text) in enumerate(names)]  # type: ignore[arg-type]
    ids = store.add_evidence(rows)
    whole = sum_up(store, video).rows[0]
    assert whole.text == "Detected: dog, car. Heard: Siren."
    assert whole.extra["from"] == [ids[0], ids[2], ids[3]]
    assert whole.weak


def test_weak_evidence_makes_weak_summaries(store: Store) -> None:
    video = store.add_video("weak", "/films/d.mp4", 1, 1, 20.0, {})
    store.add_evidence([Evidence(video.id, Span(0, 9), "speech", "the ridden lion of the sea goes home", weak=True)])
    assert [row.weak for row in sum_up(store, video).rows] == [True, True]


def test_marks_of_the_file_are_chapters_with_their_titles(store: Store) -> None:
    video = add_film(store)
    marks = [{"start": 0.0, "end": 40.0, "title": "Bread"}, {"start": 40.0, "end": 500.0, "title": "Chapter 2"}]
    store.update_video(video.id, info={"chapters": marks})
    chapters = [row for row in sum_up(store, video).rows if row.extra["level"] == "chapter"]
    assert [row.span.start for row in chapters] == [0.0, 40.0]
    assert chapters[0].extra["title"] == "Bread"
    assert chapters[1].extra["title"].startswith("Chapter 2: ")


class TestModel:
    def test_its_words_are_kept_with_its_name(self, store: Store) -> None:
        video = add_film(store)
        model = Scripted(said("The rye bread is sold out.", "Bread"))
        done = sum_up(store, video, model)
        chapters = [row for row in done.rows if row.extra["level"] == "chapter"]
        assert done.rows[0].text == chapters[0].text == "The rye bread is sold out."
        assert {row.engine for row in [done.rows[0], *chapters]} == {"scripted 1"}
        assert {row.engine for row in done.rows if row.extra["level"] == "scene"} <= {METHOD}
        assert chapters[0].extra["from"]
        assert len(model.prompts) == len(chapters) + 1
        assert not sum_up(store, video, model).made
        assert not sum_up(store, video).made, "no model now is no reason to throw away what one wrote"
        assert sum_up(store, video, Scripted(said("Bread."))).made is False

    def test_another_model_writes_anew(self, store: Store) -> None:
        class Other(Scripted):
            @property
            def revision(self) -> str:
                return "other 2"

        video = add_film(store)
        sum_up(store, video)
        assert sum_up(store, video, Scripted(said("Bread is sold."))).made
        assert sum_up(store, video, Other(said("Bread is sold."))).rows[0].engine == "other 2"

    def test_quotes_stand_in_where_it_breaks_and_the_next_time_it_is_asked_again(self, store: Store) -> None:
        video = add_film(store)
        done = sum_up(store, video, Scripted(EngineFailed("the server is gone")))
        assert {row.engine for row in done.rows} == {METHOD}
        assert "the server is gone" in done.notices[0]
        assert not sum_up(store, video).made
        assert sum_up(store, video, Scripted(said("Bread is sold."))).rows[0].engine == "scripted 1"

    def test_a_run_that_was_killed_goes_on(self, store: Store) -> None:
        class Killed(Scripted):
            def reply(self, *args: Any, **more: Any) -> Any:
                if len(self.prompts) == 2:
                    raise KeyboardInterrupt
                return super().reply(*args, **more)

        video = add_film(store)
        killed = Killed(said("Bread is sold."))
        with pytest.raises(KeyboardInterrupt):
            sum_up(store, video, killed)
        assert store.evidence(video.id, kinds=["summary"]) == []
        model = Scripted(said("Bread is sold."))
        done = sum_up(store, video, model)
        assert done.made and not set(model.prompts) & set(killed.prompts)
        assert store.stage(video.id, "summaries").detail.keys() == {"writer", "notices"}  # type: ignore[union-attr]

    def test_chapters_too_long_for_one_call_are_summed_up_by_their_scenes(self, store: Store) -> None:
        video = add_film(store, documents=1, times=1)
        long = ["The rye bread of this bakery is sold out until noon every single day of the whole week."] * 400
        rows, _ = film([long])
        store.add_evidence([Evidence(video.id, row.span, row.kind, row.text) for row in rows])
        store.update_video(video.id, duration=1600.0, info={"chapters": [{"start": 0.0}, {"start": 1500.0}]})
        store.replace_clips(video.id, clips(1600.0))
        model = Scripted(said("The bread is sold out."))
        done = sum_up(store, video, model)
        scenes = [row for row in done.rows if row.extra["level"] == "scene" and row.span.start < 1500]
        assert {row.engine for row in scenes} == {"scripted 1"}
        assert max(map(len, model.prompts)) < 14_000


def test_two_who_ask_at_once_keep_one(store: Store) -> None:
    video = add_film(store)
    found: list[Summarised] = []
    threads = [threading.Thread(target=lambda: found.append(sum_up(store, video))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(done.rows == found[0].rows for done in found)
    assert len(store.evidence(video.id, kinds=["summary"])) == len(found[0].rows)


def test_evidence_that_changes_meanwhile_is_not_summed_up_by_old_rows(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = add_film(store)
    model = Scripted(said("Bread is sold."))
    reply = model.reply

    def index_meanwhile(*args: Any, **more: Any) -> Any:
        if len(model.prompts) == 0:
            store.add_evidence([Evidence(video.id, Span(1, 5), "subtitle", "A new line.")])
        return reply(*args, **more)

    monkeypatch.setattr(model, "reply", index_meanwhile)
    done = sum_up(store, video, model)
    assert done.rows and not done.stored
    assert store.evidence(video.id, kinds=["summary"]) == []


def test_where_nothing_can_be_written_they_are_made_all_the_same(tmp_path: Path, caplog: Any) -> None:
    with Store(tmp_path / "library") as writable:
        video = add_film(writable)
    with Store(tmp_path / "library", write=False) as store, caplog.at_level(logging.WARNING):
        with pytest.raises(StorageError):
            store.update_video(video.id, complete=True)
        done = sum_up(store, video, Scripted(said("Bread is sold.")))
        assert done.rows and not done.stored
        assert "not kept" in caplog.text
        assert {row.id for row in done.rows} == {0}


class Embedding:
    """Directions by the letters of a text; how many texts it was given at once."""

    model = revision = "letters"

    def __init__(self) -> None:
        self.given: list[int] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.given.append(len(texts))
        found = np.array([[text.count(letter) + 0.01 for letter in "aeioulnrst"] for text in texts], np.float32)
        return found / np.linalg.norm(found, axis=1, keepdims=True)


def test_what_has_no_vector_yet_is_embedded_for_the_time_being(store: Store) -> None:
    video = add_film(store)
    engine: Any = Embedding()
    without = summarise(store, video, SETTINGS, engine, None)
    assert engine.given[0] == min(256, len(store.evidence(video.id, kinds=["subtitle"])))
    assert store.lacking(video.id, "letters") > 0
    embed_video(store, video.id, engine)
    store.clear(video.id, ["summary"])
    store.set_stage(video.id, "summaries", "none", "done")
    engine.given.clear()
    again = summarise(store, video, SETTINGS, engine, None)
    assert again.made and [row.text for row in again.rows] == [row.text for row in without.rows]
    assert [row.extra["title"] for row in again.rows] == [row.extra["title"] for row in without.rows]
    # Words tell something else: the directions did count.
    store.set_stage(video.id, "summaries", "none", "done")
    assert [row.text for row in sum_up(store, video).rows] != [row.text for row in again.rows]


# ------------------------------------------------------------------ in a library


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two minutes of subtitles about three matters."""
    rows, _ = film([document[:8] for document in topics()[:3]])
    cues = [(row.span.start, row.span.end, row.text) for row in rows]
    where = tmp_path_factory.mktemp("summaries") / "film.mkv"
    end = cues[-1][1]
    return write_video(where, colours(round(end)), fps=1, subtitles=SubtitleTrack(cues), chapters=[(0, end, "All")])


def library(folder: Path, **more: Any) -> VideoLibrary:
    given = {"library": str(folder), "threads": 1, "engines": {"text": "off", "speech": "off", "chat": "off"}, **more}
    return VideoLibrary(configs.load(given, env={}))


@pytest.fixture
def opened(tmp_path: Path, path: Path) -> Iterator[VideoLibrary]:
    held = library(tmp_path)
    held.add(path)
    yield held
    held.close()


def test_a_library_makes_them_when_they_are_first_asked_for(opened: VideoLibrary) -> None:
    (video,) = opened.videos()
    assert opened.store.counts(video.id).get("summary") is None
    rows = opened.summaries(video.id)
    assert rows and rows == opened.summaries(video.id)
    assert opened.store.counts(video.id)["summary"] == len(rows)
    assert opened.add(video.path)[0].status == "unchanged", "summaries are no work left undone"


def test_they_disturb_neither_search_nor_evidence(opened: VideoLibrary) -> None:
    (video,) = opened.videos()
    query = "How long has the volcano been erupting?"
    before = [(hit.evidence.id, hit.score) for moment in opened.search(query) for hit in moment.hits]
    rows = opened.summaries(video.id)
    after = [(hit.evidence.id, hit.score) for moment in opened.search(query) for hit in moment.hits]
    assert before == after
    assert {row.kind for row in opened.evidence(video.id)} == {"subtitle"}
    assert opened.store.match(["volcano", "rye"], Filters(kinds=["summary"]), 9) == []
    found = opened.search(query, kinds=["summary"])
    assert {hit.evidence.kind for moment in found for hit in moment.hits} == {"summary"}
    best = found[0].hits[0].evidence
    said_there = opened.evidence(video.id, best.span)
    assert best in rows and any("erupting" in row.text for row in said_there)


def test_without_embeddings_they_are_found_by_their_words(tmp_path: Path, path: Path) -> None:
    held = library(tmp_path, engines={"text": "off", "speech": "off", "embeddings": "off", "chat": "off"})
    held.add(path)
    (video,) = held.videos()
    assert held.summaries(video.id)
    (found,) = held.search("the rye", kinds=["summary"], limit=1)
    assert "rye" in found.hits[0].evidence.text.lower()
    assert held.search("submarine", kinds=["summary"]) == []
    held.close()


def test_a_deep_index_holds_them_and_a_shallow_one_lets_go_of_what_is_old(tmp_path: Path, path: Path) -> None:
    deep = library(tmp_path, summaries={"use": True})
    report = deep.add(path)[0]
    assert report.counts["summary"] > 1
    assert deep.add(path)[0].status == "unchanged"
    deep.close()
    other = library(tmp_path, clips={"window": 5})
    (video,) = other.videos()
    assert other.add(path)[0].counts.get("summary") is None
    assert other.summaries(video.id)
    other.close()


def test_vectors_are_read_by_evidence(store: Store) -> None:
    video = add_film(store)
    ids = [row.id for row in store.evidence(video.id)][:3]
    store.put_vectors("m", ids, np.eye(3, dtype=np.float32))
    assert {n: v.tolist() for n, v in store.vectors_of("m", [ids[2], 999]).items()} == {ids[2]: [0, 0, 1]}
    assert store.vectors_of("other", ids) == {}
