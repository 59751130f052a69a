"""Trains the models of the little world: ``python tests/world/train.py videollm|siglip|detector --out FOLDER``."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=["videollm", "siglip", "detector"])
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--steps", type=int, help="how long; the checkpoints' cards tell how they were made")
    parser.add_argument("--start", type=Path, help="videollm, detector: a checkpoint to go on from")
    parser.add_argument("--first", type=int, default=0, help="videollm, detector: seed of the first scene")
    parser.add_argument("--whole", type=float, help="videollm: how many prompts are the product's, word by word")
    parser.add_argument("--letters", type=float, default=0.0, help="videollm: how many questions have options")
    parser.add_argument("--seeing", type=int, default=1200, help="videollm: steps of the vision tower alone, before")
    parser.add_argument("--rate", type=float, help="videollm: highest learning rate")
    parser.add_argument("--threads", type=int, default=1, help="two are slower than one where others compute as well")
    given = parser.parse_args()

    import torch

    torch.set_num_threads(given.threads)
    steps = {} if given.steps is None else {"steps": given.steps}
    rest = {}
    if given.model == "detector":
        rest = {"start": given.start} | ({"first": given.first} if given.first else {})
    if given.model == "videollm":
        rest = {
            "start": given.start,
            "first": given.first,
            "whole": given.whole,
            "letters": given.letters,
            "seeing": given.seeing,
        } | ({"lr": given.rate} if given.rate else {})
    import_module(f"tests.world.train_{given.model}").train(given.out, **steps, **rest)


if __name__ == "__main__":
    main()
