"""Bundles as files: a tar archive in frames of zstd, whose last part says where the manifest stands.

The manifest is compressed in a frame of its own at the end. Behind it stands a frame that decompressors skip: it holds
the place in the file where the manifest's frame begins, and the manifest's SHA-256. So a bundle is written in one go, a
file that was cut short is recognised at once, and the sizes of all members are known before the first of them is read.

Reading trusts nothing: the members must be those of the manifest, in that order, plain files with these very names and
sizes. Whatever else a tar archive may hold (links, devices, other folders, headers that change names) is refused.
"""

from __future__ import annotations

import hashlib
import struct
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Self

from vagent.errors import BundleError, SourceError
from vagent.index.bundle.manifest import NAME, Content, Entry, Manifest, parse

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_FOOTER = struct.Struct("<II8sQ32s")  # as zstd has skippable frames: magic, bytes that follow; then ours
_SKIPPABLE = 0x184D2A5B
_MARK = b"vagent 1"
_MANIFEST = 64 << 20  # bytes of a manifest, at most: about 100 000 videos
_BLOCK = 512  # bytes that everything in a tar archive is a multiple of
_CHUNK = 1 << 20
_ZEROS = 2 * tarfile.RECORDSIZE  # bytes of padding at the end of an archive, at most
_HINT = "copy or export it again"


class Writer:
    """A bundle that is being written.

    Args:
        stream: the file, open for writing, at its beginning.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._packed = zstd.ZstdFile(stream, "w")
        self._tar = tarfile.TarFile(fileobj=self._packed, mode="w", format=tarfile.GNU_FORMAT)

    def add(self, name: str, source: Path) -> Content:
        """Append a file under a name."""
        digest = hashlib.sha256()
        size = source.stat().st_size
        with source.open("rb") as stream:
            self._tar.addfile(_header(name, size), _Digesting(stream, digest.update))
        return Content(size=size, sha256=digest.hexdigest())

    def finish(self, manifest: Manifest) -> None:
        """Append the manifest; the file itself stays open."""
        self._packed.flush(zstd.ZstdCompressor.FLUSH_FRAME)
        offset = self._stream.tell()
        content = manifest.to_bytes()
        self._tar.addfile(_header(NAME, len(content)), BytesIO(content))
        self._tar.close()
        self._packed.close()
        digest = hashlib.sha256(content).digest()
        self._stream.write(_FOOTER.pack(_SKIPPABLE, _FOOTER.size - 8, _MARK, offset, digest))


class Reader:
    """A bundle that is being read.

    Args:
        path: the file.
        schema_version: of the libraries of this vagent.

    Attributes:
        manifest: what the bundle says of itself.

    Raises:
        SourceError: the file cannot be read.
        BundleError: it is no bundle, was cut short, or was written by a newer vagent.
    """

    def __init__(self, path: Path, schema_version: int) -> None:
        self.path = path
        try:
            self._stream = path.open("rb")
        except OSError as error:
            raise SourceError(f"the bundle cannot be read ({error.strerror})", str(path)) from error
        try:
            self._manifest = self._find()
            self.manifest = parse(self._manifest, schema_version)
        except BaseException:
            self._stream.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def unpack(self, folder: Path | None = None) -> Iterator[Entry]:
        """All videos in order, each when its members have been read and agree with their sizes and hashes.

        Args:
            folder: where the members of the current video are put, without the folders of their names; each video's
                replace those of the one before. None: they are read and checked only.

        Raises:
            BundleError: a member is damaged, missing, or was never listed; the message names it.
            OSError: the folder cannot be written.
        """
        self._stream.seek(0)
        with zstd.ZstdFile(self._stream) as packed:
            for entry in self.manifest.videos:
                for name, content in entry.members():
                    _enter(packed, name, content.size)
                    _copy(packed, name, content, None if folder is None else folder / name.rpartition("/")[2])
                yield entry
            _enter(packed, NAME, len(self._manifest))
            content = Content(size=len(self._manifest), sha256=hashlib.sha256(self._manifest).hexdigest())
            _copy(packed, NAME, content, None)
            with _damage(NAME):
                rest = packed.read(_ZEROS + 1)
            if len(rest) > _ZEROS or rest.strip(b"\0"):
                raise BundleError("the bundle goes on behind its end", str(self.path), hint=_HINT)

    def _find(self) -> bytes:
        """The manifest as it stands in the file."""
        with _damage(NAME):
            footer = _footer(self._stream)
        if footer is None:
            raise BundleError("no bundle of a library, or it was cut short", str(self.path), hint=_HINT)
        offset, digest = footer
        self._stream.seek(offset)
        with zstd.ZstdFile(self._stream) as packed:
            header = _header_of(packed, NAME)
            if header.name != NAME or header.type != tarfile.REGTYPE or not 0 <= header.size <= _MANIFEST:
                raise BundleError("the bundle's manifest is not where it should be", str(self.path), hint=_HINT)
            with _damage(NAME):
                content = packed.read(header.size)
        if hashlib.sha256(content).digest() != digest:
            raise BundleError("a member of the bundle is damaged", NAME, hint=_HINT)
        return content


def is_bundle(path: Path) -> bool:
    """Whether a file is a bundle, by its end.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        return _footer(stream) is not None


