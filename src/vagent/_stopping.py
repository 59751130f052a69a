"""Ctrl-C ends the program, also where something keeps it from ending.

Python may be interrupted between taking the lock of all imports and noting that it has it. Any thread that imports then
waits for ever, and whoever waits for that thread too. Nothing that is committed is lost when a process is killed, so a
program that has not ended by itself some seconds after Ctrl-C is ended.
"""

from __future__ import annotations

import _thread
import os
import signal
import time
from types import FrameType
from typing import NoReturn

STOPPED = "vagent: stopped; what was done so far is kept, run the same command again to go on"
INTERRUPTED = 130
"""Exit code of a program that Ctrl-C ended."""

_PATIENCE = 10.0  # seconds; what ends by itself does so within one or two


def end_at_last(patience: float = _PATIENCE) -> None:
    """From now on end this process ``patience`` seconds after Ctrl-C, where KeyboardInterrupt has not done so.

    Where SIGINT is ignored, as in the background of a shell, it stays so.
    """

    def interrupted(number: int, frame: FrameType | None) -> NoReturn:
        # A thread of the lowest level: it takes no lock and imports nothing.
        _thread.start_new_thread(_end, (patience,))
        raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupted)


def _end(patience: float) -> None:
    time.sleep(patience)
    os.write(2, f"{STOPPED}\n".encode())
    os._exit(INTERRUPTED)
