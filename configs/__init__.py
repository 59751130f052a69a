"""Settings: read from default.yaml, a preset, the environment, the user's file and arguments, then checked.

Precedence, strongest first: argument > command line > file > environment > preset > default.yaml.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from platformdirs import user_config_path, user_data_path
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vagent.errors import SettingsError

PRESETS = ("quick", "standard", "deep")

_Share = Annotated[float, Field(ge=0, le=1)]
_Track = Annotated[int, Field(ge=0)] | None
_Positive = Annotated[float, Field(gt=0)]
_Count = Annotated[int, Field(ge=1)]
_Precision = Literal["auto", "fp32", "fp16", "bf16", "8bit", "4bit"]
_Attention = Literal["auto", "sdpa", "eager", "flash_attention_2"]
_Description = Annotated[str, Field(pattern=r"\w", max_length=200)]  # a word in it, at least


class _Loader(yaml.SafeLoader):
    """YAML whose booleans are true and false alone, as in YAML 1.2: ``off`` is an engine's state, ``no`` Norwegian."""


_BOOLEAN = "tag:yaml.org,2002:bool"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag != _BOOLEAN]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_BOOLEAN, re.compile("true|True|TRUE|false|False|FALSE"), list("tTfF"))


def _yaml(text: str) -> Any:
    return yaml.load(text, _Loader)  # it is a safe loader


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Engines(_Section):
    """Which engine each sense takes: a name, ``auto`` or ``off``."""

    speech: str
    text: str
    objects: str
    sounds: str
    embeddings: str
    visual: str
    videollm: str
    chat: str


class MediaSettings(_Section):
    """How a file is decoded and which pictures are kept."""

    sample_fps: Annotated[float, Field(gt=0, le=60)]
    decode: Literal["all", "adaptive", "reference"]
    hwaccel: Literal["off", "auto", "cuda", "videotoolbox", "d3d11va", "vaapi", "qsv"]
    image_width: Annotated[int, Field(ge=64)]
    picture_width: Annotated[int, Field(ge=64)]
    picture_quality: Annotated[int, Field(ge=10, le=100)]
    video_track: _Track
    audio_track: _Track
    audio_language: str | None
    checkpoint: Annotated[float, Field(ge=5)]


class IndexSettings(_Section):
    """How many files are indexed side by side, and when a file or a process is given up. Times in seconds."""

    workers: Annotated[int, Field(ge=0, le=1024)]
    settle: Annotated[float, Field(ge=0, le=3600)]
    unfinished: Annotated[float, Field(ge=0, le=86400)]
    patience: _Positive
    least_patience: _Positive


class ClusterSettings(_Section):
    """Where tasks run that index on many machines, what each takes, and how often it sends what it has. Seconds."""

    address: str | None
    cpus: _Positive
    gpus: Annotated[float, Field(ge=0)] | None
    ship: _Positive
    tries: _Count
    scratch: Path | None


class SyncSettings(_Section):
    """What is done with files that moved, came back in another encoding, or went. Times in seconds."""

    relink: Literal["ask", "always", "never"]
    reuse: bool
    quiet: Annotated[float, Field(ge=0.05, le=60)]


class SubtitleSettings(_Section):
    """Which subtitles are read, and when they are good enough to do without speech recognition."""

    use: bool
    language: str | None
    track: _Track
    coverage: _Share
    density: Annotated[float, Field(ge=0)]


class SpeechSettings(_Section):
    """When and how speech is recognised."""

    when: Literal["missing", "always", "never"]
    vad_threshold: _Share
    shortest: _Positive
    longest: _Positive
    pause: _Positive
    language: str | None
    translate: bool
    model: str | None
    batch: _Count | None


class TextSettings(_Section):
    """How on-screen text is recognised."""

    languages: Annotated[tuple[str, ...], Field(min_length=1)]
    model: Path | None
    min_confidence: _Share
    detect_side: Annotated[int, Field(ge=64)]
    change: Annotated[float, Field(ge=0)]
    every: Annotated[float, Field(ge=0)]


