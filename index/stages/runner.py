"""Feeds stages with what is decoded, in threads of their own where they ask for one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, Queue
from threading import Thread

from vagent.index.stages.stage import Stage
from vagent.index.video.spending import Cost
from vagent.tools.media import Audio, Frame
from vagent.tools.speech import RATE

_PATIENCE = 0.5  # seconds that giving up waits for the work in hand


def stop(runners: Sequence[Runner]) -> None:
    """Give up what all of them do, within moments: a model that is in the middle of something is left to itself."""
    for runner in runners:
        runner.give_up()
    until = time.monotonic() + _PATIENCE
    for runner in runners:
        runner.wait(until)


@dataclass(slots=True)
class _End:
    time: float


@dataclass(slots=True)
class Runner:
    """Feeds one stage, in a thread of its own where the stage asks for one; what breaks there is raised here.

    Attributes:
        cost: what the stage has cost.
        held: seconds for which it has held up the thread that feeds it.
    """

    stage: Stage
    cost: Cost = field(init=False, default_factory=Cost)
    held: float = field(init=False, default=0.0)
    _queue: Queue[Frame | Audio | _End | None] = field(init=False)
    _thread: Thread | None = field(init=False, default=None)
    _error: BaseException | None = field(init=False, default=None)
    _begin: float = field(init=False)

    def __post_init__(self) -> None:
        self._begin = self.stage.begin
        self._queue = Queue(self.stage.backlog)
        if self.stage.backlog:
            self._thread = Thread(target=self._work, name=f"vagent-{self.stage.name}", daemon=True)
            self._thread.start()

    def offer(self, item: Frame | Audio) -> None:
        """Hand over an item that the stage wants; waits while its backlog is full.

        Raises:
            VagentError: whatever the stage raised.
        """
        if not isinstance(item, self.stage.wants) or item.time < self._begin - self._lead(item):
            return
        begun = time.perf_counter()
        if self.stage.glance(item):
            self._hand_over(item)
        self.held += time.perf_counter() - begun

    def _hand_over(self, item: Frame | Audio) -> None:
        if self._thread is None:
            with self.cost.running():
                self.stage.offer(item)
        else:
            self._raise()
            self._queue.put(item)

    def finish(self, end: float) -> None:
        """All items have been offered and the video ends at ``end`` seconds."""
        if self._thread is None:
            with self.cost.running():
                self.stage.finish(end)
        else:
            self._queue.put(_End(end))
            self._thread.join()
            self._raise()
        self.cost.media = max(0.0, end - self._begin)

    def _give(self, item: Frame | Audio | _End) -> None:
        if isinstance(item, _End):
            self.stage.finish(item.time)
        else:
            self.stage.offer(item)

    def give_up(self) -> None:
        """Leave the rest undone, keep what was committed. Does not wait, whatever the stage is doing."""
        self._error = self._error or InterruptedError()
        with suppress(Empty):
            while True:
                self._queue.get_nowait()
        self._queue.put_nowait(None)

    def wait(self, until: float) -> None:
        """Wait for the work in hand, up to ``until`` on the monotonic clock: its result will be thrown away."""
        if self._thread is not None:
            self._thread.join(timeout=max(0.0, until - time.monotonic()))

    @staticmethod
    def _lead(item: Frame | Audio) -> float:
        return len(item.samples) / RATE if isinstance(item, Audio) else 0.0

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            try:
                if self._error is not None:
                    pass  # the queue is still emptied, so that nobody waits for a place in it
                else:
                    with self.cost.running():
                        self._give(item)
            except BaseException as error:  # noqa: BLE001 - raised again in the thread that feeds us
                self._error = error
            if isinstance(item, _End):
                return
