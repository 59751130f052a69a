"""Videos behind URLs: ``s3://``, ``gs://``, ``https://`` and whatever else fsspec reads.

fsspec is imported when the first URL is looked at, and never otherwise. Credentials and options are its own matter: the
environment, and the files in ``~/.config/fsspec``.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from vagent.errors import EngineUnavailable, SourceError
from vagent.index.sources.files import VIDEO_SUFFIXES, names_a_video
from vagent.index.sources.fingerprint import fingerprint_of
from vagent.tools.subtitles.sidecar import SUFFIXES

_log = logging.getLogger("vagent.index.sources.urls")

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")  # two letters at least: one is a drive of Windows
_CHUNK = 4 << 20
_TIMES = ("mtime", "LastModified", "last_modified", "Last-Modified", "updated", "created")
_TAGS = ("ETag", "etag", "md5Hash", "content_md5", "crc32c")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file behind a URL.

    Attributes:
        size: bytes.
        stamp: a number that changes when the file does: nanoseconds since 1970, made of its tag where its server tells
            no time, 0 where it tells neither.
    """

    url: str
    size: int
    stamp: int

    @property
    def name(self) -> str:
        """The last part of the URL."""
        return PurePosixPath(urlsplit(self.url).path).name


@dataclass(frozen=True, slots=True)
class RemoteVideo:
    """A video behind a URL and the subtitle files that lie beside it."""

    file: RemoteFile
    subtitles: tuple[RemoteFile, ...] = ()


def is_url(source: str | Path) -> bool:
    """Whether a source is written as a URL."""
    return isinstance(source, str) and _URL.match(source) is not None


def remote_videos(url: str) -> list[RemoteVideo]:
    """The videos that a URL stands for: itself, or all below it, by the rules for folders.

    Raises:
        SourceError: nothing there, no permission, or nothing below it is a video.
        EngineUnavailable: a package is missing that reads such URLs.
    """
    with _reading(url):
        files, path = _open(url)
        files.invalidate_cache()  # what was there when it was last listed says nothing
        info = files.info(path)
        if info["type"] != "directory":
            return [_beside(_file(files, info), _siblings(files, path))]
        below = files.find(path, detail=True)
        found = [_file(files, one) for name, one in sorted(below.items()) if _seen(name[len(path) :])]
    subtitles = _by_folder(file for file in found if file.name.lower().endswith(SUFFIXES))
    videos = [_beside(file, subtitles.get(_folder(file.url), ())) for file in found if names_a_video(file.name)]
    if not videos:
        raise SourceError("no videos below the URL", url, allowed=f"files ending in {' '.join(sorted(VIDEO_SUFFIXES))}")
    return videos


def fingerprint_url(file: RemoteFile) -> str:
    """The fingerprint of a file behind a URL: as of a file on disk, read in blocks.

    Raises:
        SourceError: it cannot be read.
    """
    with _reading(file.url):
        files, path = _open(file.url)
        # Blocks far from each other: what would be read ahead is thrown away.
        with files.open(path, "rb", cache_type="none") as stream:
            return fingerprint_of(stream, file.size)


def copy(file: RemoteFile, target: Path) -> Iterator[int]:
    """Copies a file to disk; gives the bytes that have arrived, again and again.

    Raises:
        SourceError: it cannot be read, or another number of bytes came than there should be.
        OSError: the disk refuses them.
    """
    done = 0
    with _reading(file.url):
        files, path = _open(file.url)
        stream = files.open(path, "rb", block_size=_CHUNK)
    try:
        with target.open("wb") as sink:
            while True:
                with _reading(file.url):
                    block = stream.read(_CHUNK)
                if not block:
                    break
                sink.write(block)
                done += len(block)
                yield done
    finally:
        stream.close()
    if done != file.size:
        raise SourceError(f"{done} bytes came of the {file.size} there should be", file.url, hint="try again")


def _open(url: str) -> tuple[Any, str]:
    """The file system that a URL belongs to, and the path in it."""
    if urlsplit(url).password is not None:
        hint = "give it to fsspec in the environment or in ~/.config/fsspec: the library keeps the URL"
        raise SourceError("the URL holds a password", urlsplit(url).hostname, hint=hint)
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise EngineUnavailable("URLs are read by fsspec", hint="pip install 'vagent[ray]'") from error
    found: tuple[Any, str] = url_to_fs(url)
    return found


@contextmanager
def _reading(url: str) -> Iterator[None]:
    """What goes wrong while a URL is read, as an error of ours."""
    try:
        yield
    except (SourceError, EngineUnavailable):
        raise
    except ImportError as error:
        raise EngineUnavailable("a package is missing that reads such URLs", url, hint=str(error)) from error
    except FileNotFoundError as error:
        raise SourceError("there is nothing at the URL", url) from error
    except Exception as error:  # every file system of fsspec has errors of its own
        raise SourceError(f"the URL cannot be read ({type(error).__name__}: {error})", url) from error


def _file(files: Any, info: Mapping[str, Any]) -> RemoteFile:
    url = str(files.unstrip_protocol(info["name"]))
    if info.get("size") is None:
        raise SourceError("its server does not say how large it is", url)
    return RemoteFile(url, int(info["size"]), _stamp(info))


def _stamp(info: Mapping[str, Any]) -> int:
    for key in _TIMES:
        at = _nanoseconds(info.get(key))
        if at is not None:
            return at
    tag = next((str(info[key]) for key in _TAGS if info.get(key)), "")
    return int.from_bytes(hashlib.blake2b(tag.encode(), digest_size=7).digest(), "big") if tag else 0


def _nanoseconds(value: Any) -> int | None:
    """A time as file systems tell it: a datetime, its text, or seconds."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        value = (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    return round(value * 1e9) if isinstance(value, int | float) else None


def _seen(below: str) -> bool:
    """Whether no part of a path is hidden."""
    return not any(part.startswith(".") for part in PurePosixPath(below).parts)


def _siblings(files: Any, path: str) -> list[RemoteFile]:
    """The subtitle files in the folder of a file; none where its server lists no folders."""
    try:
        beside = files.ls(files._parent(path), detail=True)
    except Exception as error:  # noqa: BLE001 - as above; web servers seldom list anything
        _log.info("no subtitle files are looked for beside %s: %s", path, error)
        return []
    names = [one for one in beside if one["type"] == "file" and str(one["name"]).lower().endswith(SUFFIXES)]
    return [_file(files, one) for one in sorted(names, key=lambda one: str(one["name"]))]


def _by_folder(files: Iterator[RemoteFile]) -> dict[str, list[RemoteFile]]:
    found: dict[str, list[RemoteFile]] = {}
    for file in files:
        found.setdefault(_folder(file.url), []).append(file)
    return found


def _folder(url: str) -> str:
    return url.rpartition("/")[0]


def _beside(file: RemoteFile, subtitles: Sequence[RemoteFile]) -> RemoteVideo:
    stem = PurePosixPath(file.name).stem.lower()
    return RemoteVideo(file, tuple(one for one in subtitles if one.name.lower().startswith(stem)))
