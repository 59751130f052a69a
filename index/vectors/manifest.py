"""What the files of vectors hold: a small file of JSON beside them, which is written last."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from vagent.index.store import VectorState
from vagent.tools.files import replace

FORMAT = 2


class OtherFormat(ValueError):
    """The file was written by an older or a newer vagent."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """Which files there are, and which state of the database they hold.

    Attributes:
        added, removed: vectors that had ever come and gone when the files were written.
        last: the highest row number in them.
        count: vectors in them, those that have been removed since they were written included.
        probes, trained: see ``Lists``.
        segments: the files' names, the oldest vectors first.
    """

    format: int
    library: str
    model: str
    dimension: int
    added: int
    removed: int
    last: int
    count: int
    probes: int
    trained: int
    segments: Sequence[str]

    @classmethod
    def read(cls, file: Path) -> Self:
        """What stands in a file.

        Raises:
            OtherFormat: it is one of another vagent.
            OSError, ValueError, TypeError: there is none, or it is no such file.
        """
        found = json.loads(file.read_bytes())
        if isinstance(found, dict) and found.get("format", FORMAT) != FORMAT:
            raise OtherFormat
        manifest = cls(**found)
        if not all(isinstance(name, str) and Path(name).name == name for name in manifest.segments):
            raise ValueError("the names of its files are no names")
        return manifest

    def write(self, file: Path) -> None:
        """Puts it in its place.

        Raises:
            OSError: the folder cannot be written.
        """
        replace(file, json.dumps(asdict(self), indent=1).encode())

    def disagreement(self, state: VectorState) -> str:
        """Why the files cannot serve for this state of the database; empty where they can, if need be with additions.

        What has been removed since is no reason: it is passed over.
        """
        checks = [
            ("it belongs to another library", self.library == state.library),
            ("it holds another model's vectors", self.model == state.model),
            ("its vectors have another length", self.dimension == state.dimension),
            ("it is newer than the database", self.added <= state.added and self.removed <= state.removed),
        ]
        return next((reason for reason, holds in checks if not holds), "")
