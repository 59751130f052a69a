from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from tests.vagent.conftest import Outcome
from vagent import Library

Run = Callable[..., Outcome]

SPAN = {"start": {"type": "number", "minimum": 0}, "end": {"type": "number", "minimum": 0}}
KIND = {"enum": ["subtitle", "speech", "screen_text", "objects", "caption", "sound", "summary", "visual", "file"]}


def record(**properties: object) -> dict[str, object]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


ANSWER = record(
    question={"type": "string"},
    answer={"type": "string"},
    answered={"type": "boolean"},
    choice={"type": ["string", "null"], "pattern": "^[A-Z]$"},
    confidence={"type": "number", "minimum": 0, "maximum": 1},
    citations={
        "type": "array",
        "items": record(video={"type": "string"}, **SPAN, kind=KIND, quote={"type": "string"}),
    },
    searched={
        "type": "array",
        "items": record(video={"type": "string"}, **SPAN, kinds={"type": "array", "items": KIND}),
    },
    steps={"type": "array", "items": {"type": "object"}, "minItems": 1},
    engines={"type": "object", "additionalProperties": {"type": "string"}},
    seconds={"type": "object", "additionalProperties": {"type": "number"}},
)
EVIDENCE = record(kind=KIND, **SPAN, text={"type": "string"}, confidence={"type": ["number", "null"]})
MOMENTS = record(
    query={"type": "string"},
    moments={
        "type": "array",
        "items": record(
            video={"type": "string"},
            **SPAN,
            score={"type": "number"},
            evidence={"type": "array", "items": EVIDENCE, "minItems": 1},
        ),
    },
)


def test_ask_prints_the_contract(run: Run, film: Path, indexed: Path) -> None:
    done = run("ask", film, "When does the night train to Lisbon leave?", "--library", indexed, "--json")
    assert (done.code, done.err) == (0, "")
    answer = json.loads(done.out)
    jsonschema.validate(answer, ANSWER)
    assert answer["answered"] is True
    (first, *_) = answer["citations"]
    assert first["video"] == str(film)
    assert (first["kind"], first["start"], first["end"]) == ("subtitle", 0.5, 2.5)
    assert "quarter to eight" in first["quote"]
    assert answer["searched"] == [{"video": str(film), "start": 0.0, "end": 8.0, "kinds": ["subtitle", "screen_text"]}]


def test_ask_reads_what_is_written_in_the_picture(run: Run, film: Path, indexed: Path) -> None:
    done = run("ask", film, "Which phone number should one call?", "--library", indexed, "--json")
    answer = json.loads(done.out)
    assert "555 0142" in answer["citations"][0]["quote"]
    assert answer["citations"][0]["start"] == pytest.approx(4.0, abs=0.3)
    assert answer["citations"][0]["end"] == pytest.approx(8.0, abs=0.3)


def test_what_is_not_in_the_video_is_said_so_with_exit_code_0(run: Run, film: Path, indexed: Path) -> None:
    done = run("ask", film, "How much does the elephant weigh?", "--library", indexed, "--json")
    answer = json.loads(done.out)
    jsonschema.validate(answer, ANSWER)
    assert (done.code, answer["answered"], answer["citations"]) == (0, False, [])
    assert answer["searched"]


def test_ask_for_people_cites_the_moment(run: Run, film: Path, indexed: Path) -> None:
    done = run("ask", film, "Who forgot her umbrella?", "--library", indexed)
    assert done.code == 0
    assert "Maria" in done.out
    assert "00:00:04.5 - 00:00:07.0  subtitles" in done.out


def test_choices_give_a_letter(run: Run, film: Path, indexed: Path) -> None:
    choices = ["--choices", "Anna", "--choices", "Maria", "--choices", "Paul"]
    done = run("ask", film, "Who forgot her umbrella?", "--library", indexed, "--json", *choices)
    assert json.loads(done.out)["choice"] == "B"


def test_nothing_after_until_is_used(run: Run, film: Path, indexed: Path) -> None:
    done = run("ask", film, "Who forgot her umbrella?", "--library", indexed, "--json", "--until", "0:04")
    answer = json.loads(done.out)
    assert answer["answered"] is False
    assert "umbrella" not in json.dumps(answer["citations"])
    assert answer["searched"][0]["end"] == 4.0


