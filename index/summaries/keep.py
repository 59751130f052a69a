"""Summaries made once: found again while all that they rest on is as it was, else made anew."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vagent.configs import Settings
from vagent.errors import LibraryBusyError, StorageError
from vagent.index.passages import passages
from vagent.index.recorded import recorded
from vagent.index.records import Evidence, Kind, Video
from vagent.index.store import Status, Store
from vagent.index.summaries.make import METHOD, make
from vagent.index.summaries.material import USED, collected
from vagent.index.summaries.sentences import Vectors
from vagent.index.summaries.writer import Writer
from vagent.index.video.job import Job, stage_fingerprint
from vagent.tools.chat import ChatModel
from vagent.tools.embeddings import EmbeddingEngine

_STAGE = "summaries"
_BATCH = 256  # texts that are embedded at once
_SENTENCES: tuple[Kind, ...] = ("subtitle", "speech", "screen_text", "caption")  # kinds that vectors are needed of

_log = logging.getLogger("vagent.index.summaries")


@dataclass(frozen=True, slots=True)
class Summarised:
    """The summaries of one video.

    Attributes:
        rows: of kind ``summary``; the whole first, then each chapter with its scenes.
        made: they were made now, not found.
        stored: they stand in the library; else their ids are 0.
        notices: why some are not what was asked for.
    """

    rows: list[Evidence]
    made: bool
    stored: bool
    notices: tuple[str, ...] = ()


def summarise(
    store: Store, video: Video, settings: Settings, embeddings: EmbeddingEngine | None, chat: ChatModel | None
) -> Summarised:
    """The summaries of one video: those that are kept, where they fit, else new ones, kept where that is possible.

    Two processes that do this at once make the same rows; one of them keeps them. Summaries that a model wrote are
    kept where no model is at hand now.

    Args:
        embeddings: compares meanings; None: words are compared.
        chat: writes summaries; None: they quote what is central.

    Raises:
        EngineError: the embeddings broke. A chat model that breaks is no error: quotes stand in, with a notice.
        LibraryError: the library cannot be read.
    """
    mark = fingerprint(store, video, settings, embeddings)
    found = _kept(store, video.id, mark, chat)
    if found is not None:
        return found
    material = collected(
        partial(store.walk, video.id),
        store.clips(video.id),
        store.shots(video.id),
        video.duration,
        _vectors(store, video.id, embeddings),
    )
    embed = None if embeddings is None else embeddings.embed
    writer = None if chat is None else _writer(store, video.id, settings, mark, chat)
    rows = make(video, material, video.info.get("chapters") or (), settings.summaries.words, embed, writer)
    return _keep(store, video, settings, mark, rows, embeddings, chat, writer)


def up_to_date(
    store: Store, video: Video, settings: Settings, embeddings: EmbeddingEngine | None, chat: ChatModel | None
) -> bool:
    """Whether the summaries of a video are kept and fit, so that none need be made."""
    return _kept(store, video.id, fingerprint(store, video, settings, embeddings), chat) is not None


def refresh(job: Job) -> None:
    """Sum up a video while it is indexed, where the settings ask for that; else let go of summaries that no longer fit.

    Raises:
        EngineUnavailable: the chat model was asked for by name and cannot run here.
    """
    video = job.store.video(job.video.id)
    embeddings: EmbeddingEngine | None = job.engine("embeddings", None)
    if not job.settings.summaries.use:
        state = job.store.stage(video.id, _STAGE)
        if state is not None and state.fingerprint != fingerprint(job.store, video, job.settings, embeddings):
            job.store.clear(video.id, ["summary"])
        return
    done = summarise(job.store, video, job.settings, embeddings, job.engine("chat", None))
    job.worked = job.worked or done.made
    job.notices += done.notices


def fingerprint(store: Store, video: Video, settings: Settings, embeddings: EmbeddingEngine | None) -> str:
    """A hash of all that the summaries of a video rest on: what its evidence says and when, its clips, the settings and
    the model that compares meanings. No number of a row is in it, so that it is the same in every library."""
    told = hashlib.blake2b(b"[", digest_size=16)
    for number, row in enumerate(store.told(video.id, USED)):
        told.update((", " * bool(number) + repr(row)).encode())
    told.update(b"]")
    held = told.hexdigest()
    clips = [[clip.span.start, clip.span.end] for clip in store.clips(video.id)]
    model = None if embeddings is None else embeddings.model
    marks = video.info.get("chapters")
    return stage_fingerprint(_STAGE, METHOD, held, clips, video.duration, marks, settings.summaries.words, model)


def _kept(store: Store, video: int, mark: str, chat: ChatModel | None) -> Summarised | None:
    """What is kept, where it fits; a model's absence is no reason to do without what it wrote."""
    state = store.stage(video, _STAGE)
    if state is None or state.fingerprint != mark or state.status == "running":
        return None
    if chat is not None and (state.status == "failed" or state.detail.get("writer") != chat.revision):
        return None
    rows = sorted(store.evidence(video, kinds=["summary"]), key=lambda row: row.id)
    if not _grounded(store, video, rows):
        return None
    return Summarised(rows, made=False, stored=True, notices=tuple(state.detail.get("notices", ())))


