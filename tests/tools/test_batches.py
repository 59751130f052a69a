"""How many items are worked on at once: as the settings say, else by the graphics card's memory."""

from __future__ import annotations

from functools import cache
from typing import get_args

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vagent.configs import Settings, load
from vagent.tools import batches
from vagent.tools.batches import Work, size
from vagent.tools.weights import machine

WORKS: tuple[Work, ...] = get_args(Work)
GB = 10**9


@cache
def default() -> Settings:
    return settings()


def settings(**given: object) -> Settings:
    return load({"device": "auto", **given}, env={})


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    ("memory", "wanted"),
    [
        (0, {"captions": 4, "speech": 8, "visual": 16, "objects": 4, "sounds": 4}),
        (8, {"captions": 4, "speech": 2, "visual": 64, "objects": 8, "sounds": 32}),
        (16, {"captions": 8, "speech": 4, "visual": 128, "objects": 16, "sounds": 32}),
        (24, {"captions": 16, "speech": 8, "visual": 128, "objects": 16, "sounds": 32}),
        (40, {"captions": 16, "speech": 8, "visual": 128, "objects": 32, "sounds": 32}),
        (80, {"captions": 32, "speech": 16, "visual": 128, "objects": 32, "sounds": 32}),
    ],
)
def test_a_larger_card_takes_more_at_once(memory: int, wanted: dict[Work, int], card: pytest.MonkeyPatch) -> None:
    card.setattr(machine, "_cards", lambda: (memory * GB,) if memory else ())
    assert {work: size(work, default()) for work in WORKS} == wanted


@pytest.mark.parametrize("work", WORKS)
def test_what_is_set_counts(work: Work, card: pytest.MonkeyPatch) -> None:
    card.setattr(machine, "_cards", lambda: (80 * GB,))
    assert size(work, settings(**{work: {"batch": 3}})) == 3


def test_on_the_processor_no_card_counts(card: pytest.MonkeyPatch) -> None:
    card.setattr(machine, "_cards", lambda: (80 * GB,))
    assert size("visual", settings(device="cpu")) == 16


@hypothesis.settings(deadline=None)
@given(memory=st.integers(1, 200 * GB), work=st.sampled_from(WORKS))
def test_a_batch_is_a_power_of_two_within_its_share(memory: int, work: Work) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        patch.setattr(machine, "_cards", lambda: (memory,))
        found = size(work, default())
    items = batches._TABLE[work]
    assert found & (found - 1) == 0
    assert found == 1 or found * items.each <= batches._SHARE * memory
    assert found == items.most or 2 * found * items.each > batches._SHARE * memory
