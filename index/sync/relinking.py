"""A new file takes over the index of the film that it is another encoding of."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

from vagent.errors import StorageError
from vagent.index.pictures import Pictures
from vagent.index.records import Clip, Evidence, Shot, Video
from vagent.index.store import Place, Store
from vagent.index.sync import marks
from vagent.index.sync.marks import Marks
from vagent.index.sync.prints import Kind, Print
from vagent.index.sync.proposals import Likeness, leftover
from vagent.index.video.pipeline import Report
from vagent.tools.media import MediaInfo
from vagent.tools.time import Span

Move = Callable[[float], float]

_SAME_END = 0.5  # seconds by which headers of one film may differ
_PRINTS: tuple[Kind, ...] = ("pictures", "loudness")


def may_relink(store: Store, like: Likeness) -> bool:
    """Whether an index may be taken over: one whose own file is still there may not, where the two run by different
    clocks, since its times can be right for one of them only."""
    return like.one_clock or not any(os.path.lexists(path) for path in store.paths(like.video))


def relink(store: Store, up_to_date: Marks, new: Video, info: MediaInfo, place: Place, like: Likeness) -> Report:
    """Give the index of a video to a new file, and forget the row that the new file had.

    Args:
        up_to_date: what the marks of videos have to be.
        new: the row of the new file, without an index.
        info: what the new file holds.
        place: where it lies.
        like: which video, and how their times differ.

    Raises:
        StorageError: the pictures cannot be moved.
        LibraryError: the new file has an index of its own, or the library cannot be written.
    """
    old = store.video(like.video)
    duration = _duration(old, info, like)
    frames = store.folder / "frames"
    before, after = Pictures(frames, old.fingerprint), Pictures(frames, new.fingerprint)
    _take_pictures(before.path, after.path, like)
    mark = store.states(marks.STAGE).get(old.id)
    current = mark is not None and mark.fingerprint == up_to_date.of(old.path)
    with store.transaction():
        store.become(old.id, new.fingerprint, place)
        if like.moves:
            _move_all(store, old, like, duration)
        if not like.one_clock:
            _drop_places(store, old)
        store.see_path(old.id, place.path, place.size, place.mtime_ns)
        store.update_video(old.id, duration=duration, info=_info(old, info))
        if mark is not None:
            fingerprint = up_to_date.of(place.path) if current else mark.fingerprint
            store.set_stage(old.id, marks.STAGE, fingerprint, "done", 0.0, mark.detail)
    before.remove()
    notice = f"took over the index of {old.path} {like.shift}"
    left = leftover(like, old, duration)
    return Report(
        path=place.path,
        status="relinked",
        video=store.video(old.id),
        counts=store.counts(old.id),
        notices=(notice, left) if left else (notice,),
    )


def _duration(old: Video, info: MediaInfo, like: Likeness) -> float:
    """Seconds of the new file: as the old one's were decoded, where the header agrees with them."""
    expected = like.rate * old.duration + like.offset
    stated = info.duration or expected
    return expected if abs(stated - expected) <= _SAME_END else stated


def _info(old: Video, info: MediaInfo) -> dict[str, Any]:
    """What the new file holds; what was found of subtitles is the old one's, as the rows are."""
    facts = asdict(info)
    del facts["path"]
    return {**facts, "name": info.path.name, "subtitles": dict(old.info).get("subtitles", {})}


def _drop_places(store: Store, old: Video) -> None:
    for path in store.paths(old.id):
        store.drop_place(path)


def _move_all(store: Store, old: Video, like: Likeness, duration: float) -> None:
    def move(time: float) -> float:
        return round(like.rate * time + like.offset, 6)

    for row in store.evidence(old.id):
        extra = _extra(row, move)
        if extra is not None:
            store.set_extra(row.id, extra)
    store.move_rows(old.id, like.rate, like.offset, duration)
    _cover(store, old.id, duration)
    for name, state in store.stages(old.id).items():
        if store.pieces(old.id, name):  # it was broken off, and these know nothing of other times: it begins anew
            store.drop_pieces(old.id, name)
            store.set_stage(old.id, name, "", "running")
            continue
        detail = _detail(name, state.detail, move)
        store.set_stage(old.id, name, state.fingerprint, state.status, max(0.0, move(state.cursor)), detail)
    whole = Span(0.0, duration)
    gaps = [Span(max(0.0, move(g.start)), max(0.0, move(g.end))).clamp(whole) for g in old.gaps]
    store.update_video(old.id, gaps=gaps)
    for kind in _PRINTS:
        data = store.prints_of(kind, [old.id]).get(old.id)
        if data is not None:
            moved = Print.from_bytes(kind, data).moved(like.rate, like.offset)
            store.put_print(old.id, kind, moved.to_bytes())


