"""The room of full text: which evidence holds which words, and what they count for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from vagent.index.store.catalogue import Catalogue, Ids
from vagent.index.store.columns import to_json
from vagent.index.store.filters import Filters
from vagent.index.store.known import KnownRows
from vagent.index.store.postings import Posting, Postings, Scores, best
from vagent.index.words import clean, searchable, tokens

# Of one connection alone: a view of the index that takes no room, not even in a library that may not be written.
_PLACES = "CREATE VIRTUAL TABLE IF NOT EXISTS temp.evidence_places USING fts5vocab('main', 'evidence_fts', 'instance')"
_NEW = 500  # rows with a word that are read for it after others were; of more, all are looked up again
_K1, _B, _LEAST = 1.2, 0.75, 1e-6  # of BM25, as SQLite has them

Places: TypeAlias = tuple[Ids, NDArray[np.int32]]
"""The rows that hold a word, ascending, and how often each does."""


class FullText(KnownRows):
    """Full-text search over the words of all evidence.

    The score of a row is BM25 as SQLite calculates it, to the last bit. For a word that stands in tens of thousands of
    rows SQLite looks up the length of each; where the catalogue knows the lengths, only the rows are asked of it, which
    takes a tenth of the time.
    """

    def __init__(self, folder: Path, *, write: bool = True, wait: float = 30.0) -> None:
        self._postings = Postings()
        super().__init__(folder, write=write, wait=wait)

    def match(self, words: Sequence[str], filters: Filters, limit: int) -> list[tuple[int, float]]:
        """Evidence that holds any of ``words``: ids with their BM25 score, best first (more is better).

        A word is matched by its stem, case and accents aside; one of several parts ("clean-room") as a phrase.
        """
        if not words:
            return []
        allowed = None if filters.empty else self.evidence_ids(filters)
        known = self._known()
        state = known.state if known is not None else self.evidence_state()
        if state is None:
            return best([self._scored(word) for word in words], limit, allowed)
        found = [self._postings.get(word, state, lambda word, kept: self._posting(word, kept, known)) for word in words]
        return best(found, limit, allowed)

    def knows(self, word: str) -> bool:
        """Whether any evidence holds a word in any of its forms, or all parts of it as a phrase."""
        return bool(self._rows("SELECT 1 FROM evidence_fts WHERE evidence_fts MATCH ? LIMIT 1", (_phrase(word),)))

    def known_stems(self, stems: Sequence[str]) -> list[str]:
        """Those of the stems that are the stem of some word in the evidence."""
        sql = "SELECT term FROM evidence_terms WHERE term IN (SELECT value FROM json_each(?))"
        return self._read(lambda row: str(row[0]), sql, (to_json([clean(stem) for stem in stems]),))

    def _posting(self, word: str, kept: Posting | None, known: Catalogue | None) -> Posting:
        """A word's rows and scores; of what was kept of an earlier state only what has changed is looked up."""
        parts = tokens([searchable(clean(word))])[0] if known is not None else []
        if known is None or len(parts) != 1:
            return self._scored(word)
        ids, counts = self._places(parts[0]) if kept is None else self._places_after(word, parts[0], kept)
        lengths = known.words_of(ids)
        if lengths.min(initial=0) < 0:
            there = np.flatnonzero(lengths >= 0)
            ids, counts, lengths = ids[there], counts[there], lengths[there]
        return Posting(ids, _bm25(counts, lengths, known), counts, known.state.last)

    def _scored(self, word: str) -> Posting:
        """A word, or several as a phrase, by SQLite alone."""
        sql = "SELECT rowid, -bm25(evidence_fts) FROM evidence_fts WHERE evidence_fts MATCH ? ORDER BY rowid"
        rows = self._rows(sql, (_phrase(word),))
        ids = np.fromiter((row[0] for row in rows), np.int64, len(rows))
        return Posting(ids, np.fromiter((row[1] for row in rows), np.float64, len(rows)))

    def _places(self, token: str) -> Places:
        """The rows that hold a word as full-text search has it, ascending, and how often each does.

        SQLite joins the numbers in one text: to hand over each by itself would take three times as long.
        """
        self._run(_PLACES)
        ((joined,),) = self._rows("SELECT group_concat(doc) FROM temp.evidence_places WHERE term = ?", (token,))
        ids, counts = np.unique(np.fromstring(joined or "", np.int64, sep=","), return_counts=True)
        return ids, counts.astype(np.int32)

    def _places_after(self, word: str, token: str, kept: Posting) -> Places:
        """What was kept of a word, and the rows that came later; their words are counted where they are few."""
        sql = "SELECT rowid FROM evidence_fts WHERE evidence_fts MATCH ? AND rowid > ? ORDER BY rowid LIMIT ?"
        new = [number for (number,) in self._rows(sql, (_phrase(word), kept.last, _NEW + 1))]
        if kept.counts is None or len(new) > _NEW:
            return self._places(token)
        sql = "SELECT id, words FROM evidence WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id"
        rows = self._rows(sql, (to_json(new),))
        counts = [found.count(token) for found in tokens([text for _, text in rows])]
        ids = np.array([number for number, _ in rows], np.int64)
        return np.concatenate([kept.ids, ids]), np.concatenate([kept.counts, np.array(counts, np.int32)])


def _bm25(counts: NDArray[np.int32], lengths: NDArray[np.int64], known: Catalogue) -> Scores:
    """What a word counts for in each row that holds it (Robertson and Zaragoza, The Probabilistic Relevance Framework,
    2009), each step as SQLite takes it.
    """
    rows, held = known.state.rows, len(counts)
    rare = math.log((rows - held + 0.5) / (held + 0.5))
    usual = known.state.words / rows
    scores = counts * (_K1 + 1.0) / (counts + _K1 * (1 - _B + _B * lengths / usual))
    return np.asarray((rare if rare > 0.0 else _LEAST) * scores, np.float64)


def _phrase(word: str) -> str:
    """A word as full-text search takes it literally, whatever characters it is made of."""
    return '"' + searchable(clean(word)).replace('"', '""') + '"'
