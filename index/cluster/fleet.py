"""Ray, as the head needs it: tasks on nodes, what they say, and how they end. Ray is imported when a fleet is made.

Ray starts no task again by itself: whoever lost a task has to give the next one the present state of its film.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from vagent.configs import Settings
from vagent.errors import EngineFailed, EngineUnavailable
from vagent.index.cluster.messages import Begun, Errand, Film, Identity, Said
from vagent.index.cluster.needs import Needs, Request, find_out, request, settings_of
from vagent.index.cluster.node import identify, work
from vagent.index.cluster.reaching import connected, left, line

_log = logging.getLogger("vagent.index.cluster.fleet")

_BLOCK = 8 << 20  # bytes of an object
_AHEAD = 0.25  # tasks that wait for a place, as a part of those that have one
_FETCH = 60.0  # seconds that a message may take to come from a node
_STOPS = 5.0  # seconds that cancelled tasks may take to clear up
_ANSWER = 300.0  # seconds that a node may take to say what it needs
_GLIMPSE = 0.01  # of a card, to see how large it is


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Gone:
    """A task ended without a report.

    Attributes:
        how: ``lost`` with its node, ``crashed`` by itself (or for want of memory), or by a ``defect`` of vagent.
    """

    how: Literal["lost", "crashed", "defect"]
    reason: str


@dataclass(eq=False, slots=True)
class Task:
    """A task that was started; ``key`` names it in the letterbox, ``node`` is where it has begun."""

    handle: Any
    key: str = ""
    node: str | None = None
    seed: Sequence[Any] = ()  # kept for as long as the task may ask for it


Heard = Said | Identity | Gone


class Fleet:
    """A Ray cluster. Made anew for each run, and left or shut down at its end.

    Args:
        settings: the settings in force.
        address: of the cluster; None: one is started on this machine.

    Raises:
        EngineUnavailable: Ray is not installed, cannot be reached, or no node has what a task takes.
        EngineFailed: the nodes' vagent is another than this one.
    """

    def __init__(self, settings: Settings, address: str | None = None) -> None:
        self._ray, self._ours = connected(address or settings.cluster.address)
        self._tasks: dict[Any, Task] = {}
        try:
            self._work = self._ray.remote(_work)
            self._box = self._letterbox()
            self._identify = self._ray.remote(identify)
            self.needs = self._ask(settings)
            self._asked = request(settings, self.needs)
            self._check_room()
        except BaseException:
            self.close()
            raise
        self.settings = settings_of(settings, self._asked)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def identify(self, film: Film) -> Task:
        """Starts to find out what a film is."""
        options = {"num_cpus": 0, "max_retries": 0, "scheduling_strategy": "SPREAD"}
        return self._started(Task(self._identify.options(**options).remote(film)))

    def index(self, errand: Errand, seed: Path | None) -> Task:
        """Starts to index a film.

        Args:
            seed: a file with the parcel that it goes on from; read here and now.
        """
        blocks = [] if seed is None else [self._ray.put(block) for block in _blocks(seed)]
        options = {
            **_options(self._asked),
            "num_returns": "streaming",
            "_generator_backpressure_num_objects": 8,  # a node does not run ahead of a head that is busy
        }
        # In a list, so that Ray does not fetch them all into the task's memory at once.
        key = secrets.token_hex(8)
        handle = self._work.options(**options).remote(errand, blocks, self._box, key)
        return self._started(Task(handle, key, seed=blocks))

    def answer(self, task: Task, file: Path | None) -> None:
        """Answers what a task asked; with a file, which is read here and now, or with nothing."""
        blocks = None if file is None else [self._ray.put(block) for block in _blocks(file)]
        self._box.put.remote(task.key, blocks)

    def listen(self, seconds: float) -> list[tuple[Task, Heard]]:
        """What tasks have to say, once something has been said or so many seconds have passed."""
        if not self._tasks:
            time.sleep(seconds)
            return []
        handles = list(self._tasks)
        ready, _ = self._ray.wait(handles, num_returns=1, timeout=seconds, fetch_local=False)
        if ready:
            ready, _ = self._ray.wait(handles, num_returns=len(handles), timeout=0, fetch_local=False)
        heard = [(self._tasks[handle], self._hear(handle)) for handle in ready]
        return [(task, said) for task, said in heard if said is not None]

    def cancel(self, task: Task, *, force: bool = True) -> None:
        """Ends a task, at once or once it has cleared up; nothing is heard of it any more."""
        self._tasks.pop(task.handle, None)
        with suppress(self._ray.exceptions.RayError):  # it has ended by itself
            self._ray.cancel(task.handle, force=force)

    def recall(self) -> Iterator[tuple[Task, Heard]]:
        """Cancels all tasks; gives what they had said before."""
        for task in self._tasks.values():
            with suppress(self._ray.exceptions.RayError):
                self._ray.cancel(task.handle, force=False)
        until = time.monotonic() + _STOPS
        while self._tasks and time.monotonic() < until:
            yield from self.listen(0.2)
        for task in list(self._tasks.values()):
            self.cancel(task)

    @property
    def room(self) -> int:
        """How many tasks may be out: those that nodes have room for, and some that wait, so that none stands idle and a
        cluster that grows by itself sees what is wanted."""
        places = sum(self.places)
        return places + max(1, int(places * _AHEAD))

    @property
    def places(self) -> list[int]:
        """How many tasks each node can run side by side; nodes that can run none are left out."""
        nodes = (node["Resources"] for node in self._ray.nodes() if node["Alive"])
        return [places for node in nodes if (places := _places(node, self._asked))]

    @property
    def cores(self) -> float:
        """Cores that one task has."""
        return self._asked.cpus

    def asked(self, function: Callable[..., T], *given: object, seconds: float = _ANSWER) -> T:
        """What a function comes to on a node, where it has what a task has.

        Args:
            seconds: that it may take until there is room for it, and it is through.

        Raises:
            EngineUnavailable: no node answers in time.
        """
        return self._answer(function, self._asked, given, seconds)

    def close(self) -> None:
        """Leave the cluster; one that was started here ends. Where the program was in one before, it stays there."""
        self._tasks.clear()
        if self._ours:
            left(self._ray)

    # -- underneath

    def _started(self, task: Task) -> Task:
        self._tasks[task.handle] = task
        return task

    def _hear(self, handle: Any) -> Heard | None:
        """The next thing that a task says; None where it has said all."""
        task, errors = self._tasks[handle], self._ray.exceptions
        try:
            streaming = hasattr(handle, "__next__")
            said: Heard = self._ray.get(next(handle) if streaming else handle, timeout=_FETCH)
        except StopIteration:
            del self._tasks[handle]
            return None
        except errors.RayError as error:
            self.cancel(task)
            return _gone(error, errors, alive=self._is_alive(task.node))
        if isinstance(said, Begun):
            task.node, task.seed = said.node, ()
        if not streaming:
            del self._tasks[handle]
        return said

    def _letterbox(self) -> Any:
        """Where tasks find answers: an actor on the head's own machine."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = NodeAffinitySchedulingStrategy(self._ray.get_runtime_context().get_node_id(), soft=True)
        return self._ray.remote(_Letterbox).options(num_cpus=0, scheduling_strategy=here).remote()

    def _is_alive(self, node: str | None) -> bool:
        return node is None or any(one["NodeID"] == node and one["Alive"] for one in self._ray.nodes())

    def _ask(self, settings: Settings) -> Needs:
        """What a node of the cluster says that it needs."""
        from importlib.metadata import version

        cards = self._ray.cluster_resources().get("GPU", 0) > 0 and settings.device != "cpu"
        asked = Request(0.01, (settings.cluster.gpus or _GLIMPSE) if cards else 0.0, 0)
        needs = self._answer(find_out, asked, [settings_of(settings, asked)], _ANSWER)
        if needs.error is not None:
            raise needs.error
        if needs.version != version("vagent"):
            hint = f"install vagent {version('vagent')} on all nodes"
            raise EngineFailed(f"the nodes of the cluster have another vagent: {needs.version}", hint=hint)
        return needs

    def _answer(self, function: Callable[..., T], asked: Request, given: Sequence[object], seconds: float) -> T:
        task = self._ray.remote(function).options(**_options(asked)).remote(*given)
        try:
            answer: T = self._ray.get(task, timeout=seconds)
        except self._ray.exceptions.GetTimeoutError as error:
            self._ray.cancel(task, force=True)
            hint = "is it busy with something else? `ray status` tells"
            raise EngineUnavailable(f"no node of the cluster answers within {seconds:.0f} s", hint=hint) from error
        except self._ray.exceptions.RayError as error:
            hint = "is vagent installed on every node?"
            raise EngineUnavailable(f"no node of the cluster answers ({line(error)})", hint=hint) from error
        return answer

    def _check_room(self) -> None:
        if not self.places:
            asked = self._asked
            raise EngineUnavailable(
                f"no node of the cluster has {asked.cpus:g} cores, {asked.gpus:g} graphics cards and"
                f" {asked.memory >> 20} MiB of memory for a task",
                hint="lower cluster.cpus or cluster.gpus, or choose smaller models",
            )


