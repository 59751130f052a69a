"""The SDK: a library of videos, asked from Python. Quiet: no prints, no progress bars, no network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from vagent import configs
from vagent._answering import Answering, Time, range_of
from vagent._intake import Intake
from vagent._upkeep import Upkeep
from vagent.index.library import VideoLibrary

if TYPE_CHECKING:
    from vagent.index.bundle.exporting import Exported
    from vagent.index.bundle.importing import Merged
    from vagent.index.bundle.steps import OnStep
    from vagent.index.records import Kind, Moment, Video
    from vagent.index.which import Which


class Library(Intake, Answering, Upkeep):
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

    def videos(self, which: Which | None = None) -> list[Video]:
        """All videos in the library, or those that fit, by path.

        Raises:
            SourceError: none fits; the message says what there is.
        """
        videos = self._index.videos()
        return which.of(videos) if which else videos

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
            QuestionError: the query is empty or no text; a sense that does not exist; a limit below 1.
            TimeError: the times make no sense for the video.
        """
        _check_search(query, kinds, limit)
        some = source is not None or bool(which)
        videos = self._chosen(source, which) if some or start is not None else []
        low, high = range_of(videos, start, until)
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


def _check_search(query: str, kinds: Sequence[Kind] | None, limit: int | None) -> None:
    """What types alone do not keep out: an empty page would look like an answer."""
    from numbers import Integral

    from vagent.errors import QuestionError
    from vagent.index.records import KINDS

    if not isinstance(query, str):
        raise QuestionError("the query is no text", query, allowed="words or a question")
    if kinds is not None and (isinstance(kinds, str) or not set(kinds) <= set(KINDS)):
        raise QuestionError("not a list of senses", kinds, allowed=KINDS)
    if limit is not None and (not isinstance(limit, Integral) or limit < 1):
        raise QuestionError("not a number of moments", limit, allowed="1 or more")
