from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.media_files import write_video
from vagent.configs import load
from vagent.index.library import VideoLibrary
from vagent.index.records import Evidence
from vagent.index.sources.titles import from_name, name_videos, named, spoken
from vagent.index.store import Store
from vagent.tools.engines import SENSES
from vagent.tools.time import Span


@pytest.mark.parametrize(
    ("name", "title", "year"),
    [
        ("The.Third.Man.1949.1080p.BluRay.x264-GRP.mkv", "The Third Man", 1949),
        ("Metropolis (1927).mp4", "Metropolis", 1927),
        ("metropolis_(1927)_[restored].mkv", "metropolis", 1927),
        ("Heimat.S01E02.Die.Mitte.der.Welt.720p.mkv", "Heimat S01E02", None),
        ("Heimat 1x02 Die Mitte der Welt.mkv", "Heimat S01E02", None),
        ("Severance.2022.S02E05.2160p.WEB-DL.mkv", "Severance S02E05", 2022),
        ("2001.A.Space.Odyssey.1968.REMASTERED.1080p.mkv", "2001 A Space Odyssey", 1968),
        ("1917.2019.1080p.mkv", "1917", 2019),
        ("1917.mkv", "1917", None),
        ("Blade.Runner.2049.2017.UHD.mkv", "Blade Runner 2049", 2017),
        ("Brazil.EXTENDED.1080p.mkv", "Brazil", None),
        ("Charlotte's Web.avi", "Charlotte's Web", None),
        ("Charlotte's.Web.1080p.web-dl.avi", "Charlotte's Web", None),
        ("S.W.A.T.2003.DVDRip.avi", "S.W.A.T.", 2003),
        ("[Group] Paprika [1080p].mkv", "Paprika", None),
        ("Lecture 03 - Entropy.mp4", "Lecture 03 - Entropy", None),
        ("VID_20190503_101500.mp4", "VID 20190503 101500", 2019),
        ("Talk 2021-11-05.mp4", "Talk 2021-11-05", 2021),
        ("Vol. 2.mkv", "Vol. 2", None),
        ("clip_1920x1080.mp4", "clip 1920x1080", None),
        ("Das Boot (1981)", "Das Boot", 1981),
        ("東京物語 (1953).mkv", "東京物語", 1953),
        ("(1999).mkv", "1999", None),
        ("---.mkv", "---", None),
        (".mkv", "mkv", None),
        ("1080p.mkv", "1080p", None),
    ],
)
def test_a_file_name_tells_the_title_and_the_year(name: str, title: str, year: int | None) -> None:
    for folder in ("", "/films/1980s/", "C:\\films\\"):
        found = from_name(folder + name)
        assert (found.title, found.year) == (title, year)


@given(st.text(st.characters(exclude_characters="/\\"), min_size=1, max_size=300))
def test_any_name_gives_a_title_that_can_be_stored(name: str) -> None:
    found = from_name(name)
    assert 0 < len(found.title) <= 200
    found.title.encode("utf-8")
    assert "\0" not in found.title


words = st.lists(st.from_regex(r"[A-Z][a-z]{3,9}", fullmatch=True), min_size=1, max_size=4)


@given(words, st.integers(1920, 2020), st.sampled_from([".1080p.x265.mkv", ".DVDRip.avi", ".mp4"]))
def test_a_release_gives_back_what_it_was_named_after(title: list[str], year: int, rest: str) -> None:
    found = from_name(f"{'.'.join(title)}.{year}{rest}")
    assert (found.title, found.year) == (" ".join(title), year)


