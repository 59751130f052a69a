"""Models of pictures and texts, over tiny ones in the genuine format."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.models import visual as tiny
from vagent import configs
from vagent.errors import EngineError, EngineFailed, EngineUnavailable
from vagent.tools import device, engines
from vagent.tools.visual import Image, Sought
from vagent.tools.visual.encoders import _GENERIC
from vagent.tools.visual.transformers import TransformersVisual

TEXTS = ["a red circle", "the green square on a blue floor", ""]


def settings(model: Path | str | None, **more: Any) -> configs.Settings:
    given = {"visual": {"model": None if model is None else str(model)}, "device": "cpu", "threads": 1, **more}
    return configs.load(given, env={})


def pictures() -> list[Image]:
    """Noise, a picture of one colour, one broader than high, one higher than broad; BGR."""
    chance = np.random.default_rng(5)
    return [
        chance.integers(0, 255, (48, 64, 3), np.uint8),
        np.full((40, 40, 3), (200, 30, 10), np.uint8),
        chance.integers(0, 255, (36, 120, 3), np.uint8),
        chance.integers(0, 60, (90, 40, 3), np.uint8),
    ]


def unit(rows: Any) -> np.ndarray:
    values = rows.detach().numpy()
    return values / np.linalg.norm(values, axis=1, keepdims=True)


@pytest.fixture(scope="module", autouse=True)
def exact() -> Iterator[None]:
    """Numbers that can be compared to the last digits, on every processor."""
    import torch

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(device, "precision", lambda where: torch.float32)
        yield


@pytest.fixture(scope="module", params=tiny.FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def engine(family: str) -> TransformersVisual:
    return TransformersVisual(settings(tiny.folder(family)))


def reference(family: str) -> tuple[np.ndarray, np.ndarray]:
    """Pictures and texts as transformers' and sentence-transformers' own documentation has them embedded."""
    import torch
    from PIL import Image as Picture
    from transformers import AutoModel, AutoProcessor

    folder = tiny.folder(family)
    shown = [Picture.fromarray(image[:, :, ::-1]) for image in pictures()]
    if family == "qwen3_vl":
        return _by_sentence_transformers(folder, shown)
    model, processor = AutoModel.from_pretrained(folder).eval(), AutoProcessor.from_pretrained(folder)
    padding = {"padding": True} if family == "clip" else {"padding": "max_length", "max_length": 16}
    words = processor(text=TEXTS, truncation=True, return_tensors="pt", **padding)
    if family != "clip":
        words.pop("attention_mask", None)
    # Its processor knows one size of patches only, and its image processor the checkpoint's.
    see = processor.image_processor if family == "naflex" else processor
    with torch.inference_mode():
        seen = model.get_image_features(**see(images=shown, return_tensors="pt")).pooler_output
        return unit(seen), unit(model.get_text_features(**words).pooler_output)


def _by_sentence_transformers(folder: Path, shown: list[Any]) -> tuple[np.ndarray, np.ndarray]:
    import torch
    from transformers import AutoModel, AutoProcessor

    model, processor = AutoModel.from_pretrained(folder).eval(), AutoProcessor.from_pretrained(folder)
    found = []
    for item in [*shown, *TEXTS]:
        image = not isinstance(item, str)
        instruction = (
            "Represent the user's input." if image else "Retrieve images or text relevant to the user's query."
        )
        content = {"type": "image", "image": item} if image else {"type": "text", "text": item or "NULL"}
        conversation = [
            {"role": "system", "content": [{"type": "text", "text": instruction}]},
            {"role": "user", "content": [content]},
        ]
        inputs = processor.apply_chat_template(
            conversation,
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            processor_kwargs={"images_kwargs": {"size": {"shortest_edge": 4096, "longest_edge": 1843200}}},
        )
        with torch.inference_mode():
            found.append(unit(model(**inputs).last_hidden_state[:, -1]))
    rows = np.concatenate(found)
    return rows[: len(shown)], rows[len(shown) :]


def test_vectors_are_the_librarys_own(engine: TransformersVisual, family: str) -> None:
    seen, read = reference(family)
    np.testing.assert_allclose(engine.embed_images(pictures()), seen, atol=2e-6)
    np.testing.assert_allclose(engine.embed_texts(TEXTS), read, atol=2e-6)
    assert engine.dimension == seen.shape[1] == read.shape[1]


def test_red_and_blue_are_told_apart(engine: TransformersVisual) -> None:
    """A picture handed over with its channels swapped has another vector: the models see RGB."""
    swapped = [image[:, :, ::-1] for image in pictures()]
    assert np.abs(engine.embed_images(swapped) - engine.embed_images(pictures())).max() > 0.01


def test_company_does_not_matter(engine: TransformersVisual) -> None:
    together = engine.embed_images(pictures())
    alone = np.concatenate([engine.embed_images([image]) for image in pictures()])
    np.testing.assert_allclose(together, alone, atol=2e-6)
    read = np.concatenate([engine.embed_texts([text]) for text in TEXTS])
    np.testing.assert_allclose(engine.embed_texts(TEXTS), read, atol=2e-6)


def test_batches_come_back_in_order(family: str, engine: TransformersVisual) -> None:
    small = TransformersVisual(settings(tiny.folder(family), visual={"model": str(tiny.folder(family)), "batch": 3}))
    np.testing.assert_allclose(small.embed_images(pictures()), engine.embed_images(pictures()), atol=2e-6)


def test_nothing_has_no_vectors(engine: TransformersVisual) -> None:
    assert engine.embed_images([]).shape == engine.embed_texts([]).shape == (0, engine.dimension)


def test_odd_texts_and_pictures_have_vectors_too(engine: TransformersVisual) -> None:
    odd = ["\0", "\ud800", "🎬", "東京", "word " * 3000, "<|im_end|> <|image_pad|> </s> <|endoftext|> <image>"]
    small = [np.zeros((1, 1, 3), np.uint8), np.zeros((3, 40, 3), np.uint8), np.full((70, 3, 3), 255, np.uint8)]
    for vectors in (engine.embed_texts(odd), engine.embed_images(small)):
        assert np.isfinite(vectors).all()
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_pictures_are_left_as_they_are(engine: TransformersVisual) -> None:
    images = pictures()
    for image in images:
        image.setflags(write=False)
    engine.embed_images(images)
    assert all(np.array_equal(a, b) for a, b in zip(images, pictures(), strict=True))


def test_capitals_do_not_matter_to_siglip() -> None:
    for name in ("siglip", "siglip2", "naflex"):
        engine = TransformersVisual(settings(tiny.folder(name)))
        np.testing.assert_array_equal(engine.embed_texts(["A Red Circle"]), engine.embed_texts(["a red circle"]))


def test_a_chance_is_siglips_own_for_a_picture_of_few() -> None:
    """The model's probability, with its odds raised by 32: it looks among a thousand pictures, not 32,000."""
    import torch
    from transformers import AutoModel, AutoProcessor

    folder = tiny.folder("siglip")
    engine = TransformersVisual(settings(folder))
    sought = engine.seek(TEXTS[0])
    chances = sought.chances(engine.embed_images(pictures()) @ sought.vector)
    model, processor = AutoModel.from_pretrained(folder).eval(), AutoProcessor.from_pretrained(folder)
    images = [np.ascontiguousarray(image[:, :, ::-1]) for image in pictures()]
    words = processor(text=TEXTS[:1], padding="max_length", max_length=16, return_tensors="pt")
    with torch.inference_mode():
        odds = model(input_ids=words["input_ids"], **processor(images=images, return_tensors="pt")).logits_per_image[
            :, 0
        ]
    expected = torch.sigmoid(odds + np.log(32)).numpy()
    np.testing.assert_allclose(chances, expected, rtol=1e-3, atol=1e-6)


