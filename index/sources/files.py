"""From what a user names (a file, a folder) to the files that are meant."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from vagent.errors import SourceError

_log = logging.getLogger("vagent.index.sources.files")

VIDEO_SUFFIXES = frozenset(
    """.3g2 .3gp .amv .asf .avi .divx .dv .f4v .flv .gxf .h264 .h265 .hevc .ivf .m1v .m2t .m2ts .m2v .m4v .mjpeg .mjpg
    .mkv .mov .mp4 .mpe .mpeg .mpg .mpv .mts .mxf .nsv .nut .ogm .ogv .qt .rm .rmvb .tod .ts .vob .vro .webm .wmv .wtv
    .y4m""".split()
)
_MAGIC = (  # place and bytes by which files tell that they are videos, for those that have no name to tell it
    *((4, b"ftyp"), (4, b"moov"), (0, b"\x1a\x45\xdf\xa3"), (8, b"AVI "), (0, b"FLV\x01"), (0, b"OggS")),
    *((0, b"\x00\x00\x01\xba"), (0, b"\x00\x00\x01\xb3"), (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11")),
)
_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")  # a URL, also as what ``Path`` makes of it
_UNFINISHED = (".part", ".crdownload", ".download", ".tmp", ".!ut", ".partial")


def video_files(source: Path) -> list[Path]:
    """The files that ``source`` stands for: itself, or the videos in the folder and all folders below it, in order.

    Videos are told by how their names end, and those whose names end in nothing by how they begin. Hidden files,
    unfinished downloads and loops of links are left out. A file named by itself may be anything that decodes, sound
    alone included.

    Raises:
        SourceError: nothing there, no permission, or a folder without videos.
    """
    try:
        source = source.expanduser()
        if not source.exists():
            hint = "URLs are indexed with --ray: vagent index URL --ray" if _REMOTE.match(str(source)) else None
            raise SourceError("no such file or folder", str(source), hint=hint)
        if not source.is_dir():
            return [source]
        found = sorted(_walk(source))
    except (OSError, RuntimeError, ValueError) as error:
        raise SourceError(f"the path cannot be used ({error})", str(source)) from error
    if not found:
        allowed = " ".join(sorted(VIDEO_SUFFIXES))
        raise SourceError("no videos in the folder", str(source), allowed=f"files ending in {allowed}")
    return found


def names_a_file(sources: Sequence[Path | str]) -> bool:
    """Whether somebody named one file by itself, and not a folder."""
    return len(sources) == 1 and not Path(sources[0]).expanduser().is_dir()


def names_a_video(name: str) -> bool:
    """Whether a file's name is that of a complete video: neither hidden nor an unfinished download."""
    if name.startswith(".") or name.endswith(_UNFINISHED):
        return False
    return Path(name).suffix.lower() in VIDEO_SUFFIXES


def _walk(folder: Path) -> Iterator[Path]:
    seen: set[tuple[int, int]] = set()
    for at, folders, files in os.walk(folder, followlinks=True, onerror=_tell):
        status = Path(at).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()  # a link that leads back up
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            path = Path(at, name)
            nameless = not path.suffix and not name.startswith(".")
            if names_a_video(name) or (nameless and _begins_like_a_video(path)):
                yield path


def _tell(error: OSError) -> None:
    """A folder that cannot be read must not hide that there may be videos in it."""
    _log.warning("a folder is left out, since it cannot be read: %s", error)


def _begins_like_a_video(path: Path) -> bool:
    try:
        if not path.is_file():  # a pipe would wait for whoever writes into it
            return False
        with path.open("rb") as file:
            head = file.read(16)
    except OSError:  # whoever cannot read it cannot index it either, and nothing says that it is a video
        return False
    return any(head.startswith(mark, at) for at, mark in _MAGIC)
