"""The room of what was found: shots, clips, evidence."""

from __future__ import annotations

from collections.abc import Sequence

from vagent.index.records import Clip, Evidence, Kind, Shot
from vagent.index.store import columns
from vagent.index.store.columns import to_json
from vagent.index.store.filters import Filters, conditions
from vagent.index.store.fulltext import FullText
from vagent.tools.time import Span

_EVIDENCE = 'SELECT e.video, e.start, e."end", e.kind, e.text, e.confidence, e.weak, e.engine, e.extra, e.id'


class EvidenceRows(FullText):
    """Shots, clips and evidence of all videos."""

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
