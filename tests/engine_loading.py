"""Loads and uses engines in a process that has no network, and tells what they did; run by test_lightness.

stdin: a JSON list of {"sense", "name", "settings"}; stdout: a JSON list in the same order of {"network": what they
wanted of it, "alone": how many models one thread loaded, "together": the same for two threads at once, "error"}.
"""

from __future__ import annotations

import functools
import gc
import importlib
import json
import os
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.models.easyocr import teach

LOADERS = (
    "transformers:PreTrainedModel.from_pretrained",
    "faster_whisper:WhisperModel.__init__",
    "whisper:load_model",
    "ultralytics:YOLO.__init__",
    "easyocr:Reader.__init__",
    "onnxruntime:InferenceSession.__init__",
    "subprocess:Popen.__init__",
)
"""What loads a model: pocketsphinx's works in a process of its own."""

SLOW = 0.1  # seconds that each loading takes longer here, so that a second thread would come in between

wanted: list[str] = []


def block_network() -> None:
    """Every attempt to reach another machine, or to look up its name, is written down and fails."""

    def refuse(name: str) -> Callable[..., Any]:
        def refused(*arguments: Any, **_: Any) -> Any:
            wanted.append(f"{name} {arguments[-2:]}")
            raise OSError("there is no network here")

        return refused

    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX:
            refuse("connect")(address)
        real(self, address)

    socket.socket.connect = connect  # type: ignore[method-assign, assignment]
    socket.socket.connect_ex = refuse("connect_ex")  # type: ignore[method-assign]
    socket.socket.sendto = refuse("sendto")  # type: ignore[method-assign]
    socket.getaddrinfo = refuse("getaddrinfo")  # type: ignore[assignment]
    socket.gethostbyname = refuse("gethostbyname")  # type: ignore[assignment]
    socket.create_connection = refuse("create_connection")  # type: ignore[assignment]


def use(sense: str, engine: Any) -> None:
    """Has an engine do the smallest piece of its work."""
    import numpy as np

    random = np.random.default_rng(0)
    from vagent.tools.chat import Message

    picture = random.integers(0, 255, (96, 128, 3), dtype=np.uint8)
    sound = random.integers(-3000, 3000, 4_000, dtype=np.int16)  # a quarter of a second: random models talk on and on
    uses: dict[str, Callable[[], Any]] = {
        "speech": lambda: engine.transcribe(sound, 0.0),
        "text": lambda: engine.recognise(picture, engine.detect(picture)),
        "objects": lambda: engine.detect([picture]),
        "sounds": lambda: engine.tag([sound]),
        "embeddings": lambda: engine.embed(["a red umbrella"]),
        "visual": lambda: (engine.embed_images([picture]), engine.embed_texts(["a red umbrella"])),
        "videollm": lambda: engine.answer([(0.0, picture), (1.0, picture)], "What is this?", tokens=2),
        "chat": lambda: engine.reply([Message("user", "What is this?")], schema={"type": "boolean"}),
    }
    uses[sense]()


@contextmanager
def counted(loads: list[str]) -> Iterator[None]:
    """Writes down each model that is loaded meanwhile."""
    undo: list[Callable[[], None]] = []
    for target in LOADERS:
        module, _, path = target.partition(":")
        if module not in sys.modules:
            continue
        *parents, name = path.split(".")
        owner = functools.reduce(getattr, parents, importlib.import_module(module))
        raw = vars(owner)[name]
        function = raw.__func__ if isinstance(raw, classmethod) else raw
        wrapped = _slow(function, target, loads)
        setattr(owner, name, classmethod(wrapped) if isinstance(raw, classmethod) else wrapped)
        undo.append(functools.partial(setattr, owner, name, raw))
    try:
        yield
    finally:
        for one in undo:
            one()


def _slow(function: Callable[..., Any], target: str, loads: list[str]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapped(*arguments: Any, **named: Any) -> Any:
        loads.append(target)
        time.sleep(SLOW)
        return function(*arguments, **named)

    return wrapped


def at_once(work: Callable[[], None]) -> None:
    """Does a piece of work in two threads that begin together; the first error is raised."""
    barrier = threading.Barrier(2)
    errors: list[BaseException] = []

    def run() -> None:
        barrier.wait()
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - it is raised below
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def tried(sense: Any, name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Loads one engine twice: for one thread, and for two that ask for it at once."""
    from vagent.configs import load
    from vagent.tools.engines import Engines

    wanted.clear()
    found: dict[str, Any] = {"network": wanted, "alone": 0, "together": 0, "error": None}
    settings = load({"threads": 1, "device": "cpu", **given, "engines": {sense: name}, "offline": True}, env={})
    if name == "easyocr":
        teach(Path(given["text"]["model"]))
    try:
        for key in ("imports", "alone", "together"):  # the first time only imports what the loaders are in
            loads: list[str] = []
            engines = Engines(settings)
            work = functools.partial(_ask, engines, sense)
            with counted(loads):
                at_once(work) if key == "together" else work()
            engines.close()
            gc.freeze()  # what was imported stays: the next ones to be closed need not go through it
            found[key] = len(loads)
    except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
        found["error"] = f"{type(error).__name__}: {error}"
    return {**found, "network": list(wanted)}


def _ask(engines: Any, sense: str) -> None:
    use(sense, engines.get(sense)[1])


def main() -> None:
    block_network()
    warnings.simplefilter("ignore")
    results = sys.stdout.fileno()
    kept = os.dup(results)
    os.dup2(sys.stderr.fileno(), results)  # libraries that print do not come between
    found = [tried(one["sense"], one["name"], one["settings"]) for one in json.load(sys.stdin)]
    with os.fdopen(kept, "w") as stream:
        json.dump(found, stream)


if __name__ == "__main__":
    main()
