"""The benchmark of memory, at a size at which it takes seconds."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import av
import pytest

from benchmarks import films, lectures, memory


def test_two_films_are_indexed_and_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "figures.json"
    sizes = ["--minutes", "0.2", "--hours", "0.01", "--boards", "4", "--size", "160x90"]
    cheap = ["--preset", "quick", "--set", "engines.text=off", "speech.when=never"]
    assert memory.main([*sizes, *cheap, "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    short, long = found["films"]
    assert short["seconds of film"] == pytest.approx(12, abs=0.3)
    assert found["ratios"]["length"] == pytest.approx(3, abs=0.1)
    assert long["rows"] == {"subtitle": 3 * short["rows"]["subtitle"]}
    assert long["peak"] >= max(long["peak by phase"].values()) > 50
    assert found["ratios"]["peak"] == pytest.approx(long["peak"] / short["peak"], abs=1e-3)
    assert "peak, MB" in capsys.readouterr().out


def test_a_lecture_is_summed_up_and_each_phase_has_its_peak(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    sizes = ["--minutes", "0.4", "--hours", "0.02", "--boards", "12", "--size", "160x90", "--lecture"]
    cheap = ["--preset", "deep", "--set", "engines.text=off", "speech.when=never"]
    assert memory.main([*sizes, *cheap, "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    short, long = found["films"]
    assert found["preset"] == "deep" and found["format"].endswith("a lecture")
    assert (short["rows"]["subtitle"], long["rows"]["subtitle"]) == (6, 18)
    assert short["rows"]["summary"] >= 1
    phases = ["start", "subtitles", "scan", "clips", "embed", "visual", "captions", "summaries", "end"]
    assert set(phases[:-1]) <= set(long["peak by phase"]) <= set(phases)
    assert list(long["peak by phase"])[:4] == phases[:4]


def test_no_two_lines_of_a_lecture_are_the_same_and_common_words_are_common(tmp_path: Path) -> None:
    blocks = lectures.written(tmp_path / "a.srt", 1200.0).read_text(encoding="utf-8").split("\n\n")[:-1]
    lines = [block.split("\n") for block in blocks]
    assert lines[1][:2] == ["2", "00:00:04,000 --> 00:00:07,600"]
    assert len({text for _, _, text in lines}) == len(lines) == 300
    words = Counter(" ".join(text for _, _, text in lines).casefold().replace(".", "").split())
    assert words.total() == 3000 and len(words) > 700
    assert words.most_common(1)[0][0] == "the"
    again = lectures.written(tmp_path / "b.srt", 600.0).read_text(encoding="utf-8")
    assert again.split("\n\n")[:-1] == blocks[:150]


def test_what_cannot_be_indexed_ends_the_benchmark(tmp_path: Path) -> None:
    (tmp_path / "film.mkv").write_bytes(b"no film")
    with pytest.raises(SystemExit, match=r"film\.mkv failed"):
        memory.measured(tmp_path / "film.mkv", tmp_path / "library", None, [])


@pytest.mark.parametrize("container", ["mkv", "mp4"])
def test_a_repeated_film_is_so_many_times_as_long(container: str, tmp_path: Path) -> None:
    once = films.cycle(tmp_path / f"once.{container}", 10.0, 4.0, (160, 90))
    thrice = films.repeated(once, tmp_path / f"thrice.{container}", 3)
    shown: list[float] = []
    said: list[str] = []
    with av.open(str(thrice)) as film:
        for packet in film.demux():
            if packet.stream.type == "video" and packet.pts is not None:
                shown.append(float(packet.pts * packet.time_base))
            if packet.stream.type == "subtitle" and packet.size:
                said.append(bytes(packet).decode(errors="replace"))
    assert len(shown) == 150
    assert sorted(shown)[-1] == pytest.approx(29.8, abs=0.3)
    if container == "mkv":
        assert len(said) == len(set(said)) == 6
