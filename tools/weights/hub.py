"""The model hub: whether it can be reached, and what a model there is made of.

vagent asks the hub itself instead of through its own library, which waits for minutes when nobody answers, reads its
environment only once, and hides what it is doing. The formats are the hub's: its API, its cache, its tokens.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from vagent.configs import Settings
from vagent.errors import EngineUnavailable
from vagent.tools.weights.local import hub_home

if TYPE_CHECKING:
    import httpx

_logger = logging.getLogger(__name__)
_DEFAULT = "https://huggingface.co"
_PROBE = 2.0  # seconds in which the hub must take a connection, looking up its name included
_ANSWER = 5.0  # seconds without a byte after which a question to the hub is given up
_DATA = 10.0  # the same within a file
_PAGES = 100  # of a listing
_YES = ("1", "ON", "YES", "TRUE")

# What is fetched of a model, and what never is: other formats of the same weights, examples, and code.
_WANTED = re.compile(r"\.(json|jinja|safetensors|txt|model|tiktoken)$|(^|/)tokenizer|^(LICENSE|NOTICE)")
_UNWANTED = re.compile(r"\.(py|pt|pth|bin|ckpt|h5|msgpack|gguf|onnx|pkl)$|^(onnx|openvino|original|examples?)/|^\.")
_OTHER_WEIGHTS = re.compile(r"(^|/)consolidated[\w.-]*\.safetensors$|\.fp(16|32)\.safetensors$")
_CTRANSLATE2 = "model.bin"


@dataclass(frozen=True, slots=True)
class Remote:
    """A file that can be fetched. ``blob`` names its content: a SHA-256, or for small files git's hash."""

    path: str
    url: str
    size: int | None
    sha256: str | None = None
    git: str | None = None

    @property
    def blob(self) -> str:
        """The name of its content in the hub's cache."""
        return self.sha256 or self.git or ""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a model on the hub is made of at a commit."""

    hub: str
    commit: str
    files: tuple[Remote, ...]


def endpoint() -> str:
    """The hub's address: ``HF_ENDPOINT``, or the public one."""
    return (os.environ.get("HF_ENDPOINT") or _DEFAULT).rstrip("/")


def host() -> str:
    """The name of the hub's machine."""
    return urlsplit(endpoint()).hostname or endpoint()


def offline(settings: Settings) -> bool:
    """Whether the network must be left alone."""
    named = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    return settings.offline or any(os.environ.get(name, "").upper() in _YES for name in named)


_probed: dict[tuple[str, int], bool] = {}
_probing = threading.Lock()


def reachable() -> bool:
    """Whether the hub, or the proxy on the way to it, takes a connection; asked once a process, in two seconds."""
    where = _first_hop()
    with _probing:
        if where not in _probed:
            _probed[where] = _connects(*where)
            if not _probed[where]:
                _logger.info("%s cannot be reached; engines are taken whose models are on this machine", host())
        return _probed[where]


def _first_hop() -> tuple[str, int]:
    """Name and port of the machine that is spoken to first: the hub, or a proxy."""
    from urllib.request import getproxies, proxy_bypass

    target = urlsplit(endpoint())
    proxies = getproxies()
    proxy = proxies.get(target.scheme) or proxies.get("all")
    if proxy and not proxy_bypass(target.hostname or ""):
        target = urlsplit(proxy if "//" in proxy else f"//{proxy}", scheme="http")
    usual = {"https": 443, "http": 80, "socks5": 1080, "socks5h": 1080}
    try:
        port = target.port
    except ValueError:
        port = None
    return target.hostname or "", port or usual.get(target.scheme, 443)


def _connects(name: str, port: int) -> bool:
    """A connection is tried in a thread, as looking up a name knows no time limit."""
    outcome: list[bool] = []

    def attempt() -> None:
        try:
            socket.create_connection((name, port), timeout=_PROBE).close()
        except (OSError, UnicodeError):
            return
        outcome.append(True)

    thread = threading.Thread(target=attempt, name="vagent-hub-probe", daemon=True)
    thread.start()
    thread.join(_PROBE)
    return bool(outcome)


def client() -> httpx.Client:
    """A client for the hub and for files: every wait has an end, proxies are those of the environment."""
    import httpx

    seconds = httpx.Timeout(
        _seconds("HF_HUB_DOWNLOAD_TIMEOUT", _DATA), connect=_seconds("HF_HUB_ETAG_TIMEOUT", _ANSWER)
    )
    # Compressed answers would make sizes and places in a file mean something else.
    headers = {"user-agent": f"vagent/{version('vagent')}", "accept-encoding": "identity"}
    return httpx.Client(timeout=seconds, headers=headers, follow_redirects=True, max_redirects=5)


def _seconds(name: str, default: float) -> float:
    try:
        return max(0.1, float(os.environ.get(name) or default))
    except ValueError:
        return default


def headers_for(url: str) -> dict[str, str]:
    """The user's token, for the hub alone; a redirect to another machine drops it."""
    token = _token()
    return {"authorization": f"Bearer {token}"} if token and url.startswith(endpoint() + "/") else {}


