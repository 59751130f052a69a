"""Engines: which exist for each sense, which can run here, and which one `auto` takes.

Adding an engine is one file and one line: a class with ``name``, ``revision``, ``weak`` and ``check``, plus the methods
of its sense's interface (``tools/<sense>/__init__.py``), and its row in ``ENGINES`` below, best first. Run
``tests/tools/test_engine_contracts.py`` over it. Engines of other packages come in through the entry-point group
``vagent.engines``; an entry point is named ``sense.engine``, for instance ``speech.parakeet``, and goes before ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from threading import Lock
from typing import Any, ClassVar, Literal, Protocol, get_args

from vagent.configs import Settings
from vagent.errors import EngineUnavailable, SettingsError, VagentError
from vagent.tools.idle import Alarm, Use

Sense = Literal["speech", "text", "objects", "sounds", "embeddings", "visual", "videollm", "chat"]
SENSES: tuple[Sense, ...] = get_args(Sense)

ENGINES: Mapping[Sense, Mapping[str, str]] = {
    "speech": {
        "faster-whisper": "vagent.tools.speech.faster_whisper:FasterWhisper",
        "openai-whisper": "vagent.tools.speech.openai_whisper:OpenAIWhisper",
        "pocketsphinx": "vagent.tools.speech.pocketsphinx:PocketSphinx",
    },
    "text": {
        "rapidocr": "vagent.tools.text.rapid:RapidText",
        "easyocr": "vagent.tools.text.easy:EasyText",
    },
    "objects": {
        "transformers": "vagent.tools.objects.transformers:TransformersObjects",
        "ultralytics": "vagent.tools.objects.ultralytics:UltralyticsObjects",  # by name only: AGPL-3.0
    },
    "sounds": {
        "ast": "vagent.tools.sounds.ast:AST",
        "clap": "vagent.tools.sounds.clap:CLAP",
    },
    "embeddings": {
        "minilm": "vagent.tools.embeddings.minilm:MiniLM",  # first: a library keeps the model it was embedded with
        "sentence-transformers": "vagent.tools.embeddings.sentence:SentenceModel",
    },
    "visual": {"transformers": "vagent.tools.visual.transformers:TransformersVisual"},
    "videollm": {
        "openai": "vagent.tools.videollm.openai:OpenAIVideoLLM",  # first: it is there only where its server was set
        "transformers": "vagent.tools.videollm.transformers:TransformersVideoLLM",
    },
    "chat": {
        "openai": "vagent.tools.chat.openai:OpenAIChat",  # first: it is there only where its server was set
        "transformers": "vagent.tools.chat.transformers:TransformersChat",
        "videollm": "vagent.tools.chat.videollm:VideoLLMChat",
    },
}

ENTRY_POINTS = "vagent.engines"


@dataclass(frozen=True, slots=True)
class Status:
    """Whether an engine can run here now.

    Attributes:
        fix: the command or step that would make it work, or make it better.
        fetch: the model that has to be fetched before it can; the settings allow that.
    """

    ready: bool
    reason: str
    fix: str | None = None
    fetch: str | None = None


class Engine(Protocol):
    """What every engine class has; the constructor takes ``Settings`` and must be cheap: weights load on first use.

    A class that has ``named_only = True`` is never taken by ``auto``: whoever uses it has to know what that means.
    One that holds much has ``close``, which lets go of it once the calls that run have ended; the next call loads it
    again. It is called from any thread.
    """

    name: ClassVar[str]
    weak: ClassVar[bool]

    def __init__(self, settings: Settings) -> None: ...

    @property
    def revision(self) -> str:
        """Name and version as it is written beside evidence, ``"rapidocr 3.10.0"``."""
        ...

    @classmethod
    def check(cls, settings: Settings) -> Status:
        """Whether it can run here now: no heavy import, no network, a few milliseconds."""
        ...


@dataclass(frozen=True, slots=True)
class Choice:
    """The engine a sense takes and why. ``engine`` is None where the sense is off or nothing can run."""

    sense: Sense
    engine: type[Any] | None
    reason: str
    passed_over: Mapping[str, Status] = field(default_factory=dict)
    fetch: str | None = None

    @property
    def name(self) -> str:
        """The engine's name, or ``off``."""
        return self.engine.name if self.engine else "off"


