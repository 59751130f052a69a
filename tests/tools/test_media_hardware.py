"""Decoding on graphics cards. No card is needed: tested are the choice, the way back, and the formats of cards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.media_files import colours, quadrants, write_video
from vagent import configs
from vagent.errors import EngineUnavailable, MediaError
from vagent.tools.media import Frame, Track, hardware
from vagent.tools.media.frames import Pictures
from vagent.tools.media.hardware import DEVICES, chosen, obstacle, told
from vagent.tools.media.opening import opened
from vagent.tools.media.probe import pick, probe
from vagent.tools.media.reader import read

LARGE = (1280, 720)
MISSING = "videotoolbox", "d3d11va"  # no build of FFmpeg has both


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_video(tmp_path / "a.mp4", colours(12), fps=5)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    return write_video(tmp_path / "large.mp4", colours(3, LARGE), fps=5)


def missing() -> str:
    from av.codec.hwaccel import hwdevices_available

    return next(name for name in MISSING if name not in hwdevices_available())


def track(path: Path) -> Track:
    found = pick(probe(path), "video")
    assert found is not None
    return found


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A card that decodes as the processor does: FFmpeg is asked for none. Holds what it was asked for."""
    import av.codec.hwaccel

    asked: list[str] = []

    class Card:
        def __new__(cls, device_type: str, allow_software_fallback: bool) -> None:  # type: ignore[misc]
            assert not allow_software_fallback
            asked.append(device_type)

    monkeypatch.setattr(av.codec.hwaccel, "HWAccel", Card)
    monkeypatch.setattr(hardware, "obstacle", lambda device: None if device == "cuda" else "there is none")
    monkeypatch.setattr(hardware, "_on_card", lambda stream: True)
    return asked


class TestChoice:
    def test_off_asks_for_nothing(self, film, card):
        assert chosen(probe(film), track(film), "off") == hardware.Decoder()
        assert card == []

    def test_a_device_that_this_build_lacks_is_told(self, film):
        found = chosen(probe(film), track(film), missing())
        assert found.device is None
        assert found.notice is not None
        assert found.notice.startswith(f"media.hwaccel: {missing()} cannot decode it (this build of FFmpeg")
        assert "in software" in found.notice

    def test_a_device_that_does_not_open_is_told(self, film):
        """Whatever this build offers and has no card for: at least one of all ways to a card fails on any machine."""
        failing = [device for device in DEVICES if obstacle(device) is not None]
        assert failing
        for device in failing:
            notice = chosen(probe(film), track(film), device).notice
            assert notice is not None
            assert device in notice

    def test_auto_says_nothing_where_there_is_no_card(self, large, monkeypatch):
        monkeypatch.setattr(hardware, "obstacle", lambda device: "there is none")
        assert chosen(probe(large), track(large), "auto") == hardware.Decoder()

    def test_auto_takes_a_card_that_decodes_the_file(self, large, card):
        assert chosen(probe(large), track(large), "auto") == hardware.Decoder("cuda")
        assert card == ["cuda"]

    def test_auto_leaves_small_pictures_to_the_processor(self, film, card):
        assert chosen(probe(film), track(film), "auto") == hardware.Decoder()
        assert card == []

    def test_a_card_that_does_not_know_the_codec_is_told(self, large, card, monkeypatch):
        monkeypatch.setattr(hardware, "_on_card", lambda stream: False)
        found = chosen(probe(large), track(large), "auto")
        assert found.device is None
        assert found.notice is not None
        assert "nothing decodes h264 with it" in found.notice

    def test_a_card_whose_first_pictures_fail_is_told(self, large, card, monkeypatch):
        def fails(*_: Any) -> Any:
            raise av.error.InvalidDataError(1, "no surface left")
            yield

        monkeypatch.setattr(hardware, "_first", fails)
        found = chosen(probe(large), track(large), "cuda")
        assert found.device is None
        assert found.notice is not None
        assert "no surface left" in found.notice

    def test_a_card_that_gives_no_picture_is_told(self, large, card, monkeypatch):
        monkeypatch.setattr(hardware, "_first", lambda *_: iter(()))
        assert "no picture comes out" in (chosen(probe(large), track(large), "cuda").notice or "")

    def test_the_doctor_tells(self):
        assert told("off").startswith(f"FFmpeg {av.ffmpeg_version_info}; media.hwaccel: off; decoded in software")
        assert "decoded in software" in told(missing())


class TestReading:
    def test_what_a_card_decodes_is_the_same(self, film, card, settings):
        info = probe(film)
        plain, fast = [
            list(read(info, settings, video=track(film), audio=None, device=device)) for device in (None, "cuda")
        ]
        assert card == ["cuda"]
        assert [item.time for item in plain if isinstance(item, Frame)] == [
            item.time for item in fast if isinstance(item, Frame)
        ]

    def test_a_device_that_is_gone_is_no_fault_of_the_file(self, film, settings):
        failing = next(device for device in DEVICES if obstacle(device) is not None)
        with pytest.raises(EngineUnavailable, match=failing), opened(film, failing):
            pass

    def test_a_file_that_is_none_is_still_told_as_such(self, tmp_path):
        path = tmp_path / "a.mp4"
        path.write_bytes(b"nothing" * 100)
        with pytest.raises(MediaError), opened(path):
            pass


@pytest.mark.parametrize(("planar", "paired"), [("yuv420p", "nv12"), ("yuv420p10le", "p010le")])
@pytest.mark.parametrize("size", [(640, 360), (1280, 720), (70, 50)])
def test_formats_of_cards_give_the_same_signatures(planar: str, paired: str, size: tuple[int, int]) -> None:
    image = quadrants(size) // 2 + np.random.default_rng(0).integers(0, 100, (size[1], size[0], 3)).astype(np.uint8)
    frame = av.VideoFrame.from_ndarray(image, "bgr24").reformat(format=planar)
    expected = Pictures(None).signature(frame)
    assert expected.std() > 10
    assert np.array_equal(Pictures(None).signature(frame.reformat(format=paired)), expected)


def test_settings_name_devices() -> None:
    loaded = configs.load({"media": {"hwaccel": "cuda"}}, env={})
    assert loaded.media.hwaccel == "cuda"
    assert configs.load({}, env={}).media.hwaccel == "off"
