"""A process that is killed while its model describes a batch of clips loses that batch, and nothing else."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np

from tests.media_files import write_video
from vagent import configs
from vagent.index.library import VideoLibrary

BATCH = 3

PROGRAM = """
import json, os, signal, sys
from vagent import configs
from vagent.index.library import VideoLibrary
from vagent.tools import engines
from vagent.tools.engines import Status
from vagent.tools.videollm import VideoLanguageModel

film, settings, log, last = sys.argv[1:]

class Diary(VideoLanguageModel):
    '''Writes down which clips it is shown, and dies in the middle of one batch.'''

    name, revision = "diary", "diary 1"
    batches = 0

    @classmethod
    def check(cls, settings):
        return Status(True, "always here")

    def answer(self, frames, prompt, *, tokens=None):
        return f"It is as bright as {frames[0][1].mean():.0f}."

    def caption(self, clips, prompts, *, tokens=None):
        type(self).batches += 1
        with open(log, "a") as diary:
            print(json.dumps([round(frames[0][0]) for frames in clips]), file=diary)
        texts = super().caption(clips, prompts, tokens=tokens)
        if self.batches == int(last):
            os.kill(os.getpid(), signal.SIGKILL)
        return texts

engines.ENGINES["videollm"]["diary"] = "__main__:Diary"
library = VideoLibrary(configs.load(json.loads(settings), env={}))
library.add(film)
library.close()
"""


def test_a_kill_costs_the_batch_under_way(tmp_path: Path) -> None:
    film = write_video(
        tmp_path / "film.mp4", lambda i: np.full((90, 160, 3), 4 * (i // 20), np.uint8), count=440, fps=2
    )
    off = dict.fromkeys(("text", "speech", "objects", "sounds", "visual", "embeddings"), "off")
    given = {
        "library": str(tmp_path / "library"),
        "engines": {**off, "videollm": "diary"},
        "captions": {"use": True, "batch": BATCH},
        "index": {"settle": 0},
        "threads": 1,
    }
    log = tmp_path / "log"
    codes = [
        subprocess.run([sys.executable, "-c", PROGRAM, film, json.dumps(given), log, str(last)], check=False).returncode
        for last in (3, 1, 2, 0)
    ]
    assert codes == [-signal.SIGKILL] * 3 + [0]
    with closing(VideoLibrary(configs.load(given, env={"VAGENT_ENGINES_VIDEOLLM": "off"}))) as opened:
        (video,) = opened.videos()
        clips = opened.clips(video.id)
        rows = opened.evidence(video.id, kinds=["caption"])
    assert len(clips) >= 20
    assert [row.span for row in rows] == [clip.span for clip in clips]
    batches = [tuple(json.loads(line)) for line in log.read_text().splitlines()]
    # Two are written before the first kill and one before the third; each kill has its batch done again.
    assert [batches.index(one) for one in batches] == [0, 1, 2, 2, 2, 5, 5, *range(7, len(batches))]
    shown = sorted(time for one in set(batches) for time in one)
    assert shown == sorted(set(shown))
    assert len(shown) == len(clips)
