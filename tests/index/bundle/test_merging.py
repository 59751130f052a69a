"""Libraries that travel in bundles arrive as they were, and two become one that holds what both held."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from filelock import FileLock

from tests.index.bundle.samples import FULL, Film, Stage, content, film, mark, merge, pictures, raw, write
from vagent.errors import LibraryBusyError, StorageError
from vagent.index.bundle.exporting import export_library
from vagent.index.bundle.importing import import_library
from vagent.index.bundle.steps import BundleStep
from vagent.index.records import Evidence
from vagent.index.store import Filters, Lease, Store
from vagent.tools.time import Span


def library(folder: Path, *films: Film) -> Path:
    return write(folder, films)


def merge_of(source: Path, target: Path) -> Path:
    merge(source, target)
    return target


def left_in_the_middle(file: Path) -> None:
    """Leaves pictures as a writer does that is killed in a transaction whose pages have reached the disk."""
    journal = file.with_name(f"{file.name}-journal")
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        rows = [(float(at), b"\xff\xd8" + bytes(4000)) for at in range(10, 200)]
        database.executemany("INSERT INTO pictures VALUES (?, ?)", rows)
        database.execute("PRAGMA cache_size = 1")
        database.execute("BEGIN")
        database.execute("UPDATE pictures SET jpeg = jpeg || x'00'")
        kept = [(path, path.read_bytes()) for path in (file, journal)]
    for path, data in kept:
        path.write_bytes(data)


class TestRoundTrip:
    def test_a_library_arrives_as_it_was(self, tmp_path: Path) -> None:
        films = [film("a", summary=True, title="Ä film"), film("b", "subtitles", models=frozenset({"m", "n"}))]
        source = library(tmp_path / "a", *films)
        merged = merge(source, tmp_path / "b")
        assert content(tmp_path / "b") == content(source)
        assert (merged.added, merged.extended, merged.unchanged, merged.busy) == (2, 0, 0, ())
        assert merged.rows["evidence"] == 9 + 1 + 3
        with Store(tmp_path / "b") as store:
            store.verify()
            hits = {number for number, _ in store.match(["straße"], Filters(), 99)}
            assert hits == {*range(1, 10), *range(11, 14)}

    def test_into_a_library_that_holds_others_all_references_follow(self, tmp_path: Path) -> None:
        source = library(tmp_path / "a", film("a", summary=True))
        target = library(tmp_path / "b", film("b", summary=True), film("c"))
        before = content(target)
        merge(source, target)
        assert content(target) == before | content(source)
        with Store(target) as store:
            (summary,) = [row for row in store.evidence(kinds=["summary"]) if row.video == 3]
            named = store.evidence(ids=summary.extra["from"])
            assert [row.text for row in named] == [
                "a subtitles s 0 Straße \U0001f3ac",
                "a subtitles s 1 Straße \U0001f3ac",
            ]
            assert {row.video for row in named} == {3}

    def test_a_second_time_nothing_changes(self, tmp_path: Path) -> None:
        source = library(tmp_path / "a", film("a", summary=True), film("b", "subtitles"))
        merge(source, tmp_path / "b")
        before = raw(tmp_path / "b")
        again = merge(source, tmp_path / "b")
        assert (again.added, again.extended, again.unchanged, again.rows) == (0, 0, 2, {})
        assert raw(tmp_path / "b") == before

    def test_names_that_are_not_unicode_survive(self, tmp_path: Path) -> None:
        path = os.fsdecode(b"/films/\xff\xfe.mp4")
        with Store(tmp_path / "a") as store:
            store.add_video(mark("a"), path, 1, 2, 3.0, {"title": "\ud800"})
        merge(tmp_path / "a", tmp_path / "b")
        with Store(tmp_path / "b") as store:
            (video,) = store.videos()
            assert (video.path, store.paths(video.id), video.info) == (path, [path], {"title": "\ud800"})

    def test_an_empty_library_is_a_bundle_too(self, tmp_path: Path) -> None:
        library(tmp_path / "a")
        merged = merge(tmp_path / "a", tmp_path / "b")
        assert (merged.added, merged.rows) == (0, {})


class TestOverlap:
    def test_only_new_paths_of_what_is_known_completely(self, tmp_path: Path) -> None:
        seen = "2026-02-02T00:00:00Z"
        source = library(tmp_path / "a", film("a", paths=(("/copy/a.mp4", "2025-01-01T00:00:00Z"), ("/x.mp4", seen))))
        target = library(tmp_path / "b", film("a"))
        before = raw(target)
        merged = merge(source, target)
        assert (merged.extended, merged.rows) == (1, {"paths": 2})
        with Store(target) as store:
            (video,) = store.videos()
            assert store.paths(video.id) == ["/x.mp4", "/films/a.mp4", "/copy/a.mp4"]
            assert (video.path, video.info["name"]) == ("/x.mp4", "x.mp4")
        for name in ("evidence", "vectors", "clips", "stages", "files"):
            assert raw(target)[name] == before[name]

    def test_a_file_that_lies_here_keeps_its_place(self, tmp_path: Path) -> None:
        here = tmp_path / "a.mp4"
        here.write_bytes(b"film")
        source = library(tmp_path / "a", film("a", paths=(("/elsewhere/a.mp4", "2027-01-01T00:00:00Z"),)))
        target = library(tmp_path / "b", film("a", paths=((str(here), "2026-01-01T00:00:00Z"),)))
        merge(source, target)
        with Store(target) as store:
            assert store.videos()[0].path == str(here)

    def test_a_path_that_was_two_films_is_the_one_that_lies_there(self, tmp_path: Path) -> None:
        here = tmp_path / "film.mp4"
        here.write_bytes(b"film")
        early, late = "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"
        ours = library(tmp_path / "a", film("a", paths=((str(here), early),)))
        theirs = library(tmp_path / "b", film("b", paths=((str(here), late),)))
        with closing(sqlite3.connect(ours / "library.db")) as database, database:
            database.execute("UPDATE paths SET size = 4, mtime_ns = ?", (here.stat().st_mtime_ns,))
        merge(theirs, ours)
        with Store(ours) as store:
            assert [store.paths(video.id) for video in store.videos()] == [[str(here)], []]

    def test_a_path_that_was_two_films_is_the_one_seen_there_last(self, tmp_path: Path) -> None:
        early, late = "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"
        ours = library(tmp_path / "a", film("a", paths=(("/one.mp4", early),)))
        theirs = library(tmp_path / "b", film("b", paths=(("/one.mp4", late),)))
        merge(theirs, ours)
        with Store(ours) as store:
            assert [store.paths(video.id) for video in store.videos()] == [[], ["/one.mp4"]]

    def test_a_path_that_cannot_be_on_this_machine_is_no_obstacle(self, tmp_path: Path) -> None:
        late = "2027-01-01T00:00:00Z"
        source = library(tmp_path / "a", film("a", paths=((f"/{'long' * 2000}.mp4", late),)))
        target = library(tmp_path / "b", film("a"))
        assert merge(source, target).extended == 1
        assert merge(source, target).extended == 0

    def test_a_file_that_is_gone_stays_gone_unless_one_side_has_it(self, tmp_path: Path) -> None:
        early, late = "2026-01-01T00:00:00+00:00", "2026-02-01T00:00:00+00:00"
        here = tmp_path / "here.mp4"
        here.touch()
        films = [film(name, missing=late) for name in "ab"]
        source = library(tmp_path / "a", *films, film("c", missing=late, paths=((str(here), late),)))
        target = library(tmp_path / "b", film("a", missing=early), film("b"))
        merge(source, target)
        assert [content(target)[mark(name)]["video"][0][6] for name in "abc"] == [early, None, None]
        assert content(merge_of(source, tmp_path / "new"))[mark("b")]["video"][0][6] == late

    def test_what_was_indexed_more_deeply_there_is_taken_over(self, tmp_path: Path) -> None:
        source = library(tmp_path / "a", film("a", "subtitles", "captions", "clips"))
        target = library(tmp_path / "b", film("a", "subtitles", "clips"))
        with Store(target) as store:
            before = store.evidence()
        merged = merge(source, target)
        assert merged.rows == {"evidence": 3, "vectors": 3, "stages": 1}
        assert content(target) == content(source)
        with Store(target) as store:
            assert store.evidence(kinds=["subtitle"]) == before

    def test_half_a_video_gives_way_to_the_whole(self, tmp_path: Path) -> None:
        half = {**FULL, "speech": Stage(1.0), "pictures": Stage(2.0), "captions": Stage(1.0)}
        del half["clips"]
        source = library(tmp_path / "a", film("a"))
        target = library(tmp_path / "b", Film("a", half))
        merge(source, target)
        assert content(target) == content(source)
        assert len(pictures(target, mark("a")) or ()) == 3

    @pytest.mark.parametrize("further", ["here", "there"])
    def test_a_print_goes_with_the_stage_that_made_it(self, further: str, tmp_path: Path) -> None:
        half, whole = (library(tmp_path / name, film("a", "subtitles")) for name in ("half", "whole"))
        with Store(half) as ours, Store(whole) as theirs:
            ours.set_stage(1, "print of sound", "f", "running", 30.0)
            ours.add_piece(1, "print of sound", b"half")
            ours.put_print(1, "loudness", b"of other settings")
            theirs.set_stage(1, "print of sound", "f", "done", 60.0)
            theirs.put_print(1, "loudness", b"the whole of it")
        source, target = (whole, half) if further == "there" else (half, whole)
        merge(source, target)
        with Store(target) as store:
            assert store.prints_of("loudness", [1]) == {1: b"the whole of it"}
            assert store.pieces(1, "print of sound") == b""

    def test_half_a_video_takes_nothing_from_the_whole(self, tmp_path: Path) -> None:
        source = library(tmp_path / "a", Film("a", {**FULL, "speech": Stage(1.0)}))
        target = library(tmp_path / "b", film("a"))
        before = raw(target)
        assert merge(source, target).unchanged == 1
        assert raw(target) == before

    def test_what_both_finished_with_other_engines_stays_and_is_told(self, tmp_path: Path) -> None:
        source = library(tmp_path / "a", Film("a", {"speech": Stage(settings="theirs"), "subtitles": Stage()}))
        target = library(tmp_path / "b", Film("a", {"speech": Stage(settings="ours"), "subtitles": Stage()}))
        before = raw(target)
        assert merge(source, target).kept == {"/films/a.mp4": ("speech",)}
        assert raw(target) == before

    def test_vectors_of_other_models_stand_beside_ours(self, tmp_path: Path) -> None:
        source = library(tmp_path / "a", film("a", models=frozenset({"m", "other"})))
        target = library(tmp_path / "b", film("z"), film("a", models=frozenset({"m"})))
        merged = merge(source, target)
        assert merged.rows == {"vectors": 9}
        assert content(target)[mark("a")] == content(source)[mark("a")]

    def test_pictures_that_were_deleted_come_back(self, tmp_path: Path) -> None:
        source = library(tmp_path / "a", film("a"))
        target = library(tmp_path / "b", film("a", pictures=False))
        assert merge(source, target).extended == 1
        assert pictures(target, mark("a")) == pictures(source, mark("a"))

    def test_a_journal_that_a_killed_writer_left_does_not_reach_new_pictures(self, tmp_path: Path) -> None:
        source = library(tmp_path / "a", film("a"))
        target = library(tmp_path / "b", Film("a", {"pictures": Stage(1.0)}))
        left_in_the_middle(target / "frames" / f"{mark('a')}.db")
        merge(source, target)
        assert pictures(target, mark("a")) == pictures(source, mark("a"))


class TestOthers:
    def test_videos_in_work_are_left_out_of_an_export_and_told(self, tmp_path: Path) -> None:
        source = library(tmp_path / "a", film("a"), film("b"))
        with FileLock(source / "locks" / f"{mark('a')}.lock"):
            exported = export_library(source, tmp_path / "out")
        assert (exported.videos, exported.busy) == (1, ("/films/a.mp4",))
        import_library(tmp_path / "b", tmp_path / "out")
        assert set(content(tmp_path / "b")) == {mark("b")}

    def test_videos_in_work_are_left_alone_by_an_import_and_told(self, tmp_path: Path) -> None:
        source = library(tmp_path / "a", film("a"), film("b"))
        target = library(tmp_path / "b", Film("a", {"subtitles": Stage(1.0)}))
        before = content(target)
        with FileLock(target / "locks" / f"{mark('a')}.lock"):
            merged = merge(source, target)
        assert (merged.busy, merged.added) == (("/films/a.mp4",), 1)
        assert content(target)[mark("a")] == before[mark("a")]
        merge(source, target)
        assert content(target)[mark("a")] == content(source)[mark("a")]

    def test_leases_of_other_machines_are_respected_until_they_lapse(self, tmp_path: Path) -> None:
        source, target = library(tmp_path / "a", film("a")), library(tmp_path / "b", Film("a", {"speech": Stage(1.0)}))
        export_library(source, tmp_path / "out")
        before = raw(target)
        for folder in (source, target):
            with Store(folder) as store:
                store.put_lease(Lease(mark("a"), "another", "elsewhere", 1, time.time() + 60))
        assert export_library(source, tmp_path / "other").busy == ("/films/a.mp4",)
        assert import_library(target, tmp_path / "out").busy == ("/films/a.mp4",)
        assert raw(target) == before
        with Store(target) as store:
            store.renew_leases("another", time.time() - 1)
        assert import_library(target, tmp_path / "out").extended == 1
        with Store(target) as store:
            assert store.lease(mark("a")) is None

    def test_one_import_at_a_time(self, tmp_path: Path) -> None:
        source = library(tmp_path / "a", film("a"))
        target = library(tmp_path / "b")
        with FileLock(target / "locks" / "incoming.lock"), pytest.raises(LibraryBusyError):
            merge(source, target)
        assert content(target) == {}

    def test_what_a_killed_import_left_is_cleared_away(self, tmp_path: Path) -> None:
        source = library(tmp_path / "a", film("a"))
        left = tmp_path / "b" / "incoming" / "frames.db"
        left.parent.mkdir(parents=True)
        left.write_bytes(b"half")
        merge(source, tmp_path / "b")
        assert not left.parent.exists()

    def test_what_others_change_meanwhile_is_in_an_export_as_a_whole_or_not_at_all(self, tmp_path: Path) -> None:
        source = library(tmp_path / "a", film("a"), film("b"), film("c"))
        with Store(source) as store:

            def change(step: BundleStep) -> None:
                if step.done == 1:  # the first is in the bundle
                    store.add_evidence([Evidence(video, Span(50, 51), "summary", "late") for video in (1, 2)])
                    store.remove_video(3)

            before = content(source)[mark("a")]
            exported = export_library(source, tmp_path / "out", None, change)
        import_library(tmp_path / "b", tmp_path / "out")
        assert exported.videos == 2
        assert content(tmp_path / "b") == {mark("a"): before, mark("b"): content(source)[mark("b")]}

    def test_progress_is_told(self, tmp_path: Path) -> None:
        source = library(tmp_path / "a", film("a"), film("b"))
        steps: list[BundleStep] = []
        export_library(source, tmp_path / "out", None, steps.append)
        import_library(tmp_path / "b", tmp_path / "out", steps.append)
        assert [(step.phase, step.done, step.total) for step in steps] == [
            *(("export", done, 2) for done in (0, 1, 2)),
            *(("verify", done, 2) for done in (0, 1)),
            *(("merge", done, 2) for done in (0, 1, 2)),
        ]
        assert steps[0].path == "/films/a.mp4"


class TestFiles:
    def test_only_the_videos_asked_for(self, tmp_path: Path) -> None:
        source = library(tmp_path / "a", film("a"), film("b"))
        assert export_library(source, tmp_path / "out", [mark("b")]).videos == 1

    def test_an_older_bundle_is_replaced_and_nothing_else(self, tmp_path: Path) -> None:
        source = library(tmp_path / "a", film("a"))
        out = tmp_path / "out.tar.zst"
        export_library(source, out)
        with Store(source) as store:
            store.add_video(mark("b"), "/films/b.mp4", 1, 2, 3.0, {})
        assert export_library(source, out).videos == 2
        assert export_library(source, out).size == out.stat().st_size
        precious = tmp_path / "film.mp4"
        precious.write_bytes(b"precious")
        with pytest.raises(StorageError, match="no bundle"):
            export_library(source, precious)
        assert precious.read_bytes() == b"precious"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "film.mp4", "out.tar.zst"]

    def test_an_export_that_fails_leaves_what_was_there(self, tmp_path: Path) -> None:
        source = library(tmp_path / "a", film("a"))
        out = tmp_path / "out.tar.zst"
        export_library(source, out)
        before = out.read_bytes()

        def stop(step: BundleStep) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            export_library(source, out, None, stop)
        assert out.read_bytes() == before
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "out.tar.zst"]

    def test_no_folder_to_write_to(self, tmp_path: Path) -> None:
        source = library(tmp_path / "a", film("a"))
        with pytest.raises(StorageError, match="cannot be written"):
            export_library(source, tmp_path / "none" / "out")
        with pytest.raises(StorageError, match="cannot be written"):
            export_library(source, tmp_path)