def test_the_library_is_asked_without_a_source(run: Run, indexed: Path) -> None:
    done = run("ask", "--library", indexed, "When does the night train to Lisbon leave?", "--json")
    assert json.loads(done.out)["answered"] is True


def test_without_a_question_a_chat_reads_one_a_line(
    run: Run, film: Path, indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("Who forgot her umbrella?\n\nWhen does the night train leave?\n"))
    done = run("ask", film, "--library", indexed, "--json")
    answers = [json.loads(line) for line in done.out.splitlines()]
    assert [answer["question"] for answer in answers] == [
        "Who forgot her umbrella?",
        "When does the night train leave?",
    ]
    assert all(answer["answered"] for answer in answers)


def test_search_prints_the_contract(run: Run, film: Path, indexed: Path) -> None:
    done = run("search", film, "umbrella", "--library", indexed, "--json")
    found = json.loads(done.out)
    jsonschema.validate(found, MOMENTS)
    assert found["moments"][0]["evidence"][0]["text"] == "Maria forgot her umbrella."
    assert found["moments"][0]["start"] <= 4.5 < 7.0 <= found["moments"][0]["end"]
    only = json.loads(run("search", film, "umbrella", "--kind", "screen_text", "--library", indexed, "--json").out)
    assert {e["kind"] for m in only["moments"] for e in m["evidence"]} <= {"screen_text"}


def test_search_for_people(run: Run, indexed: Path) -> None:
    done = run("search", "umbrella", "--library", indexed)
    assert "00:00:04.5 - 00:00:07.0" in done.out.splitlines()[0]


def test_index_prints_one_object_a_file(run: Run, film: Path, tmp_path: Path) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    for name in (film.name, film.with_suffix(".en.srt").name):
        shutil.copy(film.parent / name, folder)
    (folder / "broken.mp4").write_text("this is no video")
    done = run("index", folder, "--library", tmp_path / "library", "--json")
    reports = {Path(report["video"]).name: report for report in map(json.loads, done.out.splitlines())}
    broken, good = reports["broken.mp4"], reports[film.name]
    assert done.code == 1  # the list names what failed; the rest is indexed
    assert (broken["status"], good["status"]) == ("quarantined", "indexed")
    assert "broken.mp4" in broken["error"]
    assert good["counts"] == {"subtitle": 2, "screen_text": 2}
    assert good["spans"] == [[0.0, 8.0]]
    assert good["engines"]["text"].startswith("rapidocr")
    assert set(good["seconds"]) == {"subtitles", "scan", "clips", "captions", "visual", "embed", "summaries"}
    again = run("index", folder / film.name, "--library", tmp_path / "library", "--json")
    assert (again.code, json.loads(again.out)["status"]) == (0, "unchanged")


def test_list_show_and_remove(run: Run, film: Path, tmp_path: Path) -> None:
    library = ("--library", tmp_path / "library")
    assert "is empty" in run("list", *library).out
    assert run("index", film, *library).code == 0
    assert str(film) in run("list", *library).out
    shown = run("show", film, *library).out
    assert "640x360" in shown
    assert "subtitles taken from train.en.srt" in shown
    assert "Maria forgot her umbrella." in run("show", film, "--kind", "subtitle", *library).out
    assert json.loads(run("show", film, "--json", *library).out)["counts"] == {"subtitle": 2, "screen_text": 2}
    assert run("remove", film, *library).out == f"removed {film}\n"
    assert run("list", "--json", *library).out == ""
    assert film.is_file()


def test_dry_run_indexes_nothing(run: Run, film: Path, tmp_path: Path) -> None:
    done = run("index", film, "--dry-run", "--json", "--preset", "quick", "--library", tmp_path / "library")
    told = json.loads(done.out)
    assert (told["preset"], told["files"], told["new"], told["unreadable"]) == ("quick", 1, 1, [])
    assert [video["video"] for video in told["videos"]] == [str(film)]
    assert "is empty" in run("list", "--library", tmp_path / "library").out