class ObjectSettings(_Section):
    """How things in the picture are found. ``find``: descriptions of things beside what the model knows."""

    every: _Positive
    threshold: _Share
    model: str | None
    find: tuple[_Description, ...]
    find_threshold: _Share
    find_model: str | None
    batch: _Count | None


class SoundSettings(_Section):
    """How sounds that are no speech are told apart."""

    threshold: _Share
    model: str | None
    batch: _Count | None


class CaptionSettings(_Section):
    """Whether and how clips are described by the video-LLM."""

    use: bool
    frames: _Count
    words: Annotated[int, Field(ge=5, le=400)]
    batch: _Count | None


class ClipSettings(_Section):
    """Lengths of clips in seconds."""

    window: _Positive
    longest: _Positive


class EmbeddingSettings(_Section):
    """How texts are embedded."""

    batch: _Count
    model: str | None


class VisualSettings(_Section):
    """How pictures are embedded."""

    every: _Positive
    batch: _Count | None
    model: str | None


class VideoLLMSettings(_Section):
    """Which video-LLM looks, where it runs and how much it sees at once."""

    model: str | None
    endpoint: str | None
    key: str
    timeout: _Positive
    send: Literal["images", "video"]
    precision: _Precision
    attention: _Attention
    frames: _Count
    pixels: Annotated[int, Field(ge=1024)]
    tokens: _Count


class ChatSettings(_Section):
    """Which chat model chooses the steps of a question, and where it runs."""

    model: str | None
    endpoint: str | None
    key: str
    timeout: _Positive
    tokens: _Count
    tools: Literal["auto", "native", "json"]
    precision: _Precision
    attention: _Attention


class SearchSettings(_Section):
    """How hits of several channels become moments."""

    channel_hits: _Count
    rrf_k: Annotated[int, Field(ge=0)]
    limit: _Count
    per_video: _Count
    neighbour: _Share
    exact_vectors: _Count
    vectors: Literal["faiss", "milvus"]
    milvus_uri: str | None
    milvus_token: str
    milvus_timeout: _Positive


class SummarySettings(_Section):
    """Whether and how a video is summed up: scenes, chapters and the whole."""

    use: bool
    words: Annotated[int, Field(ge=5, le=400)]


class AgentSettings(_Section):
    """Who chooses the steps of a question, and its budgets."""

    driver: Literal["auto", "policy", "llm"]
    candidates: _Count
    looks: Annotated[int, Field(ge=0)]
    frames: _Count
    pictures: _Count
    look_seconds: _Positive
    steps: Annotated[int, Field(ge=1, le=15)]
    seconds: _Positive
    tokens: _Count
    question_length: _Count


class RunSettings(_Section):
    """What models said to what, kept so that it need not be asked again and an answer can be replayed."""

    cache: bool
    megabytes: _Count


class Settings(_Section):
    """All settings, checked and frozen. Made by ``load``; defaults stand in default.yaml alone."""

    preset: Literal["quick", "standard", "deep"]
    library: Path | None
    offline: bool
    threads: Annotated[int, Field(ge=0)]
    idle: Annotated[float, Field(ge=0)]
    device: Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")]
    models: Path | None
    download: Literal["named", "auto", "never"]
    trust: tuple[str, ...]
    engines: Engines
    media: MediaSettings
    index: IndexSettings
    cluster: ClusterSettings
    sync: SyncSettings
    subtitles: SubtitleSettings
    speech: SpeechSettings
    text: TextSettings
    objects: ObjectSettings
    sounds: SoundSettings
    captions: CaptionSettings
    summaries: SummarySettings
    clips: ClipSettings
    embeddings: EmbeddingSettings
    visual: VisualSettings
    videollm: VideoLLMSettings
    chat: ChatSettings
    search: SearchSettings
    agent: AgentSettings
    runs: RunSettings

    @property
    def library_dir(self) -> Path:
        """Folder of the library: the one that was set, or the platform's user data folder."""
        return (self.library or user_data_path("vagent", appauthor=False) / "library").expanduser()

    @property
    def cores(self) -> int:
        """Processor threads to use."""
        if self.threads:
            return self.threads
        # Containers give a process fewer cores than the machine has.
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def config_file() -> Path:
    """The user's settings file: ``VAGENT_CONFIG``, or ``config.yaml`` in the platform's user config folder."""
    named = os.environ.get("VAGENT_CONFIG")
    return Path(named).expanduser() if named else user_config_path("vagent", appauthor=False) / "config.yaml"


