"""The benchmark of indexing, at a size at which it takes seconds; and the films that it measures with."""

from __future__ import annotations

import json
from pathlib import Path

import av
import pytest

from benchmarks import indexing
from benchmarks.cinema import FPS, Line, make
from benchmarks.truth import f1, recall


@pytest.mark.parametrize(
    ("found", "cuts", "expected"),
    [([], [], 1.0), ([1.0, 5.1], [1.0, 5.0], 1.0), ([1.0, 1.1], [1.0], 2 / 3), ([9.0], [1.0], 0.0), ([], [1.0], 0.0)],
)
def test_cuts_are_counted_once(found: list[float], cuts: list[float], expected: float) -> None:
    assert f1(found, cuts) == pytest.approx(expected)


def test_words_count_where_they_are_written() -> None:
    written = [Line(10, 12, "Kobalu Dimare")]
    assert recall([(9.5, 12.2, "KOBALU\ndimare")], written) == 1.0
    assert recall([(9.5, 12.2, "Kobalo Dimare")], written) == 0.5
    assert recall([(20, 22, "Kobalu Dimare")], written) == 0.0


def test_a_film_is_what_is_said_of_it(tmp_path: Path) -> None:
    film = make(tmp_path / "film.mp4", 20.0, 90)
    assert film.cuts == (5.0, 8.5, 15.0)
    assert [(line.start, line.end) for line in film.written] == [(5.0, 8.5), *[(8.5, 15.0)] * 5, (15.0, 20.0)]
    with av.open(str(film.path)) as container:
        stream = container.streams.video[0]
        assert (stream.frames, stream.width) == (20 * FPS, 160)
        # Some frames are needed by no other, as in films.
        stream.codec_context.skip_frame = "NONREF"
        assert len(list(container.decode(stream))) < 15 * FPS
    assert film.path.with_suffix(".srt").read_text().count("lighthouse") == len(film.said) - 1 == 1
    written = film.path.stat()
    assert make(film.path, 20.0, 90) == film
    assert film.path.stat() == written


def test_costs_add_up_and_are_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, chart = tmp_path / "out.json", tmp_path / "chart.png"
    given = ["--heights", "360", "--seconds", "9", "--presets", "quick", "--json", str(out)]
    assert indexing.main([*given, "--chart", str(chart), "--folder", str(tmp_path)]) == 0
    decode, subtitled, heard = json.loads(out.read_text())
    assert sum(subtitled["parts"].values()) == pytest.approx(subtitled["cpu"], rel=0.2, abs=0.2)
    assert "speech" not in subtitled["parts"]
    assert heard["parts"]["speech"] > 0
    assert heard["slowest"] == max(v for k, v in heard["parts"].items() if k not in ("decode", "rest"))
    assert heard["x_decode"]["cpu"] == pytest.approx(heard["cpu"] / decode["cpu"])
    assert subtitled["shots"] == 1.0
    assert subtitled["text"] > 0.6
    assert chart.read_bytes().startswith(b"\x89PNG")
    assert "quick" in capsys.readouterr().out


def test_films_of_ones_own_are_measured_without_their_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    film, out = make(tmp_path / "a film of mine.mp4", 6.0, 180).path, tmp_path / "out.json"
    assert indexing.main(["--films", str(film), "--presets", "quick", "--json", str(out)]) == 0
    decode, run = json.loads(out.read_text())
    assert (run["film"], run["subtitles"], decode["seconds"]) == ("a film of mine", False, 6.0)
    assert not {"shots", "text"} & set(run)
    assert run["x_slowest"]["cpu"] > 0
    assert "a film of mine" in capsys.readouterr().out
