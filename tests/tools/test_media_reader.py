"""Reading: times, pictures, samples, resuming. Expected times are worked out by hand from what was written."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from tests.flowing_films import decoding
from tests.media_files import (
    AudioTrack,
    VideoTrack,
    clicks,
    colours,
    picture,
    quadrants,
    shade,
    tone,
    write_video,
)
from vagent import configs
from vagent.errors import SourceError
from vagent.tools.media import Audio, Frame, Gap, Item, MediaInfo, Track
from vagent.tools.media.clock import FrameClock
from vagent.tools.media.probe import pick, probe
from vagent.tools.media.reader import frame_at, frames_at, read


def read_all(path: Path, settings: configs.Settings, start: float = 0.0, sound: bool = True, **options) -> list[Item]:
    info = probe(path)
    video, audio = pick(info, "video"), pick(info, "audio") if sound else None
    media = settings.media.model_copy(update=options)
    settings = settings.model_copy(update={"media": media})
    return list(read(info, settings, video=video, audio=audio, start=start))


def frames(items: list[Item]) -> list[Frame]:
    return [i for i in items if isinstance(i, Frame)]


def sound(items: list[Item]) -> np.ndarray:
    """All samples; checks on the way that block follows block without a hole."""
    blocks = [i for i in items if isinstance(i, Audio)]
    for one, other in itertools.pairwise(blocks):
        assert other.time == pytest.approx(one.time + len(one.samples) / 16_000, abs=1e-5)
    return np.concatenate([b.samples for b in blocks])


def grey(frame: Frame) -> int:
    assert frame.image is not None
    return round(float(frame.image.mean()))


def loud(samples: np.ndarray, start: float = 0.0) -> list[float]:
    """Times at which a burst begins after silence."""
    at = np.flatnonzero(np.abs(samples.astype(int)) > 3000)
    begins = [at[0], *(b for a, b in itertools.pairwise(at) if b - a > 800)] if len(at) else []
    return [start + float(b) / 16_000 for b in begins]


class TestTimes:
    def test_even_rate(self, tmp_path, settings):
        path = write_video(tmp_path / "a.mp4", colours(10), fps=5)
        assert [f.time for f in frames(read_all(path, settings))] == pytest.approx([i / 5 for i in range(10)])

    @pytest.mark.parametrize("suffix", ["mkv", "mp4", "mov"])
    def test_variable_rate(self, tmp_path, settings, suffix):
        times = [0, 0.1, 0.5, 0.7, 1.3, 2.0, 2.1, 2.2, 5.0, 5.04]
        path = write_video(tmp_path / f"a.{suffix}", colours(10), times=times)
        found = frames(read_all(path, settings, sample_fps=60))
        assert [f.time for f in found] == pytest.approx(times, abs=1e-6)
        assert [grey(f) for f in found] == pytest.approx([shade(i) for i in range(10)], abs=4)

    def test_start_offset_is_removed_from_pictures_and_sound(self, tmp_path, settings):
        path = write_video(tmp_path / "a.mkv", colours(10), fps=5, audio=clicks([0.5, 1.5], 2.0), offset=3.5)
        items = read_all(path, settings)
        assert [f.time for f in frames(items)] == pytest.approx([i / 5 for i in range(10)])
        assert loud(sound(items)) == pytest.approx([0.5, 1.5], abs=0.002)
        assert probe(path).offset == pytest.approx(3.5)

    def test_negative_stamps(self, tmp_path, settings):
        path = write_video(
            tmp_path / "a.mkv", colours(10), fps=5, audio=clicks([0.5], 2.0), offset=-0.4,
            container_options={"avoid_negative_ts": "disabled"},
        )  # fmt: skip
        items = read_all(path, settings)
        assert probe(path).offset == pytest.approx(-0.4)
        assert [f.time for f in frames(items)] == pytest.approx([i / 5 for i in range(10)])
        assert loud(sound(items)) == pytest.approx([0.5], abs=0.002)

    def test_sound_that_begins_late_stays_late(self, tmp_path, settings):
        path = write_video(tmp_path / "a.mkv", colours(20), fps=5, audio=AudioTrack(clicks([0.25], 1.0), start=2.0))
        samples = sound(read_all(path, settings))
        assert loud(samples) == pytest.approx([2.25], abs=0.002)
        assert len(samples) == pytest.approx(3.0 * 16_000, abs=400)

    def test_reordered_pictures_come_in_order(self, tmp_path, settings):
        path = write_video(tmp_path / "a.mp4", colours(20), fps=5, b_frames=3)
        found = frames(read_all(path, settings, sample_fps=60))
        assert [f.time for f in found] == pytest.approx([i / 5 for i in range(20)], abs=1e-6)
        assert [grey(f) for f in found] == pytest.approx([shade(i) for i in range(20)], abs=6)

    def test_stream_without_stamps(self, tmp_path, settings):
        path = write_video(tmp_path / "a.h264", colours(10), fps=25, format="h264")
        times = [f.time for f in frames(read_all(path, settings))]
        assert len(times) == 10
        assert all(0 < b - a < 0.1 for a, b in itertools.pairwise(times))

    def test_clock_that_begins_anew_goes_on(self, tmp_path, settings):
        """Two transport streams joined byte to byte, as recorders do; the second one's clock begins at 0 again."""
        one = write_video(tmp_path / "1.ts", colours(50), fps=10, audio=clicks([1.0], 5.0), gop=5)
        (tmp_path / "both.ts").write_bytes(one.read_bytes() * 2)
        times = [f.time for f in frames(read_all(tmp_path / "both.ts", settings))]
        assert len(times) == 100
        steps = [b - a for a, b in itertools.pairwise(times)]
        assert min(steps) > 0
        assert max(steps) < 0.5
        assert times[-1] == pytest.approx(10.0, abs=0.3)
        assert loud(sound(read_all(tmp_path / "both.ts", settings))) == pytest.approx([1.0, 6.05], abs=0.15)

    def test_wrong_presentation_stamps_beside_right_decoding_stamps(self):
        """As in real VC-1 files: every second picture claims a time before the one that was shown before it."""
        info = MediaInfo(Path("a.wmv"), "asf", 1, 10.0, 0.0, ())
        clock = FrameClock(info, Track(0, "video", "vc1", frame_rate=25.0))
        shown = [n + (1 if n % 2 else -1) for n in range(50)]
        times = [clock.time(SimpleNamespace(pts=40 * p, dts=40 * n), 0.001) for n, p in enumerate(shown)]
        assert times[4:] == pytest.approx([n / 25 for n in range(4, 50)])
        assert all(b > a for a, b in itertools.pairwise(times))

    def test_one_picture(self, tmp_path, settings):
        found = frames(read_all(write_video(tmp_path / "a.mp4", colours(1), fps=5), settings))
        assert [f.time for f in found] == [0.0]
        assert found[0].image is not None