def test_a_chance_of_clip_is_against_texts_that_are_always_true() -> None:
    engine = TransformersVisual(settings(tiny.folder("clip")))
    sought = engine.seek(TEXTS[0])
    seen = engine.embed_images(pictures())
    gain = seen @ engine.embed_texts(TEXTS[:1])[0] - (seen @ engine.embed_texts(_GENERIC).T).mean(axis=1)
    np.testing.assert_allclose(seen @ sought.vector, gain, atol=1e-6)
    assert sought.chances(np.array([4 / sought.scale])) == pytest.approx(0.5)


def test_chances_do_not_overflow() -> None:
    chances = Sought(np.zeros(2, np.float32), 1e4, 0.0).chances(np.array([-1.0, 0.0, 1.0]))
    assert chances.tolist() == [0.0, 0.5, 1.0]


def test_without_a_model_it_is_not_ready() -> None:
    assert not engines.check("visual", "transformers", settings(None)).ready
    assert engines.choose("visual", settings(None)).engine is None


def copy(tmp_path: Path, name: str = "siglip") -> Path:
    return shutil.copytree(tiny.folder(name), tmp_path / "model")


def test_a_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "bert"}))
    status = engines.check("visual", "transformers", settings(folder))
    assert (status.ready, "bert" in status.reason, "siglip" in str(status.fix)) == (False, True, True)
    with pytest.raises(EngineUnavailable, match="bert"):
        TransformersVisual(settings(folder)).embed_texts(["x"])


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    status = engines.check("visual", "transformers", settings(folder))
    assert (status.ready, "safetensors" in status.reason) == (False, True)


