"""Single pictures of scenes, as the library keeps them, with what is in them: for SigLIP and the detector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tests.world.samples import kept
from tests.world.scenes import Image, Thing, draw, scene


@dataclass(frozen=True)
class Picture:
    """A picture, BGR, and the things in it with their boxes (left, top, right, bottom, pixels)."""

    image: Image
    things: tuple[tuple[Thing, tuple[float, float, float, float]], ...]

    @property
    def names(self) -> frozenset[str]:
        """For instance {"red circle"}."""
        return frozenset(thing.name for thing, _ in self.things)


def pictures(seeds: Sequence[int]) -> list[Picture]:
    """One picture of each scene, at a moment of the seed's choice."""
    found = []
    for seed in seeds:
        rng = np.random.default_rng((seed, 3))
        made = scene(seed)
        # Later moments are likelier to show all of it.
        time = made.duration * float(np.sqrt(rng.uniform(0, 0.97)))
        image = kept(draw(made, time), int(rng.choice([70, 80, 80, 90])))
        found.append(Picture(image, tuple(made.boxes(time))))
    return found
