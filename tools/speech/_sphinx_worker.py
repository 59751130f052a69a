"""The process that decodes speech for ``pocketsphinx``: PCM in on stdin, one JSON line out for each stretch.

It is started by its path and imports nothing of vagent, so it runs wherever the interpreter and the package
pocketsphinx are. Native decoding holds the interpreter's lock, which is why it does not happen in vagent's own process.

    in:  length in bytes (4 bytes, little end first), then int16 samples, mono, 16 kHz
    out: {"ready": true} once, then {"words": [[text, start, end], ...]} or {"error": text}; seconds in the stretch
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
import time
from typing import Any, BinaryIO

FRAMES_A_SECOND = 100
_VARIANT = re.compile(r"\(\d+\)$")  # which pronunciation was heard, "the(2)"

# The wider beam halved the errors on reverberant speech; the narrower maximum pays for it, mostly where music plays.
_SETTINGS = {"loglevel": "FATAL", "beam": 1e-60, "wbeam": 1e-40, "maxhmmpf": 15_000}


def words(decoder: Any, samples: bytes) -> list[tuple[str, float, float]]:
    """What is heard in ``samples``: words and their times; fillers (silence, breath, noise) left out."""
    decoder.reinit_feat()  # or what was heard before would change what is heard now
    decoder.start_utt()
    decoder.process_raw(samples, full_utt=True)
    decoder.end_utt()
    if decoder.hyp() is None:
        return []
    return [
        (_VARIANT.sub("", s.word), s.start_frame / FRAMES_A_SECOND, (s.end_frame + 1) / FRAMES_A_SECOND)
        for s in decoder.seg()
        if s.word[0] not in "<[+"
    ]


def serve(source: BinaryIO, answers: BinaryIO) -> None:
    """Answer until ``source`` ends."""

    def answer(message: dict[str, Any]) -> None:
        answers.write(json.dumps(message).encode() + b"\n")
        answers.flush()

    try:
        from pocketsphinx import Config, Decoder

        decoder = Decoder(Config(**_SETTINGS))
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent has to hear of it
        answer({"error": f"{type(error).__name__}: {error}"})
        return
    answer({"ready": True})
    while len(header := source.read(4)) == 4:
        samples = source.read(int.from_bytes(header, "little"))
        try:
            answer({"words": words(decoder, samples)})
        except RuntimeError as error:
            answer({"error": str(error)})


def main() -> None:
    """Serve on stdin and stdout until the parent closes them or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    # Nothing that native code prints may get between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    threading.Thread(target=_follow, args=(os.getppid(),), daemon=True).start()
    sys.path += sys.argv[1:]  # where the parent found pocketsphinx
    try:
        serve(sys.stdin.buffer, answers)
    except BrokenPipeError:
        os._exit(0)


def _follow(parent: int) -> None:
    """End with the parent, also when a fork of it keeps our stdin open."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)


if __name__ == "__main__":
    main()