def _footer(stream: BinaryIO) -> tuple[int, bytes] | None:
    """Where the manifest's frame begins, and the manifest's SHA-256; None in a file that is no bundle."""
    size = stream.seek(0, 2)
    if size < _FOOTER.size:
        return None
    stream.seek(size - _FOOTER.size)
    *mark, offset, digest = _FOOTER.unpack(stream.read(_FOOTER.size))
    known = mark == [_SKIPPABLE, _FOOTER.size - 8, _MARK] and offset < size
    return (offset, digest) if known else None


class _Digesting:
    """A file that tells what is read from it."""

    def __init__(self, stream: BinaryIO, told: Callable[[bytes], None]) -> None:
        self._stream = stream
        self._told = told

    def read(self, size: int = -1) -> bytes:
        """As files have it."""
        block = self._stream.read(size)
        self._told(block)
        return block


def _header(name: str, size: int) -> tarfile.TarInfo:
    """Nothing of the machine goes into it: one library gives one bundle."""
    header = tarfile.TarInfo(name)
    header.size = size
    return header


def _enter(packed: zstd.ZstdFile, name: str, size: int) -> None:
    """Reads the header of the next member, which must be a plain file of this name and size."""
    header = _header_of(packed, name)
    if header.name != name:
        raise BundleError("the bundle holds a member out of place", header.name, allowed=name, hint=_HINT)
    if header.type != tarfile.REGTYPE or header.linkname:
        raise BundleError("a member of the bundle is not a plain file", name, hint=_HINT)
    if header.size != size:
        raise BundleError(f"a member of the bundle has {header.size} bytes, not {size}", name, hint=_HINT)


def _header_of(packed: zstd.ZstdFile, expected: str) -> tarfile.TarInfo:
    with _damage(expected):
        block = packed.read(_BLOCK)
        if not block.strip(b"\0"):
            raise BundleError("a member of the bundle is missing", expected, hint=_HINT)
        return tarfile.TarInfo.frombuf(block, "utf-8", "strict")


def _copy(packed: zstd.ZstdFile, name: str, content: Content, target: Path | None) -> None:
    digest = hashlib.sha256()
    left = content.size
    with _sink(target) as sink:
        while left:
            with _damage(name):
                block = packed.read(min(left, _CHUNK))
            if not block:
                raise BundleError("a member of the bundle is cut short", name, hint=_HINT)
            left -= len(block)
            digest.update(block)
            if sink is not None:
                sink.write(block)
    if digest.hexdigest() != content.sha256:
        raise BundleError("a member of the bundle is damaged", name, hint=_HINT)
    with _damage(name):
        packed.read(-content.size % _BLOCK)


@contextmanager
def _sink(target: Path | None) -> Iterator[BinaryIO | None]:
    if target is None:
        yield None
    else:
        with target.open("wb") as stream:
            yield stream


@contextmanager
def _damage(name: str) -> Iterator[None]:
    """What goes wrong while a member is read, as an error that names it."""
    try:
        yield
    except (zstd.ZstdError, EOFError, tarfile.TarError, UnicodeDecodeError) as error:
        raise BundleError(f"a member of the bundle is damaged ({error})", name, hint=_HINT) from error
    except OSError as error:
        raise SourceError(f"the bundle cannot be read ({error.strerror})", name) from error
