"""The room of the videos: what they are, where they lie, and whether they still do."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from vagent.errors import LibraryError
from vagent.index.records import Film, Kind, Video
from vagent.index.store import columns
from vagent.index.store.columns import now, shown_path, stored_path, to_json
from vagent.index.store.database import Database
from vagent.index.words import clean
from vagent.tools.time import Span

_VIDEO = "SELECT id, fingerprint, path, duration, info, gaps, complete, missing, title, year, language FROM videos"


class Videos(Database):
    """Videos and their paths."""

    def videos(self) -> list[Video]:
        """All videos, in the order they were added."""
        return self._read(columns.video, f"{_VIDEO} ORDER BY id")

    def films(self) -> list[Film]:
        """What all videos are chosen by, in the order they were added."""
        sql = "SELECT id, path, duration, title, year, language FROM videos ORDER BY id"
        return self._read(columns.film, sql)

    def video(self, video: int) -> Video:
        """One video.

        Raises:
            LibraryError: no such video.
        """
        found = self._read(columns.video, f"{_VIDEO} WHERE id = ?", (video,))
        if not found:
            raise LibraryError("no such video in the library", video, hint="`vagent list` shows what there is")
        return found[0]

    def some_videos(self, videos: Sequence[int]) -> dict[int, Video]:
        """Those of some videos that are there, by row number."""
        found = self._read(columns.video, f"{_VIDEO} WHERE id IN (SELECT value FROM json_each(?))", (_numbers(videos),))
        return {video.id: video for video in found}

    def video_numbers(self) -> list[int]:
        """The row numbers of all videos, ascending."""
        return [number for (number,) in self._rows("SELECT id FROM videos ORDER BY id")]

    def videos_with(self, kind: Kind, videos: Sequence[int]) -> set[int]:
        """Those of some videos that have evidence of a kind."""
        sql = (
            "SELECT value FROM json_each(?) WHERE EXISTS"
            " (SELECT 1 FROM evidence e WHERE e.video = value AND e.kind = ? LIMIT 1)"
        )
        return {number for (number,) in self._rows(sql, (_numbers(videos), kind))}

    def by_fingerprint(self, fingerprint: str) -> Video | None:
        """The video with this content."""
        return next(iter(self._read(columns.video, f"{_VIDEO} WHERE fingerprint = ?", (fingerprint,))), None)

    def by_path(self, path: str | os.PathLike[str], size: int, mtime_ns: int) -> Video | None:
        """The video that was seen at this path when the file had this size and time of change."""
        sql = f"{_VIDEO} WHERE id = (SELECT video FROM paths WHERE path = ? AND size = ? AND mtime_ns = ?)"
        return next(iter(self._read(columns.video, sql, (stored_path(path), size, mtime_ns))), None)

    def add_video(
        self,
        fingerprint: str,
        path: str | os.PathLike[str],
        size: int,
        mtime_ns: int,
        duration: float,
        info: Mapping[str, Any],
    ) -> Video:
        """A new video, or the one already there with this content, seen at ``path``."""
        with self.transaction():
            self._run(
                "INSERT INTO videos (fingerprint, path, duration, info) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (fingerprint) DO NOTHING",
                (fingerprint, stored_path(path), duration, to_json(info)),
            )
            ((video,),) = self._rows("SELECT id FROM videos WHERE fingerprint = ?", (fingerprint,))
            self.see_path(video, path, size, mtime_ns)
            return self.video(video)

    def see_path(self, video: int, path: str | os.PathLike[str], size: int, mtime_ns: int) -> None:
        """Notes that the video lies at ``path`` now; another video that did no longer does."""
        with self.transaction():
            self._run(
                "INSERT INTO paths (path, video, size, mtime_ns) VALUES (?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET"
                " video = excluded.video, size = excluded.size, mtime_ns = excluded.mtime_ns,"
                " seen = strftime('%Y-%m-%dT%H:%M:%SZ', 'now')",
                (stored_path(path), video, size, mtime_ns),
            )
            self._run("UPDATE videos SET path = ?, missing = NULL WHERE id = ?", (stored_path(path), video))

    def paths(self, video: int) -> list[str]:
        """Every path at which the video has been seen, the latest first."""
        sql = "SELECT path FROM paths WHERE video = ? ORDER BY seen DESC, rowid DESC"
        return self._read(lambda row: shown_path(row[0]), sql, (video,))

    def update_video(
        self,
        video: int,
        *,
        duration: float | None = None,
        info: Mapping[str, Any] | None = None,
        gaps: Sequence[Span] | None = None,
        complete: bool | None = None,
        title: str | None = None,
        year: int | None = None,
        language: str | None = None,
    ) -> None:
        """Changes what is given and leaves the rest."""
        values = {
            "duration": duration,
            "info": None if info is None else to_json(info),
            "gaps": None if gaps is None else to_json([[gap.start, gap.end] for gap in gaps]),
            "complete": complete,
            "title": title,
            "year": year,
            "language": language,
        }
        given = {column: value for column, value in values.items() if value is not None}
        if given:
            columns = ", ".join(f"{column} = ?" for column in given)
            self._run(f"UPDATE videos SET {columns} WHERE id = ?", (*given.values(), video))

    def name_video(self, video: int, title: str | None, year: int | None, language: str | None) -> None:
        """Notes what a film is called, when it was made and what is spoken in it; None: not known."""
        self._run(
            "UPDATE videos SET title = ?, year = ?, language = ? WHERE id = ?",
            (None if title is None else clean(title), year, language, video),
        )

    def mark_missing(self, videos: Sequence[int], *, missing: bool = True) -> None:
        """Notes that the files of some videos are gone since now, or that they are there again.

        One that was missing before keeps the time when that was first seen.
        """
        when = "coalesce(missing, ?)" if missing else "nullif(?, ?)"
        values = (now(),) if missing else (None, None)
        sql = f"UPDATE videos SET missing = {when} WHERE id IN (SELECT value FROM json_each(?))"
        self._run(sql, (*values, _numbers(videos)))

    def remove_video(self, video: int) -> None:
        """Forgets a video and everything found in it; the file itself is not touched."""
        self._run("DELETE FROM videos WHERE id = ?", (video,))

    def put_print(self, video: int, kind: str, data: bytes) -> None:
        """Stores a perceptual fingerprint of a video, in the place of the one of this kind that was there."""
        self._run("INSERT OR REPLACE INTO prints (video, kind, data) VALUES (?, ?, ?)", (video, kind, data))

    def prints(self, kind: str) -> dict[int, bytes]:
        """The perceptual fingerprints of one kind, by video."""
        return dict(self._rows("SELECT video, data FROM prints WHERE kind = ? ORDER BY video", (kind,)))


def _numbers(videos: Sequence[int]) -> str:
    return to_json([int(video) for video in videos])
