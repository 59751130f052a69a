"""docs/engines.md says what is so: its settings exist with these defaults, its engine runs, its files are there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.openai_server import plain
from vagent import configs
from vagent.tools import engines
from vagent.tools.engines import SENSES

PAGE = Path(__file__).parents[2] / "docs" / "engines.md"
TEXT = PAGE.read_text(encoding="utf-8")
DEFAULTS: dict[str, Any] = yaml.safe_load(configs.default_text())


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.M | re.S)


def test_every_setting_it_names_is_one() -> None:
    named = set(re.findall(r"`([a-z]+)\.([a-z_]+)`", TEXT))
    assert {key for section, key in named if section == "videollm"} >= {"endpoint", "model", "key", "send"}
    unknown = {(s, k) for s, k in named if s in DEFAULTS and k not in DEFAULTS[s]}
    assert unknown == set()


ROWS = re.findall(r"^\| `(videollm|chat)\.([a-z]+)` \| (.+?) \|", TEXT, re.M)


def test_every_setting_of_a_chat_model_is_listed() -> None:
    assert {key for section, key, _ in ROWS if section == "chat"} == {*DEFAULTS["chat"]}


@pytest.mark.parametrize(("section", "key", "default"), ROWS)
def test_defaults_are_the_settings_own(section: str, key: str, default: str) -> None:
    value = DEFAULTS[section][key]
    assert default.strip("`") == str(value) if value is not None else default in ("none", "the only one")


def test_every_sense_is_listed() -> None:
    assert re.findall(r"^\| `([a-z]+)` \| [a-z]", TEXT, re.M)[: len(SENSES)] == list(SENSES)


def test_the_settings_file_is_one() -> None:
    for block in blocks("yaml"):
        configs.load(yaml.safe_load(block), env={})


def test_environment_variables_are_settings() -> None:
    known = {f"VAGENT_{s}_{k}".upper() for s, v in DEFAULTS.items() if isinstance(v, dict) for k in v}
    known |= {f"VAGENT_{key}".upper() for key in DEFAULTS}
    known |= {"VAGENT_PROCESS_COMMAND", "VAGENT_PROCESS_LOADING"}
    assert set(re.findall(r"VAGENT_[A-Z_]+", TEXT)) <= known


def test_the_engine_it_shows_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    space: dict[str, Any] = {}
    exec(compile(blocks("python")[0], str(PAGE), "exec"), space)
    engine = space["Brightness"]
    monkeypatch.setattr(engines, "_load", lambda sense, name: engine)
    monkeypatch.setattr(engines, "_table", lambda sense: {"brightness": ""})
    settings = configs.load({"engines": {"videollm": "brightness"}}, env={})
    choice, made = engines.Engines(settings).get("videollm")
    assert (choice.name, made.revision) == ("brightness", "brightness 1.0")
    frames = [(0.5, plain("black")), (61.0, plain("white"))]
    assert made.answer(frames, "?") == "dark at 00:00:00.5, light at 00:01:01.0"
    assert made.caption([frames[:1]], ["?"]) == ["dark at 00:00:00.5"]


def test_the_recipe_it_shows_is_python() -> None:
    compile(blocks("python")[1], str(PAGE), "exec")


def test_what_it_points_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", TEXT):
        assert (PAGE.parent / target).exists(), target
    headings = {re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.+)$", TEXT, re.M)}
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= headings
    for file in re.findall(r"^\| `((?:workers/)?[a-z0-9_]+\.py)` \|", TEXT, re.M):
        assert (PAGE.parents[1] / "examples" / "engines" / "process" / file).is_file(), file
