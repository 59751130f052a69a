"""Questions about scenes, with their true answers, and captions. The wording is drawn, the answer's form is always the
same, so that it can be checked word by word."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.world.scenes import COLOURS, DIRECTIONS, SHAPES, Scene, Thing

NOTHING = "NOTHING"
KINDS = ("colour", "shape", "direction", "mover", "moves", "first", "after", "before", "present", "count")

_ASK: dict[str, tuple[str, ...]] = {
    "colour": (
        "What colour is the {shape}?",
        "What color is the {shape}?",
        "Which colour is the {shape}?",
        "Which color does the {shape} have?",
        "What is the colour of the {shape}?",
        "What is the color of the {shape}?",
        "Say the colour of the {shape}.",
        "The {shape}: what colour does it have?",
    ),
    "shape": (
        "What shape is {colour}?",
        "Which shape is {colour}?",
        "What is the {colour} shape?",
        "What is the {colour} thing?",
        "What shape does the {colour} thing have?",
        "What shape is the {colour} object?",
        "What kind of shape is the {colour} one?",
    ),
    "direction": (
        "In which direction does {the} move?",
        "In what direction does {the} move?",
        "In which direction is {the} moving?",
        "Which way does {the} move?",
        "Which way does {the} go?",
        "Where does {the} move to?",
        "Where is {the} going?",
        "What does {the} do?",
        "How does {the} move?",
    ),
    "mover": (
        "Which shape moves {to}?",
        "What moves {to}?",
        "What is moving {to}?",
        "Which object moves {to}?",
        "Which thing goes {to}?",
        "What goes {to}?",
    ),
    "moves": (
        "Does {the} move?",
        "Is {the} moving?",
        "Does {the} move or stand still?",
        "Is there any movement of {the}?",
    ),
    "first": (
        "Which appears first, {a} or {b}?",
        "What appears first, {a} or {b}?",
        "Which comes first, {a} or {b}?",
        "Which one is seen first, {a} or {b}?",
        "What appears first?",
        "Which shape appears first?",
        "What is seen first?",
        "Which shape comes first?",
    ),
    "after": (
        "What appears after {a}?",
        "Which shape appears after {a}?",
        "What comes after {a}?",
        "Which shape comes after {a}?",
        "What is seen next after {a}?",
        "What appears next, after {a}?",
    ),
    "before": (
        "What appears before {b}?",
        "Which shape appears before {b}?",
        "What comes before {b}?",
        "What is seen before {b}?",
        "Which shape is there before {b}?",
    ),
    "present": (
        "Is there {a_thing}?",
        "Is {a_thing} to be seen?",
        "Do you see {a_thing}?",
        "Can you see {a_thing}?",
        "Does {a_thing} appear?",
        "Is there {a_thing} in the video?",
    ),
    "count": (
        "How many shapes are there?",
        "How many shapes do you see?",
        "How many things are in the pictures?",
        "How many objects are seen?",
        "What is the number of shapes?",
    ),
}
_TO = {
    "left": ("left", "to the left", "to the left side"),
    "right": ("right", "to the right", "to the right side"),
    "up": ("up", "upwards", "to the top"),
    "down": ("down", "downwards", "to the bottom"),
}


@dataclass(frozen=True, slots=True)
class Question:
    """A question, its answer in a sentence, the word that decides, and words that would be wrong."""

    kind: str
    text: str
    answer: str
    right: str
    wrong: tuple[str, ...] = ()


def questions(scene: Scene, rng: np.random.Generator, *, nothing: bool = True) -> list[Question]:
    """Every question that has one true answer in this scene, one wording each; with ``nothing`` some without one."""
    things = scene.ordered
    asked = [_present(rng, things), _moves(rng, things), *_attributes(rng, things), *_directions(rng, things)]
    if scene.plot == "order":
        asked += _order(rng, *things)
    else:
        asked.append(_count(rng, things))
    if nothing:
        asked.append(_absent(rng, things))
    return asked


def caption(scene: Scene) -> str:
    """One sentence that says everything: "A red circle moves left, then a blue square appears."."""
    parts = [_clause(thing, late=i > 0 and scene.plot == "order") for i, thing in enumerate(scene.ordered)]
    text = (", then " if scene.plot == "order" else " and ").join(parts)
    return text[0].upper() + text[1:] + "."


def _clause(thing: Thing, *, late: bool) -> str:
    if late:
        return f"a {thing.name} appears" + (f" and moves {thing.motion}" if thing.motion != "still" else "")
    return f"a {thing.name} {_verb(thing)}"


def _verb(thing: Thing) -> str:
    return "stands still" if thing.motion == "still" else f"moves {thing.motion}"


def _pick(rng: np.random.Generator, kind: str, **values: str) -> str:
    return str(rng.choice(_ASK[kind])).format(**values)


def _called(rng: np.random.Generator, thing: Thing, things: tuple[Thing, ...]) -> str:
    """A name for the thing that means no other."""
    names = [thing.name] * 3
    if sum(t.shape == thing.shape for t in things) == 1:
        names += [thing.shape] * 2
    if sum(t.colour == thing.colour for t in things) == 1:
        names.append(f"{thing.colour} shape")
    return "the " + str(rng.choice(names))


def _attributes(rng: np.random.Generator, things: tuple[Thing, ...]) -> list[Question]:
    asked = []
    for t in things:
        if sum(o.shape == t.shape for o in things) == 1:
            wrong = tuple(c for c in COLOURS if c != t.colour)
            text = _pick(rng, "colour", shape=t.shape)
            asked.append(Question("colour", text, f"The {t.shape} is {t.colour}.", t.colour, wrong))
        if sum(o.colour == t.colour for o in things) == 1:
            wrong = tuple(s for s in SHAPES if s != t.shape)
            text = _pick(rng, "shape", colour=t.colour)
            asked.append(Question("shape", text, f"The {t.colour} shape is a {t.shape}.", t.shape, wrong))
    return asked


def _directions(rng: np.random.Generator, things: tuple[Thing, ...]) -> list[Question]:
    asked = []
    others = (*DIRECTIONS, "still")
    for t in things:
        called = "it" if len(things) == 1 and rng.random() < 0.2 else _called(rng, t, things)
        wrong = tuple(d for d in others if d != t.motion)
        text = _pick(rng, "direction", the=called)
        asked.append(Question("direction", text, f"The {t.name} {_verb(t)}.", t.motion, wrong))
        if t.motion != "still" and sum(o.motion == t.motion for o in things) == 1:
            text = _pick(rng, "mover", to=str(rng.choice(_TO[t.motion])))
            asked.append(Question("mover", text, f"The {t.name} moves {t.motion}.", f"the {t.name}", _names(rng, t)))
    return asked


def _moves(rng: np.random.Generator, things: tuple[Thing, ...]) -> Question:
    t = things[int(rng.integers(len(things)))]
    still = t.motion == "still"
    answer = "No, it stands still." if still else f"Yes, it moves {t.motion}."
    text = _pick(rng, "moves", the=_called(rng, t, things))
    return Question("moves", text, answer, "no" if still else "yes", ("yes" if still else "no",))


def _order(rng: np.random.Generator, first: Thing, second: Thing) -> list[Question]:
    both = (first, second)
    one, other = both if rng.random() < 0.5 else both[::-1]
    a, b = _called(rng, first, both), _called(rng, second, both)
    text = _pick(rng, "first", a=_called(rng, one, both), b=_called(rng, other, both))
    wrong_first = (f"the {second.name}", *_names(rng, first, second))
    wrong_second = (f"the {first.name}", *_names(rng, first, second))
    after, before = _pick(rng, "after", a=a), _pick(rng, "before", b=b)
    asked = [
        Question("first", text, f"The {first.name} appears first.", f"the {first.name}", wrong_first),
        Question("after", after, f"The {second.name} appears after it.", f"the {second.name}", wrong_second),
        Question("before", before, f"The {first.name} appears before it.", f"the {first.name}", wrong_first),
    ]
    if rng.random() < 0.3:
        asked.append(Question("nothing", _pick(rng, "after", a=b), NOTHING, NOTHING))
    if rng.random() < 0.3:
        asked.append(Question("nothing", _pick(rng, "before", b=a), NOTHING, NOTHING))
    return asked


def _present(rng: np.random.Generator, things: tuple[Thing, ...]) -> Question:
    if rng.random() < 0.5:
        name = things[int(rng.integers(len(things)))].name
        return Question("present", _ask_present(rng, name), f"Yes, there is a {name}.", "yes", ("no",))
    name = _missing(rng, things)
    return Question("present", _ask_present(rng, name), f"No, there is no {name}.", "no", ("yes",))


def _ask_present(rng: np.random.Generator, name: str) -> str:
    return _pick(rng, "present", a_thing=f"a {name}")


def _count(rng: np.random.Generator, things: tuple[Thing, ...]) -> Question:
    one = len(things) == 1
    answer = "There is one shape." if one else "There are two shapes."
    return Question("count", _pick(rng, "count"), answer, "one" if one else "two", ("two" if one else "one", "three"))


def _absent(rng: np.random.Generator, things: tuple[Thing, ...]) -> Question:
    """A question about what is not there."""
    shapes = [s for s in SHAPES if all(t.shape != s for t in things)]
    colours = [c for c in COLOURS if all(t.colour != c for t in things)]
    ways = [d for d in DIRECTIONS if all(t.motion != d for t in things)]
    kind = str(rng.choice(["colour", "shape", "direction", "mover", "after"]))
    text = {
        "colour": lambda: _pick(rng, "colour", shape=str(rng.choice(shapes))),
        "shape": lambda: _pick(rng, "shape", colour=str(rng.choice(colours))),
        "direction": lambda: _pick(rng, "direction", the=f"the {_missing(rng, things)}"),
        "mover": lambda: _pick(rng, "mover", to=str(rng.choice(_TO[str(rng.choice(ways))]))),
        "after": lambda: _pick(rng, "after", a=f"the {_missing(rng, things)}"),
    }[kind]()
    return Question("nothing", text, NOTHING, NOTHING)


def _missing(rng: np.random.Generator, things: tuple[Thing, ...]) -> str:
    """A thing that is not there; often it has the colour or the shape of one that is."""
    there = {t.name for t in things}
    while True:
        colour, shape = str(rng.choice(list(COLOURS))), str(rng.choice(SHAPES))
        alike = rng.random()
        model = things[int(rng.integers(len(things)))]
        if alike < 0.3:
            colour = model.colour
        elif alike < 0.6:
            shape = model.shape
        if f"{colour} {shape}" not in there:
            return f"{colour} {shape}"


def _names(rng: np.random.Generator, *there: Thing) -> tuple[str, ...]:
    """Names of other things, as wrong options."""
    return tuple({f"the {_missing(rng, there)}": 0 for _ in range(4)})
