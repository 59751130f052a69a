"""The room of what was found: shots, clips, evidence, and full text over it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vagent.index.records import Clip, Evidence, Kind, Shot
from vagent.index.store import catalogue, columns
from vagent.index.store.catalogue import COLUMNS, Catalogue
from vagent.index.store.columns import to_json
from vagent.index.store.database import Database
from vagent.index.store.filters import Filters, conditions
from vagent.index.store.postings import Posting, Postings, best
from vagent.index.words import clean, searchable
from vagent.tools.time import Span

Ids = NDArray[np.int64]

_EVIDENCE = 'SELECT e.video, e.start, e."end", e.kind, e.text, e.confidence, e.weak, e.engine, e.extra, e.id'


_FEW = 64  # videos whose rows are looked for by the index of the database
_SMALL = 20_000  # rows that are no work to read
_ASKED = 4  # filters whose rows are kept


class EvidenceRows(Database):
    """Shots, clips and evidence of all videos."""

    def __init__(self, folder: Path, *, write: bool = True, wait: float = 30.0) -> None:
        self._postings = Postings()
        self._catalogue: tuple[tuple[int, bytes], Catalogue] | None = None
        self._asked: dict[tuple[object, str], Ids] = {}
        self._catalogue_lock = threading.Lock()
        super().__init__(folder, write=write, wait=wait)

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

    def clear_open(self, video: int, kind: Kind, since: float) -> None:
        """Removes rows of what was still going on when they were written (``open`` in ``extra``): those of them that
        end at ``since`` seconds or later.
        """
        self._run(
            "DELETE FROM evidence WHERE video = ? AND kind = ? AND \"end\" >= ? AND json_extract(extra, '$.open')",
            (video, kind, since),
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
        where, values = conditions(filters)
        if ids is not None:
            where += " AND e.id IN (SELECT value FROM json_each(?))"
            values.append(to_json([int(i) for i in ids]))
        sql = f"{_EVIDENCE} FROM evidence e WHERE {where} ORDER BY e.video, e.start, e.id"
        return self._read(columns.evidence, sql, values)

    def evidence_ids(self, filters: Filters) -> Ids:
        """Ids of the evidence that the filters let through, ascending."""
        few = filters.videos is not None and len(filters.videos) <= _FEW
        state = None if few or filters.language is not None else self._state()
        if state is not None and _held(state) > _SMALL:
            return self._let_through(state, filters)
        where, values = conditions(filters)
        rows = self._rows(f"SELECT e.id FROM evidence e WHERE {where} ORDER BY e.id", values)
        return np.fromiter((row[0] for row in rows), np.int64, len(rows))

    def _state(self) -> tuple[int, bytes] | None:
        """What changes with every row of evidence that comes or goes; None inside a transaction, which may be undone.

        The highest id ever given, and what full-text search keeps of how many rows and words there are: while the one
        stays the same, rows can only go, and each that goes changes the other.
        """
        if self._handle().depth:
            return None
        sql = (
            "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'evidence'), 0),"
            " (SELECT block FROM evidence_fts_data WHERE id = 1)"
        )
        ((last, counts),) = self._rows(sql)
        return int(last), bytes(counts or b"")

    def _let_through(self, state: tuple[int, bytes], filters: Filters) -> Ids:
        """From the columns. The channels of a search ask the same, and so do the searches of one question."""
        asked = (state, repr(filters))
        with self._catalogue_lock:
            ids = self._asked.get(asked)
        if ids is None:
            ids = self._known(state).let_through(filters)
            with self._catalogue_lock:
                self._asked = dict([*self._asked.items(), (asked, ids)][-_ASKED:])
        return ids

    def _known(self, state: tuple[int, bytes]) -> Catalogue:
        """The columns of all evidence: what is new is added, videos that have gone are taken out."""
        with self._catalogue_lock:
            known, held = self._catalogue or (None, catalogue.empty())
            if known == state:
                return held
            count = _held(state)
            if len(held.ids):
                videos = [number for (number,) in self._rows("SELECT id FROM videos")]
                held = held.of_videos(videos).with_rows(self._columns(held.last))
            if len(held.ids) != count:
                held = catalogue.empty().with_rows(self._columns(0))
            self._catalogue = state, held
            return held

    def _columns(self, after: int) -> list[tuple[object, ...]]:
        return self._rows(f"SELECT {COLUMNS} FROM evidence WHERE id > ? ORDER BY id", (after,))

    def told(self, video: int, kinds: Sequence[Kind]) -> list[tuple[str, float, float, str, bool]]:
        """Kind, start, end, text and weakness of a video's evidence of some kinds, in an order that no number tells."""
        sql = (
            'SELECT kind, start, "end", text, weak FROM evidence WHERE video = ?'
            ' AND kind IN (SELECT value FROM json_each(?)) ORDER BY start, "end", kind, text, weak'
        )
        return self._read(lambda row: (*row[:4], bool(row[4])), sql, (video, to_json(list(kinds))))

    def videos_of(self, ids: Sequence[int]) -> dict[int, int]:
        """The video of each row of evidence that is there."""
        sql = "SELECT id, video FROM evidence WHERE id IN (SELECT value FROM json_each(?))"
        return dict(self._rows(sql, (to_json([int(number) for number in ids]),)))

    def counts(self, video: int) -> dict[str, int]:
        """Rows of evidence by kind."""
        return dict(self._rows("SELECT kind, count(*) FROM evidence WHERE video = ? GROUP BY kind", (video,)))

    def heard_languages(self, video: int) -> list[str]:
        """The languages that a video's speech was recognised in, the most frequent first; weak evidence aside."""
        sql = (
            "SELECT json_extract(extra, '$.language') AS language FROM evidence WHERE video = ? AND kind = 'speech'"
            " AND NOT weak AND language IS NOT NULL GROUP BY language ORDER BY count(*) DESC, language"
        )
        return self._read(lambda row: str(row[0]), sql, (video,))

    def match(self, words: Sequence[str], filters: Filters, limit: int) -> list[tuple[int, float]]:
        """Evidence that holds any of ``words``: ids with their BM25 score, best first (more is better).

        A word is matched by its stem, case and accents aside; one of several parts ("clean-room") as a phrase.
        """
        if not words:
            return []
        allowed = None if filters.empty else self.evidence_ids(filters)
        state = self._state()
        if state is None:
            return best([self._posting(word) for word in words], limit, allowed)
        return best([self._postings.get(word, state, self._posting) for word in words], limit, allowed)

    def _posting(self, word: str) -> Posting:
        sql = "SELECT rowid, -bm25(evidence_fts) FROM evidence_fts WHERE evidence_fts MATCH ? ORDER BY rowid"
        rows = self._rows(sql, (_phrase(word),))
        ids = np.fromiter((row[0] for row in rows), np.int64, len(rows))
        return Posting(ids, np.fromiter((row[1] for row in rows), np.float64, len(rows)))

    def knows(self, word: str) -> bool:
        """Whether any evidence holds a word in any of its forms, or all parts of it as a phrase."""
        return bool(self._rows("SELECT 1 FROM evidence_fts WHERE evidence_fts MATCH ? LIMIT 1", (_phrase(word),)))

    def known_stems(self, stems: Sequence[str]) -> list[str]:
        """Those of the stems that are the stem of some word in the evidence."""
        sql = "SELECT term FROM evidence_terms WHERE term IN (SELECT value FROM json_each(?))"
        return self._read(lambda row: str(row[0]), sql, (to_json([clean(stem) for stem in stems]),))


def _phrase(word: str) -> str:
    """A word as full-text search takes it literally, whatever characters it is made of."""
    return '"' + searchable(clean(word)).replace('"', '""') + '"'


def _held(state: tuple[int, bytes]) -> int:
    """How many rows full-text search counts: the first number of what it keeps, 7 bits a byte."""
    number = 0
    for byte in state[1]:
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            break
    return number
