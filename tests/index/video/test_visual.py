"""The visual sense of the index: key pictures, their rows, and what a search makes of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.media_files import write_video
from tests.models.colours import COLOURS, Colours, install
from vagent import configs
from vagent.index.library import VideoLibrary
from vagent.index.recorded import of_pictures, recorded
from vagent.index.records import Evidence, Hit
from vagent.index.search.searcher import Filters, _moment
from vagent.index.vectors import open_index
from vagent.index.video.pipeline import Report
from vagent.index.video.visual import key_times
from vagent.tools import engines
from vagent.tools.time import Span

ORDER = ("red", "green", "blue", "yellow", "red")  # five seconds each


def scene(colour: str, patch: int = 0) -> np.ndarray:
    image = np.full((180, 320, 3), COLOURS[colour], np.uint8)
    image[20:140, :patch] = COLOURS["yellow"]
    return image


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """25 seconds of five scenes, all still but the third, into which something yellow moves."""
    path = tmp_path_factory.mktemp("visual") / "film.mkv"

    def picture(i: int) -> np.ndarray:
        colour = ORDER[i // 25]
        return scene(colour, 6 * (i % 25) if colour == "blue" else 0)

    return write_video(path, picture, count=125, fps=5)


@pytest.fixture(autouse=True)
def colours(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Colours]]:
    yield install(monkeypatch)
    engines._table.cache_clear()


def library(folder: Path, **more: Any) -> VideoLibrary:
    off = {"text": "off", "speech": "off", "objects": "off", "sounds": "off"}
    given = {"library": str(folder), "threads": 1, "media": {"checkpoint": 5, "sample_fps": 2}, "engines": off, **more}
    return VideoLibrary(configs.load(given, env={}))


@pytest.fixture
def opened(tmp_path: Path, film: Path) -> Iterator[VideoLibrary]:
    made = library(tmp_path / "library")
    (report,) = made.add(film)
    assert report.error is None
    yield made
    made.close()


def rows(opened: VideoLibrary) -> list[Evidence]:
    return opened.evidence(opened.videos()[0].id, kinds=["visual"])


def contents(opened: VideoLibrary) -> list[Any]:
    (model,) = [name for name in opened.store.embedding_models() if of_pictures(name)]
    vectors = {int(i): v.tolist() for ids, some in opened.store.vectors(model) for i, v in zip(ids, some, strict=True)}
    return [(row.span, row.text, row.engine, dict(row.extra), vectors[row.id]) for row in rows(opened)]


def test_a_scene_that_does_not_change_is_one_row(opened: VideoLibrary) -> None:
    found = rows(opened)
    assert [row.span.start for row in found] == pytest.approx([0, 5, 10, 14, 15, 20], abs=0.5)
    assert all(a.span.end == b.span.start for a, b in pairwise(found))
    assert found[-1].span.end == opened.videos()[0].duration
    assert {(row.kind, row.text, row.confidence, row.weak) for row in found} == {("visual", "", None, False)}
    assert all(row.extra == {"picture": row.span.start} for row in found)
    assert found[0].engine == "colours four colours 1"


def test_a_text_finds_the_picture_that_shows_it(opened: VideoLibrary) -> None:
    for colour, start in (("green", 5), ("blue", 10), ("yellow", 15)):
        best = opened.search(f"something {colour}")[0]
        assert best.span.start == pytest.approx(start, abs=0.5)
        assert best.hits[0].evidence.kind == "visual"
        assert best.hits[0].ranks == {"visual": 1}
    both = opened.search("red")
    assert sorted(m.span.start for m in both) == pytest.approx([0, 20], abs=0.5)
    assert both[1].score > 0.85 * both[0].score  # pictures have no text that could be a repetition


def test_more_pictures_of_a_scene_do_not_make_it_likelier(opened: VideoLibrary) -> None:
    video = opened.videos()[0].id
    sure, doubtful, again = (Evidence(video, Span(float(a), a + 2.0), "visual", "", id=a) for a in (1, 11, 13))
    lone, pair = [Hit(sure, 0.12)], [Hit(doubtful, 0.1), Hit(again, 0.1)]
    assert _moment(lone).score > _moment(pair).score
    said = Evidence(video, Span(11.0, 13.0), "caption", "a red house", id=30)
    assert _moment([*pair, Hit(said, 0.1)]).score > _moment(lone).score


def test_a_picture_that_shows_nothing_of_it_is_no_hit(opened: VideoLibrary) -> None:
    assert opened.search("purple elephants") == []


def test_filters_hold_for_pictures_too(opened: VideoLibrary) -> None:
    (later,) = opened.search("red", start=10)
    assert later.span.start == pytest.approx(20, abs=0.5)
    assert opened.search("red", kinds=["screen_text", "speech"]) == []
    assert len(opened.search("red", kinds=["visual"])) == 2
    assert opened.searcher.hits("red", Filters(weak=False))


def test_the_sense_is_named_where_it_has_run(opened: VideoLibrary, tmp_path: Path, film: Path) -> None:
    video = opened.videos()[0].id
    assert "visual" in opened.searched([video])[0].kinds
    without = library(tmp_path / "without", engines={"visual": "off", "text": "off", "speech": "off"})
    without.add(film)
    assert "visual" not in without.searched([without.videos()[0].id])[0].kinds
    without.close()


def add_lines(opened: VideoLibrary, *texts: str) -> None:
    from vagent.index.passages import embed_video

    video = opened.videos()[0].id
    spans = [Span(float(2 + 5 * i), float(4 + 5 * i)) for i in range(len(texts))]
    opened.store.add_evidence([Evidence(video, s, "screen_text", t) for s, t in zip(spans, texts, strict=True)])
    embed_video(opened.store, video, opened.engines.get("embeddings")[1])


def test_a_sure_picture_stands_before_texts_that_are_merely_nearest(opened: VideoLibrary) -> None:
    add_lines(opened, "the ship leaves at noon", "nobody knows the captain", "we had soup", "good night", "hello")
    assert opened.search("yellow", limit=1)[0].span.start == pytest.approx(15, abs=0.5)


def test_a_text_that_says_it_stands_before_a_picture(opened: VideoLibrary) -> None:
    add_lines(opened, "the ship leaves at noon", "the blue ship never came back", "we had soup", "good night", "hello")
    best = opened.search("what happened to the blue ship")[0]
    assert best.hits[0].evidence.text == "the blue ship never came back"


def test_a_run_that_was_cut_off_goes_on_where_it_was(
    opened: VideoLibrary, tmp_path: Path, film: Path, colours: type[Colours], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = contents(opened)
    monkeypatch.setattr(colours, "made", [])
    small = {"visual": {"batch": 2, "every": 0.5}}
    whole = library(tmp_path / "whole", **small)
    whole.add(film)
    batches = len(colours.made)
    assert batches > 8
    finer = contents(whole)
    whole.close()
    assert [row[0] for row in finer] != [row[0] for row in expected]
    for cut in range(1, batches, 3):
        again = library(tmp_path / f"cut {cut}", **small)
        monkeypatch.setattr(colours, "made", [])
        monkeypatch.setattr(colours, "fails_after", cut)
        with pytest.raises(InterruptedError):
            again.add(film)
        monkeypatch.setattr(colours, "fails_after", None)
        assert again.add(film)[0].status == "indexed"
        assert len(colours.made) <= batches + 1  # the open picture is embedded once more, nothing else
        assert contents(again) == finer
        assert again.add(film)[0].status == "unchanged"
        again.close()


def test_another_model_makes_the_rows_anew(
    opened: VideoLibrary, film: Path, colours: type[Colours], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {row.id for row in rows(opened)}
    monkeypatch.setattr(colours, "version", "2")
    assert opened.add(film)[0].status == "indexed"
    assert not before & {row.id for row in rows(opened)}
    assert [m for m in opened.store.embedding_models() if of_pictures(m)] == [recorded("four colours 2")]
    assert opened.search("green")


def test_pictures_of_another_model_are_told_of_and_left_out(
    opened: VideoLibrary, colours: type[Colours], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    add_lines(opened, "the green ship")
    monkeypatch.setattr(colours, "version", "2")
    for _ in range(2):
        assert {hit.evidence.kind for hit in opened.searcher.hits("green")} == {"screen_text"}
    (warning,) = [record.getMessage() for record in caplog.records if "pictures are not searched" in record.message]
    assert "four colours 1" in warning
    assert "four colours 2" in warning


def test_without_an_engine_words_alone_are_searched(opened: VideoLibrary) -> None:
    add_lines(opened, "the green ship")
    opened.searcher.visual = lambda: None
    assert {hit.evidence.kind for hit in opened.searcher.hits("green")} == {"screen_text"}


def test_vectors_of_pictures_and_of_texts_are_kept_apart(opened: VideoLibrary) -> None:
    """Even when one model makes both: a text would find pictures by vectors made with another prompt."""
    add_lines(opened, "the green ship", "soup")
    assert len(opened.store.embedding_models()) == 2
    opened.search("green ship")
    files = sorted(path.name for path in (opened.folder / "vectors").glob("*.faiss"))
    assert [name.startswith("visual-") for name in files] == [False, True]
    texts = open_index(opened.store, opened.folder, "four colours 1", 5, opened.settings.search)
    with pytest.raises(Exception, match="all-MiniLM") as refused:
        texts.search(np.zeros((1, 5), np.float32), 1)
    assert "four colours" not in str(refused.value).split("the query with")[0]


def test_pictures_that_have_gone_are_told_of(tmp_path: Path, film: Path, colours: type[Colours]) -> None:
    first = library(tmp_path / "library", engines={"visual": "off", "text": "off", "speech": "off"})
    first.add(film)
    first._pictures(first.videos()[0]).remove()
    first.close()
    second = library(tmp_path / "library")
    (report,) = second.add(film)
    assert any("pictures were not embedded" in notice for notice in report.notices)
    assert "visual" not in second.searched([second.videos()[0].id])[0].kinds
    second.close()


def test_a_damaged_picture_costs_itself_only(tmp_path: Path, film: Path) -> None:
    import sqlite3

    first = library(tmp_path / "library", engines={"visual": "off", "text": "off", "speech": "off"})
    first.add(film)
    path = first._pictures(first.videos()[0]).path
    first.close()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE pictures SET jpeg = x'ffd8ff00' WHERE time BETWEEN 4.9 AND 7.5")
    database.close()
    second = library(tmp_path / "library")
    report: Report = second.add(film)[0]
    assert any("cannot be read" in notice for notice in report.notices)
    assert second.search("green")[0].span.start == pytest.approx(9, abs=1)
    second.close()


def test_a_file_without_pictures_has_no_visual_rows(tmp_path: Path) -> None:
    sound = np.zeros(32_000, np.int16)
    path = write_video(tmp_path / "sound.mkv", None, count=0, audio=sound)
    opened = library(tmp_path / "library")
    assert opened.add(path)[0].error is None
    assert rows(opened) == []
    opened.close()


def test_a_search_in_a_library_without_pictures_loads_no_torch(tmp_path: Path, film: Path) -> None:
    made = library(tmp_path / "library", engines={"visual": "off", "text": "off", "speech": "off"})
    made.add(film)
    add_lines(made, "the green ship")
    made.close()
    program = (
        "import sys; from vagent import configs; from vagent.index.library import VideoLibrary;"
        f"opened = VideoLibrary(configs.load({{'library': {str(tmp_path / 'library')!r}}}, env={{}}));"
        "assert opened.search('green'); opened.close();"
        "print(*[m for m in ('torch', 'transformers', 'sentence_transformers', 'cv2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


@given(
    st.lists(st.floats(0, 60), min_size=1, max_size=60, unique=True).map(sorted),
    st.lists(st.floats(0, 60), max_size=6, unique=True).map(sorted),
    st.floats(0.1, 10),
)
def test_key_pictures_leave_out_no_shot_and_no_stretch(times: list[float], cuts: list[float], every: float) -> None:
    keys = key_times(times, cuts, every)
    assert keys == sorted(set(keys))
    assert set(keys) <= set(times)
    edges = [0.0, *cuts, 61.0]
    for low, high in pairwise(edges):
        inside = [t for t in times if low <= t < high]
        chosen = [t for t in keys if low <= t < high]
        assert chosen[:1] == inside[:1]
        assert all(b - a >= every - 0.002 for a, b in pairwise(chosen))
        for time in inside:  # nothing is further from its key picture than that
            assert time - max(k for k in chosen if k <= time) < every


def test_pictures_are_printed_without_a_text(opened: VideoLibrary) -> None:
    from vagent import _render

    (shown,) = [line for line in _render.moments(opened.search("green")[:1]).splitlines() if "picture" in line]
    assert shown.strip() == "picture: shows it"
    held = _render.show(_render.holdings(opened, opened.videos()[0], ["visual"]))
    assert "picture: 6 rows" in held
    assert held.splitlines()[-1].endswith("  visual")


@pytest.mark.parametrize(
    "question", ["When is something green shown?", "How many red things are there?", "What does she say about ships?"]
)
def test_an_answer_rests_on_no_picture_alone(opened: VideoLibrary, question: str) -> None:
    """A vector proves nothing that could be quoted; it leads the way to a look."""
    from vagent.agent.ask import ask

    add_lines(opened, "we had soup")
    answer = ask(opened, question, videos=[opened.videos()[0].id])
    assert not answer.answered
    assert "visual" not in {citation.kind for citation in answer.citations}
