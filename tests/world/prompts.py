"""What the model is asked, word by word as the product asks it, and worn versions of it for training."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np

from tests.world.scenes import COLOURS, SHAPES, WORDS
from tests.world.words import Question
from vagent.prompts import fill
from vagent.tools.time import format_time

_SENSES = ("caption", "screen_text", "speech", "subtitle", "objects", "sound")
_SAID = (
    "and now look at this", "welcome back to the show", "what a nice day it is", "let us see what happens next",
    "I like the red one most", "the blue square was better", "nobody knows where it goes", "music", "applause",
)  # fmt: skip


def look(times: Sequence[float], start: float, end: float, question: str, evidence: str = "") -> str:
    """The prompt of a look, as ``vagent.agent.look.prompt`` fills it."""
    return fill("look", **_places(times, start, end, evidence), question=question)


def again(times: Sequence[float], start: float, end: float, question: str) -> str:
    """The prompt of a second look in other words, without the text that was found."""
    given = _places(times, start, end, "")
    return fill("look_again", **{k: given[k] for k in ("count", "start", "end", "times")}, question=question)


def describe(times: Sequence[float], start: float, end: float, evidence: str = "", words: int = 60) -> str:
    """The prompt of a caption."""
    return fill("caption", **_places(times, start, end, evidence), words=str(words))


def _places(times: Sequence[float], start: float, end: float, evidence: str) -> dict[str, str]:
    return {
        "count": str(len(times)),
        "start": format_time(start, 1),
        "end": format_time(end, 1),
        "times": ", ".join(format_time(time, 1) for time in times),
        "marker": f"=== evidence {hashlib.sha256(evidence.encode()).hexdigest()[:16]} ===",
        "evidence": evidence or "(none)",
    }


def choose(times: Sequence[float], start: float, end: float, question: str, options: str, evidence: str = "") -> str:
    """The prompt of a multiple-choice question; ``options`` has one a line, with its letter."""
    return fill("choose", **_places(times, start, end, evidence), question=question, options=options)


def options(rng: np.random.Generator, question: Question) -> tuple[str, str]:
    """Two to six options, one a line, and the letter of the right one."""
    wrong = [str(w) for w in rng.permutation(question.wrong)][: int(rng.integers(1, 6))]
    listed = [str(o) for o in rng.permutation([question.right, *wrong])]
    letter = "ABCDEF"[listed.index(question.right)]
    how = rng.random()
    if question.kind == "direction" and how < 0.5:
        listed = [_moving(o, full=how < 0.25) for o in listed]
    elif question.kind == "shape" and how < 0.5:
        listed = [f"a {o}" for o in listed]
    if rng.random() < 0.3:
        listed = [o[0].upper() + o[1:] for o in listed]
    return "\n".join(f"{x}. {o}" for x, o in zip("ABCDEF", listed, strict=False)), letter


def _moving(way: str, *, full: bool) -> str:
    if way == "still":
        return "it stands still"
    if full:
        return f"it moves {way}"
    return f"to the {way}" if way in ("left", "right") else f"{way}wards"


def evidence(rng: np.random.Generator, start: float, end: float) -> str:
    """Lines as the product quotes them: none, or some; true for this clip or not."""
    lines = []
    for time in sorted(rng.uniform(start, end, int(rng.choice([0, 0, 0, 1, 1, 2, 3, 6])))):
        thing = f"{rng.choice(list(COLOURS))} {rng.choice(SHAPES)}"
        text = {
            0: f"A {thing} {rng.choice(['moves left', 'moves up', 'stands still', 'moves right', 'moves down'])}.",
            1: str(rng.choice(WORDS)),
            2: str(rng.choice(_SAID)),
            3: thing,
        }[int(rng.integers(4))]
        lines.append(f"[{format_time(float(time), 1)}] {rng.choice(_SENSES)}: {text}")
    return "\n".join(lines)


def worn(rng: np.random.Generator, prompt: str, keep: Sequence[str]) -> str:
    """The prompt with most sentences and some words missing, so that the model does not lean on its exact wording.

    Args:
        keep: the parts that stay whole, in their order: the question, the options.
    """
    found = []
    for part in keep:
        before, _, prompt = prompt.partition(part)
        found += [_worn(rng, before), part]
    return "".join([*found, _worn(rng, prompt)])


def _worn(rng: np.random.Generator, text: str) -> str:
    share = float(rng.choice([0.1, 0.5]))
    kept = [part for part in re.split(r"(?<=[.:])(?=\s)", text) if rng.random() < share]
    lost = float(rng.choice([0, 0.1, 0.3]))
    return re.sub(r" ?\S+", lambda m: "" if rng.random() < lost else m.group(0), "".join(kept))
