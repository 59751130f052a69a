"""The catalogue on disk: files of columns that are never changed, and a small file of JSON that is written last.

Everything here is a cache of the database. A file is used where the JSON names it, and its length and check sum are
those that stand there; what is damaged, foreign or missing is made anew.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from vagent.index.store.catalogue import TYPES, Catalogue, Columns, Ids, Part, State, rewritten
from vagent.tools import files

_log = logging.getLogger("vagent.index.store.shelf")

_FORMAT = 1
_ORDER = sorted(TYPES, key=lambda name: -TYPES[name].itemsize)  # columns in a file: so each begins where it may
_WIDTH = sum(kind.itemsize for kind in TYPES.values())  # bytes of a row
_TAIL = 4096  # rows that are held in memory alone, at most
_RUNS = 1000  # runs of ids that have gone, at most; beyond that the parts are written anew
_GONE = 0.25  # rows of a part that have gone, beyond which it is written anew


class _Unusable(Exception):
    """What lies on disk cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class _File:
    """A file of columns: how many rows, the names of kinds by their number, and the check sum."""

    name: str
    rows: int
    kinds: Sequence[str]
    sum: str


class Shelf:
    """Where the catalogue of one library is kept: the folder ``catalogue`` beside the database."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "catalogue"
        self._manifest = self._folder / "evidence.json"
        self._files: dict[str, _File] = {}
        self._gone = 0  # ids that the files say have gone
        self._refused = False
        self._told = False

    def load(self, library: str) -> Catalogue | None:
        """What is kept of a library, as of the state in which it was; None where there is nothing that can be used.

        Args:
            library: identity of the database.
        """
        for last in (False, True):
            try:
                content = self._manifest.read_bytes()
            except FileNotFoundError:
                return None
            except OSError as error:
                self.refuse(error)
                return None
            try:
                return self._read(json.loads(content), library)
            except FileNotFoundError as error:  # maybe another process has just put others in their place
                if last:
                    self.refuse(error)
            except (_Unusable, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
                self.refuse(error)
                return None
        return None

    def refuse(self, reason: object) -> None:
        """What was loaded does not agree with the database: it is made anew, whatever it says of itself."""
        self._files, self._gone, self._refused = {}, 0, True
        _log.warning("the catalogue of evidence is not used: %s; it is made anew from the database", reason)

    def keep(self, library: str, catalogue: Catalogue) -> Catalogue:
        """The same rows, on disk where that is worth it and possible: much is new, or more has gone."""
        catalogue = _without_much_gone(catalogue).joined(_TAIL)
        used = {part.file for part in catalogue.parts if part.file is not None}
        written = all(part.file is not None for part in _settled(catalogue.parts))
        if written and used == set(self._files) and len(_gone(_on_disk(catalogue))) == self._gone:
            return catalogue
        try:
            self._folder.mkdir(exist_ok=True)
            with alone(self._manifest) as free:
                if free and not self._outdone(library, catalogue):
                    catalogue = self._written(library, catalogue)
        except OSError as error:
            if not self._told:
                self._told = True
                _log.info("the catalogue cannot be kept in %s, it is made anew each time (%s)", self._folder, error)
        return catalogue

    def _read(self, found: Any, library: str) -> Catalogue:
        if not isinstance(found, dict) or found.get("format") != _FORMAT:
            raise _Unusable("it has another format")
        if found["library"] != library:
            raise _Unusable("it belongs to another library")
        described = [_File(**one) for one in found["parts"]]
        state = State(int(found["last"]), bytes.fromhex(found["counts"]))
        catalogue = Catalogue(state, tuple(self._part(one) for one in described)).without(_unrolled(found["gone"]))
        self._files, self._gone = {one.name: one for one in described}, len(_gone(catalogue))
        return catalogue

    def _part(self, described: _File) -> Part:
        import xxhash

        if Path(described.name).name != described.name:
            raise _Unusable("the name of a file is no name")
        file, rows = self._folder / described.name, int(described.rows)
        if rows < 1 or file.stat().st_size != rows * _WIDTH:
            raise _Unusable(f"{file.name} has {file.stat().st_size} bytes, not {rows * _WIDTH}")
        content: NDArray[np.uint8] = np.memmap(file, np.uint8, "r")
        if xxhash.xxh3_64_hexdigest(content.data) != described.sum:
            raise _Unusable(f"{file.name} is damaged")
        columns, at = {}, 0
        for name in _ORDER:
            kind = TYPES[name]
            size = rows * kind.itemsize
            # Plain arrays over the same memory: those of numpy's own class for files are slower to work with.
            columns[name] = np.asarray(content)[at : at + size].view(kind)
            at += size
        return Part(Columns(**columns), tuple(map(str, described.kinds)), None, described.name)

    def _written(self, library: str, catalogue: Catalogue) -> Catalogue:
        parts, described = [*catalogue.parts], {}
        for place, part in enumerate(_settled(parts)):
            # Another process that did not know of a file may have removed it.
            if part.file is None or not (self._folder / part.file).exists():
                one = self._write(rewritten(part))
                parts[place] = self._part(one)
            else:
                one = self._files[part.file]
            described[one.name] = one
        catalogue = replace(catalogue, parts=tuple(parts))
        gone = _gone(_on_disk(catalogue))
        found = {
            "format": _FORMAT,
            "library": library,
            "last": catalogue.state.last,
            "counts": catalogue.state.counts.hex(),
            "parts": [asdict(one) for one in described.values()],
            "gone": _runs(gone),
        }
        files.replace(self._manifest, json.dumps(found, indent=1).encode())
        self._files, self._gone, self._refused = described, len(gone), False
        self._sweep()
        return catalogue

    def _write(self, part: Part) -> _File:
        import xxhash

        content = b"".join(getattr(part.columns, name).tobytes() for name in _ORDER)
        name = f"evidence.{uuid.uuid4().hex[:12]}.columns"
        files.replace(self._folder / name, content)
        return _File(name, len(part.columns.ids), list(part.names), xxhash.xxh3_64_hexdigest(content))

    def _outdone(self, library: str, catalogue: Catalogue) -> bool:
        """Whether what lies there, written by another process, holds more."""
        if self._refused:
            return False
        try:
            found: Mapping[str, Any] = json.loads(self._manifest.read_bytes())
            same = found["format"] == _FORMAT and found["library"] == library
            return bool(same and int(found["last"]) > catalogue.state.last)
        except (OSError, ValueError, TypeError, KeyError):
            return False

    def _sweep(self) -> None:
        """Removes files that are used no longer; a process that has one open goes on with it."""
        for file in self._folder.glob("evidence.*.columns"):
            if file.name not in self._files:
                file.unlink(missing_ok=True)


@contextmanager
def alone(manifest: Path) -> Iterator[bool]:
    """Whether no other process writes the files that a manifest names; none begins to while the block runs.

    Raises:
        OSError: the folder cannot be written.
    """
    lock = FileLock(manifest.with_suffix(".lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _without_much_gone(catalogue: Catalogue) -> Catalogue:
    many = len(_runs(_gone(catalogue))) > _RUNS
    parts = [
        rewritten(part) if part.gone is not None and (many or part.gone.mean() > _GONE) else part
        for part in catalogue.parts
        if len(part)
    ]
    return replace(catalogue, parts=tuple(parts))


def _settled(parts: Sequence[Part]) -> Sequence[Part]:
    """The parts that belong on disk: all but what has come lately, while it is little."""
    return parts[:-1] if parts and parts[-1].file is None and len(parts[-1]) < _TAIL else parts


def _on_disk(catalogue: Catalogue) -> Catalogue:
    return replace(catalogue, parts=tuple(part for part in catalogue.parts if part.file is not None))


def _gone(catalogue: Catalogue) -> Ids:
    gone = [part.columns.ids[part.gone] for part in catalogue.parts if part.gone is not None]
    return np.concatenate([np.empty(0, np.int64), *gone])


def _runs(ids: Ids) -> list[list[int]]:
    """Ascending ids as runs: the first and the last of each."""
    if not len(ids):
        return []
    edges = np.flatnonzero(np.diff(ids) != 1)
    firsts, lasts = ids[np.concatenate([[0], edges + 1])], ids[np.concatenate([edges, [len(ids) - 1]])]
    return np.stack([firsts, lasts], axis=1).tolist()  # type: ignore[no-any-return]


def _unrolled(runs: Sequence[Sequence[int]]) -> Ids:
    return np.concatenate(
        [np.empty(0, np.int64), *(np.arange(first, last + 1, dtype=np.int64) for first, last in runs)]
    )
