"""Questions about the demo film, with answers and the moments that prove them; all derived from the film's tables."""

from __future__ import annotations

from typing import Any

from demo_film import afternoon, morning
from demo_film.story import FILM, start_of

Spans = dict[str, tuple[float, float]]
"""Spoken sentence -> when it is heard, in seconds."""

_NOT_THERE = ["unanswerable", "not shown", "cannot be determined", "not mentioned", "unknown", "the video does not say"]


def questions(video: str, heard: Spans) -> list[dict[str, Any]]:
    """One row a question: video, question, kind, answer, accept, options, correct_option, evidence."""
    rows = [*_about_speech(heard), *_about_text(), *_about_time(), *_not_answered()]
    return [{"video": video, **row} for row in rows]


def _row(
    kind: str, question: str, accept: list[str], options: list[str], *evidence: tuple[float, float]
) -> dict[str, Any]:
    """``accept`` begins with the answer; the right option is the one that it names."""
    right = next(option for option in options if option in accept)
    spans = [[round(start, 2), round(end, 2)] for start, end in evidence]
    row: dict[str, Any] = {"question": question, "kind": kind, "answer": accept[0], "accept": accept}
    return {**row, "options": options, "correct_option": right, "evidence": spans}


def _shown(shot: str, since: float = 0, until: float | None = None) -> tuple[float, float]:
    start = start_of(shot)
    length = next(s.length for s in FILM if s.name == shot)
    return (start + since, start + (length if until is None else until))


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _about_speech(heard: Spans) -> list[dict[str, Any]]:
    def said(begins: str) -> tuple[float, float]:
        return next(span for text, span in heard.items() if text.startswith(begins))

    return [
        _row(
            "speech",
            "In which year was the lighthouse built?",
            ["1892", "eighteen ninety two", "eighteen ninety-two"],
            ["1871", "1892", "1905", "1953"],
            said("The lighthouse was built"),
        ),
        _row(
            "speech",
            "How many steps does the keeper climb to light the lamp?",
            ["112", "one hundred and twelve", "a hundred and twelve"],
            ["84", "112", "130", "212"],
            said("Every evening the keeper"),
        ),
        _row(
            "speech",
            "For how many years has the keeper done her work?",
            ["thirty years", "30", "thirty", "30 years"],
            ["ten years", "twenty years", "thirty years", "forty years"],
            said("I have been the keeper"),
        ),
        _row(
            "speech",
            "How far is the island from the coast?",
            ["eleven miles", "11 miles", "eleven", "11"],
            ["four miles", "seven miles", "eleven miles", "twenty miles"],
            said("This is a small island"),
        ),
        _row(
            "speech",
            "What was the railway built to carry?",
            ["stone", "stone from the quarry"],
            ["coal", "fish", "sheep", "stone"],
            said("It was built to carry"),
        ),
        _row(
            "speech",
            "What did the great storm destroy?",
            ["the old bridge", "old bridge", "the bridge", "bridge", "a bridge"],
            ["the lighthouse", "the old bridge", "the school", "the market hall"],
            said("In nineteen fifty three"),
        ),
    ]


def _about_text() -> list[dict[str, Any]]:
    prices = dict(afternoon.PRICES)
    hour, place, _ = morning.DEPARTURES[1]
    music = [role for role, _ in afternoon.CREDITS].index("Music by")
    number = afternoon.LOST[3].removeprefix("Please call ")
    return [
        _row(
            "text",
            "What does the honey cost at the market?",
            [prices["Honey"], prices["Honey"].removeprefix("$")],
            [price for _, price in afternoon.PRICES],
            _shown("market"),
        ),
        _row(
            "text",
            "Which telephone number should people call about the lost cat?",
            [number, number.replace(" ", "")],
            ["555 0124", "555 0142", "555 0412", "555 1042"],
            _shown("notice"),
        ),
        _row(
            "text",
            "What is the name of the lighthouse keeper?",
            [morning.KEEPER, *morning.KEEPER.split()],
            ["Ida Moretti", morning.KEEPER, "Clara Whitfield", "Port Ellen"],
            _shown("keeper", morning.KEEPER_AT),
        ),
        _row(
            "text",
            f"At what time does the ferry to {place} leave?",
            [hour, hour.lstrip("0")],
            [departure[0] for departure in morning.DEPARTURES],
            _shown("timetable"),
        ),
        _row(
            "text",
            "Who made the music of the film?",
            [afternoon.CREDITS[music][1], afternoon.CREDITS[music][1].split()[1]],
            [name for _, name in afternoon.CREDITS],
            _shown("names", afternoon.CREDITS_AT + music * afternoon.CREDITS_STEP),
        ),
        _row(
            "text",
            "What is the name of the red boat?",
            [morning.BOAT, morning.BOAT.title()],
            ["LARK", "CLARA", morning.BOAT, "PORT ELLEN"],
            _shown("boat"),
        ),
    ]


def _about_time() -> list[dict[str, Any]]:
    litter_at, litter = afternoon.RULES[2]
    appears = start_of("rules") + litter_at
    place = morning.DEPARTURES[morning.CANCELLED][1]
    gone = start_of("timetable") + morning.CANCELLED_AT
    return [
        _row(
            "temporal",
            f'When does the rule "{litter}" appear?',
            [_clock(appears), f"{appears:.0f} s", f"{appears:.0f} seconds"],
            [_clock(start_of("market")), _clock(start_of("rules")), _clock(appears), _clock(start_of("night"))],
            (appears, appears + 1),
        ),
        _row(
            "temporal",
            f"When is the ferry to {place} shown as cancelled?",
            [_clock(gone), f"{gone:.0f} s", f"{gone:.0f} seconds"],
            [_clock(start_of("lighthouse")), _clock(start_of("timetable")), _clock(gone), _clock(start_of("names"))],
            _shown("timetable", morning.CANCELLED_AT),
        ),
        _row(
            "temporal",
            "Which comes first, the notice about the lost cat or the ferry timetable?",
            ["the ferry timetable", "the timetable", "timetable", "ferry timetable"],
            ["the notice about the lost cat", "the ferry timetable"],
            _shown("timetable"),
            _shown("notice"),
        ),
        _row(
            "temporal",
            "Which rule comes directly after the one about dogs?",
            [afternoon.RULES[1][1]],
            [afternoon.RULES[0][1], afternoon.RULES[1][1], litter, "Do not feed the birds"],
            _shown("rules", afternoon.RULES[1][0]),
        ),
    ]


def _not_answered() -> list[dict[str, Any]]:
    asked = (
        "How much does a ticket for the ferry cost?",
        "What is the name of the doctor?",
        "Who designed the lighthouse?",
        "What is the name of the seller at the market?",
    )
    row = {"kind": "unanswerable", "answer": "unanswerable", "accept": _NOT_THERE, "options": [], "evidence": []}
    return [{"question": question, **row} for question in asked]
