"""Bringing models here: resumable, checked against the hub's own hashes, and complete or not there at all.

What has been fetched of a file lies beside its place under another name; a run that breaks off goes on from there. Only
when all files of a model are here and checked do they get their names, ``config.json`` last, so that a model that
looks complete is complete. Without ``VAGENT_MODELS`` models go to the hub's cache, in its own layout, and serve every
program that uses it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from vagent.configs import Settings
from vagent.errors import EngineFailed, EngineUnavailable, StorageError
from vagent.tools.weights import hub
from vagent.tools.weights.catalog import Model, hub_id, known, unknown
from vagent.tools.weights.local import downloads, hub_cache, repo_folder
from vagent.tools.weights.trust import trusts

if TYPE_CHECKING:
    import httpx

_logger = logging.getLogger(__name__)
_TRIES = 3  # in a row that get no further
_PAUSE = 0.5  # seconds before the second try, doubled for each further one
_SPARE = 200 * 2**20  # bytes that stay free on the disk
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Fetching:
    """How far fetching a model is: bytes done, and of all its files together."""

    model: str
    file: str
    done: int
    total: int


OnFetch = Callable[[Fetching], None]
_watchers: list[OnFetch] = []


@contextmanager
def watch(on_fetch: OnFetch) -> Iterator[None]:
    """Be told of every model that this process fetches meanwhile, also of one that an engine needs amid its work."""
    _watchers.append(on_fetch)
    try:
        yield
    finally:
        _watchers.remove(on_fetch)


def fetch(name: str, settings: Settings, on_fetch: OnFetch | None = None) -> Path:
    """Bring a model here, or what is missing of it.

    Args:
        name: a name of the catalogue, or a hub id, ``org/name`` or ``org/name@revision``.
        on_fetch: told how far it is, several times a second; None: those who ``watch``.

    Returns:
        The folder that holds it now.

    Raises:
        SettingsError: no such name.
        EngineUnavailable: offline, out of reach, not there, not for this user, or broken off for good.
        EngineFailed: what came is not what the hub said it would be.
        StorageError: no room, or no permission to write.
    """
    model, at = known(name), hub_id(name)
    if model is None and at is None:
        raise unknown(name)
    title = model.name if model else name
    if hub.offline(settings):
        raise EngineUnavailable(f"{title} cannot be fetched: offline is set", hint=by_hand(name, settings))
    if at is not None and not hub.reachable():
        raise EngineUnavailable(
            f"{title} cannot be fetched: {hub.host()} cannot be reached", hint=by_hand(name, settings)
        )
    with hub.client() as web:
        if at is not None:
            listing = hub.listing(web, *at, code=trusts(at[0], settings))
            files, place = listing.files, _place(listing, at[1], settings)
        else:
            assert model is not None
            files, place = _from_the_web(model), _Folder(downloads(settings), model.name)
        _logger.info("fetching %s (%s) from %s", title, amount(_sum(files)), _origin(files))
        try:
            with _alone(place.lock):
                _Job(web, title, place, files, on_fetch).run()
        except OSError as error:
            raise StorageError(f"{title} cannot be written ({error})", str(place.folder)) from error
    return place.folder


def by_hand(name: str, settings: Settings) -> str:
    """What to do where a model cannot be fetched."""
    then = f"its contents into {settings.models}" if settings.models else "that folder here and set VAGENT_MODELS=DIR"
    return f"where it can be reached run: VAGENT_MODELS=DIR vagent models pull {name}; then copy {then}"


def amount(size: int) -> str:
    """A size in the unit that people would use."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}" if size < 10 * factor else f"{size / factor:.0f} {unit}"
    return f"{size} bytes"


def _sum(files: tuple[hub.Remote, ...]) -> int:
    return sum(file.size or 0 for file in files)


def _origin(files: tuple[hub.Remote, ...]) -> str:
    from urllib.parse import urlsplit

    return urlsplit(files[0].url).hostname or ""


def _from_the_web(model: Model) -> tuple[hub.Remote, ...]:
    return tuple(hub.Remote(file.name, file.url, None, file.sha256) for file in model.files)


class _Place(Protocol):
    """Where a model goes."""

    folder: Path
    lock: Path

    def ready(self, file: hub.Remote) -> Path:
        """Where a file lies that is whole and checked."""
        ...

    def publish(self, files: tuple[hub.Remote, ...]) -> None:
        """Give the files their names, the model's configuration last."""
        ...


