"""Search over the evidence of many videos: by words, by meaning and by what pictures show, merged into moments."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import TypeAlias

import numpy as np

from vagent.configs import SearchSettings
from vagent.index.recorded import of_pictures, recorded
from vagent.index.records import Clip, Evidence, Hit, Moment
from vagent.index.search import queries
from vagent.index.search.fusion import fuse, spread
from vagent.index.store import Filters, Ids, Store, Vectors
from vagent.index.vectors import VectorIndex, open_index
from vagent.index.words import words
from vagent.tools.embeddings import EmbeddingEngine
from vagent.tools.time import Span
from vagent.tools.visual import VisualEngine

__all__ = ["Filters", "Searcher"]

_WEAK = 0.9  # factor on the score of evidence from unreliable engines
_REPEATED = 0.5  # factor on the score of a moment whose text a better moment has already
_BONUS = 0.3  # part of the second best hit's score that a moment gains
_ALIKE = 0.8  # part of the words of two texts that they share where they say the same
_NEAR = 5.0  # seconds between evidence of one clip that belongs to one moment
_ALONG = 0.6  # part of the best score from which other evidence of the clip widens the moment

_ROWS = 4  # rows that a channel hands on for each moment that one of several videos may have
_DEEPER = 8  # how many times deeper a channel looks where one video fills its candidates
_DEEPEST = 4096  # candidates that it looks through, at most

_SHOWN = 0.1  # chance of showing what is sought from which a picture counts as found
_SEEN = 0.5  # factor on the score of a picture that shows it by no chance; one that shows it for certain has one more

_log = logging.getLogger("vagent.index.search.searcher")

Ranking: TypeAlias = Mapping[int, float]
"""Evidence rows, best first, with the factor on what their rank is worth."""

Channel: TypeAlias = Callable[["Searcher", str, Filters], Ranking]


class Searcher:
    """Search over one library. May be used from several threads.

    Args:
        store: the library's database, which is only read.
        folder: the library's folder, where the vectors are cached.
        engine: what embeds a query; None: search goes by words alone.
        settings: the ``search`` section.
        visual: gives what embeds a query for pictures, or None; asked only where the library has vectors of pictures.
    """

    def __init__(
        self,
        store: Store,
        folder: Path,
        engine: EmbeddingEngine | None,
        settings: SearchSettings,
        visual: Callable[[], VisualEngine | None] = lambda: None,
    ) -> None:
        self.store = store
        self.engine = engine
        self.settings = settings
        self.visual = visual
        self._folder = folder
        self._indexes: dict[str, VectorIndex] = {}
        self._told: set[str] = set()
        self._wordy: tuple[object, Sequence[int]] = (None, ())
        self._lock = threading.Lock()

    def index(self, model: str, dimension: int) -> VectorIndex:
        """The vectors that the library has under a model's recorded name."""
        with self._lock:
            if model not in self._indexes:
                self._indexes[model] = open_index(self.store, self._folder, model, dimension, self.settings)
            return self._indexes[model]

    def close(self) -> None:
        """Let go of the vectors; the store is its owner's."""
        with self._lock:
            indexes, self._indexes = list(self._indexes.values()), {}
        for index in indexes:
            index.close()

    def tell(self, what: str) -> None:
        """Warn of something, once."""
        with self._lock:
            if what in self._told:
                return
            self._told.add(what)
        _log.warning("%s", what)

    def by_words_alone(self) -> Sequence[int]:
        """Videos that search finds by their words alone: they were indexed without vectors of the model in force."""
        engine = self.engine
        if engine is None:
            return ()
        store = self.store
        state = (store.evidence_state(), store.vector_state(engine.model), store.complete_videos())
        with self._lock:
            known, videos = self._wordy
        if state[0] is None or state != known:
            videos = store.videos_without_vectors(engine.model)
            with self._lock:
                self._wordy = state, videos
        return videos

    def hits(self, query: str, filters: Filters | None = None) -> list[Hit]:
        """Evidence rows that match, best first: the channels' rankings fused.

        Raises:
            QuestionError: the query is empty or too long.
            LibraryError: the library's vectors are another model's.
        """
        filters = filters or Filters()
        queries.words(query)
        rankings = {name: channel(self, query, filters) for name, channel in CHANNELS.items()}
        rows = {row.id: row for row in self.store.evidence(ids=sorted({i for ids in rankings.values() for i in ids}))}
        present = {name: [i for i in ids if i in rows] for name, ids in rankings.items()}
        weights = {number: factor for ids in rankings.values() for number, factor in ids.items() if factor != 1.0}
        weights |= {number: _WEAK * weights.get(number, 1.0) for number, row in rows.items() if row.weak}
        return [Hit(rows[f.id], f.score, f.ranks) for f in fuse(present, self.settings.rrf_k, weights)]

    def search(self, query: str, *, filters: Filters | None = None, limit: int | None = None) -> list[Moment]:
        """Moments that match, best first; evidence of one clip that lies close together is one moment, and so is what
        two senses found to say the same at the same time.

        Args:
            query: words or a question.
            filters: which evidence may be used; a moment reaches no further than its stretch of time.
            limit: how many moments; None: as the settings say. Of several videos none has more than the settings
                give it while others have any.

        Raises:
            QuestionError: the query is empty or too long.
            LibraryError: the library's vectors are another model's.
        """
        filters = filters or Filters()
        groups = _folded(self._groups(self.hits(query, filters)))
        by_video = _by_video(groups)
        smoothed = [
            replace(group, score=group.score + self._neighbours(group, by_video[group.video])) for group in groups
        ]
        ranked, limit = _thinned(sorted(smoothed, key=_order)), limit or self.settings.limit
        if not filters.single:
            ranked = [
                ranked[place] for place in spread([group.video for group in ranked], self.settings.per_video, limit)
            ]
        ranked = ranked[:limit]
        videos = {video: self.store.video(video) for video in {group.video for group in ranked}}
        return [Moment(videos[group.video], _cut(group.span, filters), group.score, group.hits) for group in ranked]

    def spread(self, filters: Filters, find: Callable[[int], Sequence[tuple[int, float]]]) -> dict[int, float]:
        """A channel's candidates that go on to the fusion, best first: evidence rows with the channel's scores.

        Of several videos none has more than its share while others have any candidates at all, however many rows of a
        long one stand before theirs.

        Args:
            find: gives the best rows with their scores, as many as are asked for.
        """
        limit, most = self.settings.channel_hits, _ROWS * self.settings.per_video
        # Few videos are enough to fill the first places, and to look twice takes longer than to look deeper at once.
        deep = limit if filters.single else max(limit, min(_DEEPER * limit, _DEEPEST))
        while True:
            found = find(deep)
            if filters.single:
                return dict(found)
            owners = self.store.videos_of([number for number, _ in found])
            videos = [owners.get(number, 0) for number, _ in found]
            shared = sum(min(count, most) for count in Counter(videos).values())
            if shared >= limit or len(found) < deep or deep >= _DEEPEST:
                return dict(found[place] for place in spread(videos, most, limit))
            deep = min(_DEEPER * deep, _DEEPEST)

    def _groups(self, hits: Sequence[Hit]) -> list[_Group]:
        clips = self.store.clips_of([hit.evidence.id for hit in hits])
        found: dict[tuple[int, int, int], list[Hit]] = {}
        for hit in hits:
            found.setdefault(_place(hit.evidence, clips.get(hit.evidence.id)), []).append(hit)
        return [group for members in found.values() for group in _split(members)]

    def _neighbours(self, group: _Group, groups: Iterable[_Group]) -> float:
        """What a moment gains from the best one right before or after it: what is talked about goes on for a while."""
        near = [other.score for other in groups if other is not group and other.span.gap(group.span) <= _NEAR]
        return self.settings.neighbour * max(near, default=0.0)


