"""A film that was indexed with embeddings off is found by its words alone, and that is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.vagent.conftest import Outcome
from vagent import Library

Run = Callable[..., Outcome]


@pytest.fixture(scope="module")
def wordy(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wordy")
    with Library(folder, settings={"engines": {"embeddings": "off"}}) as library:
        (report,) = library.add(film)
    assert report.error is None
    return folder


def test_search_says_so(run: Run, film: Path, wordy: Path) -> None:
    done = run("search", film, "umbrella", "--library", wordy)
    assert "Maria forgot her umbrella." in done.out
    assert done.err.startswith("notice: found by words alone, not by meaning: train.mp4; ")
    assert done.err.endswith(f"run: vagent index {film}\n")
    given = json.loads(run("search", "umbrella", "--library", wordy, "--json").out)
    assert given["notices"] == [done.err.removeprefix("notice: ").rstrip()]


def test_ask_says_so(run: Run, film: Path, wordy: Path) -> None:
    done = run("ask", film, "Who forgot her umbrella?", "--library", wordy, "--json")
    answer = json.loads(done.out)
    assert answer["answered"] is True
    assert any(notice.endswith(f"run: vagent index {film}") for notice in answer["notices"])
    assert "found by words alone" in done.err


def test_where_no_embedding_is_in_force_there_is_nothing_to_say(run: Run, wordy: Path) -> None:
    done = run("search", "umbrella", "--library", wordy, "--engine", "embeddings=off")
    assert (done.code, done.err) == (0, "")


def test_the_sdk_tells_which(film: Path, wordy: Path, indexed: Path) -> None:
    with Library(wordy) as library:
        assert [video.path for video in library.by_words_alone()] == [str(film)]
        assert library.by_words_alone(film) == library.by_words_alone()
        (notice,) = library.notices()
        assert notice in library.ask("Who forgot her umbrella?").notices
    with Library(indexed) as library:
        assert (library.by_words_alone(), library.notices(film)) == ([], [])
        assert "notices" not in library.ask("Who forgot her umbrella?").to_dict()
