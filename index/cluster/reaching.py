"""How the head gets into a cluster of Ray, be it one that is there or one that is started here. Ray is imported then.

Ray gives each of its processes half a minute to come up, whatever else the machine does, and leaves behind what did. So
it is started anew where that was too short, once what is left of the last time has gone.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TypeVar

from vagent.errors import EngineUnavailable

_log = logging.getLogger("vagent.index.cluster.reaching")

_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",  # Ray would tell its makers about this cluster
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # else a warning for each task without a card
}
_HERE = "local"  # Ray's word for a cluster of its own
_STARTS = 3  # times that Ray is started before it is given up
_REACHED = 20.0  # seconds that the machine of a cluster may take to take a call

T = TypeVar("T")


def connected(address: str | None) -> tuple[Any, bool]:
    """Ray, in a cluster, and whether it was brought there now: where the program is in one already, it stays there.

    Args:
        address: of the cluster; None: what ``RAY_ADDRESS`` says, else one is started on this machine.

    Raises:
        EngineUnavailable: Ray is not installed, the cluster cannot be reached, or none can be started.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise EngineUnavailable("indexing on many machines needs Ray", hint="pip install 'vagent[ray]'") from error
    address = _named(address)
    if address.startswith("ray://"):
        hint = "run this on a machine of the cluster, or as a job: ray job submit -- vagent index ..."
        raise EngineUnavailable("a Ray client cannot hear what tasks say while they work", address, hint=hint)
    if ray.is_initialized():
        return ray, False
    with _signals_as_they_are():
        if address == _HERE:
            _start(ray)
        else:
            _join(ray, address)
    _talk(ray, aloud=False)
    return ray, True


@contextmanager
def inside(address: str | None) -> Iterator[None]:
    """In a cluster for as long as the block lasts, however many runs there are in it; see ``connected``."""
    ray, ours = connected(address)
    try:
        yield
    finally:
        if ours:
            left(ray)


def lasting(address: str | None) -> AbstractContextManager[None]:
    """Around many runs: a cluster of this machine alone is started once for all of them. One that is there may go and
    come back, so each run gets into it anew."""
    return inside(address) if _named(address) == _HERE else nullcontext()


def left(ray: Any) -> None:
    """Leave the cluster; one that was started here ends."""
    ray.shutdown()
    _talk(ray, aloud=True)


def persistent(start: Callable[[], T]) -> T:
    """Start processes of Ray: a few times where they are late, each time with nothing left of the time before.

    Raises:
        Exception: whatever ``start`` raised the last time; at once what another time would not change.
    """
    for again in reversed(range(_STARTS)):
        try:
            return start()
        except BaseException as error:
            _end(error)
            if not again or not _may_pass(error):
                raise
            _log.warning("Ray did not come up, and is started again: %s", line(error))
    raise AssertionError("the last time it is raised")


def line(error: BaseException) -> str:
    """The first line of a message: Ray's are pages long."""
    return f"{type(error).__name__}: {error}".strip().splitlines()[0][:300]


def _named(address: str | None) -> str:
    """Which cluster is meant, as Ray has it."""
    return address if address not in (None, "auto") else os.environ.get("RAY_ADDRESS") or address or _HERE


def _start(ray: Any) -> None:
    """A cluster of this machine alone."""

    def start() -> None:
        try:
            _init(ray, _HERE, include_dashboard=False)
        except BaseException:
            ray.shutdown()  # what it knows of; what it has lost sight of is ended after that
            raise

    try:
        persistent(start)
    except Exception as error:  # a node that is late is a bare one
        hint = "is the machine too busy, or its disk full? or run `ray start --head`, and use --ray auto"
        raise EngineUnavailable(f"Ray cannot be started on this machine ({line(error)})", hint=hint) from error


def _join(ray: Any, address: str) -> None:
    """A cluster that is there."""
    hint = "is it running? `ray start --head` starts one, `ray status` tells of it"
    try:
        _check_reachable(ray, address)
        _init(ray, address)
    except (OSError, ValueError, RuntimeError) as error:
        raise EngineUnavailable(f"the Ray cluster cannot be used ({line(error)})", address, hint=hint) from error


def _check_reachable(ray: Any, address: str) -> None:
    """Ray itself goes on calling for a quarter of an hour where nobody is.

    Raises:
        OSError: nobody takes a call there.
    """
    # As `ray.init` does it: what `auto` stands for is written down where Ray was started, maybe long ago.
    found = ray._private.services.canonicalize_bootstrap_address(address)
    host, _, port = found.rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), _REACHED).close()


def _init(ray: Any, address: str, **more: Any) -> None:
    ray.init(address, log_to_driver=False, logging_level=logging.ERROR, namespace="vagent", **more)


@contextmanager
def _signals_as_they_are() -> Iterator[None]:
    """Ray puts a handler of its own in the place of the one for SIGTERM."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)


def _talk(ray: Any, *, aloud: bool) -> None:
    """Whether Ray prints what its processes say on stdout, which is for results. What matters of it comes as errors;
    there is no public switch, this one is what Ray's debugger uses."""
    ray._private.worker._worker_logs_enabled = aloud


def _may_pass(error: BaseException) -> bool:
    """Whether Ray may come up another time: not where it is told nonsense, or the disk refuses."""
    if isinstance(error, ConnectionError | TimeoutError):
        return True
    return isinstance(error, Exception) and not isinstance(error, OSError | ValueError | TypeError)


def _end(error: BaseException) -> None:
    """End what has come up of a node that did not: Ray itself has lost sight of it, and it is found where it failed."""
    from ray._private.node import Node

    for frame, _ in traceback.walk_tb(error.__traceback__):
        node = frame.f_locals.get("self")
        if isinstance(node, Node):
            node.kill_all_processes(check_alive=False, wait=True)
