"""What is missing in the middle of a transport stream is told, and what is predicted from it is not shown."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.index.sync.films import pictures, scenes
from tests.media_files import AudioTrack, tone, write_video
from tests.tools.test_media_damage import gaps, noisy, picture_bytes
from tests.tools.test_media_reader import frames, read_all, sound
from vagent.configs import Settings
from vagent.tools.media import Frame
from vagent.tools.media.transport import whole

SECONDS = 24
MOVING = pictures(scenes(1, 12), (96, 56))[: SECONDS * 10]
CODECS = {"libx264": {"gop": 20, "b_frames": 2}, "mpeg2video": {"gop": 12, "b_frames": 2}}
UNLIKE = 8.0  # grey levels by which a broken picture differs from the true one, on average


def film(path: Path, codec: str, audio: bool, **options: object) -> Path:
    """A film that moves all the time, at a rate of pictures that its codec knows."""
    fps = 25 if codec == "mpeg2video" else 10
    shown = [MOVING[int(number / fps * 10)] for number in range(SECONDS * fps)]
    heard = AudioTrack(tone(SECONDS), codec="mp2") if audio else None
    return write_video(path, shown, fps=fps, audio=heard, codec=codec, **CODECS[codec], **options)


def hole(path: Path, seconds: float, *, aligned: bool) -> tuple[float, float]:
    """Fill a stretch with zeroes, and give when its first and its last picture are shown."""
    data = bytearray(path.read_bytes())
    at, size = int(0.37 * len(data)), int(len(data) * seconds / SECONDS)
    if aligned:
        at, size = at // 188 * 188, size // 188 * 188
    times = [time for time, place, _ in picture_bytes(path) if at <= place < at + size]
    first = min(time for time, _, _ in picture_bytes(path))
    data[at : at + size] = bytes(size)
    path.write_bytes(data)
    return min(times) - first, max(times) - first


def away(one: Frame, other: Frame) -> float:
    return float(np.abs(one.signature.astype(int) - other.signature.astype(int)).mean())


@pytest.mark.parametrize("aligned", [True, False], ids=["packets", "bytes"])
@pytest.mark.parametrize("seconds", [1, 3, 10])
@pytest.mark.parametrize("audio", [True, False], ids=["sound", "silent"])
@pytest.mark.parametrize("codec", CODECS)
def test_zeroes_are_a_gap_up_to_the_next_key_frame(
    tmp_path: Path, settings: Settings, codec: str, audio: bool, seconds: float, aligned: bool
) -> None:
    path = film(tmp_path / "a.ts", codec, audio)
    true = frames(read_all(path, settings))
    start = true[0].time
    first, last = (start + time for time in hole(path, seconds, aligned=aligned))
    items = read_all(path, settings)
    ((begins, ends, _),) = [gap for gap in gaps(items) if gap[2] == "pictures do not decode"]
    assert first - 0.35 <= begins <= first + 0.15
    assert last < ends <= last + 2.3
    shown = frames(items)
    behind = [one for one in shown if one.time >= ends - 1e-3]
    assert behind[0].key
    expected = {round(one.time, 2): one for one in true if one.time >= ends - 1e-3}
    close = [one for one in behind if round(one.time, 2) in expected]
    assert len(close) >= len(expected) / 2
    assert all(away(one, expected[round(one.time, 2)]) < UNLIKE for one in close)
    assert shown[-1].time == pytest.approx(true[-1].time)
    assert not [one for one in shown if begins < one.time < ends - 1e-3]
    assert audio is any(gap[2] == "sound does not decode" for gap in gaps(items))


@pytest.mark.parametrize("where", ["within pictures", "between pictures"])
def test_packets_that_were_lost_are_a_gap(tmp_path: Path, settings: Settings, where: str) -> None:
    """As by a bad antenna: the stream goes on with a later packet, and its clock leaps."""
    path = film(tmp_path / "a.ts", "libx264", False)
    data = path.read_bytes()
    begin, end = len(data) // 2 // 188 * 188, len(data) * 5 // 8 // 188 * 188
    if where == "between pictures":
        places = [place for _, place, _ in picture_bytes(path)]
        begin, end = (min(place for place in places if place >= at) for at in (begin, end))
    path.write_bytes(data[:begin] + data[end:])
    ((begins, ends, reason),) = gaps(read_all(path, settings))
    assert (ends - begins, reason) == (pytest.approx(SECONDS / 8, abs=2.5), "pictures do not decode")


def test_a_read_that_begins_in_the_gap_gives_the_same(tmp_path: Path, settings: Settings) -> None:
    path = film(tmp_path / "a.ts", "libx264", True)
    first, last = hole(path, 3, aligned=True)
    full = frames(read_all(path, settings))
    for start in (first - 2.0, (first + last) / 2, last + 4.0):
        late = frames(read_all(path, settings, start))
        assert [one.time for one in late] == [one.time for one in full if one.time >= start]


def test_what_lies_behind_much_damage_is_read(tmp_path: Path, settings: Settings) -> None:
    """FFmpeg gives up its search for a packet again and again within so many zeroes."""
    path = write_video(tmp_path / "a.ts", noisy(200, (240, 136)), fps=10, gop=10, options={"qp": "10"})
    data = bytearray(path.read_bytes())
    assert len(data) > 4 << 20
    at, size = len(data) // 4, len(data) // 2
    data[at : at + size] = bytes(size)
    path.write_bytes(data)
    items = read_all(path, settings)
    assert frames(items)[-1].time == pytest.approx(19.9)
    ((begins, ends, _),) = gaps(items)
    assert (begins, ends) == pytest.approx((5.0, 15.0), abs=1.1)


@pytest.mark.parametrize("decode", ["all", "reference"])
@pytest.mark.parametrize("suffix", ["ts", "m2ts"])
@pytest.mark.parametrize("rate", [None, "2000000"], ids=["bare", "filled up"])
def test_slides_are_no_gaps(tmp_path: Path, settings: Settings, decode: str, suffix: str, rate: str | None) -> None:
    """A picture every few seconds, in a stream that is filled up to an even rate or not, with and without sound."""
    chosen = settings.model_copy(update={"media": settings.media.model_copy(update={"decode": decode})})
    options = {} if rate is None else {"muxrate": rate}
    times = [0.0, 0.1, 0.2, 3.0, 6.0, 9.0, 9.1, 14.0]
    for heard in (None, tone(15)):
        path = write_video(
            tmp_path / f"a.{suffix}", noisy(8), times=times, fps=10, gop=4, audio=heard, container_options=options
        )
        items = read_all(path, chosen)
        assert gaps(items) == []
        assert [one.time for one in frames(items)] == pytest.approx(times, abs=0.11)
        assert heard is None or len(sound(items)) == pytest.approx(len(heard), abs=4000)


def packets(size: int, count: int, tracks: int, seed: int) -> np.ndarray:
    """Packets of some tracks in turn, each with its number, filled with anything."""
    found = np.random.default_rng(seed).integers(0, 256, (count, size), np.uint8)
    number = np.arange(count)
    found[:, 0], found[:, 1], found[:, 2], found[:, 3] = 0x47, 1, number % tracks, 0x10 | number // tracks % 16
    return found


@hypothesis_settings(max_examples=60, deadline=None)
@given(st.sampled_from([188, 192, 204]), st.integers(100, 400), st.integers(1, 3), st.integers(0, 1000), st.data())
def test_any_packet_that_is_missing_or_has_no_mark_is_told(
    tmp_path_factory: pytest.TempPathFactory, size: int, count: int, tracks: int, seed: int, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("stream") / "a.ts"
    sane = packets(size, count, tracks, seed)
    path.write_bytes(sane.tobytes())
    first = data.draw(st.integers(0, count // 2))
    assert whole(path, first * size, (count - 1) * size, 0x100)
    broken = data.draw(st.integers(first + tracks, count - 2 * tracks))
    unmarked = sane.copy()
    unmarked[broken] = 0
    path.write_bytes(unmarked.tobytes())
    assert not whole(path, first * size, (count - 1) * size, 0x100)
    path.write_bytes(np.delete(sane, np.s_[broken : broken + tracks], axis=0).tobytes())
    assert not whole(path, first * size, (count - tracks - 1) * size, 0x100)


def test_pictures_before_the_hole_keep_their_times(tmp_path: Path, settings: Settings) -> None:
    path = film(tmp_path / "a.ts", "mpeg2video", False)
    true = [one.time for one in frames(read_all(path, settings))]
    first, _ = hole(path, 3, aligned=True)
    found = [one.time for one in frames(read_all(path, settings))]
    assert all(b > a for a, b in pairwise(found))
    assert [time for time in found if time < first - 0.5] == [time for time in true if time < first - 0.5]
