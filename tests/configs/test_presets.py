"""The same settings with another preset."""

from __future__ import annotations

from pathlib import Path

import pytest

from vagent import configs
from vagent.configs.presets import at_preset
from vagent.errors import SettingsError


def test_what_was_set_stays_and_the_rest_is_the_presets() -> None:
    given = {"preset": "quick", "engines": {"speech": "off"}, "text": {"detect_side": 512}, "threads": 3}
    found = at_preset(configs.load(given, env={}), "deep")
    assert found == configs.load({**given, "preset": "deep"}, env={})
    assert (found.engines.objects, found.engines.speech, found.text.detect_side) == ("auto", "off", 512)
    assert found.captions.use and found.threads == 3


@pytest.mark.parametrize("preset", configs.PRESETS)
def test_there_and_back_again(preset: str) -> None:
    settings = configs.load({"media": {"sample_fps": 3.0}}, env={})
    assert at_preset(at_preset(settings, preset), "standard") == settings


def test_the_users_file_counts_whatever_the_preset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("media:\n  sample_fps: 1.0\n", encoding="utf-8")  # what standard has, and quick has not
    monkeypatch.setenv("VAGENT_CONFIG", str(file))
    assert at_preset(configs.load({"preset": "standard"}), "quick").media.sample_fps == 1.0


def test_a_preset_that_does_not_exist() -> None:
    with pytest.raises(SettingsError, match="unknown preset"):
        at_preset(configs.load({}, env={}), "slow")
