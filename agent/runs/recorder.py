"""Where calls of models pass through on their way: taken from the cache, made and kept, written down, or played back.

A ``Recorder`` answers a question for the first time, a ``Player`` goes over a saved run. Both know a call by its key
alone, so what stands on the other side, an engine or a record, makes no difference to the agent.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from vagent import errors
from vagent.agent.runs.cache import CallCache, Kept
from vagent.agent.runs.keys import call_key, digest
from vagent.errors import LibraryCorruptError, VagentError

_T = TypeVar("_T")

Inputs = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Seat:
    """An engine as its calls are known.

    Attributes:
        revision: name and version.
        settings: those that change what it says.
        notices: what whoever reads the answers should know, each once; grows.
        heard: what the engine itself has had to tell so far.
    """

    revision: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    heard: Callable[[], Sequence[str]] = tuple

    def key(self, method: str, inputs: Inputs) -> str:
        """The key of one call."""
        return call_key(self.revision, method, self.settings, inputs)

    def tell(self, notices: Iterable[str]) -> tuple[str, ...]:
        """Pass on what was not told yet, and say what that was."""
        new = tuple(dict.fromkeys(notice for notice in notices if notice not in self.notices))
        self.notices.extend(new)
        return new


@dataclass(frozen=True, slots=True)
class Failure:
    """An error of ours that a call ended in: the name of its class and its one line."""

    kind: str
    text: str

    @classmethod
    def of(cls, error: VagentError) -> Failure:
        """What is written down of an error."""
        known = next(kind.__name__ for kind in type(error).__mro__ if kind.__name__ in errors.__all__)
        return cls(known, str(error))

    def error(self) -> VagentError:
        """The error again."""
        kind = getattr(errors, self.kind) if self.kind in errors.__all__ else VagentError
        again: VagentError = kind(self.text)
        return again


@dataclass(frozen=True, slots=True)
class Made:
    """One call of a run, as it is written down.

    Attributes:
        key: hash of all that went in.
        engine: name and revision.
        seconds: what it took when it was made.
        cached: it was not made for this run, the cache had it.
        sha256: hash of the output.
        output: JSON; None where the call failed.
        notices: what the engine told with it for the first time in this run.
    """

    key: str
    engine: str
    method: str
    seconds: float
    cached: bool
    sha256: str
    output: Any = None
    notices: tuple[str, ...] = ()
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Wanted(Generic[_T]):
    """Calls of one method whose outputs are wanted; see ``Calls.many``."""

    seat: Seat
    method: str
    inputs: Sequence[Inputs]
    shape: TypeAdapter[_T]
    make: Callable[[list[int]], Sequence[_T]]
    local: bool = False

    @property
    def keys(self) -> list[str]:
        """The keys of the calls, in order."""
        return [self.seat.key(self.method, one) for one in self.inputs]


class Calls(ABC):
    """What stands between the agent and its models."""

    @abstractmethod
    def outputs(self, wanted: Wanted[_T]) -> list[_T]:
        """The outputs of some calls, in order; see ``many``."""

    def many(
        self,
        seat: Seat,
        method: str,
        inputs: Sequence[Inputs],
        shape: TypeAdapter[_T],
        make: Callable[[list[int]], Sequence[_T]],
        *,
        local: bool = False,
    ) -> list[_T]:
        """The outputs of some calls, in order.

        Args:
            inputs: of each call: the arguments by name.
            shape: the type of an output, which decides how it is written down.
            make: makes those of the calls that have to be made, by position, all at once.
            local: not a model but the library is asked: written down, and never taken from the cache.

        Raises:
            VagentError: what ``make`` raises.
            Unrecorded: a call that a saved run does not hold.
        """
        return self.outputs(Wanted(seat, method, inputs, shape, make, local))

    def one(
        self,
        seat: Seat,
        method: str,
        inputs: Inputs,
        shape: TypeAdapter[_T],
        make: Callable[[], _T],
        *,
        local: bool = False,
    ) -> _T:
        """The output of one call; as ``many``."""
        (output,) = self.many(seat, method, [inputs], shape, lambda _: [make()], local=local)
        return output


class Recorder(Calls):
    """Makes calls, or takes them from the cache.

    Args:
        cache: where outputs are kept; None: nowhere.
        fresh: make every call anew; what the cache had is replaced.
        write_down: keep in ``made`` all that a replay needs.
    """

    def __init__(self, cache: CallCache | None = None, *, fresh: bool = False, write_down: bool = False) -> None:
        self.cache = cache
        self.made: list[Made] = []
        self._fresh = fresh
        self._write_down = write_down

    def outputs(self, wanted: Wanted[_T]) -> list[_T]:
        """See ``Calls``. A call alone waits for another thread that is making the same one."""
        keys = wanted.keys
        cache = None if wanted.local else self.cache
        with cache.turn(keys[0]) if cache is not None and len(keys) == 1 else nullcontext():
            found = {} if cache is None or self._fresh else _found(cache, keys, wanted.shape)
            made = self._make(wanted, {i: key for i, key in enumerate(keys) if key not in found}, cache)
        told = wanted.seat.tell(notice for kept, _ in found.values() for notice in kept.notices)
        for key in dict.fromkeys(key for key in keys if key in found):
            self._note(found[key][0], cached=True, notices=told)
            told = ()
        return [found[key][1] if key in found else made[key] for key in keys]

    def _make(self, wanted: Wanted[_T], missing: Mapping[int, str], cache: CallCache | None) -> dict[str, _T]:
        """Make the calls that have to be made, given as keys by position, and keep what came of them by key."""
        if not missing:
            return {}
        seat, method, keys = wanted.seat, wanted.method, list(missing.values())
        started = perf_counter()
        try:
            outputs = wanted.make(list(missing))
        except VagentError as error:
            seconds, told = (perf_counter() - started) / len(keys), seat.tell(seat.heard())
            for key in keys:
                self._note(Kept(key, seat.revision, method, None, seconds), notices=told, failure=Failure.of(error))
            raise
        seconds, told = (perf_counter() - started) / len(keys), seat.tell(seat.heard())
        heard = tuple(seat.heard())
        kept = [
            Kept(key, seat.revision, method, wanted.shape.dump_python(output, mode="json"), seconds, heard)
            for key, output in zip(keys, outputs, strict=True)
        ]
        for call in kept:
            self._note(call, notices=told)
            told = ()
        if cache is not None:
            cache.put(kept)
        return dict(zip(keys, outputs, strict=True))

    def _note(
        self, call: Kept, *, cached: bool = False, notices: tuple[str, ...] = (), failure: Failure | None = None
    ) -> None:
        if self._write_down:
            head = (call.key, call.engine, call.method, call.seconds, cached, digest(call.output))
            self.made.append(Made(*head, call.output, notices, failure))


class Unrecorded(Exception):
    """A replay came to a call that the run did not make. Not a ``VagentError``: no part of the agent may take it for a
    model that broke, and go on without it."""


class Player(Calls):
    """Plays back the calls of a saved run; makes none.

    Attributes:
        played: how many calls were played back.
        missed: method and engine of the first call that the run does not hold; empty while there was none.
    """

    def __init__(self, made: Iterable[Made]) -> None:
        self.played = 0
        self.missed = ""
        self._made: dict[str, deque[Made]] = defaultdict(deque)
        for call in made:
            self._made[call.key].append(call)

    def outputs(self, wanted: Wanted[_T]) -> list[_T]:
        """See ``Calls``. The same call gives what it gave the first time, then the second, and so on."""
        calls = [self._next(wanted, key) for key in wanted.keys]
        for call in calls:
            wanted.seat.tell(call.notices)
            if call.failure is not None:
                raise call.failure.error()
        try:
            return [wanted.shape.validate_python(call.output) for call in calls]
        except ValidationError as error:
            where = f"{wanted.method} of {wanted.seat.revision}"
            raise LibraryCorruptError("an output of the saved run cannot be read", where) from error

    def _next(self, wanted: Wanted[Any], key: str) -> Made:
        queue = self._made.get(key)
        if not queue:
            call = f"{wanted.method} of {wanted.seat.revision}"
            self.missed = self.missed or call
            raise Unrecorded(call)
        self.played += 1
        return queue.popleft() if len(queue) > 1 else queue[0]


def _found(cache: CallCache, keys: Sequence[str], shape: TypeAdapter[_T]) -> dict[str, tuple[Kept, _T]]:
    """What the cache has of some calls; an output of another shape than today's counts as not there."""
    found = {}
    for key, kept in cache.get(keys).items():
        try:
            found[key] = kept, shape.validate_python(kept.output)
        except ValidationError:
            continue
    return found