class _Letterbox:
    """Answers of the head, each of which one task waits for."""

    def __init__(self) -> None:
        self._answers: dict[str, asyncio.Future[Any]] = {}

    async def put(self, key: str, answer: Any) -> None:
        self._awaited(key).set_result(answer)

    async def take(self, key: str) -> Any:
        answer = await self._awaited(key)
        del self._answers[key]
        return answer

    def _awaited(self, key: str) -> asyncio.Future[Any]:
        if key not in self._answers:
            self._answers[key] = asyncio.get_running_loop().create_future()
        return self._answers[key]


def _work(errand: Errand, seed: Sequence[Any], box: Any, key: str) -> Iterator[Said]:
    """The task itself; ``seed`` are references to the blocks of a parcel."""
    import ray

    def fetched(blocks: Sequence[Any] | None) -> Iterator[bytes] | None:
        return (ray.get(block) for block in blocks) if blocks else None

    yield Begun(ray.get_runtime_context().get_node_id())
    yield from work(errand, fetched(seed), lambda: fetched(ray.get(box.take.remote(key))))


def _gone(error: Exception, errors: Any, *, alive: bool) -> Gone:
    """How a task ended, by the error that Ray has for it."""
    if isinstance(error, errors.OutOfMemoryError):
        return Gone("crashed", "its task was killed, because the node's memory ran out")
    if isinstance(error, errors.WorkerCrashedError) and alive:
        return Gone("crashed", "its task was killed, or crashed")
    if isinstance(error, errors.RayTaskError) and not isinstance(error, errors.TaskCancelledError):
        return Gone("defect", line(error.cause or error))
    return Gone("lost", line(error))


def _options(asked: Request) -> dict[str, Any]:
    return {
        "num_cpus": asked.cpus,
        "num_gpus": asked.gpus,
        **({"memory": asked.memory} if asked.memory else {}),
        "max_retries": 0,
        "scheduling_strategy": "SPREAD",
    }


def _places(resources: dict[str, float], asked: Request) -> int:
    """How many tasks a node has room for."""
    wanted = {"CPU": asked.cpus, "GPU": asked.gpus, "memory": float(asked.memory)}
    return int(min(resources.get(name, 0.0) / amount for name, amount in wanted.items() if amount))


def _blocks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            yield block
