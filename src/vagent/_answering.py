"""The part of a library's SDK that answers: questions, chats, and answers that were saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vagent.errors import LibraryError, SourceError, TimeError
from vagent.tools.time import format_time, parse_time

if TYPE_CHECKING:
    from vagent._talk import Chat
    from vagent.agent.chats import Chats, Thread
    from vagent.agent.records import Answer, Event
    from vagent.agent.runs.manifest import Head
    from vagent.agent.runs.replay import Replay
    from vagent.agent.runs.runs import Runs
    from vagent.index.library import VideoLibrary
    from vagent.index.records import Film, Video
    from vagent.index.which import Which

Time = float | str
"""Seconds, or what ``vagent.tools.time.parse_time`` reads: ``"1:35"``, ``"0:01:35.5"``, ``"1h2m"``."""


class Answering:
    """How ``Library`` answers."""

    _index: VideoLibrary

    def _chosen(self, source: str | Path | None, which: Which | None) -> Sequence[Film | Video]:
        if source is None:
            films = self._index.films()
            return which.of(films) if which else films
        found = self._index.find(source)
        return which.of(found) if which else found

    @cached_property
    def _chats(self) -> Chats:
        from vagent.agent.chats import Chats

        return Chats(self._index.folder / "chats.db")

    @cached_property
    def _runs(self) -> Runs:
        from vagent.agent.runs.runs import Runs

        return Runs(self._index)

    def check(
        self,
        question: str,
        choices: Sequence[str] | None = None,
        *,
        start: Time | None = None,
        until: Time | None = None,
    ) -> None:
        """Find out whether a question can be asked, before anything is indexed for it.

        Raises:
            QuestionError: it is empty or too long, or its options cannot be told apart.
            TimeError: a time that cannot be read, or a range that ends before it begins.
        """
        from vagent.agent.ask import checked

        checked(question, choices, self._index.settings)
        range_of((), start, until)

    def ask(
        self,
        question: str,
        *,
        source: str | Path | None = None,
        which: Which | None = None,
        choices: Sequence[str] | None = None,
        start: Time | None = None,
        until: Time | None = None,
        save: bool = False,
        cache: bool | None = None,
    ) -> Answer:
        """Answer a question with the moments that prove it, or say that the videos do not show it.

        Args:
            question: in words.
            source: only the videos that this file or folder stands for; None: the whole library.
            which: only those of these videos that fit: by path, title, year or language.
            choices: options of a multiple-choice question, with or without their letters.
            start, until: only evidence within these times.
            save: keep the answer with all that it came from; ``answer.run`` is then the name for ``replay``.
            cache: False asks models afresh even what they were asked before; None: as the settings say.

        Raises:
            QuestionError: the question is empty or too long.
            TimeError: the times make no sense for the video.
            SourceError: there is nothing to ask: the library, or the source in it, is empty, or nothing there fits.
        """
        from vagent.agent.records import Answer

        for event in self._stream(question, (source, which), choices, start, until, save=save, cache=cache):
            if isinstance(event, Answer):
                return event
        raise AssertionError("a stream ends with an answer")

    def stream(
        self,
        question: str,
        *,
        source: str | Path | None = None,
        which: Which | None = None,
        choices: Sequence[str] | None = None,
        start: Time | None = None,
        until: Time | None = None,
        save: bool = False,
        cache: bool | None = None,
    ) -> Iterator[Event]:
        """As ``ask``, but each step is told as it begins and given as it is done; the answer comes last."""
        yield from self._stream(question, (source, which), choices, start, until, save=save, cache=cache)

    def _stream(
        self,
        question: str,
        asked: tuple[str | Path | None, Which | None],
        choices: Sequence[str] | None,
        start: Time | None,
        until: Time | None,
        thread: Thread | None = None,
        *,
        save: bool,
        cache: bool | None,
    ) -> Iterator[Event]:
        videos = self._chosen(*asked)
        if not videos:
            raise SourceError("the library is empty", str(self._index.folder), hint="run: vagent index PATH")
        self._index.warm()
        import vagent.agent.ask as agent
        from vagent.agent.runs.manifest import Asked

        agent.checked(question, choices, self._index.settings)
        low, high = range_of(videos, start, until)
        numbers = [video.id for video in videos]
        history = tuple(thread.turns()) if thread is not None and save else ()
        head = Asked(question=question, choices=tuple(choices or ()), start=low, end=high, history=history)
        recorder = self._runs.recorder(save=save, cache=cache)
        events = agent.stream(
            self._runs.index(recorder),
            question,
            videos=numbers,
            choices=choices,
            start=low,
            end=high,
            thread=thread,
        )
        remarks = self._index.notices(numbers)
        yield from self._runs.finished(events, recorder, head, numbers, save=save, remarks=remarks)

    def runs(self, *, on_error: Callable[[LibraryError], object] | None = None) -> list[Head]:
        """The answers that were saved, newest first: ``id``, ``when``, ``question``, ``answer`` and ``answered``.

        Args:
            on_error: told of each file that cannot be read.
        """
        heads, errors = self._runs.listed()
        if on_error is not None:
            for error in errors:
                on_error(error)
        return heads

    def remove_run(self, run: str) -> str:
        """Delete a saved answer. What models said for it stays in the cache of calls.

        Args:
            run: its name (``answer.run``), or the beginning of it.

        Returns:
            Its name.

        Raises:
            SourceError: no such run, or several.
            StorageError: the file cannot be deleted.
        """
        return self._runs.remove(run)

    def replay(self, run: str | Path, *, fresh: bool = False) -> Replay:
        """Go over a saved answer again with the calls that were saved with it: no model is asked.

        ``replay.answer`` is the saved answer; ``replay.same`` tells whether it came out again from the evidence as it
        is now, and ``replay.changed`` what has changed since.

        Args:
            run: its name (``answer.run``), the beginning of it, or the path of its file.
            fresh: ask the question again with today's models and settings instead; ``replay.answer`` is the new answer.

        Raises:
            SourceError: no such run, or several; ``fresh``: none of its videos is in the library.
            LibraryError: the file of the run is damaged, or a newer vagent wrote it.
        """
        return self._runs.replay(run, fresh=fresh)

    def chat(
        self,
        name: str | None = None,
        *,
        source: str | Path | None = None,
        which: Which | None = None,
        start: Time | None = None,
        until: Time | None = None,
    ) -> Chat:
        """A chat about the library, or about the videos that a file or folder stands for.

        Args:
            name: under which the library keeps the chat, to go on with it later; None: it ends with the process.
            source: only the videos that this file or folder stands for.
            which: only those of these videos that fit: by path, title, year or language.
            start, until: only evidence within these times.

        Raises:
            QuestionError: an empty or oversized name.
            LibraryError: the chats of the library cannot be read or written.
        """
        from vagent._talk import Chat
        from vagent.agent.chats import Chats

        thread = self._chats.thread(name) if name is not None else Chats(None).thread("chat")

        def stream(question: str, choices: Sequence[str] | None, save: bool, cache: bool | None) -> Iterator[Event]:
            return self._stream(question, (source, which), choices, start, until, thread, save=save, cache=cache)

        return Chat(stream, thread)

    def chats(self) -> list[str]:
        """Names of the chats that the library keeps."""
        return self._chats.names()

    def forget_chat(self, name: str) -> None:
        """Delete a chat that the library keeps; one that does not exist is no error."""
        self._chats.forget(name)

    async def aask(
        self,
        question: str,
        *,
        source: str | Path | None = None,
        which: Which | None = None,
        choices: Sequence[str] | None = None,
        start: Time | None = None,
        until: Time | None = None,
        save: bool = False,
        cache: bool | None = None,
    ) -> Answer:
        """As ``ask``, for asynchronous programs: the work is done in a thread."""
        given: dict[str, Any] = {"source": source, "which": which, "choices": choices, "start": start, "until": until}
        from asyncio import to_thread

        return await to_thread(self.ask, question, **given, save=save, cache=cache)


def range_of(
    videos: Sequence[Film | Video], start: Time | None, until: Time | None
) -> tuple[float | None, float | None]:
    """Seconds of a range that a person gave, checked against the videos it is for."""
    low = None if start is None else parse_time(start)
    high = None if until is None else parse_time(until)
    if low is not None and high is not None and high <= low:
        raise TimeError("the range ends before it begins", f"{format_time(low)} .. {format_time(high)}")
    longest = max((video.duration for video in videos), default=0.0)
    if low is not None and videos and low >= longest:
        allowed = f"0 .. {format_time(longest, 1)}"
        raise TimeError("the range begins after the end of the video", format_time(low, 1), allowed=allowed)
    return low, high