def default_text() -> str:
    """default.yaml as it stands, comments included."""
    return files("vagent.configs").joinpath("default.yaml").read_text(encoding="utf-8")


def load(overrides: Mapping[str, Any] | None = None, *, env: Mapping[str, str] | None = None) -> Settings:
    """The settings in force.

    Args:
        overrides: nested values from arguments or the command line, ``{"text": {"detect_side": 960}}``; a None
            at the top level or in a section means "not given".
        env: the environment to read ``VAGENT_*`` from; None: this process's.

    Raises:
        SettingsError: for an unknown preset, key or value, naming it, where it was found and what is allowed.
    """
    env = os.environ if env is None else env
    defaults = _parse(default_text(), "default.yaml")
    file = config_file()
    given = [
        ("the environment", _from_env(env, defaults)),
        (str(file), _parse(_read(file), str(file)) if file.is_file() else {}),
        ("the arguments", _given(overrides or {})),
    ]
    preset = next((layer["preset"] for _, layer in reversed(given) if "preset" in layer), defaults["preset"])
    if preset not in PRESETS:
        raise SettingsError("unknown preset", preset, allowed=PRESETS)
    merged = defaults
    for origin, layer in [(f"{preset}.yaml", _preset(preset)), *given]:
        _check_keys(layer, defaults, origin)
        merged = _merge(merged, layer)
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"] if str(part) in str(merged) or isinstance(part, str))
        raise SettingsError(f"setting {key} is not valid", first.get("input"), allowed=first["msg"]) from error


def _preset(name: str) -> dict[str, Any]:
    return _parse(files("vagent.configs").joinpath(f"{name}.yaml").read_text(encoding="utf-8"), f"{name}.yaml")


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the settings file cannot be read ({error})", str(file)) from error


def _parse(text: str, origin: str) -> dict[str, Any]:
    try:
        values = _yaml(text)
    except yaml.YAMLError as error:
        raise SettingsError("the settings file is not valid YAML", origin, hint=str(error)) from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise SettingsError("the settings file must hold keys with values", origin, hint="see `vagent config show`")
    return values


def _from_env(env: Mapping[str, str], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """``VAGENT_TEXT_DETECT_SIDE=960`` as ``{"text": {"detect_side": 960}}``; values are read as YAML scalars."""
    found: dict[str, Any] = {}
    for key, default in defaults.items():
        if isinstance(default, dict):
            section = {k: _yaml(env[n]) for k in default if (n := f"VAGENT_{key}_{k}".upper()) in env}
            if section:
                found[key] = section
        elif (name := f"VAGENT_{key}".upper()) in env:
            found[key] = env[name] if key in ("library", "models") else _yaml(env[name])
    return found


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values without those that are None, which means "not given"."""
    return {k: _given(v) if isinstance(v, Mapping) else v for k, v in values.items() if v is not None}


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        merged[key] = _merge(merged[key], value) if isinstance(value, Mapping) else value
    return merged


def _check_keys(layer: Mapping[str, Any], known: Mapping[str, Any], origin: str, prefix: str = "") -> None:
    for key, value in layer.items():
        if key not in known:
            raise SettingsError(f"unknown setting in {origin}", f"{prefix}{key}", allowed=sorted(map(str, known)))
        if isinstance(known[key], dict) != isinstance(value, dict):
            wanted = "a section with keys" if isinstance(known[key], dict) else "one value"
            raise SettingsError(f"wrong shape of a setting in {origin}", f"{prefix}{key}", allowed=wanted)
        if isinstance(value, dict):
            _check_keys(value, known[key], origin, f"{prefix}{key}.")
