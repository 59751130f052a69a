from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from vagent.errors import LibraryBusyError, LibraryError
from vagent.index.records import Clip, Evidence, Shot
from vagent.index.store import Filters, StageState, Store
from vagent.tools.time import Span


@pytest.fixture
def store(tmp_path: Path):
    with Store(tmp_path / "library") as opened:
        yield opened


def film(store: Store, name: str = "a") -> int:
    return store.add_video(f"content {name}", f"/films/{name}.mp4", 100, 7, 60.0, {}).id


def line(video: int, start: float, text: str, kind: str = "subtitle", **more) -> Evidence:
    return Evidence(video, Span(start, more.pop("end", start + 2)), kind, text, **more)


# ---------------------------------------------------------------------- videos


def test_a_video_comes_back_as_it_went_in(store: Store) -> None:
    info = {"container": "matroska", "tracks": [{"index": 0, "title": "Café \ud800"}], "size": 2**40}
    added = store.add_video("abc", "/films/one.mkv", 2**40, 1_700_000_000_123_456_789, 12.5, info)
    assert added == store.video(added.id) == store.videos()[0]
    assert (added.fingerprint, added.path, added.duration, added.info) == ("abc", "/films/one.mkv", 12.5, info)
    assert (added.gaps, added.complete) == ((), False)
    store.update_video(added.id, duration=12.25, gaps=[Span(1, 2.5)], complete=True)
    changed = store.video(added.id)
    assert (changed.duration, changed.gaps, changed.complete) == (12.25, (Span(1, 2.5),), True)
    assert changed.info == info
    store.update_video(added.id, info={}, complete=False)
    assert (store.video(added.id).info, store.video(added.id).complete) == ({}, False)


def test_films_say_of_videos_what_they_are_chosen_by(store: Store) -> None:
    store.name_video(film(store), "Amélie", 2001, "fr")
    odd = store.add_video("odd", "/films/caf\udce9.mp4", 1, 1, 2.5, {"container": "ogg"}).id
    assert [one.path for one in store.films()] == ["/films/a.mp4", store.video(odd).path]
    for one in store.films():
        video = store.video(one.id)
        assert one == (video.id, video.path, video.duration, video.title, video.year, video.language)


def test_one_content_is_one_video_wherever_it_lies(store: Store) -> None:
    first = store.add_video("abc", "/a.mp4", 5, 1, 1.0, {})
    copy = store.add_video("abc", "/b/a.mp4", 5, 2, 1.0, {"other": 1})
    assert copy.id == first.id
    assert copy.info == first.info
    assert copy.path == "/b/a.mp4"
    assert sorted(store.paths(first.id)) == ["/a.mp4", "/b/a.mp4"]
    assert store.by_fingerprint("abc") == copy
    assert store.by_fingerprint("abd") is None


def test_a_path_stands_for_the_file_that_was_seen_there(store: Store) -> None:
    video = store.add_video("abc", "/a.mp4", 5, 1, 1.0, {}).id
    assert store.by_path("/a.mp4", 5, 1) == store.video(video)
    assert store.by_path(Path("/a.mp4"), 5, 1) == store.video(video)
    assert store.by_path("/a.mp4", 6, 1) is None
    assert store.by_path("/a.mp4", 5, 2) is None
    assert store.by_path("/b.mp4", 5, 1) is None
    other = store.add_video("new", "/a.mp4", 9, 9, 1.0, {}).id
    assert store.paths(video) == []
    assert store.paths(other) == ["/a.mp4"]


def test_a_path_that_is_not_utf8_comes_back(store: Store) -> None:
    path = os.fsdecode(b"/films/caf\xe9.mp4")
    video = store.add_video("abc", path, 5, 1, 1.0, {"name": path})
    assert store.by_path(path, 5, 1) == video
    assert (video.path, store.paths(video.id), video.info) == (path, [path], {"name": path})


