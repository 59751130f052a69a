"""Processes of our own that work for this one: what crashes, hangs or leaks there costs nobody else anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import IO

_START = (
    "import json, sys; from importlib import import_module; sys.path[:] = json.loads(sys.argv[1]); "
    "import_module(sys.argv[2]).main(int(sys.argv[3]))"
)
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def start(module: str, threads: int, said: IO[bytes] | int) -> tuple[subprocess.Popen[bytes], Connection]:
    """Start a process, and the pipe to it.

    It is a program of its own rather than one of ``multiprocessing``: that would import the caller's main module again,
    and a queue shared by several processes stays locked when one of them is killed while it writes.

    Args:
        module: whose ``main`` it runs, with the descriptor of its end of the pipe.
        threads: of libraries that count the cores themselves, where the environment does not say.
        said: where it writes, and its errors too, but for those that ``VAGENT_DEBUG=1`` shows.

    Raises:
        OSError: no process can be started.
    """
    ours, theirs = Pipe()
    try:
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-P", "-c", _START, json.dumps(sys.path), module, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=None if os.environ.get("VAGENT_DEBUG") == "1" else said,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # so that Ctrl-C in a terminal reaches the caller alone
                env={**{name: str(threads) for name in _THREADS}, **os.environ},
            )
    except BaseException:
        ours.close()
        raise
    return process, ours
