"""PocketSphinx: the recogniser whose English model comes inside its package. Weak: half of the words may be wrong."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Callable, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from threading import Condition, Event, Lock, Timer
from typing import IO, Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vagent.configs import Settings
from vagent.errors import EngineFailed, EngineUnavailable
from vagent.tools.engines import Status
from vagent.tools.speech import RATE, Utterance, Word
from vagent.tools.time import Span

_ENGLISH = frozenset({"en", "eng", "english"})
_UNKNOWN = frozenset({"", "und", "mis", "mul"})  # what files say that do not know
_SLOWEST, _FASTEST = 1.4, 6.0  # words a second; what is heard in music comes slower, measured
_LONGEST_WORD = 1.6  # seconds; likewise
_START_LIMIT = 60.0  # seconds that the worker may take to load its model
_SLOW = 20.0  # seconds that a second of speech may take; usual is 0.4
_MOST = 4  # processes at once: each takes 120 MB and hears several times faster than is spoken
_PATIENCE = 1.5  # seconds to wait for one that runs: to start another costs about as much

_log = logging.getLogger(__name__)

Heard: TypeAlias = tuple[str, float, float]
"""A word, and its start and end in seconds from the first sample."""


class PocketSphinx:
    """Recognises English with the model that the package pocketsphinx carries, in processes of its own.

    A process starts when it is first needed, is started again when it broke, and ends with this object or with the
    interpreter. Safe for use from several threads: each call has a process to itself, or waits for one.
    """

    name: ClassVar[str] = "pocketsphinx"
    weak: ClassVar[bool] = True

    def __init__(self, settings: Settings) -> None:
        self._lanes = [_Lane() for _ in range(min(settings.cores, _MOST))]
        self._free = list(self._lanes)
        self._freed = Condition()
        self._closed = 0  # times

    @property
    def callers(self) -> int:
        """How many threads may have it hear at once to good use."""
        return len(self._lanes)

    @property
    def revision(self) -> str:
        return f"pocketsphinx {version('pocketsphinx')}"

    @classmethod
    def check(cls, settings: Settings) -> Status:
        if _folder() is None:
            return Status(False, "the package pocketsphinx is not installed", "run: pip install 'pocketsphinx>=5.1'")
        if not sys.executable or getattr(sys, "frozen", False):
            return Status(False, "it needs a process of its own, and this interpreter has no executable")
        language = (settings.speech.language or "").lower().replace("_", "-").partition("-")[0]
        if language not in _ENGLISH | _UNKNOWN:
            return Status(False, f"it knows English only, not {settings.speech.language!r}")
        return Status(True, "its English model is bundled; many words will be wrong")

    def transcribe(self, samples: NDArray[np.int16], start: float) -> Sequence[Utterance]:
        """What is said in ``samples``: one utterance, or none when it does not sound like speech.

        Raises:
            EngineFailed: the recogniser's process broke twice, or took too long.
            EngineUnavailable: it was closed meanwhile.
        """
        if not len(samples):
            return []
        heard = self._hear(samples)
        length = len(samples) / RATE
        words = [
            Word(Span(start + begin, start + max(begin, min(end, length))), text)
            for text, begin, end in heard
            if end - begin <= _LONGEST_WORD
        ]
        if not words or not _SLOWEST <= len(words) / length <= _FASTEST:
            return []
        text = " ".join(word.text for word in words)
        return [Utterance(Span(words[0].span.start, words[-1].span.end), text, tuple(words), language="en")]

    def close(self) -> None:
        """End the processes at once, so that calls under way fail; the next use starts others."""
        self._closed += 1
        for lane in self._lanes:
            lane.close()

    def _hear(self, samples: NDArray[np.int16]) -> list[Heard]:
        closed = self._closed
        lane = self._taken()
        try:
            return lane.hear(samples, lambda: self._closed != closed)
        finally:
            with self._freed:
                self._free.append(lane)
                self._freed.notify()

    def _taken(self) -> _Lane:
        """A process that runs, or another one where all are busy for some time."""

        def running() -> _Lane | None:
            return next((lane for lane in self._free if lane.runs), None)

        with self._freed:
            if len(self._free) < len(self._lanes):
                self._freed.wait_for(running, _PATIENCE)
            self._freed.wait_for(lambda: self._free)
            lane = running() or self._free[0]
            self._free.remove(lane)
            return lane


class _Lane:
    """One process, whichever it is just now."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._worker: _Worker | None = None
        self._end: Callable[[], object] = lambda: None

    @property
    def runs(self) -> bool:
        return self._worker is not None

    def hear(self, samples: NDArray[np.int16], closed: Callable[[], bool]) -> list[Heard]:
        with self._lock:
            try:
                return self._ask(samples, closed)
            except _Died:
                pass
            if closed():
                # Not a stretch that broke it: nobody may take this one for heard.
                raise EngineUnavailable("pocketsphinx was closed before it had heard all")
            _log.warning("the recogniser's process ended; starting another")
            return self._ask_again(samples, closed)

    def close(self) -> None:
        """End the process without waiting: whoever it works for finds out."""
        if self._lock.acquire(blocking=False):
            try:
                self._drop()
            finally:
                self._lock.release()
        elif (worker := self._worker) is not None:
            worker.kill()

    def _ask(self, samples: NDArray[np.int16], closed: Callable[[], bool]) -> list[Heard]:
        if (self._worker is None or not self._worker.is_ours) and not closed():
            self._worker = _Worker()
            self._end = weakref.finalize(self, self._worker.end)
        try:
            if self._worker is None or closed():  # meanwhile: a process that was just starting was not killed
                raise _Died("it was closed")
            return self._worker.words(samples)
        except BaseException:  # an interrupt too: an answer that nobody waited for must not reach the next question
            self._drop()
            raise

    def _ask_again(self, samples: NDArray[np.int16], closed: Callable[[], bool]) -> list[Heard]:
        try:
            return self._ask(samples, closed)
        except _Died as error:
            raise EngineFailed(f"pocketsphinx's process broke: {error}") from None

    def _drop(self) -> None:
        if self._worker is not None:
            self._end()
            self._worker = None


