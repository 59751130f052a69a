"""Ask the questions of a file about real videos, and say how many answers are right.

    python -m benchmarks.questions QUESTIONS.jsonl [--media DIR] [--library DIR] [--json OUT] [--preset P]
                                   [--kinds speech text ...] [--videos NAME ...] [--misses]

Each line of the file is an object: {"video": file name, "question", "kind": speech | text | visual | temporal | count |
unanswerable, "answer", "accept": [...], "options": [...], "correct_option", "evidence": [[start, end], ...]}.
Every video is indexed once; every question is asked twice, without and with its options, and answered by the two
baselines of ``benchmarks.baselines``: a search by words alone, and evidence spread evenly. Per kind of question:

    recall@1, @5   a citation (or, when nothing is cited, a lead) overlaps a true stretch; one of the first five of
                   citations and searched moments does. Questions without stretches are left out.
    text, quote    an accepted string stands in the answer's text; in a cited quote; either.
    choice         the right option was chosen; wrong: another one was.
    declined       answered is False: right for unanswerable questions, a miss for all others.
    w., u.         the same of the baselines: words alone, uniform; they always answer.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks import baselines
from vagent import VideoAgent
from vagent.agent.language.words import fold
from vagent.errors import VagentError

KINDS = ("speech", "text", "visual", "temporal", "count", "unanswerable")


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    questions = [json.loads(line) for line in given.questions.read_text(encoding="utf-8").splitlines() if line.strip()]
    media = given.media or given.questions.parent
    chosen = [q for q in questions if q["kind"] in given.kinds and (not given.videos or q["video"] in given.videos)]
    with tempfile.TemporaryDirectory() as folder:
        library = given.library or Path(folder)
        rows: list[dict[str, Any]] = []
        for video in dict.fromkeys(q["video"] for q in chosen):
            rows += _video(media / video, [q for q in chosen if q["video"] == video], library, given.preset)
    report = {"settings": {"preset": given.preset, "questions": given.questions.name}, "kinds": _summaries(rows)}
    report["abstention"] = {
        "all kinds": _abstention(rows),
        "speech, text, unanswerable": _abstention([r for r in rows if r["kind"] in ("speech", "text", "unanswerable")]),
    }
    print(_table(report["kinds"]))
    for name, values in report["abstention"].items():
        print(f"abstention, {name}: " + ", ".join(f"{k} {'-' if v is None else f'{v:.2f}'}" for k, v in values.items()))
    if given.misses:
        print(_misses(rows))
    if given.json:
        given.json.write_text(json.dumps({**report, "questions": rows}, ensure_ascii=False, indent=1), encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("questions", type=Path)
    parser.add_argument("--media", type=Path, help="folder of the videos; default: beside the questions")
    parser.add_argument("--library", type=Path, help="library to use and keep; default: a temporary one")
    parser.add_argument("--json", type=Path, help="write every answer there")
    parser.add_argument("--preset", help="quick, standard or deep")
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    parser.add_argument("--videos", nargs="+", help="only these files")
    parser.add_argument("--misses", action="store_true", help="list the questions that went wrong")
    return parser


def _video(path: Path, questions: Sequence[dict[str, Any]], library: Path, preset: str | None) -> list[dict[str, Any]]:
    """One row a question of one video; the video is indexed at the first."""
    started = perf_counter()
    words_only = {"engines": {"embeddings": "off"}}
    try:
        with VideoAgent(path, library=library, preset=preset) as agent:
            agent.search("the")
            print(f"{path.name}: indexed in {perf_counter() - started:.1f} s", file=sys.stderr)
            rows = [_asked(agent, question) for question in questions]
        with VideoAgent(path, library=library, settings=words_only) as baseline:
            evenly = baselines.uniform(baseline)
            for row in rows:
                row["words"] = _held(row, baselines.words(baseline, row["question"]))
                row["uniform"] = _held(row, evenly)
    except VagentError as error:
        print(f"{path.name}: {error}", file=sys.stderr)
        return []
    return rows


def _asked(agent: VideoAgent, question: dict[str, Any]) -> dict[str, Any]:
    started = perf_counter()
    answer = agent.ask(question["question"])
    seconds = perf_counter() - started
    moments = agent.search(question["question"], limit=5)
    true = [tuple(span) for span in question.get("evidence", [])]
    cited = [(c.span.start, c.span.end) for c in answer.citations or answer.leads]
    five = [(c.span.start, c.span.end) for c in answer.citations] + [(m.span.start, m.span.end) for m in moments]
    row = {
        **question,
        "group": _group(question, answer),
        "said": answer.to_dict(),
        "answered": answer.answered,
        "recall@1": _hit(cited, true) if true else None,
        "recall@5": _hit(five[: max(5, len(answer.citations))][:5], true) if true else None,
        "in_text": accepted(question["accept"], [answer.text]) and answer.answered,
        "in_quote": accepted(question["accept"], [c.quote for c in answer.citations]),
        "seconds": seconds,
    }
    if question.get("options"):
        chosen = agent.ask(question["question"], choices=question["options"])
        picked = None if chosen.choice is None else question["options"][ord(chosen.choice) - ord("A")]
        row |= {"picked": picked, "picked_why": chosen.text, "seconds_choices": chosen.seconds["total"]}
    return row


def _held(row: dict[str, Any], given: baselines.Given) -> dict[str, Any]:
    """What a baseline is worth for a question."""
    true = [tuple(span) for span in row.get("evidence", [])]
    picked = given.picked(row["options"]) if row.get("options") else None
    return {
        "recall@1": _hit(given.spans[:1], true) if true else None,
        "recall@5": _hit(given.spans, true) if true else None,
        "in_quote": accepted(row["accept"], given.texts),
        "choice": picked == row.get("correct_option") if row.get("options") else None,
    }


def _group(question: dict[str, Any], answer: Any) -> str:
    if question["kind"] != "speech":
        return str(question["kind"])
    kinds = {kind for one in answer.searched for kind in one.kinds}
    return "speech with subtitles" if "subtitle" in kinds else "speech without subtitles"


def _hit(found: Iterable[tuple[float, float]], true: Iterable[tuple[float, float]]) -> bool:
    return any(
        min(end, e) - max(start, s) > 0 or (start == end and s <= start <= e) for start, end in found for s, e in true
    )


def accepted(accept: Sequence[str], texts: Iterable[str]) -> bool:
    """True when an accepted string stands in one of the texts as whole words, case, accents and punctuation aside."""
    return any(f" {_plain(a)} " in f" {_plain(text)} " for text in texts for a in accept if _plain(a))


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", fold(text)))


def _summaries(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    groups = dict.fromkeys(row["group"] for row in rows)
    return {name: _summary([row for row in rows if row["group"] == name]) for name in sorted(groups)}


def _summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    optional = [row for row in rows if "picked" in row]
    seconds = sorted(row["seconds"] for row in rows)
    return {
        "n": len(rows),
        "recall@1": _share([row["recall@1"] for row in rows]),
        "recall@5": _share([row["recall@5"] for row in rows]),
        "text": _share([row["in_text"] for row in rows]),
        "quote": _share([row["in_quote"] for row in rows]),
        "either": _share([row["in_text"] or row["in_quote"] for row in rows]),
        "declined": _share([not row["answered"] for row in rows]),
        "choice": _share([row["picked"] == row["correct_option"] for row in optional]),
        "wrong": _share([row["picked"] not in (None, row["correct_option"]) for row in optional]),
        **{
            f"{short}.{label}": _share([row[name][key] for row in rows])
            for name, short in (("words", "w"), ("uniform", "u"))
            for label, key in (("@1", "recall@1"), ("@5", "recall@5"), ("quote", "in_quote"), ("choice", "choice"))
        },
        "p50": statistics.median(seconds),
        "p95": seconds[min(len(seconds) - 1, int(0.95 * len(seconds)))],
    }


def _abstention(rows: Sequence[dict[str, Any]]) -> dict[str, float | None]:
    """Precision: declined questions that cannot be answered; recall: unanswerable ones that were declined."""
    return {
        "precision": _share([row["kind"] == "unanswerable" for row in rows if not row["answered"]]),
        "recall": _share([not row["answered"] for row in rows if row["kind"] == "unanswerable"]),
    }


def _share(values: Sequence[bool | None]) -> float | None:
    known = [bool(value) for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _table(summaries: dict[str, dict[str, Any]]) -> str:
    columns = list(next(iter(summaries.values()), {}))
    lines = [f"{'':24}" + "".join(f"{name:>10}" for name in columns)]
    for name, values in summaries.items():
        cells = ("-" if v is None else str(v) if isinstance(v, int) else f"{v:.2f}" for v in values.values())
        lines.append(f"{name:24}" + "".join(f"{cell:>10}" for cell in cells))
    return "\n".join(lines)


def _misses(rows: Sequence[dict[str, Any]]) -> str:
    lines = []
    for row in rows:
        wrong = row["answered"] if row["kind"] == "unanswerable" else not (row["in_text"] or row["in_quote"])
        choice = "picked" in row and row["picked"] != row["correct_option"]
        if wrong or choice or row["recall@5"] is False:
            said = f"{'answered' if row['answered'] else 'declined'} {row['said']['confidence']}"
            parts = [f"{row['kind']:12} {row['video'][:22]}", row["question"], f"wanted {row['answer']!r}", said]
            lines.append(" | ".join([*parts, row["said"]["answer"][:160], f"picked {row.get('picked', '-')!r}"]))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
