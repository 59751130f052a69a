"""Videos whose files are gone: found out, forgotten on request, and found again when they come back.

A disk that is not mounted looks like a folder that was emptied. So nothing counts as gone while the folder that was
named is empty, and an empty folder further down that held several videos is passed over with a notice.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from vagent.errors import SourceError
from vagent.index.records import Video
from vagent.index.sources.urls import is_url
from vagent.index.store import Place, Store

_SEVERAL = 3  # videos that an empty folder must have held to be taken for a disk that is not mounted


@dataclass(frozen=True, slots=True)
class Gone:
    """What was found out about files that are not where they were.

    Attributes:
        missing: videos that have just been marked as missing.
        unmounted: folders that look like disks that are not mounted.
    """

    missing: tuple[Video, ...] = ()
    unmounted: tuple[str, ...] = ()


def check_reachable(store: Store, folder: Path) -> None:
    """Whether a folder in which no videos are found may be believed to have none.

    Raises:
        SourceError: the library knows videos below it: more likely a disk is not mounted.
    """
    known = _below(store.places(), [_real(folder)])
    if known:
        raise unreachable(str(folder), len({place.video for place in known}))


def unreachable(folder: str, videos: int | None = None) -> SourceError:
    """The error of a folder that looks like a disk that is not mounted, in which the library knows some videos."""
    count = "videos" if videos is None else f"{videos} video{'s' * (videos != 1)}"
    return SourceError(
        f"the folder is empty, but the library knows {count} in it; nothing is marked as missing",
        folder,
        hint=f"is its disk mounted? If they were deleted, run: vagent prune {folder!r}",
    )


def mark_gone(store: Store, folders: Iterable[Path], present: frozenset[str]) -> Gone:
    """Note which videos have gone from some folders.

    Args:
        folders: that have been looked through.
        present: every file that was found there, links followed.

    Raises:
        LibraryError: the library cannot be written.
    """
    places = store.places()
    lost = [
        place
        for place in _below(places, [_real(folder) for folder in folders])
        if place.path not in present and not _exists(place.path)
    ]
    unmounted = _unmounted(lost)
    lost = [place for place in lost if not any(_is_below(place.path, folder) for folder in unmounted)]
    return Gone(mark_lost(store, places, lost), tuple(sorted(unmounted)))


def forgettable(store: Store, folders: Sequence[Path] = (), older: timedelta = timedelta(0)) -> list[Video]:
    """Videos whose files are gone, by path; those that are back are noted as such.

    Args:
        folders: only what was below these, whether it has been marked as missing before or not.
        older: only what has been missing for so long.
    """
    if folders:
        reals = [_real(folder) for folder in folders]
        places = store.places()
        lost = [place for place in _below(places, reals) if not _exists(place.path)]
        mark_lost(store, places, lost)
    found = []
    for video in store.videos():
        if video.missing is None or (folders and not any(_is_below(video.path, real) for real in reals)):
            continue
        if any(_exists(path) for path in store.paths(video.id) if not is_url(path)):
            continue  # something lies there again; the next index finds out what
        if datetime.now(UTC) - datetime.fromisoformat(video.missing) >= older:
            found.append(video)
    return sorted(found, key=lambda video: video.path)


def mark_lost(store: Store, places: Sequence[Place], lost: Sequence[Place]) -> tuple[Video, ...]:
    """Drop the lost ones of all places where their videos still lie elsewhere, and mark the other videos as missing.

    Returns:
        Those that were not marked before.
    """
    gone, videos = {place.path for place in lost}, {place.video for place in lost}
    others = [place for place in places if place.video in videos and place.path not in gone]
    elsewhere = {place.video for place in others if _exists(place.path)}
    with store.transaction():
        for place in lost:
            if place.video in elsewhere:
                store.drop_place(place.path)
        numbers = sorted((videos - elsewhere) | set(store.orphans()))
        marked = [number for number in numbers if store.video(number).missing is None]
        if marked:
            store.mark_missing(marked)
    return tuple(store.video(number) for number in marked)


def _unmounted(lost: Sequence[Place]) -> set[str]:
    """Folders that are there, have nothing in them, and held several of the lost files."""
    held: Counter[str] = Counter()
    for place in lost:
        for parent in Path(place.path).parents:
            held[str(parent)] += 1
    return {folder for folder, count in held.items() if count >= _SEVERAL and _is_empty(folder)}


def _is_empty(folder: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except OSError:
        return False


def _exists(path: str) -> bool:
    """Whether something lies at a path. Where that cannot be told, for want of permission or of a network, it does."""
    if is_url(path):
        return True
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _below(places: Iterable[Place], folders: Sequence[str]) -> list[Place]:
    return [place for place in places if any(_is_below(place.path, folder) for folder in folders)]


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip(os.sep) + os.sep)


def _real(folder: Path) -> str:
    return os.path.realpath(folder.expanduser())
