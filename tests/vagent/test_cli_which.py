"""Filters by what is known of films, through the command line and from Python."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.media_files import write_video
from tests.vagent.conftest import Outcome, card, stamp
from vagent import Library, Which
from vagent.errors import SourceError
from vagent.index.records import Video
from vagent.index.store import Store

Run = Callable[..., Outcome]

FILMS = {
    "Metropolis (1927)": ("de", "The flood reaches the workers.", "Der Heilige trug einen blauen Schirm."),
    "Amelie (2001)": ("fr", "The flood of letters never ends.", "Le nain voyage en avion."),
    "Heat (1995)": ("en", "Nobody expects a flood downtown.", "He carries a suitcase of money."),
}


@pytest.fixture(scope="module")
def cinema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of three films with subtitles; tests must not change it."""
    folder = tmp_path_factory.mktemp("cinema")
    films = folder / "films"
    films.mkdir()
    for name, (language, *lines) in FILMS.items():
        write_video(films / f"{name}.mp4", [card(name)] * 40, fps=5)
        cues = [f"{n}\n{stamp(4 * n - 3)} --> {stamp(4 * n - 1)}\n{line}\n" for n, line in enumerate(lines, 1)]
        (films / f"{name}.{language}.srt").write_text("\n".join(cues), encoding="utf-8")
    with Library(folder / "library", preset="quick", settings={"engines": {"text": "off"}}) as library:
        assert [report.error for report in library.add(films, workers=1)] == [None] * 3
    return folder / "library"


def found(done: Outcome) -> set[str]:
    assert done.code == 0, done.err
    return {Path(moment["video"]).stem for moment in json.loads(done.out)["moments"]}


def test_search_looks_only_where_the_options_say(run: Run, cinema: Path) -> None:
    place = ("--library", cinema, "--json")
    assert found(run("search", "flood", *place)) == set(FILMS)
    assert found(run("search", "flood", "--year", "1990-2001", *place)) == {"Amelie (2001)", "Heat (1995)"}
    assert found(run("search", "flood", "--language", "German", *place)) == {"Metropolis (1927)"}
    assert found(run("search", "flood", "--title", "amélie", *place)) == {"Amelie (2001)"}
    assert found(run("search", "flood", "--path", "films/H*", *place)) == {"Heat (1995)"}


def test_ask_answers_only_from_there(run: Run, cinema: Path) -> None:
    asked = ("ask", "--library", cinema, "--json", "What does he carry in the suitcase?")
    assert json.loads(run(*asked, "--year", "1995").out)["answered"]
    assert not json.loads(run(*asked, "--year", "1927").out)["answered"]


def test_the_list_tells_what_is_known_and_takes_the_same_options(run: Run, cinema: Path) -> None:
    rows = [json.loads(line) for line in run("list", "--library", cinema, "--json").out.splitlines()]
    known = {(row["title"], row["year"], row["language"]) for row in rows}
    assert known == {("Metropolis", 1927, "de"), ("Amelie", 2001, "fr"), ("Heat", 1995, "en")}
    (line,) = run("list", "--library", cinema, "--language", "fr").out.splitlines()
    assert line.endswith("[Amelie, 2001, fr]")


@pytest.mark.parametrize("command", [("search", "flood"), ("ask", "Who carries a suitcase?"), ("list",)])
def test_options_that_leave_nothing_say_what_there_is(run: Run, cinema: Path, command: tuple[str, ...]) -> None:
    done = run(*command, "--library", cinema, "--year", "1950")
    assert (done.code, done.out) == (1, "")
    assert done.err.count("\n") == 1
    assert "none of 3 videos fits" in done.err
    assert "years 1927 to 2001" in done.err


def test_python_has_them_too(cinema: Path) -> None:
    with Library(cinema) as library:
        assert [video.title for video in library.videos(Which(year="-1999"))] == ["Heat", "Metropolis"]
        (moment, *_) = library.search("suitcase", which=Which(language="en"))
        assert moment.video.title == "Heat"
        assert library.chat(which=Which(title="Heat")).ask("What does he carry in the suitcase?").answered
        with pytest.raises(SourceError):
            library.ask("Who is it?", which=Which(title="Casablanca"))


def test_a_search_does_not_read_what_is_known_of_each_file(cinema: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Library(cinema) as library:
        right, french = library.search("flood"), library.search("flood", which=Which(language="fr"))
        assert len(right) > len(french) > 0

        def refuse(_: Store) -> list[Video]:
            raise AssertionError("every file is read")

        monkeypatch.setattr(Store, "videos", refuse)
        assert library.search("flood") == right
        assert library.search("flood", which=Which(language="fr")) == french
