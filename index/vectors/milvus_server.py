"""A connection to Milvus: a server or cluster by its address, or Milvus Lite in this process, a folder of its own.

Searchers of one process share a connection. Every failure becomes one error that says what to do; nothing is retried
elsewhere.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from vagent.configs import SearchSettings
from vagent.errors import EngineFailed, EngineUnavailable, SettingsError

_STATES = "vagent_states"  # what each collection holds
_NO_CONNECTION = 2  # a code of pymilvus
_REFUSED = ("auth", "permission denied", "unauthenticated")  # what a server says that does not know the token

LOADING = 3600.0
"""Seconds that reading a collection into memory or building its index may take."""

_connections: dict[tuple[str, str], Connection] = {}
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Holding:
    """What a collection holds, noted beside it: the state of the database that it was brought up to.

    Attributes:
        removed, last: as in ``VectorState``.
        tip: hash of the row ``last``, so that a copy of the library that went its own way is told apart.
        lists: inverted lists of a segment; 0: search is exact.
        probes: of these as many are looked into as the recall needs.
        measured: rows that there were when that was measured.
    """

    format: int
    library: str
    model: str
    dimension: int
    removed: int
    last: int
    tip: str
    lists: int = 0
    probes: int = 0
    measured: int = 0


class Connection:
    """A client with the name under which errors speak of it; ``close`` lets go of it once all its users have."""

    def __init__(self, key: tuple[str, str], where: str, timeout: float) -> None:
        self.where = where
        self.timeout = timeout
        self.users = 0
        self._key = key
        with self.calls():
            self._client = _client(*key, timeout)

    @contextmanager
    def calls(self) -> Iterator[None]:
        """What goes wrong inside comes out as an error of ours.

        Raises:
            EngineUnavailable: nothing answers there, or the token is not known.
            EngineFailed: it answered that it could not do what it was asked.
        """
        import grpc
        from pymilvus.exceptions import ConnectionConfigException, MilvusException

        try:
            yield
        except MilvusException as error:
            cause = error.__cause__  # of a refused connection the exception itself only says that there is none
            away = isinstance(error, ConnectionConfigException) or error.code == _NO_CONNECTION
            if isinstance(cause, grpc.RpcError) and isinstance(cause, grpc.Call):
                away = away or cause.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
                raise self._told(str(cause.details() or error.message), away=away) from error
            raise self._told(str(error.message), away=away) from error
        except (
            grpc.RpcError,
            grpc.FutureTimeoutError,
            OSError,
            ValueError,
        ) as error:  # closed channels are ValueErrors
            raise self._told(str(error), away=True) from error

    def _told(self, said: str, *, away: bool) -> EngineUnavailable | EngineFailed:
        if any(word in said.lower() for word in _REFUSED):
            hint = "put the token into the environment variable that search.milvus_token names"
            return EngineUnavailable(f"Milvus does not let us in ({said})", self.where, hint=hint)
        if away:
            hint = "start it, correct search.milvus_uri, or search without it: VAGENT_SEARCH_VECTORS=faiss"
            return EngineUnavailable(f"Milvus cannot be reached ({said})", self.where, hint=hint)
        hint = "the library itself is whole: VAGENT_SEARCH_VECTORS=faiss searches it without Milvus"
        return EngineFailed(f"Milvus failed ({said})", self.where, hint=hint)

    def call(self, method: str, *arguments: Any, timeout: float | None = None, **named: Any) -> Any:
        """The result of one method of ``MilvusClient``."""
        with self.calls():
            return getattr(self._client, method)(*arguments, timeout=timeout or self.timeout, **named)

    def schema(self, columns: dict[str, Any], dimension: int) -> Any:
        """A schema with these scalar columns, of which the first is the key, and a vector."""
        from pymilvus import DataType, MilvusClient

        made = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        for at, (name, kind) in enumerate(columns.items()):
            given = {"datatype": DataType.INT64} if kind is int else {"datatype": DataType.VARCHAR, "max_length": kind}
            made.add_field(name, is_primary=at == 0, **given)
        made.add_field("vector", DataType.FLOAT_VECTOR, dim=dimension)
        return made

    def index_by(self, kind: str, **parameters: int) -> Any:
        """How vectors are indexed: inner products, by this kind of index."""
        from pymilvus import MilvusClient

        made = MilvusClient.prepare_index_params()
        made.add_index("vector", index_type=kind, metric_type="IP", params=parameters)
        return made

    def loaded(self, collection: str) -> bool:
        """Whether there is a collection of this name; it is then one that can be searched, also after a restart."""
        there = bool(self.call("has_collection", collection))
        if there:
            self.call("load_collection", collection, timeout=LOADING)
        return there

    # -- what collections hold

    def holding(self, collection: str) -> Holding | None:
        """What a collection holds; None where nothing is noted that we could read."""
        if not self.loaded(_STATES):
            return None
        rows = self.call("get", _STATES, ids=[collection], output_fields=["state"], consistency_level="Strong")
        try:
            return TypeAdapter(Holding).validate_json(rows[0]["state"]) if rows else None
        except ValidationError:
            return None  # of a version that notes something else

    def hold(self, collection: str, holding: Holding) -> None:
        """Note what a collection holds."""
        if not self.call("has_collection", _STATES):
            schema = self.schema({"name": 255, "state": 4096}, 2)
            flat = self.index_by("FLAT")
            self.call("create_collection", _STATES, schema=schema, index_params=flat, consistency_level="Strong")
        self.call("upsert", _STATES, [{"name": collection, "state": json.dumps(asdict(holding)), "vector": [1.0, 0.0]}])

    def close(self) -> None:
        """Let go of the connection."""
        with _lock:
            self.users -= 1
            if self.users:
                return
            _connections.pop(self._key, None)
            self._client.close()
            if _is_file(self._key[0]):
                from milvus_lite.server_manager import server_manager_instance

                server_manager_instance.release_server(self._key[0])


def connect(settings: SearchSettings, folder: Path) -> Connection:
    """The connection that the settings ask for, shared by all of this process that ask for the same.

    Args:
        folder: the library's folder, which holds the files of Milvus Lite.

    Raises:
        SettingsError: an address that is none, or that has a password in it.
        EngineUnavailable: nothing answers there, or Milvus Lite is not installed or in use by another process.
    """
    uri = settings.milvus_uri
    if uri is None:
        uri = _file(folder)
    else:
        parts = urlsplit(uri)
        if parts.scheme not in ("http", "https", "tcp") or not parts.hostname:
            raise SettingsError("not the address of a Milvus server", uri, allowed="http://HOST:19530")
        if parts.password or parts.username:
            hint = f"put NAME:PASSWORD into the environment variable {settings.milvus_token}"
            raise SettingsError("search.milvus_uri holds a password", parts.hostname, hint=hint)
    key = (uri, os.environ.get(settings.milvus_token, ""))
    with _lock:
        if key not in _connections:
            _connections[key] = Connection(key, uri, settings.milvus_timeout)
        _connections[key].users += 1
        return _connections[key]


def _file(folder: Path) -> str:
    if find_spec("milvus_lite") is None:
        hint = "pip install 'vagent[milvus]', or name a server in search.milvus_uri"
        raise EngineUnavailable("Milvus Lite is not installed", hint=hint)
    place = folder.absolute() / "vectors" / "milvus.db"
    try:
        place.parent.mkdir(exist_ok=True)
    except OSError as error:
        hint = "name a server in search.milvus_uri, or search without Milvus: VAGENT_SEARCH_VECTORS=faiss"
        raise EngineUnavailable(f"Milvus Lite cannot keep its files ({error})", str(place), hint=hint) from error
    return str(place)


def _is_file(uri: str) -> bool:
    return uri.endswith(".db")


def _client(uri: str, token: str, timeout: float) -> Any:
    from pymilvus import MilvusClient

    # What they would print as well reaches the caller as an error.
    for name in ("pymilvus", "milvus_lite"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    if _is_file(uri):
        from milvus_lite.server_manager import server_manager_instance

        logging.getLogger("grpc._server").addFilter(_serious)
        if server_manager_instance.start_and_get_uri(uri) is None:
            raise OSError("another process may be using these files: Milvus Lite is for one at a time")
    return MilvusClient(uri, token=token, timeout=timeout)


def _serious(record: logging.LogRecord) -> bool:
    """False for the traceback that gRPC prints when the client asks Milvus Lite for what only servers have."""
    return not (record.exc_info and record.exc_info[0] is NotImplementedError)
