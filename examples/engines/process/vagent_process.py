"""A video-LLM in a process of its own, for repositories that need other versions of everything: old torch, old Python.

    VAGENT_PROCESS_COMMAND="/opt/videollama2/bin/python workers/worker.py workers/for_videollama2.py"
    vagent ask film.mkv "What does the man carry?" --engine videollm=process

The two sides speak JSON, one object a line. The worker says ``{"ready": true}`` when its model is loaded. Then for each

    {"id": 7, "prompt": "...", "tokens": 256, "pictures": ["/tmp/x/0000.jpg", ...], "times": [12.0, ...]}

it answers ``{"id": 7, "text": "..."}`` or ``{"id": 7, "error": "..."}``. What a model says about times as the number of
one of n evenly spread frames it writes as ``<frame 10/100>``, counted from 0: here that becomes a time of the video.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np

from vagent.configs import Settings
from vagent.errors import EngineFailed, EngineUnavailable
from vagent.tools.engines import Status
from vagent.tools.time import format_time
from vagent.tools.videollm import Frames, VideoLanguageModel

VERSION = "1.0"
COMMAND = "VAGENT_PROCESS_COMMAND"
"""Environment variable with the command that starts the worker."""
LOADING = "VAGENT_PROCESS_LOADING"
"""Environment variable with the seconds that the worker may take to load its model; 600 where it is not set."""

_LONGEST = 1 << 20  # bytes of one line from the worker
_ENDING = 5.0  # seconds that a worker has to end by itself
_QUALITY = 90  # of the JPEG
_FRAME = re.compile(r"<frame (\d{1,9})/(\d{1,9})>")


class ProcessVideoLLM(VideoLanguageModel):
    """Starts the command in ``VAGENT_PROCESS_COMMAND`` at the first question, and again after it died.

    May be used from several threads; the worker gets one question at a time.
    """

    name: ClassVar[str] = "process"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._asked = 0

    @property
    def revision(self) -> str:
        """Version of this package, and the command, by its program's last argument and a digest of the whole."""
        command = _command()
        name = Path(command[-1]).name if command else "none"
        digest = hashlib.blake2b(repr(command).encode(), digest_size=4).hexdigest()
        return f"{self.name} {VERSION} {name} {digest}"

    @classmethod
    def check(cls, settings: Settings) -> Status:
        """Whether there is a command, and its program."""
        command = _command()
        if not command:
            return Status(False, f"{COMMAND} is not set", f"set {COMMAND} to the command that starts a worker")
        if shutil.which(command[0]) is None:
            return Status(False, f"there is no program {command[0]}", f"set {COMMAND} to a command that can be run")
        return Status(True, f"{COMMAND} is set")

    def answer(self, frames: Frames, prompt: str, *, tokens: int | None = None) -> str:
        """What the worker's model says about ``frames``; see ``VideoLanguageModel``.

        Raises:
            EngineUnavailable: the worker cannot be started.
            EngineFailed: it said that it failed, died, said something else than an answer, or took too long. It is
                started anew by the next question.
        """
        limit = self.settings.videollm
        shown = _thinned(sorted(frames, key=lambda frame: frame[0]), limit.frames)
        with self._lock, tempfile.TemporaryDirectory(prefix="vagent-") as folder:
            self._asked += 1
            reply = self._running().ask(
                {
                    "id": self._asked,
                    "prompt": prompt,
                    "tokens": tokens or limit.tokens,
                    "pictures": _written(shown, Path(folder)),
                    "times": [time for time, _ in shown],
                },
                limit.timeout,
            )
        if "error" in reply:
            raise EngineFailed("the worker's model broke", str(reply["error"]))
        text = reply.get("text")
        if not isinstance(text, str):
            raise EngineFailed("the worker answered without a text", json.dumps(reply)[:200])
        return _with_times(text, [time for time, _ in shown]).strip()

    def close(self) -> None:
        """End the worker; the next question starts it again."""
        with self._lock:
            if self._worker is not None:
                self._worker.stop()
            self._worker = None

    def _running(self) -> Worker:
        if self._worker is None or not self._worker.alive:
            command = _command()
            if not command:
                raise EngineUnavailable(f"{COMMAND} is not set", hint="set it to the command that starts a worker")
            if self._worker is not None:
                self._worker.stop()
            self._worker = Worker(command, _loading())
        return self._worker