@pytest.mark.parametrize(
    ("path", "title", "made", "expected"),
    [
        ("tt01.mkv", "The Third Man", "1949-09-02", ("The Third Man", 1949)),
        ("Metropolis (1927).mp4", "", "2010", ("Metropolis", 2010)),
        ("Metropolis (1927).mp4", "", "the other day", ("Metropolis", 1927)),
        ("Metropolis.mp4", "ripped by www.example.com", "", ("Metropolis", None)),
        ("Metropolis.mp4", "20061201", "", ("Metropolis", None)),
        ("x.mkv", "The.Third.Man.1949.720p", "", ("The Third Man", 1949)),
        ("Heimat.S01E02.mkv", "Die Mitte der Welt", "1984", ("Heimat S01E02 Die Mitte der Welt", 1984)),
        ("Heimat.S01E02.mkv", "Heimat S01E02", "", ("Heimat S01E02", None)),
    ],
)
def test_the_container_is_believed_before_the_file_name(
    path: str, title: str, made: str, expected: tuple[str, int | None]
) -> None:
    found = named(path, title, made)
    assert (found.title, found.year) == expected


def test_the_language_is_the_sounds_else_the_speechs_else_the_subtitles() -> None:
    def audio(language: str | None, **more: bool) -> dict[str, object]:
        return {"kind": "audio", "language": language, **more}

    subtitles = {"chosen": {"language": "fre"}}
    assert spoken({"tracks": [audio("eng"), audio("ger", default=True)], "subtitles": subtitles}, ["it"]) == "de"
    assert spoken({"tracks": [audio("eng", commentary=True), audio("jpn")]}) == "ja"
    assert spoken({"tracks": [audio(None)], "subtitles": subtitles}, ["it"]) == "it"
    assert spoken({"tracks": [audio("und")], "subtitles": subtitles}) == "fr"
    assert spoken({"tracks": [audio("not a code")], "subtitles": {"chosen": None}}) is None


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "library")
    yield opened
    opened.close()


def test_a_library_made_before_gets_its_names(store: Store, tmp_path: Path) -> None:
    """One whose file is gone is named by its path; what moved is named anew; what was heard is read of new ones."""
    moved = tmp_path / "Lisbon (1983).mp4"
    write_video(moved, [np.zeros((48, 64, 3), np.uint8)] * 10, fps=5)
    here = store.add_video("a", moved, 1, 1, 8.0, {"tracks": []})
    gone = store.add_video("b", "/gone/Heat.1995.1080p.mkv", 1, 1, 8.0, {})
    speech = [("it", False), ("it", False), ("fr", False), *3 * [("en", True)]]
    store.add_evidence(
        [
            Evidence(gone.id, Span(i, i + 1), "speech", "x", weak=weak, extra={"language": code})
            for i, (code, weak) in enumerate(speech)
        ]
    )
    name_videos(store, ())
    first, second = store.videos()
    assert (first.title, first.year, first.language) == ("Lisbon", 1983, None)
    assert first.info == {"tracks": [], "title": "", "made": ""}
    assert (second.title, second.year, second.language) == ("Heat", 1995, "it")
    store.see_path(here.id, tmp_path / "Porto (1984).mp4", 1, 1)
    store.clear(gone.id, ["speech"])
    name_videos(store, ())
    assert [(v.title, v.year, v.language) for v in store.videos()] == [("Porto", 1984, None), ("Heat", 1995, "it")]


def test_indexing_names_a_film(tmp_path: Path) -> None:
    film = write_video(tmp_path / "Heat.1995.1080p.mkv", [np.zeros((48, 64, 3), np.uint8)] * 10, fps=5)
    film.with_name("Heat.1995.1080p.de.srt").write_text("1\n00:00:00,100 --> 00:00:01,000\nGuten Morgen.\n")
    engines = dict.fromkeys(SENSES, "off")
    index = VideoLibrary(load({"library": str(tmp_path / "library"), "engines": engines}, env={}))
    try:
        assert [report.error for report in index.add(film)] == [None]
        (video,) = index.videos()
        assert (video.title, video.year, video.language) == ("Heat", 1995, "de")
        film.rename(tmp_path / "Collateral (2004).mkv")
        index.add(tmp_path / "Collateral (2004).mkv")
        (video,) = index.videos()
        assert (video.title, video.year, video.language) == ("Collateral", 2004, "de")
    finally:
        index.close()
