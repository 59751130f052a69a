"""Sentence-transformers models, over tiny ones in the genuine format."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.models import embeddings as tiny
from vagent import configs
from vagent.errors import EngineError, EngineFailed, EngineUnavailable
from vagent.tools import device, engines
from vagent.tools.embeddings.minilm import MiniLM
from vagent.tools.embeddings.sentence import SentenceModel

TEXTS = ["a doctor treats a sick child", "the bird sings", "red circle on a blue square " * 12, ""]


def settings(model: Path | str | None, **more: Any) -> configs.Settings:
    given = {"embeddings": {"model": None if model is None else str(model)}, "device": "cpu", "threads": 1, **more}
    return configs.load(given, env={})


def reference(model: Path) -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(model), device="cpu", local_files_only=True)


@pytest.fixture(scope="module")
def engine() -> SentenceModel:
    return SentenceModel(settings(tiny.folder()))


def test_vectors_are_the_librarys_own(engine: SentenceModel) -> None:
    model = reference(tiny.folder())
    documents = model.encode_document(TEXTS, normalize_embeddings=True)
    queries = model.encode_query(TEXTS, normalize_embeddings=True)
    np.testing.assert_allclose(engine.embed(TEXTS), documents, atol=1e-6)
    np.testing.assert_allclose(engine.embed_query(TEXTS), queries, atol=1e-6)
    assert np.abs(documents - queries).max() > 0.05


def test_a_query_gets_the_models_own_prompt(engine: SentenceModel) -> None:
    bare = SentenceModel(settings(tiny.folder(prompts=False)))
    np.testing.assert_allclose(bare.embed(TEXTS), bare.embed_query(TEXTS), atol=1e-6)
    prompted = [tiny.PROMPTS["query"] + text for text in TEXTS[:2]]
    np.testing.assert_allclose(engine.embed_query(TEXTS[:2]), bare.embed(prompted), atol=1e-6)


def test_each_text_has_the_same_vector_in_any_company(engine: SentenceModel) -> None:
    texts = [f"{'bird ' * (i % 9)}sings" for i in range(50)]
    together = engine.embed(texts)
    for i in (0, 8, 49):
        np.testing.assert_allclose(engine.embed([texts[i]])[0], together[i], atol=1e-6)


def test_a_long_text_is_cut_where_the_model_ends(engine: SentenceModel) -> None:
    long = "red circle on a blue square " * 400
    np.testing.assert_allclose(engine.embed([long]), engine.embed([long[:600]]), atol=1e-6)


def test_no_text_has_no_vector(engine: SentenceModel) -> None:
    for vectors in (engine.embed([]), engine.embed_query([])):
        assert vectors.shape == (0, 32)
        assert vectors.dtype == np.float32


def test_without_a_model_it_is_not_ready() -> None:
    status = engines.check("embeddings", "sentence-transformers", settings(None))
    assert not status.ready
    assert "embeddings.model" in str(status.fix)


def test_auto_keeps_minilm_until_a_model_is_asked_for(tmp_path: Path) -> None:
    assert engines.choose("embeddings", settings(None)).engine is MiniLM
    assert engines.choose("embeddings", settings(tiny.folder())).engine is SentenceModel
    gone = engines.choose("embeddings", settings(tmp_path / "nowhere"))
    assert gone.engine is None
    assert "another model" in gone.passed_over["minilm"].reason
    named = settings(tiny.folder(), engines={"embeddings": "minilm"})
    assert engines.choose("embeddings", named).engine is MiniLM


def copy(tmp_path: Path) -> Path:
    return shutil.copytree(tiny.folder(), tmp_path / "model")


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    (weights,) = folder.glob("*.safetensors")
    weights.rename(folder / "pytorch_model.bin")
    status = engines.check("embeddings", "sentence-transformers", settings(folder))
    assert not status.ready
    assert "pickled" in status.reason
    with pytest.raises(EngineUnavailable, match=r"pickled.*safetensors"):
        SentenceModel(settings(folder)).embed(["x"])


def test_code_that_comes_with_a_model_is_not_run(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    mark = tmp_path / "ran"
    (folder / "own.py").write_text(f"open({str(mark)!r}, 'w').close()\nclass Own: pass\n")
    modules = json.loads((folder / "modules.json").read_text())
    modules[0]["type"] = "own.Own"
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(EngineFailed, match="cannot be loaded"):
        SentenceModel(settings(folder)).embed(["x"])
    assert not mark.exists()


@pytest.mark.parametrize("damage", [lambda f: f.write_bytes(f.read_bytes()[:500]), lambda f: f.unlink()])
def test_damaged_weights_are_told(tmp_path: Path, damage: Any) -> None:
    folder = copy(tmp_path)
    damage(next(iter(folder.glob("*.safetensors"))))
    with pytest.raises(EngineError, match=r"cannot be loaded|not complete"):
        SentenceModel(settings(folder)).embed(["x"])


def test_two_models_have_two_names() -> None:
    names = {SentenceModel(settings(folder)).model for folder in (tiny.folder(), tiny.folder(tokens=24))}
    assert len(names) == 2


def test_two_threads_load_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import sentence_transformers

    real, loads = sentence_transformers.SentenceTransformer, []

    def counting(*args: Any, **kwargs: Any) -> Any:
        loads.append(1)
        return real(*args, **kwargs)

    monkeypatch.setattr(sentence_transformers, "SentenceTransformer", counting)
    engine, found = SentenceModel(settings(tiny.folder())), []
    threads = [threading.Thread(target=lambda: found.append(engine.embed(TEXTS))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 1
    assert all(np.array_equal(one, found[0]) for one in found)
    freed: list[str] = []
    monkeypatch.setattr(device, "release", lambda where: freed.append(str(where)))
    engine.close()
    engine.close()
    assert freed == ["cpu"]
    engine.embed(TEXTS[:1])
    assert len(loads) == 2


def test_a_batch_too_large_for_the_memory_is_halved(engine: SentenceModel, monkeypatch: pytest.MonkeyPatch) -> None:
    expected, sizes = engine.embed(TEXTS), []
    model = engine._load()
    real = model.encode_document

    def scarce(texts: Any, batch_size: int, **kwargs: Any) -> Any:
        sizes.append(batch_size)
        if batch_size > 8:
            raise RuntimeError("CUDA out of memory")
        return real(texts, batch_size=batch_size, **kwargs)

    monkeypatch.setattr(model, "encode_document", scarce)
    np.testing.assert_allclose(engine.embed(TEXTS), expected, atol=1e-6)
    assert sizes == [32, 16, 8]
    monkeypatch.setattr(model, "encode_document", lambda *_, **__: 1 / 0)
    with pytest.raises(EngineFailed, match="division"):
        engine.embed(TEXTS)
    assert device.out_of_memory(MemoryError())
