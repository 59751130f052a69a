"""Damaged, truncated and lying files: what decodes is read, what does not is noted, nothing raises or hangs."""

from __future__ import annotations

import itertools
import random
import struct
from pathlib import Path

import numpy as np
import pytest

from tests.media_files import AudioTrack, SubtitleTrack, clicks, colours, tone, write_video
from tests.tools.test_media_reader import frames, loud, read_all, sound
from vagent.errors import VagentError
from vagent.tools.media import Audio, Gap
from vagent.tools.media.probe import pick, probe
from vagent.tools.media.reader import frame_at, read
from vagent.tools.subtitles import find


def gaps(items) -> list[tuple[float, float, str]]:
    return [(i.span.start, i.span.end, i.reason) for i in items if isinstance(i, Gap)]


def noisy(count: int, size: tuple[int, int] = (64, 48)) -> list[np.ndarray]:
    """Pictures that do not compress, so that the file has bytes in which damage shows."""
    generator = np.random.default_rng(0)
    return [generator.integers(0, 255, (size[1], size[0], 3), np.uint8) for _ in range(count)]


def picture_bytes(path: Path, track: int = 0) -> list[tuple[float, int, int]]:
    """Time, place in the file and length of each packet of a track."""
    import av

    with av.open(str(path)) as container:
        return [
            (float(p.pts * p.time_base), p.pos, p.size) for p in container.demux() if p.size and p.stream_index == track
        ]


