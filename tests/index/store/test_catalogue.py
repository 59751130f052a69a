"""What the catalogue says of evidence, kept on disk or in memory, is what the database says."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from vagent.index.records import Evidence, Kind
from vagent.index.store import Filters, Store
from vagent.index.store.catalogue import Catalogue, Part, State
from vagent.index.store.filters import conditions
from vagent.tools.time import Span

KINDS: tuple[Kind, ...] = ("subtitle", "screen_text", "sound", "caption")
FILTERS = st.builds(
    Filters,
    videos=st.none() | st.lists(st.integers(1, 9), max_size=7),
    kinds=st.none() | st.lists(st.sampled_from([*KINDS, "visual"]), max_size=5),
    start=st.none() | st.sampled_from([0.0, 1.0, 12.0, 39.0, 1000.0]),
    end=st.none() | st.sampled_from([0.0, 1.0, 12.0, 39.0, 1000.0]),
    weak=st.none() | st.booleans(),
)
SOME = [
    Filters(),
    Filters(kinds=["sound"]),
    Filters(kinds=["subtitle", "visual"], start=3.0),
    Filters(start=5.0, end=20.0, weak=False),
    Filters(videos=list(range(1, 9, 2)), end=30.0),
]


@pytest.fixture(autouse=True)
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred rows are taken for many."""
    monkeypatch.setattr("vagent.index.store.known._SMALL", 0)
    monkeypatch.setattr("vagent.index.store.known._FEW", 0)
    monkeypatch.setattr("vagent.index.store.known._READ", 70)
    monkeypatch.setattr("vagent.index.store.shelf._TAIL", 50)


def fill(store: Store, name: str, count: int = 100) -> int:
    """A video; what it holds follows from its name."""
    chance = random.Random(name)
    video = store.add_video(name, f"/{name}.mp4", 1, 1, 1e6, {}).id
    spans = [Span(n / 2, n / 2 + chance.choice([0.0, 0.5, 3.0])) for n in range(count)]
    words = " ".join(["word"] * chance.randint(0, 200))
    store.add_evidence([Evidence(video, s, chance.choice(KINDS), words, weak=chance.random() < 0.2) for s in spans])
    return video


def right(store: Store, filters: Filters) -> list[int]:
    where, values = conditions(filters)
    return [number for (number,) in store._rows(f"SELECT e.id FROM evidence e WHERE {where} ORDER BY e.id", values)]


def agrees(store: Store) -> None:
    for filters in SOME:
        assert store.evidence_ids(filters).tolist() == right(store, filters)
    rows = dict(store._rows("SELECT id, video FROM evidence"))
    everything = list(range(max(rows, default=0) + 3))
    assert store.videos_of(everything) == rows
    known = store._known()
    if rows:
        assert known is not None
        words = known.words_of(np.arange(max(rows) + 3))
        texts = dict(store._rows("SELECT id, text FROM evidence"))
        assert {n: int(count) for n, count in enumerate(words) if count >= 0} == {
            number: len(text.split()) for number, text in texts.items()
        }


def manifest(folder: Path) -> Path:
    return folder / "catalogue" / "evidence.json"


def parts(folder: Path) -> list[Path]:
    return sorted((folder / "catalogue").glob("*.columns"))


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """The folder of a library of three films whose catalogue has been written."""
    with Store(tmp_path) as store:
        for name in ("a", "b", "c"):
            fill(store, name)
        agrees(store)
    assert parts(tmp_path)
    return tmp_path


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """From which ids on rows were read out of the database."""
    asked: list[int] = []
    real = Store._columns

    def columns(store: Store, after: int) -> Iterator[Part]:
        asked.append(after)
        return real(store, after)

    monkeypatch.setattr(Store, "_columns", columns)
    return asked


@given(FILTERS)
@hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_filter_lets_through_what_sql_does(made: Path, filters: Filters) -> None:
    with Store(made) as store:
        known = store._known()
        assert known is not None
        assert known.let_through(filters).tolist() == right(store, filters)
        assert store.evidence_ids(filters).tolist() == right(store, filters)