@dataclass(frozen=True, slots=True)
class _Group:
    """The hits that become one moment."""

    video: int
    span: Span
    score: float
    hits: tuple[Hit, ...]


def _place(row: Evidence, clip: Clip | None) -> tuple[int, int, int]:
    """What is grouped: evidence by the clip it lies in; what is longer than its clip stands by itself."""
    if clip is None or row.span.duration > clip.span.duration:
        return row.video, 0, row.id
    return row.video, clip.id, 0


def _split(members: Sequence[Hit]) -> Iterator[_Group]:
    """The hits of one clip as moments with tight spans: around the best hit, then around the best of the rest ..."""
    rest = list(members)
    while rest:
        group = _group(rest)
        yield group
        rest = [hit for hit in rest if hit not in group.hits]


def _group(members: Sequence[Hit]) -> _Group:
    """The moment around the best hit, which comes first: good hits that lie close to it belong to it."""
    best = members[0]
    span, taken = best.evidence.span, [best]
    for hit in sorted(members[1:], key=lambda h: h.evidence.span.gap(best.evidence.span)):
        if hit.score >= _ALONG * best.score and hit.evidence.span.gap(span) <= _NEAR:
            span, taken = span.union(hit.evidence.span), [*taken, hit]
    return _moment(taken)


def _moment(taken: Sequence[Hit]) -> _Group:
    hits = sorted(taken, key=lambda hit: (-hit.score, hit.evidence.id))
    span = reduce(Span.union, (hit.evidence.span for hit in hits))
    # Several hits in one place speak for it, but no number of poor ones outweighs a good one. Pictures of one scene
    # look alike: a second one says nothing that the first did not.
    seen = hits[0].evidence.kind == "visual"
    others = [hit.score for hit in hits[1:] if not (seen and hit.evidence.kind == "visual")]
    score = hits[0].score + _BONUS * max(others, default=0.0)
    return _Group(hits[0].evidence.video, span, score, tuple(hits))