class Engines:
    """The engines of one process: each is made once, whoever asks and from whichever thread.

    Of an engine there is one at a time. Where it is asked for with other settings, as for a video in another language,
    the one before lets go of its model: two models of gigabytes for two languages are one too many. One that nobody has
    used for the setting ``idle`` lets go of its model too, and loads it again at its next use.

    Args:
        settings: what the engines are made with.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._made: dict[tuple[Sense, str], tuple[Settings, Any]] = {}
        self._uses: dict[tuple[Sense, str], Use] = {}
        self._failed: dict[Sense, dict[str, Status]] = {}
        self._lock = Lock()
        self._alarm = Alarm(self._let_go)

    def get(self, sense: Sense, settings: Settings | None = None) -> tuple[Choice, Any | None]:
        """The choice for a sense and its engine; the engine is None where the sense is off or nothing can run.

        A model that has to be fetched is fetched now: what an engine's revision says depends on it.

        Args:
            settings: settings of one video where they differ from the process's, for instance in the speech's language.

        Raises:
            SettingsError: no engine of that name.
            EngineUnavailable: the engine was asked for by name and cannot run here.
            EngineFailed, StorageError: its model cannot be fetched.
        """
        settings = settings or self.settings
        choice = self._fetched(sense, settings)
        if choice.engine is None:
            return choice, None
        key = (sense, choice.name)
        with self._lock:
            made_with, engine = self._made.get(key, (None, None))
            if made_with != settings:
                if engine is not None:
                    _close(engine)
                engine = choice.engine(settings)
                self._made[key] = settings, engine
                if hasattr(engine, "close"):
                    self._uses[key] = Use(engine, self._unused)
            return choice, engine

    def _fetched(self, sense: Sense, settings: Settings) -> Choice:
        """The choice, with its model here; ``auto`` goes on to the next engine where the model cannot be had."""
        from vagent.tools.weights.download import fetch

        failed = self._failed.setdefault(sense, {})
        while True:
            choice = choose(sense, settings, failed)
            if choice.fetch is None:
                return choice
            try:
                fetch(choice.fetch, settings)
                return choice
            except VagentError as error:
                if getattr(settings.engines, sense) != "auto":
                    raise
                failed[choice.name] = Status(False, str(error))

    def close(self) -> None:
        """Let go of worker processes and models; the next ``get`` makes the engines anew."""
        with self._lock:
            self._alarm.stop()
            for _, engine in self._made.values():
                _close(engine)
            self._made.clear()
            self._uses.clear()

    def release(self, unused: float = 0.0) -> list[str]:
        """Let go of the models that nobody has used for so many seconds and nobody is using; each engine stays, and
        loads its model again at its next use, with the same results.

        Returns:
            The senses whose engine let go of what it held.
        """
        with self._lock:
            uses = dict(self._uses)
        return [sense for (sense, _), use in uses.items() if use.release(unused)]

    def _unused(self) -> None:
        """A call has ended: look again when its engine may have gone unused for too long."""
        if self.settings.idle:
            self._alarm.set(self.settings.idle)

    def _let_go(self) -> None:
        self.release(self.settings.idle)
        with self._lock:
            left = [use.left(self.settings.idle) for use in self._uses.values()]
        waiting = [seconds for seconds in left if seconds is not None]
        if waiting:
            self._alarm.set(max(0.0, min(waiting)))


def _close(engine: Any) -> None:
    close = getattr(engine, "close", None)
    if close is not None:
        close()


def names(sense: Sense) -> list[str]:
    """Names of the engines known for a sense, best first."""
    return list(_table(sense))


def choose(sense: Sense, settings: Settings, failed: Mapping[str, Status] | None = None) -> Choice:
    """The engine that the settings ask for; ``auto`` takes the first that can run here.

    Args:
        failed: engines that have been tried in vain, which ``auto`` passes over.

    Raises:
        SettingsError: no engine of that name.
        EngineUnavailable: the engine was asked for by name and cannot run here.
    """
    wanted: str = getattr(settings.engines, sense)
    if wanted == "off":
        return Choice(sense, None, "switched off by setting")
    if wanted != "auto":
        status = check(sense, wanted, settings)
        if not status.ready:
            raise EngineUnavailable(f"{sense} engine {wanted} cannot run here: {status.reason}", hint=status.fix)
        return Choice(sense, _load(sense, wanted), "asked for by name", fetch=status.fetch)
    passed_over: dict[str, Status] = {}
    for name in _table(sense):
        try:
            if getattr(_load(sense, name), "named_only", False):
                continue
            status = (failed or {}).get(name) or check(sense, name, settings)
        except EngineUnavailable as error:
            status = Status(False, error.what, error.hint)
        if status.ready:
            return Choice(sense, _load(sense, name), status.reason, passed_over, status.fetch)
        passed_over[name] = status
    return Choice(sense, None, "no engine can run here", passed_over)


def check(sense: Sense, name: str, settings: Settings) -> Status:
    """Whether one engine can run here now.

    Raises:
        SettingsError: no engine of that name.
        EngineUnavailable: an engine of another package that cannot be imported.
    """
    status: Status = _load(sense, name).check(settings)
    return status


def _load(sense: Sense, name: str) -> type[Any]:
    table = _table(sense)
    if name not in table:
        raise SettingsError(f"unknown {sense} engine", name, allowed=["auto", "off", *table])
    target = table[name]
    if isinstance(target, EntryPoint):
        try:
            loaded: type[Any] = target.load()
        except Exception as error:  # it is somebody else's module, which may raise anything
            raise EngineUnavailable(
                f"{target.value} cannot be imported ({error})", hint="see who provides it"
            ) from error
        return loaded
    module, _, attribute = target.partition(":")
    found: type[Any] = getattr(import_module(module), attribute)
    return found


@cache
def _table(sense: Sense) -> Mapping[str, str | EntryPoint]:
    prefix = f"{sense}."
    theirs = {e.name.removeprefix(prefix): e for e in entry_points(group=ENTRY_POINTS) if e.name.startswith(prefix)}
    return {**theirs, **ENGINES[sense]}
