"""The phrases of parts: counted as numbers they are those that counting them one by one gives."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.index.summaries.documents import film, topics
from vagent.index import words
from vagent.index.records import Evidence
from vagent.index.summaries import phrases
from vagent.index.summaries.material import gather
from vagent.index.summaries.phrases import ranked
from vagent.index.summaries.sentences import Sentences
from vagent.tools.time import Span

Key = tuple[str, ...]


def one_by_one(parts: Sequence[Sequence[str]]) -> list[list[tuple[Key, int, str, float]]]:
    """Stems, count, form and score of the phrases that tell most, by the definition."""
    held: list[dict[Key, Counter[str]]] = []
    for texts in parts:
        forms: dict[Key, Counter[str]] = {}
        for run in (run for text in texts for run in phrases._runs(text)):
            for size in range(1, 6):
                for at in range(len(run) - size + 1):
                    piece = run[at : at + size]
                    if size <= 3 or phrases._named(piece):
                        key = tuple(words.stems([word.casefold() for word in piece]))
                        forms.setdefault(key, Counter())[" ".join(piece)] += 1
        held.append(forms)
    sizes = [sum(count.total() for key, count in forms.items() if len(key) == 1) for forms in held]
    found = []
    for forms, size in zip(held, sizes, strict=True):
        scored = []
        for key, written in forms.items():
            count = written.total()
            total = sum(other[key].total() for other in held if key in other)
            elsewhere = (total - count + 0.5) / (sum(sizes) - size + 1)
            gain = max(0.0, math.log((count + 0.5) / (size + 1) / elsewhere)) if len(parts) > 1 else 1.0
            text = max(written, key=lambda form: (written[form], form))
            named = phrases._named(text.split())
            score = count * gain * len(key) ** 0.6 * (1.5 if named else 1.0)
            score *= 1.0 if count > 1 else 0.4 if named or len(key) == 1 else 0.2
            score *= 1 - 0.8 * (sum(key in other for other in held) - 1) / max(1, len(parts) - 1)
            if score > 0:
                scored.append((key, count, text, score))
        found.append(sorted(scored, key=lambda one: (-one[3], one[0]))[:12])
    return found


def sentences(parts: Sequence[Sequence[str]]) -> list[Sentences]:
    rows = [
        Evidence(1, Span(100.0 * part + at, 100.0 * part + at + 0.5), "caption", text, id=1000 * part + at)
        for part, texts in enumerate(parts)
        for at, text in enumerate(texts)
    ]
    held = gather(rows, [], [], 100.0 * len(parts) + 100, {})
    return [held.within(Span(100.0 * part, 100.0 * part + 100)) for part in range(len(parts))]


def same(parts: Sequence[Sequence[str]]) -> None:
    held = sentences(parts)
    found = [[(one.key, one.count, one.text, one.score) for one in part] for part in ranked(held)]
    expected = one_by_one([list(part.texts()) for part in held])
    assert [[one[:3] for one in part] for part in found] == [[one[:3] for one in part] for part in expected]
    scores = [one[3] for part in found for one in part]
    assert scores == pytest.approx([one[3] for part in expected for one in part])


WORDS = st.sampled_from("harbour Harbour HARBOUR ships Ship the of Anna Bell island. lamp lamp's New York City".split())


@given(st.lists(st.lists(st.lists(WORDS, max_size=14).map(" ".join), max_size=5), min_size=1, max_size=4))
@settings(max_examples=100, deadline=None)
def test_the_best_phrases_are_those_of_the_definition(parts: list[list[str]]) -> None:
    same(parts)


def test_the_best_phrases_of_documents_are_those_of_the_definition() -> None:
    same(topics()[:8])
    same([[line for document in topics()[:8] for line in document]])


def test_a_part_that_says_nothing_has_none() -> None:
    rows, _ = film([["The of and."]])
    assert ranked([gather(rows, [], [], 9.0, {}).sentences]) == [[]]
    assert ranked([]) == []
