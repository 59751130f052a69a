"""Makes demo.mp4, a little film about a day on an island, and demo.questions.jsonl, questions whose answers are known.

    python examples/make_demo.py            # both files; about six minutes on one core
    python examples/make_demo.py --check    # only: what the bundled speech recogniser makes of each spoken sentence

Everything in the film is made here: the pictures are drawn (demo_film/), the music is computed, and the voices are
those of the speech synthesiser flite (``apt-get install flite``). There is no subtitle track, so that what is said
has to be heard. The same versions of Pillow, PyAV and flite give the same film.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import wave
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from demo_film.drawing import HEIGHT, WIDTH, ease
from demo_film.questions import Spans, questions
from demo_film.story import DURATION, FILM, STARTS

FRAME_RATE = 15
AUDIO_RATE = 16_000
DISSOLVE = 1.6  # seconds; a fade takes one to black and one from it

Samples = NDArray[np.float32]


# --- pictures -------------------------------------------------------------------------------------------------------


def frames() -> Iterator[Image.Image]:
    """Every picture of the film, in order."""
    for tick in range(round(DURATION * FRAME_RATE)):
        yield picture(tick / FRAME_RATE)


def picture(time: float) -> Image.Image:
    """The picture at a time: a scene, darkened where it fades in or out, or two where one dissolves into the other."""
    number = max(n for n, start in enumerate(STARTS) if start <= time + 1e-9)
    begins = FILM[number].begins
    ends = FILM[number + 1].begins if number + 1 < len(FILM) else "fade"
    since, left = time - STARTS[number], STARTS[number] + FILM[number].length - time
    image = FILM[number].scene(since)
    if begins == "dissolve" and since < DISSOLVE / 2:
        before = FILM[number - 1].scene(since + FILM[number - 1].length)
        return Image.blend(before, image, 0.5 + since / DISSOLVE)
    if ends == "dissolve" and left < DISSOLVE / 2:
        return Image.blend(image, FILM[number + 1].scene(-left), 0.5 - left / DISSOLVE)
    light = ease(since) if begins == "fade" else 1.0
    light *= ease(left) if ends == "fade" else 1.0
    return image if light >= 1 else Image.eval(image, lambda value: round(value * light))


# --- sound ----------------------------------------------------------------------------------------------------------


def speak(text: str, voice: str) -> Samples:
    """A sentence in a voice of flite, without the silence around it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "voice.wav"
        try:
            subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(file)], check=True)
        except FileNotFoundError:
            raise SystemExit("flite is missing: apt-get install flite") from None
        with wave.open(str(file)) as sound:
            if (sound.getframerate(), sound.getnchannels()) != (AUDIO_RATE, 1):
                raise SystemExit(f"flite's voice {voice} is not 16 kHz mono")
            samples = np.frombuffer(sound.readframes(sound.getnframes()), np.int16).astype(np.float32) / 32768
    loud = np.flatnonzero(np.abs(samples) > 0.015)
    spoken: Samples = samples[loud[0] : loud[-1] + AUDIO_RATE // 10].astype(np.float32)
    return spoken


def chords(seconds: float) -> Samples:
    """Soft sine chords, one every four seconds, fading in and out."""
    time = np.arange(round(seconds * AUDIO_RATE)) / AUDIO_RATE
    music = np.zeros(len(time))
    progression = ((220.0, 277.18, 329.63), (184.99, 220.0, 293.66), (146.83, 220.0, 293.66), (164.81, 246.94, 329.63))
    for number in range(int(seconds // 4) + 1):
        since = time - number * 4
        swell = np.clip(since / 0.8, 0, 1) * np.exp(-np.clip(since, 0, None) / 2.6) * (since > 0)
        for note in progression[number % 4]:
            music += swell * (np.sin(2 * np.pi * note * time) + 0.25 * np.sin(4 * np.pi * note * time))
    return (0.045 * music * np.clip((seconds - time) / 1.5, 0, 1)).astype(np.float32)


def soundtrack() -> tuple[Samples, Spans]:
    """The whole sound, and for each sentence when it is heard."""
    sound = np.zeros(round(DURATION * AUDIO_RATE), np.float32)
    heard: Spans = {}
    for shot, start in zip(FILM, STARTS, strict=True):
        if shot.music:
            _mix(sound, chords(shot.music[1] - shot.music[0]), start + shot.music[0])
        free = 0.0
        for line in shot.lines:
            voice = speak(line.text, line.voice)
            length = len(voice) / AUDIO_RATE
            if line.at < free or line.at + length > shot.length:
                raise SystemExit(f"no room for {line.text!r} in shot {shot.name!r}")
            free = line.at + length + 1.0  # a pause that tells sentences apart
            _mix(sound, voice * np.float32(0.8), start + line.at)
            heard[line.text] = (start + line.at, start + line.at + length)
    return sound, heard


def _mix(sound: Samples, part: Samples, time: float) -> None:
    begin = round(time * AUDIO_RATE)
    sound[begin : begin + len(part)] += part[: len(sound) - begin]


# --- the file -------------------------------------------------------------------------------------------------------


def write_film(file: Path, sound: Samples) -> None:
    """Encodes pictures (H.264 where PyAV has x264, else MPEG-4) and sound (AAC)."""
    codec, options = "libx264", {"crf": "27", "preset": "veryslow", "tune": "animation", "g": "150"}
    if codec not in av.codecs_available:
        codec, options = "mpeg4", {"qscale": "6"}
    with av.open(str(file), "w", options={"movflags": "+faststart"}) as film:
        video = film.add_stream(codec, rate=FRAME_RATE, options=options)
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio = film.add_stream("aac", rate=AUDIO_RATE, layout="mono")
        assert isinstance(audio, av.AudioStream)
        audio.bit_rate = 32_000
        for number, image in enumerate(frames()):
            film.mux(video.encode(av.VideoFrame.from_ndarray(np.asarray(image), format="rgb24")))
            samples = sound[number * AUDIO_RATE // FRAME_RATE : (number + 1) * AUDIO_RATE // FRAME_RATE]
            part = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
            part.sample_rate, part.pts = AUDIO_RATE, number * AUDIO_RATE // FRAME_RATE
            part.time_base = Fraction(1, AUDIO_RATE)
            film.mux(audio.encode(part))
        film.mux(video.encode())
        film.mux(audio.encode())


# --- the questions, and the command ---------------------------------------------------------------------------------


def check_speech() -> None:
    """Prints each sentence and what pocketsphinx hears; stops with 1 when they differ in a word."""
    from pocketsphinx import Config, Decoder

    decoder = Decoder(Config(loglevel="FATAL"))
    wrong = 0
    for line in (line for shot in FILM for line in shot.lines):
        quiet = np.zeros(AUDIO_RATE // 5, np.float32)
        samples = np.concatenate([quiet, speak(line.text, line.voice) * np.float32(0.8), quiet])
        decoder.start_utt()
        decoder.process_raw((samples * 32767).astype(np.int16).tobytes(), full_utt=True)
        decoder.end_utt()
        heard = decoder.hyp().hypstr if decoder.hyp() else ""
        same = heard == line.text.lower().replace(",", "").replace(".", "")
        wrong += not same
        print("ok   " if same else "WRONG", line.text, "" if same else f"-> {heard}")
    sys.exit(1 if wrong else 0)


def main() -> None:
    """Writes both files beside this script."""
    if sys.argv[1:] == ["--check"]:
        check_speech()
    film = Path(__file__).with_name("demo.mp4")
    sound, heard = soundtrack()
    write_film(film, sound)
    rows = questions(film.name, heard)
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    film.with_name("demo.questions.jsonl").write_text(text, encoding="utf-8")
    print(f"{film}: {DURATION:.0f} s, {film.stat().st_size / 1e6:.2f} MB, {len(rows)} questions")


if __name__ == "__main__":
    main()
