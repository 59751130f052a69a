"""Files that cannot be indexed: which are left alone, and until when.

What lies in the file itself (it does not decode, it crashes the decoder, it never ends) is left alone until the file or
vagent changes. What an engine did to it is tried in three runs, since the engine may have been at fault. What the
surroundings did (no permission, a setting that does not fit) is tried each time: it costs nothing, and the file does
not change when it is put right.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from vagent.errors import EngineError, LibraryError, MediaError, SourceError, VagentError
from vagent.index.batch.settling import Look
from vagent.index.store import Problem, Store

_ENGINE_TRIES = 3
_OF_THE_FILE = frozenset({"probe", "subtitles", "scan", "crash", "hang"})


def known(store: Store, file: Path | str, seen: Look) -> Problem | None:
    """Why a file is left alone; None where it is to be tried."""
    problem = store.problem(_key(file))
    if problem is None or problem.version != version("vagent"):
        return None
    if (problem.size, problem.mtime_ns) != (seen.size, seen.mtime_ns):
        return None
    lasting = problem.stage in _OF_THE_FILE or (problem.stage == "engine" and problem.tries >= _ENGINE_TRIES)
    return problem if lasting else None


def record(store: Store, file: Path | str, seen: Look, stage: str, reason: str, tries: int = 1) -> bool:
    """Note a problem of a file.

    Args:
        stage: as ``stage_of`` names it, or ``crash`` or ``hang``.

    Returns:
        Whether the file is left alone from now on.
    """
    path = _key(file)
    before = store.problem(path)
    if before is not None and (before.size, before.mtime_ns) != (seen.size, seen.mtime_ns):
        store.remove_problem(path)  # another file now: what was known of the old one is not its
    store.add_problem(Problem(path, seen.size, seen.mtime_ns, stage, reason, version("vagent"), tries))
    return known(store, file, seen) is not None


def clear(store: Store, files: Iterable[Path | str]) -> None:
    """Nothing is wrong with some files any more."""
    known = {problem.path for problem in store.problems()}
    for path in known & {_key(file) for file in files} if known else ():
        store.remove_problem(path)


def stage_of(error: VagentError, phase: str) -> str:
    """Where a problem belongs: the phase that failed where the file is at fault, else whose fault it is."""
    if isinstance(error, MediaError):
        return phase
    if isinstance(error, EngineError):
        return "engine"
    if isinstance(error, LibraryError):
        return "library"
    return "open" if isinstance(error, SourceError) else "settings"


def _key(file: Path | str) -> str:
    """The path itself, links not followed: a broken link has a problem of its own. A text is a URL, or such a key."""
    return file if isinstance(file, str) else str(file.absolute())
