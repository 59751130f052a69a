"""The SDK: a library of videos, asked from Python. Quiet: no prints, no progress bars, no network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from vagent import configs
from vagent._intake import Intake
from vagent._upkeep import Upkeep
from vagent.errors import LibraryError, SourceError, TimeError
from vagent.index.library import VideoLibrary
from vagent.tools.time import format_time, parse_time

if TYPE_CHECKING:
    from vagent._talk import Chat
    from vagent.agent.chats import Chats, Thread
    from vagent.agent.records import Answer, Event
    from vagent.agent.runs.manifest import Head
    from vagent.agent.runs.replay import Replay
    from vagent.agent.runs.runs import Runs
    from vagent.index.bundle.exporting import Exported
    from vagent.index.bundle.importing import Merged
    from vagent.index.bundle.steps import OnStep
    from vagent.index.records import Film, Kind, Moment, Video
    from vagent.index.which import Which

Time = float | str
"""Seconds, or what ``vagent.tools.time.parse_time`` reads: ``"1:35"``, ``"0:01:35.5"``, ``"1h2m"``."""


class Library(Intake, Upkeep):
    """A library of videos.

    Args:
        folder: where it lies or shall lie; None: the platform's user data folder, or what the settings name.
        preset: ``quick``, ``standard`` or ``deep``.
        settings: nested settings that go before file and environment, ``{"engines": {"speech": "off"}}``.

    Raises:
        LibraryError: it cannot be opened; the message says what to do.
        SettingsError: a setting or preset that does not exist.
    """

    def __init__(
        self,
        folder: str | Path | None = None,
        *,
        preset: str | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        given = {"preset": preset, "library": None if folder is None else str(folder), **(settings or {})}
        self._set(VideoLibrary(configs.load(given)))

    @classmethod
    def from_settings(cls, settings: configs.Settings) -> Self:
        """The library that some settings name, for programs that load settings themselves."""
        library = cls.__new__(cls)
        library._set(VideoLibrary(settings))
        return library

    def _set(self, index: VideoLibrary) -> None:
        self._index = index

    @cached_property
    def _chats(self) -> Chats:
        from vagent.agent.chats import Chats

        return Chats(self.folder / "chats.db")

    @cached_property
    def _runs(self) -> Runs:
        from vagent.agent.runs.runs import Runs

        return Runs(self._index)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Library({str(self.folder)!r})"

    @property
    def folder(self) -> Path:
        """Where the library lies."""
        return self._index.folder

    @property
    def settings(self) -> configs.Settings:
        """The settings in force."""
        return self._index.settings

    @property
    def index(self) -> VideoLibrary:
        """The index itself, for control: evidence, shots, clips, pictures."""
        return self._index

    def close(self) -> None:
        """Let go of the database, the models and the worker processes."""
        for opened in ("_chats", "_runs"):
            if opened in vars(self):
                getattr(self, opened).close()
        self._index.close()

    def check(self, question: str, choices: Sequence[str] | None = None) -> None:
        """Find out whether a question can be asked, before anything is indexed for it.

        Raises:
            QuestionError: it is empty or too long, or its options cannot be told apart.
        """
        from vagent.agent.ask import checked

        checked(question, choices, self.settings)

    def videos(self, which: Which | None = None) -> list[Video]:
        """All videos in the library, or those that fit, by path.

        Raises:
            SourceError: none fits; the message says what there is.
        """
        videos = self._index.videos()
        return which.of(videos) if which else videos

    def _chosen(self, source: str | Path | None, which: Which | None) -> Sequence[Film | Video]:
        if source is None:
            films = self._index.films()
            return which.of(films) if which else films
        found = self._index.find(source)
        return which.of(found) if which else found

    def _numbers(self, source: str | Path | None, which: Which | None) -> list[int] | None:
        """The chosen videos; None where nobody chose, which spares looking for each."""
        return [video.id for video in self._chosen(source, which)] if source is not None or which else None

    def find(self, source: str | Path) -> list[Video]:
        """The indexed videos that a file or folder stands for.

        Raises:
            SourceError: nothing there, or none of it is in the library.
        """
        return self._index.find(source)

    def remove(self, source: str | Path) -> list[Video]:
        """Forget the videos that a file or folder stands for; the files themselves are not touched.

        Raises:
            SourceError: none of it is in the library.
        """
        found = self.find(source)
        for video in found:
            self._index.remove(video)
        return found

    def export(
        self, file: str | Path, sources: Iterable[str | Path] | None = None, *, progress: OnStep | None = None
    ) -> Exported:
        """Write the library into one file, to move it or to merge it with another; the videos are not in it.

        Args:
            sources: only the videos that these files and folders stand for.
            progress: told before each video.

        Raises:
            SourceError: a source of which nothing is in the library.
            StorageError: the file cannot be written, or something else lies there.
        """
        from vagent.index.bundle import exporting

        videos = None if sources is None else [v.fingerprint for source in sources for v in self.find(source)]
        return exporting.export_library(self.folder, Path(file).expanduser(), videos, progress)

    def merge(self, file: str | Path, *, progress: OnStep | None = None) -> Merged:
        """Merge an exported library into this one: nothing is lost, nothing is there twice.

        Raises:
            SourceError: the file cannot be read.
            BundleError: it is damaged, forged or of a newer vagent.
            LibraryError: this library cannot be written, or another process merges into it.
        """
        from vagent.index.bundle import importing

        return importing.import_library(self.folder, Path(file).expanduser(), progress)

    def search(
        self,
        query: str,
        *,
        source: str | Path | None = None,
        which: Which | None = None,
        kinds: Sequence[Kind] | None = None,
        start: Time | None = None,
        until: Time | None = None,
        limit: int | None = None,
    ) -> list[Moment]:
        """Moments that match a query, best first.

        Args:
            query: words or a question.
            source: only the videos that this file or folder stands for.
            which: only those of these videos that fit: by path, title, year or language.
            kinds: only these senses.
            start, until: only evidence within these times.
            limit: how many.

        Raises:
            QuestionError: the query is empty.
            TimeError: the times make no sense for the video.
        """
        some = source is not None or bool(which)
        videos = self._chosen(source, which) if some or start is not None else []
        low, high = _times(videos, start, until)
        chosen = [video.id for video in videos] if some else None
        return self._index.search(query, videos=chosen, kinds=kinds, start=low, end=high, limit=limit)

    def by_words_alone(self, source: str | Path | None = None, which: Which | None = None) -> list[Video]:
        """Videos that are found by their words alone, not by meaning, until `add` takes them in again: embeddings were
        off when they were indexed, or were another model's. An answer tells of them in its notices.

        Args:
            source, which: of these; None: of all.

        Raises:
            SourceError: nothing there, or none of it is in the library.
        """
        return self._index.by_words_alone(self._numbers(source, which))

    def notices(self, source: str | Path | None = None, which: Which | None = None) -> list[str]:
        """What whoever searches these videos should know, a line each: see ``by_words_alone``.

        Raises:
            SourceError: nothing there, or none of it is in the library.
        """
        return self._index.notices(self._numbers(source, which))

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
            raise SourceError("the library is empty", str(self.folder), hint="run: vagent index PATH")
        self._index.warm()
        import vagent.agent.ask as agent
        from vagent.agent.runs.manifest import Asked

        low, high = _times(videos, start, until)
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


def _times(videos: Sequence[Film | Video], start: Time | None, until: Time | None) -> tuple[float | None, float | None]:
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
