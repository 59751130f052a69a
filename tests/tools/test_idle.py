"""Models that nobody uses leave memory, and are there again with the same results when they are used."""

from __future__ import annotations

import gc
import shutil
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.engine_loading import use
from tests.sounds import speech
from vagent import Library
from vagent.configs import Settings, load
from vagent.tools.engines import Engines
from vagent.tools.idle import Alarm, Use


class Holder:
    """Holds something from its first call until it is closed."""

    def __init__(self) -> None:
        self.held: object | None = None
        self.loads = self.closed = 0
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def work(self, number: int) -> int:
        self._hold()
        self.entered.set()
        self.gate.wait(10)
        return number + 1

    def count(self, until: int) -> Iterator[int]:
        self._hold()
        yield from range(until)

    def close(self) -> None:
        self.held = None
        self.closed += 1

    def _hold(self) -> None:
        self.loads += self.held is None
        self.held = self.held or object()


class Told:
    def __init__(self) -> None:
        self.times = 0

    def ended(self) -> None:
        self.times += 1


class TestUse:
    def test_what_was_used_is_let_go_of_once_and_loaded_again(self) -> None:
        engine, told = Holder(), Told()
        counted = Use(engine, told.ended)
        assert not counted.release(0)  # it holds nothing yet
        assert engine.work(1) == 2
        assert engine.work(number=2) == 3
        assert (engine.loads, told.times) == (1, 2)
        assert counted.release(0)
        assert not counted.release(0)
        assert (engine.held, engine.closed) == (None, 1)
        assert engine.work(3) == 4
        assert engine.loads == 2

    def test_what_was_used_a_moment_ago_stays(self) -> None:
        engine = Holder()
        counted = Use(engine, Told().ended)
        engine.work(1)
        assert not counted.release(3600)
        assert engine.closed == 0
        left = counted.left(3600)
        assert left is not None
        assert 3500 < left <= 3600

    def test_a_call_that_runs_is_not_disturbed(self) -> None:
        engine, told = Holder(), Told()
        counted = Use(engine, told.ended)
        engine.gate.clear()
        with ThreadPoolExecutor() as pool:
            running = pool.submit(engine.work, 1)
            assert engine.entered.wait(10)
            assert counted.left(0) is None
            assert not counted.release(0)
            engine.gate.set()
            assert running.result(10) == 2
        assert (engine.closed, told.times) == (0, 1)
        assert counted.release(0)

    def test_a_stream_is_in_use_until_it_is_read_or_left(self) -> None:
        engine = Holder()
        counted = Use(engine, Told().ended)
        stream = engine.count(5)
        assert next(stream) == 0
        assert not counted.release(0)
        stream.close()  # type: ignore[attr-defined]
        assert counted.release(0)
        assert list(engine.count(3)) == [0, 1, 2]

    def test_the_engine_is_not_kept_alive(self) -> None:
        engine = Holder()
        counted = Use(engine, Told().ended)
        engine.work(1)
        gone = weakref.ref(engine)
        gc.disable()
        try:
            del engine
            assert gone() is None
        finally:
            gc.enable()
        assert not counted.release(0)


class TestAlarm:
    def test_it_rings_once_at_the_earlier_time(self) -> None:
        rung = threading.Semaphore(0)
        alarm = Alarm(rung.release)
        alarm.set(3600)
        alarm.set(0.01)
        alarm.set(3600)  # it is set already, for earlier or, where it has rung, anew
        assert rung.acquire(timeout=30)
        alarm.stop()
        assert not rung.acquire(timeout=0.05)

    def test_it_can_be_stopped(self) -> None:
        rung = threading.Semaphore(0)
        alarm = Alarm(rung.release)
        before = alarms()
        alarm.set(3600)
        (waiting,) = alarms() - before
        alarm.stop()
        waiting.join(60)
        assert not waiting.is_alive()
        assert not rung.acquire(blocking=False)


def alarms() -> set[threading.Thread]:
    """The threads that wait for a model to go unused."""
    return {thread for thread in threading.enumerate() if thread.name == "vagent-idle"}


def _visual() -> dict[str, Any]:
    from tests.models import visual

    return {"visual": {"model": str(visual.folder("siglip"))}}


