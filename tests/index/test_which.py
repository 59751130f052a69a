from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vagent.errors import SettingsError, SourceError
from vagent.index.records import Film, Video
from vagent.index.which import Which


def video(number: int, path: str, title: str | None, year: int | None, language: str | None) -> Video:
    return Video(number, str(number), path, 60.0, title=title, year=year, language=language)


VIDEOS = [
    video(1, "/films/old/Metropolis (1927).mp4", "Metropolis", 1927, "de"),
    video(2, "/films/Amélie.2001.mkv", "Amélie", 2001, "fr"),
    video(3, "/films/Lectures/01 Entropy.mp4", "01 Entropy", None, "de"),
    video(4, "D:\\films\\Lectures\\02_Heat.mp4", "02 Heat", None, None),
]


def fit(**given: object) -> list[int]:
    return [video.id for video in Which(**given).of(VIDEOS)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, [1, 2, 3, 4]),
        ({"path": "*.mkv"}, [2]),
        ({"path": "Lectures/*"}, [3, 4]),
        ({"path": "./Lectures/0?*"}, [3, 4]),
        ({"path": "/films/*"}, [1, 2, 3]),
        ({"title": "amelie"}, [2]),
        ({"title": "02 heat"}, [4]),
        ({"title": "METRO"}, [1]),
        ({"year": 1927}, [1]),
        ({"year": "1920-2001"}, [1, 2]),
        ({"year": "2000 - 2010"}, [2]),
        ({"year": "1928-"}, [2]),
        ({"year": "-1999"}, [1]),
        ({"language": "deu"}, [1, 3]),
        ({"language": "German"}, [1, 3]),
        ({"language": "de", "title": "entropy"}, [3]),
        ({"language": "fr", "year": 2001, "path": "*.mkv"}, [2]),
    ],
)
def test_a_video_has_to_fit_all_that_is_asked(given: dict[str, object], expected: list[int]) -> None:
    assert fit(**given) == expected
    films = [Film(one.id, one.path, one.duration, one.title, one.year, one.language) for one in VIDEOS]
    assert [film.id for film in Which(**given).of(films)] == expected  # type: ignore[arg-type]
    assert bool(Which(**given)) == bool(given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "there"),
    [
        ({"year": 1999}, ("year 1999", "years 1927 to 2001 (2 unknown)")),
        ({"language": "ja"}, ("language ja", "languages de, fr (1 unknown)")),
        ({"title": "Heimat"}, ("title Heimat", "titles Metropolis, Amélie, 01 Entropy, 02 Heat")),
        ({"path": "*.avi", "year": 2001}, ("path *.avi, year 2001", "folders /films/old, /films")),
    ],
)
def test_what_leaves_nothing_says_in_one_line_what_there_is(given: dict[str, object], there: tuple[str, str]) -> None:
    with pytest.raises(SourceError) as error:
        fit(**given)
    message = str(error.value)
    assert "none of 4 videos fits" in message
    assert all(part in message for part in there)
    assert "\n" not in message


def test_an_empty_library_is_no_error_of_the_filter() -> None:
    assert Which(year=1999).of([]) == []


@pytest.mark.parametrize(
    "given",
    [
        {"year": "soon"},
        {"year": "99"},
        {"year": "-"},
        {"year": "2001-1999"},
        {"year": "1999 2001"},
        {"year": ""},
        {"language": "Klingon"},
        {"language": "und"},
        {"language": ""},
    ],
)
def test_a_year_or_a_language_that_is_none_is_told(given: dict[str, str]) -> None:
    with pytest.raises(SettingsError):
        fit(**given)


filters: list[Callable[[st.DataObject], dict[str, object]]] = [
    lambda data: {"title": data.draw(st.text(max_size=5))},
    lambda data: {"path": data.draw(st.text("*?[]ab/", max_size=6))},
    lambda data: {"year": data.draw(st.integers(1000, 9999))},
]


@given(st.data())
def test_filters_only_ever_take_away(data: st.DataObject) -> None:
    given = data.draw(st.sampled_from(filters))(data)
    try:
        found = fit(**given)
    except SourceError:
        return
    assert set(found) <= {video.id for video in VIDEOS}
    assert fit(**given, language="de") == [n for n in found if n in (1, 3)] if set(found) & {1, 3} else True
