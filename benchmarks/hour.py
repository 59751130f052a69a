"""An hour of film that was never filmed, as a library holds it, and questions of every kind about it.

Somebody speaks every four seconds, a caption or a sign stands on the screen twice a minute, and things are seen. What
is said are English sentences of everyday words; the facts that the questions ask for are said once each, minutes apart.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from vagent import Library
from vagent.index.records import Clip, Evidence, Kind
from vagent.tools.time import Span

_LINE = 4.0  # seconds from one line to the next
_CLIP = 12.0  # seconds
_PEOPLE = "Clara Ernest Maria Tobias Judith Oskar Helene Viktor".split()
_SUBJECTS = """my brother|the old captain|our neighbour|the doctor|a stranger|the schoolteacher|your mother|the postman|
    the whole crew|nobody|that soldier|the innkeeper|her uncle|the first mate|the cook""".split("|")
_VERBS = """never came back from|has always been afraid of|left everything in|wrote a letter about|was waiting for|
    used to talk about|sold his share of|heard something in|cannot forget|walked all night to|dreamt of|
    paid too much for|found the key to|lost his coat in|kept silent about""".split("|")
_THINGS = """the harbour|the storm|the empty house|the winter road|a small garden|the broken engine|the night train|
    the letter from home|that summer|the village church|the last boat|the wedding|the old bridge|the long silence|
    the market square|the forest behind the hill|a box of photographs|the kitchen table|the frozen river""".split("|")
_ENDS = """before the war.|and you know it.|when we were young.|as far as I remember.|on a Sunday morning.|after all.|
    but that is another story.|since the accident.|so people say.|for no reason at all.""".split("|")
_SIGNS = """HOTEL ATLANTIC|NO ENTRY|PLATFORM 4|FRESH BREAD|TICKETS|CHAPTER TWO: THE STORM|HARBOUR OFFICE|
    THE MORNING POST|CLOSED ON MONDAYS|LIFEBOATS""".split("|")
_SEEN = "person boat car dog bicycle umbrella chair bottle".split()

FACTS: tuple[tuple[float, str], ...] = (
    (212.0, "My name is Clara Winter, and I keep the lighthouse."),
    (508.0, "The lighthouse was built in 1887 by an engineer called Anton Berger."),
    (904.0, "I hid the golden compass under the floor of the boathouse."),
    (1220.0, "A ticket for the ferry costs twelve dollars."),
    (1604.0, "The telegram came this morning, and it was not for me."),
    (1608.0, "We have to leave the island tonight."),
    (2012.0, "Ernest: The bridge will not hold in this weather."),
    (2404.0, "They repaired the foghorn because ships had run aground in the mist."),
    (2812.0, "The lighthouse needs a new lamp."),
    (3204.0, "Nobody has seen the lighthouse from the sea for days."),
)
"""What is said, and at which second."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question, the route that it takes, and words of which one must stand in what answers it (an empty one stands in
    every answer); where there are none, nothing answers it.

    Attributes:
        before: what is asked before it in the same chat.
    """

    route: str
    text: str
    expected: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    before: str = ""


QUESTIONS: tuple[Question, ...] = (
    Question("fact", "When was the lighthouse built?", ("1887",)),
    Question("fact", "How much does a ticket for the ferry cost?", ("twelve dollars",)),
    Question("fact", "Where is the golden compass hidden?", ("boathouse",)),
    Question("fact", "What is the name of the woman who keeps the lighthouse?", ("Clara Winter",)),
    Question("who said", "Who says that the bridge will not hold?", ("Ernest",)),
    Question("who said", "Who built the lighthouse?", ("Anton Berger",)),
    Question("why", "Why did they repair the foghorn?", ("run aground",)),
    Question("when", "When is the telegram mentioned?", ("26:4",)),
    Question("when", "At what time does somebody talk about the golden compass?", ("15:0",)),
    Question("count", "How many times is the lighthouse mentioned?", ("4", "four")),
    Question("count", "How often does somebody say foghorn?", ("1", "one", "once")),
    Question("exists", "Does anybody mention a telegram?", ("telegram",)),
    Question("exists", "Does anyone talk about a submarine?", ("no",)),
    Question("neighbour", "What is said right after the telegram is mentioned?", ("leave the island",)),
    Question("order", "Which is mentioned first, the telegram or the foghorn?", ("telegram",)),
    Question("choices", "What does a ticket for the ferry cost?", ("twelve",),
             ("twelve dollars", "nine dollars", "forty dollars", "nothing")),
    Question("choices", "Where is the golden compass?", ("boathouse",),
             ("in the church", "under the floor of the boathouse", "on the ferry", "in the kitchen")),
    Question("unanswerable", "What is the phone number of the vet?"),
    Question("whole video", "What is the film about?", ("",)),
    Question("whole video", "What happens in the second half?", ("",)),
    Question("file", "How long is the film?", ("1:00:00", "hour")),
    Question("follow-up", "And who built it?", ("Anton Berger",), before="When was the lighthouse built?"),
)  # fmt: skip


def lines(seconds: float, seed: int = 0) -> list[tuple[Span, Kind, str]]:
    """What is said, written and seen in a film of this length, in order of time."""
    chance = random.Random(seed)
    facts = {at: text for at, text in FACTS if at < seconds}
    found: list[tuple[Span, Kind, str]] = []
    for number in range(int(seconds / _LINE)):
        start = number * _LINE
        text = facts.get(start) or _sentence(chance)
        found.append((Span(start, start + _LINE - 0.4), "subtitle", text))
        if number % 7 == 3:
            found.append((Span(start, start + 2.0), "screen_text", chance.choice(_SIGNS).strip()))
        if number % 5 == 1:
            found.append((Span(start, start + 3.0), "objects", chance.choice(_SEEN)))
    return found


def _sentence(chance: random.Random) -> str:
    said = " ".join(chance.choice(part).strip() for part in (_SUBJECTS, _VERBS, _THINGS, _ENDS))
    speaker = f"{chance.choice(_PEOPLE)}: " if chance.random() < 0.1 else ""
    return speaker + said[0].upper() + said[1:]


def fill(library: Library, seconds: float = 3600.0) -> int:
    """Put the film into a library, embedded by the engine that its settings choose.

    Returns:
        Rows of evidence.
    """
    store, engine = library.index.store, library.index.engines.get("embeddings")[1]
    rows = lines(seconds)
    path = str(Path("/films/The Keeper of the Light (1951).mkv"))
    info = {"container": "matroska", "title": "The Keeper of the Light"}
    with store.transaction():
        video = store.add_video("7" * 64, path, 1 << 30, 0, seconds, info).id
        store.update_video(video, complete=True)
        spans = _parts(seconds, _CLIP)
        store.replace_clips(video, [Clip(span) for span in spans])
        for stage in ("subtitles", "text", "objects"):
            store.set_stage(video, stage, "made", "done", seconds)
        ids = store.add_evidence([Evidence(video, span, kind, text, 0.9, engine="made 1") for span, kind, text in rows])
        if engine is not None:
            store.put_vectors(engine.model, ids, engine.embed([text for _, _, text in rows]))
    return len(rows)


def _parts(seconds: float, length: float) -> list[Span]:
    return [Span(at * length, min(seconds, (at + 1) * length)) for at in range(-(-int(seconds) // int(length)))]
