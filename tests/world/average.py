"""The mean of checkpoints of one run: ``python tests/world/average.py --out FOLDER CHECKPOINT CHECKPOINT...``.

Two stretches of training end with different strengths; their mean is about as good as the better of the two at each,
and costs no training (Wortsman et al. 2022, Model soups).
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path


def average(out: Path, checkpoints: list[Path]) -> None:
    """Writes the mean of the weights, and everything else as it stands beside the first checkpoint."""
    from safetensors.torch import load_file, save_file

    held = [load_file(folder / "model.safetensors") for folder in checkpoints]
    mean = {name: (sum(one[name].float() for one in held) / len(held)).to(held[0][name].dtype) for name in held[0]}
    shutil.copytree(checkpoints[0], out, dirs_exist_ok=True)
    save_file(mean, out / "model.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the mean")
    parser.add_argument("checkpoints", type=Path, nargs="+")
    given = parser.parse_args()
    average(given.out, given.checkpoints)
