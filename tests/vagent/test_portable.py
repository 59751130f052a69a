"""A library travels: from the command line and from Python, it answers at the other end as it did here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tests.vagent.conftest import Outcome
from vagent import Library
from vagent.errors import BundleError, SourceError

Run = Callable[..., Outcome]
QUESTIONS = ("Where does the night train go?", "Which phone number should one call?", "Who sings?")


def told(folder: Path) -> list[Any]:
    """What a library answers and finds, without what depends on the time of day."""
    with Library(folder) as library:
        answers = [library.ask(question).to_dict() for question in QUESTIONS]
        found = [library.search(query) for query in ("umbrella", "railway journey")]
    for answer in answers:
        del answer["seconds"]
        for step in answer["steps"]:
            step.pop("seconds", None)
    moments = [[(m.video.path, m.span, m.score, [h.evidence.text for h in m.hits]) for m in one] for one in found]
    return [*answers, *moments]


def test_answers_and_moments_are_the_same_at_the_other_end(run: Run, indexed: Path, tmp_path: Path) -> None:
    bundle, other = tmp_path / "films.tar.zst", tmp_path / "other"
    done = run("export-library", bundle, "--library", indexed)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("exported 1 video with ")
    done = run("import-library", bundle, "--library", other)
    assert (done.code, done.out, done.err) == (0, "merged: 1 video new, 0 extended, 0 as they were\n", "")
    assert told(other) == told(indexed)
    with Library(indexed) as here, Library(other) as there:
        (mine,), (theirs,) = here.videos(), there.videos()
        assert there.index.pictures(theirs.id, [0, 5]) == here.index.pictures(mine.id, [0, 5])
    assert run("import-library", bundle, "--library", other).out.startswith("merged: 0 videos new, 0 extended, 1 as")


def test_a_program_reads_what_was_done(run: Run, indexed: Path, film: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "films.tar.zst"
    done = run("export-library", bundle, film, "--library", indexed, "--json")
    exported = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    assert set(exported) == {"file", "size", "videos", "busy", "rows", "seconds"}
    assert (exported["file"], exported["size"], exported["videos"]) == (str(bundle), bundle.stat().st_size, 1)
    merged = json.loads(run("import-library", bundle, "--library", tmp_path / "other", "--json").out)
    assert set(merged) == {"added", "extended", "unchanged", "busy", "kept", "rows", "seconds"}
    assert merged["added"] == 1
    assert merged["rows"]["evidence"] == exported["rows"]["evidence"] > 0


def test_what_arrived_is_up_to_date_where_the_film_is(run: Run, indexed: Path, film: Path, tmp_path: Path) -> None:
    bundle, other = tmp_path / "films.tar.zst", tmp_path / "other"
    run("export-library", bundle, "--library", indexed)
    run("import-library", bundle, "--library", other)
    with Library(other) as library:
        assert [report.status for report in library.add(film)] == ["unchanged"]


def test_errors_are_one_line(run: Run, indexed: Path, tmp_path: Path) -> None:
    done = run("export-library", tmp_path / "x", tmp_path / "no.mp4", "--library", indexed)
    assert (done.code, done.out) == (1, "")
    assert "no such file or folder" in done.err
    damaged = tmp_path / "damaged"
    damaged.write_bytes(b"x" * 100)
    done = run("import-library", damaged, "--library", tmp_path / "other")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("vagent: no bundle of a library, or it was cut short: ")
    assert done.err.count("\n") == 1


def test_videos_in_work_are_told_and_the_exit_code_says_so(run: Run, indexed: Path, tmp_path: Path) -> None:
    bundle, other = tmp_path / "films.tar.zst", tmp_path / "other"
    run("export-library", bundle, "--library", indexed)
    with Library(indexed) as library:
        (video,) = library.videos()
    with FileLock(indexed / "locks" / f"{video.fingerprint}.lock"):
        done = run("export-library", tmp_path / "x", "--library", indexed)
    assert done.code == 1
    assert "notice: train.mp4: another process is indexing it; left out" in done.err
    (other / "locks").mkdir(parents=True)
    with FileLock(other / "locks" / f"{video.fingerprint}.lock"):
        done = run("import-library", bundle, "--library", other)
    assert done.code == 1
    assert "not merged: import again" in done.err
    assert run("import-library", bundle, "--library", other).code == 0


def test_from_python(indexed: Path, film: Path, tmp_path: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    with Library(indexed) as library:
        exported = library.export(
            tmp_path / "x", [film.parent], progress=lambda step: steps.append((step.phase, step.done, step.total))
        )
        with pytest.raises(SourceError):
            library.export(tmp_path / "y", [tmp_path])
    assert (exported.videos, steps) == (1, [("export", 0, 1), ("export", 1, 1)])
    with Library(tmp_path / "other") as library:
        assert library.merge(tmp_path / "x").added == 1
        with pytest.raises(BundleError):
            library.merge(film)
