"""The address of a server: what may be shown of it, and whether it is this very machine."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is.

    Attributes:
        url: base URL without user, password and trailing slash; a query stays.
        shown: the same as messages may show it: without the query, which may hold a key.
        host: name or number of the machine.
        local: whether that is this very machine.
        user: ``user:password`` out of the URL, None where it has none.
    """

    url: SplitResult
    shown: str
    host: str
    local: bool
    user: str | None

    def to(self, path: str) -> str:
        """The URL of one of the server's functions, ``chat/completions`` for instance."""
        return urlunsplit(self.url._replace(path=f"{self.url.path}/{path}"))


def address(url: str) -> Address:
    """The parts of a base URL as it was set.

    Raises:
        ValueError: it is no URL of a server; the message says why, without repeating the URL.
    """
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it must begin with http:// or https:// and name a machine")
    host, port = parts.hostname, parts.port  # a port that is no number is a ValueError of its own
    if not all(c.isascii() and c.isprintable() and c not in ' "<>\\' for c in parts.geturl()):
        raise ValueError("it holds characters that no URL has")
    netloc = (f"[{host}]" if ":" in host else host) + ("" if port is None else f":{port}")
    user, at, _ = parts.netloc.rpartition("@")
    path = parts.path.rstrip("/").removesuffix("/chat/completions").rstrip("/")
    base = SplitResult(parts.scheme, netloc, path, parts.query, "")
    return Address(base, urlunsplit(base._replace(query="")), netloc, _local(host), unquote(user) if at else None)


def without_secrets(url: str) -> str:
    """What of any URL may be shown."""
    try:
        return address(url).shown
    except ValueError:
        return "an address that is not one"


def _local(host: str) -> bool:
    """Whether a host is this machine, by its name or number alone: no resolver is asked."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        number = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(number, "ipv4_mapped", None) or number
    return mapped.is_loopback or mapped.is_unspecified  # 0.0.0.0, as servers print it, connects to this machine