def test_what_a_tokenizer_lacks_is_told_before_it_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = copy(tmp_path)
    (folder / "spiece.model").write_bytes(b"")
    monkeypatch.setattr("vagent.tools.visual.transformers.find_spec", lambda _: None)
    assert engines.check("visual", "transformers", settings(folder)).fix == "pip install sentencepiece protobuf"


@pytest.mark.parametrize("damage", [lambda f: f.write_bytes(f.read_bytes()[:500]), lambda f: f.write_bytes(b"")])
def test_damaged_weights_are_told(tmp_path: Path, damage: Any) -> None:
    folder = copy(tmp_path)
    damage(folder / "model.safetensors")
    with pytest.raises(EngineError, match=r"cannot be loaded|not complete"):
        TransformersVisual(settings(folder)).embed_texts(["x"])


def test_missing_weights_are_told(tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder = copy(tmp_path)
    tensors = load_file(folder / "model.safetensors")
    del tensors["logit_bias"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EngineFailed, match=r"lack 1 of the model's parts, logit_bias"):
        TransformersVisual(settings(folder)).embed_texts(["x"])


def test_two_threads_load_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import transformers

    real, loads = transformers.AutoModel.from_pretrained, []

    def counting(*args: Any, **kwargs: Any) -> Any:
        loads.append(1)
        return real(*args, **kwargs)

    monkeypatch.setattr(transformers.AutoModel, "from_pretrained", counting)
    engine, found = TransformersVisual(settings(tiny.folder("siglip"))), []
    threads = [threading.Thread(target=lambda: found.append(engine.embed_texts(TEXTS))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 1
    assert all(np.array_equal(one, found[0]) for one in found)
    engine.close()
    engine.embed_texts(TEXTS)
    assert len(loads) == 2


def test_a_batch_too_large_for_the_memory_is_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = TransformersVisual(settings(tiny.folder("siglip")))
    expected, sizes = engine.embed_images(pictures()), []
    encoder = engine._load()
    real = encoder.images

    def scarce(images: Any) -> Any:
        sizes.append(len(images))
        if len(images) > 1:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
        return real(images)

    monkeypatch.setattr(encoder, "images", scarce)
    np.testing.assert_allclose(engine.embed_images(pictures()), expected, atol=2e-6)
    assert sizes == [4, 2, 1, 1, 1, 1]
    monkeypatch.setattr(encoder, "images", lambda _: 1 / 0)
    with pytest.raises(EngineFailed, match="division"):
        engine.embed_images(pictures())
