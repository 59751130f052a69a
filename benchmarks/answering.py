"""How long the driver that works by rules takes to answer, from the question to its first step and to its answer.

    python -m benchmarks.answering [--seconds 3600] [--rounds 5] [--library DIR] [--json OUT] [--profile FILE]

A film of an hour is put into a library (``benchmarks.hour``; ``--library`` keeps it) and embedded by the real engine.
All is one process, which has answered a question before. Each question is asked ``--rounds`` times and once more
before these: that one is ``new``, the others find what a process remembers of its evidence, which a new question about
the same stretches would find too. Rounds go through all questions before the next begins. What is kept on the disk of
what models said is not used.

Per route, and over all: the median and the 95th percentile of the seconds to the first step and to the answer, the
median of the processor's seconds, and of the answer's seconds the part of each action; ``agent`` is what is outside of
actions. The ratio is to one search over the same library, in the same run. ``right`` is the part of the questions whose
answer holds what is true.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from benchmarks.hour import QUESTIONS, Question, fill
from vagent import Answer, Library, Started, Step

_SEARCHES = 20
_ALL, _NEW = "all", "all, new"


@dataclass(frozen=True, slots=True)
class Asked:
    """One question that was answered; seconds."""

    question: Question
    first: float
    total: float
    cpu: float
    actions: dict[str, float]
    right: bool


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        library = Library(given.library or folder, settings={"agent": {"driver": "policy"}, "engines": {"chat": "off"}})
        with library:
            rows = _filled(library, given.seconds)
            asked(library, Question("warm", "Is there a train in the film?"))
            profile = cProfile.Profile()
            if given.profile:
                profile.enable()
            new = [asked(library, question) for question in QUESTIONS]
            found = [asked(library, question) for _ in range(given.rounds) for question in QUESTIONS]
            profile.disable()
            search = _search(library)
    if given.profile:
        profile.dump_stats(given.profile)
    report = {
        "film": {"seconds": given.seconds, "rows": rows},
        "rounds": given.rounds,
        "search": search,
        "routes": {**summaries(found, search), _NEW: _summary(new, search)},
        "wrong": sorted({one.question.text for one in (*new, *found) if not one.right}),
    }
    print(_table(report))
    if given.json:
        given.json.write_text(json.dumps(report, indent=1), encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3600.0, help="length of the film")
    parser.add_argument("--rounds", type=int, default=5, help="how often each question is measured")
    parser.add_argument("--library", type=Path, help="library to use and keep; default: a temporary one")
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--profile", type=Path, help="write a cProfile of all that is measured there")
    return parser


def _filled(library: Library, seconds: float) -> int:
    """The rows of the film, which is put into the library where it is not there yet."""
    known = library.videos()
    return sum(library.index.store.counts(known[0].id).values()) if known else fill(library, seconds)


def asked(library: Library, question: Question) -> Asked:
    """Ask one question as a new one; what comes before it in its chat is asked without being measured."""
    ask: Any = library
    if question.before:
        ask = library.chat()
        ask.ask(question.before)
    begun, used = perf_counter(), process_time()
    first, actions = 0.0, {}
    for event in ask.stream(question.text, choices=question.choices or None, cache=False):
        first = first or perf_counter() - begun
        if isinstance(event, Step):
            actions[event.action] = actions.get(event.action, 0.0) + event.seconds
        elif not isinstance(event, Started):
            answer: Answer = event
    total, cpu = perf_counter() - begun, process_time() - used
    return Asked(question, first, total, cpu, actions, is_right(question, answer))


def is_right(question: Question, answer: Answer) -> bool:
    """Whether an answer, or what it cites, holds what is true; where nothing is, whether it says so."""
    if not question.expected:
        return not answer.answered
    said = " ".join([answer.text, *(citation.quote for citation in answer.citations)]).casefold()
    if question.choices:
        wanted = next(i for i, one in enumerate(question.choices) if any(w in one for w in question.expected))
        return answer.choice == chr(ord("A") + wanted)
    return answer.answered and any(word.casefold() in said for word in question.expected)


def _search(library: Library) -> dict[str, float]:
    """One search over the same library: the median of some, seconds."""
    walls, cpus = [], []
    for question in (QUESTIONS * _SEARCHES)[:_SEARCHES]:
        begun, used = perf_counter(), process_time()
        library.search(question.text)
        walls.append(perf_counter() - begun)
        cpus.append(process_time() - used)
    return {"wall": statistics.median(walls), "cpu": statistics.median(cpus)}


def summaries(found: Sequence[Asked], search: dict[str, float]) -> dict[str, dict[str, Any]]:
    """Figures of each route, and of all questions together."""
    routes = dict.fromkeys(one.question.route for one in found)
    groups = {route: [one for one in found if one.question.route == route] for route in routes}
    return {name: _summary(group, search) for name, group in {**groups, _ALL: list(found)}.items()}


def _summary(group: Sequence[Asked], search: dict[str, float]) -> dict[str, Any]:
    cpu = statistics.median(one.cpu for one in group)
    inside = dict.fromkeys(action for one in group for action in one.actions)
    parts = {name: statistics.fmean(one.actions.get(name, 0.0) for one in group) for name in inside}
    outside = statistics.fmean(one.total - sum(one.actions.values()) for one in group)
    return {
        "questions": len({one.question for one in group}),
        "right": statistics.fmean(one.right for one in group),
        "first": {
            "p50": _percentile([one.first for one in group], 50),
            "p95": _percentile([one.first for one in group], 95),
        },
        "answer": {
            "p50": _percentile([one.total for one in group], 50),
            "p95": _percentile([one.total for one in group], 95),
        },
        "cpu": cpu,
        "searches": cpu / max(search["cpu"], 1e-9),
        "parts": {**parts, "agent": outside},
    }


def _percentile(values: Sequence[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(percent / 100 * (len(ordered) - 1)))]


def _table(report: dict[str, Any]) -> str:
    film, search = report["film"], report["search"]
    lines = [
        f"{film['rows']} rows, {film['seconds']:.0f} s of film; one search takes {1000 * search['wall']:.1f} ms, "
        f"{1000 * search['cpu']:.1f} ms of the processor",
        f"{'milliseconds':14}{'first p50':>10}{'p95':>7}{'answer p50':>12}{'p95':>7}{'cpu':>7}{'searches':>10}"
        f"{'right':>7}  parts of the answer's time",
    ]
    for name, one in report["routes"].items():
        times = [one["first"]["p50"], one["first"]["p95"], one["answer"]["p50"], one["answer"]["p95"], one["cpu"]]
        cells = "".join(f"{1000 * value:{width}.0f}" for value, width in zip(times, (10, 7, 12, 7, 7), strict=True))
        parts = ", ".join(f"{part} {1000 * seconds:.0f}" for part, seconds in one["parts"].items())
        lines.append(f"{name:14}{cells}{one['searches']:10.1f}{one['right']:7.2f}  {parts}")
    return "\n".join([*lines, *(f"wrong: {text}" for text in report["wrong"])])


if __name__ == "__main__":
    sys.exit(main())