def test_doctor_names_an_engine_for_every_sense(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    found = json.loads(run("doctor", "--json").out)
    senses = {sense["sense"]: sense for sense in found["senses"]}
    assert senses["text"]["engine"] == "rapidocr"
    assert senses["embeddings"]["engine"] == "minilm"
    assert (senses["speech"]["engine"], senses["speech"]["weak"]) == ("pocketsphinx", True)
    assert senses["videollm"]["engine"] == "off"
    assert any("film.srt" in line for line in senses["speech"]["better"])
    assert "faiss-gpu" in found["faiss"]
    assert "media.hwaccel: off; decoded in software" in found["decoding"]
    assert "Each sense and the engine it takes" in run("doctor").out


def test_models_and_config(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {row["model"] for row in json.loads(run("models", "--json").out)}
    assert {"all-MiniLM-L6-v2", "PP-OCRv6 small (RapidOCR)"} <= names
    monkeypatch.setenv("VAGENT_CONFIG", str(tmp_path / "mine.yaml"))
    assert run("config", "path").out.strip() == str(tmp_path / "mine.yaml")
    assert "# Every setting of vagent" in run("config", "default").out
    assert json.loads(run("config", "show", "--json").out)["preset"] == "standard"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ask", "none.mp4", "Who?"], "no such file"),
        (["ask", "{film}", " "], "question"),
        (["ask", "{film}", "why " * 4000], "question"),
        (["ask", "{film}", "Who?", "--from", "1:00"], "after the end of the video"),
        (["ask", "{film}", "Who?", "--from", "3", "--until", "2"], "ends before it begins"),
        (["ask", "{film}", "Who?", "--from", "soon"], "not a time"),
        (["ask", "{film}", "Who?", "--engine", "speech=gramophone"], "unknown speech engine: 'gramophone'"),
        (["ask", "{film}", "Who?", "--engine", "smell=nose"], "not an engine choice"),
        (["search", "{film}", ""], "query"),
        (["show", "none.mp4"], "no such file"),
        (["remove", "{empty}"], "no videos in the folder"),
        (["index", "{empty}"], "no videos in the folder"),
        (["config", "all"], "unknown part of the settings"),
    ],
)
def test_what_cannot_be_done_costs_one_line(
    run: Run, film: Path, indexed: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "empty").mkdir()
    filled = [argument.format(film=film, empty=tmp_path / "empty") for argument in arguments]
    done = run(*filled, *([] if filled[0] == "config" else ["--library", indexed]))
    assert done.code == 1
    assert done.out == ""
    assert done.err.startswith("vagent: ")
    assert done.err.count("\n") == 1
    assert message in done.err


@pytest.mark.parametrize(
    "arguments", [["ask", "--presto"], ["ask", "a.mp4", "Who?", "--preset", "fast"], ["sing"], ["index"]]
)
def test_wrong_usage_exits_with_2(run: Run, arguments: list[str]) -> None:
    assert run(*arguments).code == 2


def test_debugging_lets_the_traceback_through(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from vagent.errors import SourceError

    monkeypatch.setenv("VAGENT_DEBUG", "1")
    with pytest.raises(SourceError):
        run("ask", "none.mp4", "Who?")


def test_names_cannot_forge_output(run: Run, film: Path, tmp_path: Path) -> None:
    nasty = tmp_path / 'a "quoted" 🎬\n\x1b[31mname.mp4'
    shutil.copy(film, nasty)
    library = ("--library", tmp_path / "library", "--engine", "text=off", "--engine", "embeddings=off")
    done = run("index", nasty, *library)
    assert done.code == 0
    for out in (
        done,
        run("list", "--library", tmp_path / "library"),
        run("show", nasty, "--library", tmp_path / "library"),
    ):
        assert "\x1b" not in out.out + out.err


def test_a_chat_with_a_name_goes_on_at_the_next_call(run: Run, film: Path, indexed: Path, tmp_path: Path) -> None:
    library = shutil.copytree(indexed, tmp_path / "library")
    for _ in range(2):
        done = run("ask", film, "Who forgot her umbrella?", "--chat", "film night", "--library", library)
        assert "Maria" in done.out
    with Library(library) as opened:
        assert len(opened.chat("film night").turns) == 2
