"""Real files of many makers, against what other programs say about them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.flowing_films import boundaries, decoding
from tests.tools.test_media_reader import frames, sound
from vagent import configs
from vagent.errors import MediaError
from vagent.tools.media import Gap, Item
from vagent.tools.media.probe import pick, probe
from vagent.tools.media.reader import frame_at, read
from vagent.tools.subtitles import find, good

# What ffmpeg -map 0:v:0 counted. The twenty-minute film is left to the slow run.
PICTURES = {
    "01_dog.mp4": 289, "02_cups.mp4": 300, "av1_video.mkv": 125, "awesome_movie_with_subtitles.m4v": 123,
    "big_buck_bunny_0_30.webm": 720, "bottle-detection.mp4": 1189, "car-detection.mp4": 377, "chaplin.mp4": 241,
    "chrome_clay.mp4": 899, "corrupted.mp4": 49, "crc_element_has_invalid_hash.mkv": 13,
    "derived_truncated_elephantsdream.mkv": 213, "eagle_movtext.3gp": 274, "echo-hereweare.webm": 836,
    "elephantsdream_3audio_3subs.mkv": 720, "fishes.wmv": 310, "friday.mp4": 185, "googlework_short.mp4": 1026,
    "h265_10bits.mp4": 30, "interlaced_anamorphic_xdcam-hd-1080i50.mov": 25, "lecture_eth_scene-change.mov": 19,
    "nasa_13013.mp4": 325, "no_duration.webm": 74, "polevault_v_rBMQFpHspmo.mp4": 434, "rot_video_180.mov": 3,
    "rot_video_90.mov": 3, "testvideo_fades.mp4": 720, "var_fps_video.mp4": 300, "wildlife_test_video.mp4": 902,
}  # fmt: skip
FLOWING = {  # the part of the pictures that is decoded
    "01_dog.mp4": 0.52, "02_cups.mp4": 0.55, "chaplin.mp4": 0.76, "elephantsdream_3audio_3subs.mkv": 0.6,
    "googlework_short.mp4": 0.75, "h265_10bits.mp4": 0.5, "nasa_13013.mp4": 0.65, "wildlife_test_video.mp4": 0.65,
}  # fmt: skip
LONG = {"lecture_gis_input_6.mp4": 2031, "long_dev_20min.mp4": 17974}
SOUND_SECONDS = {
    "01_dog.mp4": 9.664, "awesome_movie_with_subtitles.m4v": 7.477, "big_buck_bunny_0_30.webm": 30.0,
    "commercial_mono.wav": 45.3, "elephantsdream_3audio_3subs.mkv": 30.046, "fishes.wmv": 12.48, "friday.mp4": 6.166,
    "jfk.flac": 11.0, "nasa_13013.mp4": 13.056, "no_duration.webm": 4.89, "wildlife_test_video.mp4": 30.12,
}  # fmt: skip
SILENT = {"01_dog.mp4", "no_duration.webm"}  # a track of silence


def everything(path: Path, settings: configs.Settings, start: float = 0.0) -> list[Item]:
    info = probe(path)
    video = info.of("video")[0] if info.of("video") else None
    return list(read(info, settings, video=video, audio=pick(info, "audio"), start=start))


def shrunk(settings: configs.Settings, decode: str = "all") -> configs.Settings:
    """Small images, as a rule of every picture: these tests look at times."""
    return decoding(settings, decode, image_width=64)


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_decodes_with_a_time_of_its_own(media, settings, name):
    items = everything(media / name, shrunk(settings))
    found = frames(items)
    assert len(found) == PICTURES[name]
    times = [f.time for f in found]
    assert times[0] < 1.0
    assert min(np.diff(times)) > 0
    assert len({f.signature.shape for f in found}) == 1
    sampled = [int(f.time) for f in found if f.image is not None]
    assert sampled == sorted(set(sampled))
    assert sampled == sorted({int(t + 1e-6) for t in times})
    truncated = name == "derived_truncated_elephantsdream.mkv"
    assert bool([i for i in items if isinstance(i, Gap)]) == truncated


@pytest.mark.parametrize("name", FLOWING)
def test_leaving_pictures_out_moves_no_cut(media, settings, name):
    found = {decode: frames(everything(media / name, shrunk(settings, decode))) for decode in ("all", "adaptive")}
    every = {frame.time: frame.signature for frame in found["all"]}
    assert len(found["adaptive"]) <= FLOWING[name] * len(every)
    assert all(np.array_equal(frame.signature, every[frame.time]) for frame in found["adaptive"])
    cuts = {decode: [b for b in boundaries(pictures) if b.kind != "dissolve"] for decode, pictures in found.items()}
    assert cuts["adaptive"] == cuts["all"]


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG)
def test_every_picture_of_long_files(media, settings, name):
    assert len(frames(everything(media / name, shrunk(settings)))) == LONG[name]


@pytest.mark.parametrize("name", SOUND_SECONDS)
def test_sound_lasts_as_long_as_the_file_says(media, settings, name):
    info = probe(media / name)
    samples = sound(list(read(info, settings, video=None, audio=pick(info, "audio"))))
    assert len(samples) / 16_000 == pytest.approx(SOUND_SECONDS[name], abs=0.06)
    assert samples.any() == (name not in SILENT)


def test_expectations_are_the_ones_above(media):
    """The table is not out of date, and every readable file is in it."""
    said = {e["file"]: e for e in map(json.loads, (media / "expectations.jsonl").read_text().splitlines())}
    assert {f: e["decoded_video_frames"] for f, e in said.items() if e["decoded_video_frames"]} == PICTURES | LONG
    for name, entry in said.items():
        if entry["readable"]:
            info = probe(media / name)
            counts = [len([t for t in info.tracks if t.kind == k]) for k in ("video", "audio", "subtitle")]
            assert counts == [entry["video_streams"], entry["audio_streams"], entry["subtitle_streams"]]
            if entry["container_duration_s"] is None:
                assert info.duration is None
        else:
            with pytest.raises(MediaError):
                probe(media / name)


@pytest.mark.parametrize(
    "name",
    ["fishes.wmv", "big_buck_bunny_0_30.webm", "googlework_short.mp4", "no_duration.webm", "var_fps_video.mp4",
     "derived_truncated_elephantsdream.mkv", "lecture_eth_scene-change.mov", "eagle_movtext.3gp"],
)  # fmt: skip
def test_resuming_and_looking_up_agree_with_a_full_read(media, settings, name):
    settings = shrunk(settings)
    full = frames(everything(media / name, settings))
    info = probe(media / name)
    for part in (0.31, 0.83):
        start = round(full[-1].time * part, 3)
        late = frames(everything(media / name, settings, start))
        tail = [f for f in full if f.time >= start - 1e-6]
        assert [(f.time, f.image is None) for f in late] == [(f.time, f.image is None) for f in tail]
        assert all(np.array_equal(a.signature, b.signature) for a, b in zip(late, tail, strict=True))
        shown = frame_at(info, info.of("video")[0], tail[0].time)
        assert shown.time == tail[0].time
        assert np.array_equal(shown.signature, tail[0].signature)


def test_truncated_film_says_what_is_missing(media, settings):
    gaps = [i for i in everything(media / "derived_truncated_elephantsdream.mkv", settings) if isinstance(i, Gap)]
    assert [g.span.start for g in gaps] == pytest.approx([8.9, 9.1], abs=0.1)
    assert [g.span.end for g in gaps] == pytest.approx([38.93, 38.93], abs=0.1)


def test_shown_sizes(media):
    sizes = {
        "rot_video_90.mov": (320, 568, 90),
        "rot_video_180.mov": (568, 320, 180),
        "interlaced_anamorphic_xdcam-hd-1080i50.mov": (1920, 1080, 0),
    }
    for name, expected in sizes.items():
        track = pick(probe(media / name), "video")
        assert (track.width, track.height, track.rotation) == expected
        image = frame_at(probe(media / name), track, 0.0).image
        assert (image.shape[1], image.shape[0]) == expected[:2]
    assert pick(probe(media / "interlaced_anamorphic_xdcam-hd-1080i50.mov"), "video").interlaced


def test_tracks_of_a_film_with_several(media):
    info = probe(media / "elephantsdream_3audio_3subs.mkv")
    assert pick(info, "audio").index == 1
    assert pick(info, "audio", language="es").index == 2
    assert pick(info, "audio", language="en").index == 1
    assert info.tracks[3].commentary
    assert pick(probe(media / "nasa_13013.mp4"), "video").index == 3


SUBTITLES = {
    "friday.mp4": [
        (0.0, 0.999, "Hildy!"), (1.0, 1.499, "How are you?"), (1.5, 2.999, "Tell me, is the lord of the universe in?"),
        (3.0, 4.299, "Yes, he's in - in a bad humor"), (4.3, 6.0, "Somebody must've stolen the crown jewels"),
    ],
    "awesome_movie_with_subtitles.m4v": [
        (0.5, 1.9, "This is a test subtitle."), (2.0, 5.37, "AWESOME FIXTURE MOVIE"), (5.95, 7.0, "Nice."),
    ],
    "eagle_movtext.3gp": [
        (1.262, 2.787, "This is a sub-title on 2 lines"), (3.418, 4.817, "with italic support"),
        (5.986, 6.419, "and also bold"), (7.223, 8.487, "and even bold italic lines..."),
        (9.223, 10.487, "and unicode: é ï ö Ä"),
    ],
    "derived_truncated_elephantsdream.mkv": [(7.99, 9.447, "Are you hurt?")],
}  # fmt: skip


@pytest.mark.parametrize("name", SUBTITLES)
def test_subtitles(media, settings, name):
    info = probe(media / name)
    found = find(info, settings.subtitles)
    assert found.problems == ()
    cues = [(c.span.start, c.span.end, c.text) for c in found.chosen.cues]
    assert cues == [(pytest.approx(start), pytest.approx(end), text) for start, end, text in SUBTITLES[name]]
    assert good(found.chosen, info.duration or 0, settings.subtitles)


def test_subtitles_by_language(media, settings):
    info = probe(media / "elephantsdream_3audio_3subs.mkv")
    for code, track in ((None, 4), ("pt", 5), ("swe", 6), ("sv", 6), ("ja", 4)):
        chosen = find(info, settings.subtitles.model_copy(update={"language": code}), "eng").chosen
        assert chosen.origin == f"track {track}"
        assert len(chosen.cues) == 8
