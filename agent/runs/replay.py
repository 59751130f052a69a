"""A saved run gone over again: with its own calls, or with today's models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vagent.agent.ask import ask
from vagent.agent.chats import Chats, Thread
from vagent.agent.records import Answer
from vagent.agent.runs.keys import digest, without_secrets
from vagent.agent.runs.library import ENGINE, RecordedIndex
from vagent.agent.runs.manifest import Inputs, Run, VideoState
from vagent.agent.runs.recorder import Made, Player, Recorder, Unrecorded
from vagent.agent.state import Turn
from vagent.configs import Settings
from vagent.errors import SourceError, VagentError
from vagent.index.library import VideoLibrary
from vagent.index.recorded import sort
from vagent.tools.safe import safe

_COMPARED = ("text", "answered", "choice", "confidence", "citations", "leads", "searched")


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of going over a saved run again.

    Attributes:
        answer: the saved one; when models were asked afresh, theirs.
        saved: the saved one.
        same: going over the run again gave the saved answer.
        differs: which parts of the answer came out otherwise.
        changed: what the answer depends on and is not as it was, in words.
        played: calls taken from the run; 0 when models were asked afresh.
        fresh: models were asked afresh.
    """

    answer: Answer
    saved: Answer
    same: bool
    differs: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    played: int = 0
    fresh: bool = False

    @property
    def notices(self) -> tuple[str, ...]:
        """What whoever reads the answer should know, a line each."""
        if self.same:
            return self.changed
        if self.differs:
            head = f"the answer differs from the saved one in: {', '.join(self.differs)}"
        else:
            head = "this is the answer as it was saved; it could not be worked out again from its evidence"
        return (head, *self.changed)

    def to_dict(self) -> dict[str, Any]:
        """The object that ``replay --json`` prints: the answer's, and what the replay found."""
        found: dict[str, Any] = {
            "same": self.same,
            "differs": list(self.differs),
            "changed": list(self.changed),
            "played": self.played,
            "fresh": self.fresh,
        }
        if self.fresh:
            found["saved"] = self.saved.to_dict()
        return {**self.answer.to_dict(), "replay": found}


def replay(library: VideoLibrary, run: Run) -> Replay:
    """Go over a run with the calls that it holds: the same graph, the library as it is now, and no model.

    The answer is always the saved one. Whether it came out again, and if not what has changed, is told beside it: a
    video that was removed or indexed anew takes nothing away from what was answered then, but the evidence cannot be
    checked any more.
    """
    now = inputs(library, [], run.inputs.engines)
    now = now.model_copy(update={"settings": run.inputs.settings, "videos": _states(library, run)})
    changed = tuple(changes(run.inputs, now))
    player = Player(run.calls)
    try:
        again = _played(library, run, player)
    except Unrecorded:
        again = None
    except (ValidationError, VagentError) as error:
        again = None
        changed = changed or (safe(str(error)),)
    if player.missed:
        again = None  # also where somebody went on without it
        changed += (_why(run, player.missed),)
    if again is None:
        return Replay(run.answer, run.answer, False, (), changed, player.played)
    differs = differing(run.answer, again)
    if differs and not changed:
        changed = ("nothing that the run depends on has changed but vagent itself",)
    return Replay(run.answer, run.answer, not differs, differs, changed, player.played)


def _why(run: Run, missed: str) -> str:
    if run.answer.seconds.get("total", 0.0) >= run.inputs.settings["agent"]["seconds"]:
        return "the question had run out of time, which a replay has enough of"
    return f"the run holds no such call: {safe(missed)}"


def afresh(library: VideoLibrary, run: Run, recorder: Recorder) -> Replay:
    """Ask the question of a run again, of the same videos, with today's models and settings.

    Raises:
        SourceError: none of the videos is in the library any more.
        VagentError: what asking raises.
    """
    numbers = [state.id for state in _states(library, run)]
    if not numbers:
        raise SourceError(
            "none of the videos of the run is in the library", run.id, hint="index them: vagent index PATH"
        )
    answer = _asked(RecordedIndex(library, recorder), run, numbers)
    now = inputs(library, numbers, engines(recorder.made))
    differs = differing(run.answer, answer)
    return Replay(answer, run.answer, not differs, differs, tuple(changes(run.inputs, now)), fresh=True)


