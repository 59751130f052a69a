"""What every engine must keep to, whoever wrote it: one class for all engines, one class for each sense.

An engine that is added to ``vagent.tools.engines.ENGINES`` is tested here by itself.
"""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tests import openai_server
from tests.models import chat, easyocr, embeddings, objects, sounds, videollm, visual, whisper, whisper_tones
from tests.sounds import RATE, SENTENCES, Sound, chords, noise, silence, speech
from tests.text_pictures import page
from vagent.configs import Settings
from vagent.configs import load as load_settings
from vagent.errors import EngineUnavailable
from vagent.tools import engines
from vagent.tools.embeddings import EmbeddingEngine
from vagent.tools.engines import SENSES, Sense, Status
from vagent.tools.objects import Detection, ObjectEngine
from vagent.tools.sounds import SoundEngine
from vagent.tools.speech import SpeechEngine
from vagent.tools.text import Image, Region, TextEngine, TextLine
from vagent.tools.videollm import Frames, VideoLanguageModel
from vagent.tools.visual import VisualEngine

HEAVY = ("av", "cv2", "faiss", "onnx", "onnxruntime", "rapidocr", "sentence_transformers", "torch", "transformers")


Overrides = dict[str, Any]

TINY: dict[tuple[Sense, str], Callable[[], Overrides]] = {
    ("text", "easyocr"): lambda: {"text": {"model": str(easyocr.folder()), "detect_side": 320}},
    ("sounds", "ast"): lambda: {"sounds": {"model": str(sounds.folder("ast"))}},
    ("sounds", "clap"): lambda: {"sounds": {"model": str(sounds.folder("clap"))}},
    ("objects", "transformers"): lambda: objects.tiny("transformers"),
    ("objects", "ultralytics"): lambda: objects.tiny("ultralytics"),
    ("embeddings", "sentence-transformers"): lambda: {"embeddings": {"model": str(embeddings.folder())}},
    ("visual", "transformers"): lambda: {"visual": {"model": str(visual.folder("siglip2"))}},
    ("speech", "faster-whisper"): lambda: {"speech": {"model": str(whisper.ctranslate2())}},
    ("speech", "openai-whisper"): lambda: {"speech": {"model": str(whisper.openai())}},
    ("videollm", "openai"): lambda: {"videollm": {"endpoint": openai_server.lasting()}},
    ("chat", "openai"): lambda: {"chat": {"endpoint": openai_server.lasting()}},
    ("chat", "transformers"): lambda: {"chat": {"model": str(chat.folder("qwen"))}},
    ("chat", "videollm"): lambda: {"videollm": {"model": str(videollm.folder("qwen3_vl"))}},
}
"""Engines that need a model, and how to give them a tiny one with random weights: it keeps to everything but sense.

Those of speech have learnt a language of tones and are asked for sense in that."""


def settings_for(sense: Sense, name: str) -> Settings:
    """The settings with which an engine is tested."""
    return load_settings({"threads": 1, "device": "cpu", **overrides_for(sense, name)}, env={})


@cache
def overrides_for(sense: Sense, name: str) -> Overrides:
    tiny = TINY.get((sense, name))
    return {"engines": {sense: name}, **(tiny() if tiny else {})}


def engine_class(sense: Sense, name: str) -> type[Any]:
    """The class of one engine; the test is skipped where it cannot run."""
    settings = settings_for(sense, name)
    status = engines.check(sense, name, settings)
    if not status.ready:
        pytest.skip(f"{name} cannot run here: {status.reason}")
    chosen = engines.choose(sense, settings).engine
    assert chosen is not None
    return chosen


def sensible(sense: Sense, engine: Any) -> None:
    """Skips a test that asks for sense from an engine whose weights are random here."""
    if (sense, engine.name) in TINY:
        pytest.skip(f"{engine.name} runs on random weights here, which have learnt nothing")


EVERY = [(sense, name) for sense in SENSES for name in engines.names(sense)]