def _folded(groups: Iterable[_Group]) -> list[_Group]:
    """Groups that say the same at the same time as one: a subtitle that is burned in too, a caption across a cut."""
    folded: list[_Group] = []
    for members in _by_video(sorted(groups, key=_order)).values():
        of_video: list[_Group] = []
        for group in members:
            same = [other for other in of_video if _same(group, other)]
            of_video = [other for other in of_video if other not in same]
            of_video.append(_moment([hit for one in (*same, group) for hit in one.hits]))
        folded += of_video
    return folded


def _by_video(groups: Iterable[_Group]) -> dict[int, list[_Group]]:
    found: dict[int, list[_Group]] = {}
    for group in groups:
        found.setdefault(group.video, []).append(group)
    return found


def _same(a: _Group, b: _Group) -> bool:
    if not a.span.overlap(b.span):
        return False
    ours, theirs = (set(words(group.hits[0].evidence.text)) for group in (a, b))
    return len(ours & theirs) >= _ALIKE * max(len(ours | theirs), 1)


def _cut(span: Span, filters: Filters) -> Span:
    """The part of a span that the filters let through."""
    start = span.start if filters.start is None else max(span.start, filters.start)
    return Span(start, span.end if filters.end is None else max(start, min(span.end, filters.end)))


def _order(group: _Group) -> tuple[float, int, float, float]:
    return -group.score, group.video, group.span.start, group.span.end


def _thinned(groups: Sequence[_Group]) -> list[_Group]:
    """Groups whose best text was there before go behind those that say something new; pictures have no text."""
    seen: set[str] = set()
    ranked = []
    for group in groups:
        text = " ".join(group.hits[0].evidence.text.casefold().split())
        ranked.append(replace(group, score=group.score * _REPEATED) if text in seen else group)
        if text:
            seen.add(text)
    return sorted(ranked, key=_order)


