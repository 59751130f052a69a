"""The worker process: indexes one file after the other until it is told to stop or its batch is gone.

It may be killed at any moment: whatever is committed is whole, and the rest is done again.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import threading
from multiprocessing.connection import Connection
from types import FrameType
from typing import NoReturn

from vagent.errors import EngineFailed, LibraryError
from vagent.index.batch.files import FileIndexer
from vagent.index.batch.leases import Holder
from vagent.index.batch.messages import Broken, Ready, Setup, Task
from vagent.index.store import Store
from vagent.index.video.pipeline import Report
from vagent.tools.engines import Engines

_log = logging.getLogger("vagent.index.batch.worker")


class Stopped(BaseException):
    """The batch wants this process to end."""


def main(descriptor: int) -> None:
    """Run a worker.

    Args:
        descriptor: of the worker's end of the pipe.
    """
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the batch, which then tells its workers
    with Connection(descriptor) as pipe:
        setup = pipe.recv()
        assert isinstance(setup, Setup)
        try:
            _serve(pipe, setup)
        except LibraryError as error:
            pipe.send(Broken(error))
        except (Stopped, BrokenPipeError):
            return


def _serve(pipe: Connection, setup: Setup) -> None:
    with Store(setup.settings.library_dir) as store, Holder(store) as holder:
        engines = Engines(setup.settings)
        try:
            indexer = FileIndexer(store, engines, holder)
            pipe.send(Ready(holder.id))
            tasks = _tasks(pipe)
            while (task := tasks.get()) is not None:
                pipe.send(_index(indexer, pipe, task))
        finally:
            engines.close()


def _index(indexer: FileIndexer, pipe: Connection, task: Task) -> Report:
    try:
        return indexer.index(task.file, pipe.send, retry=task.retry)
    except LibraryError:
        raise
    except Exception as error:  # noqa: BLE001 - a defect must cost one film, not all that come after it
        _log.warning("a defect while indexing %s", task.file, exc_info=True)
        return indexer.give_up(task.file, EngineFailed(f"vagent itself failed ({type(error).__name__}: {error})"))


def _tasks(pipe: Connection) -> queue.SimpleQueue[Task | None]:
    """What the batch asks for; None where it wants no more. Where the batch is gone, so is this process."""
    tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()

    def receive() -> None:
        try:
            while (task := pipe.recv()) is not None:
                tasks.put(task)
        except (EOFError, OSError):
            os._exit(1)  # wherever the work stands: nobody waits for it
        tasks.put(None)

    threading.Thread(target=receive, name="vagent-tasks", daemon=True).start()
    return tasks


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise Stopped
