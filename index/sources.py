"""From what a user names (a file, a folder) to the files that are meant."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from vagent.errors import SourceError

VIDEO_SUFFIXES = frozenset(
    """.3g2 .3gp .amv .asf .avi .divx .dv .f4v .flv .gxf .h264 .h265 .hevc .ivf .m1v .m2t .m2ts .m2v .m4v .mjpeg .mjpg
    .mkv .mov .mp4 .mpe .mpeg .mpg .mpv .mts .mxf .nsv .nut .ogm .ogv .qt .rm .rmvb .tod .ts .vob .vro .webm .wmv .wtv
    .y4m""".split()
)
_UNFINISHED = (".part", ".crdownload", ".download", ".tmp", ".!ut", ".partial")


def video_files(source: Path) -> list[Path]:
    """The files that ``source`` stands for: itself, or the videos in the folder and all folders below it, in order.

    Hidden files, unfinished downloads and loops of links are left out. A file named by itself may be anything that
    decodes, sound alone included.

    Raises:
        SourceError: nothing there, no permission, or a folder without videos.
    """
    try:
        source = source.expanduser()
        if not source.exists():
            raise SourceError("no such file or folder", str(source))
        if not source.is_dir():
            return [source]
        found = sorted(_walk(source))
    except (OSError, RuntimeError, ValueError) as error:
        raise SourceError(f"the path cannot be used ({error})", str(source)) from error
    if not found:
        allowed = " ".join(sorted(VIDEO_SUFFIXES))
        raise SourceError("no videos in the folder", str(source), allowed=f"files ending in {allowed}")
    return found


def _walk(folder: Path) -> Iterator[Path]:
    seen: set[tuple[int, int]] = set()
    for at, folders, files in os.walk(folder, followlinks=True):
        status = Path(at).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()  # a link that leads back up
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            path = Path(at, name)
            if not name.startswith(".") and path.suffix.lower() in VIDEO_SUFFIXES and not name.endswith(_UNFINISHED):
                yield path