MAKING = """
import json, sys
from vagent.configs import load
from vagent.tools import engines
heavy, given = json.load(sys.stdin)
loaded = set()
for sense, name, overrides in given:
    settings = load(overrides, env={})
    status = engines.check(sense, name, settings)
    if status.ready:
        engines.choose(sense, settings).engine(settings)
    print(json.dumps([m for m in heavy if m in sys.modules and m not in loaded]))
    loaded |= sys.modules.keys()
"""


@pytest.fixture(scope="module")
def loaded() -> dict[tuple[Sense, str], list[str]]:
    """What making each engine loads beyond what those before it have, in one process."""
    given = json.dumps([HEAVY, [(sense, name, overrides_for(sense, name)) for sense, name in EVERY]])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    command = [sys.executable, "-c", MAKING]
    done = subprocess.run(command, input=given, capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return dict(zip(EVERY, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize(("sense", "name"), EVERY)
class TestEveryEngine:
    def test_it_says_what_it_is(self, sense: Sense, name: str) -> None:
        found = engine_class(sense, name)
        assert found.name == name
        assert isinstance(found.weak, bool)
        assert inspect.getdoc(found)
        revision = found(settings_for(sense, name)).revision
        assert isinstance(revision, str)
        assert any(c.isdigit() for c in revision)

    def test_checking_and_making_it_cost_nothing(self, sense: Sense, name: str, loaded: Any) -> None:
        """No model is loaded and nothing heavy imported before the first use."""
        assert loaded[sense, name] == []

    def test_the_check_is_quick_and_gives_a_reason(self, sense: Sense, name: str) -> None:
        settings = settings_for(sense, name)
        engines.check(sense, name, settings)
        begin = time.process_time()
        status = engines.check(sense, name, settings)
        assert time.process_time() - begin < 0.2
        assert isinstance(status, Status)
        assert status.reason


@pytest.fixture(scope="module", params=engines.names("speech"))
def speech_engine(request: pytest.FixtureRequest) -> Iterator[SpeechEngine]:
    engine: SpeechEngine = engine_class("speech", request.param)(settings_for("speech", request.param))
    yield engine
    if close := getattr(engine, "close", None):
        close()


class TestSpeech:
    @staticmethod
    def sentence(engine: SpeechEngine) -> tuple[Sound, str]:
        """A second sentence and what it says, in the language that the engine's weights have learnt."""
        if ("speech", engine.name) in TINY:
            spoken = whisper_tones.utter(2, 0.2)
            return whisper_tones.sound([spoken], 2.2), spoken.text.lower().rstrip(".")
        start, end, text = SENTENCES[1]
        return speech()[int((start - 0.2) * RATE) : int((end + 0.2) * RATE)], text

    def test_it_hears_a_clear_sentence(self, speech_engine: SpeechEngine) -> None:
        sound, text = self.sentence(speech_engine)
        found = speech_engine.transcribe(sound, 6.5)
        heard = " ".join(u.text.lower() for u in found)
        truth = set(text.split())
        assert len(truth & set(heard.replace(".", "").replace(",", "").split())) >= 0.6 * len(truth)

    def test_times_are_those_of_the_video_and_in_order(self, speech_engine: SpeechEngine) -> None:
        sound, _ = self.sentence(speech_engine)
        found = speech_engine.transcribe(sound, 3606.5)
        assert found
        end = 3606.5 + len(sound) / RATE
        assert all(3606.5 <= u.span.start < u.span.end <= end + 0.01 for u in found)
        assert all(a.span.start <= b.span.start for a, b in pairwise(found))
        for utterance in found:
            spans = [w.span for w in utterance.words]
            assert spans == sorted(spans)
            assert all(utterance.span.start - 0.01 <= s.start <= s.end <= utterance.span.end + 0.01 for s in spans)

    def test_what_it_says_is_well_formed(self, speech_engine: SpeechEngine) -> None:
        for utterance in speech_engine.transcribe(self.sentence(speech_engine)[0], 0.0):
            assert utterance.text == utterance.text.strip()
            assert utterance.text.isprintable()
            assert utterance.confidence is None or 0 <= utterance.confidence <= 1
            assert all(w.text == w.text.strip() != "" for w in utterance.words)
            assert utterance.language is None or 2 <= len(utterance.language) <= 3

    @pytest.mark.parametrize("seconds", [0, 0.01, 1.5])
    def test_silence_says_nothing(self, speech_engine: SpeechEngine, seconds: float) -> None:
        assert list(speech_engine.transcribe(silence(seconds), 0.0)) == []

    def test_the_sound_is_left_as_it_is(self, speech_engine: SpeechEngine) -> None:
        sound = speech()[int(6.5 * RATE) :].copy()
        before = sound.copy()
        sound.setflags(write=False)
        speech_engine.transcribe(sound, 0.0)
        assert np.array_equal(sound, before)


@pytest.fixture(scope="module", params=engines.names("text"))
def text_engine(request: pytest.FixtureRequest) -> Iterator[TextEngine]:
    engine: TextEngine = engine_class("text", request.param)(settings_for("text", request.param))
    yield engine
    if close := getattr(engine, "close", None):
        close()


def text_of(engine: TextEngine, image: Image) -> list[TextLine]:
    return [one for found in engine.recognise(image, engine.detect(image)) for one in found]


class TestText:
    SLIDE = page([("Mapping and analysis", (60, 60), 40), ("How to make a good map", (60, 180), 40)])

    def test_it_reads_clear_lines_from_the_top(self, text_engine: TextEngine) -> None:
        sensible("text", text_engine)
        assert [one.text for one in text_of(text_engine, self.SLIDE)] == [
            "Mapping and analysis",
            "How to make a good map",
        ]

    def test_boxes_are_parts_of_the_picture_around_the_text(self, text_engine: TextEngine) -> None:
        sensible("text", text_engine)
        first, second = text_of(text_engine, self.SLIDE)
        for one, top in ((first, 60), (second, 180)):
            left, above, right, below = one.box
            assert 0 <= left < right <= 1
            assert (left * 640, above * 360, below * 360) == pytest.approx((60, top + 6, top + 44), abs=16)
        assert first.box[2] < second.box[2] < 0.9

    def test_confidence_is_high_for_clear_type(self, text_engine: TextEngine) -> None:
        sensible("text", text_engine)
        assert all(0.8 < one.confidence <= 1 for one in text_of(text_engine, self.SLIDE))

    def test_recognising_answers_for_each_region_in_order(self, text_engine: TextEngine) -> None:
        sensible("text", text_engine)
        regions = [*text_engine.detect(self.SLIDE), Region.upright((0.7, 0.85, 0.9, 0.95))]
        found = text_engine.recognise(self.SLIDE, regions[::-1])
        clear = [[one.text for one in lines if one.confidence > 0.6] for lines in found]
        assert clear == [[], ["How to make a good map"], ["Mapping and analysis"]]
        assert list(text_engine.recognise(self.SLIDE, [])) == []

    @pytest.mark.parametrize("fine", [False, True])
    def test_an_empty_picture_has_no_text(self, text_engine: TextEngine, fine: bool) -> None:
        sensible("text", text_engine)
        assert list(text_engine.detect(np.full((180, 320, 3), 90, np.uint8), fine=fine)) == []

    def test_a_second_reading_is_the_same(self, text_engine: TextEngine) -> None:
        assert text_of(text_engine, self.SLIDE) == text_of(text_engine, self.SLIDE)

    def test_the_picture_is_left_as_it_is(self, text_engine: TextEngine) -> None:
        image = self.SLIDE.copy()
        image.setflags(write=False)
        text_of(text_engine, image)
        assert np.array_equal(image, self.SLIDE)


@pytest.fixture(scope="module", params=engines.names("objects"))
def object_engine(request: pytest.FixtureRequest) -> Iterator[ObjectEngine]:
    engine: ObjectEngine = engine_class("objects", request.param)(settings_for("objects", request.param))
    yield engine
    if close := getattr(engine, "close", None):
        close()


class TestObjects:
    @staticmethod
    def pictures() -> list[Image]:
        """Three pictures of noise, of two sizes."""
        luck = np.random.default_rng(3)
        return [luck.integers(0, 256, (*size, 3), np.uint8) for size in ((96, 160), (96, 160), (120, 90))]

    def found(self, engine: ObjectEngine, images: Sequence[Image]) -> list[list[Detection]]:
        """What is known and, where the engine can look for descriptions, what is described."""
        described = engine.find(images, ["a red umbrella"]) if engine.finds.ready else [[] for _ in images]
        return [[*one, *other] for one, other in zip(engine.detect(images), described, strict=True)]

    def test_each_picture_has_its_detections_in_its_place(self, object_engine: ObjectEngine) -> None:
        together = self.found(object_engine, self.pictures())
        assert len(together) == 3
        for image, found in zip(self.pictures(), together, strict=True):
            (alone,) = self.found(object_engine, [image])
            assert [one.label for one in alone] == [one.label for one in found]
            boxes = [one.box for one in alone], [one.box for one in found]
            np.testing.assert_allclose(*boxes, atol=1e-3)

    def test_boxes_are_parts_of_the_picture_and_the_surest_comes_first(self, object_engine: ObjectEngine) -> None:
        for found in object_engine.detect(self.pictures()):
            assert all(0 <= d.box[0] < d.box[2] <= 1 and 0 <= d.box[1] < d.box[3] <= 1 for d in found)
            assert all(object_engine.settings.objects.threshold <= d.confidence <= 1 for d in found)  # type: ignore[attr-defined]
            assert [d.confidence for d in found] == sorted((d.confidence for d in found), reverse=True)
            assert all(d.label == d.label.strip() != "" for d in found)

    def test_no_pictures_and_no_descriptions_have_no_detections(self, object_engine: ObjectEngine) -> None:
        assert object_engine.detect([]) == []
        assert object_engine.find(self.pictures(), []) == [[], [], []]

    def test_what_cannot_be_looked_for_is_an_error_that_says_what_helps(self, object_engine: ObjectEngine) -> None:
        if object_engine.finds.ready:
            found = object_engine.find(self.pictures(), ["a red umbrella", "a dog"])
            assert {d.label for one in found for d in one} <= {"a red umbrella", "a dog"}
        else:
            with pytest.raises(EngineUnavailable) as caught:
                object_engine.find(self.pictures(), ["a red umbrella"])
            assert caught.value.hint

    def test_a_second_look_is_the_same(self, object_engine: ObjectEngine) -> None:
        assert self.found(object_engine, self.pictures()) == self.found(object_engine, self.pictures())

    def test_the_picture_is_left_as_it_is(self, object_engine: ObjectEngine) -> None:
        images = self.pictures()
        for image in images:
            image.setflags(write=False)
        self.found(object_engine, images)
        assert all(np.array_equal(a, b) for a, b in zip(images, self.pictures(), strict=True))

    def test_it_starts_again_after_it_was_closed(self, object_engine: ObjectEngine) -> None:
        before = object_engine.detect(self.pictures())
        object_engine.close()  # type: ignore[attr-defined]
        assert object_engine.detect(self.pictures()) == before


@pytest.fixture(scope="module", params=engines.names("sounds"))
def sound_engine(request: pytest.FixtureRequest) -> Iterator[SoundEngine]:
    engine: SoundEngine = engine_class("sounds", request.param)(settings_for("sounds", request.param))
    yield engine
    if close := getattr(engine, "close", None):
        close()


class TestSounds:
    WINDOWS = (chords(10), noise(10), silence(10), chords(3))

    def test_each_window_has_probabilities_in_its_place(self, sound_engine: SoundEngine) -> None:
        heard = sound_engine.tag(self.WINDOWS)
        assert len(heard) == len(self.WINDOWS)
        assert all(isinstance(p, float) and 0 <= p <= 1 for one in heard for p in one.values())
        assert all(label == label.strip().lower() != "" for one in heard for label in one)
        assert not any("speech" in label or "speaking" in label for one in heard for label in one)
        assert heard[0] != heard[1]

    def test_company_does_not_matter(self, sound_engine: SoundEngine) -> None:
        together = sound_engine.tag(self.WINDOWS)
        for window, expected in zip(self.WINDOWS[::-1], together[::-1], strict=True):
            assert sound_engine.tag([window])[0] == pytest.approx(expected, abs=0.03)

    def test_it_hears_music(self, sound_engine: SoundEngine) -> None:
        sensible("sounds", sound_engine)
        music, _, nothing, _ = sound_engine.tag(self.WINDOWS)
        assert music["music"] > 0.3 > nothing["music"]

    def test_odd_windows_are_judged_too(self, sound_engine: SoundEngine) -> None:
        loud = np.full(16_000, -32768, np.int16)
        heard = sound_engine.tag([loud, loud[:0], loud[:1], loud[:399]])
        assert all(np.isfinite(list(one.values())).all() for one in heard)
        assert list(sound_engine.tag([])) == []

    def test_the_sound_is_left_as_it_is(self, sound_engine: SoundEngine) -> None:
        window = noise(10)
        window.setflags(write=False)
        sound_engine.tag([window])
        assert np.array_equal(window, noise(10))


@pytest.fixture(scope="module", params=engines.names("embeddings"))
def embedding_engine(request: pytest.FixtureRequest) -> Iterator[EmbeddingEngine]:
    engine: EmbeddingEngine = engine_class("embeddings", request.param)(settings_for("embeddings", request.param))
    yield engine
    if close := getattr(engine, "close", None):
        close()


class TestEmbeddings:
    TEXTS = (
        "a physician treats a sick child",
        "the doctor looks after an ill boy",
        "shares of the oil company fell on monday",
    )

    def test_each_text_has_a_unit_vector_in_its_place(self, embedding_engine: EmbeddingEngine) -> None:
        vectors = embedding_engine.embed(self.TEXTS)
        assert vectors.dtype == np.float32
        assert vectors.shape == (3, embedding_engine.dimension)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
        np.testing.assert_allclose(embedding_engine.embed(self.TEXTS[::-1])[::-1], vectors, atol=1e-4)

    def test_what_means_the_same_lies_close(self, embedding_engine: EmbeddingEngine) -> None:
        sensible("embeddings", embedding_engine)
        one, same, other = embedding_engine.embed(self.TEXTS)
        assert one @ same > one @ other + 0.1

    def test_a_query_finds_the_text_that_answers_it(self, embedding_engine: EmbeddingEngine) -> None:
        sensible("embeddings", embedding_engine)
        (query,) = embedding_engine.embed_query(["what did the stock market do"])
        assert (embedding_engine.embed(self.TEXTS) @ query).argmax() == 2

    def test_queries_are_vectors_of_the_same_space(self, embedding_engine: EmbeddingEngine) -> None:
        queries = embedding_engine.embed_query(self.TEXTS)
        assert (queries.dtype, queries.shape) == (np.float32, (3, embedding_engine.dimension))
        np.testing.assert_allclose(np.linalg.norm(queries, axis=1), 1, atol=1e-4)
        np.testing.assert_allclose(embedding_engine.embed_query(self.TEXTS[::-1])[::-1], queries, atol=1e-4)

    def test_no_text_has_no_vector(self, embedding_engine: EmbeddingEngine) -> None:
        assert embedding_engine.embed([]).shape == (0, embedding_engine.dimension)
        assert embedding_engine.embed_query([]).shape == (0, embedding_engine.dimension)

    def test_odd_texts_have_vectors_too(self, embedding_engine: EmbeddingEngine) -> None:
        odd = ["", " ", "\0", "\ud800", "🎬", "東京", "word " * 3000, "[SEP] <s> <|im_end|>"]
        vectors = embedding_engine.embed(odd)
        assert np.isfinite(vectors).all()
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)

    def test_company_does_not_matter(self, embedding_engine: EmbeddingEngine) -> None:
        together = embedding_engine.embed([*self.TEXTS, "much longer " * 60])
        np.testing.assert_allclose(embedding_engine.embed(self.TEXTS[:1]), together[:1], atol=1e-3)

    def test_the_model_is_named_for_the_library(self, embedding_engine: EmbeddingEngine) -> None:
        assert embedding_engine.model == embedding_engine.model.strip() != ""
        assert embedding_engine.model in embedding_engine.revision


@pytest.fixture(scope="module", params=engines.names("visual"))
def visual_engine(request: pytest.FixtureRequest) -> Iterator[VisualEngine]:
    engine: VisualEngine = engine_class("visual", request.param)(settings_for("visual", request.param))
    yield engine
    if close := getattr(engine, "close", None):
        close()


class TestVisual:
    TEXTS = ("a red circle", "a page full of writing", "a photo")

    @staticmethod
    def pictures() -> list[Image]:
        """A red circle on white, a page of text, noise; of three sizes."""
        y, x = np.mgrid[:120, :160]
        circle = np.full((120, 160, 3), 255, np.uint8)
        circle[(y - 60) ** 2 + (x - 80) ** 2 < 1600] = (30, 30, 220)
        noise = np.random.default_rng(2).integers(0, 255, (90, 70, 3), np.uint8)
        return [circle, page([("Mapping and analysis", (60, 60), 40)]), noise]

    def test_pictures_and_texts_have_unit_vectors_of_one_length(self, visual_engine: VisualEngine) -> None:
        for vectors in (visual_engine.embed_images(self.pictures()), visual_engine.embed_texts(self.TEXTS)):
            assert (vectors.dtype, vectors.shape) == (np.float32, (3, visual_engine.dimension))
            np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)

    def test_each_stands_in_its_place(self, visual_engine: VisualEngine) -> None:
        images, texts = visual_engine.embed_images(self.pictures()), visual_engine.embed_texts(self.TEXTS)
        np.testing.assert_allclose(visual_engine.embed_images(self.pictures()[::-1])[::-1], images, atol=1e-3)
        np.testing.assert_allclose(visual_engine.embed_texts(self.TEXTS[::-1])[::-1], texts, atol=1e-3)
        np.testing.assert_allclose(visual_engine.embed_images(self.pictures()[1:2]), images[1:2], atol=1e-3)

    def test_nothing_has_no_vectors(self, visual_engine: VisualEngine) -> None:
        assert visual_engine.embed_images([]).shape == (0, visual_engine.dimension)
        assert visual_engine.embed_texts([]).shape == (0, visual_engine.dimension)

    def test_a_text_is_nearest_to_the_picture_that_shows_it(self, visual_engine: VisualEngine) -> None:
        sensible("visual", visual_engine)
        images = visual_engine.embed_images(self.pictures())
        for number, text in enumerate(self.TEXTS[:2]):
            assert (images @ visual_engine.embed_texts([text])[0]).argmax() == number

    def test_what_is_sought_gives_chances(self, visual_engine: VisualEngine) -> None:
        sought = visual_engine.seek(self.TEXTS[0])
        assert sought.vector.shape == (visual_engine.dimension,)
        products = np.linspace(-1, 1, 9)
        chances = sought.chances(products)
        assert ((chances >= 0) & (chances <= 1)).all()
        assert (np.diff(chances) >= 0).all()
        assert chances[-1] > chances[0]

    def test_odd_texts_and_pictures_have_vectors_too(self, visual_engine: VisualEngine) -> None:
        odd = ["", " ", "\0", "\ud800", "🎬", "東京", "word " * 3000, "[SEP] <s> <|im_end|>"]
        small = [np.zeros((1, 1, 3), np.uint8), np.full((40, 3, 3), 255, np.uint8)]
        for vectors in (visual_engine.embed_texts(odd), visual_engine.embed_images(small)):
            assert np.isfinite(vectors).all()
            np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)

    def test_red_is_not_blue(self, visual_engine: VisualEngine) -> None:
        circle = self.pictures()[0]
        one, other = visual_engine.embed_images([circle, np.ascontiguousarray(circle[:, :, ::-1])])
        assert one @ other < 0.9999

    def test_the_picture_is_left_as_it_is(self, visual_engine: VisualEngine) -> None:
        image = self.pictures()[0]
        image.setflags(write=False)
        visual_engine.embed_images([image])
        assert np.array_equal(image, self.pictures()[0])

    def test_the_model_is_named_for_the_library(self, visual_engine: VisualEngine) -> None:
        assert visual_engine.model == visual_engine.model.strip() != ""
        assert visual_engine.model in visual_engine.revision


