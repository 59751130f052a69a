"""The comparison with other systems' recipes, at a size at which it takes seconds."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import av
import pytest

from benchmarks import peers
from benchmarks.cinema import Film, make

SCENES = """#!{python}
import pathlib, sys
arguments = dict(zip(sys.argv[1:], sys.argv[2:]))
if "-i" in arguments:
    folder = pathlib.Path(arguments["-o"])
    folder.mkdir(parents=True)
    lines = ["Scene Number,Start Time (seconds)", "1,0.000", "2,5.040", "3,7.9"]
    (folder / "film-Scenes.csv").write_text("\\n".join(lines))
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="the recipes need ffmpeg")
def test_every_recipe_does_its_job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # What PySceneDetect's command leaves is read as it writes it; the package itself must not be installed beside ours.
    scenes = tmp_path / "scenedetect"
    scenes.write_text(SCENES.format(python=sys.executable))
    scenes.chmod(0o755)
    out = tmp_path / "out.json"
    given = ["--made", "9", "--height", "360", "--folder", str(tmp_path / "made"), "--scenedetect", str(scenes)]
    assert peers.main([*given, "--json", str(out)]) == 0
    rows = {row["recipe"]: row for row in json.loads(out.read_text())}
    assert list(rows) == peers._NAMES
    read, there = rows["text standard"]["text"]
    assert (read, there) == tuple(rows["Video-RAG"]["text"])
    assert read == there > 0
    assert rows["cuts standard"]["cuts"] == rows["cuts quick"]["cuts"] == [1, 1, 1]  # at 5 s
    assert rows["PySceneDetect content"]["cuts"] == [1, 2, 1]
    assert rows["DVD"]["pictures"][0] == 18
    assert rows["pictures standard"]["pictures"][0] == 9
    assert all(row["cpu"] > 0 for name, row in rows.items() if not name.startswith("PyScene"))
    assert "together" in capsys.readouterr().out


def row(film: str, recipe: str, cpu: float, **more: list[int] | None) -> peers.Row:
    return {
        "film": film,
        "recipe": recipe,
        "wall": 1.0,
        "cpu": cpu,
        "text": None,
        "cuts": None,
        "pictures": [0, 0],
    } | more


def test_films_are_added_up_by_what_does_the_same_job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = [
        row("a.mp4", "text standard", 4.0, text=[3, 4]),
        row("a.mp4", "text quick", 2.0, text=[2, 4]),
        row("a.mp4", "Video-RAG", 40.0, text=[4, 4]),
        row("a.mp4", "cuts standard", 1.0, cuts=[2, 2, 2]),
    ]
    two = [
        row("b.mp4", "text standard", 6.0),
        row("b.mp4", "text quick", 2.0),
        row("b.mp4", "Video-RAG", 60.0),
        row("b.mp4", "cuts standard", 1.0, cuts=[3, 4, 3]),
    ]
    found = {row["recipe"]: row for row in peers.totals([*one, *two])}
    assert (found["Video-RAG"]["x_standard"], found["Video-RAG"]["x_quick"]) == (10.0, 25.0)
    assert found["text standard"]["text"] == [3, 4]
    assert (found["cuts standard"]["cuts"], found["cuts standard"]["x_quick"]) == ([5, 6, 5], None)
    files = [tmp_path / "one.json", tmp_path / "two.json"]
    for file, rows in zip(files, (one, two), strict=True):
        file.write_text(json.dumps(rows))
    assert peers.main(["--sum", *map(str, files)]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert any("2 films, 100.00 cpu s" in line and "10.00" in line and "4/4" in line for line in shown)
    assert any("2 films, 2.00 cpu s" in line and "0.91" in line for line in shown)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([(2.0, 3.0, "GOOGLE\nParis")], (1, 1)),
        ([(2.0, 3.0, "Googleparis")], (1, 1)),
        ([(9.0, 9.5, "Google Paris")], (0, 1)),
        ([(2.0, 3.0, "London")], (0, 1)),
    ],
)
def test_a_question_is_answered_by_what_was_read_where_the_answer_is(
    found: list[tuple[float, float, str]], expected: tuple[int, int], tmp_path: Path
) -> None:
    film = make(tmp_path / "film.mp4", 2.0, 90)
    asked = {"video": "film.mp4", "kind": "text", "accept": ["Google Paris"], "evidence": [[1.0, 4.0]]}
    others = [asked | {"kind": "speech"}, asked | {"video": "other.mp4"}, asked | {"evidence": []}]
    file = tmp_path / "questions.jsonl"
    file.write_text("\n".join(map(json.dumps, [asked, *others])))
    (question,) = peers._questions(file, film.path)
    assert peers._text(film, [question], found) == expected


def test_a_picture_that_comes_after_the_sound_is_told(tmp_path: Path) -> None:
    late = tmp_path / "late.mkv"
    with av.open(str(make(tmp_path / "film.mp4", 2.0, 90).path)) as film, av.open(str(late), "w") as target:
        streams = {s.index: target.add_stream_from_template(s) for s in film.streams}
        for packet in film.demux():
            if packet.dts is not None:
                if packet.stream.type == "video":
                    packet.pts = (packet.pts or 0) + round(0.75 / packet.time_base)
                    packet.dts += round(0.75 / packet.time_base)
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
    assert peers.first_picture(tmp_path / "film.mp4") == pytest.approx(0.0, abs=0.1)
    assert peers.first_picture(late) == pytest.approx(0.75, abs=0.1)


def test_cuts_of_a_real_film_are_held_against_ours_and_of_a_made_one_against_the_truth(tmp_path: Path) -> None:
    found = {name: {"wall": 1.0, "cpu": 1.0, "texts": [], "pictures": [0, 0], "cuts": cuts} for name, cuts in
             (("cuts standard", [5.0, 9.0]), ("PySceneDetect content", [5.1, 12.0, 20.0]))}  # fmt: skip
    real, made = Film(tmp_path / "a", 0.0, made=False), Film(tmp_path / "b", 30.0, (12.0,))
    assert peers._row(real, [], "PySceneDetect content", found)["cuts"] == [1, 3, 2]
    assert peers._row(made, [], "PySceneDetect content", found)["cuts"] == [1, 3, 1]
