"""What happens in the demo film, and when: shots, spoken sentences and music in one table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from demo_film import afternoon, morning
from demo_film.drawing import Scene

NARRATOR, KEEPER = "rms", "slt"  # voices of flite


@dataclass(frozen=True, slots=True)
class Line:
    """One spoken sentence, ``at`` seconds into its shot."""

    at: float
    text: str
    voice: str = NARRATOR


@dataclass(frozen=True, slots=True)
class Shot:
    """One shot: its length in seconds, how it begins, its picture, what is said, and where music plays."""

    name: str
    length: float
    scene: Scene
    begins: Literal["cut", "dissolve", "fade"] = "cut"
    lines: tuple[Line, ...] = ()
    music: tuple[float, float] | None = None


FILM = (
    Shot(
        "title",
        18,
        morning.title,
        "fade",
        (
            Line(9.5, "This is a small island, eleven miles from the coast of Canada."),
            Line(15.0, "Three hundred people live on the island."),
        ),
        music=(0, 9),
    ),
    Shot(
        "lighthouse",
        14,
        morning.lighthouse,
        lines=(
            Line(1.5, "The lighthouse was built in the year eighteen ninety two."),
            Line(7.0, "Every evening the keeper climbs one hundred and twelve steps to light the lamp."),
        ),
    ),
    Shot(
        "keeper",
        10,
        morning.keeper,
        lines=(
            Line(1.6, "I have been the keeper for thirty years.", KEEPER),
            Line(5.4, "I have never missed a single night.", KEEPER),
        ),
    ),
    Shot(
        "timetable",
        16,
        morning.timetable,
        lines=(
            Line(2.5, "The ferry carries forty passengers and six cars."),
            Line(11.0, "During the winter there is no boat on Sundays."),
        ),
    ),
    Shot(
        "boat",
        16,
        morning.boat,
        lines=(Line(9.0, "A small boat brings the letters and the milk."),),
        music=(0, 8),
    ),
    Shot(
        "railway",
        15,
        afternoon.railway,
        "dissolve",
        (
            Line(2.5, "The railway is only four miles long."),
            Line(7.5, "It was built to carry stone from the quarry."),
        ),
    ),
    Shot(
        "market",
        16,
        afternoon.market,
        lines=(
            Line(2.0, "On Saturday the farmers bring apples and honey to the market."),
            Line(9.0, "The honey is made by the doctor, who keeps bees in her garden."),
        ),
    ),
    Shot(
        "rules",
        18,
        afternoon.rules,
        lines=(Line(13.0, "From April until July, the cliffs belong to the birds."),),
    ),
    Shot(
        "notice",
        12,
        afternoon.notice,
        lines=(Line(2.5, "A grey cat was lost in the storm last week."),),
    ),
    Shot(
        "storm",
        17,
        afternoon.storm,
        lines=(
            Line(3.0, "In nineteen fifty three a great storm destroyed the old bridge."),
            Line(9.5, "Nobody was hurt, but it took two years to build it again."),
        ),
    ),
    Shot(
        "night",
        17,
        afternoon.night,
        "fade",
        (
            Line(8.5, "Everything is quiet now."),
            Line(11.5, "There are no street lights on the island."),
        ),
        music=(0, 8),
    ),
    Shot("names", 15, afternoon.names, "cut", music=(0, 15)),
)
STARTS = tuple(float(sum(shot.length for shot in FILM[:number])) for number in range(len(FILM)))
"""When each shot begins, in seconds."""
DURATION = sum(shot.length for shot in FILM)


def start_of(name: str) -> float:
    """When a shot begins, in seconds."""
    return STARTS[[shot.name for shot in FILM].index(name)]
