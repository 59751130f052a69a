"""What is printed fits the terminal and its characters, and Ctrl-C ends whatever runs."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from tests.vagent.conftest import Outcome
from vagent import _render, _terminal
from vagent._stopping import INTERRUPTED, STOPPED
from vagent.agent.records import Answer, Citation, Searched
from vagent.cli import app
from vagent.tools.time import Span

Run = Callable[..., Outcome]

GIVEN = Answer(
    question="Who built it?",
    understood="Who built it?",
    text="At 00:00:41 the subtitles say: “The depot was built by Karl Brenner in 1908.”",
    answered=True,
    choice=None,
    confidence=0.9,
    citations=(Citation("/films/council.mp4", Span(41.0, 45.0), "subtitle", "The depot was built by Karl Brenner."),),
    searched=(Searched("/films/council.mp4", Span(0.0, 60.0), ("subtitle", "screen_text", "speech")),),
    coverage=(),
    steps=(),
    engines={},
    leads=(),
    seconds={"total": 0.5},
)


class Screen(io.StringIO):
    """Standard output of a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("columns", "widest"), [(40, 40), (80, 80), (200, 100), (5, 20)])
def test_text_is_as_wide_as_the_terminal(monkeypatch: pytest.MonkeyPatch, columns: int, widest: int) -> None:
    monkeypatch.setattr(sys, "stdout", Screen())
    monkeypatch.setattr(shutil, "get_terminal_size", lambda fallback: os.terminal_size((columns, 40)))
    assert _terminal.width() == widest
    longest_word = len("00:00:41.0")
    lines = _render.answer(GIVEN).splitlines()
    assert max(map(len, lines)) <= max(widest, 6 + longest_word)
    assert max(map(len, lines)) > widest / 2


def test_text_for_a_pipe_does_not_depend_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert _terminal.width() == 100


def test_characters_that_cannot_be_printed_are_no_error() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="latin-1")
    _terminal.printable(stream)
    stream.write("“Où?”")
    stream.flush()
    assert raw.getvalue() == b"\\u201cO\xf9?\\u201d"


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "utf-8"])
def test_json_reads_back_whatever_can_be_printed(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    _terminal.printable(stream)
    monkeypatch.setattr(sys, "stdout", stream)
    said = {"quote": "“Où?” 日本 😀"}
    stream.write(_render.as_json(said) + "\n" + _render.as_json_lines([said]))
    stream.flush()
    one, line = raw.getvalue().decode(encoding).rsplit("\n", 1)
    assert json.loads(one) == json.loads(line) == said


def test_a_search_without_words_is_a_wrong_use(run: Run) -> None:
    outcome = run("search")
    assert outcome.code == 2
    assert "say what to look for" in outcome.err


def test_a_search_for_the_name_of_a_folder_tells_that_the_library_was_searched(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    here = tmp_path_factory.mktemp("here")
    (here / "films").mkdir()
    monkeypatch.chdir(here)
    assert "the whole library was searched for 'films'" in run("search", "films").err
    assert "the whole library was searched" not in run("search", "movies").err


@pytest.mark.parametrize(
    "arguments",
    [
        ["index", "films", "--watch", "--dry-run"],
        ["index", "films", "--watch", "--retry"],
        ["list", "--problems", "--year", "1999"],
        ["replay", "--list", "--fresh"],
        ["replay", "abc", "--list"],
        ["replay", "abc", "--delete", "--fresh"],
    ],
)
def test_no_option_is_silently_left_out(run: Run, arguments: list[str]) -> None:
    outcome = run(*arguments)
    assert outcome.code == 2
    assert "Invalid value for --" in outcome.err


@pytest.mark.parametrize("command", ["index", "import-library", "search", "replay", "prune"])
def test_help_names_arguments_once(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    told = CliRunner().invoke(app, [command, "--help"]).stdout
    assert "[[" not in told
    assert "{[" not in told


def test_help_flows_over_the_lines_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert "it is left alone until it changes" in CliRunner().invoke(app, ["index", "--help"]).stdout


def test_ctrl_c_ends_a_program_that_cannot_end_itself() -> None:
    """An interrupted import holds the lock of all imports: the thread that imports waits, and we for it."""
    program = textwrap.dedent("""
        import _imp, os, signal, threading
        from vagent._stopping import end_at_last

        end_at_last(0.5)
        try:
            _imp.acquire_lock()
            os.kill(os.getpid(), signal.SIGINT)
        finally:
            thread = threading.Thread(target=lambda: __import__("colorsys"))
            thread.start()
            thread.join()
    """)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == INTERRUPTED
    assert done.stderr.endswith(f"{STOPPED}\n")


def test_ctrl_c_that_is_ignored_stays_ignored() -> None:
    program = textwrap.dedent("""
        import signal
        from vagent._stopping import end_at_last

        signal.signal(signal.SIGINT, signal.SIG_IGN)
        end_at_last(0.1)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    """)
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 0
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
