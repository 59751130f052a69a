"""openai-whisper: Whisper run by its authors' own library, on torch.

Its weights are torch's pickles (``base.pt``): the only format that it reads, and the one exception from the rule that
vagent loads safetensors only. They are loaded with ``weights_only``, so that a file can bring numbers, not code.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vagent.configs import Settings
from vagent.errors import EngineError, EngineFailed, EngineUnavailable
from vagent.tools import device, weights
from vagent.tools.engines import Status
from vagent.tools.speech.whisper import TEMPERATURES, Whisper, known, tokens_for
from vagent.tools.speech.whisper_filters import NO_SPEECH, REPETITIVE, UNSURE, Heard, HeardWord
from vagent.tools.speech.whisper_languages import CODES
from vagent.tools.speech.whisper_windows import Window
from vagent.tools.weights import Need

_MOST = 224  # tokens of a window, as in the library
_BEAM = 5
_SMALLER = 1_000_000_000  # bytes; of the library's own downloads the largest below is taken where none is named


class OpenAIWhisper(Whisper[Any]):
    """Whisper in OpenAI's format, float16 on a CUDA card, float32 on the processor; one window at a time.

    Its word times need number types that Apple's cards do not have: there it runs on the processor.
    """

    name: ClassVar[str] = "openai-whisper"
    package: ClassVar[str] = "openai-whisper"

    @classmethod
    def _status(cls, settings: Settings) -> tuple[Status, str]:
        need = _need(settings)
        state = weights.status(need, settings)
        if find_spec("whisper") is None or find_spec("torch") is None:
            return state, ""
        try:
            path = _file(settings)
        except EngineUnavailable as error:
            return Status(False, error.what, error.hint), ""
        if path is None:
            return state, need.model or ""
        return Status(True, f"{path.name} is on this machine"), path.name

    def _label(self) -> str:
        need = _need(self._settings)
        path = _file(self._settings)
        if path is None or path.parent == weights.locate(need, self._settings):
            return weights.label(need, self._settings)
        return f"{path.stem} {path.stat().st_size}"

    def _load(self) -> Any:
        path = _file(self._settings)
        if path is None:
            path = _only(weights.folder(_need(self._settings), self._settings))
        torch = device.prepare(self._settings)
        where = device.device(self._settings)
        where = torch.device("cpu") if where.type == "mps" else where
        import whisper

        with _quiet():
            model = whisper.load_model(str(path), device=where)
        heads = getattr(whisper, "_ALIGNMENT_HEADS", {}).get(path.stem)
        if heads is not None:
            _align(model, heads)
        if where.type == "cuda":
            _halve(model)
        return model.eval()

    def _known(self, model: Any) -> Sequence[str]:
        if not model.is_multilingual:
            return ["en"]
        from whisper.tokenizer import LANGUAGES

        return known(list(LANGUAGES)[: model.num_languages])

    def _languages(self, model: Any, sound: NDArray[np.float32]) -> Mapping[str, float]:
        if not model.is_multilingual:
            return {"en": 1.0}
        import torch
        from whisper.audio import log_mel_spectrogram, pad_or_trim

        mel = log_mel_spectrogram(pad_or_trim(sound), model.dims.n_mels).to(model.device)
        with _quiet(), torch.inference_mode():
            _, chances = model.detect_language(mel)
        return {str(language): float(chance) for language, chance in chances.items() if language in CODES}

    def _hear(self, model: Any, windows: Sequence[Window], language: str, translate: bool) -> Sequence[Sequence[Heard]]:
        return [self._alone(model, window, language, translate) for window in windows]

    def _alone(self, model: Any, window: Window, language: str, translate: bool) -> list[Heard]:
        import torch

        card = model.device.type == "cuda"
        with _quiet(), torch.random.fork_rng(devices=[model.device] if card else []):
            torch.manual_seed(0)  # the same sound is heard the same way in every run
            result = model.transcribe(
                window.sound,
                verbose=None,
                language=language,
                task="translate" if translate else "transcribe",
                word_timestamps=not translate,
                condition_on_previous_text=False,
                temperature=TEMPERATURES,
                compression_ratio_threshold=REPETITIVE,
                logprob_threshold=UNSURE,
                no_speech_threshold=NO_SPEECH,
                beam_size=_BEAM if card else None,  # on the processor it costs as much as all the rest
                best_of=_BEAM,
                sample_len=tokens_for(window.seconds, _MOST),
                fp16=card,
            )
        return [_heard(segment) for segment in result["segments"] if segment["text"].strip()]

    def _trouble(self, error: Exception) -> EngineError:
        if device.out_of_memory(error):
            return EngineFailed(f"{self.name} ran out of memory ({error})", hint="name a smaller speech.model")
        return super()._trouble(error)


def _heard(segment: Mapping[str, Any]) -> Heard:
    """The library's segment in our terms; numpy's numbers become Python's."""
    return Heard(
        start=float(segment["start"]),
        end=float(segment["end"]),
        text=segment["text"],
        words=tuple(
            HeardWord(float(word["start"]), float(word["end"]), word["word"], float(word["probability"]))
            for word in segment.get("words", ())
        ),
        sureness=float(segment["avg_logprob"]),
        no_speech=float(segment["no_speech_prob"]),
        repetition=float(segment["compression_ratio"]),
        begun=segment["seek"] / 100,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings that the library, and numba below it, give at every use on a processor."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _align(model: Any, heads: bytes) -> None:
    """Word times from the heads of which the authors found out that they follow the sound.

    The library knows them for weights that it has fetched itself, and takes half of all heads for others.
    """
    import base64
    import gzip

    marks = np.frombuffer(gzip.decompress(base64.b85decode(heads)), dtype=bool)
    if marks.size == model.dims.n_text_layer * model.dims.n_text_head:
        model.set_alignment_heads(heads)


def _halve(model: Any) -> None:
    """Keep in float16 what is multiplied in it: the library would convert all of it again for each token."""
    from torch import nn

    for part in model.modules():
        if isinstance(part, nn.Linear | nn.Conv1d):
            part.half()


def _file(settings: Settings) -> Path | None:
    """The file of weights: the one that is named, the one in the folder that is named, or in the library's own cache.

    Raises:
        EngineUnavailable: the folder holds several.
    """
    named = settings.speech.model
    if named is not None and named.endswith(".pt"):
        path = Path(named).expanduser()
        return path.resolve() if path.is_file() else None
    folder = weights.locate(_need(settings), settings)
    if folder is not None:
        return _only(folder)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "whisper"
    if named is not None:
        path = cache / f"{named.removeprefix('openai-').removeprefix('whisper-')}.pt"
        return path if "/" not in named and path.is_file() else None
    found = sorted(cache.glob("*.pt"), key=lambda path: path.stat().st_size)
    return next((path for path in reversed(found) if path.stat().st_size < _SMALLER), next(iter(found), None))


def _only(folder: Path) -> Path:
    found = sorted(folder.glob("*.pt"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise EngineUnavailable(
            f"{folder} should hold one .pt file, and holds {names}", hint="set speech.model to the path of one of them"
        )
    return found[0]


def _need(settings: Settings) -> Need:
    return Need(
        "speech",
        OpenAIWhisper.name,
        settings.speech.model,
        packages=("whisper", "torch"),
        extra="whisper",
        files=("*.pt",),
    )
