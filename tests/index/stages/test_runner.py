"""Stages in threads of their own: they hold up who feeds them, hand on what breaks, and let go at once."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest

from tests.media_files import write_video
from tests.text_pictures import page
from vagent.errors import EngineFailed
from vagent.index.stages.runner import Runner, stop
from vagent.index.stages.stage import Stage
from vagent.index.store import Store
from vagent.tools.media import Frame


class Working(Stage):
    """Does with each frame what it is told to."""

    name = "working"
    wants = Frame
    backlog = 2

    def __init__(self, work: Callable[[float], object]) -> None:
        self.taken: list[float] = []
        self.ended: float | None = None
        self.cursor = 0.0
        self._work = work

    def offer(self, item: Any) -> None:
        self._work(item.time)
        self.taken.append(item.time)

    def take(self, item: Any) -> None:
        raise AssertionError("offer is what runs")

    def mark(self, time: float) -> None:
        raise AssertionError("nothing is marked")

    def finish(self, end: float) -> None:
        self.ended = end


def frame(time: float) -> Frame:
    return Frame(time, np.zeros((3, 9, 16), np.uint8), None, False)


def test_a_stage_that_is_behind_holds_up_who_feeds_it() -> None:
    go = Event()
    stage = Working(lambda _: go.wait(60))
    runner = Runner(stage)
    fed: list[float] = []

    def feed() -> None:
        for number in range(10):
            runner.offer(frame(float(number)))
            fed.append(float(number))

    feeder = Thread(target=feed)
    feeder.start()
    feeder.join(0.3)
    assert len(fed) <= Working.backlog + 1  # those that wait, and the one in hand
    go.set()
    feeder.join(60)
    runner.finish(10.0)
    assert stage.taken == [float(number) for number in range(10)]
    assert stage.ended == 10.0


def test_what_breaks_there_is_raised_here_and_nobody_is_left_waiting() -> None:
    def broken(_: float) -> None:
        raise EngineFailed("the model broke")

    runner = Runner(Working(broken))
    with pytest.raises(EngineFailed, match="broke"):
        for number in range(100):
            runner.offer(frame(float(number)))
        runner.finish(100.0)


def test_giving_up_does_not_wait_for_a_model_that_does_not_answer() -> None:
    busy, go = Event(), Event()

    def hang(_: float) -> None:
        busy.set()
        go.wait(120)

    runners = [Runner(Working(hang)) for _ in range(3)]
    for runner in runners:
        for number in range(Working.backlog + 1):  # full: nothing more would be taken
            runner.offer(frame(float(number)))
            busy.wait(60)
        busy.clear()
    stop(runners)
    assert not go.is_set()
    go.set()


HANGING = """
import sys
from threading import Event
from vagent.cli import main
from vagent.tools.text.rapid import RapidText

def detect(self, image, *, fine=False, where=None):
    print("busy", flush=True)
    Event().wait()

RapidText.detect = detect
sys.exit(main())
"""


def test_ctrl_c_stops_a_single_file_while_a_model_does_not_answer(tmp_path: Path) -> None:
    film = write_video(tmp_path / "film.mp4", [page([("HARBOUR", (40, 40), 40)])] * 600, fps=5)
    given = ["index", str(film), "--library", str(tmp_path / "library"), "--engine", "speech=off"]
    program = subprocess.Popen(
        [sys.executable, "-c", HANGING, *given], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "busy\n"
    program.send_signal(signal.SIGINT)
    _, said = program.communicate(timeout=60)
    assert program.returncode == 130, said
    assert "Traceback" not in said
    with Store(tmp_path / "library") as store:
        (video,) = store.videos()
        assert not video.complete
        assert store.leases() == []
