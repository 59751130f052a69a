"""The SDK for one video: a library that is asked about one of its files only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from vagent._answering import Time
from vagent._talk import Chat
from vagent.agent.records import Answer, Event
from vagent.errors import SourceError
from vagent.index.records import Kind, Moment
from vagent.index.video.job import Progress
from vagent.index.video.pipeline import Report
from vagent.sdk import Library


class VideoAgent:
    """One video to ask questions of; it is indexed on first use.

    Args:
        source: the video file.
        library: folder of the library that keeps its index; None: the default library.
        preset: ``quick``, ``standard`` or ``deep``.
        settings: nested settings that go before file and environment.

    Example:
        >>> agent = VideoAgent("film.mkv")
        >>> answer = agent.ask("Who pays the bill?")
        >>> answer.text, answer.citations[0].span
    """

    def __init__(
        self,
        source: str | Path,
        *,
        library: str | Path | None = None,
        preset: str | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.source = Path(source).expanduser()
        if self.source.is_dir():
            raise SourceError("VideoAgent takes one video file", str(source), hint="use vagent.Library for a folder")
        self.library = Library(library, preset=preset, settings=settings)
        self._ready = False
        self._again = preset is not None or bool(settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"VideoAgent({str(self.source)!r}, library={str(self.library.folder)!r})"

    def close(self) -> None:
        """Let go of the database, the models and the worker processes."""
        self.library.close()

    def index(self, *, progress: Callable[[Progress], object] | None = None) -> Report:
        """Bring the index of the video up to date; ``ask`` and ``search`` do it by themselves.

        Raises:
            VagentError: the file cannot be indexed.
        """
        (report,) = self.library.add(self.source, progress=progress)
        if report.error is not None:
            raise report.error
        self._ready = True
        return report

    def ask(
        self,
        question: str,
        *,
        choices: Sequence[str] | None = None,
        start: Time | None = None,
        until: Time | None = None,
        save: bool = False,
        cache: bool | None = None,
    ) -> Answer:
        """Answer a question; see ``Library.ask``."""
        self.library.check(question, choices, start=start, until=until)
        self._prepare()
        given: dict[str, Any] = {"source": self.source, "choices": choices, "start": start, "until": until}
        return self.library.ask(question, **given, save=save, cache=cache)

    async def aask(
        self,
        question: str,
        *,
        choices: Sequence[str] | None = None,
        start: Time | None = None,
        until: Time | None = None,
        save: bool = False,
        cache: bool | None = None,
    ) -> Answer:
        """As ``ask``, for asynchronous programs."""
        given: dict[str, Any] = {"choices": choices, "start": start, "until": until}
        return await asyncio.to_thread(self.ask, question, **given, save=save, cache=cache)

    def stream(
        self,
        question: str,
        *,
        choices: Sequence[str] | None = None,
        start: Time | None = None,
        until: Time | None = None,
        save: bool = False,
        cache: bool | None = None,
    ) -> Iterator[Event]:
        """As ``ask``, but each step is told as it begins and given as it is done; the answer comes last."""
        self.library.check(question, choices, start=start, until=until)
        self._prepare()
        given: dict[str, Any] = {"source": self.source, "choices": choices, "start": start, "until": until}
        yield from self.library.stream(question, **given, save=save, cache=cache)

    def chat(self, name: str | None = None, *, start: Time | None = None, until: Time | None = None) -> Chat:
        """A chat about this video; see ``Library.chat``."""
        self._prepare()
        return self.library.chat(name, source=self.source, start=start, until=until)

    def search(
        self,
        query: str,
        *,
        kinds: Sequence[Kind] | None = None,
        start: Time | None = None,
        until: Time | None = None,
        limit: int | None = None,
    ) -> list[Moment]:
        """Moments of this video that match a query; see ``Library.search``."""
        self._prepare()
        return self.library.search(query, source=self.source, kinds=kinds, start=start, until=until, limit=limit)

    def _prepare(self) -> None:
        if not self._ready:
            self.library.prepare(self.source, again=self._again)
            self._ready = True