def _grounded(store: Store, video: int, rows: Sequence[Evidence]) -> bool:
    """Whether the evidence that summaries point to is there: the same words may have been found anew since."""
    named = sorted({number for row in rows for number in row.extra.get("from", ())})
    return len(named) == sum(of == video for of in store.videos_of(named).values())


def _keep(
    store: Store,
    video: Video,
    settings: Settings,
    mark: str,
    rows: Sequence[Evidence],
    embeddings: EmbeddingEngine | None,
    chat: ChatModel | None,
    writer: Writer | None,
) -> Summarised:
    """Put new summaries in the place of those there were, all or none."""
    notices = tuple(writer.notices) if writer else ()
    detail = {"writer": chat.revision if chat else None, "notices": list(notices)}
    texts = [f"{row.extra['title']}. {row.text}" for row in rows]
    vectors = None if embeddings is None or not rows else embeddings.embed(texts)
    unkept = Summarised(list(rows), made=True, stored=False, notices=notices)
    try:
        with store.transaction():
            if fingerprint(store, store.video(video.id), settings, embeddings) != mark:
                return unkept  # the video is being indexed: what was just read is already old
            other = _kept(store, video.id, mark, chat)
            if other is not None:
                return other
            store.clear(video.id, ["summary"])
            ids = store.add_evidence(rows)
            if embeddings is not None and vectors is not None:
                store.put_vectors(recorded(embeddings.model, "summaries"), ids, vectors)
            status: Status = "failed" if writer and writer.failed else "done"
            store.set_stage(video.id, _STAGE, mark, status, video.duration, detail)
    except (StorageError, LibraryBusyError) as error:
        _log.warning("the summaries of %s are not kept, and made again when next asked for: %s", video.path, error)
        return unkept
    kept = [replace(row, id=number) for row, number in zip(rows, ids, strict=True)]
    return Summarised(kept, made=True, stored=True, notices=notices)


def _writer(store: Store, video: int, settings: Settings, mark: str, chat: ChatModel) -> Writer:
    """A writer that goes on where an interrupted one stopped."""
    state = store.stage(video, _STAGE)
    detail: Mapping[str, Any] = state.detail if state is not None and state.fingerprint == mark else {}
    before = detail.get("written", {}) if detail.get("writer") == chat.revision else {}

    def keep(written: Mapping[str, Sequence[str]]) -> None:
        progress = {"writer": chat.revision, "written": dict(written)}
        try:
            store.set_stage(video, _STAGE, mark, "running", 0.0, progress)
        except (StorageError, LibraryBusyError) as error:
            _log.info("what a model wrote is not kept: %s", error)

    return Writer(chat, settings.summaries.words, dict(before), keep)


def _vectors(store: Store, video: int, engine: EmbeddingEngine | None) -> Vectors:
    """Gives the vectors of a video's sentences: those of the library, and new ones where it has none yet."""
    if engine is None:
        return lambda ids: {}
    made = _missing(store, video, engine)

    def vectors(ids: Sequence[int]) -> dict[int, NDArray[np.floating[Any]]]:
        new = {number: made[number] for number in ids if number in made}
        return {**store.vectors_of(engine.model, ids), **new}

    return vectors


def _missing(store: Store, video: int, engine: EmbeddingEngine) -> dict[int, NDArray[np.float16]]:
    """New vectors of the sentences' rows that have none, with as many digits as the library keeps."""
    rows = (row for row in store.lines(video, engine.model) if row.kind in _SENTENCES)
    missing = ((row.id, text) for row, text in passages(rows) if not row.embedded)
    found: dict[int, NDArray[np.float16]] = {}
    while batch := dict(islice(missing, _BATCH)):
        found |= dict(zip(batch, engine.embed([*batch.values()]).astype(np.float16), strict=True))
    return found
