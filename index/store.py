"""The library's database: videos, what the senses found in them, and how far indexing has come.

A ``Store`` may be used from several threads and processes. Every method is one transaction by itself and joins the
caller's inside ``with store.transaction()``. Times are seconds from the video's start; ids are never used twice.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vagent.errors import LibraryError
from vagent.index import columns
from vagent.index.columns import StageState, Status, now, shown_path, stored_path, to_json
from vagent.index.database import Database
from vagent.index.records import Clip, Evidence, Kind, Shot, Video
from vagent.index.words import clean, searchable
from vagent.tools.time import Span

__all__ = ["Filters", "Ids", "StageState", "Status", "Store", "VectorState", "Vectors"]

Ids = NDArray[np.int64]
Vectors = NDArray[np.float32]

_VIDEO = "SELECT id, fingerprint, path, duration, info, gaps, complete FROM videos"
_EVIDENCE = 'SELECT e.video, e.start, e."end", e.kind, e.text, e.confidence, e.weak, e.engine, e.extra, e.id'
_BATCH = 4096  # vectors read at once


@dataclass(frozen=True, slots=True)
class Filters:
    """Which evidence a search may use; None means any.

    Attributes:
        videos, kinds: only these.
        start, end: only what overlaps this stretch of its video, in seconds; nothing that begins at ``end`` or later.
        language: only rows whose ``extra`` records this language.
        weak: False leaves out weak evidence.
    """

    videos: Sequence[int] | None = None
    kinds: Sequence[Kind] | None = None
    start: float | None = None
    end: float | None = None
    language: str | None = None
    weak: bool | None = None

    @property
    def empty(self) -> bool:
        """True where nothing is filtered out."""
        return self == Filters()


@dataclass(frozen=True, slots=True)
class VectorState:
    """What a cache of a model's vectors compares itself with.

    Attributes:
        library: identity of the database; a new library in the same folder has another.
        added, removed: vectors that ever came and went.
        last: highest row number of a vector, which is never given again.
    """

    library: str
    model: str
    dimension: int
    added: int
    removed: int
    last: int

    @property
    def count(self) -> int:
        """Vectors there now."""
        return self.added - self.removed


class Store(Database):
    """The library in a folder; see ``Database`` for how it is opened."""

    # ------------------------------------------------------------------ videos

    def videos(self) -> list[Video]:
        """All videos, in the order they were added."""
        return self._read(columns.video, f"{_VIDEO} ORDER BY id")

    def video(self, video: int) -> Video:
        """One video.

        Raises:
            LibraryError: no such video.
        """
        found = self._read(columns.video, f"{_VIDEO} WHERE id = ?", (video,))
        if not found:
            raise LibraryError("no such video in the library", video, hint="`vagent list` shows what there is")
        return found[0]

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
            self._run("UPDATE videos SET path = ? WHERE id = ?", (stored_path(path), video))

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
    ) -> None:
        """Changes what is given and leaves the rest."""
        values = {
            "duration": duration,
            "info": None if info is None else to_json(info),
            "gaps": None if gaps is None else to_json([[gap.start, gap.end] for gap in gaps]),
            "complete": complete,
        }
        given = {column: value for column, value in values.items() if value is not None}
        if given:
            columns = ", ".join(f"{column} = ?" for column in given)
            self._run(f"UPDATE videos SET {columns} WHERE id = ?", (*given.values(), video))

    def remove_video(self, video: int) -> None:
        """Forgets a video and everything found in it; the file itself is not touched."""
        self._run("DELETE FROM videos WHERE id = ?", (video,))

    # ------------------------------------------------------------------ progress

    def stage(self, video: int, stage: str) -> StageState | None:
        """How far a stage has come; None where it never began."""
        return self.stages(video).get(stage)

    def stages(self, video: int) -> dict[str, StageState]:
        """All stages that ever began, by name."""
        sql = "SELECT stage, fingerprint, status, cursor, detail FROM stages WHERE video = ? ORDER BY stage"
        states = self._read(columns.stage, sql, (video,))
        return {state.stage: state for state in states}

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

    # ------------------------------------------------------------------ shots and clips

    def replace_shots(self, video: int, shots: Sequence[Shot]) -> None:
        """Puts these shots in the place of those there were."""
        with self.transaction():
            self._run("DELETE FROM shots WHERE video = ?", (video,))
            rows = [(video, shot.span.start, shot.span.end, shot.start_kind) for shot in shots]
            self._run_many('INSERT INTO shots (video, start, "end", start_kind) VALUES (?, ?, ?, ?)', rows)

    def shots(self, video: int) -> list[Shot]:
        """Shots in order of time."""
        sql = 'SELECT start, "end", start_kind FROM shots WHERE video = ? ORDER BY start, "end"'
        return self._read(lambda row: Shot(Span(row[0], row[1]), row[2]), sql, (video,))

    def replace_clips(self, video: int, clips: Sequence[Clip]) -> None:
        """Puts these clips in the place of those there were; they get new ids."""
        with self.transaction():
            self._run("DELETE FROM clips WHERE video = ?", (video,))
            rows = [(video, clip.span.start, clip.span.end) for clip in clips]
            self._run_many('INSERT INTO clips (video, start, "end") VALUES (?, ?, ?)', rows)

    def clips(self, video: int) -> list[Clip]:
        """Clips in order of time."""
        sql = 'SELECT start, "end", id FROM clips WHERE video = ? ORDER BY start, id'
        return self._read(lambda row: Clip(Span(row[0], row[1]), row[2]), sql, (video,))

    def clips_of(self, ids: Sequence[int]) -> dict[int, Clip]:
        """For each evidence id the clip in which the middle of its span lies; none where the video has no clips."""
        sql = (
            'SELECT e.id, c.start, c."end", c.id FROM evidence e JOIN clips c ON c.id = (SELECT k.id FROM clips k'
            '  WHERE k.video = e.video AND k.start <= (e.start + e."end") / 2 ORDER BY k.start DESC LIMIT 1)'
            " WHERE e.id IN (SELECT value FROM json_each(?))"
        )
        wanted = to_json([int(number) for number in ids])
        return dict(self._read(lambda row: (row[0], Clip(Span(row[1], row[2]), row[3])), sql, (wanted,)))

    # ------------------------------------------------------------------ evidence

    def add_evidence(self, rows: Sequence[Evidence]) -> list[int]:
        """Stores evidence; returns the new ids in the same order."""
        sql = (
            'INSERT INTO evidence (video, kind, start, "end", text, confidence, weak, engine, extra, words)'
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        )
        with self.transaction():
            return [int(self._run(sql, columns.evidence_values(row)).lastrowid or 0) for row in rows]

    def clear(self, video: int, kinds: Sequence[Kind]) -> None:
        """Removes a video's evidence of these kinds."""
        self._run(
            "DELETE FROM evidence WHERE video = ? AND kind IN (SELECT value FROM json_each(?))",
            (video, to_json(list(kinds))),
        )

    def evidence(
        self,
        video: int | None = None,
        span: Span | None = None,
        kinds: Sequence[Kind] | None = None,
        ids: Sequence[int] | None = None,
    ) -> list[Evidence]:
        """Evidence in order of video and time: all of it, or what every given filter lets through.

        A row overlaps ``span`` where it shares some time with it, or lies in it without having any length.
        """
        filters = Filters(
            videos=None if video is None else [video],
            kinds=kinds,
            start=span.start if span else None,
            end=span.end if span else None,
        )
        where, values = _conditions(filters)
        if ids is not None:
            where += " AND e.id IN (SELECT value FROM json_each(?))"
            values.append(to_json([int(i) for i in ids]))
        sql = f"{_EVIDENCE} FROM evidence e WHERE {where} ORDER BY e.video, e.start, e.id"
        return self._read(columns.evidence, sql, values)

    def evidence_ids(self, filters: Filters) -> Ids:
        """Ids of the evidence that the filters let through, ascending."""
        where, values = _conditions(filters)
        rows = self._rows(f"SELECT e.id FROM evidence e WHERE {where} ORDER BY e.id", values)
        return np.fromiter((row[0] for row in rows), np.int64, len(rows))

    def counts(self, video: int) -> dict[str, int]:
        """Rows of evidence by kind."""
        return dict(self._rows("SELECT kind, count(*) FROM evidence WHERE video = ? GROUP BY kind", (video,)))

    # ------------------------------------------------------------------ full text

    def match(self, words: Sequence[str], filters: Filters, limit: int) -> list[tuple[int, float]]:
        """Evidence that holds any of ``words``: ids with their BM25 score, best first (more is better).

        A word is matched by its stem, case and accents aside; one of several parts ("clean-room") as a phrase.
        """
        if not words:
            return []
        query = " OR ".join(_phrase(word) for word in words)
        if filters.empty:
            sql = (
                "SELECT rowid, -bm25(evidence_fts) AS score FROM evidence_fts WHERE evidence_fts MATCH ?"
                " ORDER BY score DESC, rowid LIMIT ?"
            )
            return self._rows(sql, (query, limit))
        where, values = _conditions(filters)
        sql = (
            "SELECT e.id, -bm25(evidence_fts) AS score FROM evidence_fts JOIN evidence e ON e.id = evidence_fts.rowid"
            f" WHERE evidence_fts MATCH ? AND {where} ORDER BY score DESC, e.id LIMIT ?"
        )
        return self._rows(sql, (query, *values, limit))

    def knows(self, word: str) -> bool:
        """Whether any evidence holds a word in any of its forms, or all parts of it as a phrase."""
        return bool(self._rows("SELECT 1 FROM evidence_fts WHERE evidence_fts MATCH ? LIMIT 1", (_phrase(word),)))

    def known_stems(self, stems: Sequence[str]) -> list[str]:
        """Those of the stems that are the stem of some word in the evidence."""
        sql = "SELECT term FROM evidence_terms WHERE term IN (SELECT value FROM json_each(?))"
        return self._read(lambda row: str(row[0]), sql, (to_json([clean(stem) for stem in stems]),))

    # ------------------------------------------------------------------ vectors

    def put_vectors(self, model: str, ids: Sequence[int] | Ids, vectors: Vectors) -> None:
        """Stores one vector for each evidence id, as float16, in the place of the one there was.

        Args:
            vectors: shape (len(ids), dimension).

        Raises:
            LibraryError: another dimension than the model's vectors that are there, or evidence that is not there.
        """
        if len(vectors) == 0:
            return
        with self.transaction():
            self._run(
                "INSERT INTO embedding_models (name, dimension) VALUES (?, ?) ON CONFLICT (name) DO NOTHING",
                (model, vectors.shape[1]),
            )
            ((number, dimension),) = self._rows("SELECT id, dimension FROM embedding_models WHERE name = ?", (model,))
            if dimension != vectors.shape[1] or len(ids) != len(vectors):
                raise LibraryError(
                    "vectors do not fit", f"{len(ids)} ids, {vectors.shape}", allowed=f"(n, {dimension})"
                )
            blobs = vectors.astype(np.float16)
            keys = [(int(i), number) for i in ids]
            self._run_many("DELETE FROM vectors WHERE evidence = ? AND model = ?", keys)
            rows = [(*key, blob.tobytes()) for key, blob in zip(keys, blobs, strict=True)]
            self._run_many("INSERT INTO vectors (evidence, model, vector) VALUES (?, ?, ?)", rows)

    def vectors(self, model: str, *, after: int = 0) -> Iterator[tuple[Ids, Vectors]]:
        """Batches of evidence ids and their vectors, in the order they were stored.

        Args:
            after: only vectors with a higher row number (see ``VectorState.last``).
        """
        sql = (
            "SELECT v.id, v.evidence, v.vector FROM vectors v JOIN embedding_models m ON m.id = v.model"
            " WHERE m.name = ? AND v.id > ? ORDER BY v.id LIMIT ?"
        )
        while rows := self._rows(sql, (model, after, _BATCH)):
            after = rows[-1][0]
            try:
                flat = np.frombuffer(b"".join(row[2] for row in rows), np.float16).astype(np.float32)
                yield np.array([row[1] for row in rows], np.int64), flat.reshape(len(rows), -1)
            except (ValueError, TypeError) as error:
                raise self._corrupt(f"a vector has the wrong length: {error}") from error

    def vector_state(self, model: str) -> VectorState | None:
        """Where the model's vectors stand; None where it has none and never had."""
        sql = (
            "SELECT (SELECT value FROM meta WHERE key = 'library'), name, dimension, added, removed,"
            " (SELECT coalesce(max(v.id), 0) FROM vectors v WHERE v.model = m.id)"
            " FROM embedding_models m WHERE name = ?"
        )
        return next(iter(self._read(lambda row: VectorState(*row), sql, (model,))), None)

    def generation(self, model: str) -> int:
        """A number that grows whenever vectors of the model are added or removed; 0 where it never had any."""
        state = self.vector_state(model)
        return state.added + state.removed if state else 0

    def embedding_models(self) -> list[str]:
        """Models that have vectors here."""
        sql = "SELECT name FROM embedding_models WHERE added > removed ORDER BY id"
        return self._read(lambda row: str(row[0]), sql)

    def unembedded(self, model: str, limit: int, video: int | None = None) -> list[tuple[int, str]]:
        """Evidence that has no vector of this model yet: ids and the texts to embed."""
        sql = (
            "SELECT e.id, e.text FROM evidence e WHERE (? IS NULL OR e.video = ?) AND trim(e.text) <> '' AND NOT EXISTS"
            " (SELECT 1 FROM vectors v JOIN embedding_models m ON m.id = v.model"
            "  WHERE v.evidence = e.id AND m.name = ?) ORDER BY e.id LIMIT ?"
        )
        return self._rows(sql, (video, video, model, limit))