class TestSamples:
    def test_first_frame_at_or_after_each_grid_time(self, tmp_path, settings):
        times = [0.0, 0.4, 0.9, 1.2, 1.9, 2.0, 2.5, 4.7, 4.9, 5.0, 5.9]
        path = write_video(tmp_path / "a.mkv", colours(11), times=times)
        sampled = [f.time for f in frames(read_all(path, settings, sample_fps=1)) if f.image is not None]
        assert sampled == pytest.approx([0.0, 1.2, 2.0, 4.7, 5.0])

    def test_two_a_second(self, tmp_path, settings):
        path = write_video(tmp_path / "a.mp4", colours(20), fps=5)
        sampled = [f.time for f in frames(read_all(path, settings, sample_fps=2)) if f.image is not None]
        assert sampled == pytest.approx([0, 0.6, 1.0, 1.6, 2.0, 2.6, 3.0, 3.6])

    def test_images_are_scaled_to_the_width_asked_for(self, tmp_path, settings):
        path = write_video(tmp_path / "a.mp4", colours(1, (256, 128)))
        assert frames(read_all(path, settings, image_width=128))[0].image.shape == (64, 128, 3)
        assert frames(read_all(path, settings, image_width=1280))[0].image.shape == (128, 256, 3)

    def test_reference_decoding_leaves_pictures_out(self, tmp_path, settings):
        path = write_video(tmp_path / "a.mp4", colours(40), fps=10, b_frames=2)
        every = frames(read_all(path, settings, decode="all"))
        some = frames(read_all(path, settings, decode="reference"))
        assert len(every) == 40
        assert 5 < len(some) < 40
        whole = {f.time: f for f in every}
        assert {f.time for f in some} <= set(whole)
        for frame in some:
            if frame.image is not None and whole[frame.time].image is not None:
                assert np.abs(frame.image.astype(int) - whole[frame.time].image).mean() < 2