def _lexical(searcher: Searcher, query: str, filters: Filters) -> Ranking:
    store = searcher.store
    wanted = queries.forgiven(queries.words(query), store.knows, store.known_stems)
    return dict.fromkeys(searcher.spread(filters, lambda limit: store.match(wanted, filters, limit)), 1.0)


def _dense(searcher: Searcher, query: str, filters: Filters) -> Ranking:
    engine = searcher.engine
    if engine is None:
        return {}
    allowed = None if filters.empty else searcher.store.evidence_ids(filters)
    index = searcher.index(engine.model, engine.dimension)
    return dict.fromkeys(_nearest(searcher, index, engine.embed_query([query]), filters, allowed), 1.0)


def _nearest(
    searcher: Searcher, index: VectorIndex, vector: Vectors, filters: Filters, allowed: Ids | None
) -> dict[int, float]:
    """The evidence rows nearest to a vector, nearest first, with their inner products."""

    def find(limit: int) -> list[tuple[int, float]]:
        products, ids = index.search(vector, limit, allowed)
        return [(int(n), float(product)) for n, product in zip(ids[0], products[0], strict=True) if n >= 0]

    return searcher.spread(filters, find)


def _visual(searcher: Searcher, query: str, filters: Filters) -> Ranking:
    """Pictures that show what is sought.

    Words and meaning always find something nearest; of pictures only those count that the engine gives a chance. What
    a rank is worth grows with that chance, so that a doubtful picture does not stand before a text that fits, and one
    beyond doubt stands before a text that merely is the nearest.
    """
    models = [name for name in searcher.store.embedding_models() if of_pictures(name)]
    if not models or (filters.kinds is not None and "visual" not in filters.kinds):
        return {}
    allowed = None
    if not filters.empty:
        allowed = searcher.store.evidence_ids(replace(filters, kinds=["visual"]))
        if not len(allowed):
            return {}
    engine = searcher.visual()
    if engine is None:
        return {}
    name = recorded(engine.model)
    if name not in models:
        others = " and ".join(model.removeprefix(recorded("")) for model in models)
        searcher.tell(
            f"pictures are not searched: they were embedded with {others}, "
            f"the query would be with {engine.model}; set visual.model to that model, or run `vagent index` again"
        )
        return {}
    sought = engine.seek(query)
    index = searcher.index(name, engine.dimension)
    nearest = _nearest(searcher, index, sought.vector[None], filters, allowed)
    chances = sought.chances(np.array(list(nearest.values()), np.float32))
    return {number: _SEEN + float(chance) for number, chance in zip(nearest, chances, strict=True) if chance >= _SHOWN}


def _summaries(searcher: Searcher, query: str, filters: Filters) -> Ranking:
    """Summaries by their meaning, or where nothing was embedded by their words; only where they are asked for by kind.

    A summary says what other evidence says, and would stand before it.
    """
    if filters.kinds is None or "summary" not in filters.kinds:
        return {}
    allowed = searcher.store.evidence_ids(replace(filters, kinds=["summary"]))
    engine, limit = searcher.engine, searcher.settings.channel_hits
    if not len(allowed):
        return {}
    if engine is not None:
        index = searcher.index(recorded(engine.model, "summaries"), engine.dimension)
        return dict.fromkeys(_nearest(searcher, index, engine.embed_query([query]), filters, allowed), 1.0)
    wanted = set(queries.words(query))
    rows = searcher.store.evidence(ids=[int(number) for number in allowed])
    shared = {row.id: len(wanted & set(words(f"{row.extra.get('title', '')} {row.text}"))) for row in rows}
    return {number: 1.0 for number in sorted(shared, key=lambda n: (-shared[n], n))[:limit] if shared[number]}


CHANNELS: Mapping[str, Channel] = {"lexical": _lexical, "dense": _dense, "visual": _visual, "summary": _summaries}
"""The channels of a search: each ranks evidence rows for a query. A further sense is one function and one line."""