def test_removing_a_video_removes_all_of_it_and_nothing_else(store: Store) -> None:
    kept, gone = film(store, "kept"), film(store, "gone")
    for video in (kept, gone):
        ids = store.add_evidence([line(video, 0, f"word{video}")])
        store.put_vectors("m", ids, np.ones((1, 4), np.float32))
        store.replace_clips(video, [Clip(Span(0, 5))])
        store.replace_shots(video, [Shot(Span(0, 5))])
        store.set_stage(video, "text", "f", "done", 5)
    store.remove_video(gone)
    assert [v.id for v in store.videos()] == [kept]
    assert [row.text for row in store.evidence()] == [f"word{kept}"]
    assert store.match([f"word{gone}"], Filters(), 5) == []
    assert [len(ids) for ids, _ in store.vectors("m")] == [1]
    assert (store.clips(gone), store.shots(gone), store.stages(gone), store.paths(gone)) == ([], [], {}, [])
    with pytest.raises(LibraryError, match="no such video"):
        store.video(gone)
    assert film(store, "next") > gone
    store.verify()


def test_rows_of_a_video_that_is_gone_are_refused(store: Store) -> None:
    with pytest.raises(LibraryError, match="does not fit the library"):
        store.add_evidence([line(99, 0, "x")])
    with pytest.raises(LibraryError, match="does not fit the library"):
        store.see_path(99, "/a", 1, 1)


# ---------------------------------------------------------------------- progress


def test_stages_are_remembered(store: Store) -> None:
    video = film(store)
    assert store.stage(video, "text") is None
    store.set_stage(video, "text", "f1", "running", 12.5, {"frames": 3})
    assert store.stage(video, "text") == StageState("text", "f1", "running", 12.5, {"frames": 3})
    store.set_stage(video, "text", "f2", "done", 60)
    store.set_stage(video, "speech", "f1", "failed")
    assert store.stages(video) == {
        "speech": StageState("speech", "f1", "failed", 0.0, {}),
        "text": StageState("text", "f2", "done", 60.0, {}),
    }


def test_runs_are_recorded(store: Store) -> None:
    run = store.start_run({"preset": "quick"}, {"files": 2})
    other = store.start_run({})
    store.finish_run(run, "done")
    rows = sqlite3.connect(store.file).execute("SELECT id, status, settings, detail, finished IS NULL FROM runs")
    found = rows.fetchall()
    rows.connection.close()
    assert found == [(run, "done", '{"preset":"quick"}', '{"files":2}', 0), (other, "running", "{}", "{}", 1)]


def test_shots_and_clips_are_replaced_whole(store: Store) -> None:
    video, other = film(store), film(store, "b")
    store.replace_shots(video, [Shot(Span(5, 9), "fade"), Shot(Span(0, 5))])
    assert store.shots(video) == [Shot(Span(0, 5)), Shot(Span(5, 9), "fade")]
    store.replace_clips(other, [Clip(Span(0, 1))])
    store.replace_clips(video, [Clip(Span(0, 5)), Clip(Span(5, 9))])
    before = store.clips(video)
    assert [clip.span for clip in before] == [Span(0, 5), Span(5, 9)]
    store.replace_clips(video, [Clip(Span(0, 9))])
    (after,) = store.clips(video)
    assert after.span == Span(0, 9)
    assert after.id not in {clip.id for clip in before}
    assert len(store.clips(other)) == 1


# ---------------------------------------------------------------------- evidence

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
TIMES = st.floats(0, 1e6)
ROWS = st.builds(
    lambda times, kind, text, confidence, weak, extra: Evidence(
        1, Span(min(times), max(times)), kind, text, confidence, weak, "engine 1.0", extra
    ),
    st.tuples(TIMES, TIMES),
    st.sampled_from(["subtitle", "speech", "screen_text"]),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60),
    st.none() | st.floats(0, 1),
    st.booleans(),
    st.dictionaries(st.text(), JSON, max_size=3),
)


@given(st.lists(ROWS, max_size=8))
@hypothesis_settings(max_examples=20, deadline=None)
def test_evidence_comes_back_as_it_went_in(tmp_path_factory: pytest.TempPathFactory, rows: list[Evidence]) -> None:
    with Store(tmp_path_factory.mktemp("library")) as store:
        film(store)
        ids = store.add_evidence(rows)
        by_id = {row.id: row for row in store.evidence()}
        for number, row in zip(ids, rows, strict=True):
            found = by_id.pop(number)
            assert (found.span, found.kind, found.text, found.confidence) == (
                row.span,
                row.kind,
                row.text,
                row.confidence,
            )
            assert (found.weak, found.engine, found.extra) == (row.weak, row.engine, row.extra)
        assert not by_id
        times = [(row.span.start, row.id) for row in store.evidence()]
        assert times == sorted(times)
        store.verify()


def test_characters_that_are_no_text_are_replaced(store: Store) -> None:
    store.add_evidence([line(film(store), 0, "a\0b \udc80 c")])
    assert store.evidence()[0].text == "a b ? c"
    assert [i for i, _ in store.match(["c"], Filters(), 5)] == [1]


def test_evidence_is_chosen_by_video_kind_time_and_id(store: Store) -> None:
    a, b = film(store, "a"), film(store, "b")
    rows = [
        line(a, 10, "ten"),
        line(a, 0, "zero"),
        line(a, 5, "five", "speech"),
        line(a, 5, "at five", "screen_text", end=5),
        line(b, 1, "other film"),
    ]
    ids = store.add_evidence(rows)

    def texts(*args, **kwargs) -> list[str]:
        return [row.text for row in store.evidence(*args, **kwargs)]

    assert texts() == ["zero", "five", "at five", "ten", "other film"]
    assert texts(b) == ["other film"]
    assert texts(a, kinds=["speech", "screen_text"]) == ["five", "at five"]
    assert texts(a, kinds=[]) == []
    assert texts(a, Span(2, 5)) == []  # what ends or begins at the edge shares no time
    assert texts(a, Span(1, 5.5)) == ["zero", "five", "at five"]
    assert texts(a, Span(5, 6)) == ["five", "at five"]
    assert texts(a, Span(6, 6)) == ["five"]
    assert texts(a, Span(5, 5)) == ["five", "at five"]
    assert texts(ids=[ids[4], ids[0], 12345]) == ["ten", "other film"]
    assert texts(ids=[]) == []
    assert store.counts(a) == {"subtitle": 2, "speech": 1, "screen_text": 1}
    store.clear(a, ["subtitle", "speech"])
    assert texts() == ["at five", "other film"]
    store.verify()


EDGES = st.none() | st.integers(0, 12).map(float)


@given(
    st.lists(st.tuples(st.sampled_from([1, 2]), st.integers(0, 12), st.integers(0, 3))),
    st.builds(
        Filters,
        videos=st.none() | st.lists(st.sampled_from([1, 2, 3]), max_size=2),
        kinds=st.none() | st.lists(st.sampled_from(["subtitle", "speech"]), max_size=1),
        start=EDGES,
        end=EDGES,
        weak=st.sampled_from([None, False, True]),
    ),
)
@hypothesis_settings(max_examples=40, deadline=None)
def test_filters_never_leak_a_row(tmp_path_factory: pytest.TempPathFactory, rows: list, filters: Filters) -> None:
    with Store(tmp_path_factory.mktemp("library")) as store:
        film(store, "a"), film(store, "b")
        evidence = [
            line(video, start, "word", "speech" if length % 2 else "subtitle", end=start + length, weak=length == 3)
            for video, start, length in rows
        ]
        ids = store.add_evidence(evidence)

        def wanted(row: Evidence) -> bool:
            start = 0.0 if filters.start is None else filters.start
            end = 1e9 if filters.end is None else filters.end
            return (
                (filters.videos is None or row.video in filters.videos)
                and (filters.kinds is None or row.kind in filters.kinds)
                and (row.span.end > start or row.span.start == row.span.end == start or filters.start is None)
                and (row.span.start < end or row.span.start == start == end)
                and (filters.weak is not False or not row.weak)
            )

        right = {number for number, row in zip(ids, evidence, strict=True) if wanted(row)}
        assert {number for number, _ in store.match(["word"], filters, 100)} == right
        assert set(store.evidence_ids(filters).tolist()) == right


# ---------------------------------------------------------------------- full text


def found(store: Store, *words: str) -> list[int]:
    return [number for number, _ in store.match(words, Filters(), 50)]


def test_words_are_found_by_stem_case_and_accents_aside(store: Store) -> None:
    video = film(store)
    texts = [
        "The Webb space telescope",
        "naïve Café ÜBER",
        "ﬁne ＷＩＤＥ letters",
        "clean-room number 7419",
        "हिन्दी शब्द",
    ]
    store.add_evidence([line(video, i, text) for i, text in enumerate(texts)])
    for query, expected in {
        "TELESCOPES": [1],
        "webb": [1],
        "naive": [2],
        "cafe": [2],
        "uber": [2],
        "fine": [3],
        "wide": [3],
        "clean-room": [4],
        "clean room": [4],
        "room clean": [],
        "7419": [4],
        "741": [],
        "हिन्दी": [5],
        "ह": [],
    }.items():
        assert found(store, query) == expected, query


def test_scripts_without_spaces_are_found_by_their_parts(store: Store) -> None:
    video = film(store)
    texts = ["東京タワーへ行きました", "京都の東", "สวัสดีครับ", "ภาษาไทย"]
    store.add_evidence([line(video, i, text) for i, text in enumerate(texts)])
    assert found(store, "東京") == [1]
    assert found(store, "タワー") == [1]
    assert found(store, "京都") == [2]
    assert found(store, "ไทย") == [4]


def test_more_and_rarer_words_score_higher(store: Store) -> None:
    video = film(store)
    texts = ["red car", "red house", "red tree", "a car and a red zebra", "nothing here"]
    ids = store.add_evidence([line(video, i, text) for i, text in enumerate(texts)])
    ranked = store.match(["red", "zebra"], Filters(), 10)
    assert ranked[0][0] == ids[3]
    scores = [score for _, score in ranked]
    assert scores == sorted(scores, reverse=True)
    assert all(score > 0 for score in scores)
    assert ids[4] not in [number for number, _ in ranked]
    assert len(store.match(["red"], Filters(), 2)) == 2


NASTY = [
    *('"', '""', 'a" OR b', "NEAR(a b)", "*", "webb*", "text:webb", "words : webb", "-webb", "^webb", "(", "AND", "\0"),
    *("{a b}: c", "😀", "'; DROP TABLE evidence; --", "%", "\ud800", "x" * 4000, "+", "\\", "evidence_fts"),
]


@pytest.mark.parametrize("word", NASTY)
def test_query_syntax_is_only_text(store: Store, word: str) -> None:
    video = film(store)
    store.add_evidence([line(video, 0, "the Webb telescope"), line(video, 1, "unrelated"), line(video, 2, word)])
    assert set(found(store, word)) <= ({1, 3} if "webb" in word else {3})
    assert 1 in found(store, word, "webb")
    store.verify()


@given(st.lists(st.text(max_size=30), max_size=5))
@hypothesis_settings(max_examples=40, deadline=None)
def test_no_query_breaks_the_search(tmp_path_factory: pytest.TempPathFactory, words: list[str]) -> None:
    with Store(tmp_path_factory.mktemp("library")) as store:
        store.add_evidence([line(film(store), 0, "the only line")])
        assert 1 in found(store, *words, "line")


