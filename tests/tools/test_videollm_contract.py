"""What every video-LLM engine must keep to, whoever wrote it: each engine, and of ours over transformers each family.

An engine that is added to ``vagent.tools.engines.ENGINES`` gets a row in ``BUILT``: what makes it run here, with
settings that choose it. Random weights say nothing that makes sense; whether an engine sees what is there is tested
where its weights mean something.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import numpy as np
import pytest

from tests.models import videollm as tiny
from tests.openai_server import serving
from vagent.configs import Settings
from vagent.configs import load as load_settings
from vagent.errors import EngineFailed
from vagent.tools import engines
from vagent.tools.videollm import Frames, VideoLanguageModel

PROMPT = "You see pictures of one video at 00:01:02.0 and later. What is there? A. a cat B. a car"


@contextmanager
def _server() -> Iterator[Settings]:
    likely = [{"token": "B", "logprob": -0.2}, {"token": " A", "logprob": -2.0}, {"token": "C", "logprob": -3.0}]
    with serving(probable=lambda request: likely) as server:
        yield load_settings({"videollm": {"endpoint": server.url, "tokens": 8}}, env={})


def _family(name: str) -> Callable[[], AbstractContextManager[Settings]]:
    @contextmanager
    def built() -> Iterator[Settings]:
        pytest.importorskip("transformers", reason="transformers is not installed")
        chosen = {"model": str(tiny.folder(name)), "precision": "fp32", "tokens": 8}
        yield load_settings({"threads": 1, "device": "cpu", "videollm": chosen}, env={})

    return built


BUILT: dict[tuple[str, str], Callable[[], AbstractContextManager[Settings]]] = {
    ("openai", ""): _server,
    **{("transformers", name): _family(name) for name in tiny.FAMILIES},
}


_KEPT: dict[str, VideoLanguageModel] = {}


@pytest.fixture(params=BUILT, ids=lambda row: "-".join(filter(None, row)))
def engine(request: pytest.FixtureRequest) -> Iterator[VideoLanguageModel]:
    """One engine; a model is loaded once for all tests, a server is one's own."""
    name, family = request.param
    with BUILT[request.param]() as settings:
        chosen = engines.choose("videollm", settings)
        assert chosen.name == name
        assert chosen.engine is not None
        made: VideoLanguageModel = _KEPT.get(family) or chosen.engine(settings)
        if family:
            _KEPT[family] = made
        yield made
        if not family:
            made.close()


def frames(count: int, seed: int = 0) -> Frames:
    noise = np.random.default_rng(seed)
    return [(62.0 + 1.5 * i, noise.integers(0, 255, (48, 64, 3), dtype=np.uint8)) for i in range(count)]


def test_every_engine_has_a_row() -> None:
    assert {name for name, _ in BUILT} >= set(engines.names("videollm"))


class TestVideoLLM:
    def test_it_is_a_video_language_model(self, engine: VideoLanguageModel) -> None:
        assert isinstance(engine, VideoLanguageModel)
        assert engine.notices == []
        assert any(c.isdigit() for c in engine.revision)

    @pytest.mark.parametrize("count", [0, 1, 3])
    def test_an_answer_is_stripped_text_and_always_the_same(self, engine: VideoLanguageModel, count: int) -> None:
        said = engine.answer(frames(count), PROMPT)
        assert said == said.strip() == engine.answer(frames(count), PROMPT)
        assert "<think>" not in said

    def test_a_stream_says_what_the_answer_says(self, engine: VideoLanguageModel) -> None:
        assert "".join(engine.stream(frames(2), PROMPT)) == engine.answer(frames(2), PROMPT)

    def test_a_stream_can_be_left(self, engine: VideoLanguageModel) -> None:
        stream = engine.stream(frames(2), PROMPT)
        next(stream, "")
        stream.close()  # type: ignore[attr-defined]
        assert engine.answer(frames(2), PROMPT) == engine.answer(frames(2), PROMPT)

    def test_captions_are_the_answers_in_order(self, engine: VideoLanguageModel) -> None:
        clips, prompts = (
            [frames(2), frames(3, seed=1), [], frames(2, seed=2)],
            ["One?", "Two, and why?", "None", PROMPT],
        )
        alone = [engine.answer(shown, prompt) for shown, prompt in zip(clips, prompts, strict=True)]
        assert engine.caption(clips, prompts) == alone
        assert engine.caption([], []) == []
        with pytest.raises(ValueError, match="shorter"):
            engine.caption(clips, prompts[:2])

    def test_scores_are_log_probabilities_over_the_letters(self, engine: VideoLanguageModel) -> None:
        if not engine.scores:
            pytest.skip("it gives no probabilities")
        scores = engine.score_choices(frames(2), PROMPT, ["A", "B", "C"])
        assert len(scores) == 3
        assert sum(math.exp(score) for score in scores) == pytest.approx(1)
        turned = engine.score_choices(frames(2), PROMPT, ["C", "A", "B"])
        np.testing.assert_allclose([turned[1], turned[2], turned[0]], scores, atol=1e-5)

    def test_more_frames_than_it_takes_are_thinned(self, engine: VideoLanguageModel) -> None:
        assert isinstance(engine.answer(frames(engine.settings.videollm.frames + 9), PROMPT, tokens=1), str)

    def test_control_tokens_and_odd_text_do_no_harm(self, engine: VideoLanguageModel) -> None:
        odd = "<|im_end|>\n<|im_start|>system <|video_pad|><image><video></s><think> \0 \ud800 🎬 {prompt} {{ x }}"
        assert isinstance(engine.answer(frames(2), odd), str)
        assert isinstance(engine.answer([], ""), str)

    def test_the_pictures_are_left_as_they_are(self, engine: VideoLanguageModel) -> None:
        shown, before = frames(2), frames(2)
        for _, image in shown:
            image.setflags(write=False)
        engine.answer(shown, PROMPT)
        assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(shown, before, strict=True))

    def test_it_works_again_after_closing(self, engine: VideoLanguageModel) -> None:
        before = engine.answer(frames(2), PROMPT)
        engine.close()
        engine.close()
        assert engine.answer(frames(2), PROMPT) == before

    def test_a_length_is_kept_to(self, engine: VideoLanguageModel) -> None:
        try:
            assert len(engine.answer(frames(2), PROMPT, tokens=1)) <= len(engine.answer(frames(2), PROMPT, tokens=64))
        except EngineFailed as error:
            pytest.fail(f"a short answer is no failure: {error}")
