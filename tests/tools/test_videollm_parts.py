"""The parts of the transformers engine that need no model: pictures, budgets, control tokens, streams."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from vagent.tools.control import Harmless
from vagent.tools.videollm.budget import Budget, Size, shape
from vagent.tools.videollm.families import FAMILIES, family
from vagent.tools.videollm.pictures import fitted, grid, rgb, thin
from vagent.tools.videollm.streaming import Text, pieces

BLACK = np.zeros((90, 160, 3), np.uint8)


class TestPictures:
    @given(st.integers(0, 200), st.integers(1, 60))
    @hypothesis_settings(max_examples=60, deadline=None)
    def test_thinning_is_even_and_keeps_the_ends(self, count: int, most: int) -> None:
        times = [time for time, _ in thin([(float(i), BLACK) for i in range(count)], most)]
        assert len(times) == min(count, most)
        assert times == sorted(set(times))
        if len(times) > 1:
            assert (times[0], times[-1]) == (0, count - 1)
            gaps = np.diff(times)
            assert gaps.max() - gaps.min() <= 1

    @given(st.integers(1, 4000), st.integers(1, 4000), st.integers(1024, 10**6), st.sampled_from([1, 28, 32]))
    @hypothesis_settings(max_examples=100, deadline=None)
    def test_the_size_is_within_the_budget(self, height: int, width: int, pixels: int, multiple: int) -> None:
        high, wide = fitted(height, width, pixels, multiple)
        if height * width <= pixels:
            assert (high, wide) == (height, width)
        else:
            assert high % multiple == wide % multiple == 0
            assert high * wide <= pixels or multiple in (high, wide)
            if min(high, wide) > 4 * multiple:
                assert high / wide == pytest.approx(height / width, rel=0.3)

    def test_colours_turn_and_pictures_of_other_sizes_are_fitted(self) -> None:
        blue = np.full((45, 80, 3), (255, 0, 0), np.uint8)
        video = rgb([BLACK, blue], (90, 160))
        assert video.shape == (2, 90, 160, 3)
        assert (video[1] == (0, 0, 255)).all()
        assert video.flags.c_contiguous

    @pytest.mark.parametrize(("count", "columns"), [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2), (9, 2)])
    def test_a_grid_is_square_and_reads_from_the_top_left(self, count: int, columns: int) -> None:
        shades = [np.full((90, 160, 3), 50 + 20 * i, np.uint8) for i in range(count)]
        picture, found = grid(shades, [float(i) for i in range(count)], 480)
        assert picture.shape == (480, 480, 3)
        assert found == columns
        rows = -(-count // columns)
        for i in range(count):
            y, x = (i // columns) * (480 // rows), (i % columns) * (480 // columns)
            assert (picture[y + 40, x + 100] == 50 + 20 * i).all()

    def test_times_are_drawn_where_they_can_be_read(self) -> None:
        grey = [np.full((90, 160, 3), 90, np.uint8)] * 4
        assert (grid(grey, [1.0, 2.0, 3.0, 4.0], 480)[0] == 255).any()
        assert not (grid(grey, [1.0, 2.0, 3.0, 4.0], 80)[0] == 255).any()
        assert (grey[0] == 90).all()


class TestBudget:
    def test_detail_goes_before_moments(self) -> None:
        budget, seen = Budget(Size(32, 200_000), scalable=True), []
        while budget.shrink(budget.size):
            seen.append(budget.size)
        assert seen[:2] == [Size(32, 100_000), Size(32, 50_000)]
        assert seen[-1] == Size(1, 6250)
        assert sorted(seen, key=lambda size: (-size.frames, -size.pixels)) == seen

    def test_pixels_do_not_help_where_every_picture_has_the_same(self) -> None:
        budget = Budget(Size(32, 200_000), scalable=False)
        assert budget.shrink(Size(8, 14_400))
        assert budget.size == Size(4, 14_400)

    def test_it_shrinks_from_what_was_really_shown(self) -> None:
        """Half of a limit that nothing reaches would change nothing."""
        budget = Budget(Size(32, 200_000), scalable=True)
        assert budget.shrink(Size(8, 14_400))
        assert budget.size == Size(8, 7200)

    def test_memory_is_that_of_the_real_sizes(self) -> None:
        """Qwen3-VL-8B in bf16 keeps 144 KiB of every token, as its card says."""
        text = {"hidden_size": 4096, "num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8}
        text |= {"head_dim": 128, "intermediate_size": 12288, "max_position_embeddings": 262144, "vocab_size": 151936}
        vision = SimpleNamespace(hidden_size=1152, intermediate_size=4304, patch_size=16)
        config = SimpleNamespace(get_text_config=lambda: SimpleNamespace(**text), vision_config=vision)
        large = shape(config, 2, eager=False, all_logits=False)
        assert large.cache * large.number == 144 * 1024
        assert large.bytes(8000, 0) > 8000 * 144 * 1024
        assert large.fits(8000, 25_000_000, 8 << 30)
        assert not large.fits(8000, 25_000_000, 1 << 30)
        assert not large.fits(262_145, 0, 1 << 50)
        eager = shape(config, 2, eager=True, all_logits=False)
        assert eager.bytes(8000, 0) - large.bytes(8000, 0) == 2 * 2 * 32 * 8000**2
        whole = shape(config, 2, eager=False, all_logits=True)
        assert whole.bytes(8000, 0) - large.bytes(8000, 0) == 2 * 2 * 8000 * 151936


class _Words:
    """A tokenizer's face."""

    def __init__(self, *special: str) -> None:
        self.all_special_tokens = list(special)
        self.image_token = "<image>"

    def decode(self, ids: list[int], skip_special_tokens: bool) -> str:
        assert skip_special_tokens
        return bytes(ids).decode("utf-8", "replace")