class TestTruncated:
    def test_the_end_is_missing(self, tmp_path, settings):
        for suffix in ("mkv", "mp4"):
            options = {"movflags": "faststart"} if suffix == "mp4" else {}
            path = write_video(
                tmp_path / f"a.{suffix}", noisy(100), fps=10, gop=10, audio=tone(10), container_options=options
            )
            data = path.read_bytes()
            path.write_bytes(data[: len(data) // 2])
            items = read_all(path, settings)
            last = frames(items)[-1].time
            assert 3.5 < last < 6.5
            picture_gap, sound_gap = gaps(items)
            assert picture_gap[:2] == pytest.approx((last + 0.1, 10.0), abs=0.15)
            assert sound_gap[0] == pytest.approx(last, abs=1.0)
            assert sound_gap[1] == pytest.approx(10.0, abs=0.15)

    @pytest.mark.parametrize("suffix", ["mkv", "mp4", "webm", "ts", "avi", "mov"])
    def test_whole_files_have_no_gap(self, tmp_path, settings, suffix):
        codec = {"webm": "libvpx", "avi": "mpeg4"}.get(suffix, "libx264")
        for offset in (0.0, 2.5):
            path = write_video(tmp_path / f"a.{suffix}", colours(50), fps=10, codec=codec, audio=tone(5), offset=offset)
            assert gaps(read_all(path, settings)) == []
            assert gaps(read_all(path, settings, 3.0)) == []

    def test_a_track_that_ends_before_the_others_is_whole(self, tmp_path, settings):
        """Subtitles go on for ten seconds after picture and sound."""
        for suffix in ("mkv", "mp4"):
            cues = SubtitleTrack([(0.5, 1.0, "one"), (9.0, 12.0, "two")])
            path = write_video(tmp_path / f"a.{suffix}", colours(20), fps=10, audio=tone(2), subtitles=cues)
            assert gaps(read_all(path, settings)) == []

    def test_transport_stream_cut_in_the_middle_of_a_group(self, tmp_path, settings):
        path = write_video(tmp_path / "a.ts", noisy(60), fps=10, gop=30)
        data = path.read_bytes()
        path.write_bytes(data[len(data) // 4 :])
        found = frames(read_all(path, settings))
        assert len(found) >= 30
        assert found[0].time >= 0


class TestDamaged:
    def test_pictures_that_do_not_decode(self, tmp_path, settings):
        """The second of three groups of pictures is wiped out; the others are read with their own times."""
        path = write_video(tmp_path / "a.mkv", noisy(60), fps=10, gop=20)
        data = bytearray(path.read_bytes())
        for time, place, size in picture_bytes(path):
            if 2.0 <= time < 4.0:
                data[place + 16 : place + size] = bytes(size - 16)
        path.write_bytes(data)
        items = read_all(path, settings)
        times = [f.time for f in frames(items)]
        assert [t for t in times if t < 1.95] == pytest.approx([i / 10 for i in range(20)])
        assert [t for t in times if t >= 3.95] == pytest.approx([4 + i / 10 for i in range(20)])

    def test_a_wiped_stretch_without_a_picture_is_a_gap(self, tmp_path, settings):
        path = write_video(tmp_path / "a.mkv", noisy(60), fps=10, gop=20, codec="mjpeg", pix_fmt="yuvj420p")
        data = bytearray(path.read_bytes())
        for time, place, size in picture_bytes(path):
            if 1.95 < time < 3.95:
                data[place + 12 : place + size] = bytes(size - 12)
        path.write_bytes(data)
        items = read_all(path, settings)
        assert [f.time for f in frames(items)] == pytest.approx([i / 10 for i in [*range(20), *range(40, 60)]])
        (gap,) = gaps(items)
        assert gap[:2] == pytest.approx((2.0, 4.0))
        assert gap[2] == "pictures do not decode"

    def test_damage_in_the_sound_only(self, tmp_path, settings):
        heard = clicks([0.5, 5.5], 6.0) + np.random.default_rng(0).integers(-500, 500, 6 * 16_000).astype(np.int16)
        path = write_video(tmp_path / "a.mkv", colours(60), fps=10, audio=AudioTrack(heard, codec="flac"))
        data = bytearray(path.read_bytes())
        for time, place, size in picture_bytes(path, track=1):
            if 2.0 <= time < 4.0:
                data[place + 8 : place + size] = b"\x55" * (size - 8)
        path.write_bytes(data)
        items = read_all(path, settings)
        assert len(frames(items)) == 60
        assert loud(sound(items)) == pytest.approx([0.5, 5.5], abs=0.002)
        (gap,) = gaps(items)
        assert gap[:2] == pytest.approx((2.0, 4.0), abs=0.2)
        assert gap[2] == "sound does not decode"

    def test_a_hole_in_the_container(self, tmp_path, settings):
        """A stretch of a Matroska file is zeroes: reading goes on behind it with the right times, and says so."""
        path = write_video(
            tmp_path / "a.mkv", noisy(200), fps=10, gop=10, audio=tone(20),
            container_options={"cluster_time_limit": "500"},
        )  # fmt: skip
        data = bytearray(path.read_bytes())
        third = len(data) // 3
        data[third : third + len(data) // 10] = bytes(len(data) // 10)
        path.write_bytes(data)
        items = read_all(path, settings)
        times = [f.time for f in frames(items)]
        assert times[-1] == pytest.approx(19.9)
        assert all(b > a for a, b in itertools.pairwise(times))
        assert all(t * 10 == pytest.approx(round(t * 10), abs=1e-3) for t in times)
        before, after = max(itertools.pairwise(times), key=lambda pair: pair[1] - pair[0])
        assert 1.5 < after - before < 3.5
        picture_gap, sound_gap = sorted(gaps(items), key=lambda g: g[2])
        assert picture_gap[:2] == pytest.approx((before + 0.1, after), abs=0.02)
        assert sound_gap[:2] == pytest.approx((before, after), abs=1.0)

    def test_long_pauses_between_pictures_are_no_gaps(self, tmp_path, settings):
        """A recorded screen on which nothing moves: no picture for ten seconds, and none is missing."""
        times = [0.0, 0.1, 0.2, 10.0, 10.1, 40.0]
        for suffix in ("mkv", "mp4"):
            path = write_video(tmp_path / f"a.{suffix}", noisy(6), times=times)
            assert gaps(read_all(path, settings)) == []

    def test_resuming_behind_damage_gives_the_same_times(self, tmp_path, settings):
        path = write_video(tmp_path / "a.mkv", noisy(100), fps=10, gop=10, audio=tone(10))
        data = bytearray(path.read_bytes())
        for time, place, size in picture_bytes(path):
            if 2.0 <= time < 3.0:
                data[place + 8 : place + size] = bytes(size - 8)
        path.write_bytes(data)
        full, late = frames(read_all(path, settings)), frames(read_all(path, settings, 6.0))
        assert [f.time for f in late] == [f.time for f in full if f.time >= 6.0]


class TestLies:
    def patched(self, tmp_path, name: bytes, seconds: int) -> Path:
        """An MP4 whose movie header or track headers state another duration."""
        path = write_video(tmp_path / "a.mp4", colours(30), fps=10, audio=tone(3))
        data = bytearray(path.read_bytes())
        at = data.find(name)
        while at >= 0:
            duration = at + {b"mvhd": 20, b"mdhd": 20}[name]
            scale = struct.unpack(">I", data[duration - 4 : duration])[0]
            data[duration : duration + 4] = struct.pack(">I", min(seconds * scale, 2**32 - 1))
            at = data.find(name, at + 4)
        path.write_bytes(data)
        return path

    @pytest.mark.parametrize("seconds", [0, 1, 4_000_000])
    @pytest.mark.parametrize("box", [b"mvhd", b"mdhd"])
    def test_wrong_durations(self, tmp_path, settings, box, seconds):
        path = self.patched(tmp_path, box, seconds)
        info = probe(path)
        assert info.duration is None or info.duration < 1_000_000
        items = read_all(path, settings)
        assert [f.time for f in frames(items)] == pytest.approx([i / 10 for i in range(30)])
        assert len(sound(items)) == pytest.approx(3 * 16_000, abs=1200)
        assert frame_at(info, pick(info, "video"), 1.25).time == pytest.approx(1.2)

    def test_one_stamp_far_away(self, tmp_path, settings):
        times = [*(i / 10 for i in range(20)), 90_000.0]
        path = write_video(tmp_path / "a.mkv", colours(21), times=times)
        data = path.read_bytes()
        assert struct.pack(">d", 90_000_100.0)[:4] in data  # the header's duration, milliseconds
        found = frames(read_all(path, settings))
        assert [f.time for f in found[:20]] == pytest.approx([i / 10 for i in range(20)])
        assert len(found) == 21

    def test_one_damaged_stamp_in_a_transport_stream(self, tmp_path, settings):
        """One packet says that hours have passed: neither the pictures nor the sound believe it."""
        path = write_video(tmp_path / "a.ts", colours(100), fps=10, gop=10, audio=clicks([2.0, 8.0], 10.0))
        data = bytearray(path.read_bytes())
        # The presentation stamp of a sound packet in the middle: bits 32..30 stand in the first of its five bytes.
        starts = [n for n in range(len(data) - 14) if data[n : n + 4] == b"\0\0\1\xc0" and data[n + 7] & 0x80]
        data[starts[len(starts) // 2] + 9] ^= 0x06
        path.write_bytes(data)
        items = read_all(path, settings)
        assert loud(sound(items)) == pytest.approx([2.0, 8.0], abs=0.15)
        assert len(sound(items)) < 11 * 16_000
        assert frames(items)[-1].time == pytest.approx(9.9, abs=0.1)

    def test_joined_streams_whose_clock_leaps_ahead(self, tmp_path, settings):
        one = write_video(tmp_path / "1.ts", colours(50), fps=10, gop=5, audio=clicks([1.0], 5.0)).read_bytes()
        other = write_video(tmp_path / "2.ts", colours(50), fps=10, gop=5, audio=clicks([1.0], 5.0), offset=7200)
        (tmp_path / "both.ts").write_bytes(one + other.read_bytes())
        items = read_all(tmp_path / "both.ts", settings)
        assert len(frames(items)) == 100
        assert frames(items)[-1].time == pytest.approx(10.0, abs=0.3)
        assert loud(sound(items)) == pytest.approx([1.0, 6.05], abs=0.2)
        late = read_all(tmp_path / "both.ts", settings, 7.0)
        assert [f.time for f in frames(late)] == [f.time for f in frames(items) if f.time >= 7.0]

    def test_tracks_that_come_and_go_in_the_middle(self, tmp_path, settings):
        """What FFmpeg looks through before it tells the tracks, at the beginning and at the end, does not show them."""
        random = np.random.default_rng(1)
        noise = [random.integers(0, 255, (240, 320, 3)).astype(np.uint8) for _ in range(4)]
        fine = {"qscale": "1", "flags": "+qscale", "global_quality": "118"}
        plain = {"fps": 10, "codec": "mpeg2video"}
        large = write_video(tmp_path / "1.ts", noise * 15, gop=1, options=fine, **plain).read_bytes()
        heard = write_video(tmp_path / "2.ts", noise * 5, audio=tone(2), **plain).read_bytes()
        (tmp_path / "all.ts").write_bytes(large + heard + large)
        assert len(large) > 5_000_000
        assert len(probe(tmp_path / "all.ts").tracks) == 1
        assert len(frames(read_all(tmp_path / "all.ts", settings))) == 140


SEEDS = range(60)


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("small")
    made = {}
    for suffix in ("mp4", "mkv", "ts"):
        cues = [] if suffix == "ts" else SubtitleTrack([(0.2, 0.8, "one"), (1.0, 1.5, "two")])
        path = write_video(folder / f"a.{suffix}", noisy(16, (32, 32)), fps=8, gop=4, audio=tone(2), subtitles=cues)
        made[suffix] = path.read_bytes()
    return made


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize("seed", SEEDS)
def test_random_damage_never_raises_anything_else(small, tmp_path, settings, suffix, seed):
    """Bytes flipped, cut out, doubled and cut off at random places, headers more often than not."""
    chance = random.Random(f"{suffix}{seed}")
    data = bytearray(small[suffix])
    for _ in range(chance.choice([1, 3, 20, 200])):
        near = chance.choice([len(data), 600, 4000])
        at = max(0, min(len(data) - 1, chance.randrange(max(1, near)) if chance.random() < 0.7 else len(data) - near))
        kind = chance.random()
        if kind < 0.7:
            data[at] = chance.randrange(256)
        elif kind < 0.8:
            data[at : at + 4] = chance.choice([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0"])
        elif kind < 0.9:
            del data[at : at + chance.randrange(1, 100)]
        else:
            data[at:at] = data[at : at + chance.randrange(1, 100)]
    if chance.random() < 0.3:
        del data[chance.randrange(len(data)) :]
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(data)
    try:
        info = probe(path)
        video, audio = pick(info, "video"), pick(info, "audio")
        last = -1.0
        for item in itertools.islice(read(info, settings, video=video, audio=audio), 4000):
            if isinstance(item, Audio):
                assert len(item.samples) <= 64_000
            elif not isinstance(item, Gap):
                assert item.time > last
                last = item.time
        list(itertools.islice(read(info, settings, video=video, audio=audio, start=1.0), 4000))
        find(info, settings.subtitles)
        if video is not None:
            frame_at(info, video, 1.0)
    except VagentError:
        pass
