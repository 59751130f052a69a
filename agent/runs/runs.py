"""The saved runs of a library, and its cache of model calls."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from vagent.agent.records import Answer, Event
from vagent.agent.runs import manifest
from vagent.agent.runs.cache import CallCache
from vagent.agent.runs.library import RecordedIndex
from vagent.agent.runs.manifest import Asked, Head, Run
from vagent.agent.runs.recorder import Recorder
from vagent.agent.runs.replay import Replay, afresh, engines, inputs, replay
from vagent.errors import LibraryError, StorageError
from vagent.index.library import VideoLibrary

CACHE = "calls.db"
"""Where a library keeps what models said."""


class Runs:
    """What one library keeps of the questions it was asked.

    Args:
        library: open; stays the caller's.
    """

    def __init__(self, library: VideoLibrary) -> None:
        self._library = library
        self._cache = CallCache(library.folder / CACHE, library.settings.runs.megabytes)

    def close(self) -> None:
        """Let go of the cache's file."""
        self._cache.close()

    def recorder(self, *, save: bool = False, cache: bool | None = None) -> Recorder:
        """What the calls of one question pass through.

        Args:
            save: the answer is going to be saved.
            cache: False makes every call anew, and keeps what came of it in place of what was kept; True uses the
                cache; None as the settings say, and where they say no, it is neither read nor written.
        """
        used = self._library.settings.runs.cache
        on = used if cache is None else cache or used
        return Recorder(self._cache if on else None, fresh=cache is False, write_down=save)

    def index(self, recorder: Recorder) -> RecordedIndex:
        """The library, whose calls pass through a recorder."""
        return RecordedIndex(self._library, recorder)

    def finished(
        self,
        events: Iterable[Event],
        recorder: Recorder,
        asked: Asked,
        videos: Sequence[int],
        *,
        save: bool,
        remarks: Sequence[str] = (),
    ) -> Iterator[Event]:
        """The events of a question; its answer is saved, where it is to be, and tells what the cache had to tell.

        An answer that cannot be saved is given all the same, without a run, and says so.

        Args:
            remarks: what the answer tells beside that.
        """
        told = len(self._cache.notices)
        try:
            for event in events:
                if isinstance(event, Answer):
                    answer = self._with_remarks(replace(event, remarks=(*event.remarks, *remarks)), told)
                    yield self._saved(answer, recorder, asked, videos) if save else answer
                else:
                    yield event
        finally:
            if isinstance(events, Generator):  # who stops listening ends the question
                events.close()

    def _saved(self, answer: Answer, recorder: Recorder, asked: Asked, videos: Sequence[int]) -> Answer:
        now = inputs(self._library, videos, engines(recorder.made))
        try:
            return manifest.save(self._library.folder, asked, now, recorder.made, answer).answer
        except StorageError as error:
            return replace(answer, remarks=(*answer.remarks, f"the answer is not saved: {error}"))

    def _with_remarks(self, answer: Answer, told: int) -> Answer:
        return replace(answer, remarks=(*answer.remarks, *self._cache.notices[told:]))

    def listed(self) -> tuple[list[Head], list[LibraryError]]:
        """The saved runs, newest first, and what is wrong with those that cannot be read."""
        return manifest.listed(self._library.folder)

    def load(self, run: str | Path) -> Run:
        """A saved run; see ``manifest.load``."""
        return manifest.load(self._library.folder, run)

    def remove(self, run: str) -> str:
        """Delete a saved run; see ``manifest.remove``."""
        return manifest.remove(self._library.folder, run)

    def replay(self, run: str | Path, *, fresh: bool = False) -> Replay:
        """Go over a saved run: with the calls that it holds, or, ``fresh``, with today's models and settings.

        Raises:
            SourceError: no such run; or ``fresh``, and none of its videos is in the library.
            LibraryError: the file of the run is damaged or of a newer vagent.
            VagentError: ``fresh``: what asking raises.
        """
        found = self.load(run)
        if not fresh:
            return replay(self._library, found)
        told = len(self._cache.notices)
        again = afresh(self._library, found, self.recorder(save=True, cache=False))
        return replace(again, answer=self._with_remarks(again.answer, told))