class TestControlTokens:
    MARKS = ("<|im_end|>", "<|im_start|>", "<s>", "</s>", "[SEP]", "<image>", "<IMG_CONTEXT>")

    def harmless(self) -> Callable[[str], str]:
        return Harmless(SimpleNamespace(tokenizer=_Words(*self.MARKS[:5]), context_token="<IMG_CONTEXT>"))

    def test_text_without_them_stays_as_it_is(self) -> None:
        text = "Who says <hello>? [00:00:12.0] a < b > c | d"
        assert self.harmless()(text) == text

    @given(st.lists(st.sampled_from([*MARKS, "<|im_", "end|>", "<", "|", ">", "s", " ", "a", "\n"]), max_size=12))
    @hypothesis_settings(max_examples=200, deadline=None)
    def test_none_is_left_and_nothing_is_lost(self, parts: list[str]) -> None:
        text = "".join(parts)
        clean = self.harmless()(text)
        assert not [mark for mark in self.MARKS if mark in clean]
        assert clean.replace(" ", "") == text.replace(" ", "")

    def test_words_and_white_space_in_a_vocabulary_are_no_marks(self) -> None:
        harmless = Harmless(SimpleNamespace(tokenizer=_Words("User", "  ", "\n", "x", "< ")))
        assert harmless("User  says\n x < y") == "User  says\n x < y"


class TestStreams:
    def test_characters_come_whole_and_white_space_at_the_end_never(self) -> None:
        said: list[str] = []
        text = Text(_Words(), said.append)
        text.put(np.array([[1, 2, 3]]))  # the prompt
        for byte in "  Zoë 🎬 is there. \n".encode():
            text.put(np.array([byte]))
        text.end()
        assert "".join(said) == "  Zoë 🎬 is there."
        assert "🎬" in said[[piece.strip() for piece in said].index("🎬")]
        assert not any("\ufffd" in piece for piece in said)

    def test_pieces_come_in_order_and_errors_behind_them(self) -> None:
        def run(said: Callable[[str], None], stop: threading.Event) -> None:
            said("a")
            said("b")
            raise ValueError("broke")

        found: list[str] = []
        with pytest.raises(ValueError, match="broke"):
            found.extend(pieces(run))
        assert found == ["a", "b"] or found == []

    def test_who_does_not_listen_any_more_stops_it(self) -> None:
        stopped = threading.Event()

        def run(said: Callable[[str], None], stop: threading.Event) -> None:
            said("a")
            assert stop.wait(10)
            stopped.set()

        stream = pieces(run)
        assert next(stream) == "a"
        stream.close()
        assert stopped.is_set()


def test_families_are_real_model_types() -> None:
    names: Any = pytest.importorskip("transformers.models.auto.configuration_auto", reason="transformers not installed")
    assert set(FAMILIES) <= set(names.CONFIG_MAPPING_NAMES)
    assert family("something_new") == family("something_else")