def test_what_the_library_knows(store: Store) -> None:
    store.add_evidence([line(film(store), 0, "telescopes tell of clean rooms, 東京")])
    asked = ["telescope", "Telling", "clean room", "東京", "room clean", "star", '"']
    assert [word for word in asked if store.knows(word)] == asked[:4]
    assert sorted(store.known_stems(["telescop", "tell", "telescope", "x", "\udc80"])) == ["telescop", "tell"]


def test_the_clip_of_a_row_holds_its_middle(store: Store) -> None:
    video, other = film(store), film(store, "b")
    store.replace_clips(video, [Clip(Span(a, a + 10)) for a in (0.0, 10.0, 20.0)])
    spans = [(0, 2), (8, 11), (9, 13), (10, 10), (29, 40), (0, 60)]
    ids = store.add_evidence([line(video, a, "x", end=b) for a, b in spans])
    without = store.add_evidence([line(other, 5, "x")])
    clips = store.clips_of([*ids, *without])
    assert [clips[i].span.start for i in ids] == [0, 0, 10, 10, 20, 20]
    assert without[0] not in clips
    assert clips[ids[0]] == store.clips(video)[0]


# ---------------------------------------------------------------------- vectors


def test_vectors_come_back_in_half_precision(store: Store) -> None:
    video = film(store)
    ids = store.add_evidence([line(video, i, f"t{i}") for i in range(5000)])
    vectors = np.random.default_rng(0).standard_normal((5000, 8)).astype(np.float32)
    assert store.generation("m") == 0
    assert store.vector_state("m") is None
    store.put_vectors("m", ids, vectors)
    batches = list(store.vectors("m"))
    assert len(batches) > 1
    np.testing.assert_array_equal(np.concatenate([i for i, _ in batches]), ids)
    got = np.concatenate([v for _, v in batches])
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, vectors.astype(np.float16).astype(np.float32))
    state = store.vector_state("m")
    assert state is not None
    assert (state.dimension, state.added, state.removed, state.count) == (8, 5000, 0, 5000)


def test_the_generation_grows_with_every_change(store: Store) -> None:
    video = film(store)
    ids = store.add_evidence([line(video, i, f"t{i}") for i in range(3)])
    seen = [store.generation("m")]

    def changed() -> bool:
        seen.append(store.generation("m"))
        return seen[-1] > seen[-2]

    store.put_vectors("m", ids[:2], np.ones((2, 4), np.float32))
    assert changed()
    store.put_vectors("m", ids[:1], np.zeros((1, 4), np.float32))  # replaced
    assert changed()
    other = seen[-1]
    store.put_vectors("n", ids, np.ones((3, 6), np.float32))
    assert store.generation("m") == other
    store.clear(video, ["subtitle"])
    assert changed()
    assert [list(ids) for ids, _ in store.vectors("m")] == []
    assert store.embedding_models() == []


def test_vectors_of_another_length_are_refused_whole(store: Store) -> None:
    video = film(store)
    ids = store.add_evidence([line(video, i, f"t{i}") for i in range(2)])
    store.put_vectors("m", ids[:1], np.ones((1, 4), np.float32))
    with pytest.raises(LibraryError, match=r"do not fit.*\(n, 4\)"):
        store.put_vectors("m", ids, np.ones((2, 5), np.float32))
    with pytest.raises(LibraryError, match="do not fit"):
        store.put_vectors("m", ids, np.ones((1, 4), np.float32))
    with pytest.raises(LibraryError, match="does not fit the library"):
        store.put_vectors("m", [ids[1], 999], np.ones((2, 4), np.float32))
    assert [list(i) for i, _ in store.vectors("m")] == [[ids[0]]]