class _Folder:
    """A folder of its own; until it is complete its files lie in ``.incomplete`` beside it."""

    def __init__(self, root: Path, name: str) -> None:
        self.folder = root / name
        self._parts = root / ".incomplete" / name
        self.lock = root / ".incomplete" / f"{name}.lock"
        self._ready: dict[str, Path] = {}

    def ready(self, file: hub.Remote) -> Path:
        if file.path not in self._ready:  # asked once: the answer takes reading the whole file
            there = self.folder / file.path
            self._ready[file.path] = there if _same(there, file) else self._parts / file.path
        return self._ready[file.path]

    def publish(self, files: tuple[hub.Remote, ...]) -> None:
        for file in _configuration_last(files):
            there, here = self.folder / file.path, self._parts / file.path
            if here.is_file():
                there.parent.mkdir(parents=True, exist_ok=True)
                here.replace(there)
        shutil.rmtree(self._parts, ignore_errors=True)


class _Cache:
    """The hub's cache: contents under their hashes, snapshots that link to them, and what a revision stands for."""

    def __init__(self, listing: hub.Listing, revision: str) -> None:
        self._repo = hub_cache() / repo_folder(listing.hub)
        self._listing, self._revision = listing, revision
        self.folder = self._repo / "snapshots" / listing.commit
        self.lock = hub_cache() / ".locks" / repo_folder(listing.hub) / "vagent.lock"

    def ready(self, file: hub.Remote) -> Path:
        return self._repo / "blobs" / file.blob

    def publish(self, files: tuple[hub.Remote, ...]) -> None:
        for file in _configuration_last(files):
            link, blob = self.folder / file.path, self.ready(file)
            link.parent.mkdir(parents=True, exist_ok=True)
            if link.exists() and link.stat().st_size == blob.stat().st_size:
                continue
            link.unlink(missing_ok=True)
            try:
                link.symlink_to(os.path.relpath(blob, link.parent))
            except OSError:  # Windows lets not everybody make links
                shutil.copyfile(blob, link)
        reference = self._repo / "refs" / self._revision
        if self._revision != self._listing.commit:
            reference.parent.mkdir(parents=True, exist_ok=True)
            _write(reference, self._listing.commit)


def _place(listing: hub.Listing, revision: str, settings: Settings) -> _Place:
    for file in listing.files:
        if file.size is None or not file.blob:
            raise EngineUnavailable(
                f"{hub.host()} does not tell size and hash of {file.path}", hint="a mirror must pass on the hub's API"
            )
    if settings.models:
        return _Folder(settings.models.expanduser(), listing.hub.replace("/", "--"))
    return _Cache(listing, revision)


def _configuration_last(files: tuple[hub.Remote, ...]) -> list[hub.Remote]:
    return sorted(files, key=lambda file: (file.path == "config.json", file.path))