class TestChanges:
    @given(st.lists(st.sampled_from(["add", "add few", "remove", "clear", "again", "undo", "foreign"]), max_size=12))
    @hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_after_any_changes_it_is_what_the_database_says(
        self, tmp_path_factory: pytest.TempPathFactory, steps: list[str]
    ) -> None:
        folder = tmp_path_factory.mktemp("library")
        store, other = Store(folder), Store(folder)
        for number, step in enumerate(["add", *steps]):
            videos = [video.id for video in store.videos()]
            if step in ("add", "add few"):
                fill(store, f"{number}", 60 if step == "add" else 7)
            elif step == "foreign":
                fill(other, f"{number}")
            elif step == "again":
                store.close()
                store = Store(folder)
            elif step == "undo" and videos:
                with pytest.raises(ZeroDivisionError), store.transaction():
                    fill(store, f"{number}")
                    store.evidence_ids(SOME[1])
                    raise ZeroDivisionError
            elif videos and step == "remove":
                store.remove_video(videos[number % len(videos)])
            elif videos and step == "clear":
                store.clear(videos[number % len(videos)], ["sound", "caption"])
            agrees(store)
        store.close()
        other.close()
        with Store(folder) as fresh:
            agrees(fresh)

    def test_another_process_reads_only_what_is_new(self, made: Path, reading: list[int]) -> None:
        with Store(made) as store:
            agrees(store)
            assert reading == [300]
            fill(store, "d", 20)
            agrees(store)
            assert reading == [300, 300]
        written = manifest(made).read_bytes()
        with Store(made) as store:
            agrees(store)
            fill(store, "e")
            agrees(store)
            assert reading == [300, 300, 300, 320]
        assert manifest(made).read_bytes() != written  # now it was worth it
        with Store(made) as store:
            agrees(store)
        assert reading[-1] == 420

    def test_what_has_gone_is_remembered_without_writing_the_rest_anew(self, made: Path, reading: list[int]) -> None:
        before, size = parts(made), parts(made)[0].stat().st_size
        with Store(made) as store:
            store.clear(2, ["sound"])
            agrees(store)
        assert parts(made) == before
        with Store(made) as store:
            agrees(store)
        assert reading == [300, 300]
        with Store(made) as store:
            store.remove_video(1)
            agrees(store)
        assert len(parts(made)) == 1
        assert parts(made) != before  # too much has gone
        assert parts(made)[0].stat().st_size < size

    def test_scattered_rows_that_have_gone_end_in_new_files(self, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("vagent.index.store.shelf._RUNS", 10)
        before = parts(made)
        with Store(made) as store:
            store._run("DELETE FROM evidence WHERE id % 25 = 0")
            agrees(store)
        assert parts(made) != before
        assert json.loads(manifest(made).read_bytes())["gone"] == []
        with Store(made) as store:
            agrees(store)

    def test_files_of_like_size_are_joined(self, tmp_path: Path) -> None:
        with Store(tmp_path) as store:
            for number in range(24):
                fill(store, f"{number}", 60)
                agrees(store)
                assert len(parts(tmp_path)) <= 6
        with Store(tmp_path) as store:
            agrees(store)

    def test_all_rows_may_go(self, made: Path) -> None:
        with Store(made) as store:
            for video in (1, 2, 3):
                store.remove_video(video)
            assert store.evidence_ids(SOME[1]).tolist() == []
            fill(store, "new")
            agrees(store)
        with Store(made) as store:
            agrees(store)


class TestDamage:
    def test_without_it_it_is_made_anew(self, made: Path, reading: list[int]) -> None:
        shutil.rmtree(made / "catalogue")
        with Store(made) as store:
            agrees(store)
        assert reading == [0]
        assert len(parts(made)) == 1

    @pytest.mark.parametrize(
        "damage",
        [
            lambda folder: parts(folder)[0].write_bytes(parts(folder)[0].read_bytes()[:-8]),
            lambda folder: parts(folder)[0].write_bytes(b""),
            lambda folder: parts(folder)[0].unlink(),
            lambda folder: parts(folder)[0].write_bytes(flipped(parts(folder)[0].read_bytes())),
            lambda folder: manifest(folder).write_bytes(b"{"),
            lambda folder: manifest(folder).write_bytes(b"[]"),
            lambda folder: manifest(folder).write_bytes(b"\xff\xfe"),
            lambda folder: changed(folder, format=99),
            lambda folder: changed(folder, library="of somebody else"),
            lambda folder: changed(folder, counts="no hexadecimal number"),
            lambda folder: changed(folder, last=10**9),
            lambda folder: changed(folder, parts=[]),
            lambda folder: changed(folder, parts=[{"name": "../../library.db", "rows": 1, "kinds": [], "sum": ""}]),
            lambda folder: changed(folder, parts=[{"nothing": 1}]),
            lambda folder: changed(folder, gone=[[1]]),
            lambda folder: changed(folder, gone=[[1, 40]]),
        ],
    )  # fmt: skip
    def test_what_is_damaged_or_foreign_is_made_anew(self, made: Path, damage: Callable[[Path], object]) -> None:
        damage(made)
        with Store(made) as store:
            agrees(store)
        with Store(made) as store:
            agrees(store)
        assert len(parts(made)) == 1
        assert json.loads(manifest(made).read_bytes())["gone"] == []

    def test_one_of_a_database_that_was_put_back_is_not_trusted(
        self, made: Path, tmp_path_factory: pytest.TempPathFactory, caplog: pytest.LogCaptureFixture
    ) -> None:
        backup = tmp_path_factory.mktemp("backup") / "library.db"
        with closing(sqlite3.connect(made / "library.db")) as source, closing(sqlite3.connect(backup)) as target:
            source.backup(target)
        with Store(made) as store:
            fill(store, "d")
            agrees(store)
        for file in made.glob("library.db*"):
            file.unlink()
        shutil.copy(backup, made / "library.db")
        with Store(made) as store:
            fill(store, "another film with the same numbers")
            fill(store, "one more")
            agrees(store)
        assert "it does not fit the database" in caplog.text

    def test_a_folder_that_cannot_be_written_serves_all_the_same(self, made: Path, reading: list[int]) -> None:
        with Store(made) as store:
            fill(store, "d")
        before = manifest(made).read_bytes()
        (made / "catalogue" / "evidence.lock").unlink()
        (made / "catalogue" / "evidence.lock").mkdir()  # no lock can be had, whoever asks
        with Store(made, write=False) as store:
            agrees(store)
        assert manifest(made).read_bytes() == before
        assert reading == [300]

    @pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
    def test_nothing_is_written_where_nothing_may_be(self, made: Path) -> None:
        shutil.rmtree(made / "catalogue")
        (made / "catalogue").write_text("a file in the way")
        with Store(made, write=False) as store:
            agrees(store)
            agrees(store)
        assert (made / "catalogue").read_text() == "a file in the way"

    def test_two_that_write_do_not_leave_names_without_files(self, made: Path) -> None:
        with Store(made) as one, Store(made) as two:
            agrees(one)
            agrees(two)
            fill(one, "d", 200)
            agrees(one)  # joins, and removes what `two` uses
            agrees(two)
            fill(two, "e", 60)
            agrees(two)
        named = {part["name"] for part in json.loads(manifest(made).read_bytes())["parts"]}
        assert named == {file.name for file in parts(made)}
        with Store(made) as store:
            agrees(store)


_KILLED = """
import os, sys
from vagent.index.store import Filters, Store, known, shelf
from vagent.tools import files
known._SMALL, shelf._TAIL = 0, 50
left = int(sys.argv[2])
real = files.replace
def replace(file, content):
    global left
    left -= 1
    if left < 0:
        os._exit(9)
    real(file, content)
files.replace = replace
Store(__import__("pathlib").Path(sys.argv[1])).evidence_ids(Filters(kinds=["sound"]))
"""


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_process_that_dies_while_it_writes_costs_time_only(made: Path, after: int) -> None:
    with Store(made) as store:
        fill(store, "d", 120)
    done = subprocess.run([sys.executable, "-c", _KILLED, str(made), str(after)], check=False)
    assert done.returncode == (9 if after < 2 else 0)
    with Store(made) as store:
        agrees(store)
    named = {part["name"] for part in json.loads(manifest(made).read_bytes())["parts"]}
    assert named == {file.name for file in parts(made)}


def test_states_read_what_full_text_search_counts(made: Path) -> None:
    with Store(made) as store:
        state = store.evidence_state()
        assert state is not None
        assert (state.rows, state.last) == (300, 300)
        assert state.words == sum(len(text.split()) for (text,) in store._rows("SELECT text FROM evidence"))
    assert State(0, b"").rows == 0


def test_parts_with_other_kinds_are_joined_by_name() -> None:
    one = Part.of([(1, 1, "sound", 0.0, 1.0, False, 3), (2, 1, "caption", 0.0, 1.0, True, 0)])
    two = Part.of([(5, 2, "speech", 2.0, 3.0, False, 1), (9, 2, "caption", 4.0, 5.0, False, 2)])
    joined = Catalogue(State(9, b""), (one, two)).joined(100)
    assert len(joined.parts) == 1
    assert joined.let_through(Filters(kinds=["caption"])).tolist() == [2, 9]
    assert joined.videos_of(np.array([9, 5, 3, 2, 0, 10])).tolist() == [2, 2, -1, 1, -1, -1]
    assert joined.without(np.array([5, 7])).words_of(np.array([1, 2, 5, 9])).tolist() == [3, 0, -1, 2]


def flipped(content: bytes) -> bytes:
    return bytes([content[0] ^ 1]) + content[1:]


def changed(folder: Path, **values: object) -> None:
    found = json.loads(manifest(folder).read_bytes())
    manifest(folder).write_text(json.dumps({**found, **values}))
