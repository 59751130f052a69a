"""What is kept of prompts about the same pictures: it spares work, and changes no result by as much as a bit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")

from tests.models.videollm import FAMILIES, folder
from vagent.configs import load as load_settings
from vagent.tools.videollm import Frames
from vagent.tools.videollm.transformers import TransformersVideoLLM

ORDERS = [f"Which is it?\nA. {one}\nB. {two}\nC. {three}" for one, two, three in ("xyz", "yzx", "zxy")]
WHOLE = frozenset({"qwen3_5"})  # families whose layers keep a state of all tokens: it cannot be gone back to


def engine(family: str) -> TransformersVideoLLM:
    chosen = {"model": str(folder(family)), "precision": "fp32", "tokens": 4}
    return TransformersVideoLLM(load_settings({"threads": 1, "device": "cpu", "videollm": chosen}, env={}))


def frames(seed: int = 0, start: float = 3.0) -> Frames:
    noise = np.random.default_rng(seed)
    return [(start + i, noise.integers(0, 255, (64, 96, 3), dtype=np.uint8)) for i in range(4)]


@contextmanager
def lengths(made: TransformersVideoLLM) -> Iterator[list[int]]:
    """How many tokens went through the model, pass by pass."""
    seen: list[int] = []

    def note(_: Any, __: Any, given: dict[str, Any]) -> None:
        seen.append(given["input_ids"].shape[1])

    hook = made._model()[0].model.register_forward_pre_hook(note, with_kwargs=True)
    try:
        yield seen
    finally:
        hook.remove()


@pytest.mark.parametrize("family", FAMILIES)
def test_further_orders_of_the_options_cost_their_words_alone(family: str) -> None:
    made = engine(family)
    with lengths(made) as seen:
        first = made.score_choices(frames(), ORDERS[0], "ABC")
        once = len(seen)
        further = [made.score_choices(frames(), order, "ABC") for order in ORDERS]
    afresh = []
    for order in ORDERS:
        made.close()
        afresh.append(made.score_choices(frames(), order, "ABC"))
    assert further == afresh
    assert further[0] == first
    assert len({tuple(scores) for scores in further}) == 3
    if family in WHOLE:
        assert min(seen[once:]) > 1
    else:
        assert len(seen) == 2 + len(ORDERS)  # the pictures once, then words alone
        assert len(set(seen[1:])) == 1


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl", "llava"])
def test_it_scores_as_one_pass_over_the_whole_prompt_does(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = engine(family)
    apart = [made.score_choices(frames(), order, "ABC") for order in ORDERS]
    monkeypatch.setattr("vagent.tools.videollm.prefix._pictures_end", lambda loaded, ids: 0)
    with lengths(made) as seen:
        whole = [made.score_choices(frames(), order, "ABC") for order in ORDERS]
    assert len(seen) == len(ORDERS)
    np.testing.assert_allclose(apart, whole, atol=1e-5)


class TestForgetting:
    @pytest.fixture
    def made(self) -> TransformersVideoLLM:
        return engine("qwen3_vl")

    def passes(self, made: TransformersVideoLLM, shown: Frames, prompt: str) -> int:
        with lengths(made) as seen:
            made.score_choices(shown, prompt, "AB")
        return len(seen)

    def test_other_pictures_or_times_are_looked_at(self, made: TransformersVideoLLM) -> None:
        assert self.passes(made, frames(), ORDERS[0]) == 2
        assert self.passes(made, frames(), ORDERS[1]) == 1
        assert self.passes(made, frames(seed=1), ORDERS[1]) == 2
        assert self.passes(made, frames(seed=1, start=40.0), ORDERS[1]) == 2

    def test_nothing_is_kept_while_it_is_asked_something_else(self, made: TransformersVideoLLM) -> None:
        before = made.score_choices(frames(), ORDERS[0], "AB")
        assert made._prefix._cache is not None
        made.answer(frames(seed=1), "What is there?")
        assert made._prefix._cache is None
        list(made.stream(frames(seed=1), "What is there?"))
        assert made.score_choices(frames(), ORDERS[0], "AB") == before
        made.close()
        assert made._prefix._cache is None

    def test_a_pass_that_breaks_leaves_nothing_behind(
        self, made: TransformersVideoLLM, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = made.score_choices(frames(), ORDERS[0], "AB")
        loaded, _ = made._model()
        forward, seen = loaded.model.forward, []

        def short(**given: Any) -> Any:
            seen.append(given)
            if len(seen) == 1:
                forward(**given)  # memory runs out when the words have been added to what is kept
                raise MemoryError
            return forward(**given)

        monkeypatch.setattr(loaded.model, "forward", short)
        assert len(made.score_choices(frames(), ORDERS[1], "AB")) == 2
        monkeypatch.undo()
        made.close()
        assert made.score_choices(frames(), ORDERS[0], "AB") == before

    def test_without_pictures_there_is_nothing_to_keep(self, made: TransformersVideoLLM) -> None:
        assert self.passes(made, [], ORDERS[0]) == 1
        assert made._prefix._cache is None