def _phrase(word: str) -> str:
    """A word as full-text search takes it literally, whatever characters it is made of."""
    return '"' + searchable(clean(word)).replace('"', '""') + '"'


def _conditions(filters: Filters) -> tuple[str, list[Any]]:
    """The filters as SQL over ``evidence e`` with its values."""
    parts: list[tuple[str, list[Any]]] = [("1", [])]
    if filters.videos is not None:
        parts.append(("e.video IN (SELECT value FROM json_each(?))", [to_json([int(v) for v in filters.videos])]))
    if filters.kinds is not None:
        parts.append(("e.kind IN (SELECT value FROM json_each(?))", [to_json(list(filters.kinds))]))
    if filters.start is not None:
        parts.append(('(e."end" > ? OR (e."end" = ? AND e.start = ?))', [filters.start] * 3))
    if filters.end is not None:
        # A point in time is a stretch too: what is there at that moment.
        parts.append(("(e.start < ? OR (e.start = ? AND ? = ?))", [filters.end] * 3 + [filters.start]))
    if filters.language is not None:
        parts.append(("json_extract(e.extra, '$.language') = ?", [filters.language]))
    if filters.weak is False:
        parts.append(("NOT e.weak", []))
    return " AND ".join(sql for sql, _ in parts), [value for _, values in parts for value in values]
