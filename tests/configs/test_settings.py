from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from vagent import configs
from vagent.errors import SettingsError


def test_the_defaults_are_valid_and_complete() -> None:
    settings = configs.load(env={})
    assert settings.preset == "standard"
    assert settings.model_dump(mode="json") == yaml.safe_load(configs.default_text())


@pytest.mark.parametrize("preset", configs.PRESETS)
def test_every_preset_loads(preset: str) -> None:
    assert configs.load({"preset": preset}, env={}).preset == preset


def test_the_strongest_source_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "config.yaml"
    monkeypatch.setenv("VAGENT_CONFIG", str(file))
    env = {"VAGENT_TEXT_DETECT_SIDE": "111", "VAGENT_PRESET": "quick", "VAGENT_OFFLINE": "true"}
    assert configs.load(env={}).media.sample_fps == 1.0
    assert configs.load(env={"VAGENT_PRESET": "quick"}).media.sample_fps == 0.5
    assert configs.load(env=env).text.detect_side == 111
    assert configs.load(env=env).offline is True
    file.write_text("text:\n  detect_side: 222\npreset: deep\n", encoding="utf-8")
    assert configs.load(env=env).text.detect_side == 222
    assert configs.load(env=env).media.sample_fps == 2.0
    assert configs.load({"text": {"detect_side": 333}}, env=env).text.detect_side == 333
    assert configs.load({"text": {"detect_side": None}, "preset": None}, env=env).text.detect_side == 222


def test_a_sense_is_off_however_yaml_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert configs.load(env={"VAGENT_ENGINES_TEXT": "off"}).engines.text == "off"
    file = tmp_path / "config.yaml"
    file.write_text("engines:\n  videollm: off\n", encoding="utf-8")
    monkeypatch.setenv("VAGENT_CONFIG", str(file))
    assert configs.load(env={}).engines.videollm == "off"


def test_the_library_is_where_it_was_asked_for(tmp_path: Path) -> None:
    assert configs.load({"library": str(tmp_path)}, env={"VAGENT_LIBRARY": "/elsewhere"}).library_dir == tmp_path
    assert configs.load(env={"VAGENT_LIBRARY": "/else: where"}).library_dir == Path("/else: where")
    assert configs.load(env={}).library_dir.name == "library"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"preset": "fast"}, "unknown preset: 'fast'; allowed: quick, standard, deep"),
        ({"colour": 1}, "unknown setting in the arguments: 'colour'"),
        ({"text": {"size": 1}}, "'text.size'; allowed: change, detect_side, every, languages, min_confidence, model"),
        ({"text": 5}, "allowed: a section with keys"),
        ({"offline": {"a": 1}}, "allowed: one value"),
        ({"text": {"min_confidence": 2}}, "setting text.min_confidence is not valid: 2"),
        ({"media": {"decode": "some"}}, "setting media.decode is not valid: 'some'"),
    ],
)
def test_what_is_wrong_is_named(given: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError) as error:
        configs.load(given, env={})
    assert message in str(error.value)


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "text: {colour: 1}"])
def test_a_bad_file_is_named(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    monkeypatch.setenv("VAGENT_CONFIG", str(file))
    with pytest.raises(SettingsError, match=r"mine\.yaml"):
        configs.load(env={})


def test_every_setting_is_explained() -> None:
    lines = configs.default_text().splitlines()
    assert all("#" in line for line in lines if line.strip() and not line.rstrip().endswith(":"))


@pytest.mark.parametrize("written", ["no", "off", "on", "yes", "y"])
def test_a_word_is_not_taken_for_a_boolean(written: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert configs.load(env={"VAGENT_SPEECH_LANGUAGE": written}).speech.language == written
    file = tmp_path / "config.yaml"
    file.write_text(f"speech: {{language: {written}}}\noffline: yes\n", encoding="utf-8")
    monkeypatch.setenv("VAGENT_CONFIG", str(file))
    settings = configs.load(env={"VAGENT_CAPTIONS_USE": "on", "VAGENT_SUBTITLES_USE": "false"})
    assert settings.speech.language == written
    assert settings.offline is settings.captions.use is True
    assert settings.subtitles.use is False
