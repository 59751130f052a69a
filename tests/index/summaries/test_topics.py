"""Cuts between topics: on documents whose bounds are known, and what must hold of any cut."""

from __future__ import annotations

import random
import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.index.summaries.documents import errors, labels, made_up
from vagent.index.summaries.topics import costs, divide


def edges(blocks: int, seconds: float = 10.0) -> list[float]:
    return [seconds * at for at in range(blocks + 1)]


def directions(truth: list[int], seed: int, noise: float) -> np.ndarray:
    """Unit vectors that point one way in each part, more or less."""
    chance = np.random.default_rng(seed)
    ways = chance.standard_normal((truth[-1] + 1, 48))
    found = ways[truth] + noise * chance.standard_normal((len(truth), 48))
    return found / np.linalg.norm(found, axis=1, keepdims=True)


SIZES = [(9, 20, 14, 30, 11), (25, 8, 8, 40), (12, 14), (60, 10, 35, 20, 18, 9)]


@pytest.mark.parametrize("sizes", SIZES)
def test_parts_are_found_by_their_words(sizes: tuple[int, ...]) -> None:
    blocks = made_up(7, sizes, shared=0.6)
    truth = labels(list(np.cumsum(sizes))[:-1], len(blocks))
    cuts = divide(costs(blocks, None), edges(len(blocks)), 30.0, (1, 2 * len(sizes)))
    pk, difference = errors(truth, labels(cuts, len(blocks)))
    assert pk <= 0.05
    assert difference <= 0.08


@pytest.mark.parametrize("sizes", SIZES)
def test_parts_are_found_by_their_meaning_where_they_share_their_words(sizes: tuple[int, ...]) -> None:
    blocks = made_up(3, [sum(sizes)], shared=1.0)
    truth = labels(list(np.cumsum(sizes))[:-1], len(blocks))
    cost = costs(blocks, directions(truth, 1, 1.0))
    pk, _ = errors(truth, labels(divide(cost, edges(len(blocks)), 30.0, (len(sizes), len(sizes))), len(blocks)))
    assert pk <= 0.1
    blind = divide(costs(blocks, None), edges(len(blocks)), 30.0, (len(sizes), len(sizes)))
    assert errors(truth, labels(blind, len(blocks)))[0] > 0.25


def test_what_stays_the_same_is_not_cut() -> None:
    same = [["the", "same", f"word{at % 2}"] for at in range(40)]
    assert divide(costs(same, directions([0] * 40, 1, 0.2)), edges(40), 30.0, (1, 6)) == []


def test_a_good_place_draws_a_cut_that_words_leave_open() -> None:
    silence: list[list[str]] = [[] for _ in range(6)]
    cost = costs([*made_up(5, [15]), *silence, *made_up(6, [9, 15])[9:]], None)
    ease = [0.0] * 37
    for place in (15, 18, 21):
        there = [*ease[:place], 1.0, *ease[place + 1 :]]
        assert divide(cost, edges(36), 30.0, (2, 2), there) == [place]


def test_the_length_of_a_long_film_is_no_hindrance() -> None:
    blocks = [[f"w{random.Random(n).randrange(6000)}" for _ in range(20)] for n in range(720)]
    began = time.perf_counter()
    cuts = divide(costs(blocks, directions([0] * 720, 1, 1.0)), edges(720), 30.0, (8, 20))
    assert 7 <= len(cuts) <= 19
    assert time.perf_counter() - began < 60


@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=6),
    seconds=st.floats(0.5, 40),
    shortest=st.floats(0, 90),
    low=st.integers(1, 4),
    more=st.integers(0, 4),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_cuts_keep_to_what_they_were_told(
    sizes: list[int], seconds: float, shortest: float, low: int, more: int, seed: int
) -> None:
    blocks = made_up(seed, sizes)
    bounds = edges(len(blocks), seconds)
    ease = [random.Random(seed + n).random() for n in range(len(bounds))]
    cuts = divide(costs(blocks, None), bounds, shortest, (low, low + more), ease)
    assert cuts == sorted(set(cuts))
    assert all(0 < cut < len(blocks) for cut in cuts)
    assert len(cuts) + 1 <= low + more
    parts = [0.0, *(bounds[cut] for cut in cuts), bounds[-1]]
    if cuts:
        assert min(b - a for a, b in pairwise(parts)) >= shortest - 1e-5


@given(st.lists(st.lists(st.sampled_from("abcde"), max_size=5), min_size=1, max_size=7))
def test_costs_are_those_of_the_formula(blocks: list[list[str]]) -> None:
    found = costs(blocks, None)
    known = len({word for block in blocks for word in block})
    for start in range(len(blocks)):
        for end in range(start + 1, len(blocks) + 1):
            said = [word for block in blocks[start:end] for word in block]
            bits = sum(np.log(len(said) + known) - np.log(said.count(word) + 1) for word in said)
            assert found[start, end] == pytest.approx(bits, abs=1e-9)
        assert np.isinf(found[start, : start + 1]).all()


def test_blocks_that_mean_nothing_are_no_part_of_any_scatter() -> None:
    vectors = directions([0, 0, 0, 1, 1, 1], 2, 0.1)
    words: list[list[str]] = [[] for _ in range(7)]
    cost = costs(words, np.insert(vectors, 3, 0.0, axis=0))
    assert cost[0, 4] == pytest.approx(cost[0, 3], abs=1e-9)
    assert cost[3, 4] == 0
    assert cost[0, 3] < 0.1 * cost[0, 5]


def test_nothing_to_part_gives_no_cut() -> None:
    assert divide(costs([["a"]], None), [0.0, 50.0], 10.0, (1, 4)) == []
    assert divide(costs([["a"], ["b"]], None), [0.0, 5.0, 10.0], 30.0, (2, 4)) == []
    assert divide(costs([["a"], ["b"]], None), [0.0, 50.0, 99.0], 30.0, (1, 1)) == []