class TestResume:
    @pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "avi", "webm", "h264"])
    @pytest.mark.parametrize("start", [0.05, 3.0, 4.3, 5.5, 7.0])
    def test_same_as_the_tail_of_a_full_read(self, tmp_path, settings, suffix, start):
        codec = {"avi": "mpeg4", "webm": "libvpx"}.get(suffix, "libx264")
        audio = None if suffix == "h264" else AudioTrack(clicks([0.5, 3.2, 4.4, 7.5], 9.0), codec=
            {"avi": "pcm_s16le", "webm": "libopus", "ts": "aac"}.get(suffix))  # fmt: skip
        path = write_video(tmp_path / f"a.{suffix}", colours(90), fps=10, gop=20, codec=codec, audio=audio)
        full, late = read_all(path, settings), read_all(path, settings, start)
        tail = [f for f in frames(full) if f.time >= start - 1e-6]
        assert [f.time for f in frames(late)] == [f.time for f in tail]
        for one, other in zip(frames(late), tail, strict=True):
            assert np.array_equal(one.signature, other.signature)
            assert (one.image is None) == (other.image is None)
            assert one.image is None or np.array_equal(one.image, other.image)
        if audio is not None:
            expected = [t for t in loud(sound(full)) if t >= start]
            assert loud(sound(late), start) == pytest.approx(expected, abs=0.002)
            assert next(i for i in late if isinstance(i, Audio)).time == start

    def test_variable_rate_and_b_frames(self, tmp_path, settings):
        times = list(np.cumsum(np.random.default_rng(1).uniform(0.02, 0.4, 80)).round(3))
        path = write_video(tmp_path / "a.mkv", colours(80), times=times, b_frames=2, gop=15)
        full = frames(read_all(path, settings, sample_fps=2))
        for start in (1.0, 5.0, 9.1, full[40].time):
            late = frames(read_all(path, settings, start, sample_fps=2))
            tail = [f for f in full if f.time >= start - 1e-6]
            assert [(f.time, f.image is None) for f in late] == [(f.time, f.image is None) for f in tail]

    def test_beyond_the_end_is_empty(self, tmp_path, settings):
        path = write_video(tmp_path / "a.mp4", colours(10), fps=5)
        assert frames(read_all(path, settings, 60.0)) == []

    def test_badly_interleaved_sound_is_found(self, tmp_path, settings):
        """All sound is stored before all pictures: after a seek by picture none of it would come."""
        path = write_video(
            tmp_path / "a.mkv", colours(90), fps=10, gop=20, audio=clicks([0.5, 6.5], 9.0), audio_first=True
        )
        late = read_all(path, settings, 5.0)
        assert loud(sound(late), 5.0) == pytest.approx([6.5], abs=0.002)
        assert [f.time for f in frames(late)] == pytest.approx([5 + i / 10 for i in range(40)])


class TestFrameAt:
    TIMES = (0.0, 0.5, 0.6, 2.0, 3.0)

    @pytest.fixture
    def path(self, tmp_path) -> Path:
        return write_video(tmp_path / "a.mkv", colours(5), times=self.TIMES)

    @pytest.mark.parametrize(
        ("time", "number"),
        [(0.0, 0), (0.49, 0), (0.5, 1), (0.55, 1), (0.6, 2), (1.99, 2), (2.0, 3), (2.9, 3), (3.0, 4), (99.0, 4)],
    )
    def test_last_picture_that_begins_at_or_before(self, path, time, number):
        info = probe(path)
        frame = frame_at(info, pick(info, "video"), time)
        assert frame.time == pytest.approx(self.TIMES[number])
        assert grey(frame) == pytest.approx(shade(number), abs=4)

    def test_first_picture_when_asked_for_before_it(self, tmp_path):
        path = write_video(tmp_path / "a.mkv", colours(3), times=[1.0, 1.5, 2.0], audio=tone(3))
        info = probe(path)
        assert frame_at(info, pick(info, "video"), 0.2).time == pytest.approx(1.0)

    @pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "flv"])
    def test_agrees_with_read_everywhere(self, tmp_path, settings, suffix):
        path = write_video(tmp_path / f"a.{suffix}", colours(60), fps=7, gop=13, b_frames=2)
        info = probe(path)
        video = pick(info, "video")
        for frame in frames(read_all(path, settings, sample_fps=60))[::7]:
            shown = frame_at(info, video, frame.time)
            assert shown.time == frame.time
            assert np.array_equal(shown.image, frame.image)

    def test_several_times_in_one_go(self, path):
        info = probe(path)
        found = frames_at(info, pick(info, "video"), [2.5, 0.0, 0.55, 2.5])
        assert [f.time for f in found] == pytest.approx([2.0, 0.0, 0.5, 2.0])

    def test_full_resolution(self, tmp_path):
        path = write_video(tmp_path / "a.mp4", colours(2, (1600, 64)))
        info = probe(path)
        assert frame_at(info, pick(info, "video"), 0).image.shape == (64, 1600, 3)


