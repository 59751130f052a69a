"""Central sentences and titles: what a stretch is about, without repeating itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.index.summaries.documents import film, slides, topics
from vagent.index.records import Evidence
from vagent.index.summaries import extract
from vagent.index.summaries.extract import central, likeness, worths
from vagent.index.summaries.material import gather
from vagent.index.summaries.sentences import Sentence, Sentences
from vagent.index.summaries.titles import titles
from vagent.tools.time import Span


def sentences(parts: Sequence[Sequence[str]]) -> list[Sentences]:
    rows, starts = film(parts)
    duration = rows[-1].span.end
    held = gather(rows, [], [], duration, {})
    ends = [*starts[1:], duration]
    return [held.within(Span(start, end)) for start, end in zip(starts, ends, strict=True)]


def everywhere(parts: Sequence[Sequence[Sentence]]) -> Counter[str]:
    return Counter(word for part in parts for sentence in part for word in sentence.words)


LIGHTHOUSE = [
    "Well, hello again.",
    "The lighthouse was built in eighteen ninety-one on the northern cliff.",
    "Its lamp can be seen for twenty miles across the bay.",
    "And so on.",
    "The keeper of the lighthouse cleans the lamp every morning.",
    "Do you like it?",
    "Storms have damaged the tower of the lighthouse three times.",
]
BREAD = [
    "Today the bakery sells rye bread and sourdough.",
    "The baker kneads the dough for the bread before sunrise.",
    "Yes.",
    "Fresh bread from the oven costs four euros a loaf.",
]


def test_the_sentences_taken_say_what_the_part_is_about() -> None:
    parts = sentences([LIGHTHOUSE, BREAD])
    taken = central(parts[0], everywhere(parts), 3, 60)
    assert [s.text for s in taken] == [s.text for s in sorted(taken, key=lambda s: s.span)]
    assert len(taken) == 3
    assert all("lighthouse" in s.text or "lamp" in s.text for s in taken)


def test_a_repeated_sentence_is_taken_once_and_a_budget_is_kept() -> None:
    (part,) = sentences([[BREAD[0]] * 4 + [BREAD[1]]])
    taken = central(part, everywhere([part]), 5, 60)
    assert sorted(s.text for s in taken) == sorted([BREAD[0], BREAD[1]])
    assert len(central(part, everywhere([part]), 5, 9)) == 1
    assert len(central(part, everywhere([part]), 5, 1)) == 1


def test_weak_evidence_goes_behind_good() -> None:
    rows = [
        Evidence(1, Span(0, 4), "speech", "The lighthouse has a lamp and a tower.", weak=True, id=1),
        Evidence(1, Span(5, 9), "caption", "The lighthouse has a lamp and a tower.", id=2),
    ]
    part = gather(rows, [], [], 10.0, {}).sentences
    (taken,) = central(part, everywhere([part]), 1, 60)
    assert taken.kind == "caption"


def test_what_was_hardly_recognised_is_quoted_only_where_there_is_little_else() -> None:
    lines = [("the ridden lion of the sea goes home", True), ("A map of the harbour.", False), ("Ships at sea.", False)]
    rows = [Evidence(1, Span(n, n + 1), "caption", text, weak=weak, id=n) for n, (text, weak) in enumerate(lines)]
    part = gather(rows, [], [], 10.0, {}).sentences
    assert [s.weak for s in central(part, everywhere([part]), 3, 60)] == [False, False]
    assert [s.weak for s in central(part[:2], everywhere([part]), 3, 60)] == [True, False]


def test_likeness_is_by_meaning_where_everything_was_embedded() -> None:
    (part,) = sentences([BREAD])
    assert likeness(part)[0, 1] > likeness(part)[1, 2]
    rows, _ = film([BREAD])
    vectors = {row.id: np.eye(4, dtype=np.float32)[n // 2] for n, row in enumerate(rows)}
    turned = gather(rows, [], [], rows[-1].span.end, vectors).sentences
    assert likeness(turned).tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]


def test_of_a_long_stretch_the_best_of_its_parts_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    about = [f"{line} It stands on rock {n}." for n in range(40) for line in LIGHTHOUSE]
    (part,) = sentences([about])
    sizes: list[int] = []
    monkeypatch.setattr(extract, "likeness", lambda held: (sizes.append(len(held)), likeness(held))[1])
    for most in (600, 50, 20):
        monkeypatch.setattr(extract, "_COMPARED", most)
        taken = central(part, everywhere([part]), 5, 200)
        assert len(taken) >= 3 and all(sentence in part for sentence in taken)
        assert sum("lighthouse" in s.text or "lamp" in s.text or "rock" in s.text for s in taken) >= len(taken) - 1
        assert [s.span for s in taken] == sorted(s.span for s in taken)
        assert max(sizes) <= most
        sizes.clear()


@given(st.lists(st.text(alphabet="abc .?!", max_size=30), max_size=10), st.integers(0, 4), st.integers(0, 20))
@settings(max_examples=60, deadline=None)
def test_whatever_is_said_what_is_taken_was_said(lines: list[str], count: int, most: int) -> None:
    parts = sentences([[*lines, "a"]])
    taken = central(parts[0], everywhere(parts), count, most)
    assert len(taken) <= count
    assert all(sentence in parts[0] for sentence in taken)
    assert all(0 <= worth <= 1 for worth in worths(parts[0], everywhere(parts)))


def test_a_title_is_what_its_part_speaks_of_and_others_do_not() -> None:
    both = [f"{line} The island is small." for line in LIGHTHOUSE], [f"{line} The island is small." for line in BREAD]
    parts = sentences(both)
    found = titles(parts, [Span(0, 28), Span(28, 44)], None)
    assert "lighthouse" in found[0].lower()
    assert "bread" in found[1].lower()
    assert not any("island" in title.lower() for title in found)


def test_a_name_is_kept_whole() -> None:
    lines = ["We meet at the Goddard Space Flight Center.", "The Goddard Space Flight Center is large.", "It is late."]
    (title,) = titles(sentences([lines]), [Span(0, 12)], None)
    assert title == "Goddard Space Flight Center"


def test_a_heading_at_the_start_is_the_title_unless_every_part_has_it() -> None:
    late = [(190.0, "Too late", 0.4)]
    shown = [[(n * 50.0 + 1, f"Part {n}", 0.1), (n * 50.0 + 1, "ACME", 0.2)] for n in range(4)]
    parts = [slides(*held, *(late if n == 3 else [])) for n, held in enumerate(shown)]
    spans = [Span(n * 50.0, n * 50.0 + 50) for n in range(4)]
    assert titles(parts, spans, None) == ["Part 0", "Part 1", "Part 2", "Part 3"]


def test_the_phrase_nearest_to_the_meaning_wins() -> None:
    rows = [Evidence(1, Span(n, n + 1), "subtitle", "A harbour and a bakery.", id=n) for n in range(3)]
    part = gather(rows, [], [], 3.0, {n: np.array([0.0, 1.0], np.float32) for n in range(3)}).sentences

    def embed(texts: Sequence[str]) -> np.ndarray:
        return np.array([[0.0, 1.0] if "bakery" in text else [1.0, 0.0] for text in texts], np.float32)

    assert titles([part], [Span(0, 3)], embed) == ["Bakery"]
    assert titles([part[:0]], [Span(0, 3)], embed) == [""]


def test_titles_of_small_documents_name_their_matter() -> None:
    documents = topics()[:12]
    rows, starts = film(documents)
    ends = [*starts[1:], rows[-1].span.end]
    held = gather(rows, [], [], rows[-1].span.end, {})
    spans = [Span(start, end) for start, end in zip(starts, ends, strict=True)]
    found = titles([held.within(span) for span in spans], spans, None)
    assert all(found)
    assert all(
        word.lower() in " ".join(document).lower()
        for title, document in zip(found, documents, strict=True)
        for word in title.replace(",", "").split()
    )
    assert len(set(found)) == len(found)
