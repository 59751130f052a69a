"""What a file holds, which track is taken, and which error a file that is no video gives."""

from __future__ import annotations

import os
import stat
from dataclasses import replace

import pytest

from tests.media_files import AudioTrack, SubtitleTrack, VideoTrack, colours, picture, quadrants, tone, write_video
from vagent.errors import MediaError, SettingsError, SourceError
from vagent.tools import languages
from vagent.tools.media import MediaInfo, Track
from vagent.tools.media.frames import jpeg, unjpeg
from vagent.tools.media.probe import pick, probe

QUIET = tone(0.5)


def test_facts(tmp_path):
    sounds = [AudioTrack(QUIET, language="en", disposition="default"), AudioTrack(QUIET, title="Director's commentary")]
    path = write_video(
        tmp_path / "a.mkv", colours(10, (96, 64)), fps=5, language="ger", title="Main picture", disposition="default",
        audio=sounds,
        subtitles=[SubtitleTrack([(0, 1, "x")], language="fre", disposition="forced"),
                   SubtitleTrack([(0, 1, "x")], language="und", title="English SDH")],
        offset=2.0,
    )  # fmt: skip
    info = probe(path)
    assert (info.path, info.container, info.size) == (path, "matroska,webm", path.stat().st_size)
    assert info.offset == pytest.approx(2.0)
    assert info.duration == pytest.approx(2.0, abs=0.2)
    video, first, second, french, english = info.tracks
    assert (video.kind, video.codec, video.language, video.title) == ("video", "h264", "ger", "Main picture")
    assert (video.width, video.height, video.default, video.interlaced) == (96, 64, True, False)
    assert video.frame_rate == pytest.approx(5)
    assert (first.kind, first.codec, first.language, first.default, first.commentary) == (
        "audio", "flac", "en", True, False,
    )  # fmt: skip
    assert (first.sample_rate, first.channels) == (16_000, 1)
    assert (second.language, second.commentary) == (None, True)
    assert (french.kind, french.codec, french.language, french.forced) == ("subtitle", "subrip", "fre", True)
    assert (english.language, english.hearing_impaired, english.forced) == (None, True, False)
    assert [t.index for t in info.tracks] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("suffix", "offset"), [("mp4", 0.0), ("mkv", 2.0)])
def test_chapters_are_told_with_their_times(tmp_path, suffix, offset):
    marks = [(0.0, 1.5, "The  harbour"), (1.5, 2.0, "")]
    info = probe(write_video(tmp_path / f"a.{suffix}", colours(10), fps=5, chapters=marks, offset=offset))
    assert [(c.start, c.end, c.title) for c in info.chapters] == [(0.0, 1.5, "The harbour"), (1.5, 2.0, "")]
    assert probe(write_video(tmp_path / f"b.{suffix}", colours(10), fps=5)).chapters == ()


def test_cover_art_is_not_video(tmp_path):
    cover = jpeg(picture((10, 20, 30), (300, 300)), 300, 80)
    info = probe(write_video(tmp_path / "song.mka", audio=QUIET, cover=cover, format="matroska"))
    assert [t.attached_picture for t in info.tracks if t.kind == "video"] == [True]
    assert info.of("video") == ()
    assert pick(info, "video") is None
    with pytest.raises(SettingsError, match="no such video track: 1; allowed: none"):
        pick(info, "video", index=1)


class TestErrors:
    def check(self, path, error, *words):
        with pytest.raises(error) as caught:
            probe(path)
        assert type(caught.value) is error
        for word in words:
            assert word in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_missing(self, tmp_path):
        self.check(tmp_path / "none.mp4", SourceError, "no such file", "none.mp4")

    def test_folder(self, tmp_path):
        self.check(tmp_path, SourceError, "a folder")

    def test_empty(self, tmp_path):
        (tmp_path / "a.mp4").touch()
        self.check(tmp_path / "a.mp4", MediaError, "empty")

    @pytest.mark.parametrize("text", ["Just some words.\n" * 50, "x", "\0" * 5000, "<html><video src='x.mp4'></html>"])
    def test_text_with_the_name_of_a_video(self, tmp_path, text):
        (tmp_path / "a.mp4").write_text(text)
        self.check(tmp_path / "a.mp4", MediaError, "not a video or audio file")

    def test_device_and_pipe(self, tmp_path):
        os.mkfifo(tmp_path / "pipe.mp4")
        self.check(tmp_path / "pipe.mp4", SourceError, "not a regular file")

    def test_broken_link(self, tmp_path):
        (tmp_path / "a.mp4").symlink_to(tmp_path / "nowhere.mp4")
        self.check(tmp_path / "a.mp4", SourceError, "no such file")

    def test_name_too_long_and_null_byte(self, tmp_path):
        self.check(tmp_path / ("a" * 300 + ".mp4"), SourceError, "cannot be opened")
        self.check(tmp_path / "a\0b.mp4", SourceError, "cannot be opened")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_no_permission(self, tmp_path):
        path = write_video(tmp_path / "a.mp4", colours(2))
        path.chmod(stat.S_IWUSR)
        self.check(path, SourceError, "no permission")

    def test_subtitles_only(self, tmp_path):
        path = write_video(tmp_path / "a.mkv", subtitles=SubtitleTrack([(0, 1, "words")]))
        self.check(path, MediaError, "no picture and no sound", "subtitle (subrip)")

    @pytest.mark.parametrize("suffix", ["m3u8", "mp4"])
    def test_playlists_open_nothing(self, tmp_path, suffix):
        """A text file must not be able to make FFmpeg read other files or addresses."""
        write_video(tmp_path / "secret.ts", colours(20), fps=10)
        listed = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nsecret.ts\n#EXT-X-ENDLIST\n"
        (tmp_path / f"list.{suffix}").write_text(listed)
        self.check(tmp_path / f"list.{suffix}", MediaError, "not a video or audio file")
        (tmp_path / "concat.mp4").write_text("ffconcat version 1.0\nfile secret.ts\n")
        self.check(tmp_path / "concat.mp4", MediaError, "not a video or audio file")

    def test_single_images(self, tmp_path):
        (tmp_path / "a.jpg").write_bytes(jpeg(quadrants(), 64, 80))
        self.check(tmp_path / "a.jpg", MediaError, "not a video or audio file")


