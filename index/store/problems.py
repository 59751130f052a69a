"""The room of the quarantine: files that cannot be indexed, and why."""

from __future__ import annotations

import os
from dataclasses import dataclass

from vagent.index.store.columns import now, shown_path, stored_path
from vagent.index.store.database import Database


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that could not be indexed.

    Attributes:
        size, mtime_ns: of the file when it was tried; it is tried again when they change.
        stage: where it failed: ``probe``, ``scan``, ``crash`` ...
        reason: in words.
        version: of vagent, whose next version tries again.
        tries: how often it has been tried.
        first_seen, last_seen: ISO 8601.
    """

    path: str
    size: int
    mtime_ns: int
    stage: str
    reason: str
    version: str
    tries: int = 1
    first_seen: str = ""
    last_seen: str = ""


class Problems(Database):
    """Files in quarantine."""

    def problem(self, path: str | os.PathLike[str]) -> Problem | None:
        """What is wrong with the file at a path; None where nothing is known."""
        return next(iter(self._problems("WHERE path = ?", stored_path(path))), None)

    def problems(self) -> list[Problem]:
        """All files in quarantine, by path."""
        return sorted(self._problems(""), key=lambda problem: problem.path)

    def add_problem(self, problem: Problem) -> None:
        """Puts a file into quarantine; of one that is there the tries are counted on, and what is known is renewed."""
        at = now()
        self._run(
            "INSERT INTO problems (path, size, mtime_ns, stage, reason, version, tries, first_seen, last_seen)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET size = excluded.size,"
            " mtime_ns = excluded.mtime_ns, stage = excluded.stage, reason = excluded.reason,"
            " version = excluded.version, tries = tries + excluded.tries, last_seen = excluded.last_seen",
            (
                *(stored_path(problem.path), problem.size, problem.mtime_ns, problem.stage, problem.reason),
                *(problem.version, problem.tries, problem.first_seen or at, problem.last_seen or at),
            ),
        )

    def remove_problem(self, path: str | os.PathLike[str]) -> None:
        """Lets a file out of quarantine."""
        self._run("DELETE FROM problems WHERE path = ?", (stored_path(path),))

    def _problems(self, where: str, *values: object) -> list[Problem]:
        sql = f"SELECT path, size, mtime_ns, stage, reason, version, tries, first_seen, last_seen FROM problems {where}"
        return self._read(lambda row: Problem(shown_path(row[0]), *row[1:]), sql, values)