def _token() -> str | None:
    if os.environ.get("HF_HUB_DISABLE_IMPLICIT_TOKEN", "").upper() in _YES:
        return None
    named = os.environ.get("HF_TOKEN") or os.environ.get("HUGGING_FACE_HUB_TOKEN")
    if named:
        return named.strip()
    file = os.environ.get("HF_TOKEN_PATH")
    try:
        return (hub_home() / "token" if not file else Path(file).expanduser()).read_text(
            encoding="utf-8"
        ).strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def listing(web: httpx.Client, hub: str, revision: str, *, code: bool = False) -> Listing:
    """The commit that a revision stands for, and the files of it that vagent uses.

    Args:
        code: Python files too, for a model that the user trusts to run its own code.

    Raises:
        EngineUnavailable: the hub does not answer, has no such model, does not let this user have it, or the model has
            no weights in a format that vagent loads.
    """
    about = _ask(web, f"{endpoint()}/api/models/{hub}/revision/{quote(revision, safe='')}", hub).json()
    commit = str(about.get("sha", "")) if isinstance(about, dict) else ""
    if not re.fullmatch(r"[0-9a-f]{40}", commit):
        raise EngineUnavailable(f"{host()} gave an answer about {hub} that makes no sense", hint=_check_endpoint())
    held = {file.path: file for file in _tree(web, hub, commit)}
    files = tuple(file for path, file in sorted(held.items()) if _wanted(path, code))
    if any(PurePosixPath(file.path).suffix == ".safetensors" for file in files):
        return Listing(hub, commit, files)
    if _CTRANSLATE2 in held:
        return Listing(hub, commit, (*files, held[_CTRANSLATE2]))
    raise EngineUnavailable(f"{hub} has no weights that vagent loads", hint="safetensors are needed, or CTranslate2's")


def _wanted(path: str, code: bool) -> bool:
    if code and path.endswith(".py"):
        return True
    return bool(_WANTED.search(path)) and not _UNWANTED.search(path) and not _OTHER_WEIGHTS.search(path)


def _tree(web: httpx.Client, hub: str, commit: str) -> Iterator[Remote]:
    url: str | None = f"{endpoint()}/api/models/{hub}/tree/{commit}?recursive=true"
    for _ in range(_PAGES):
        if url is None:
            return
        answer = _ask(web, url, hub)
        for entry in answer.json():
            file = _remote(hub, commit, entry)
            if file is not None:
                yield file
        url = answer.links.get("next", {}).get("url")
        if url is not None and not url.startswith(endpoint() + "/"):
            url = None  # never follow a listing to another machine


def _remote(hub: str, commit: str, entry: dict[str, Any]) -> Remote | None:
    """A file of a listing; None for a folder, and for a name that would lead out of the model's folder."""
    path = str(entry.get("path", ""))
    parts = path.split("/")
    strange = "\\" in path or ":" in path or not path.isprintable() or any(part in ("", ".", "..") for part in parts)
    if entry.get("type") != "file" or strange:
        return None
    lfs = entry.get("lfs") or {}
    url = f"{endpoint()}/{hub}/resolve/{commit}/{quote(path)}"
    size = lfs.get("size", entry.get("size"))
    sha256, git = str(lfs.get("oid", "")).removeprefix("sha256:"), str(entry.get("oid", ""))
    return Remote(
        path,
        url,
        size if isinstance(size, int) and size >= 0 else None,
        sha256 if re.fullmatch(r"[0-9a-f]{64}", sha256) else None,
        git if not lfs and re.fullmatch(r"[0-9a-f]{40}", git) else None,
    )


def _ask(web: httpx.Client, url: str, hub: str) -> httpx.Response:
    import httpx

    try:
        answer = web.get(url, headers=headers_for(url), timeout=_seconds("HF_HUB_ETAG_TIMEOUT", _ANSWER))
        if answer.is_success:
            answer.json()
            return answer
    except httpx.TimeoutException as error:
        raise EngineUnavailable(f"{host()} does not answer", hint=_check_endpoint()) from error
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise EngineUnavailable(f"{host()} cannot be asked about {hub} ({error})", hint=_check_endpoint()) from error
    raise refusal(answer, hub)


def refusal(answer: httpx.Response, hub: str) -> EngineUnavailable:
    """The error for an answer that is not the file or the listing that was asked for."""
    code = answer.headers.get("x-error-code", "")
    page = f"{endpoint()}/{hub}"
    if code == "RepoNotFound" or (answer.status_code == 404 and code != "RevisionNotFound"):
        return EngineUnavailable(f"there is no model {hub} on {host()}", hint="if it is private, run: hf auth login")
    if code == "RevisionNotFound":
        return EngineUnavailable(f"{hub} has no such revision on {host()}")
    if answer.status_code in (401, 403):
        hint = f"accept its terms at {page}, then run: hf auth login"
        return EngineUnavailable(f"{host()} does not give {hub} to everybody (HTTP {answer.status_code})", hint=hint)
    return EngineUnavailable(f"{host()} gives no {hub} now (HTTP {answer.status_code})", hint="try again later")


def _check_endpoint() -> str:
    named = "HF_ENDPOINT is set; " if os.environ.get("HF_ENDPOINT") else ""
    return f"{named}see `vagent doctor`, or copy the model's folder here from another machine"
