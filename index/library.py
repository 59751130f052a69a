"""A library: many videos, what is known of them, and one search over all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vagent.configs import Settings
from vagent.errors import SourceError
from vagent.index.intake import Intake
from vagent.index.pictures import Pictures
from vagent.index.records import KINDS as EVIDENCE_KINDS
from vagent.index.records import Clip, Evidence, Film, Kind, Moment, Shot, Video
from vagent.index.sources.files import video_files
from vagent.index.store import Store
from vagent.tools.engines import Engines
from vagent.tools.time import Span

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vagent.index.search.searcher import Searcher


@dataclass(frozen=True, slots=True)
class Searched:
    """A stretch of a video that an answer rests on having searched, and the senses indexed there."""

    video: Video
    span: Span
    kinds: tuple[Kind, ...]


class VideoLibrary(Intake):
    """One folder with the database, the vectors and the pictures of any number of videos.

    Any number of processes may read it; one at a time indexes a given video.

    Args:
        settings: the settings in force; they name the folder.

    Raises:
        LibraryError: it cannot be opened; the message says what to do.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.folder = settings.library_dir
        self.store = Store(self.folder)
        self.engines = Engines(self.settings)
        self._searcher: Searcher | None = None
        self._summed_up: dict[int, tuple[str, list[Evidence]]] = {}

    def close(self) -> None:
        """Let go of the database, the models and the worker processes."""
        self._let_go()
        if self._searcher is not None:
            self._searcher.close()
        self.engines.close()
        self.store.close()

    # -- what is there

    def remove(self, video: Video) -> None:
        """Forget a video: its rows, vectors and pictures. The video file is not touched."""
        self.store.remove_video(video.id)
        self._pictures(video).remove()

    def videos(self) -> list[Video]:
        """All videos, by path."""
        return sorted(self.store.videos(), key=lambda video: video.path)

    def films(self) -> list[Film]:
        """What all videos are chosen by, by path."""
        return sorted(self.store.films(), key=lambda film: film.path)

    def find(self, source: Path | str) -> list[Video]:
        """The indexed videos that a file or folder stands for.

        Raises:
            SourceError: nothing there, or none of it is in the library.
        """
        path = Path(source)
        if not _exists(path):
            if known := self._paths_of(source):
                return known
            raise SourceError("no such file or folder, and none of that name in the library", str(source))
        found = [video for file in video_files(path) if (video := self._known(file)) is not None]
        if not found:
            raise SourceError("not in the library", str(source), hint=f"run: vagent index {str(source)!r}")
        return found

    def video(self, video: int) -> Video:
        """The row of one video."""
        return self.store.video(video)

    def shots(self, video: int) -> list[Shot]:
        """The shots of one video, in order."""
        return self.store.shots(video)

    def clips(self, video: int) -> list[Clip]:
        """The clips of one video, in order."""
        return self.store.clips(video)

    def evidence(self, video: int, span: Span | None = None, kinds: Sequence[Kind] | None = None) -> list[Evidence]:
        """Evidence rows of one video in order of time; with a span, those that overlap it.

        Args:
            kinds: only these; None: all but summaries, which say nothing that other evidence does not.
        """
        chosen = [kind for kind in EVIDENCE_KINDS if kind != "summary"] if kinds is None else kinds
        return self.store.evidence(video, span=span, kinds=chosen)

    def summaries(self, video: int) -> list[Evidence]:
        """Summaries of one video: rows of kind ``summary``, the whole first, then each chapter with its scenes.

        They are made when they are first asked for and kept in the library, until what they rest on changes. Where the
        library cannot be written they are made for this process alone, and their ids are 0. ``extra`` holds ``level``
        (``video``, ``chapter``, ``scene``), ``title`` and ``from``, the ids of the evidence they rest on; where a model
        could not write them, ``notice`` of the whole says why.

        Raises:
            EngineUnavailable: the chat model was asked for by name and cannot run here.
        """
        from vagent.index.summaries import fingerprint, summarise

        row = self.store.video(video)
        _, embeddings = self.engines.get("embeddings")
        _, chat = self.engines.get("chat")
        done = self._summed_up.get(video)
        mark = fingerprint(self.store, row, self.settings, embeddings)
        if done is None or done[0] != mark:
            done = self._summed_up[video] = mark, summarise(self.store, row, self.settings, embeddings, chat).rows
        return list(done[1])

    def describe(self, video: int) -> Mapping[str, Any]:
        """Facts of the file: container, size, tracks, subtitles."""
        return self.store.video(video).info

    def pictures(self, video: int, times: Sequence[float]) -> list[tuple[float, bytes]]:
        """The kept JPEG pictures shown at some times, in order, without repeats."""
        return self._pictures(self.store.video(video)).nearest(times)

    def _pictures(self, video: Video) -> Pictures:
        return Pictures(self.folder / "frames", video.fingerprint)

    # -- search

    @property
    def searcher(self) -> Searcher:
        """The search over this library; loads the embedding engine on first use."""
        if self._searcher is None:
            from vagent.index.search.searcher import Searcher

            _, engine = self.engines.get("embeddings")
            self._searcher = Searcher(
                self.store, self.folder, engine, self.settings.search, lambda: self.engines.get("visual")[1]
            )
        return self._searcher

    def search(
        self,
        query: str,
        *,
        videos: Sequence[int] | None = None,
        kinds: Sequence[Kind] | None = None,
        start: float | None = None,
        end: float | None = None,
        limit: int | None = None,
    ) -> list[Moment]:
        """Moments that match a query, best first.

        Args:
            query: words or a question.
            videos: only these; None: all.
            kinds: only these senses; None: all.
            start, end: only evidence within these seconds.
            limit: how many; None: as the settings say.

        Raises:
            QuestionError: the query is empty.
        """
        from vagent.index.store import Filters

        self.warm()
        # To let through each row of thousands of videos takes longer than to search all that there is.
        whole = videos is not None and len(videos) > 1 and set(self.store.video_numbers()) <= set(videos)
        filters = Filters(videos=None if whole else videos, kinds=kinds, start=start, end=end)
        found = self.searcher.search(query, filters=filters, limit=limit or self.settings.search.limit)
        # A video may have come since.
        return [moment for moment in found if videos is None or moment.video.id in videos]

    def by_words_alone(self, videos: Sequence[int] | None = None) -> list[Video]:
        """Videos that are found by their words alone, not by meaning, until they are indexed again: embeddings were
        off when they were indexed, or were another model's.

        Args:
            videos: of these; None: of all.
        """
        wordy = set(self.searcher.by_words_alone())
        chosen = wordy if videos is None else wordy.intersection(videos)
        return sorted(self.store.some_videos(sorted(chosen)).values(), key=lambda video: video.path)

    def notices(self, videos: Sequence[int] | None = None) -> list[str]:
        """What whoever searches some videos, or all, should know: a line each."""
        from vagent.index.search.told import by_words_alone

        engine = self.searcher.engine
        told = "" if engine is None else by_words_alone(self.by_words_alone(videos), engine.model)
        return [told] if told else []

    def warm(self) -> None:
        """Begin to load the embedding engine, which a question to come needs, where it can be loaded meanwhile.

        Raises:
            EngineUnavailable: the engine was asked for by name and cannot run here.
        """
        _, engine = self.engines.get("embeddings")
        warm = getattr(engine, "warm", None)
        if warm is not None:
            warm()

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32] | None:
        """Unit vectors of some texts, shape (n, dimension); None where embeddings are off."""
        _, engine = self.engines.get("embeddings")
        return None if engine is None else engine.embed(texts)

    def searched(self, videos: Sequence[int], start: float | None = None, end: float | None = None) -> list[Searched]:
        """Which stretch of each video was searched, and by which senses."""
        found = []
        known, done = self.store.some_videos(videos), self._kinds(videos)
        for number in videos:
            video = known.get(number) or self.store.video(number)
            whole = Span(0.0, video.duration)
            span = Span(start or 0.0, max(start or 0.0, video.duration if end is None else end)).clamp(whole)
            found.append(Searched(video, span, done[number]))
        return found

    def _kinds(self, videos: Sequence[int]) -> dict[int, tuple[Kind, ...]]:
        """The senses that have run over each of some videos, whether or not they found anything."""
        from vagent.index.video.job import KINDS

        stages, subtitled = self.store.stages_of(videos), self.store.videos_with("subtitle", videos)
        found = {}
        for video in videos:
            done = {name: stage for name, stage in stages.get(video, {}).items() if stage.status == "done"}
            if video not in subtitled:
                done.pop("subtitles", None)
            if "speech" in done and not done["speech"].detail.get("recognised"):
                del done["speech"]  # speech was located, not recognised
            found[video] = tuple(kind for stage, kinds in KINDS.items() if stage in done for kind in kinds)
        return found


def _exists(path: Path) -> bool:
    try:
        return path.expanduser().exists()
    except (OSError, RuntimeError, ValueError):
        return False