class TestPictures:
    # where red, green, blue and white of ``quadrants`` end up: top left, top right, bottom left, bottom right
    UPRIGHT = ("red", "green", "blue", "white")

    def corners(self, image: np.ndarray) -> tuple[str, ...]:
        height, width = image.shape[:2]
        names = []
        for y, x in ((1, 1), (1, 3), (3, 1), (3, 3)):
            blue, green, red = (int(v) > 128 for v in image[height * y // 4, width * x // 4])
            names.append(
                {(0, 0, 1): "red", (0, 1, 0): "green", (1, 0, 0): "blue", (1, 1, 1): "white"}[blue, green, red]
            )
        return tuple(names)

    @pytest.mark.parametrize(
        ("rotation", "flip", "expected"),
        [
            (0, False, ("red", "green", "blue", "white")),
            (90, False, ("blue", "red", "white", "green")),
            (180, False, ("white", "blue", "green", "red")),
            (270, False, ("green", "white", "red", "blue")),
            (0, True, ("green", "red", "white", "blue")),
            (180, True, ("blue", "white", "red", "green")),
        ],
    )
    def test_rotation(self, tmp_path, settings, rotation, flip, expected):
        path = write_video(tmp_path / "a.mp4", [quadrants((96, 48))] * 2, rotation=rotation, flip=flip)
        info = probe(path)
        image = frames(read_all(path, settings))[0].image
        size = (96, 48, 3) if rotation % 180 else (48, 96, 3)
        assert image.shape == size
        assert self.corners(image) == expected
        assert self.corners(frame_at(info, pick(info, "video"), 0).image) == expected
        video = pick(info, "video")
        assert (video.height, video.width) == size[:2]
        if not flip:
            assert video.rotation == rotation

    def test_rotation_of_a_phone_video_is_clockwise_once(self):
        """Guards the generator: 90 must write the matrix that phones write, so that both cannot be wrong together."""
        from vagent.tools.media.frames import Orientation

        phone = (0, 65536, 0, -65536, 0, 0, 20971520, 0, 1073741824)  # of a real portrait recording
        assert Orientation(phone).rotation == 90
        pixels = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)
        assert Orientation(phone).apply(pixels)[:, :, 0].tolist() == [[3, 0], [4, 1], [5, 2]]

    @pytest.mark.parametrize(("sar", "width"), [(Fraction(4, 3), 128), (Fraction(1, 2), 48), (Fraction(1), 96)])
    def test_square_pixels(self, tmp_path, settings, sar, width):
        path = write_video(tmp_path / "a.mp4", [quadrants((96, 48))] * 2, sar=sar)
        info = probe(path)
        image = frames(read_all(path, settings))[0].image
        assert image.shape == (48, width, 3)
        assert self.corners(image) == self.UPRIGHT
        assert (pick(info, "video").width, pick(info, "video").height) == (width, 48)

    def test_rotation_and_pixel_shape_together(self, tmp_path, settings):
        path = write_video(tmp_path / "a.mp4", [quadrants((96, 48))] * 2, sar=Fraction(4, 3), rotation=90)
        assert frames(read_all(path, settings))[0].image.shape == (128, 48, 3)
        assert frames(read_all(path, settings, image_width=64))[0].image.shape == (128, 48, 3)
        assert frames(read_all(path, settings, image_width=24))[0].image.shape == (64, 24, 3)

    @pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
    def test_interlaced_pictures_show_one_moment(self, tmp_path, settings, codec):
        """Even rows are black, odd rows white: two moments. One field is all of one shade, no rows of both."""
        combed = np.zeros((96, 128, 3), dtype=np.uint8)
        combed[1::2] = 255
        path = write_video(tmp_path / "a.mkv", [combed] * 5, fps=25, interlaced=True, codec=codec, pix_fmt="yuv420p")
        info = probe(path)
        assert pick(info, "video").interlaced
        image = frames(read_all(path, settings))[0].image
        assert image.shape == (96, 128, 3)
        assert float(image.max()) < 40

    @pytest.mark.parametrize("form", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv444p10le", "gray"])
    def test_pixel_formats(self, tmp_path, settings, form):
        path = write_video(tmp_path / "a.mkv", [quadrants((96, 64))] * 2, pix_fmt=form, codec="ffv1")
        frame = frames(read_all(path, settings))[0]
        if form != "gray":
            assert self.corners(frame.image) == self.UPRIGHT
        luma, blue, red = (p.astype(int) for p in frame.signature)
        assert frame.signature.dtype == np.uint8
        assert luma[2, 2] == pytest.approx(76, abs=15)  # red
        assert luma[-2, -2] > 220  # white
        if form != "gray":
            assert red[2, 2] > 200
            assert blue[-2, 2] > 200

    @pytest.mark.parametrize(
        ("codec", "suffix", "form"),
        [
            ("libx265", "mp4", "yuv420p10le"), ("libx264", "mkv", "yuv444p"), ("ffv1", "mkv", "bgr0"),
            ("mjpeg", "avi", "yuvj420p"), ("libvpx", "webm", "yuv420p"), ("libvpx-vp9", "webm", "yuv420p"),
            ("libsvtav1", "mkv", "yuv420p"), ("mpeg4", "3gp", "yuv420p"), ("wmv2", "wmv", "yuv420p"),
            ("mpeg2video", "ts", "yuv420p"), ("libx264", "flv", "yuv420p"), ("prores", "mov", "yuv422p10le"),
        ],
    )  # fmt: skip
    def test_codecs(self, tmp_path, settings, codec, suffix, form):
        path = write_video(tmp_path / f"a.{suffix}", [quadrants((128, 96))] * 30, fps=25, codec=codec, pix_fmt=form)
        found = frames(read_all(path, decoding(settings, "all")))
        assert len(found) == 30
        assert self.corners(found[0].image) == self.UPRIGHT
        assert [f.time for f in found] == pytest.approx([i / 25 for i in range(30)], abs=0.002)
        assert found[0].signature.shape[0] == 3
        assert {f.signature.shape for f in found} == {found[0].signature.shape}

    def test_signature_differs_at_a_cut_only(self, tmp_path, settings):
        pictures = [picture((20, 20, 20))] * 5 + [picture((220, 220, 220))] * 5
        found = frames(read_all(write_video(tmp_path / "a.mp4", pictures, fps=5), settings))
        steps = [np.abs(b.signature.astype(int) - a.signature).mean() for a, b in itertools.pairwise(found)]
        assert [s > 20 for s in steps] == [False] * 4 + [True] + [False] * 4

    @pytest.mark.parametrize("size", [(854, 480), (1920, 1080), (398, 224), (64, 48), (2, 2), (4096, 64), (34, 1000)])
    def test_signature_of_any_size(self, tmp_path, settings, size):
        found = frames(read_all(write_video(tmp_path / "a.mkv", colours(2, size), codec="ffv1"), settings))
        channels, height, width = found[0].signature.shape
        assert channels == 3
        assert height >= 1
        assert 1 <= width <= 320
        assert found[0].signature[0].mean() == pytest.approx(16 + shade(0) * 219 / 255, abs=4)

    def test_sizes_that_change_within_a_file_keep_one_signature_size(self, tmp_path, settings):
        parts = [write_video(tmp_path / f"{n}.ts", colours(10, s), fps=10).read_bytes() for n, s in
                 enumerate([(320, 240), (640, 480)])]  # fmt: skip
        (tmp_path / "both.ts").write_bytes(b"".join(parts))
        found = frames(read_all(tmp_path / "both.ts", settings, sample_fps=60))
        assert {f.image.shape for f in found} == {(240, 320, 3), (480, 640, 3)}
        assert len({f.signature.shape for f in found}) == 1


class TestTracks:
    @pytest.fixture
    def path(self, tmp_path) -> Path:
        return write_video(
            tmp_path / "a.mkv", colours(10), fps=5,
            more_video=[VideoTrack([quadrants((32, 32))] * 5, fps=5)],
            audio=[AudioTrack(clicks([0.5], 2), language="eng"), AudioTrack(clicks([1.5], 2), language="ger")],
        )  # fmt: skip

    def test_chosen_tracks_are_read(self, path, settings):
        info = probe(path)
        video, german = pick(info, "video", index=1), pick(info, "audio", language="de")
        items = list(read(info, settings, video=video, audio=german))
        assert frames(items)[0].image.shape == (32, 32, 3)
        assert loud(sound(items)) == pytest.approx([1.5], abs=0.002)

    def test_only_pictures_or_only_sound(self, path, settings):
        info = probe(path)
        assert not [i for i in read(info, settings, video=pick(info, "video"), audio=None) if isinstance(i, Audio)]
        assert not frames(list(read(info, settings, video=None, audio=pick(info, "audio"))))
        assert list(read(info, settings, video=None, audio=None)) == []

    @pytest.mark.parametrize("suffix", ["wav", "flac", "mka", "m4a", "ogg"])
    def test_audio_only_files(self, tmp_path, settings, suffix):
        codec = {"ogg": "libopus", "m4a": "aac"}.get(suffix)
        path = write_video(tmp_path / f"a.{suffix}", audio=AudioTrack(clicks([0.5, 1.5], 2.0), codec=codec))
        items = read_all(path, settings)
        assert frames(items) == []
        assert loud(sound(items)) == pytest.approx([0.5, 1.5], abs=0.03)


def test_live_files_without_duration(tmp_path, settings):
    path = tmp_path / "live.webm"
    write_video(path, colours(30), fps=10, codec="libvpx", audio=clicks([1.5], 3.0), container_options={"live": "1"})
    assert probe(path).duration is None
    items = read_all(path, settings)
    assert [f.time for f in frames(items)] == pytest.approx([i / 10 for i in range(30)], abs=0.02)
    assert loud(sound(items)) == pytest.approx([1.5], abs=0.03)
    assert not [i for i in items if isinstance(i, Gap)]
    late = frames(read_all(path, settings, 2.0))
    assert [f.time for f in late] == [f.time for f in frames(items) if f.time >= 2.0]


@pytest.mark.parametrize(
    "name", ['it\'s "quoted".mp4', "🎬 film.mp4", "two\nlines.mp4", "a" * 251 + ".mp4", "c:x%d.mp4"]
)
def test_odd_file_names(tmp_path, settings, name):
    plain = write_video(tmp_path / "plain.mp4", colours(5), fps=5)
    assert len(frames(read_all(plain.rename(tmp_path / name), settings))) == 5


def test_a_name_that_is_not_utf8(tmp_path, settings):
    plain = write_video(tmp_path / "plain.mp4", colours(5), fps=5)
    odd = tmp_path / "caf\udce9.mp4"
    assert len(frames(read_all(plain.rename(odd), settings))) == 5


def test_a_file_that_is_gone(tmp_path, settings):
    path = write_video(tmp_path / "a.mp4", colours(5), fps=5)
    info = probe(path)
    path.unlink()
    with pytest.raises(SourceError, match="no such file"):
        list(read(info, settings, video=pick(info, "video"), audio=None))


def test_memory_does_not_grow_with_bad_interleaving(tmp_path, settings):
    """Ten minutes of sound lie before the first picture: it is handed out as it comes, in small blocks."""
    path = tmp_path / "a.mkv"
    write_video(path, colours(60), fps=0.1, audio=np.zeros(600 * 16_000, np.int16), audio_first=True, gop=5)
    info = probe(path)
    before_first_picture = 0.0
    for item in read(info, settings, video=pick(info, "video"), audio=pick(info, "audio")):
        if isinstance(item, Frame):
            break
        assert len(item.samples) <= 4 * 16_000
        before_first_picture += len(item.samples) / 16_000
    assert before_first_picture > 590


def test_nothing_reaches_stderr(tmp_path, settings, capfd):
    path = write_video(tmp_path / "a.mp4", colours(30), fps=10, audio=tone(3))
    data = bytearray(path.read_bytes())
    data[2000:2600] = bytes(600)
    path.write_bytes(data)
    level = av.logging.get_level()
    read_all(path, settings)
    assert capfd.readouterr() == ("", "")
    assert av.logging.get_level() == level


def test_stopping_early_closes_the_file(tmp_path, settings):
    path = write_video(tmp_path / "a.mp4", colours(30), fps=10)
    info = probe(path)
    items = read(info, settings, video=pick(info, "video"), audio=None)
    next(items)
    items.close()
    opened = (
        [link.resolve() for link in Path("/proc/self/fd").glob("*") if link.exists()] if Path("/proc").exists() else []
    )
    assert path.resolve() not in opened
