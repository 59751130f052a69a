"""The room of the work: how far each stage is, which runs there were, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vagent.index.store import columns
from vagent.index.store.columns import StageState, Status, now, to_json
from vagent.index.store.database import Database

_ROW = 110  # bytes that a row of evidence takes beside its texts, with its places in the indexes
_VECTOR = 90  # the same of a vector


@dataclass(frozen=True, slots=True)
class Actual:
    """What one stage of indexing one video cost.

    Attributes:
        preset: the preset it ran with, and a hash of all settings and engines that results depend on.
        machine: on what; a name that another machine of the same kind shares.
        video: row number of the video; None once it was removed.
        media_seconds: seconds of video that were worked through.
        wall, cpu: seconds of time, and of processor time; of a stage of the decode pass those of its own thread.
        bytes: what the library grew by.
        at: when, as ISO 8601; filled in when stored.
    """

    preset: str
    machine: str
    video: int | None
    stage: str
    media_seconds: float
    wall: float
    cpu: float
    bytes: int
    at: str = ""


class Progress(Database):
    """Stages, runs and what they cost."""

    def stage(self, video: int, stage: str) -> StageState | None:
        """How far a stage has come; None where it never began."""
        return self.stages(video).get(stage)

    def stages(self, video: int) -> dict[str, StageState]:
        """All stages that ever began, by name."""
        return self.stages_of([video]).get(video, {})

    def stages_of(self, videos: Sequence[int]) -> dict[int, dict[str, StageState]]:
        """The same of each of some videos; a video in which nothing ever began is left out."""
        sql = (
            "SELECT video, stage, fingerprint, status, cursor, detail FROM stages"
            " WHERE video IN (SELECT value FROM json_each(?)) ORDER BY video, stage"
        )
        found: dict[int, dict[str, StageState]] = {}
        for video, state in self._read(
            lambda r: (int(r[0]), columns.stage(r[1:])), sql, (to_json([*map(int, videos)]),)
        ):
            found.setdefault(video, {})[state.stage] = state
        return found

    def set_stage(
        self,
        video: int,
        stage: str,
        fingerprint: str,
        status: Status,
        cursor: float = 0.0,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Notes how far a stage has come."""
        self._run(
            "INSERT INTO stages (video, stage, fingerprint, status, cursor, detail, changed)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (video, stage) DO UPDATE SET fingerprint = excluded.fingerprint,"
            " status = excluded.status, cursor = excluded.cursor, detail = excluded.detail, changed = excluded.changed",
            (video, stage, fingerprint, status, cursor, to_json(detail or {}), now()),
        )

    def start_run(self, settings: Mapping[str, Any], detail: Mapping[str, Any] | None = None) -> int:
        """Notes that indexing began, with which settings; returns the number of the run."""
        sql = "INSERT INTO runs (started, status, settings, detail) VALUES (?, 'running', ?, ?)"
        return int(self._run(sql, (now(), to_json(settings), to_json(detail or {}))).lastrowid or 0)

    def finish_run(self, run: int, status: Status, detail: Mapping[str, Any] | None = None) -> None:
        """Notes how a run ended. One that never ends here was interrupted."""
        self._run(
            "UPDATE runs SET finished = ?, status = ?, detail = coalesce(?, detail) WHERE id = ?",
            (now(), status, None if detail is None else to_json(detail), run),
        )

    def add_actuals(self, actuals: Sequence[Actual]) -> None:
        """Keeps measured costs."""
        sql = (
            "INSERT INTO actuals (at, preset, machine, video, stage, media_seconds, wall, cpu, bytes)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        )
        at = now()
        rows = [
            (
                *(one.at or at, one.preset, one.machine, one.video, one.stage),
                *(one.media_seconds, one.wall, one.cpu, one.bytes),
            )
            for one in actuals
        ]
        with self.transaction():
            self._run_many(sql, rows)

    def actuals(self, machine: str | None = None, preset: str | None = None) -> list[Actual]:
        """Measured costs in the order they were stored; all, or those of one machine or one preset."""
        sql = (
            "SELECT preset, machine, video, stage, media_seconds, wall, cpu, bytes, at FROM actuals"
            " WHERE (? IS NULL OR machine = ?) AND (? IS NULL OR preset = ?) ORDER BY id"
        )
        return self._read(lambda row: Actual(*row), sql, (machine, machine, preset, preset))

    def footprint(self, video: int) -> dict[str, int]:
        """About how many bytes of the library a video's evidence takes, by kind; and its ``vectors``, of which there is
        a copy in the index of vectors."""
        text = "length(CAST(text AS BLOB)) + length(CAST(extra AS BLOB)) + 2 * length(CAST(words AS BLOB))"
        rows = self._rows(f"SELECT kind, sum({_ROW} + {text}) FROM evidence WHERE video = ? GROUP BY kind", (video,))
        sql = (
            f"SELECT sum({_VECTOR} + 2 * length(v.vector)) FROM vectors v JOIN evidence e ON e.id = v.evidence"
            " WHERE e.video = ?"
        )
        ((vectors,),) = self._rows(sql, (video,))
        return {**{kind: int(size) for kind, size in rows}, "vectors": int(vectors or 0)}