@pytest.fixture(scope="module", params=engines.names("videollm"))
def videollm_engine(request: pytest.FixtureRequest) -> Iterator[VideoLanguageModel]:
    engine: VideoLanguageModel = engine_class("videollm", request.param)(settings_for("videollm", request.param))
    yield engine
    engine.close()


class TestVideoLLM:
    PROMPT = "Which colours are seen, and when? Answer in one sentence."

    @staticmethod
    def frames(count: int = 3, size: tuple[int, int] = (64, 48)) -> Frames:
        """Pictures of red, green and blue by turns, half a second apart, far into a video."""
        colours = [(30, 30, 220), (50, 170, 30), (210, 50, 30)]
        return [(3600.25 + i / 2, np.full((size[1], size[0], 3), colours[i % 3], np.uint8)) for i in range(count)]

    def test_an_answer_is_text_and_the_same_again(self, videollm_engine: VideoLanguageModel) -> None:
        said = videollm_engine.answer(self.frames(), self.PROMPT, tokens=6)
        assert isinstance(said, str)
        assert said == said.strip() == videollm_engine.answer(self.frames(), self.PROMPT, tokens=6)

    def test_pieces_are_the_answer(self, videollm_engine: VideoLanguageModel) -> None:
        pieces = list(videollm_engine.stream(self.frames(), self.PROMPT, tokens=6))
        assert "".join(pieces) == videollm_engine.answer(self.frames(), self.PROMPT, tokens=6)

    def test_whoever_stops_listening_can_ask_again(self, videollm_engine: VideoLanguageModel) -> None:
        pieces = iter(videollm_engine.stream(self.frames(), self.PROMPT, tokens=40))
        next(pieces, None)
        pieces.close()  # type: ignore[attr-defined]
        assert isinstance(videollm_engine.answer(self.frames(1), self.PROMPT, tokens=2), str)

    @pytest.mark.parametrize(
        ("count", "size"), [(0, (8, 8)), (1, (64, 48)), (2, (33, 57)), (3, (1, 1)), (40, (16, 16))]
    )
    def test_any_number_and_size_of_pictures(
        self, videollm_engine: VideoLanguageModel, count: int, size: tuple[int, int]
    ) -> None:
        assert isinstance(videollm_engine.answer(self.frames(count, size), self.PROMPT, tokens=2), str)

    @pytest.mark.parametrize(
        "prompt", ["\0", "\ud800", "🎬 東京", "<image> <video> <|im_end|> </think>", "word " * 300]
    )
    def test_odd_prompts(self, videollm_engine: VideoLanguageModel, prompt: str) -> None:
        assert isinstance(videollm_engine.answer(self.frames(1), prompt, tokens=2), str)

    def test_scores_are_probabilities_of_the_letters(self, videollm_engine: VideoLanguageModel) -> None:
        if not videollm_engine.scores:
            pytest.skip("it gives no probabilities")
        scores = videollm_engine.score_choices(self.frames(), "A. red\nB. green\nC. blue", ["A", "B", "C"])
        assert len(scores) == 3
        assert np.exp(scores).sum() == pytest.approx(1, abs=1e-4)
        turned = videollm_engine.score_choices(self.frames(), "A. red\nB. green\nC. blue", ["C", "A", "B"])
        assert turned == pytest.approx([scores[2], scores[0], scores[1]], abs=1e-4)

    def test_captions_are_one_a_clip(self, videollm_engine: VideoLanguageModel) -> None:
        clips = [self.frames(2), self.frames(3), self.frames(2)]
        found = videollm_engine.caption(clips, [self.PROMPT] * 3, tokens=4)
        assert len(found) == 3
        assert found[0] == found[2] == videollm_engine.answer(clips[0], self.PROMPT, tokens=4)
        assert videollm_engine.caption([], []) == []

    def test_pictures_are_left_as_they_are(self, videollm_engine: VideoLanguageModel) -> None:
        frames = self.frames()
        for _, image in frames:
            image.setflags(write=False)
        videollm_engine.answer(frames, self.PROMPT, tokens=2)
        assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(frames, self.frames(), strict=True))
