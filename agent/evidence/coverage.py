"""Which stretch each sense went through, and how densely: what "no" and "three times" rest on."""

from __future__ import annotations

from collections.abc import Sequence

from vagent.agent.evidence.draft import Coverage
from vagent.agent.evidence.shelf import Shelf
from vagent.configs import Settings
from vagent.index.records import Kind


def coverage(shelf: Shelf, kinds: Sequence[Kind] | None = None) -> tuple[Coverage, ...]:
    """What the senses went through of the videos asked, within the stretch asked for.

    Args:
        kinds: senses of interest; None: all that ran.
    """
    found = []
    for one in shelf.index.searched(shelf.numbers, shelf.start, shelf.end):
        for kind in one.kinds:
            if kinds is None or kind in kinds:
                gaps = tuple(gap for gap in one.video.gaps if gap.overlap(one.span) > 0)
                every = _every(kind, shelf.index.settings)
                found.append(Coverage(one.video.id, one.span, kind, every, gaps, one.video.complete))
    return tuple(found)


def _every(kind: Kind, settings: Settings) -> float | None:
    """Seconds between two pictures that a sense was shown; the settings are those of the index."""
    sampled = 1.0 / settings.media.sample_fps
    steps: dict[Kind, float] = {
        "screen_text": sampled,
        "objects": max(settings.objects.every, sampled),
        "visual": max(settings.visual.every, sampled),
        "caption": settings.clips.window / settings.captions.frames,
    }
    return steps.get(kind)