def _extra(row: Evidence, move: Move) -> dict[str, Any] | None:
    """The ``extra`` of a row with its times moved; None where it holds none."""
    extra = dict(row.extra)
    if row.kind == "speech" and "words" in extra:
        extra["words"] = [[move(start), move(end), *rest] for start, end, *rest in extra["words"]]
    elif row.kind == "objects" and "boxes" in extra:
        extra["boxes"] = [[move(at), *rest] for at, *rest in extra["boxes"]]
    elif row.kind == "visual" and "picture" in extra:
        extra["picture"] = move(extra["picture"])
    else:
        return None
    return extra


def _detail(stage: str, detail: Mapping[str, Any], move: Move) -> dict[str, Any]:
    """What a stage left beside its cursor with its times moved."""
    moved = dict(detail)
    if stage == "shots":
        moved["boundaries"] = [[move(at), kind] for at, kind in detail.get("boundaries", [])]
    elif stage == "speech":
        for key in ("spans", "failed"):
            moved[key] = [[move(start), move(end), *rest] for start, end, *rest in detail.get(key, [])]
    elif stage == "visual" and "open" in detail:
        moved["open"] = move(detail["open"])
    return moved


def _cover(store: Store, video: int, duration: float) -> None:
    """Shots and clips over what only the new file has, so that they cover it without a gap."""
    shots, clips = store.shots(video), store.clips(video)
    if shots:
        head, tail = Span(0.0, shots[0].span.start), Span(shots[-1].span.end, duration)
        more = [Shot(span) for span in (head, tail) if span.end > span.start]
        store.replace_shots(video, sorted([*shots, *more], key=lambda shot: shot.span.start))
    if clips:
        longest = max(clip.span.end - clip.span.start for clip in clips)
        head, tail = Span(0.0, clips[0].span.start), Span(clips[-1].span.end, duration)
        new = [Clip(span) for whole in (head, tail) for span in _pieces(whole, longest)]
        store.replace_clips(video, sorted([*clips, *new], key=lambda clip: clip.span.start))


def _pieces(whole: Span, longest: float) -> list[Span]:
    length = whole.end - whole.start
    if length <= 0:
        return []
    count = max(1, -int(-length // longest))
    edges = [whole.start + length * number / count for number in range(count + 1)]
    return [Span(start, end) for start, end in pairwise(edges)]


def _take_pictures(before: Path, after: Path, like: Likeness) -> None:
    """The pictures under the new file's name. Those of the old one go when the library says so: a crash in between
    leaves both."""
    if not before.is_file():
        return
    try:
        after.unlink(missing_ok=True)
        if like.moves:
            unfinished = after.with_suffix(".moving")
            shutil.copyfile(before, unfinished)
            _move_times(unfinished, like)
            unfinished.replace(after)
        else:
            _link(before, after)
    except (OSError, sqlite3.Error) as error:
        raise StorageError(f"the pictures cannot be moved ({error})", str(after)) from error


def _link(before: Path, after: Path) -> None:
    try:
        after.hardlink_to(before)
    except OSError:  # not every file system can
        shutil.copyfile(before, after)


def _move_times(file: Path, like: Likeness) -> None:
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("ALTER TABLE pictures RENAME TO before")
        database.execute("CREATE TABLE pictures (time REAL PRIMARY KEY, jpeg BLOB NOT NULL) WITHOUT ROWID")
        database.execute(
            # Of pictures from before the new beginning the last one is what is shown there.
            "INSERT OR REPLACE INTO pictures SELECT max(0.0, round(? * time + ?, 6)), jpeg FROM before ORDER BY time",
            (like.rate, like.offset),
        )
        database.execute("DROP TABLE before")
