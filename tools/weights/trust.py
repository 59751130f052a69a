"""Which models may run Python code of their own: none but those that the user names one by one."""

from __future__ import annotations

from pathlib import Path

from vagent.configs import Settings
from vagent.tools.weights.catalog import hub_id


def trusts(name: str, settings: Settings) -> bool:
    """Whether a model's own code may run: the settings name that very model, as hub id, catalogue's name or folder."""
    at = hub_id(name)
    for one in settings.trust:
        other = hub_id(one)
        if at is not None and other is not None and at[0].casefold() == other[0].casefold():
            return True
        if Path(one).is_absolute() and Path(one).resolve() == Path(name).expanduser().resolve():
            return True
    return False
