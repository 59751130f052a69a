"""Leaving B pictures out of H.264: heads of slices are held against FFmpeg, what remains against a whole decode."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.flowing_films import ONE_REFERENCE, SEVERAL, decoding, film, frames
from vagent import configs
from vagent.tools.media import Frame, Gap, stretches
from vagent.tools.media.frames import Pictures
from vagent.tools.media.h264 import Headers, Picture
from vagent.tools.media.probe import pick, probe
from vagent.tools.media.reader import read
from vagent.tools.media.skipping import Skipper
from vagent.tools.media.stretches import independent

_KINDS = {1: "I", 2: "P", 3: "B"}  # as FFmpeg counts them


def kept(path: Path, settings: configs.Settings, start: float = 0.0) -> list[Frame]:
    """What the pass gives that leaves pictures out."""
    return frames(path, settings, "reference", start)


def whole(path: Path, skip: str) -> dict[float, Any]:
    """Pictures by time, as FFmpeg decodes them without our choosing."""
    found = {}
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.skip_frame = skip
        stream.codec_context.options = {"skip_loop_filter": "all"}
        offset = (container.start_time or 0) / 1e6
        pictures = Pictures(stream.sample_aspect_ratio)
        for frame in container.decode(stream):
            found[round(frame.time - offset, 3)] = pictures.signature(frame)
    return found


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
class TestLeavingOut:
    def test_what_remains_is_as_if_nothing_had_been_left_out(self, tmp_path, settings, suffix):
        path = film(tmp_path / f"a.{suffix}", ONE_REFERENCE)
        found, every, needed = kept(path, settings), whole(path, "DEFAULT"), whole(path, "NONREF")
        assert len(every) == 72
        assert len(found) < 0.7 * len(needed)
        assert all(np.array_equal(frame.signature, every[round(frame.time, 3)]) for frame in found)

    def test_a_film_that_needs_them_keeps_them(self, tmp_path, settings, suffix):
        path = film(tmp_path / f"a.{suffix}", SEVERAL)
        found, needed = kept(path, settings), whole(path, "NONREF")
        assert [round(frame.time, 3) for frame in found] == pytest.approx(sorted(needed), abs=0.002)
        # Without them pictures would come out that were never filmed.
        left = whole(path, "BIDIR")
        assert any(not np.array_equal(left[time], needed[time]) for time in left)

    def test_a_stretch_with_a_cut_is_decoded_closely(self, tmp_path, settings, suffix):
        options = ONE_REFERENCE | {"sc_threshold": "0"}
        path = film(tmp_path / f"a.{suffix}", options, cuts=[50])
        late = [frame.time for frame in kept(path, settings) if frame.time >= 1.49]
        needed = [time for time in sorted(whole(path, "NONREF")) if time >= 1.49]
        assert late == pytest.approx(needed, abs=0.002)
        assert len(kept(path, settings)) < len(whole(path, "NONREF"))

    @pytest.mark.parametrize("start", [0.7, 1.5, 2.4])
    def test_a_later_start_gives_the_tail(self, tmp_path, settings, suffix, start):
        path = film(tmp_path / f"a.{suffix}", ONE_REFERENCE)
        full = [frame for frame in kept(path, settings) if frame.time >= start - 1e-6]
        late = kept(path, settings, start)
        assert [frame.time for frame in late] == [frame.time for frame in full]
        assert all(np.array_equal(a.signature, b.signature) for a, b in zip(late, full, strict=True))

    def test_a_long_stretch_is_not_held(self, tmp_path, settings, suffix, monkeypatch):
        path = film(tmp_path / f"a.{suffix}", ONE_REFERENCE)
        monkeypatch.setattr(stretches, "_PACKETS", 20)
        assert len(kept(path, settings)) == len(whole(path, "NONREF"))


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_what_is_damaged_is_told_as_without(tmp_path, settings, suffix):
    path = film(tmp_path / f"a.{suffix}", ONE_REFERENCE, count=240, gop=48)
    data = bytearray(path.read_bytes())
    first, last = int(len(data) * 0.35), int(len(data) * 0.6)
    data[first:last] = bytes(last - first)
    path.write_bytes(data)
    info, told = probe(path), {}
    settings = settings.model_copy(update={"cores": 1})  # with threads, what comes out of broken pictures is chance
    for decode in ("all", "adaptive", "reference"):
        items = read(info, decoding(settings, decode), video=pick(info, "video"), audio=None)
        told[decode] = [item.span for item in items if isinstance(item, Gap)]
    assert len(told["all"]) == 1
    assert told["adaptive"] == told["all"]
    assert len(told["reference"]) == 1  # B pictures may come out behind damage before P pictures do
    assert told["reference"][0].start == pytest.approx(told["all"][0].start, abs=0.2)
    assert told["reference"][0].end == pytest.approx(told["all"][0].end, abs=0.7)


@pytest.mark.parametrize(
    ("options", "given"),
    [
        (ONE_REFERENCE, {}),
        (SEVERAL, {}),
        (SEVERAL | {"x264-params": "slices=4:weightp=2:cabac=0"}, {}),
        (ONE_REFERENCE | {"x264-params": "cqm=jvt:bframes=5"}, {}),
        (ONE_REFERENCE | {"profile": "high444"}, {"pix_fmt": "yuv444p"}),
    ],
)
@pytest.mark.parametrize("suffix", ["mp4", "ts"])
def test_heads_say_what_the_decoder_finds(tmp_path, suffix, options, given):
    path = film(tmp_path / f"a.{suffix}", options, count=48, **given)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        headers = Headers(stream.codec_context.extradata)
        read = {p.pts: headers.picture(memoryview(p)) for p in container.demux(stream) if p.size}
    assert all(read.values())
    with av.open(str(path)) as container:
        types = {frame.pts: _KINDS[frame.pict_type] for frame in container.decode(video=0)}
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.skip_frame = "NONREF"
        needed = {frame.pts for frame in container.decode(video=0)}
    said = {pts: "I" if p.intra else "B" if p.bidirectional else "P" for pts, p in read.items() if p}
    assert said == types
    assert {pts for pts, p in read.items() if p and p.reference} == needed
    assert sum(p.begins for p in read.values() if p) == 2
    # Numbers count on by one from each picture that others need.
    ordered = [p for p in read.values() if p]
    for before, after in itertools.pairwise(ordered):
        assert after.number == (0 if after.begins else (before.number + before.reference) % 16) or after.number > 15


def test_interlaced_films_are_left_alone(tmp_path):
    path = film(tmp_path / "a.mp4", ONE_REFERENCE, interlaced=True)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        skipper = Skipper("h264", stream.codec_context.extradata, float(stream.time_base))
        levels = [level for p in container.demux(stream) if p.size for _, level in skipper.offer(p)]
        assert levels == ["NONREF"] * 72
        assert not list(skipper.finish())


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_no_bytes_break_it(extradata: bytes, packet: bytes) -> None:
    for extra in (extradata, b"\1" + extradata, b"\0\0\1\x67" + extradata):
        headers = Headers(extra)
        for data in (packet, b"\0\0\1\x68" + packet, b"\0\0\1\x65" + packet):
            found = headers.picture(data)
            assert found is None or found.number >= 0


def coded(kind: str, number: int, named: tuple[int, ...] = (), latest: int = 0, reference: bool = True) -> Picture:
    return Picture(kind == "IDR", kind in ("IDR", "I"), kind == "B", reference, number, frozenset(named), latest, 4)


@pytest.mark.parametrize(
    ("then", "expected"),
    [
        ([coded("P", 3, (1,))], True),  # it names the P picture
        ([coded("P", 3, (2,))], False),  # it names the B picture
        ([coded("P", 3, (7,))], False),  # it names what was never seen
        ([coded("P", 3, (), 1)], False),  # the last one, which is the B picture
        ([coded("P", 3, (1,), 1)], False),  # one more, which may be the B picture
        ([coded("I", 3), coded("P", 4, (), 1)], True),  # the last one, which is no B picture
        ([coded("I", 3), coded("P", 4, (), 2)], False),
        ([coded("B", 3, reference=False), coded("I", 3)], True),
    ],
)
def test_what_a_p_picture_is_predicted_from(then: list[Picture], expected: bool) -> None:
    assert independent([coded("IDR", 0), coded("P", 1, (), 1), coded("B", 2), *then]) is expected
