"""What a bundle says of itself: the last member of the archive, read before all others.

A bundle is a tar archive compressed with zstd, which any tool for either opens. Its members, in this order:

    videos/<fingerprint>/rows.jsonl    what the database holds of a video; see ``rows``
    videos/<fingerprint>/frames.db     its pictures, where there are any; see ``frames``
    ...
    manifest.json                      this, with the size and the SHA-256 of every other member

Sizes and hashes are known when all has been written, hence the place at the end; see ``archive`` for how it is found.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError, model_validator

from vagent.errors import BundleError

FORMAT = 1
"""Of the bundles that this vagent writes; it reads them up to this one."""

NAME = "manifest.json"
ROWS = "rows.jsonl"
FRAMES = "frames.db"

_Count = Annotated[StrictInt, Field(ge=0, lt=2**63)]
_Text = Annotated[StrictStr, Field(max_length=4096)]


def member(fingerprint: str, name: str) -> str:
    """What of a video is called in the archive: ``ROWS`` or ``FRAMES``."""
    return f"videos/{fingerprint}/{name}"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Content(_Part):
    """A member of the archive: its bytes, and their SHA-256 in hexadecimal digits."""

    size: _Count
    sha256: Annotated[StrictStr, Field(pattern=r"^[0-9a-f]{64}$")]


class Entry(_Part):
    """One video of a bundle.

    Attributes:
        fingerprint: of the video's content; it names the members.
        path: where it was last seen, for people.
        counts: rows by table.
        rows, frames: the members.
    """

    fingerprint: Annotated[StrictStr, Field(pattern=r"^[0-9a-f]{40}$")]
    path: _Text
    counts: dict[_Text, _Count]
    rows: Content
    frames: Content | None = None

    def members(self) -> Iterator[tuple[str, Content]]:
        """Names in the archive and what they hold, in order."""
        yield member(self.fingerprint, ROWS), self.rows
        if self.frames is not None:
            yield member(self.fingerprint, FRAMES), self.frames


class Manifest(_Part):
    """The whole bundle.

    Attributes:
        vagent: the version that wrote it.
        schema_version: of the library it comes from.
        library: that library's identity.
        created: time of day, UTC.
        models: names of embedding models, and how many numbers their vectors have.
    """

    format: Annotated[StrictInt, Field(ge=1)]
    vagent: _Text
    schema_version: Annotated[StrictInt, Field(ge=1)]
    library: _Text
    created: _Text
    models: dict[_Text, Annotated[StrictInt, Field(ge=1, le=2**16)]]
    videos: tuple[Entry, ...]

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len({entry.fingerprint for entry in self.videos}) < len(self.videos):
            raise ValueError("a video is listed twice")
        return self

    def to_bytes(self) -> bytes:
        """The manifest as it is stored."""
        return self.model_dump_json(indent=1).encode()


def parse(content: bytes, schema_version: int) -> Manifest:
    """A manifest as read from a bundle.

    Args:
        schema_version: of the libraries of this vagent.

    Raises:
        BundleError: it was written by a newer vagent, or it is none.
    """
    try:
        loose = json.loads(content)
        found = [loose[key] for key in ("format", "schema_version")]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise BundleError("the bundle's manifest cannot be read", NAME, hint="export the library again") from error
    for number, known in zip(found, (FORMAT, schema_version), strict=True):
        if isinstance(number, int) and number > known:
            raise BundleError(
                f"the bundle was written by a newer vagent (format {found[0]}, library {found[1]};"
                f" this one reads up to {FORMAT} and {schema_version})",
                hint="update vagent",
            )
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "as a whole"
        raise BundleError(f"the bundle's manifest is not valid ({where}: {first['msg']})", NAME) from error
