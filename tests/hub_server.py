"""A model hub of the test's own: the real one's API and file addresses over HTTP, on this machine.

Large files are redirected to another host name, as the real hub does; ``huggingface_hub`` itself is content with it
(tests/tools/test_weights_hub.py). Faults can be set: cut connections, wrong bytes, silence, refusals.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

LARGE = 4096  # bytes from which a file is stored apart, under its SHA-256
PAGE = 3  # files on a page of a listing


@dataclass
class Repo:
    """A model on the hub. ``private``: only for those who bring the token ``let-me-in``."""

    files: dict[str, bytes]
    gated: bool = False
    private: bool = False

    @property
    def commit(self) -> str:
        seen = hashlib.sha1(usedforsecurity=False)
        for path, content in sorted(self.files.items()):
            seen.update(f"{path} {git(content)} ".encode())
        return seen.hexdigest()


@dataclass
class Request:
    """What a client asked for: path, host name and headers with small letters."""

    path: str
    host: str
    headers: Mapping[str, str]


@dataclass
class Hub:
    """The hub's models, what was asked of it, and what it does wrong."""

    url: str = ""
    repos: dict[str, Repo] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    cuts: dict[str, int] = field(default_factory=dict)  # file -> bytes of an answer after which the line is cut, once
    lies: dict[str, bytes] = field(default_factory=dict)  # file -> what is sent in its place
    busy: dict[str, int] = field(default_factory=dict)  # file -> answers with HTTP 503 before it comes
    silent: bool = False  # takes connections and says nothing
    ranges: bool = True  # False: always sends whole files
    pace: float = 0.0  # seconds between two blocks of a file
    closing: threading.Event = field(default_factory=threading.Event)

    def asked(self, part: str) -> list[Request]:
        """The requests whose path holds a text."""
        return [request for request in self.requests if part in request.path]


def git(content: bytes) -> str:
    """The hash by which git knows a content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@contextmanager
def serve() -> Iterator[Hub]:
    """A hub that is there as long as the block runs."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # or head and body, sent apart, wait 40 ms for the other side's word

        def log_message(self, format: str, *arguments: Any) -> None: ...

        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def _answer(self) -> None:
            host = self.headers.get("host", "").partition(":")[0]
            headers = {name.lower(): value for name, value in self.headers.items()}
            hub.requests.append(Request(self.path, host, headers))
            if hub.silent:
                hub.closing.wait(60)
                self.close_connection = True
                return
            path = unquote(urlsplit(self.path).path)
            for pattern, answer in (
                (r"/api/models/(?P<id>[^/]+/[^/]+)/revision/(?P<revision>.+)", self._about),
                (r"/api/models/(?P<id>[^/]+/[^/]+)/tree/(?P<revision>[^/]+)", self._tree),
                (r"/(?P<id>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)", self._resolve),
                (r"/stored/(?P<id>[^/]+/[^/]+)/(?P<path>.+)", self._stored),
                (r"/web/(?P<path>.+)", self._web),
            ):
                match = re.fullmatch(pattern, path)
                if match:
                    answer(**match.groupdict())
                    return
            self._error(404, "EntryNotFound")

        def _repo(self, id: str, revision: str) -> Repo | None:
            repo = hub.repos.get(id)
            known = self.headers.get("authorization") == "Bearer let-me-in"
            if repo is None or (repo.private and not known):
                self._error(401, "RepoNotFound")
            elif repo.gated and not known and "/resolve/" in self.path:
                self._error(403 if self.headers.get("authorization") else 401, "GatedRepo")
            elif revision not in ("main", repo.commit):
                self._error(404, "RevisionNotFound")
            else:
                return repo
            return None

        def _about(self, id: str, revision: str) -> None:
            repo = self._repo(id, revision)
            if repo:
                siblings = [{"rfilename": path} for path in repo.files]
                gated = "manual" if repo.gated else False
                self._json(
                    {"id": id, "sha": repo.commit, "siblings": siblings, "gated": gated, "private": repo.private}
                )

        def _tree(self, id: str, revision: str) -> None:
            repo = self._repo(id, revision)
            if repo is None:
                return
            entries: list[dict[str, Any]] = [{"type": "directory", "oid": "0" * 40, "size": 0, "path": "1_Pooling"}]
            for path, content in repo.files.items():
                entry: dict[str, Any] = {"type": "file", "oid": git(content), "size": len(content), "path": path}
                if len(content) >= LARGE:
                    entry["lfs"] = {"oid": sha256(content), "size": len(content), "pointerSize": 134}
                entries.append(entry)
            query = parse_qs(urlsplit(self.path).query)
            first = int(query.get("cursor", ["0"])[0])
            rest = {}
            if first + PAGE < len(entries):
                after = f"{hub.url}/api/models/{id}/tree/{revision}?recursive=true&cursor={first + PAGE}"
                rest = {"link": f'<{after}>; rel="next"'}
            self._json(entries[first : first + PAGE], rest)

        def _resolve(self, id: str, revision: str, path: str) -> None:
            repo = self._repo(id, revision)
            if repo is None:
                return
            content = repo.files.get(path)
            if content is None:
                self._error(404, "EntryNotFound")
                return
            about = {"x-repo-commit": repo.commit, "etag": f'"{git(content)}"'}
            if len(content) < LARGE:
                self._file(path, content, about)
                return
            about |= {"x-linked-etag": f'"{sha256(content)}"', "x-linked-size": str(len(content))}
            elsewhere = hub.url.replace("127.0.0.1", "localhost")
            self._send(302, b"", {**about, "location": f"{elsewhere}/stored/{id}/{path}"})

        def _stored(self, id: str, path: str) -> None:
            content = hub.repos[id].files[path]
            self._file(path, content, {"etag": f'"{sha256(content)}"'})

        def _web(self, path: str) -> None:
            self._file(path, hub.repos["the/web"].files[path], {})

        def _file(self, path: str, content: bytes, headers: dict[str, str]) -> None:
            if hub.busy.get(path, 0) > 0:
                hub.busy[path] -= 1
                self._error(503, "")
                return
            content = hub.lies.get(path, content)
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range", ""))
            if not asked or not hub.ranges:
                self._send(200, content, headers, path)
                return
            first = int(asked[1])
            if first >= len(content):
                self._send(416, b"", {"content-range": f"bytes */{len(content)}"})
                return
            about = {"content-range": f"bytes {first}-{len(content) - 1}/{len(content)}"}
            self._send(206, content[first:], {**headers, **about}, path)

        def _json(self, value: Any, headers: Mapping[str, str] | None = None) -> None:
            self._send(200, json.dumps(value).encode(), {"content-type": "application/json", **(headers or {})})

        def _error(self, status: int, code: str) -> None:
            self._send(status, b'{"error": "no"}', {"x-error-code": code, "content-type": "application/json"})

        def _send(self, status: int, content: bytes, headers: Mapping[str, str], path: str = "") -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            if self.command == "HEAD":
                return
            cut = hub.cuts.pop(path, None)
            if cut is not None:
                content, self.close_connection = content[:cut], True
            pace = hub.pace if path else 0.0
            step = 1024 if pace else len(content) or 1
            try:
                for first in range(0, len(content), step):
                    self.wfile.write(content[first : first + step])
                    if pace:
                        time.sleep(pace)
            except OSError:  # the client has gone
                self.close_connection = True

    return Handler