class Worker:
    """A running worker process whose model is loaded.

    Args:
        command: program and arguments.
        seconds: how long it may take to load its model.

    Raises:
        EngineUnavailable: there is no such program.
        EngineFailed: it ended, or was not ready in time.
    """

    def __init__(self, command: Sequence[str], seconds: float) -> None:
        # Our Python's own settings would break another environment's.
        environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
        pipe = subprocess.PIPE
        try:
            self._process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, start_new_session=True
            )
        except OSError as error:
            hint = f"set {COMMAND} to a command that can be run"
            raise EngineUnavailable(f"the worker cannot be started ({error})", command[0], hint=hint) from error
        self._complaints: deque[str] = deque(maxlen=20)
        self._listener = threading.Thread(target=self._listen, args=(self._process.stderr,), daemon=True)
        self._listener.start()
        if self._exchange(None, seconds, f"it was not ready within {seconds:g} s").get("ready") is not True:
            raise self._broken("it did not say that it is ready")

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def ask(self, request: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """Its reply to one request.

        Raises:
            EngineFailed: there was none, or another one; the worker is then ended.
        """
        reply = self._exchange(request, seconds, f"no answer within {seconds:g} s; raise videollm.timeout")
        if reply.get("id") != request["id"]:
            raise self._broken("it answered another question")
        return reply

    def stop(self, patience: float = _ENDING) -> None:
        """End it: it goes by itself when nobody can ask it any more, or is made to after ``patience`` seconds."""
        with contextlib.suppress(OSError):
            self._process.stdin.close()  # type: ignore[union-attr]
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._kill()
            self._process.wait()
        self._process.stdout.close()  # type: ignore[union-attr]
        self._listener.join(_ENDING)
        if not self._listener.is_alive():  # else something that the worker started still writes there
            self._process.stderr.close()  # type: ignore[union-attr]

    def _exchange(self, request: Mapping[str, Any] | None, seconds: float, late: str) -> dict[str, Any]:
        """Send a line and read one. A clock beside us ends a worker that is late, which ends our waiting too."""
        ended = threading.Event()

        def end() -> None:
            ended.set()
            self._kill()

        clock = threading.Timer(seconds, end)
        clock.daemon = True
        clock.start()
        try:
            if request is not None:
                self._process.stdin.write(json.dumps(request).encode() + b"\n")  # type: ignore[union-attr]
                self._process.stdin.flush()  # type: ignore[union-attr]
            line = self._process.stdout.readline(_LONGEST)  # type: ignore[union-attr]
        except OSError:
            line = b""  # it died
        finally:
            clock.cancel()
        if ended.is_set():
            raise self._broken(late)
        if not line:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_ENDING)
            raise self._broken(f"it ended (exit code {self._process.returncode})")
        try:
            reply = json.loads(line)
        except (ValueError, RecursionError):
            reply = None
        if not isinstance(reply, dict):
            raise self._broken(f"it said {line[:80]!r} instead of one line of JSON")
        return reply

    def _broken(self, what: str) -> EngineFailed:
        """The worker's end, with what it complained about last."""
        self.stop(patience=0.5)
        last = next((line for line in reversed(self._complaints) if line), None)
        return EngineFailed(f"the worker broke: {what}", last, hint=f"see {COMMAND}")

    def _kill(self) -> None:
        with contextlib.suppress(OSError):
            if os.name == "posix":
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()

    def _listen(self, pipe: IO[bytes]) -> None:
        """Read what the worker prints, so that it never waits for a reader."""
        while line := pipe.readline(_LONGEST):
            self._complaints.append(line.decode(errors="replace").strip())


def _command() -> list[str]:
    try:
        return shlex.split(os.environ.get(COMMAND, ""))
    except ValueError:  # a quotation mark is missing
        return []


def _loading() -> float:
    given = os.environ.get(LOADING) or "600"
    try:
        return float(given)
    except ValueError as error:
        raise EngineUnavailable(f"{LOADING} is not a number of seconds", given) from error


def _thinned(frames: Frames, most: int) -> Frames:
    """At most ``most`` frames, evenly chosen."""
    if len(frames) <= most:
        return frames
    return [frames[round(i)] for i in np.linspace(0, len(frames) - 1, most)]


def _written(frames: Frames, folder: Path) -> list[str]:
    """The pictures as JPEG files; their names are in order of time."""
    import cv2

    files = []
    for number, (_, image) in enumerate(frames):
        done, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        if not done:
            raise EngineFailed("a picture cannot be made a JPEG", str(image.shape))
        file = folder / f"{number:04d}.jpg"
        file.write_bytes(jpeg.tobytes())
        files.append(str(file))
    return files


def _with_times(text: str, times: Sequence[float]) -> str:
    """``<frame 10/100>`` as the time of frame 10 of 100 that are evenly spread over ``times``; never outside them."""
    first, last = (times[0], times[-1]) if times else (0.0, 0.0)

    def time(found: re.Match[str]) -> str:
        number, count = int(found[1]), int(found[2])
        share = min(1.0, number / (count - 1)) if count > 1 else 0.0
        return format_time(first + share * (last - first), 1)

    return _FRAME.sub(time, text)
