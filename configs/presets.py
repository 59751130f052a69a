"""The same settings with another preset: what was set by file, environment and arguments stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vagent import configs
from vagent.configs import Settings


def at_preset(settings: Settings, preset: str) -> Settings:
    """Settings that differ from their own preset in what was set differ from another preset in the same.

    Raises:
        SettingsError: no such preset.
    """
    if preset == settings.preset:
        return settings
    plain = configs.load({"preset": settings.preset}, env={})
    given = _differing(settings.model_dump(mode="json"), plain.model_dump(mode="json"))
    return configs.load({**given, "preset": preset})


def _differing(values: Mapping[str, Any], plain: Mapping[str, Any]) -> dict[str, Any]:
    """What is not as it is in the preset, by section."""
    found = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and (inner := _differing(value, plain[key])):
            found[key] = inner
        elif not isinstance(value, Mapping) and value != plain[key]:
            found[key] = value
    return found