def tracks(*given: Track) -> MediaInfo:
    from pathlib import Path

    return MediaInfo(Path("a.mkv"), "matroska", 1, 1.0, 0.0, given)


class TestPick:
    INFO = tracks(
        Track(0, "video", "h264", width=320, height=180),
        Track(1, "video", "h264", width=640, height=360),
        Track(2, "audio", "aac", language="eng", channels=2, commentary=True, default=True),
        Track(3, "audio", "aac", language="ger", channels=2, default=True),
        Track(4, "audio", "aac", language="en", channels=2),
        Track(5, "audio", "aac", language="eng", channels=6),
        Track(6, "audio", "aac", language="fre", channels=2),
    )

    def test_largest_picture(self):
        assert pick(self.INFO, "video").index == 1

    def test_default_goes_before_size(self):
        large, small = Track(0, "video", "h264", width=640, height=360), Track(1, "video", "h264", width=64, height=36)
        info = tracks(large, replace(small, default=True))
        assert pick(info, "video").index == 1

    @pytest.mark.parametrize(
        ("language", "index"),
        [(None, 3), ("de", 3), ("deu", 3), ("en", 5), ("eng", 5), ("en-US", 5), ("fra", 6), ("fr", 6), ("ja", 3)],
    )
    def test_language_then_default_then_channels(self, language, index):
        assert pick(self.INFO, "audio", language=language).index == index

    def test_by_number(self):
        assert pick(self.INFO, "audio", index=2).commentary
        with pytest.raises(SettingsError, match=r"no such audio track: 1; allowed: 2 \(aac, eng\), 3 \(aac, ger\)"):
            pick(self.INFO, "audio", index=1)
        with pytest.raises(SettingsError, match="no such video track: 9"):
            pick(self.INFO, "video", index=9)

    def test_commentary_never_by_itself(self):
        only = tracks(Track(0, "audio", "aac", language="eng", commentary=True))
        assert pick(only, "audio") is None
        assert pick(only, "audio", language="en") is None
        assert pick(only, "audio", index=0).index == 0

    def test_nothing_there(self):
        assert pick(tracks(), "video") is None

    def test_several_pictures_in_a_real_file(self, tmp_path):
        path = write_video(
            tmp_path / "a.mkv",
            colours(5),
            more_video=[VideoTrack(colours(5, (128, 96))), VideoTrack(colours(5, (32, 32)))],
        )
        assert pick(probe(path), "video").index == 1


@pytest.mark.parametrize(
    "codes", ["en eng EN en-GB en_US", "de ger deu", "fr fre fra", "zh chi zho zh-Hant", "nb no nor"]
)
def test_codes_of_one_language(codes):
    for one in codes.split():
        for other in codes.split():
            assert languages.same(one, other)
    assert not languages.same(codes.split()[0], "it")


def test_codes_that_say_nothing():
    for code in (None, "", "und", "zxx", "english please", "e", "../en"):
        assert languages.tidy(code) is None
        assert not languages.same(code, code)
    assert languages.tidy(" ENG ") == "eng"
    assert languages.same("tlh", "tlh")


def test_jpeg_and_back():
    image = quadrants((200, 100))
    back = unjpeg(jpeg(image, 100, 90))
    assert back.shape == (50, 100, 3)
    assert back[10, 10].tolist() == pytest.approx([0, 0, 255], abs=12)
    assert unjpeg(jpeg(image, 400, 90)).shape == (100, 200, 3)
    for damaged in (b"", b"no picture", jpeg(image, 100, 90)[:20]):
        with pytest.raises(MediaError, match="damaged"):
            unjpeg(damaged)