def _videollm() -> dict[str, Any]:
    from tests.models import videollm

    return {"videollm": {"model": str(videollm.folder("qwen3_vl")), "precision": "fp32", "tokens": 4}}


REAL: dict[str, tuple[Callable[[], dict[str, Any]], Callable[[Any], Any], Callable[[Any], Any]]] = {
    "speech": (dict, lambda e: e.transcribe(speech(), 0.0), lambda e: e._lanes[0]._worker),
    "visual": (_visual, lambda e: e.embed_texts(["a red umbrella"]), lambda e: e._loaded),
    "videollm": (_videollm, lambda e: e.answer([], "What is this?"), lambda e: e._hold._shared),
}
"""Sense -> settings, a piece of work, and what it holds while its model is in memory."""


class TestEngines:
    @pytest.fixture(params=REAL)
    def sense(self, request: pytest.FixtureRequest) -> Any:
        if request.param != "speech":
            pytest.importorskip("transformers", reason="transformers is not installed")
        return request.param

    def settings(self, sense: str, idle: float) -> Settings:
        return load({"threads": 1, "device": "cpu", "idle": idle, **REAL[sense][0]()}, env={})

    def test_a_model_leaves_memory_and_comes_back_with_the_same_results(self, sense: Any, tmp_path: Path) -> None:
        _, work, holds = REAL[sense]
        given = self.settings(sense, idle=0)
        if sense == "videollm":  # engines of one checkpoint share it, also with those that other tests have left
            own = shutil.copytree(str(given.videollm.model), tmp_path / "model")
            given = given.model_copy(update={"videollm": given.videollm.model_copy(update={"model": str(own)})})
        engines = Engines(given)
        _, engine = engines.get(sense)
        before = work(engine)
        model = weakref.ref(holds(engine)) if sense == "videollm" else None
        assert engines.release(3600) == []
        assert holds(engine) is not None
        assert engines.release() == [sense]
        assert holds(engine) is None
        if model is not None:
            assert model() is None
        assert engines.get(sense)[1] is engine
        np.testing.assert_array_equal(work(engine), before)
        assert holds(engine) is not None
        engines.close()

    def test_it_leaves_by_itself_when_it_has_gone_unused(self) -> None:
        pytest.importorskip("transformers", reason="transformers is not installed")
        engines = Engines(self.settings("visual", idle=0.05))
        _, engine = engines.get("visual")
        before = engine.embed_texts(["a red umbrella"])
        for _ in range(600):
            if engine._loaded is None:
                break
            time.sleep(0.05)
        assert engine._loaded is None
        np.testing.assert_array_equal(engine.embed_texts(["a red umbrella"]), before)
        engines.close()

    def test_threads_that_work_while_models_leave_get_what_they_would_get_alone(self) -> None:
        pytest.importorskip("transformers", reason="transformers is not installed")
        engines = Engines(self.settings("visual", idle=0))
        _, engine = engines.get("visual")
        texts = [f"umbrella {number}" for number in range(4)]
        alone = [engine.embed_texts([text]) for text in texts]
        stop = threading.Event()

        def leave() -> int:
            left = 0
            while not stop.wait(0.001):
                left += len(engines.release())
            return left

        with ThreadPoolExecutor() as pool:
            leaving = pool.submit(leave)
            together = list(pool.map(lambda text: engine.embed_texts([text]), texts * 2))
            stop.set()
            leaving.result(60)
        for one, other in zip(together, alone * 2, strict=True):
            np.testing.assert_array_equal(one, other)
        engines.close()

    def test_a_program_can_have_them_leave(self, tmp_path: Path) -> None:
        pytest.importorskip("transformers", reason="transformers is not installed")
        with Library(tmp_path, settings=REAL["visual"][0]()) as library:
            assert library.release() == []
            _, engine = library.index.engines.get("visual")
            use("visual", engine)
            assert library.release() == ["visual"]
            assert engine._loaded is None

    def test_never_where_the_setting_says_so(self) -> None:
        pytest.importorskip("transformers", reason="transformers is not installed")
        before = alarms()  # of engines that other tests have left
        engines = Engines(self.settings("visual", idle=0))
        use("visual", engines.get("visual")[1])
        assert alarms() <= before
        engines.close()
