from __future__ import annotations

import sys

import pytest

from vagent import Progress, _progress


class Terminal:
    """Takes what is written, and says that it is a terminal."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None: ...

    def isatty(self) -> bool:
        return True


def test_without_a_terminal_lines_are_plain(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 1.0, 20.0, 21.0])
    monkeypatch.setattr(_progress.time, "monotonic", lambda: next(clock))
    with _progress.bar() as told:
        assert told is not None
        told(Progress("/films/a\x1b[31m.mp4", "subtitles", 0.0, 100.0))
        told(Progress("/films/a\x1b[31m.mp4", "scan", 5.0, 100.0))
        told(Progress("/films/a\x1b[31m.mp4", "scan", 50.0, 100.0))
        told(Progress("/films/a\x1b[31m.mp4", "scan", 55.0, 100.0))
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "indexing a\\x1b[31m.mp4 (00:01:40)",
        "  watching and listening: 00:00:50, about 00:00:20 left",
    ]


def test_on_a_terminal_there_is_a_bar_with_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with _progress.bar() as told:
        assert told is not None
        told(Progress("/films/a.mp4", "scan", 25.0, 100.0))
        told(Progress("/films/b.mp4", "scan", 1.0, None))
    assert "b.mp4" in terminal.text
    assert "left" in terminal.text


def test_nothing_is_shown_to_programs(capsys: pytest.CaptureFixture[str]) -> None:
    with _progress.bar(enabled=False) as told:
        assert told is None
    assert capsys.readouterr() == ("", "")
