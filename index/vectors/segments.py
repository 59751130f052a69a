"""Files of vectors that are never changed: each holds those of a stretch of row numbers, in inverted lists.

A file is FAISS's own, mapped into memory, so that opening it costs no more than its head. Whether what it holds is what
was written is checked list by list, when a search first looks into a list: nothing is used that has not been checked,
and nothing is read only to be checked. Beside it lie the row numbers and the check sums.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vagent.index.store import Ids, Vectors
from vagent.index.vectors import Scores
from vagent.index.vectors.lists import Lists
from vagent.tools.files import sync_folder

_NUMBER = 8  # bytes of a position in a file of FAISS

Batch = tuple[Ids, Ids, Vectors]
"""Row numbers, evidence ids, vectors."""


class Damaged(Exception):
    """A file does not hold what was written; the text says how that shows."""


class Segment:
    """The vectors of a stretch of rows.

    Attributes:
        rows, evidence, lists: of each vector its row number (ascending), its evidence's id and its list.
        rising: whether the evidence's ids are ascending.
        index: FAISS's, whose ids are positions in these.
        file: where it lies; None: in memory alone.
    """

    def __init__(self, index: Any, rows: Ids, evidence: Ids, lists: NDArray[np.int32]) -> None:
        self.index = index
        self.rows = rows
        self.evidence = evidence
        self.lists = lists
        self.rising = bool(np.all(evidence[1:] > evidence[:-1]))
        self.file: Path | None = None
        self._sums: NDArray[np.uint64] | None = None
        self._starts: NDArray[np.int64] | None = None
        self._unseen: NDArray[np.bool_] | None = None
        self._content: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def of(cls, faiss: Any, lists: Lists, batches: Iterable[tuple[Batch, NDArray[np.int64]]]) -> Self:
        """A segment in memory, of batches and the lists that their vectors lie in."""
        from faiss.contrib.ivf_tools import add_preassigned

        number, dimension = lists.centres.shape
        quantizer = faiss.IndexFlatIP(dimension)
        quantizer.add(np.ascontiguousarray(lists.centres))
        half = faiss.ScalarQuantizer.QT_fp16
        # The numbers themselves and not what is left of them without the centre: as exact as the database.
        index = faiss.IndexIVFScalarQuantizer(quantizer, dimension, number, half, faiss.METRIC_INNER_PRODUCT, False)
        index.is_trained = True
        rows, evidence, places = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0, np.int32)]
        for (some_rows, some_evidence, vectors), some_lists in batches:
            add_preassigned(index, np.ascontiguousarray(vectors), some_lists)
            rows.append(some_rows)
            evidence.append(some_evidence)
            places.append(some_lists.astype(np.int32))
        return cls(index, np.concatenate(rows), np.concatenate(evidence), np.concatenate(places))

    @classmethod
    def open(cls, faiss: Any, file: Path) -> Self:
        """A segment from its files.

        Raises:
            Damaged: its head or its row numbers are not what was written, or it is cut short.
            OSError: it cannot be read.
        """
        try:
            with np.load(sums_of(file), allow_pickle=False) as kept:
                rows, evidence, lists, sums, head = (kept[n] for n in ("rows", "evidence", "lists", "sums", "head"))
        except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise Damaged(f"its row numbers cannot be read: {error}") from error
        length, size, expected = (int(number) for number in head)
        if file.stat().st_size != size:
            raise Damaged(f"it has {file.stat().st_size} bytes, not {size}")
        content = np.memmap(file, np.uint8, "r")
        if _sum(content[:length]) != expected:
            raise Damaged("its head is not what was written")
        segment = cls(faiss.read_index(str(file), faiss.IO_FLAG_MMAP_IFC), rows, evidence, lists)
        counts = np.bincount(lists, minlength=len(sums))
        width = segment.index.code_size + _NUMBER
        segment.file, segment._sums, segment._content = file, sums, content
        segment._starts = length + np.concatenate([[0], np.cumsum(counts * width)])
        segment._unseen = np.ones(len(sums), bool)
        return segment

    def save(self, faiss: Any, file: Path) -> None:
        """Writes the files of a segment that lies in memory; they are not there by these names before they are whole.

        Raises:
            OSError: they cannot be written.
        """
        temporary = file.with_name(f".{file.name}.new")
        try:
            try:
                faiss.write_index(self.index, str(temporary))
            except RuntimeError as error:
                raise OSError(str(error)) from error
            content = np.memmap(temporary, np.uint8, "r")
            counts = np.bincount(self.lists, minlength=self.index.nlist)
            ends = np.cumsum(counts * (self.index.code_size + _NUMBER))
            length = len(content) - int(ends[-1])
            bounds = length + np.concatenate([[0], ends])
            sums = np.array([_sum(content[a:b]) for a, b in pairwise(bounds)], np.uint64)
            head = np.array([length, len(content), _sum(content[:length])], np.uint64)
            with sums_of(file).open("wb") as stream:
                np.savez(stream, rows=self.rows, evidence=self.evidence, lists=self.lists, sums=sums, head=head)
                stream.flush()
                os.fsync(stream.fileno())
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())
            del content
            temporary.replace(file)
            sync_folder(file.parent)
        except BaseException:
            temporary.unlink(missing_ok=True)
            sums_of(file).unlink(missing_ok=True)
            raise

    def centres(self, faiss: Any) -> Vectors:
        """The centres of the lists, shape (lists, dimension)."""
        quantizer = faiss.downcast_index(self.index.quantizer)
        return np.asarray(quantizer.reconstruct_n(0, self.index.nlist), np.float32)

    def check(self, lists: NDArray[np.int64] | None = None) -> None:
        """Whether some lists, or all, are what was written; those that were found good are not read again.

        Raises:
            Damaged: one of them is not.
        """
        if self._unseen is None or self._starts is None or self._sums is None or self._content is None:
            return  # never was a file
        left = np.flatnonzero(self._unseen) if lists is None else lists[self._unseen[lists]]
        for number in np.unique(left):
            start, end = self._starts[number], self._starts[number + 1]
            if _sum(self._content[start:end]) != int(self._sums[number]):
                raise Damaged("a list is not what was written")
            self._unseen[number] = False

    def search(
        self, faiss: Any, queries: Vectors, k: int, lists: NDArray[np.int64], chosen: NDArray[np.bool_] | None
    ) -> tuple[Scores, NDArray[np.int64]]:
        """The nearest in some lists: inner products and positions, both (n, k); -inf and -1 where there are fewer.

        Args:
            lists: those to look into for each query, shape (n, lists); -1: none.
            chosen: only these positions.

        Raises:
            Damaged: a list is not what was written.
        """
        self.check(np.unique(lists[lists >= 0]))
        scores = np.full((len(queries), k), -np.inf, np.float32)
        places = np.full((len(queries), k), -1, np.int64)
        selector = None
        if chosen is not None:
            selector = faiss.IDSelectorBitmap(np.packbits(chosen, bitorder="little"))
        keys, query = np.ascontiguousarray(lists), np.ascontiguousarray(queries, np.float32)
        near = np.zeros(keys.shape, np.float32)  # how near a list is does not count where the numbers are whole
        pointer = faiss.swig_ptr
        self.index.search_preassigned_c(
            len(query),
            pointer(query),
            k,
            pointer(keys),
            pointer(near),
            pointer(scores),
            pointer(places),
            False,
            faiss.SearchParametersIVF(sel=selector, nprobe=keys.shape[1]),
            None,
        )
        scores[places < 0] = -np.inf
        return scores, places

    def joined(self, faiss: Any, later: Segment) -> Segment:
        """This and the next stretch of rows as one segment in memory; both stay as they are.

        Raises:
            Damaged: a list of either is not what was written.
        """
        for one in (self, later):
            one.check()
        index = self._copy(faiss)
        index.merge_from(later._copy(faiss), index.ntotal)
        rows, evidence = np.concatenate([self.rows, later.rows]), np.concatenate([self.evidence, later.evidence])
        return Segment(index, rows, evidence, np.concatenate([self.lists, later.lists]))

    def _copy(self, faiss: Any) -> Any:
        return faiss.clone_index(self.index) if self.file is None else faiss.read_index(str(self.file))


def together(batches: Sequence[Batch]) -> Batch:
    """Batches that follow each other as one."""
    rows, evidence, vectors = zip(*batches, strict=True)
    return np.concatenate(rows), np.concatenate(evidence), np.concatenate(vectors)


def sums_of(file: Path) -> Path:
    """The file beside a segment's that holds its row numbers and check sums."""
    return file.with_suffix(".npz")


def _sum(content: NDArray[np.uint8]) -> int:
    import xxhash

    return xxhash.xxh3_64_intdigest(content.data)


@contextmanager
def one_thread(faiss: Any) -> Iterator[None]:
    """A search takes milliseconds; on a busy machine threads that wait for each other make it ten times slower."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
