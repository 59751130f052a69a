"""docs/json.md names each key that a command prints, and no other at the top."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.vagent.conftest import Outcome

Run = Callable[..., Outcome]
TOLD = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
MAYBE = {"understood", "coverage", "run", "notices"}


def keys(section: str) -> set[str]:
    """The keys in the table of a section."""
    body = TOLD.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in body.splitlines() if line.startswith("| `")]
    return {key for row in rows for key in re.findall(r"`(\w+)`", row)}


@pytest.mark.parametrize(
    ("section", "arguments"),
    [
        ("ask", ["ask", "Who forgot the umbrella?"]),
        ("search", ["search", "umbrella"]),
        ("list and show", ["list"]),
    ],
)
def test_each_key_is_told(run: Run, indexed: Path, section: str, arguments: list[str]) -> None:
    printed = set(json.loads(run(*arguments, "--json", "--library", str(indexed)).out))
    assert printed <= keys(section)
    assert keys(section) - printed <= MAYBE


def test_each_key_of_a_report_is_told(run: Run, film: Path, tmp_path: Path) -> None:
    printed = set(json.loads(run("index", str(film), "--json", "--library", str(tmp_path)).out))
    assert printed == keys("index")


def test_each_key_of_show_is_told(run: Run, indexed: Path, film: Path) -> None:
    printed = set(json.loads(run("show", str(film), "--json", "--library", str(indexed)).out))
    section = TOLD.partition("\n## list and show\n")[2]
    assert printed <= set(re.findall(r"`(\w+)`", section))