class _Died(Exception):
    """The worker ended without an answer; the message is the last that it said."""


class _Worker:
    """A running worker process and the talk with it."""

    def __init__(self) -> None:
        self._owner = os.getpid()
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._process = subprocess.Popen(
            _command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            start_new_session=True,  # so that Ctrl-C in a terminal reaches vagent alone
        )
        try:
            self._answer(b"", _START_LIMIT)
        except BaseException:
            self.end()
            raise

    @property
    def is_ours(self) -> bool:
        """False in a fork of the process that started it."""
        return self._owner == os.getpid()

    def words(self, samples: NDArray[np.int16]) -> list[Heard]:
        """Words with their times in seconds from the first sample."""
        pcm = np.ascontiguousarray(samples, dtype="<i2").tobytes()
        limit = _START_LIMIT + _SLOW * len(samples) / RATE
        answer = self._answer(len(pcm).to_bytes(4, "little") + pcm, limit)
        return [(text, begin, end) for text, begin, end in answer["words"]]

    def kill(self) -> None:
        """Have it end; whoever waits for an answer is told that it died."""
        if self.is_ours:
            self._process.kill()

    def end(self) -> None:
        """Kill the process and free what it held; may be called again."""
        if not self.is_ours:
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._said):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue  # what it had not read is lost with it

    def _answer(self, message: bytes, limit: float) -> dict[str, Any]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        late = Event()

        def give_up() -> None:
            late.set()
            self._process.kill()

        watch = Timer(limit, give_up)
        watch.daemon = True
        watch.start()
        try:
            stdin.write(message)
            stdin.flush()
            line = stdout.readline()
        except BrokenPipeError:
            line = b""
        finally:
            watch.cancel()
        if not line.endswith(b"\n"):
            if late.is_set():
                raise EngineFailed(f"pocketsphinx gave no answer within {limit:.0f} s")
            raise _Died(self._last_words())
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise EngineFailed(f"pocketsphinx broke: {answer['error']}")
        return answer

    def _last_words(self) -> str:
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit status {self._process.wait()}"


def _command() -> list[str]:
    script = Path(__file__).with_name("_sphinx_worker.py")
    # -P: this folder must not come first in its path, or it would import this very module as pocketsphinx.
    return [sys.executable, "-P", str(script), str(_folder())]


def _folder() -> Path | None:
    """The folder that holds the package pocketsphinx."""
    spec = find_spec("pocketsphinx")
    return Path(spec.origin).parent.parent if spec and spec.origin else None
