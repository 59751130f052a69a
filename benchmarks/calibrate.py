"""Fit the weights of vagent.agent.evidence.support on small documents with answerable and unanswerable questions.

    python -m benchmarks.calibrate [DOCUMENTS.jsonl ...] [--misses]

Prints how well "answered" is told from "not answerable" on documents that the fit has not seen (five folds, split by
document), the weights fitted on all of them, to be copied into agent/evidence/support.py, and how whole answers fare
with the weights that stand there now.
"""

from __future__ import annotations

import argparse
import random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.agent.memory import documents, index_of, minilm
from vagent.agent.ask import ask
from vagent.agent.evidence.passages import rank
from vagent.agent.evidence.shelf import Shelf
from vagent.agent.evidence.support import NAMES
from vagent.agent.language.words import squeezed
from vagent.agent.question.plan import understand
from vagent.agent.routes.quoting import cited

RIDGE = 1.0
# Seldom seen, but clear where they are: held back less.
FIRM = ("untyped", "contrast", "missing", "literal", "uncounted", "scattered", "stale", "unmarked", "elsewhere")
THRESHOLDS = (0.3, 0.35, 0.4, 0.42, 0.45, 0.5, 0.55)
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=["dialogues.jsonl", "screens.jsonl"])
    parser.add_argument("--misses", action="store_true", help="list the questions that went wrong")
    given = parser.parse_args()
    rows = [row for name in given.names for row in collect(name)]
    print_folds([row for row in rows if "features" in row])
    weights = fit([row for row in rows if "features" in row])
    print("BIAS =", round(float(weights[0]), 2))
    print("WEIGHTS =", {name: round(float(w), 2) for name, w in zip(NAMES, weights[1:], strict=True)})
    print_answers(rows)
    if given.misses:
        for row in rows:
            if row["answered"] != row["answerable"] or (row["answerable"] and not row["cited"]):
                print(f"{row['answerable']!s:5} {row['answered']!s:5} {row['key']} -> {row['said'][:110]} {row['why']}")


def collect(name: str) -> list[Row]:
    """One row a question: the whole answer, and for plain questions the features of the best passage."""
    rows = []
    for document in documents(name):
        index = index_of(document, minilm())
        for asked in document["questions"]:
            answer = ask(index, asked["question"], videos=[1])
            row: Row = {
                "key": f"{document['id']}: {asked['question']}",
                "document": document["id"],
                "answerable": bool(asked["accept"]),
                "answered": answer.answered,
                "cited": holds(asked["accept"], " ".join(c.quote for c in answer.citations)),
                "said": answer.text,
                "why": "",
            }
            plan, shelf = understand(asked["question"], duration=index.videos[1].duration), Shelf(index, [1])
            if plan.task == "find":
                leads = [hit.evidence.id for moment in index.search(asked["question"]) for hit in moment.hits]
                ranked = rank(plan, shelf, leads)
                support = ranked[0].support
                row["features"] = np.array(support.features())
                row["right"] = holds(asked["accept"], " ".join(q.text for q in cited(ranked, shelf)))
                row["why"] = f"{plan.expects} {support.probability:.2f} {np.round(row['features'], 2)}"
            rows.append(row)
    return rows


def holds(accept: list[str], text: str) -> bool:
    """True when one of the accepted strings stands in the text."""
    return any(squeezed(a) in squeezed(text) for a in accept)


def print_folds(rows: list[Row]) -> None:
    """What the fit is worth on documents that it has not seen."""
    names = sorted({row["document"] for row in rows})
    random.Random(7).shuffle(names)
    for fold in range(5):
        held_out = set(names[fold::5])
        weights = fit([row for row in rows if row["document"] not in held_out])
        for row in rows:
            if row["document"] in held_out:
                row["p"] = 1 / (1 + np.exp(-(weights[0] + weights[1:] @ row["features"])))
    print("threshold  unanswerable declined  answerable declined  answered wrongly")
    for threshold in THRESHOLDS:
        declined = np.mean([row["p"] < threshold for row in rows if not row["answerable"]])
        wrongly = np.mean([row["p"] < threshold for row in rows if row["answerable"]])
        wrong = np.mean([row["p"] >= threshold and not row["right"] for row in rows if row["answerable"]])
        print(f"{threshold:9.2f}{declined:23.3f}{wrongly:21.3f}{wrong:18.3f}")


def print_answers(rows: list[Row]) -> None:
    """Whole answers with the weights in use."""
    answerable = [row for row in rows if row["answerable"]]
    declined = np.mean([not row["answered"] for row in rows if not row["answerable"]])
    print(f"{len(rows)} whole answers: unanswerable declined {declined:.3f}", end=", ")
    print(f"answerable declined {np.mean([not row['answered'] for row in answerable]):.3f}", end=", ")
    print(f"answer cited {np.mean([row['cited'] for row in answerable]):.3f}")


def fit(rows: list[Row]) -> NDArray[np.float64]:
    """Ridge-penalised logistic regression by Newton's method; the first weight is the bias."""
    x = np.array([[1.0, *row["features"]] for row in rows])
    y = np.array([float(row["right"]) for row in rows])
    weights = np.zeros(x.shape[1])
    penalty = RIDGE * np.eye(x.shape[1])
    penalty[0, 0] = 0.0
    for name in FIRM:
        penalty[NAMES.index(name) + 1, NAMES.index(name) + 1] = 0.05 * RIDGE
    for _ in range(30):
        p = 1 / (1 + np.exp(-x @ weights))
        gradient = x.T @ (p - y) + penalty @ weights
        weights -= np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x + penalty, gradient)
    return weights


if __name__ == "__main__":
    main()
