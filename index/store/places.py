"""The room of the places: where files of the library were last seen, all at once, and what changes when they move."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vagent.errors import LibraryError
from vagent.index.store import columns
from vagent.index.store.columns import shown_path, stored_path, to_json
from vagent.index.store.database import Database


@dataclass(frozen=True, slots=True)
class Place:
    """A path at which a video was seen, and the file's size and time of change (nanoseconds since 1970) then."""

    path: str
    size: int
    mtime_ns: int
    video: int


class Places(Database):
    """Paths of all videos."""

    def places(self) -> list[Place]:
        """Every path at which a video was seen."""
        sql = "SELECT path, size, mtime_ns, video FROM paths"
        return self._read(lambda row: Place(shown_path(row[0]), *row[1:]), sql)

    def drop_place(self, path: str | os.PathLike[str]) -> None:
        """Forgets that a video lay at a path. A video that goes by it goes by another path then."""
        with self.transaction():
            rows = self._rows("DELETE FROM paths WHERE path = ? RETURNING video", (stored_path(path),))
            for (video,) in rows:
                self._run(
                    "UPDATE videos SET path = coalesce((SELECT path FROM paths WHERE video = ? ORDER BY seen DESC,"
                    " rowid DESC LIMIT 1), path) WHERE id = ? AND path = ?",
                    (video, video, stored_path(path)),
                )

    def states(self, stage: str) -> dict[int, columns.StageState]:
        """How far one stage has come with every video, by video."""
        sql = "SELECT video, stage, fingerprint, status, cursor, detail FROM stages WHERE stage = ?"
        return dict(self._read(lambda row: (int(row[0]), columns.stage(row[1:])), sql, (stage,)))

    def prints_of(self, kind: str, videos: Sequence[int]) -> dict[int, bytes]:
        """The perceptual fingerprints that some videos have of one kind, by video."""
        sql = "SELECT video, data FROM prints WHERE kind = ? AND video IN (SELECT value FROM json_each(?))"
        return dict(self._rows(sql, (kind, to_json([int(video) for video in videos]))))

    def printed(self, kind: str) -> set[int]:
        """The videos that have a perceptual fingerprint of one kind."""
        return {int(video) for (video,) in self._rows("SELECT video FROM prints WHERE kind = ?", (kind,))}

    def become(self, video: int, fingerprint: str, place: Place) -> None:
        """Notes that a video's content is another now, at a path of its own; a video that had this content goes.

        Raises:
            LibraryError: a video of this content has been indexed already.
        """
        with self.transaction():
            rows = self._rows("SELECT id, complete FROM videos WHERE fingerprint = ?", (fingerprint,))
            for other, complete in rows:
                if complete:
                    raise LibraryError("the file has an index of its own", place.path, hint="nothing to take over")
                self._run("DELETE FROM videos WHERE id = ?", (other,))
            self._run("UPDATE videos SET fingerprint = ? WHERE id = ?", (fingerprint, video))

    def move_rows(self, video: int, rate: float, offset: float, duration: float) -> None:
        """Moves all that was found in a video: second ``t`` becomes second ``rate * t + offset``.

        What lies outside ``duration`` seconds then is dropped, what crosses an end is cut there. Times inside ``extra``
        stay: the caller knows what they mean.
        """
        span = {"rate": rate, "offset": offset, "duration": duration, "video": video}
        with self.transaction():
            for table in ("evidence", "clips"):
                self._move(table, span)
            # Its times are the key of this table, so that rows moved one by one would meet.
            rows = self._rows('SELECT start, "end", start_kind FROM shots WHERE video = ?', (video,))
            self._run("DELETE FROM shots WHERE video = ?", (video,))
            self._run_many(
                'INSERT INTO shots (video, start, "end", start_kind) VALUES (?, ?, ?, ?)',
                [(video, rate * start + offset, rate * end + offset, kind) for start, end, kind in rows],
            )
            self._cut("shots", span)

    def set_extra(self, evidence: int, extra: Any) -> None:
        """Replaces the ``extra`` of one row of evidence."""
        self._run("UPDATE evidence SET extra = ? WHERE id = ?", (to_json(extra), evidence))

    def _move(self, table: str, span: dict[str, float]) -> None:
        moved = f'UPDATE {table} SET start = :rate * start + :offset, "end" = :rate * "end" + :offset'
        self._run_named(f"{moved} WHERE video = :video", span)
        self._cut(table, span)

    def _cut(self, table: str, span: dict[str, float]) -> None:
        self._run_named(
            f'DELETE FROM {table} WHERE video = :video AND (start >= :duration OR "end" < 0'
            ' OR ("end" <= 0 AND start < 0))',
            span,
        )
        cut = f'UPDATE {table} SET start = max(start, 0.0), "end" = min("end", :duration) WHERE video = :video'
        self._run_named(cut, span)

    def _run_named(self, sql: str, values: dict[str, float]) -> None:
        with self._errors():
            self._handle().connection.execute(sql, values)

    def orphans(self) -> list[int]:
        """Videos that lie nowhere any more and are not known to be missing."""
        sql = "SELECT id FROM videos WHERE missing IS NULL AND id NOT IN (SELECT video FROM paths)"
        return [int(video) for (video,) in self._rows(sql)]

    def copies(self) -> dict[int, list[str]]:
        """The paths of the videos that lie at several, by video."""
        found: dict[int, list[str]] = {}
        for place in sorted(self.places(), key=lambda place: place.path):
            found.setdefault(place.video, []).append(place.path)
        return {video: paths for video, paths in found.items() if len(paths) > 1}
