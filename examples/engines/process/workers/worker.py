"""The worker's side of ``vagent_process``: runs in the model's own environment.

    python worker.py RECIPE.py [ARGUMENT...]

Needs Python 3.8 or newer and nothing else. A recipe is a file with a function ``load(*arguments)`` that loads the model
and returns a function ``answer(pictures, times, prompt, tokens)``: paths of JPEG files in order of time, their times in
seconds, the prompt, and the length of the answer; it returns the text.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import traceback
from typing import Any


def main() -> None:
    """Load the recipe's model, say so, and answer until nobody asks any more."""
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # Libraries print progress and warnings; from here on that goes to stderr, and nobody else reads the questions.
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)

    def say(reply: dict[str, Any]) -> None:
        replies.write(json.dumps(reply) + "\n")
        replies.flush()

    answer = load(sys.argv[1]).load(*sys.argv[2:])
    say({"ready": True})
    for line in requests:
        request = json.loads(line)
        try:
            text = answer(request["pictures"], request["times"], request["prompt"], request["tokens"])
            reply = {"text": text}
        except Exception as error:  # noqa: BLE001 - one picture that a model cannot take is no reason to load it again
            traceback.print_exc()
            reply = {"error": f"{type(error).__name__}: {error}"}
        say({"id": request["id"], **reply})


def load(file: str) -> Any:
    """The module in a file, wherever that lies."""
    spec = importlib.util.spec_from_file_location("recipe", file)
    if spec is None or spec.loader is None:
        raise SystemExit(f"not a Python file: {file}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
