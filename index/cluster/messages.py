"""What the head and the tasks on the nodes say to each other, pickled by Ray."""

from __future__ import annotations

from dataclasses import dataclass

from vagent.configs import Settings
from vagent.errors import VagentError
from vagent.index.bundle.choosing import State
from vagent.index.sources.urls import RemoteVideo
from vagent.index.store import Actual
from vagent.index.sync.proposals import Likeness
from vagent.index.video.job import Progress
from vagent.index.video.pipeline import Report
from vagent.tools.media import MediaInfo


@dataclass(frozen=True, slots=True)
class Film:
    """A video that is to be indexed, as the head sees it.

    Attributes:
        name: its path, the same on all nodes, or its URL: what the library calls it.
        listed: the same as the user's folder lists it, links not followed.
        size, stamp: bytes, and nanoseconds since 1970 or whatever else changes when the file does.
        remote: what is behind the URL; None: it is a path.
    """

    name: str
    listed: str
    size: int
    stamp: int
    remote: RemoteVideo | None = None


@dataclass(frozen=True, slots=True)
class Errand:
    """To a node: index a film.

    Attributes:
        fingerprint: of the film's content; where the node finds another, the film has changed meanwhile.
        settings: those in force on the head; the library they name stays there.
    """

    film: Film
    fingerprint: str
    settings: Settings


@dataclass(frozen=True, slots=True)
class Begun:
    """From the node, first of all: the task has begun there; ``node`` is Ray's name of it."""

    node: str


@dataclass(frozen=True, slots=True)
class Alive:
    """From the node: work goes on, and there is nothing new to tell."""


@dataclass(frozen=True, slots=True)
class Asks:
    """From the node: which videos of the library can a film that lasts so many seconds be another encoding of?"""

    duration: float


@dataclass(frozen=True, slots=True)
class Alike:
    """From the node, in the place of a report: the film is another encoding of a video of the library.

    Attributes:
        fingerprint: that video's.
        like: how they differ; the number in it is the node's own.
        info: what the film's file holds.
    """

    fingerprint: str
    like: Likeness
    info: MediaInfo


@dataclass(frozen=True, slots=True)
class Block:
    """From the node: the next bytes of a parcel."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Delivered:
    """From the node: all blocks of a parcel have been sent; what it holds, as ``Parcel`` has it."""

    since: float
    pictures: State | None


@dataclass(frozen=True, slots=True)
class Spent:
    """From the node, before its report: what the work has cost there; the number of the video is the node's own."""

    costs: tuple[Actual, ...]


@dataclass(frozen=True, slots=True)
class Broken:
    """From the node: it cannot work, whatever the film."""

    error: VagentError


@dataclass(frozen=True, slots=True)
class Identity:
    """From the node: the fingerprint of a film's content; or why it cannot be read."""

    fingerprint: str = ""
    error: VagentError | None = None


Said = Begun | Alive | Asks | Progress | Block | Delivered | Alike | Spent | Report | Broken
"""What a task that indexes may say."""
