"""Libraries that are damaged, foreign, older or newer."""

from __future__ import annotations

import random
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from vagent.errors import LibraryCorruptError, LibraryError, LibraryVersionError, StorageError
from vagent.index.records import Clip, Evidence, Shot
from vagent.index.store import Filters, Lease, StageState, Store, schema
from vagent.tools.time import Span

DATA = Path(__file__).parents[2] / "data"


def thaw(folder: Path, version: int) -> Path:
    """Makes a library as that version wrote it; returns its folder."""
    folder.mkdir()
    script = (DATA / f"library-v{version}.sql").read_text(encoding="utf-8")
    with closing(sqlite3.connect(folder / "library.db")) as connection:
        connection.executescript(f"BEGIN; {script} COMMIT;")
    return folder


@pytest.fixture
def frozen(tmp_path: Path) -> Path:
    """The folder of a library as version 1 wrote it."""
    return thaw(tmp_path / "library", 1)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The database of a library with a few hundred rows."""
    with Store(tmp_path) as store:
        video = store.add_video("a", "/a", 1, 1, 1e6, {"x": 1}).id
        rows = [Evidence(video, Span(i, i + 1), "subtitle", f"line {i} some words", 1.0) for i in range(400)]
        store.put_vectors("m", store.add_evidence(rows), np.ones((400, 64), np.float32))
        store.replace_clips(video, [Clip(Span(0, 10))])
        store.replace_shots(video, [Shot(Span(0, 10))])
    return store.file


def read_all(folder: Path) -> None:
    with Store(folder, write=False) as store:
        store.verify()
        for video in store.videos():
            store.clips(video.id), store.shots(video.id), store.stages(video.id), store.paths(video.id)
        store.evidence()
        store.match(["line", "words"], Filters(), 1000)
        store.known_stems(["line"])
        list(store.vectors("m"))


# ---------------------------------------------------------------------- damage


def test_an_overwritten_header_is_named_with_the_way_out(file: Path) -> None:
    file.write_bytes(b"\x5a" * 100 + file.read_bytes()[100:])
    for write in (True, False):
        with pytest.raises(LibraryCorruptError, match=r"delete library.db and index.*files themselves are untouched"):
            Store(file.parent, write=write)


def test_pages_overwritten_in_the_middle_are_noticed(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[8192:-8192] = b"\xa5" * (len(content) - 16384)
    file.write_bytes(bytes(content))
    for write in (True, False):
        with pytest.raises(LibraryCorruptError, match=r"delete library\.db"):
            Store(file.parent, write=write)


def test_a_file_cut_short_is_noticed(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(LibraryCorruptError, match=r"delete library\.db"):
        Store(file.parent)


def test_a_full_text_index_out_of_step_is_noticed(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(
            "INSERT INTO evidence_fts (evidence_fts, rowid, words) VALUES ('delete', 3, 'line 2 some words')"
        )
    with Store(file.parent) as store, pytest.raises(LibraryCorruptError):
        store.verify()


@pytest.mark.parametrize("seed", range(15))
def test_any_damage_ends_in_an_error_of_ours_or_in_none(file: Path, seed: int) -> None:
    chance = random.Random(seed)
    content = bytearray(file.read_bytes())
    for _ in range(chance.choice([1, 5, 50, 500])):
        content[chance.randrange(len(content))] = chance.randrange(256)
    file.write_bytes(bytes(content))
    try:
        read_all(file.parent)
    except LibraryError as error:
        assert isinstance(error, LibraryCorruptError | LibraryVersionError), repr(error)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE evidence SET start = -5 WHERE id = 7",
        "UPDATE evidence SET extra = '[1' WHERE id = 7",
        "UPDATE evidence SET extra = '[1]' WHERE id = 7",
        "UPDATE evidence SET text = CAST(X'FF41' AS TEXT) WHERE id = 7",
        "UPDATE vectors SET vector = X'00' WHERE id = 7",
        "UPDATE videos SET gaps = '[[1]]'",
    ],
)
def test_rows_that_make_no_sense_are_named_as_damage(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(statement)
    with pytest.raises(LibraryCorruptError, match=r"delete library\.db"):
        read_all(file.parent)


def test_a_missing_table_is_named(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("DROP TABLE clips")
    for write in (True, False):
        with pytest.raises(LibraryCorruptError, match=r"lacks tables \(clips\)"):
            Store(file.parent, write=write)


def test_something_else_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "library.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE songs (title)")
    before = file.read_bytes()
    with pytest.raises(LibraryCorruptError, match=r"not a vagent library \(it holds songs\).*--library"):
        Store(tmp_path)
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("songs",)]
    file.write_text("a shopping list, not a database at all " * 50)
    with pytest.raises(LibraryCorruptError):
        Store(tmp_path)
    assert before != file.read_bytes()
    assert file.read_text().startswith("a shopping list")


def test_no_library_to_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match=r"there is no library.*vagent index"):
        Store(tmp_path / "nowhere", write=False)
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("replaced", [False, True])
def test_a_library_deleted_while_it_is_in_use_is_noticed_before_anything_is_written(
    tmp_path: Path, replaced: bool
) -> None:
    with Store(tmp_path / "library") as store:
        video = store.add_video("a", "/a", 1, 1, 1.0, {}).id
        for path in (tmp_path / "library").glob("library.db*"):
            path.unlink()
        if replaced:
            Store(tmp_path / "library").close()
        with pytest.raises(StorageError, match="deleted or replaced while it was in use"):
            store.add_evidence([Evidence(video, Span(0, 1), "subtitle", "into the void")])
        problem: list[BaseException] = []

        def elsewhere() -> None:
            try:
                store.videos()
            except StorageError as error:
                problem.append(error)

        thread = threading.Thread(target=elsewhere)  # its connection is made only now
        thread.start()
        thread.join()
        assert problem
    assert (tmp_path / "library" / "library.db").exists() == replaced


# ---------------------------------------------------------------------- versions


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_library_of_any_version_opens_and_holds_everything(tmp_path: Path, version: int) -> None:
    with Store(thaw(tmp_path / "library", version)) as store:
        store.verify()
        one, two = store.videos()
        assert (one.fingerprint, one.path, one.duration, one.complete) == ("0f" * 16, "/films/Café.mp4", 61.5, True)
        assert one.gaps == (Span(10, 12.5),)
        assert store.by_path("/films/Café.mp4", 1234, 1_700_000_000_123_456_789) == one
        assert [row.text[:12] for row in store.evidence(one.id)] == ["Café “Zürich", "This is the ", "space telesc"]
        spoken = store.evidence(two.id)[0]
        assert (spoken.weak, spoken.confidence, spoken.engine) == (True, None, "pocketsphinx 5.1.1")
        assert spoken.extra == {"words": [[1.0, 1.2, "ask"]], "language": "en"}
        assert [number for number, _ in store.match(["cleanroom"], Filters(), 5)] == [2]
        assert [number for number, _ in store.match(["東京"], Filters(), 5)] == [3]
        ((ids, vectors),) = store.vectors("all-MiniLM-L6-v2 53aa5117")
        assert ids.tolist() == [1, 2, 3]
        np.testing.assert_array_equal(vectors, [[1, 0, 0, 0.5], [0, 1, 0, 0], [0, 0, 1, 0]])
        assert store.generation("all-MiniLM-L6-v2 53aa5117") == 3
        assert store.stage(2, "speech") == StageState("speech", "abc", "running", 3.0, {})
        assert store.shots(1) == [Shot(Span(0, 30)), Shot(Span(30, 61.5), "cut")]
        assert [clip.span for clip in store.clips(1)] == [Span(0, 30), Span(30, 61.5)]


def test_what_came_with_version_2_is_read_back(tmp_path: Path) -> None:
    with Store(thaw(tmp_path / "library", 2)) as store:
        one, two = store.videos()
        assert (one.title, one.year, one.language, one.missing) == ("Café", 2019, "fr", None)
        assert two.missing == "2026-11-21T03:00:00.000+00:00"
        (problem,) = store.problems()
        assert (problem.path, problem.reason, problem.tries) == ("/films/broken.mp4", "the file is empty", 2)
        assert store.lease("0f") == Lease("0f", "host:1:ab", "host", 1, 1795228144.5)
        assert store.prints("frames") == {1: b"\1\2"}
        (actual,) = store.actuals(preset="quick")
        assert (actual.stage, actual.media_seconds, actual.bytes) == ("scan", 61.5, 4096)


def test_what_came_with_version_3_is_read_back(tmp_path: Path) -> None:
    with Store(thaw(tmp_path / "library", 3)) as store:
        assert store.pieces(2, "print of sound") == b"\1\2\3\4"
        assert store.pieces(2, "speech") == store.pieces(1, "print of sound") == b""


def structure(file: Path) -> set[tuple[str, str]]:
    with closing(sqlite3.connect(file)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {(name, re.sub(r"\s*([,()])\s*", r"\1", " ".join(sql.split()))) for name, sql in rows}


def test_a_new_library_is_built_as_the_frozen_one_says(tmp_path: Path, file: Path) -> None:
    """Whoever changes a table must raise the version, add a step, and freeze a library of the new version."""
    assert schema.VERSION == 3
    assert structure(file) == structure(thaw(tmp_path / "frozen", 3) / "library.db")


def test_a_migrated_library_is_built_as_a_new_one(frozen: Path, file: Path) -> None:
    Store(frozen).close()
    assert structure(file) == structure(frozen / "library.db")
    assert [path.name for path in frozen.glob("*.db")] == ["library.db"]


def test_a_newer_library_is_left_alone(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = file.read_bytes()
    for write in (True, False):
        with pytest.raises(LibraryVersionError, match=r"newer vagent \(format 99.*update vagent"):
            Store(file.parent, write=write)
    assert file.read_bytes() == before


@pytest.fixture
def connection(frozen: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(frozen / "library.db", isolation_level=None)) as opened:
        yield opened


def test_an_older_library_is_brought_up_to_date(frozen: Path, connection: sqlite3.Connection) -> None:
    file = frozen / "library.db"
    copies: list[list[str]] = []

    def first(inside: sqlite3.Connection) -> None:
        schema.STEPS[1](inside)
        step(inside)

    def step(inside: sqlite3.Connection) -> None:
        copies.append(sorted(path.name for path in frozen.iterdir() if path.suffix == ".db"))
        with closing(sqlite3.connect(frozen / "library-version-1.db")) as copy:
            assert copy.execute("SELECT count(*) FROM evidence").fetchone() == (4,)
        inside.execute("ALTER TABLE videos ADD COLUMN note TEXT NOT NULL DEFAULT 'none'")

    def further(inside: sqlite3.Connection) -> None:
        inside.execute("UPDATE videos SET note = 'two steps'")

    with pytest.raises(LibraryVersionError, match=r"older vagent \(1, now 4\).*vagent index"):
        schema.check(connection, file, version=4)
    schema.prepare(connection, file, version=4, steps={**schema.STEPS, 1: first, 3: further})
    assert copies == [["library-version-1.db", "library.db"]]
    assert connection.execute("PRAGMA user_version").fetchone() == (4,)
    assert connection.execute("SELECT DISTINCT note FROM videos").fetchall() == [("two steps",)]
    assert connection.execute("SELECT count(*) FROM evidence").fetchone() == (4,)
    assert [path.name for path in frozen.iterdir()] == ["library.db"]
    schema.prepare(connection, file, version=4, steps={})


def test_two_that_open_an_old_library_at_once_bring_it_up_to_date_once(
    frozen: Path, connection: sqlite3.Connection
) -> None:
    file = frozen / "library.db"
    connection.execute("PRAGMA journal_mode = WAL")
    seen: list[int] = []

    def step(inside: sqlite3.Connection) -> None:
        seen.append(1)
        schema.STEPS[1](inside)
        other.start()
        time.sleep(0.2)  # the other waits for this transaction
        assert (frozen / "library-version-1.db").is_file()

    def open_too() -> None:
        with closing(sqlite3.connect(file, isolation_level=None, timeout=30)) as second:
            schema.prepare(second, file, steps={1: lambda _: seen.append(2)})

    other = threading.Thread(target=open_too)
    schema.prepare(connection, file, steps={**schema.STEPS, 1: step})
    other.join()
    assert seen == [1]
    assert connection.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)


def test_a_process_killed_while_it_migrates_loses_nothing(frozen: Path) -> None:
    script = (
        "import os, signal, sqlite3, sys\n"
        "from pathlib import Path\n"
        "from vagent.index.store import schema\n"
        "def step(inside):\n"
        "    schema.STEPS[1](inside)\n"
        "    inside.execute('DELETE FROM evidence')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "file = Path(sys.argv[1])\n"
        "schema.prepare(sqlite3.connect(file, isolation_level=None), file, steps={1: step})\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(frozen / "library.db")], check=False)
    assert done.returncode == -signal.SIGKILL
    with closing(sqlite3.connect(frozen / "library-version-1.db")) as copy:
        assert copy.execute("SELECT count(*) FROM evidence").fetchone() == (4,)
    with Store(frozen) as store:
        store.verify()
        assert len(store.evidence()) == 4
    assert [path.name for path in frozen.glob("*.db")] == ["library.db"]


def test_a_step_that_fails_changes_nothing_and_leaves_the_copy(frozen: Path, connection: sqlite3.Connection) -> None:
    file = frozen / "library.db"

    def fails(inside: sqlite3.Connection) -> None:
        inside.execute("DROP TABLE shots")
        inside.execute("DELETE FROM evidence")
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        schema.prepare(connection, file, version=2, steps={1: fails})
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    assert connection.execute("SELECT count(*) FROM evidence").fetchone() == (4,)
    assert (frozen / "library-version-1.db").is_file()
    schema.prepare(connection, file)
    with Store(frozen) as store:
        store.verify()
