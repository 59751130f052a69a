"""What other systems do to a video before they can be asked, rebuilt with the libraries and the defaults that they use.

Recognisers are those that come with vagent, with their own packages' defaults, so that what is compared is how they are
used. Captions and embeddings are left out on all sides. ``cuts standard`` and ``cuts quick`` are vagent's own search
for cuts by itself, as those presets decode, to be held against other programs that look for nothing else. Each recipe
is run by ``benchmarks.peers`` in a process of its own, as ``python -m benchmarks.recipes NAME FILM FOLDER``, and prints
a JSON object.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.truth import Found
from vagent import configs
from vagent.index.video.spending import processor_seconds
from vagent.tools.media import Frame
from vagent.tools.media.probe import pick, probe
from vagent.tools.media.reader import read
from vagent.tools.shots import ShotDetector
from vagent.tools.speech.pocketsphinx import PocketSphinx

_SURE = 0.5  # confidence from which Video-RAG takes a line
_CLIP = 30.0  # seconds of a clip of VideoRAG ...
_PICTURES = 5  # ... and pictures of it
_LONGEST = 20.0  # seconds of speech handed to the recogniser at once


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a recipe has to show.

    Attributes:
        texts: what it read, and when.
        cuts: where shots begin, seconds; None: it does not look for them.
        pictures: how many it keeps, and their bytes.
    """

    texts: tuple[Found, ...] = ()
    cuts: tuple[float, ...] | None = None
    pictures: tuple[int, int] = (0, 0)


class Senses:
    """The recognisers with their packages' own defaults, loaded before the clock runs."""

    def __init__(self, *, see: bool, hear: bool) -> None:
        from rapidocr import RapidOCR

        self._text = RapidOCR(params={"Global.log_level": "critical"}) if see else None
        if self._text is not None:
            self._text(np.zeros((360, 640, 3), np.uint8))
        self._speech = PocketSphinx(configs.load({"engines": {"speech": "pocketsphinx"}}, env={})) if hear else None

    def read(self, picture: Any) -> list[str]:
        """Whole-frame text recognition."""
        assert self._text is not None
        found = self._text(picture)
        return [t for t, sure in zip(found.txts or (), found.scores or (), strict=True) if sure >= _SURE]

    def hear(self, film: Path, folder: Path) -> int:
        """Speech recognition of a whole file, as a WAV first: how many words. Nothing where it is not asked for."""
        if self._speech is None:
            return 0
        wav = folder / f"{film.stem}.wav"
        _ffmpeg("-i", str(film), "-vn", "-ac", "1", "-ar", "16000", str(wav))
        samples = np.fromfile(wav, np.int16, offset=44)
        step = round(_LONGEST * 16_000)
        parts = [samples[first : first + step] for first in range(0, len(samples), step)]
        return sum(len(u.text.split()) for part in parts for u in self._speech.transcribe(part, 0.0))


def video_rag(film: Path, folder: Path, senses: Senses) -> Outcome:
    """Video-RAG: every sampled frame, one a second, through whole-frame recognition; the sound as a whole."""
    found = [(at, at + 1.0, text) for at, picture in _sampled(film, 1.0) for text in senses.read(picture)]
    senses.hear(film, folder)
    return Outcome(tuple(found))


def videorag_clips(film: Path, folder: Path, senses: Senses) -> Outcome:
    """VideoRAG (HKUDS): the film cut into files of thirty seconds, encoded anew as moviepy does; five pictures of each
    are looked at, the sound of each is heard."""
    found: list[Found] = []
    for number in range(int(np.ceil(_seconds(film) / _CLIP))):
        clip = folder / f"{number}.mp4"
        begin = number * _CLIP
        _ffmpeg("-ss", f"{begin}", "-i", str(film), "-t", f"{_CLIP}", "-c:v", "libx264", "-c:a", "aac", str(clip))
        length = _seconds(clip)
        for at, picture in _at(clip, [length * (i + 0.5) / _PICTURES for i in range(_PICTURES)]):
            half = length / _PICTURES / 2
            found += [(begin + at - half, begin + at + half, text) for text in senses.read(picture)]
        senses.hear(clip, folder)
    return Outcome(tuple(found))


def dvd_frames(film: Path, folder: Path, _: Senses) -> Outcome:
    """Deep Video Discovery: two frames a second, 360 lines, as JPEG files. It reads nothing."""
    for at, picture in _sampled(film, 0.5):
        small = cv2.resize(picture, (round(picture.shape[1] * 360 / picture.shape[0]), 360))
        cv2.imwrite(str(folder / f"{at:.1f}.jpg"), small)
    sizes = [file.stat().st_size for file in folder.glob("*.jpg")]
    return Outcome(pictures=(len(sizes), sum(sizes)))


def own_cuts(film: Path, _: Path, __: Senses, *, preset: str) -> Outcome:
    """vagent's search for cuts by itself: its decode pass, and nothing else that wants the frames."""
    info = probe(film)
    settings = configs.load({"preset": preset, "media": {"sample_fps": 0.01}}, env={})
    detector = ShotDetector()
    found = []
    for item in read(info, settings, video=pick(info, "video"), audio=None):
        if isinstance(item, Frame):
            found += detector.feed(item.time, item.signature)
    return Outcome(cuts=tuple(one.time for one in [*found, *detector.finish(info.duration or 0.0)]))


READING: Mapping[str, Callable[[Path, Path, Senses], Outcome]] = {"Video-RAG": video_rag, "VideoRAG": videorag_clips}
"""Recipes that read what is written."""

RECIPES: Mapping[str, Callable[[Path, Path, Senses], Outcome]] = {
    **READING,
    "DVD": dvd_frames,
    "cuts standard": partial(own_cuts, preset="standard"),
    "cuts quick": partial(own_cuts, preset="quick"),
}


def _sampled(film: Path, every: float) -> Iterator[tuple[float, Any]]:
    """One picture every so many seconds, decoding all as OpenCV does."""
    capture = cv2.VideoCapture(str(film))
    rate = capture.get(cv2.CAP_PROP_FPS) or 25.0
    step = max(1, round(rate * every))
    number = 0
    while capture.grab():
        if number % step == 0:
            yield number / rate, capture.retrieve()[1]
        number += 1
    capture.release()


def _at(film: Path, times: list[float]) -> Iterator[tuple[float, Any]]:
    capture = cv2.VideoCapture(str(film))
    for time_ in times:
        capture.set(cv2.CAP_PROP_POS_MSEC, time_ * 1000)
        there, picture = capture.read()
        if there:
            yield time_, picture
    capture.release()


def _seconds(film: Path) -> float:
    capture = cv2.VideoCapture(str(film))
    rate, frames = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
    capture.release()
    return float(frames / rate) if rate else 0.0


def _ffmpeg(*arguments: str) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-y", *arguments], check=True, stdin=subprocess.DEVNULL)


def main(name: str, film: Path, folder: Path, *, hear: bool) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    senses = Senses(see=name in READING, hear=hear)
    begun, spent = time.perf_counter(), processor_seconds()
    found = RECIPES[name](film, folder, senses)
    cost = {"wall": time.perf_counter() - begun, "cpu": processor_seconds() - spent}
    print(json.dumps(cost | asdict(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), hear="--hear" in sys.argv))