def _write(path: Path, text: str) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One at a time fetches a model; who comes second waits and finds it here."""
    from filelock import FileLock

    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock):
        yield


class _Job:
    """One model on its way."""

    def __init__(
        self,
        web: httpx.Client,
        title: str,
        place: _Place,
        files: tuple[hub.Remote, ...],
        on_fetch: OnFetch | None,
    ) -> None:
        self._web, self._title, self._place, self._files = web, title, place, files
        self._told = [on_fetch] if on_fetch else list(_watchers)
        self._before = 0
        self._total = _sum(files)

    def run(self) -> None:
        self._check_room()
        for file in self._files:
            ready = self._place.ready(file)
            if not _same(ready, file):
                self._bring(file, ready)
            self._before += ready.stat().st_size
            self._tell(file, 0)
        self._place.publish(self._files)

    def _tell(self, file: hub.Remote, done: int) -> None:
        at = self._before + done
        for one in self._told:
            one(Fetching(self._title, file.path, at, max(self._total, at)))

    def _check_room(self) -> None:
        lacking = 0
        for file in self._files:
            ready = self._place.ready(file)
            if not ready.is_file():
                part = _part(ready)
                lacking += (file.size or 0) - (part.stat().st_size if part.is_file() else 0)
        folder = self._place.lock.parent  # is there by now
        free = shutil.disk_usage(folder).free
        if lacking and free < lacking + _SPARE:
            raise StorageError(
                f"no room for {self._title}: {amount(lacking)} are missing of it, {amount(free)} are free",
                str(folder),
                hint="set VAGENT_MODELS or HF_HOME to a folder on a larger disk",
            )

    def _bring(self, file: hub.Remote, ready: Path) -> None:
        part = _part(ready)
        part.parent.mkdir(parents=True, exist_ok=True)
        part.touch()
        begun_before = part.stat().st_size > 0
        self._complete(file, part)
        wrong = _differs(part, file)
        if wrong is not None and begun_before:  # what an earlier run or another program left was no beginning of it
            os.truncate(part, 0)
            self._complete(file, part)
            wrong = _differs(part, file)
        if wrong is not None:
            part.unlink()
            raise EngineFailed(
                f"{file.path} of {self._title} is not the file that it should be: {wrong}",
                hint="what came was deleted; fetch it again, or from another HF_ENDPOINT",
            )
        part.replace(ready)

    def _complete(self, file: hub.Remote, part: Path) -> None:
        failures, furthest = 0, part.stat().st_size
        while not self._whole(file, part):
            problem = self._more(file, part, part.stat().st_size)
            if problem is None and file.size is None:
                return
            # A server that makes us begin again and again gets no further, however much it sends.
            failures = 0 if part.stat().st_size > furthest else failures + 1
            furthest = max(furthest, part.stat().st_size)
            if failures >= _TRIES:
                raise EngineUnavailable(
                    f"fetching {self._title} broke off ({problem or 'nothing came'})",
                    hint="run the same command again; it goes on where it stopped",
                )
            if problem is not None:
                time.sleep(_PAUSE * 2**failures)

    def _whole(self, file: hub.Remote, part: Path) -> bool:
        size = part.stat().st_size
        if file.size is not None and size > file.size:
            os.truncate(part, 0)  # not the beginning of this file
            return file.size == 0
        return size == file.size

    def _more(self, file: hub.Remote, part: Path, have: int) -> str | None:
        """Fetch the rest of a file; what went wrong on the way, in words, or None."""
        import httpx

        headers = hub.headers_for(file.url) | ({"range": f"bytes={have}-"} if have else {})
        try:
            with self._web.stream("GET", file.url, headers=headers) as answer:
                if answer.status_code == 416 or (answer.status_code == 206 and _begins(answer) != have):
                    os.truncate(part, 0)
                    return "the server has another file than before"
                if answer.status_code == 429 or answer.status_code >= 500:
                    return f"HTTP {answer.status_code}"
                if not answer.is_success:
                    raise _refusal(answer, file)
                self._append(file, part, answer, have if answer.status_code == 206 else 0)
        except httpx.TimeoutException:
            return f"{_origin((file,))} fell silent"
        except httpx.HTTPError as error:
            return str(error) or type(error).__name__
        return None

    def _append(self, file: hub.Remote, part: Path, answer: httpx.Response, have: int) -> None:
        with part.open("r+b") as stream:
            stream.truncate(have)
            stream.seek(have)
            if file.size is None:
                length = answer.headers.get("content-length", "")
                self._total = max(self._total, self._before + have + int(length) if length.isdigit() else 0)
            for block in answer.iter_raw():
                stream.write(block)
                have += len(block)
                if file.size is not None and have > file.size:
                    raise EngineFailed(f"{file.path} of {self._title} is longer than the hub says", file.size)
                self._tell(file, have)
            stream.flush()
            os.fsync(stream.fileno())


def _refusal(answer: httpx.Response, file: hub.Remote) -> EngineUnavailable:
    name, resolve, _ = file.url.removeprefix(hub.endpoint() + "/").partition("/resolve/")
    if resolve:
        return hub.refusal(answer, name)
    return EngineUnavailable(f"{_origin((file,))} gives no {file.path} (HTTP {answer.status_code})")


def _begins(answer: httpx.Response) -> int | None:
    """The first byte of a partial answer: ``bytes 100-199/200`` -> 100."""
    first = answer.headers.get("content-range", "").removeprefix("bytes").strip().partition("-")[0]
    return int(first) if first.isdigit() else None


def _part(ready: Path) -> Path:
    return ready.with_name(f"{ready.name}.incomplete")


def _same(path: Path, file: hub.Remote) -> bool:
    """Whether a file that lies here is that one: for contents under their hash the size says it."""
    if not path.is_file():
        return False
    size = path.stat().st_size
    if file.size is not None and size != file.size:
        return False
    return path.name == file.blob or _differs(path, file) is None


def _differs(path: Path, file: hub.Remote) -> str | None:
    """In what a file is not what the hub says, in words; None where it is."""
    size = path.stat().st_size
    if file.size is not None and size != file.size:
        return f"{size} bytes instead of {file.size}"
    wanted = file.sha256 or file.git
    found = hashlib.sha256() if file.sha256 else hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            found.update(block)
    return None if found.hexdigest() == wanted else f"its hash is {found.hexdigest()}, not {wanted}"