def test_what_has_no_vector_yet_is_listed(store: Store) -> None:
    a, b = film(store, "a"), film(store, "b")
    ids = store.add_evidence([line(a, 0, "one"), line(a, 1, "  "), line(b, 0, "two"), line(a, 2, "three")])
    assert store.unembedded("m", 10) == [(ids[0], "one"), (ids[2], "two"), (ids[3], "three")]
    assert store.unembedded("m", 1) == [(ids[0], "one")]
    assert store.unembedded("m", -1, video=a) == [(ids[0], "one"), (ids[3], "three")]
    store.put_vectors("m", [ids[0]], np.ones((1, 4), np.float32))
    assert [number for number, _ in store.unembedded("m", 10, a)] == [ids[3]]
    assert [number for number, _ in store.unembedded("other", 10, a)] == [ids[0], ids[3]]


# ---------------------------------------------------------------------- transactions and threads


def test_a_transaction_is_all_or_nothing(store: Store) -> None:
    video = film(store)
    with pytest.raises(RuntimeError), store.transaction():
        store.add_evidence([line(video, 0, "lost")])
        store.set_stage(video, "text", "f", "running", 5)
        raise RuntimeError
    assert (store.evidence(), store.stage(video, "text"), found(store, "lost")) == ([], None, [])
    with store.transaction():
        store.add_evidence([line(video, 0, "kept")])
        with pytest.raises(LibraryError), store.transaction():
            store.add_evidence([line(video, 1, "undone")])
            store.add_evidence([line(99, 1, "refused")])
        with store.transaction():
            store.add_evidence([line(video, 2, "also kept")])
    assert [row.text for row in store.evidence()] == ["kept", "also kept"]
    store.verify()


def test_other_threads_see_a_transaction_only_whole(store: Store) -> None:
    video = film(store)
    stop = threading.Event()

    def read() -> int:
        rounds = 0
        while not stop.is_set() or rounds == 0:
            assert len(store.evidence(video)) % 7 == 0
            assert len(found(store, "word")) % 7 == 0 or len(found(store, "word")) == 50
            rounds += 1
        return rounds

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        for batch in range(20):
            with store.transaction():
                for i in range(7):
                    store.add_evidence([line(video, batch * 7 + i, "word")])
        stop.set()
        assert all(reader.result() > 0 for reader in readers)
    assert len(store.evidence(video)) == 140


def test_threads_write_one_after_the_other(store: Store) -> None:
    video = film(store)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: store.add_evidence([line(video, i, f"t{i}")]), range(40)))
    assert sorted(row.text for row in store.evidence()) == sorted(f"t{i}" for i in range(40))


def test_a_snapshot_stays_as_it_was(store: Store) -> None:
    video = film(store)
    with store.snapshot(), ThreadPoolExecutor(1) as pool:
        before = store.evidence(video)
        pool.submit(store.add_evidence, [line(video, 0, "later")]).result()
        assert store.evidence(video) == before == []
    assert len(store.evidence(video)) == 1
    with store.transaction(), pytest.raises(LibraryError, match="inside a transaction"), store.snapshot():
        pass


def test_who_waits_too_long_is_told(store: Store) -> None:
    hasty = Store(store.folder, wait=0.05)
    with store.transaction():
        store.add_video("a", "/a", 1, 1, 1.0, {})
        with pytest.raises(LibraryBusyError, match="another process is writing"), hasty.transaction():
            pass
        assert hasty.videos() == []  # reading never waits
    assert len(hasty.videos()) == 1
    hasty.close()


def test_a_closed_library_says_so(store: Store) -> None:
    store.close()
    store.close()
    with pytest.raises(LibraryError, match="is closed"):
        store.videos()


def test_a_thread_that_ends_leaves_no_connection(store: Store) -> None:
    for _ in range(3):
        thread = threading.Thread(target=store.videos)
        thread.start()
        thread.join()
    assert len(store._handles) == 1


def test_importing_the_store_is_light() -> None:
    script = (
        "import sys, vagent.index.store\n"
        "heavy = {'faiss', 'onnxruntime', 'cv2', 'av', 'torch', 'onnx', 'tokenizers', 'langgraph'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
