"""What was measured and foretold, kept beside the library so that it need not be measured again.

It is a cache: deleted or damaged, it costs a few seconds.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vagent.tools.files import replace

_log = logging.getLogger("vagent.index.estimates.memory")

_FORMAT = 1
_KEPT = 12  # calibrations that are kept, the latest


class Memory:
    """The file of one library."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "estimates.json"
        self._values = self._read()

    def calibration(self, preset: str, machine: str, files: str | None = None) -> Any | None:
        """What was last measured for a preset on a machine; with ``files``, only on just these."""
        found = self._values["calibrations"].get(f"{preset}, {machine}")
        return found["measured"] if found and files in (None, found["files"]) else None

    def foretold(self, preset: str) -> Mapping[str, Any] | None:
        """What was last foretold for a preset."""
        found: Mapping[str, Any] | None = self._values["foretold"].get(preset)
        return found

    def note(
        self, preset: str, machine: str, files: str, measured: Mapping[str, Any], foretold: Mapping[str, Any] | None
    ) -> None:
        """Keep what was measured and foretold, where the folder can be written; None: nothing that a run is held to."""
        kept = self._values["calibrations"]
        kept.pop(f"{preset}, {machine}", None)
        kept[f"{preset}, {machine}"] = {"files": files, "measured": measured}
        self._values["calibrations"] = dict(list(kept.items())[-_KEPT:])
        if foretold is not None:
            self._values["foretold"][preset] = foretold
        self._values["foretold"] = dict(list(self._values["foretold"].items())[-_KEPT:])
        try:
            replace(self._file, json.dumps({"format": _FORMAT, **self._values}).encode())
        except OSError as error:
            _log.info("what was measured is not kept: %s", error)

    def _read(self) -> dict[str, Any]:
        empty: dict[str, Any] = {"calibrations": {}, "foretold": {}}
        try:
            found = json.loads(self._file.read_text(encoding="utf-8"))
            if found.get("format") == _FORMAT:
                return {name: dict(found[name]) for name in empty}
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            _log.info("%s is not used: %s", self._file, error)
        return empty
