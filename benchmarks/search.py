"""What a search of a large library takes, cold and warm, and what a further video costs it.

    python -m benchmarks.search [--rows 1000000] [--folder DIR] [--queries 270] [--json OUT]

A library of so many rows is made (``benchmarks/corpus.py`` says of what) and kept in ``--folder`` for the next run, and
beside it smaller ones, to tell how the cost of one more video grows. The queries are of seven sorts in turn; the first
quarter warms up. What the embedding of a query costs is part of each search: the bundled model really embeds it, and
the vector that fits the made-up rows takes its place.

    cpu, wall   milliseconds; where other work runs on the machine, only processor time means something
    recall@10   part of the true ten nearest vectors that are found, of those that each query's filter lets through
    columns     what filters and word scores are read from: made once a library, from all rows
    one more    a video of 500 rows stored, then found by its vectors, by a filter on kind and by common words, and the
                same when it is removed: processor milliseconds of each, the mean over ten videos
    FAISS flat, SQL LIKE, FTS5   what one would use instead: exact vectors in memory; rows that hold any word, those
                with most words first; full-text search with BM25. Each does a part of what a hybrid search does
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.corpus import FILTERED, ROWS, Corpus, Query, Vectors, build
from benchmarks.memory import machine
from vagent import configs
from vagent.index.search import queries as asked
from vagent.index.search.searcher import Filters, Searcher
from vagent.index.store import Ids, Store
from vagent.index.which import Which
from vagent.tools.embeddings.minilm import MiniLM

_MORE = 10  # videos that are added
_PEER = 6  # queries that each of the other ways is asked
_BLOCK = 16384  # rows compared at once
_FILTER = Filters(kinds=["caption"])
_COMMON = 3  # words that stand in many rows


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    with _folder(given.folder) as folder:
        report = measure(folder, given.rows, given.queries)
    print(table(report))
    if given.json:
        given.json.write_text(json.dumps(report, indent=2), encoding="utf-8")
    return 0


class Posed:
    """The bundled engine, with the vectors of made-up queries in the place of its own."""

    def __init__(self, settings: configs.Settings) -> None:
        self._real = MiniLM(settings)
        self.model = self._real.model
        self.dimension = self._real.dimension
        self.posed: Vectors | None = None

    def embed_query(self, texts: Sequence[str]) -> Vectors:
        """As long as the real one takes."""
        vectors = self._real.embed_query(texts)
        return vectors if self.posed is None else self.posed[None]


def measure(folder: Path, rows: int, count: int) -> dict[str, Any]:
    """All figures of one run."""
    settings = configs.load({}, env={})
    engine = Posed(settings)
    corpus = Corpus(engine.model)
    for size in _sizes(rows):
        build(folder / str(size), corpus, size).close()
    queries = list(corpus.queries(count, rows // ROWS))
    engine.embed_query(["the model is loaded before anything is measured"])
    report: dict[str, Any] = {"machine": machine(), "rows": rows}
    with Store(folder / str(rows)) as store:
        _searcher(store, engine, settings).index(engine.model, engine.dimension).refresh()  # its files are made
    report["columns"] = _columns(folder / str(rows))
    report["opening"], searcher = _opened(folder / str(rows), engine, settings, queries)
    report["searches"] = _searches(searcher, engine, queries)
    report["memory_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
    report["recall_at_10"] = _recall(searcher, engine, queries)
    report["peers"] = _peers(searcher.store, engine, queries)
    report["bytes"] = _bytes(folder / str(rows))
    searcher.close()
    searcher.store.close()
    report["one_more"] = {size: _one_more(folder / str(size), corpus, engine, settings) for size in _sizes(rows)}
    return report


def _sizes(rows: int) -> list[int]:
    return sorted({max(ROWS, rows // 100), max(ROWS, rows // 10), rows})


def _searcher(store: Store, engine: Posed, settings: configs.Settings) -> Searcher:
    return Searcher(store, store.folder, engine, settings.search)  # type: ignore[arg-type]


def _opened(
    folder: Path, engine: Posed, settings: configs.Settings, queries: Sequence[Query]
) -> tuple[dict[str, Any], Searcher]:
    """What it takes until the first answer: the database, the vectors, and the search itself."""
    figures: dict[str, Any] = {}
    query, of_language = queries[0], next(query for query in queries if query.language is not None)
    with _timed(figures, "database"):
        store = Store(folder)
    searcher = _searcher(store, engine, settings)
    with _timed(figures, "vectors"):
        searcher.index(engine.model, engine.dimension).refresh()
    with _timed(figures, "first filter by kind"):
        store.evidence_ids(_FILTER)
    with _timed(figures, "first search"):
        _search(searcher, engine, query)
    with _timed(figures, "first search by kind"):
        searcher.search(query.text, filters=_FILTER)
    with _timed(figures, "first search by language"):
        _search(searcher, engine, of_language)
    return figures, searcher


def _columns(folder: Path) -> dict[str, Any]:
    """The columns of all rows, made from the database alone."""
    figures: dict[str, Any] = {}
    shutil.rmtree(folder / "catalogue", ignore_errors=True)
    with Store(folder) as store, _timed(figures, "made"):
        store.evidence_ids(_FILTER)
    return {**figures, "bytes": sum(file.stat().st_size for file in (folder / "catalogue").glob("*.columns"))}


def _search(searcher: Searcher, engine: Posed, query: Query) -> None:
    engine.posed = query.vector
    searcher.search(query.text, filters=_filters(searcher.store, query))


def _filters(store: Store, query: Query) -> Filters:
    """What a query asks for; the films of a language are chosen as a search of the library chooses them."""
    videos = None if query.video is None else [query.video]
    if query.language is not None:
        videos = [film.id for film in Which(language=query.language).of(store.films())]
    return Filters(videos=videos, kinds=None if query.kind is None else [query.kind], start=query.start, end=query.end)


def _searches(searcher: Searcher, engine: Posed, queries: Sequence[Query]) -> dict[str, Any]:
    warm = len(queries) // 4
    for query in queries[:warm]:
        _search(searcher, engine, query)
    found: dict[str, list[dict[str, float]]] = defaultdict(list)
    for query in queries[warm:]:
        one: dict[str, Any] = {}
        with _timed(one, "it"):
            _search(searcher, engine, query)
        found[query.sort].append(one["it"])
    found["all"] = [one for several in found.values() for one in several]
    return {sort: {"count": len(several), **_percentiles(several)} for sort, several in found.items()}


def _percentiles(several: Sequence[dict[str, float]]) -> dict[str, float]:
    figures = {}
    for clock in ("cpu", "wall"):
        values = [one[clock] for one in several]
        for part in (50, 95):
            figures[f"{clock} p{part}"] = round(float(np.percentile(values, part)), 1)
    return figures


def _recall(searcher: Searcher, engine: Posed, queries: Sequence[Query]) -> dict[str, Any]:
    """Against products with every vector of the database; by filter, with the rows that it lets through."""
    store, index = searcher.store, searcher.index(engine.model, engine.dimension)
    allowed = [store.evidence_ids(_filters(store, query)) if query.sort in FILTERED else None for query in queries]
    true = _nearest(store, engine.model, np.vstack([query.vector for query in queries]), allowed)
    total = len(store.evidence_ids(Filters()))
    found: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for query, few, ids in zip(queries, allowed, true, strict=True):
        held = np.intersect1d(ids, index.search(query.vector[None], len(ids), few)[1])
        rows = total if few is None else len(few)
        found["no filter" if few is None else query.sort].append((len(held) / len(ids), rows))
    return {
        name: {
            "queries": len(several),
            "rows": round(float(np.mean([rows for _, rows in several]))),
            "recall": round(float(np.mean([share for share, _ in several])), 4),
        }
        for name, several in found.items()
    }


def _nearest(store: Store, model: str, sought: Vectors, allowed: Sequence[Ids | None]) -> Ids:
    """The ten rows of those allowed that are nearest to each vector."""
    highest = int(store.evidence_ids(Filters())[-1])
    tables = [None if few is None else np.bincount(few, minlength=highest + 1) > 0 for few in allowed]
    best, ids = np.empty((len(sought), 0), np.float32), np.empty((len(sought), 0), np.int64)
    for _, evidence, vectors in store.vector_rows(model, batch=_BLOCK):
        scores = sought @ vectors.T
        for row, table in zip(scores, tables, strict=True):
            if table is not None:
                row[~table[evidence]] = -np.inf
        scores = np.hstack([best, scores])
        held = np.hstack([ids, np.broadcast_to(evidence, (len(sought), len(evidence)))])
        places = np.argpartition(-scores, 9, axis=1)[:, :10]
        best, ids = np.take_along_axis(scores, places, axis=1), np.take_along_axis(held, places, axis=1)
    return ids


def _peers(store: Store, engine: Posed, queries: Sequence[Query]) -> dict[str, Any]:
    import faiss

    flat = faiss.index_factory(engine.dimension, "SQfp16", faiss.METRIC_INNER_PRODUCT)
    faiss.omp_set_num_threads(1)
    for _, _, vectors in store.vector_rows(engine.model, batch=_BLOCK):
        flat.add(vectors)

    def like(query: Query) -> None:
        words = asked.words(query.text)
        held = " + ".join(["(text LIKE ?)"] * len(words))
        sql = f"SELECT id, {held} AS held FROM evidence WHERE held > 0 ORDER BY held DESC, id LIMIT 60"
        store._rows(sql, [f"%{word}%" for word in words])

    def full_text(query: Query) -> None:
        sql = "SELECT rowid FROM evidence_fts WHERE evidence_fts MATCH ? ORDER BY bm25(evidence_fts), rowid LIMIT 60"
        store._rows(sql, [" OR ".join(f'"{word}"' for word in asked.words(query.text))])

    ways: dict[str, Callable[[Query], Any]] = {
        "FAISS flat": lambda query: flat.search(query.vector[None], 60),
        "SQL LIKE": like,
        "FTS5": full_text,
    }
    some = [query for query in queries if query.sort not in FILTERED][:_PEER]
    report = {}
    for name, way in ways.items():
        taken: list[dict[str, float]] = []
        for query in some:
            one: dict[str, Any] = {}
            with _timed(one, "it"):
                way(query)
            taken.append(one["it"])
        report[name] = {"count": len(taken), **_percentiles(taken)}
    return report


def _one_more(folder: Path, corpus: Corpus, engine: Posed, settings: configs.Settings) -> dict[str, float]:
    """Videos added and found, and removed again; what is added is found as the nearest to itself."""
    figures: dict[str, list[float]] = defaultdict(list)
    with Store(folder) as store:
        searcher = _searcher(store, engine, settings)
        index = searcher.index(engine.model, engine.dimension)
        index.refresh()
        for number in range(10**6, 10**6 + _MORE):
            one: dict[str, Any] = {}
            sought = corpus.rows(number)[2][:1]
            with _timed(one, "stored"):
                video = corpus.add(store, number)
            with _timed(one, "found"):
                evidence = int(index.search(sought, 1)[1][0, 0])
            _other_ways(one, "found", store, corpus)
            if store.videos_of([evidence]) != {evidence: video}:
                raise RuntimeError("a video that was added is not found")
            with _timed(one, "removed"):
                store.remove_video(video)
            with _timed(one, "gone"):
                index.search(sought, 1)
            _other_ways(one, "gone", store, corpus)
            for name, clocks in one.items():
                figures[name].append(clocks["cpu"])
        searcher.close()
    return {name: round(float(np.mean(values)), 1) for name, values in figures.items()}


def _other_ways(figures: dict[str, Any], when: str, store: Store, corpus: Corpus) -> None:
    with _timed(figures, f"{when} by kind"):
        store.evidence_ids(_FILTER)
    with _timed(figures, f"{when} by words"):
        store.match([str(word) for word in corpus.words[:_COMMON]], Filters(), 60)


def _bytes(folder: Path) -> dict[str, int]:
    return {
        "library.db": (folder / "library.db").stat().st_size,
        **{name: sum(file.stat().st_size for file in (folder / name).glob("*")) for name in ("vectors", "catalogue")},
    }


@contextmanager
def _timed(figures: dict[str, Any], name: str) -> Iterator[None]:
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    figures[name] = {
        "cpu": round(1000 * (time.process_time() - cpu), 2),
        "wall": round(1000 * (time.perf_counter() - wall), 2),
    }


@contextmanager
def _folder(named: Path | None) -> Iterator[Path]:
    if named is not None:
        yield named
        return
    with tempfile.TemporaryDirectory(prefix="vagent-benchmark-") as folder:
        yield Path(folder)


def table(report: dict[str, Any]) -> str:
    """The figures as text."""
    lines = [f"{report['machine']}; {report['rows']:,} rows", f"{'ms':26}{'cpu':>10}{'wall':>10}"]
    lines += [f"{name:26}{one['cpu']:>10.1f}{one['wall']:>10.1f}" for name, one in report["opening"].items()]
    head = ("cpu p50", "cpu p95", "wall p50", "wall p95")
    lines += ["", f"{'ms':26}" + "".join(f"{name:>10}" for name in head) + f"{'times all':>12}"]
    whole = report["searches"]["all"]["cpu p50"] or 0.1
    for name, one in {**report["searches"], **report["peers"]}.items():
        times = f"{one['cpu p50'] / whole:>12.2f}"
        lines.append(f"{name:26}" + "".join(f"{one[part]:>10.1f}" for part in head) + times)
    lines += ["", f"{'recall@10':26}{'queries':>10}{'rows':>12}"]
    for name, one in report["recall_at_10"].items():
        lines.append(f"{name:26}{one['queries']:>10}{one['rows']:>12,}{one['recall']:>10.4f}")
    made, held = report["columns"]["made"], report["columns"]["bytes"] / 1e6
    lines += [
        "",
        f"columns made in {made['cpu'] / 1e3:.2f} s of processor time ({made['wall'] / 1e3:.2f} s), {held:.1f} MB",
    ]
    lines += [f"{name} {size / 1e6:,.0f} MB" for name, size in report["bytes"].items()]
    lines += [f"peak memory {report['memory_mb']} MB (all searches above)"]
    lines += ["", f"{'one more video, cpu ms':26}" + "".join(f"{size:>12,}" for size in report["one_more"])]
    for name in next(iter(report["one_more"].values())):
        row = [one[name] for one in report["one_more"].values()]
        lines.append(f"{name:26}" + "".join(f"{value:>12.1f}" for value in row) + f"   ratio {row[-1] / row[0]:.2f}")
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where the libraries are made and kept; none: made and deleted")
    parser.add_argument("--queries", type=int, default=270)
    parser.add_argument("--json", type=Path, help="write the figures there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
