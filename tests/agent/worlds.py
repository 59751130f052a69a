"""Small worlds in memory that several tests ask: a film, a lecture, an interview, a camera over a yard."""

from __future__ import annotations

from tests.agent.memory import MemoryIndex, minilm, rows
from vagent.index.records import Kind, Video

ALL: tuple[Kind, ...] = ("subtitle", "screen_text", "objects", "caption", "sound")


def film() -> MemoryIndex:
    """A scene in a harbour café: subtitles with speakers, captions, things and sounds; every sense ran."""
    held = [
        *rows("subtitle", [
            (5.0, 8.0, "ANNA: Is the boat ready to leave?"),
            (9.0, 12.0, "BEN: Not before the engine is repaired."),
            (13.0, 16.0, "ANNA: Then we miss the tide."),
            (30.0, 33.0, "BEN: I sold my grandfather's watch because we needed the money."),
            (34.0, 36.0, "ANNA: You did what?"),
            (37.0, 40.0, "BEN: The mechanic wants three hundred euros."),
            (70.0, 73.0, "NARRATOR: That night the storm came in from the west."),
            (90.0, 93.0, "CAPTAIN ROSS: Cast off the lines!"),
            (95.0, 97.0, "ANNA: Goodbye, old harbour."),
        ]),
        *rows("caption", [
            (0.0, 10.0, "A woman in a yellow raincoat sits at a table in a café."),
            (10.0, 20.0, "A man with oily hands drinks coffee."),
            (20.0, 30.0, "A glass falls off the table and breaks."),
            (30.0, 44.0, "The man and the woman talk at the window."),
            (44.0, 60.0, "A black dog runs along the quay."),
            (60.0, 80.0, "Waves crash over the harbour wall at night."),
            (80.0, 100.0, "A small green boat leaves the harbour."),
        ]),
        *rows("objects", [(0.0, 44.0, "person"), (8.0, 44.0, "person"), (45.0, 52.0, "dog"), (56.0, 59.0, "dog"),
                          (80.0, 100.0, "boat")]),
        *rows("sound", [(22.0, 23.5, "glass breaking"), (46.0, 48.0, "barking"), (57.0, 58.0, "barking"),
                        (62.0, 79.0, "thunder")]),
        *rows("screen_text", [(1.0, 6.0, "THE OLD HARBOUR"), (98.0, 100.0, "THE END")]),
    ]  # fmt: skip
    return MemoryIndex(held, {1: Video(1, "film", "/films/harbour.mkv", 100.0, complete=True)},
                       embedder=minilm(), kinds=ALL)  # fmt: skip


def lecture() -> MemoryIndex:
    """A lecture on bread: unlabelled subtitles and slides; nothing looked at the pictures otherwise."""
    held = [
        *rows("subtitle", [
            (2.0, 6.0, "Welcome to the third lesson on baking."),
            (8.0, 13.0, "Today we talk about sourdough, which rises without any yeast from a packet."),
            (20.0, 26.0, "First you mix flour and water in a jar."),
            (27.0, 33.0, "Then you let the jar stand in a warm place for five days."),
            (34.0, 40.0, "You feed it every morning by stirring in fresh flour."),
            (50.0, 56.0, "The dough rises because wild yeast gives off gas."),
            (57.0, 63.0, "It tastes sour since bacteria make lactic acid."),
            (80.0, 86.0, "The oven must be at two hundred and forty degrees."),
            (90.0, 95.0, "Any questions so far?"),
            (96.0, 101.0, "Can I use rye flour instead?"),
            (102.0, 107.0, "Of course, rye works even better."),
        ]),
        *rows("screen_text", [
            (0.0, 15.0, "Baking for beginners"), (16.0, 45.0, "The starter\nFlour\nWater\nPatience"),
            (46.0, 70.0, "Why does it rise?"), (75.0, 110.0, "Baking\n240 °C\n45 minutes"),
        ]),
    ]  # fmt: skip
    video = Video(1, "lecture", "/talks/bread.mp4", 120.0, complete=True)
    return MemoryIndex(held, {1: video}, embedder=minilm(), kinds=("subtitle", "screen_text"))


def yard() -> MemoryIndex:
    """A camera over a yard for twenty minutes: things alone."""
    held = rows("objects", [
        (30.0, 45.0, "person"), (120.0, 180.0, "car"), (150.0, 170.0, "person"), (400.0, 420.0, "truck"),
        (600.0, 615.0, "person"), (604.0, 612.0, "bicycle"), (900.0, 960.0, "car"),
    ])  # fmt: skip
    video = Video(1, "yard", "/cameras/yard.mp4", 1200.0, complete=True)
    return MemoryIndex(held, {1: video}, embedder=minilm(), kinds=("objects",))


def talks() -> MemoryIndex:
    """Two talks about cities, to be compared."""
    first = [(1.0, 4.0, "Good evening."), (5.0, 9.0, "Trams make a city quiet."),
             (10.0, 14.0, "A tram ticket costs two euros."),
             (20.0, 24.0, "Trees cool the streets in summer.")]  # fmt: skip
    second = [(1.0, 4.0, "Let me begin with trees."), (6.0, 9.0, "Planting a tree costs five hundred euros."),
              (30.0, 34.0, "Our trams are too slow, people complain."),
              (40.0, 44.0, "Cars should stay outside the city.")]  # fmt: skip
    videos = {
        1: Video(1, "a", "/talks/lisbon.mp4", 60.0, complete=True),
        2: Video(2, "b", "/talks/oslo.mp4", 90.0, complete=True),
    }
    held = rows("subtitle", first, video=1) + rows("subtitle", second, video=2)
    return MemoryIndex(held, videos, embedder=minilm(), kinds=("subtitle",))


def interview() -> MemoryIndex:
    """An interview with a diver: labelled subtitles, lower thirds and captions."""
    held = [
        *rows("subtitle", [
            (6.0, 10.0, "INTERVIEWER: Doctor Okafor, you studied coral reefs for thirty years."),
            (11.0, 15.0, "OKAFOR: Thirty-one, to be precise."),
            (16.0, 20.0, "INTERVIEWER: What worries you most?"),
            (21.0, 27.0, "OKAFOR: The water is too warm, therefore the corals lose their colour."),
            (41.0, 46.0, "INTERVIEWER: How did you get into diving?"),
            (47.0, 54.0, "OKAFOR: My brother threw me off a pier when I was nine."),
            (60.0, 66.0, "INTERVIEWER: Where will you go next?"),
            (67.0, 72.0, "OKAFOR: To the reefs near Zanzibar, in April."),
        ]),
        *rows("screen_text", [(11.0, 18.0, "Dr. Amara Okafor\nMarine biologist"), (67.0, 75.0, "Zanzibar\nTanzania")]),
        *rows("caption", [(0.0, 30.0, "Two people sit in a blue studio."), (30.0, 80.0, "A map of Africa.")]),
    ]  # fmt: skip
    video = Video(1, "talk", "/tv/interview.mp4", 80.0, complete=True)
    return MemoryIndex(held, {1: video}, embedder=minilm(), kinds=("subtitle", "screen_text", "caption"))
