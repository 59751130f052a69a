"""The comparison with other systems' recipes, at a size at which it takes seconds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from benchmarks import peers
from benchmarks.cinema import make


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="the recipes need ffmpeg")
def test_every_recipe_reads_what_it_looks_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.json"
    given = ["--made", "9", "--height", "360", "--folder", str(tmp_path / "made"), "--json", str(out)]
    assert peers.main(given) == 0
    rows = {row["recipe"]: row for row in json.loads(out.read_text())}
    assert list(rows) == ["vagent standard", "vagent quick", *peers.RECIPES]
    assert rows["vagent standard"]["text"] == rows["Video-RAG"]["text"] == 1.0
    assert rows["DVD"]["text"] is None
    assert rows["vagent standard"]["x_standard"] == {"wall": 1.0, "cpu": 1.0}
    assert "VideoRAG" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([(2.0, 3.0, "GOOGLE\nParis")], 1.0),
        ([(2.0, 3.0, "Googleparis")], 1.0),
        ([(9.0, 9.5, "Google Paris")], 0.0),
        ([(2.0, 3.0, "London")], 0.0),
    ],
)
def test_a_question_is_answered_by_what_was_read_where_the_answer_is(
    found: list[tuple[float, float, str]], expected: float, tmp_path: Path
) -> None:
    film = make(tmp_path / "film.mp4", 2.0, 90)
    asked = {"video": "film.mp4", "kind": "text", "accept": ["Google Paris"], "evidence": [[1.0, 4.0]]}
    others = [asked | {"kind": "speech"}, asked | {"video": "other.mp4"}, asked | {"evidence": []}]
    file = tmp_path / "questions.jsonl"
    file.write_text("\n".join(map(json.dumps, [asked, *others])))
    (question,) = peers._questions(file, film.path)
    assert peers._text(film, [question], found) == expected
