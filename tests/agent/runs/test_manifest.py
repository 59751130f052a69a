"""Saved runs as files: written as a whole, read as a stranger's."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from vagent.agent.records import Answer, Citation, Searched, Step
from vagent.agent.runs import manifest
from vagent.agent.runs.keys import digest, without_secrets
from vagent.agent.runs.manifest import Asked, Inputs, Run, VideoState, listed, load, save
from vagent.agent.runs.recorder import Failure, Made
from vagent.agent.state import Turn
from vagent.errors import LibraryCorruptError, LibraryVersionError, SourceError, StorageError
from vagent.tools.time import Span

STEP = Step("search", {"query": "bill", "kinds": ["speech"]}, "3 moments", 0.25, notices=("memory is short",))
ANSWER = Answer(
    question="Who pays the bill?",
    text="The baker pays. 👩\u200d🍳\nAt 1:35.",
    answered=True,
    choice="B",
    confidence=1 / 3,
    citations=(
        Citation("/films/a  b.mkv", Span(0.1, 0.30000000000000004), "subtitle", "“The baker pays.”", 0.2, True),
    ),
    searched=(Searched("/films/a  b.mkv", Span(0.0, 9.0), ("subtitle",)),),
    steps=(STEP,),
    engines={"driver": "policy"},
    seconds={"total": 1.5},
    leads=(Citation("/films/\udcff.mkv", Span(0.0, 0.0), "file", ""),),
    remarks=("the cache is not used",),
)
CALLS = (
    Made("a" * 64, "fake 1", "answer", 1.5, False, digest(["red", 3]), ["red", 3], ("memory is short",)),
    Made("b" * 64, "fake 1", "score_choices", 0.5, True, digest([[-math.inf], 0]), [[-math.inf], 0]),
    Made("c" * 64, "fake 1", "answer", 0.5, False, digest(None), None, (), Failure("EngineFailed", "it broke")),
)
ASKED = Asked(
    question="Who pays?",
    choices=("the cook", "the baker"),
    start=1.5,
    history=(Turn("Who?", "Who?", "Nobody.", False, spans=((1, Span(1.0, 2.0)),)),),
)
INPUTS = Inputs(
    vagent="0.1.0",
    settings={"agent": {"looks": 5}},
    prompts={"look.md": "d" * 64},
    engines={"videollm": "fake 1"},
    videos=(VideoState(id=1, fingerprint="f", path="/films/a  b.mkv", state="s"),),
    vectors={"minilm": 12},
)


def saved(folder: Path, answer: Answer = ANSWER) -> Run:
    return save(folder, ASKED, INPUTS, CALLS, answer)


def file_of(folder: Path, run: Run) -> Path:
    return folder / "runs" / f"{run.id}.json"


def rewrite(file: Path, change: Callable[[dict[str, Any]], object], *, sign: bool = True) -> None:
    """Change a saved run as somebody would who knows how its hash is made."""
    content = json.loads(file.read_text())
    change(content)
    if sign:
        content["sha256"] = digest({name: part for name, part in content.items() if name not in ("id", "sha256")})
    file.write_text(json.dumps(content))


def test_a_run_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    run = saved(tmp_path)
    assert run.answer == replace(ANSWER, run=run.id)
    assert load(tmp_path, run.id) == run
    assert load(tmp_path, run.id[:5]) == run
    assert load(tmp_path, file_of(tmp_path, run)) == run
    assert load(tmp_path, str(file_of(tmp_path, run))) == run
    assert [file.name for file in (tmp_path / "runs").iterdir()] == [f"{run.id}.json"]


def test_a_file_may_be_sent_elsewhere_and_renamed(tmp_path: Path) -> None:
    run = saved(tmp_path / "one")
    elsewhere = tmp_path / "evidence.json"
    file_of(tmp_path / "one", run).rename(elsewhere)
    assert load(tmp_path / "two", elsewhere) == run


def test_a_run_is_deleted_by_its_name_even_where_it_is_damaged(tmp_path: Path) -> None:
    first, second = saved(tmp_path), saved(tmp_path)
    file = file_of(tmp_path, second)
    file.write_text("nothing")
    assert manifest.remove(tmp_path, second.id) == second.id
    assert [head.id for head in listed(tmp_path)[0]] == [first.id] and not listed(tmp_path)[1]
    for name in (second.id, "", str(file_of(tmp_path, first)), f"../runs/{first.id}", "*"):
        with pytest.raises(SourceError):
            manifest.remove(tmp_path, name)
    assert load(tmp_path, first.id) == first


def test_the_same_answer_saved_twice_is_two_runs(tmp_path: Path) -> None:
    one, two = saved(tmp_path), saved(tmp_path)
    assert one.id != two.id
    assert [head.id for head in listed(tmp_path)[0]] == [two.id, one.id]


def test_two_runs_whose_short_names_are_the_same_have_longer_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = iter(["12345678aaaa" + "0" * 52, "12345678bbbb" + "0" * 52])
    monkeypatch.setattr(manifest, "digest", lambda _: next(names))
    one, two = saved(tmp_path), saved(tmp_path)
    assert (one.id, two.id) == ("12345678", "12345678bbbb")
    monkeypatch.undo()
    with pytest.raises(SourceError, match="several saved runs begin so: '1234'; allowed: 12345678, 12345678bbbb"):
        manifest._file(tmp_path / "runs", "1234")
    assert manifest._file(tmp_path / "runs", "12345678").name == "12345678.json"


def test_the_newest_is_listed_first_and_what_cannot_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [saved(tmp_path, replace(ANSWER, text=f"{i}\x1b[2J")) for i in range(3)]
    (tmp_path / "runs" / "abcd0000.json").write_text("{")
    (tmp_path / "runs" / "abcd1111.json").write_text('{"answer": []}')
    (tmp_path / "runs" / ".abcd2222.json.x").write_text("half a ru")
    heads, errors = listed(tmp_path)
    assert [head.id for head in heads] == [run.id for run in reversed(runs)]
    assert (heads[0].question, heads[0].answer) == ("Who pays?", "2\\x1b[2J")
    assert datetime.now(UTC) - heads[0].when < timedelta(minutes=5)
    assert sorted(str(error.value)[-13:] for error in errors) == ["abcd0000.json", "abcd1111.json"]
    assert listed(tmp_path / "none") == ([], [])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("12345678", "no saved run of that name"),
        ("xyz", "no saved run of that name"),
        ("..", "no saved run of that name"),
        ("*", "no saved run of that name"),
        ("", "no such file"),
        ("/nowhere/run.json", "no such file"),
        ("library.db", "no such file"),
    ],
)
def test_a_name_that_is_none_is_an_error(tmp_path: Path, name: str, message: str) -> None:
    saved(tmp_path)
    with pytest.raises(SourceError, match=message):
        load(tmp_path, name)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"kind": "vagent run"}', b'{"kind": "a recipe"}'],
)
def test_what_is_no_saved_run_is_an_error_in_one_line(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "run.json"
    file.write_bytes(content)
    with pytest.raises(LibraryCorruptError) as caught:
        load(tmp_path, file)
    assert "\n" not in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    run = saved(tmp_path)
    rewrite(file_of(tmp_path, run), lambda content: content.update(format=2, news=True))
    with pytest.raises(LibraryVersionError, match="format 2"):
        load(tmp_path, run.id)


def test_what_was_changed_since_is_noticed(tmp_path: Path) -> None:
    run = saved(tmp_path)
    rewrite(file_of(tmp_path, run), lambda content: content["answer"].update(text="The cook pays."), sign=False)
    with pytest.raises(LibraryCorruptError, match="not what was written"):
        load(tmp_path, run.id)


@pytest.mark.parametrize(
    "change",
    [
        lambda run: run.pop("asked"),
        lambda run: run["asked"].update(question=None),
        lambda run: run.update(extra=1),
        lambda run: run["answer"].update(citations=[{"video": "a"}]),
        lambda run: run["answer"]["citations"][0].update(kind="gossip"),
        lambda run: run["answer"]["citations"][0].update(span={"start": 5, "end": 1}),
        lambda run: run.update(calls=[{}]),
        lambda run: run.update(when="yesterday"),
        lambda run: run.update(format="new"),
        lambda run: run["inputs"].update(videos=7),
    ],
)
def test_a_part_that_is_wrong_is_an_error_in_one_line(
    tmp_path: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    run = saved(tmp_path)
    rewrite(file_of(tmp_path, run), change)
    with pytest.raises(LibraryCorruptError) as caught:
        load(tmp_path, run.id)
    assert "\n" not in str(caught.value)


def test_an_answer_from_a_stranger_cannot_steer_the_terminal(tmp_path: Path) -> None:
    run = saved(tmp_path, replace(ANSWER, text="Red.\x1b[2J\x9b31m\u202eneeds\r", choice="\x07"))
    answer = load(tmp_path, run.id).answer
    assert answer.text == "Red.\\x1b[2J\\x9b31m\\u202eneeds\\r"
    assert answer.choice == "\\x07"


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("in the way")
    with pytest.raises(StorageError, match="cannot be saved"):
        saved(tmp_path)


def test_threads_save_at_once(tmp_path: Path) -> None:
    threads = [threading.Thread(target=saved, args=(tmp_path,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    heads, errors = listed(tmp_path)
    assert (len(heads), errors) == (8, [])


SAVER = """
import sys
from pathlib import Path
from tests.agent.runs.test_manifest import saved
while True:
    print(saved(Path(sys.argv[1])).id, flush=True)
"""


def test_a_saver_that_is_killed_leaves_whole_runs_only(tmp_path: Path) -> None:
    for stop in (1, 4, 9):
        process = subprocess.Popen([sys.executable, "-c", SAVER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        names = [process.stdout.readline().strip() for _ in range(stop)]
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
        heads, errors = listed(tmp_path)
        assert errors == []
        assert set(names) <= {head.id for head in heads}
        assert all(load(tmp_path, head.id).asked == ASKED for head in heads)


def test_nothing_that_could_let_somebody_in_is_written_down() -> None:
    settings = {
        "videollm": {"endpoint": "https://me:secret@host:8000/v1?key=secret#secret", "key": "sk-secret", "model": None},
        "chat": {"key": "OPENAI_API_KEY", "endpoint": "http://[::1", "tokens": 7},
        "library": "/home/me",
    }
    assert without_secrets(settings) == {
        "videollm": {"endpoint": "https://host:8000/v1", "key": "(withheld)", "model": None},
        "chat": {"key": "OPENAI_API_KEY", "endpoint": "(withheld)", "tokens": 7},
        "library": "/home/me",
    }
