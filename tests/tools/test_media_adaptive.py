"""Leaving out pictures only where nothing happens: what remains, and the cuts, against a pass over all pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.flowing_films import ONE_REFERENCE, SEVERAL, boundaries, film
from tests.flowing_films import frames as pictures
from vagent import configs
from vagent.tools.media import Frame, stretches
from vagent.tools.media.adaptive import Adaptive
from vagent.tools.media.hevc import Headers, Picture

UNMARKED = {"sc_threshold": "0"}  # the encoder begins no stretch at a cut
QUIET = "log-level=none:open-gop={open}:scenecut=0:b-adapt=0:temporal-layers={layers}"


def hevc(*, open: int, layers: int = 0) -> dict[str, str]:
    """x265: with open groups, pictures shown before one at which a decoder may begin are stored behind it."""
    return {"preset": "medium", "x265-params": QUIET.format(open=open, layers=layers)}


def frames(path: Path, settings: configs.Settings, decode: str, start: float = 0.0) -> list[Frame]:
    """The pictures that a pass gives; of all of them each is a sample, else one of those in a fifth of a second."""
    return pictures(path, settings, decode, start, sample_fps=60.0 if decode == "all" else 5.0)


def agree(found: Sequence[Frame], every: Sequence[Frame]) -> None:
    """Each picture is one of all, to the last bit, and they are in order."""
    by_time = {frame.time: frame for frame in every}
    assert [frame.time for frame in found] == sorted({frame.time for frame in found})
    assert all(np.array_equal(frame.signature, by_time[frame.time].signature) for frame in found)
    assert all(np.array_equal(frame.image, by_time[frame.time].image) for frame in found if frame.image is not None)
    assert found[0].time == every[0].time
    assert found[-1].time == pytest.approx(every[-1].time, abs=0.2)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
class TestAdaptive:
    @pytest.mark.parametrize(("options", "part"), [(ONE_REFERENCE, 0.45), (SEVERAL, 0.65)])
    def test_what_flows_is_left_out(self, tmp_path, settings, suffix, options, part):
        path = film(tmp_path / f"a.{suffix}", options)
        found, every = frames(path, settings, "adaptive"), frames(path, settings, "all")
        assert len(every) == 72
        assert len(found) < part * 72
        agree(found, every)
        assert sum(frame.image is not None for frame in found) == len({int(frame.time * 5 + 1e-6) for frame in every})

    @pytest.mark.parametrize("options", [ONE_REFERENCE, SEVERAL])
    def test_all_around_a_cut_is_decoded(self, tmp_path, settings, suffix, options):
        path = film(tmp_path / f"a.{suffix}", options | UNMARKED, cuts=[59], gop=72)
        found, every = frames(path, settings, "adaptive"), frames(path, settings, "all")
        agree(found, every)
        late = [frame.time for frame in every[57:]]
        assert [frame.time for frame in found][-len(late) :] == late
        assert len(found) < 0.8 * 72
        assert [b.time for b in boundaries(found)] == [every[59].time]

    @pytest.mark.parametrize("start", [0.7, 1.5, 2.4])
    def test_a_later_start_gives_the_tail(self, tmp_path, settings, suffix, start):
        path = film(tmp_path / f"a.{suffix}", ONE_REFERENCE | UNMARKED, cuts=[50])
        full = [frame for frame in frames(path, settings, "adaptive") if frame.time >= start - 1e-6]
        late = frames(path, settings, "adaptive", start)
        assert [frame.time for frame in late] == [frame.time for frame in full]
        agree(late, full)


@pytest.mark.parametrize("options", [ONE_REFERENCE, SEVERAL])
@pytest.mark.parametrize("gop", [12, 240])
@pytest.mark.parametrize("cores", [1, 4])  # with threads, pictures come out when those of the next stretch have gone in
def test_cuts_lie_where_a_pass_over_all_finds_them(tmp_path, settings, options, gop, cores):
    cuts = [15, 43, 70, 71 + 24, 141, 167, 200]
    path = film(tmp_path / "a.mp4", options | UNMARKED, count=240, cuts=cuts, gop=gop)
    settings = settings.model_copy(update={"cores": cores})
    found, every = frames(path, settings, "adaptive"), frames(path, settings, "all")
    agree(found, every)
    assert boundaries(found) == boundaries(every)
    assert [b.time for b in boundaries(found)] == [every[cut].time for cut in cuts]


@pytest.mark.parametrize(("open", "layers"), [(0, 0), (1, 0), (1, 1)])
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize("cores", [1, 4])
def test_hevc(tmp_path, settings, suffix, open, layers, cores):
    path = film(tmp_path / f"a.{suffix}", hevc(open=open, layers=layers), codec="libx265", count=144, cuts=[70], gop=48)
    settings = settings.model_copy(update={"cores": cores})
    found, every = frames(path, settings, "adaptive"), frames(path, settings, "all")
    assert len(every) == 144
    assert len(found) < 0.8 * 144
    agree(found, every)
    assert boundaries(found) == boundaries(every)
    assert [b.time for b in boundaries(found)] == [every[70].time]
    late, full = frames(path, settings, "adaptive", 3.2), [frame for frame in found if frame.time >= 3.2 - 1e-6]
    assert [frame.time for frame in late] == [frame.time for frame in full]
    agree(late, full)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"fps": 7}, "a.mp4"),  # pictures would lie too far apart
        ({"b_frames": 0}, "a.mp4"),
        ({"interlaced": True}, "a.mp4"),
        ({"codec": "mpeg4"}, "a.mkv"),
    ],
)
def test_what_cannot_be_spared_is_decoded(tmp_path, settings, given, name):
    options = {} if "codec" in given else ONE_REFERENCE
    path = film(tmp_path / name, options, **given)
    found, every = frames(path, settings, "adaptive"), frames(path, settings, "all")
    assert len(found) == len(every) == 72
    agree(found, every)


def test_samples_are_as_close_as_they_are_wanted(tmp_path, settings):
    path = film(tmp_path / "a.mp4", ONE_REFERENCE)
    found = pictures(path, settings, "adaptive", sample_fps=10.0)
    assert len([frame for frame in found if frame.image is not None]) == 30
    assert len(pictures(path, settings, "adaptive", sample_fps=24.0)) == 72


def test_a_long_stretch_is_not_held(tmp_path, settings, monkeypatch):
    path = film(tmp_path / "a.mp4", ONE_REFERENCE)
    monkeypatch.setattr(stretches, "_PACKETS", 20)
    assert len(frames(path, settings, "adaptive")) == 72


def test_a_broken_stretch_is_decoded_twice_at_most(tmp_path, settings, monkeypatch):
    """What is missing because it broke looks like what was left out, whatever is done."""
    settings = settings.model_copy(update={"cores": 1})  # with threads, what comes out of broken pictures is chance
    path = film(tmp_path / "a.mp4", SEVERAL | UNMARKED, count=120, cuts=[60], gop=120)
    data = bytearray(path.read_bytes())
    random = np.random.default_rng(3)
    for place in random.integers(len(data) // 4, len(data) * 3 // 4, 30):
        data[place] ^= 0x55
    path.write_bytes(data)
    again = []
    decode_again = Adaptive._decode_again
    monkeypatch.setattr(Adaptive, "_decode_again", lambda self, plan: (again.append(1), decode_again(self, plan)))
    found, every = frames(path, settings, "adaptive"), frames(path, settings, "all")
    assert len(again) <= 1
    assert 0 < len(found) <= len(every)
    assert [frame.time for frame in found] == sorted({frame.time for frame in found})


class Stuttering:
    """A decoder of which every third picture comes out twice, and at the end one of a time that no packet had."""

    skip_frame = "DEFAULT"

    def decode(self, packet: SimpleNamespace | None) -> list[SimpleNamespace]:
        if packet is None:
            return [SimpleNamespace(pts=999)]
        return [SimpleNamespace(pts=packet.pts)] * (2 if packet.pts % 3 == 0 else 1)

    def flush_buffers(self) -> None:
        """Nothing is held back."""


def test_pictures_with_the_stamps_of_others_are_given_out():
    packets = [SimpleNamespace(pts=number) for number in range(10)]
    heads = [Picture(begins=number == 0, reference=True, intra=False) for number in range(10)]
    held = SimpleNamespace(offer=lambda _: [stretches.Stretch(packets, heads)], finish=list)
    grey = np.full((3, 90, 160), 128, np.uint8)
    adaptive = Adaptive(SimpleNamespace(codec_context=Stuttering()), held, 0.04, 1.0, lambda _: grey)
    found = [frame.pts for frame, _ in [*adaptive.feed(None), *adaptive.finish()]]
    assert found == [0, 0, 1, 2, 3, 3, 4, 5, 6, 6, 7, 8, 9, 9, 999, 999]


def test_it_is_what_the_presets_do(tmp_path: Path) -> None:
    assert {p: configs.load({"preset": p}, env={}).media.decode for p in ("quick", "standard", "deep")} == {
        "quick": "reference",
        "standard": "adaptive",
        "deep": "adaptive",
    }


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_no_bytes_break_it(extradata: bytes, packet: bytes) -> None:
    for extra in (extradata, b"\1" + extradata, b"\0\0\1\x40\1" + extradata):
        headers = Headers(extra)
        for data in (packet, b"\0\0\1\x26\1" + packet, b"\0\0\1\2\1" + packet):
            found = headers.picture(data)
            assert found is None or found.reference or not found.begins