def inputs(library: VideoLibrary, videos: Sequence[int], taken: Mapping[str, str]) -> Inputs:
    """What an answer depends on, as it is now.

    Args:
        videos: row numbers of those asked.
        taken: engines by sense; see ``engines``.
    """
    store = library.store
    prompts = (file for file in files("vagent.prompts").iterdir() if file.name.endswith(".md"))
    return Inputs(
        vagent=version("vagent"),
        settings=without_secrets(library.settings.model_dump(mode="json")),
        prompts={file.name: digest(file.read_text(encoding="utf-8")) for file in sorted(prompts, key=lambda x: x.name)},
        engines=dict(taken),
        videos=tuple(_state(library, video) for video in videos),
        vectors={name: store.generation(name) for name in store.embedding_models() if sort(name) != "summaries"},
    )


def engines(made: Sequence[Made]) -> dict[str, str]:
    """The engines that a run asked for, by sense: name and revision, or ``off``."""
    taken = [call.output for call in made if call.method == ENGINE and call.failure is None]
    return {one["sense"]: one["revision"] or one["name"] for one in taken}


def changes(then: Inputs, now: Inputs) -> Iterator[str]:
    """What differs, in words, a line each."""
    if then.vagent != now.vagent:
        yield f"vagent {safe(then.vagent)} then, {now.vagent} now"
    yield from _differences("setting", _flat(then.settings), _flat(now.settings))
    for name in sorted({*then.prompts, *now.prompts}):
        if then.prompts.get(name) != now.prompts.get(name):
            yield f"prompt {safe(name)}: {_how(name, then.prompts, now.prompts)}"
    yield from _differences("engine of", then.engines, now.engines)
    known = {state.fingerprint: state for state in now.videos}
    for state in then.videos:
        name, today = safe(Path(state.path).name), known.get(state.fingerprint)
        if today is None:
            yield f"{name} is no longer in the library: the evidence cannot be checked"
        elif today.id != state.id:
            yield f"{name} was removed from the library and indexed anew"
        elif today.state != state.state:
            yield f"{name} was indexed again: its evidence is not what it was"
    if then.vectors != now.vectors:
        yield "the library's vectors have changed"


def differing(one: Answer, other: Answer) -> tuple[str, ...]:
    """Names of the parts in which two answers differ; how long they took is none of them."""
    found = [name for name in _COMPARED if digest(getattr(one, name)) != digest(getattr(other, name))]
    return tuple(found)


def _played(library: VideoLibrary, run: Run, player: Player) -> Answer:
    settings = Settings.model_validate(run.inputs.settings)
    numbers = [state.id for state in run.inputs.videos]
    return _asked(RecordedIndex(library, player, settings), run, numbers)


def _asked(index: RecordedIndex, run: Run, videos: Sequence[int]) -> Answer:
    asked = run.asked
    return ask(
        index,
        asked.question,
        videos=videos,
        choices=asked.choices or None,
        start=asked.start,
        end=asked.end,
        thread=_thread(asked.history),
    )


def _thread(history: Sequence[Turn]) -> Thread | None:
    """A chat that has come to where it was when the question was asked."""
    if not history:
        return None
    from vagent.agent.graph import build

    thread = Chats(None).thread("replay")
    config: Any = {"configurable": {"thread_id": thread.id}}
    build(thread.checkpointer).update_state(config, {"turns": list(history)}, as_node="answer")
    return thread


def _states(library: VideoLibrary, run: Run) -> tuple[VideoState, ...]:
    """The videos of a run, as they are now; those that are not in the library any more are left out."""
    found = [library.store.by_fingerprint(state.fingerprint) for state in run.inputs.videos]
    return tuple(_state(library, video.id) for video in found if video is not None)


def _state(library: VideoLibrary, number: int) -> VideoState:
    video, store = library.video(number), library.store
    # Summaries are made when they are first asked for, and nothing else rests on them.
    counts = {kind: count for kind, count in store.counts(number).items() if kind != "summary"}
    stages = {
        name: (stage.fingerprint, stage.status, stage.cursor)
        for name, stage in store.stages(number).items()
        if name != "summaries"
    }
    held = digest([video.duration, counts, stages])
    return VideoState(id=video.id, fingerprint=video.fingerprint, path=video.path, state=held)


def _differences(what: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted({*then, *now}):
        if then.get(name) != now.get(name):
            yield f"{what} {safe(name)}: {safe(str(then.get(name, 'none')))} then, {now.get(name, 'none')} now"


def _how(name: str, then: Mapping[str, str], now: Mapping[str, str]) -> str:
    return "changed" if name in then and name in now else "gone" if name in then else "new"


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat
