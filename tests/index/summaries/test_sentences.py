"""Sentences and names in columns: what comes out is what went in, in order of time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vagent.index import words
from vagent.index.records import Kind
from vagent.index.summaries import sentences as module
from vagent.index.summaries.sentences import Columns, Heading, Label, Labels, Sentence, Sentences, Vocabulary, content
from vagent.tools.time import Span

SPANS = st.tuples(st.integers(0, 20), st.integers(0, 5)).map(lambda one: Span(float(one[0]), float(one[0] + one[1])))
TEXTS = st.text(alphabet="aä\u65e5 \u00df3.", max_size=12)
KINDS = st.sampled_from(["subtitle", "speech", "screen_text", "caption"])
GIVEN = st.lists(st.tuples(SPANS, KINDS, TEXTS, st.booleans(), st.none() | st.builds(Heading, TEXTS, st.floats(0, 1))))


def columns(given: Sequence[Any], vectors: Any = lambda ids: {}) -> Sentences:
    made = Columns(vocabulary := Vocabulary(), vectors)
    for number, (span, kind, text, weak, heading) in enumerate(given):
        made.add(span, kind, text, [number, number + 1], weak, heading)
    vocabulary.close()
    return made.in_order()


@given(GIVEN)
def test_sentences_come_out_as_they_went_in(given: list[tuple[Span, Kind, str, bool, Heading | None]]) -> None:
    plain = [
        Sentence(
            span,
            kind,
            text,
            (number, number + 1),
            tuple(words.stems(content(text))),
            len(words.words(text)),
            weak,
            heading,
        )
        for number, (span, kind, text, weak, heading) in enumerate(given)
    ]
    plain.sort(key=lambda sentence: (sentence.span, sentence.rows))
    held = columns(given)
    assert list(held) == plain
    assert [held[at] for at in range(len(held))] == plain
    assert list(held[1::2]) == plain[1::2]
    assert list(held.texts()) == [sentence.text for sentence in plain]
    assert held.at.tolist() == [sentence.at for sentence in plain]
    assert held.lengths.tolist() == [sentence.length for sentence in plain]
    assert held.contents.tolist() == [len(sentence.words) for sentence in plain]
    assert list(held.take(held.weak)) == [sentence for sentence in plain if sentence.weak]
    assert list(held.take(held.spoken)) == [s for s in plain if s.kind in ("subtitle", "speech")]
    assert list(held.headings()) == [(s.span.start, s.heading) for s in plain if s.heading]
    assert held.counted() == Counter(word for sentence in plain for word in sentence.words)
    assert list(held.within(3.0, 9.0)) == [sentence for sentence in plain if 3.0 <= sentence.at < 9.0]
    assert list(held[:0].with_those_of([held[2:], held[:2]])) == [*plain[2:], *plain[:2]]


def test_directions_are_read_in_pages_and_are_those_of_all_rows(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "_PAGE", 2)
    asked: list[Sequence[int]] = []
    vectors = {0: np.array([3, 0], np.float32), 1: np.array([0, 3], np.float32), 4: np.array([0, 7], np.float32)}

    def read(ids: Sequence[int]) -> dict[int, Any]:
        asked.append(ids)
        return {number: vectors[number] for number in ids if number in vectors}

    held = columns([(Span(n, n + 1), "subtitle", "a", False, None) for n in range(4)], read)
    found = [None if one is None else one.round(3).tolist() for one in held.directions()]
    assert found == [[0.707, 0.707], [0, 1], None, [0, 1]]
    assert asked == [[0, 1, 2], [2, 3, 4]]


@given(st.lists(st.tuples(SPANS, st.sampled_from(["a dog", "a\u202e cat"]), st.booleans())), SPANS)
def test_names_come_out_as_they_went_in(given: list[tuple[Span, str, bool]], stretch: Span) -> None:
    held = Labels(vocabulary := Vocabulary())
    for number, (span, text, weak) in enumerate(given):
        held.add(span, "objects", text, number, weak)
    vocabulary.close()
    held.close()
    plain = [
        Label(span, "objects", text.replace("\u202e", ""), number, (text.split()[-1],), weak)
        for number, (span, text, weak) in enumerate(given)
    ]
    plain.sort(key=lambda label: (label.span, label.row))
    assert list(held) == list(held[:]) == [held[at] for at in range(len(held))] == plain
    assert held.during(stretch) == [label for label in plain if label.span.overlap(stretch) > 0]


def test_every_kind_has_a_code() -> None:
    kinds: tuple[Kind, ...] = get_args(Kind)
    held = columns([(Span(n, n), kind, "a", False, None) for n, kind in enumerate(kinds)])
    assert [sentence.kind for sentence in held] == list(kinds)
