"""README.md is true: the checks run the very commands it tells, and its sessions print what it shows.

A session is a fenced ``console`` block whose lines beginning with ``$ vagent`` are run in this process against a
library that holds the demo film; the lines that follow are what it must print. Seconds that depend on the machine
(``12.3 s``) may differ, and times of the film by one second.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "docs/design.md")
SLACK = 1  # seconds by which a shown time of the film may differ
CLOCK = re.compile(r"\b(\d+):(\d{2})(?::(\d{2}))?\b")
CONFIDENCE = re.compile(r"(?<=confidence )\d\.\d+")  # processors differ in the last digits
ELAPSED = re.compile(r"\b\d+(?:\.\d+)?(?= ?(?:s|seconds)\b)")


class Session(NamedTuple):
    """One command of a console block and what it prints."""

    command: str
    output: str


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def sessions(text: str) -> list[Session]:
    found = []
    for block in blocks(text, "console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append(Session(command, output.strip("\n")))
    return found


def clocks(text: str) -> list[int]:
    """Times of the film in a text, in seconds."""
    return [
        int(a) * 3600 + int(b) * 60 + int(c) if c else int(a) * 60 + int(b)
        for a, b, c in (match.groups() for match in CLOCK.finditer(text))
    ]


def same(shown: str, printed: str) -> bool:
    """Whether a session prints what is shown, but for a machine's seconds and a film's second more or less."""

    def plain(text: str) -> str:
        lines = (line.rstrip() for line in text.strip().splitlines())
        return CLOCK.sub("TIME", CONFIDENCE.sub("N", ELAPSED.sub("N", "\n".join(lines))))

    near = all(abs(a - b) <= SLACK for a, b in zip(clocks(shown), clocks(printed), strict=False))
    return plain(shown) == plain(printed) and near


README = (ROOT / "README.md").read_text(encoding="utf-8")
SESSIONS = sessions(README)


@pytest.mark.parametrize(
    ("shown", "printed", "answer"),
    [
        ("1892  [0:19-0:22]  in 3.1 s", "1892  [0:20-0:22]  in 12.75 s", True),
        ("00:01:59 x", "00:02:00 x", True),
        ("(confidence 0.85; 3 s)", "(confidence 0.84; 1 s)", True),
        ("1892  [0:19-0:22]", "1892  [0:21-0:22]", False),
        ("1892  [0:19-0:22]", "1893  [0:19-0:22]", False),
        ("1892", "1892\nmore", False),
        ("at 555 0142", "at 555 0143", False),
    ],
)
def test_the_comparison_sees_what_matters(shown: str, printed: str, answer: bool) -> None:
    assert same(shown, printed) is answer


def test_sessions_are_found() -> None:
    text = "```console\n$ vagent a\none\n\ntwo\n$ vagent b\n```\n```sh\n$ no\n```\n"
    assert sessions(text) == [Session("vagent a", "one\n\ntwo"), Session("vagent b", "")]


def test_the_checks_run_the_commands_of_the_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    run = re.findall(r"<<'COMMANDS'\n(.*?)^COMMANDS$", script, re.MULTILINE | re.DOTALL)
    told = blocks(README, "sh")[:2]
    assert "install ." in told[0] and "vagent ask examples/demo.mp4" in told[0]
    assert "install '.[dev]'" in told[1] and "python -m pytest" in told[1]
    assert run[:2] == told


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_to_files_lead_somewhere(document: str) -> None:
    file = ROOT / document
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)(?:#[^)]*)?\)", file.read_text(encoding="utf-8"))
    assert {target for target in targets if not (file.parent / target).exists()} == set()


def test_the_changelog_knows_the_version() -> None:
    import vagent

    assert f"## [{vagent.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def demo_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that holds the demo film; tests must not change it."""
    from vagent import Library

    folder = tmp_path_factory.mktemp("demo")
    with Library(folder) as library:
        (report,) = library.add(ROOT / "examples" / "demo.mp4")
    assert report.error is None
    return folder


def test_the_readme_shows_a_session() -> None:
    assert any("vagent ask" in session.command for session in SESSIONS)


@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: session.command)
def test_the_readme_shows_what_is_printed(
    session: Session, demo_library: Path, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    program, *arguments = shlex.split(session.command)
    assert program == "vagent"
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("VAGENT_LIBRARY", str(demo_library))
    monkeypatch.setenv("COLUMNS", "100")
    outcome = run(*arguments)
    assert outcome.code == 0, outcome.err
    if not same(session.output, outcome.out):
        sys.stdout.write(outcome.out)  # what the README should show
        assert outcome.out == session.output
