"""Sound and time: the number of a sample is its time, whatever the file does."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.media_files import AudioTrack, clicks, colours, tone, write_video
from tests.tools.test_media_reader import loud, read_all, sound
from vagent.tools.media.sound import SoundLine

RATE = 16_000


def frame(samples: np.ndarray, rate: int = RATE, layout: str = "mono") -> av.AudioFrame:
    made = av.AudioFrame.from_ndarray(samples.reshape(1, -1).astype(np.int16), format="s16", layout=layout)
    made.sample_rate = rate
    made.time_base = Fraction(1, rate)
    return made


def line_up(pieces: list[tuple[float | None, np.ndarray]], start: float = 0.0, limit: float = 1e9) -> np.ndarray:
    line = SoundLine(start, limit)
    blocks = [b for time, samples in pieces for b in line.feed(frame(samples), time)]
    blocks += list(line.finish())
    at = start
    for block in blocks:
        assert block.time == pytest.approx(at, abs=1e-5)
        assert block.samples.dtype == np.int16
        at += len(block.samples) / RATE
    return np.concatenate([b.samples for b in blocks]) if blocks else np.zeros(0, np.int16)


ONES = np.ones(1600, np.int16)  # a tenth of a second


class TestLine:
    def test_contiguous(self):
        assert line_up([(0.0, ONES), (0.1, ONES * 2)]).tolist() == [1] * 1600 + [2] * 1600

    def test_hole_becomes_silence(self):
        assert line_up([(0.0, ONES), (0.2, ONES)]).tolist() == [1] * 1600 + [0] * 1600 + [1] * 1600

    def test_overlap_is_dropped(self):
        assert line_up([(0.0, ONES), (0.05, ONES * 2), (0.15, ONES * 3)]).tolist() == (
            [1] * 1600 + [2] * 800 + [3] * 1600
        )

    def test_beginning_is_filled(self):
        assert line_up([(0.05, ONES)]).tolist() == [0] * 800 + [1] * 1600

    def test_what_lies_before_the_start_is_dropped(self):
        assert line_up([(0.95, ONES)], start=1.0).tolist() == [1] * 800

    def test_jitter_is_left_alone(self):
        pieces = [(0.1 * n + (0.012 if n % 2 else 0.0), ONES) for n in range(20)]
        assert line_up(pieces).tolist() == [1] * 32_000

    def test_slow_drift_is_corrected(self):
        """Each block claims to last 2 ms longer than it does: after 100 of them 0.2 s would be missing."""
        found = line_up([(0.102 * n, ONES) for n in range(100)])
        assert len(found) / RATE == pytest.approx(100 * 0.102, abs=0.025)
        assert int((found == 0).sum()) == pytest.approx(0.2 * RATE, abs=0.025 * RATE)

    def test_missing_stamps_follow_on(self):
        assert (
            line_up([(0.0, ONES), (None, ONES * 2), (0.2, ONES * 3)]).tolist() == [1] * 1600 + [2] * 1600 + [3] * 1600
        )

    def test_stamps_that_make_no_sense_follow_on(self):
        found = line_up([(0.0, ONES), (95_000.0, ONES * 2), (-50.0, ONES * 3), (0.3, ONES * 4)], limit=60.0)
        assert found.tolist() == [n for n in (1, 2, 3, 4) for _ in range(1600)]

    def test_form_may_change(self):
        line = SoundLine(0.0, 1e9)
        parts = [frame(tone(0.5)), frame(tone(0.5, rate=48_000), 48_000)]
        stereo = np.repeat(tone(0.5, rate=44_100), 2)
        parts.append(frame(stereo, 44_100, "stereo"))
        blocks = [b for n, part in enumerate(parts) for b in line.feed(part, n * 0.5)] + list(line.finish())
        samples = np.concatenate([b.samples for b in blocks])
        assert len(samples) == pytest.approx(1.5 * RATE, abs=4)
        for middle in (0.25, 0.75, 1.25):
            cut = samples[round((middle - 0.1) * RATE) : round((middle + 0.1) * RATE)]
            assert float(np.abs(cut).max()) == pytest.approx(0.3 * 32767, rel=0.05)
        assert line.failed == 0

    def test_long_hole_comes_in_small_blocks(self):
        line = SoundLine(0.0, 1e9)
        sizes = [len(b.samples) for b in line.feed(frame(ONES), 3600.0)]
        assert sum(sizes) >= 3600 * RATE - 64_000
        assert max(sizes) <= 4 * RATE

    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.tuples(st.floats(-2, 30) | st.none(), st.integers(0, 4000)), max_size=12), st.floats(0, 5))
    def test_never_out_of_step(self, pieces, start):
        found = line_up([(time, np.ones(count, np.int16)) for time, count in pieces], start=start, limit=60)
        assert len(found) <= (60 + 12) * RATE
        assert set(np.unique(found)) <= {0, 1}


class TestFiles:
    @pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
    def test_any_rate_and_channels(self, tmp_path, settings, rate):
        mono = clicks([0.5, 2.25, 3.75], 4.0, rate)
        for samples in (mono, np.stack([mono, mono], axis=1)):
            path = write_video(tmp_path / "a.mkv", audio=AudioTrack(samples, rate=rate))
            found = sound(read_all(path, settings))
            assert loud(found) == pytest.approx([0.5, 2.25, 3.75], abs=0.002)
            assert len(found) == pytest.approx(4 * RATE, abs=RATE * 0.02)

    def test_aac_keeps_time(self, tmp_path, settings):
        path = write_video(tmp_path / "a.mp4", colours(40), fps=10, audio=clicks([0.5, 3.5], 4.0))
        assert loud(sound(read_all(path, settings))) == pytest.approx([0.5, 3.5], abs=0.015)

    def test_holes_and_overlaps_in_a_file(self, tmp_path, settings):
        pieces = [(0.0, clicks([0.5], 1.0)), (3.0, clicks([0.5], 1.0)), (3.9, clicks([0.5], 1.0))]
        path = write_video(tmp_path / "a.mkv", audio=AudioTrack(pieces=pieces, codec="pcm_s16le"))
        found = sound(read_all(path, settings))
        assert loud(found) == pytest.approx([0.5, 3.5, 4.4], abs=0.002)
        assert len(found) == pytest.approx(4.9 * RATE, abs=RATE * 0.02)
        assert not found[round(1.1 * RATE) : round(2.9 * RATE)].any()

    def test_surround_keeps_the_voice(self, tmp_path, settings):
        voice = np.zeros((2 * RATE, 6), np.int16)
        voice[:, 2] = clicks([0.5], 2.0)  # the centre
        path = write_video(tmp_path / "a.mkv", audio=AudioTrack(voice, codec="flac"))
        assert loud(sound(read_all(path, settings))) == pytest.approx([0.5], abs=0.002)
