"""faster-whisper: Whisper run by CTranslate2, without torch. On the processor it is the fastest there is."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vagent.configs import Settings
from vagent.errors import EngineError, EngineFailed, EngineUnavailable, SettingsError
from vagent.tools import batches, weights
from vagent.tools.engines import Status
from vagent.tools.speech import RATE
from vagent.tools.speech.whisper import TEMPERATURES, Whisper, known, tokens_for
from vagent.tools.speech.whisper_filters import NO_SPEECH, REPETITIVE, UNSURE, Heard, HeardWord, failed
from vagent.tools.speech.whisper_languages import CODES
from vagent.tools.speech.whisper_windows import LONGEST, Window
from vagent.tools.weights import Need

_FILES = ("model.bin", "config.json", "tokenizer.json", "vocabulary.*")  # without its tokenizer it asks the hub for one
_PRECISIONS = {"cpu": ("int8", "int8_float32", "float32"), "cuda": ("float16", "bfloat16", "float32")}
_MOST = 440  # tokens of a window; the model's 448 hold the prompt, too
_BEAM = 5
_ROOM = 30  # seconds from one window to the next in what is handed over at once
_LIBRARIES = ("libcublas", "libcudnn", "libcudart", "cublas64", "cudnn64", "cudart64")
_OLD = ("CUDA driver version", "no kernel image", "not compiled with CUDA", "unsupported device")

_log = logging.getLogger(__name__)


class FasterWhisper(Whisper[Any]):
    """Whisper in CTranslate2's format: int8 on the processor, float16 and many windows at once on a CUDA card.

    CTranslate2 knows no Apple cards: there it runs on the processor.
    """

    name: ClassVar[str] = "faster-whisper"
    package: ClassVar[str] = "faster-whisper"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._batch = batches.size("speech", settings)

    @property
    def capacity(self) -> float:
        """Seconds of speech that are best handed over at once: a window, or a card's batch of windows."""
        return LONGEST * (self._batch if self._device()[0] == "cuda" else 1)

    @classmethod
    def _status(cls, settings: Settings) -> tuple[Status, str]:
        need = _need(settings)
        return weights.status(need, settings), f"{need.model or ''} {weights.label(need, settings)}".strip()

    def _label(self) -> str:
        return weights.label(_need(self._settings), self._settings)

    def _device(self) -> tuple[str, int]:
        """Where it runs: CTranslate2's name and the card's number."""
        import ctranslate2

        wanted, _, number = self._settings.device.partition(":")
        if wanted in ("cpu", "mps"):
            return "cpu", 0
        cards = ctranslate2.get_cuda_device_count()
        if wanted == "cuda" and int(number or 0) >= cards:
            raise SettingsError("this machine has no such device", self._settings.device, allowed=["auto", "cpu"])
        return ("cuda", int(number or 0)) if cards else ("cpu", 0)

    def _load(self) -> Any:
        folder = weights.folder(_need(self._settings), self._settings)
        import ctranslate2
        from faster_whisper import WhisperModel
        from faster_whisper.feature_extractor import FeatureExtractor

        device, number = self._device()
        if device == "cuda":
            _preload()
        able = ctranslate2.get_supported_compute_types(device, number)
        model = WhisperModel(
            str(folder),
            device=device,
            device_index=number,
            compute_type=next((one for one in _PRECISIONS[device] if one in able), "default"),
            cpu_threads=self._settings.cores,
            local_files_only=True,
        )
        if model.feature_extractor.mel_filters.shape[0] != model.model.n_mels:
            # Folders without preprocessor_config.json: the library takes 80 bands for granted, large-v3 has 128.
            model.feature_extractor = FeatureExtractor(feature_size=model.model.n_mels)
        return model

    def _known(self, model: Any) -> Sequence[str]:
        if not model.model.is_multilingual:
            return ["en"]
        return known([code for code in CODES if model.hf_tokenizer.token_to_id(f"<|{code}|>") is not None])

    def _languages(self, model: Any, sound: NDArray[np.float32]) -> Mapping[str, float]:
        if not model.model.is_multilingual:
            return {"en": 1.0}
        _, _, chances = model.detect_language(audio=sound)
        return {language: float(chance) for language, chance in chances}

    def _hear(self, model: Any, windows: Sequence[Window], language: str, translate: bool) -> Sequence[Sequence[Heard]]:
        found: list[list[Heard] | None] = [None] * len(windows)
        if model.model.device == "cuda":
            fitting = [number for number, window in enumerate(windows) if window.seconds <= _ROOM]
            heard = self._together(model, [windows[number] for number in fitting], language, translate)
            for number, one in zip(fitting, heard, strict=True):
                # Many at once are heard at temperature 0 only.
                found[number] = None if any(map(failed, one)) else one
        return [
            self._alone(model, window, language, translate) if one is None else one
            for one, window in zip(found, windows, strict=True)
        ]

    def _alone(self, model: Any, window: Window, language: str, translate: bool) -> list[Heard]:
        """One window, with higher temperatures where needed."""
        import ctranslate2

        ctranslate2.set_random_seed(0)  # the same sound is heard the same way in every run
        segments, _ = model.transcribe(
            window.sound,
            beam_size=_BEAM,
            temperature=list(TEMPERATURES),
            compression_ratio_threshold=REPETITIVE,
            log_prob_threshold=UNSURE,
            no_speech_threshold=NO_SPEECH,
            vad_filter=False,
            **_options(window.seconds, language, translate),
        )
        return [_heard(segment, 0.0) for segment in segments]

    def _together(self, model: Any, windows: Sequence[Window], language: str, translate: bool) -> list[list[Heard]]:
        """Windows by batches; a batch that the card has no memory for is halved, for good."""
        found: list[list[Heard]] = []
        while len(found) < len(windows):
            batch = windows[len(found) : len(found) + self._batch]
            try:
                found += together(model, batch, language, translate)
            except RuntimeError as error:
                if "out of memory" not in str(error) or len(batch) == 1:
                    raise
                self._batch = max(1, len(batch) // 2)
                _log.warning("the card has no memory for %d windows of speech at once: %d now", len(batch), self._batch)
        return found

    def _trouble(self, error: Exception) -> EngineError:
        said = str(error)
        if any(name in said for name in _LIBRARIES):
            return EngineUnavailable(
                f"CTranslate2 {version('ctranslate2')} finds no CUDA 12 libraries ({said})",
                hint="run: pip install nvidia-cublas-cu12 'nvidia-cudnn-cu12>=9'; or set device: cpu",
            )
        if any(words in said for words in _OLD):
            return EngineUnavailable(f"CTranslate2 cannot use this card ({said})", hint="set device: cpu")
        if "out of memory" in said:
            return EngineFailed(f"{self.name} ran out of memory ({said})", hint="name a smaller speech.model")
        return super()._trouble(error)


def together(model: Any, windows: Sequence[Window], language: str, translate: bool) -> list[list[Heard]]:
    """Windows of at most half a minute each, all at once, at temperature 0."""
    from faster_whisper import BatchedInferencePipeline

    sound = np.zeros(len(windows) * _ROOM * RATE, np.float32)
    clips = []
    for number, window in enumerate(windows):
        first = number * _ROOM
        sound[first * RATE :][: len(window.sound)] = window.sound
        # Half a sample more, as the library rounds down.
        clips.append({"start": first, "end": first + (len(window.sound) + 0.5) / RATE})
    # One pipeline a time: what it keeps of the last words of a run that broke would move the first ones of the next.
    segments, _ = BatchedInferencePipeline(model).transcribe(
        sound,
        batch_size=len(windows),
        beam_size=_BEAM,
        temperature=0.0,
        clip_timestamps=clips,
        without_timestamps=not translate,  # word times say it better; a translation has none
        **_options(max(window.seconds for window in windows), language, translate),
    )
    found: list[list[Heard]] = [[] for _ in windows]
    for segment in segments:
        number = int(segment.seek / 100) // _ROOM
        if segment.text.strip():
            found[number].append(_heard(segment, number * _ROOM, begun=0.0))
    return found


def _options(seconds: float, language: str, translate: bool) -> dict[str, Any]:
    return {
        "language": language,
        "task": "translate" if translate else "transcribe",
        "word_timestamps": not translate,
        "condition_on_previous_text": False,
        "max_new_tokens": tokens_for(seconds, _MOST),
    }


def _heard(segment: Any, offset: float, begun: float | None = None) -> Heard:
    """The library's segment in our terms; numpy's numbers become Python's."""
    return Heard(
        start=float(segment.start) - offset,
        end=float(segment.end) - offset,
        text=segment.text,
        words=tuple(
            HeardWord(float(word.start) - offset, float(word.end) - offset, word.word, float(word.probability))
            for word in segment.words or ()
        ),
        sureness=float(segment.avg_logprob),
        no_speech=float(segment.no_speech_prob),
        repetition=float(segment.compression_ratio),
        begun=segment.seek / 100 if begun is None else begun,
    )


def _preload() -> None:
    """Make the CUDA 12 libraries of pip's packages known, which the loader does not look for by itself on Linux."""
    spec = find_spec("nvidia")
    if not sys.platform.startswith("linux") or spec is None:
        return
    import ctypes

    for root in spec.submodule_search_locations or ():
        for name in ("libcublasLt.so.12", "libcublas.so.12"):
            path = Path(root) / "cublas" / "lib" / name
            if path.is_file():
                ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)


def _need(settings: Settings) -> Need:
    return Need(
        "speech",
        FasterWhisper.name,
        settings.speech.model,
        packages=("faster_whisper", "ctranslate2"),
        extra="whisper",
        files=_FILES,
    )
