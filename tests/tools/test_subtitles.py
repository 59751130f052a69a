"""Subtitles: markup, folding, formats, encodings, names, choice. Expected cues are written by hand."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.media_files import AudioTrack, SubtitleTrack, colours, tone, write_video
from vagent.errors import SettingsError
from vagent.tools.media import MediaInfo, Track
from vagent.tools.media.probe import probe
from vagent.tools.subtitles import Cue, Subtitles, find, good
from vagent.tools.subtitles.cues import RawCue, clean, tidy
from vagent.tools.subtitles.encoding import decode
from vagent.tools.subtitles.sidecar import Damaged, parse, sidecars
from vagent.tools.time import Span

SRT = "1\n00:00:01,000 --> 00:00:02,500\nFirst line\nsecond line\n\n2\n00:00:03,000 --> 00:00:04,000\nLast\n"
CUES = [(1.0, 2.5, "First line second line"), (3.0, 4.0, "Last")]


def times(cues: tuple[Cue, ...]) -> list[tuple[float, float, str]]:
    return [(c.span.start, c.span.end, c.text) for c in cues]


def cues_of(text: str, suffix: str = "", frame_rate: float | None = None) -> list[tuple[float, float, str]]:
    return times(tidy(parse(text, suffix, frame_rate)[1]))


class TestMarkup:
    @pytest.mark.parametrize(
        ("raw", "expected"),
        [
            ("plain", "plain"),
            ("two\nlines", "two lines"),
            (r"two\Nlines\nand\hthree", "two lines and three"),
            (r"{\an8}top", "top"),
            (r"{\pos(192,280)\fad(200,200)}sign {\i1}in{\i0} place", "sign in place"),
            ("<i>in</i> <b>bold</b> <font color=\"#ff0000\" size='3'>red</font>", "in bold red"),
            ("AT&amp;T &lt;3 &#233;t&eacute;", "AT&T <3 été"),
            ("1 < 2 and 3 > 2, I <3 you", "1 < 2 and 3 > 2, I <3 you"),
            ("<00:00:01.000><c.yellow>kara</c><00:00:01.500><c>oke</c>", "karaoke"),
            (r"{\k20}ka{\k30}ra{\kf10}oke", "karaoke"),
            ("<v Roger Bingham>We are in New York", "Roger Bingham: We are in New York"),
            ("<v.loud Ann>Hey!</v>", "Ann: Hey!"),
            ("♪ La la la ♪", "La la la"),
            ("♪♪", ""),
            ("- Hi.\n- Bye.", "Hi. Bye."),
            ("—Yes\n– No", "Yes No"),
            ("well - known-fact", "well - known-fact"),
            ("[door slams] (sighs) MAN: Run!", "[door slams] (sighs) MAN: Run!"),
            (r"{\p1}m 0 0 l 100 0 100 100 0 100{\p0}", ""),
            (r"{\p1}m 0 0 l 9 9{\p0}word", "word"),
            ("{a comment} {is kept}", "{a comment} {is kept}"),
            ("\u200e\u202bright to left\u202c\ufeff", "right to left"),
            ("e\u0301te\u0301", "été"),
            ("می\u200cخواهم", "می\u200cخواهم"),
            ("a\x00b\x1b[31mc\x07", "ab[31mc"),
            ("...", ""),
            ("- ", ""),
            ("$5 + €3", "$5 + €3"),
            ("  much \t space\xa0here ", "much space here"),
            ("<script>alert(1)</script>", "alert(1)"),
        ],
    )
    def test_words_are_kept_and_marks_are_not(self, raw, expected):
        assert " ".join(clean(raw)) == expected

    @given(st.text(max_size=200))
    def test_any_text_becomes_plain_lines(self, raw):
        for line in clean(raw):
            assert line == " ".join(line.split())
            assert line.strip()
            assert "\n" not in line


class TestFolding:
    def tidy(self, *raw: tuple[float, float | None, str]) -> list[tuple[float, float, str]]:
        return times(tidy(RawCue(*r) for r in raw))

    def test_order_and_empty_ones(self):
        assert self.tidy((5, 6, "b"), (1, 2, "a"), (3, 4, " "), (3, 4, "<i></i>")) == [(1, 2, "a"), (5, 6, "b")]

    def test_same_words_in_several_layers(self):
        assert self.tidy((1, 3, "sign"), (1, 3, "sign"), (1.0, 3.5, "{\\blur3}sign")) == [(1, 3.5, "sign")]

    @given(st.lists(st.integers(0, 30), min_size=1, max_size=12))
    def test_a_cue_without_an_end_ends_where_a_later_one_begins(self, starts):
        found = self.tidy(*((start, None, f"line {n}") for n, start in enumerate(starts)))
        for start, end, _ in found:
            assert end == min([start + 5, *(other for other in starts if other > start)])
        assert len(found) == len(starts)

    def test_same_words_again_later_are_two_cues(self):
        assert self.tidy((1, 2, "No."), (2.5, 3, "No.")) == [(1, 2, "No."), (2.5, 3, "No.")]

    def test_words_that_go_on_are_one_cue(self):
        assert self.tidy((1, 2, "No."), (2, 3, "No.")) == [(1, 3, "No.")]

    def test_overlapping_speakers_are_both_kept(self):
        assert self.tidy((1, 4, "sign"), (2, 3, "speech")) == [(1, 4, "sign"), (2, 3, "speech")]

    def test_captions_that_roll_up(self):
        """As YouTube writes them: each cue shows the line before again."""
        assert self.tidy(
            (0.0, 2.0, "hello there"),
            (2.0, 2.01, "hello there"),
            (2.01, 4.0, "hello there\nhow are you"),
            (4.0, 4.01, "how are you"),
            (4.01, 6.0, "how are you\nI am well"),
        ) == [(0.0, 2.01, "hello there"), (2.01, 4.01, "how are you"), (4.01, 6.0, "I am well")]

    def test_missing_and_impossible_ends(self):
        assert self.tidy((1, None, "a"), (3, 2, "b"), (20, None, "c")) == [(1, 3, "a"), (3, 8, "b"), (20, 25, "c")]

    def test_before_the_beginning(self):
        assert self.tidy((-3, -1, "gone"), (-1, 2, "cut")) == [(0, 2, "cut")]

    @given(st.lists(st.tuples(st.floats(), st.none() | st.floats(), st.sampled_from("a,b,a\nb,b\nc,,c\na".split(",")))))
    @settings(max_examples=200)
    def test_always_in_order_and_never_empty(self, raw):
        found = tidy(RawCue(*r) for r in raw)
        assert all(c.text for c in found)
        starts = [c.span.start for c in found]
        assert starts == sorted(starts)


VTT = """WEBVTT - title
Kind: captions

STYLE
::cue { color: red }

NOTE 00:00:09.000 --> 00:00:10.000 is only a note
about nothing

intro
00:01.000 --> 00:02.500 line:80% align:start
First line
second line

00:00:03.000 --> 00:00:04.000
Last
"""
ASS = """[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname
Style: Default,Arial

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Comment: 0,0:00:00.00,0:00:09.00,Default,,0,0,0,,a note of the author
Dialogue: 0,0:00:01.00,0:00:02.50,Default,,0,0,0,,{\\i1}First{\\i0} line\\Nsecond, line
Dialogue: 0,0:00:03.00,0:00:04.00,Default,,0,0,0,,Last
"""
TTML = """<?xml version="1.0"?><tt xmlns="http://www.w3.org/ns/ttml"><body><div>
<p begin="00:00:01.000" end="00:00:02.500">First line<br/>second line</p>
<p begin="00:00:03.000" end="00:00:04.000">Last</p></div></body></tt>"""
SAMI = """<SAMI><BODY><SYNC Start=1000><P Class=ENCC>First line<br>second line
<SYNC Start=2500><P Class=ENCC>&nbsp;<SYNC Start=3000><P Class=ENCC>Last<SYNC Start=4000><P Class=ENCC>&nbsp;
<SYNC Start=9000><P Class=ENCC>&nbsp;</BODY></SAMI>"""


class TestFormats:
    @pytest.mark.parametrize(
        ("text", "suffix", "form", "expected"),
        [
            (SRT, ".srt", "subrip", CUES),
            (VTT, ".vtt", "webvtt", CUES),
            (ASS, ".ass", "ass", [(1.0, 2.5, "First line second, line"), CUES[1]]),
            (TTML, ".ttml", "ttml", CUES),
            (SAMI, ".smi", "sami", CUES),
            ("{25}{62}First line|second line\n{75}{100}Last\n", ".sub", "microdvd", [(1.0, 2.48, CUES[0][2]), CUES[1]]),
            ("[10][25]First line|second line\n[30][40]Last\n", ".mpl", "mpl2", CUES),
        ],
    )
    def test_same_words_in_every_format(self, text, suffix, form, expected):
        for hint in (suffix, ".srt"):
            found, raw = parse(text, hint, 25.0)
            assert found == form
            assert times(tidy(raw)) == expected

    @pytest.mark.parametrize(
        "text",
        [
            SRT.replace(",", "."),
            SRT.replace("1\n", "").replace("2\n0", "0"),
            SRT.replace("\n\n2\n", "\n2\n"),
            SRT.replace("\n\n2\n", "\n"),
            SRT.replace("00:00:0", "0:0:"),
            SRT.replace("00:00:0", "00:0"),
            SRT.replace("\n\n", "\n\n\n\n"),
            SRT.replace(" --> ", "-->"),
            SRT.replace("2,500", "2,500 X1:100 X2:200 Y1:10 Y2:20"),
            "\ufeff\n\n" + SRT,
            SRT + "\n3\n00:00:09,000 --> 00:00:10,000\n\n",
            SRT + "\n3\n00:00:0",
        ],
    )
    def test_broken_subrip(self, text):
        assert cues_of(text, ".srt") == CUES

    def test_seconds_of_one_digit(self):
        assert cues_of("1\n00:00:8,037 --> 00:00:9,494\nAre you hurt?\n", ".srt") == [(8.037, 9.494, "Are you hurt?")]

    def test_words_that_are_numbers_stay(self):
        text = "1\n00:00:01,000 --> 00:00:02,000\n1999\n\n2\n00:00:03,000 --> 00:00:04,000\nSeven\n8\n9\n"
        assert cues_of(text, ".srt") == [(1, 2, "1999"), (3, 4, "Seven 8 9")]

    def test_blank_line_inside_a_subrip_cue(self):
        text = "1\n00:00:01,000 --> 00:00:02,000\none\n\ntwo\n\n2\n00:00:03,000 --> 00:00:04,000\nthree\n"
        assert cues_of(text, ".srt") == [(1, 2, "one two"), (3, 4, "three")]

    @pytest.mark.parametrize(
        "text", ["", "   \n", "no times here", "00:00 --> xx\nwords", "{", "<tt>", "[Events]", "\0\0"]
    )
    def test_no_subtitles(self, text):
        for suffix in ("", ".srt", ".vtt", ".ass", ".ttml", ".sub", ".smi"):
            try:
                _, raw = parse(text, suffix)
            except Damaged as error:
                assert str(error)
            else:
                assert tidy(raw) == ()

    def test_entities_are_not_expanded(self):
        bomb = '<!DOCTYPE t [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><tt xmlns="http://www.w3.org/ns/ttml"/>'
        with pytest.raises(Damaged, match="entities"):
            parse(bomb, ".ttml")

    @settings(max_examples=150, deadline=None)
    @given(
        st.sampled_from([SRT, VTT, ASS, TTML, SAMI, "{25}{62}One\n{75}{100}Two"]),
        st.lists(st.tuples(st.integers(0, 600), st.text(max_size=4), st.integers(0, 9)), max_size=12),
        st.sampled_from([".srt", ".vtt", ".ass", ".ttml", ".smi", ".sub"]),
    )
    def test_mutated_files_are_read_or_refused(self, text, edits, suffix):
        for at, put, cut in edits:
            text = text[:at] + put + text[at + cut :]
        try:
            cues = tidy(parse(text, suffix, 25.0)[1])
        except Damaged:
            return
        assert all(c.text and c.span.end >= c.span.start for c in cues)


RUSSIAN = ["Привет, как у тебя дела сегодня?", "Я не знаю, где мы находимся."]
ENCODED = [
    ("Grüße aus dem schönen München", "utf-8"), ("Grüße aus dem schönen München", "utf-8-sig"),
    ("Grüße aus dem schönen München", "utf-16"), ("Hello there, plain words", "utf-16-le"),
    ("Hello there, plain words", "utf-16-be"), ("Ça va bien, mon élève préféré ? Où êtes-vous ?", "latin-1"),
    ("“Ça va bien”, dit l’élève – à Noël…", "cp1252"), (" ".join(RUSSIAN), "cp1251"), (" ".join(RUSSIAN), "koi8-r"),
    ("こんにちは、お元気ですか。私たちはどこにいるのかわかりません。", "shift_jis"),
    ("你好，你今天怎么样？我不知道我们在哪里，请告诉我。", "gb18030"),
]  # fmt: skip


class TestEncodings:
    @pytest.mark.parametrize(("words", "encoding"), ENCODED)
    def test_of_whole_files(self, tmp_path, words, encoding):
        text = SRT.replace("Last", words).replace("\n", "\r\n")
        assert decode(text.encode(encoding)) == text.replace("\r\n", "\n")
        path = write_video(tmp_path / "a.mp4", colours(2))
        (tmp_path / "a.srt").write_bytes(text.encode(encoding))
        found = find(probe(path), SETTINGS)
        assert found.problems == ()
        assert times(found.chosen.cues)[1] == (3.0, 4.0, words)

    def test_the_language_in_the_name_helps(self):
        short = "Żółw śpi".encode("cp1250")
        assert decode(short, "pl") == "Żółw śpi"
        assert decode("今日は".encode("euc_jp"), "ja") == "今日は"

    @given(st.binary(max_size=400))
    @settings(max_examples=60, deadline=None)
    def test_any_bytes(self, data):
        text = decode(data)
        assert "\0" not in text
        assert "\r" not in text


def _settings(**changes):
    from vagent import configs

    return configs.load(env={}).subtitles.model_copy(update=changes)


SETTINGS = _settings()


@pytest.fixture
def film(tmp_path) -> Path:
    return write_video(tmp_path / "film.mp4", colours(2))


class TestNames:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("film.srt", (None, False, False, False)),
            ("film.SRT", (None, False, False, False)),
            ("film.en.srt", ("en", False, False, False)),
            ("film.eng.vtt", ("eng", False, False, False)),
            ("film.pt-BR.srt", ("pt-br", False, False, False)),
            ("film.en.sdh.srt", ("en", False, True, False)),
            ("film.SDH.en.srt", ("en", False, True, False)),
            ("film.en.cc.srt", ("en", False, True, False)),
            ("film.en.hi.srt", ("en", False, True, False)),
            ("film.hi.srt", ("hi", False, False, False)),
            ("film.forced.en.vtt", ("en", True, False, False)),
            ("film.en.forced.ass", ("en", True, False, False)),
            ("film.commentary.srt", (None, False, False, True)),
            ("film.someone.srt", (None, False, False, False)),
        ],
    )
    def test_what_a_name_says(self, film, name, expected):
        (film.parent / name).write_text(SRT)
        (found,) = sidecars(film)
        assert (found.language, found.forced, found.hearing_impaired, found.commentary) == expected

    @pytest.mark.parametrize("name", ["film2.srt", "film-en.srt", "fil.srt", "other.srt", "film.srt.txt", "film.nfo"])
    def test_files_of_others(self, film, name):
        (film.parent / name).write_text(SRT)
        assert sidecars(film) == []

    def test_a_longer_name_belongs_to_the_video_of_that_name(self, film):
        (film.parent / "film.part2.srt").write_text(SRT)
        (film.parent / "film.part2.en.srt").write_text(SRT)
        assert len(sidecars(film)) == 2
        (film.parent / "film.part2.mp4").touch()
        assert sidecars(film) == []
        assert len(sidecars(film.parent / "film.part2.mp4")) == 2

    @pytest.mark.parametrize("stem", ['it\'s "quoted"', "🎬 film", "two\nlines", "a[b]*?", "Café", "film.en"])
    def test_odd_names(self, tmp_path, stem):
        path = write_video(tmp_path / "plain.mp4", colours(2)).rename(tmp_path / f"{stem}.mp4")
        (tmp_path / f"{stem}.de.srt").write_text(SRT)
        found = find(probe(path), SETTINGS).chosen
        assert (found.language, found.origin, times(found.cues)) == ("de", f"{stem}.de.srt", CUES)

    def test_decomposed_accents_of_other_systems(self, tmp_path):
        path = write_video(tmp_path / "plain.mp4", colours(2)).rename(tmp_path / "Cafe\u0301.mp4")
        (tmp_path / "Caf\u00e9.srt").write_text(SRT)
        assert len(sidecars(path)) == 1


class TestChoice:
    def choose(self, film: Path, names: str, audio: str | None = None, **changes) -> str | None:
        for name in names.split():
            (film.parent / name).write_text(SRT)
        found = find(probe(film), _settings(**changes), audio)
        assert found.problems == ()
        assert len(found.others) == len(names.split()) - (found.chosen is not None)
        return found.chosen.origin if found.chosen else None

    @pytest.mark.parametrize(
        ("names", "audio", "language", "expected"),
        [
            ("film.de.srt film.en.srt film.fr.srt", None, None, "film.en.srt"),
            ("film.de.srt film.en.srt film.fr.srt", "ger", None, "film.de.srt"),
            ("film.de.srt film.en.srt film.fr.srt", "ger", "fra", "film.fr.srt"),
            ("film.de.srt film.fr.srt", "jpn", "it", "film.de.srt"),
            ("film.en.srt film.en.sdh.srt", None, None, "film.en.srt"),
            ("film.en.sdh.srt", None, None, "film.en.sdh.srt"),
            ("film.de.srt film.en.sdh.srt", "en", None, "film.en.sdh.srt"),
            ("film.en.forced.srt film.en.sdh.srt", "en", None, "film.en.sdh.srt"),
            ("film.en.forced.srt", "en", None, None),
            ("film.en.commentary.srt", "en", None, None),
            ("film.srt film.fr.srt", "en", None, "film.srt"),
            ("film.srt film.en.srt", "en", None, "film.en.srt"),
            ("film.odd.srt film.srt", None, None, "film.srt"),
        ],
    )
    def test_among_files(self, film, names, audio, language, expected):
        assert self.choose(film, names, audio, language=language) == expected

    @pytest.fixture
    def full(self, tmp_path) -> Path:
        return write_video(
            tmp_path / "full.mkv", colours(5), audio=AudioTrack(tone(1)), offset=4.0,
            subtitles=[
                SubtitleTrack([(0.5, 1.0, "forced")], language="eng", disposition="forced"),
                SubtitleTrack([(1.0, 2.5, "First {\\i1}line{\\i0}\\Nsecond line"), (3.0, 4.0, "Last")], language="eng"),
                SubtitleTrack([(1.0, 2.0, "[wind] First")], language="eng", disposition="hearing_impaired"),
                SubtitleTrack([(1.0, 2.0, "Erste")], language="ger", codec="ass"),
                SubtitleTrack([(1.0, 2.0, "He shot that here")], language="eng", title="Commentary"),
            ],
        )  # fmt: skip

    def test_tracks_inside(self, full):
        found = find(probe(full), SETTINGS, "eng")
        assert found.chosen.origin == "track 3"
        assert times(found.chosen.cues) == [(pytest.approx(a), pytest.approx(b), text) for a, b, text in CUES]
        assert found.others == (
            "track 2 (subrip, eng, forced, 1 cues)",
            "track 4 (subrip, eng, SDH, 1 cues)",
            "track 5 (ass, ger, 1 cues)",
            "track 6 (subrip, eng, commentary, 1 cues)",
        )
        german = find(probe(full), _settings(language="de"), "eng").chosen
        assert (german.origin, german.format, german.cues[0].text) == ("track 5", "ass", "Erste")

    def test_track_asked_for(self, full):
        assert find(probe(full), _settings(track=2)).chosen.cues[0].text == "forced"
        with pytest.raises(SettingsError, match=r"no such text track: 0; allowed: 2 \(subrip, eng\)"):
            find(probe(full), _settings(track=0))

    def test_track_before_file_of_the_same_language(self, full):
        (full.parent / "full.en.srt").write_text(SRT)
        (full.parent / "full.fr.srt").write_text(SRT)
        assert find(probe(full), SETTINGS, "en").chosen.origin == "track 3"
        assert find(probe(full), SETTINGS, "fr").chosen.origin == "full.fr.srt"

    def test_few_cues_beside_many_are_signs(self, tmp_path):
        many = [(n, n + 0.5, f"line {n}") for n in range(20)]
        path = write_video(
            tmp_path / "a.mkv", colours(5),
            subtitles=[SubtitleTrack([(0, 1, "SIGN")], language="eng"), SubtitleTrack(many, language="eng")],
        )  # fmt: skip
        assert find(probe(path), SETTINGS).chosen.origin == "track 2"

    @pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm"])
    def test_every_container(self, tmp_path, suffix):
        path = write_video(
            tmp_path / f"a.{suffix}", colours(50), fps=10, codec="libvpx" if suffix == "webm" else "libx264",
            subtitles=SubtitleTrack([(1.0, 2.5, "First line\\Nsecond line"), (3.0, 4.0, "Last")], language="fre"),
        )  # fmt: skip
        chosen = find(probe(path), SETTINGS).chosen
        assert chosen.language == "fre"
        assert times(chosen.cues) == [(pytest.approx(a), pytest.approx(b), text) for a, b, text in CUES]

    def test_switched_off(self, full):
        assert find(probe(full), _settings(use=False)).chosen is None

    def test_nothing_there(self, film):
        found = find(probe(film), SETTINGS)
        assert (found.chosen, found.others, found.problems) == (None, (), ())

    def test_bitmap_tracks_are_named(self, film):
        tracks = (
            Track(0, "video", "h264"),
            Track(4, "subtitle", "hdmv_pgs_subtitle", language="en", bitmap=True),
        )
        info = MediaInfo(film, "matroska", 1, 1.0, 0.0, tracks)
        assert find(info, SETTINGS).problems == (
            "track 4 (hdmv_pgs_subtitle, en) holds pictures, not text: not supported",
        )

    def test_damaged_files_are_named_and_the_next_is_taken(self, film):
        (film.parent / "film.en.srt").write_bytes(bytes(range(256)) * 40)
        (film.parent / "film.en.ass").write_text("[Events]\nnothing")
        (film.parent / "film.empty.srt").touch()
        (film.parent / "film.idx").write_text("# VobSub")
        (film.parent / "film.sub").write_bytes(b"\x00\x00\x01\xba")
        (film.parent / "film.de.srt").write_text(SRT)
        (film.parent / "film.fr.srt").mkdir()
        found = find(probe(film), SETTINGS, "en")
        assert found.chosen.origin == "film.de.srt"
        assert sorted(p.split(" ")[0] for p in found.problems) == [
            "film.empty.srt", "film.en.ass", "film.en.srt", "film.idx", "film.sub",
        ]  # fmt: skip

    def test_random_bytes_never_raise(self, film):
        chance = random.Random(0)
        for _ in range(60):
            data = bytearray(
                chance.choice([SRT, VTT, ASS, TTML, SAMI]).encode(chance.choice(["utf-8", "utf-16", "cp1252"]))
            )
            for _ in range(chance.randrange(60)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            suffix = chance.choice([".srt", ".vtt", ".ass", ".ttml", ".smi", ".sub"])
            (film.parent / f"film{suffix}").write_bytes(data)
            found = find(probe(film), SETTINGS)
            assert found.chosen or found.problems
            (film.parent / f"film{suffix}").unlink()


class TestGood:
    def subtitles(self, *spans: tuple[float, float], forced: bool = False) -> Subtitles:
        return Subtitles("en", "a.srt", "subrip", tuple(Cue(Span(*s), "x") for s in spans), forced)

    def test_coverage(self):
        some = self.subtitles((0, 50), (40, 60), (45, 50))  # 60 seconds, what overlaps counted once
        assert good(some, 600, _settings(coverage=0.1, density=9))
        assert not good(some, 601, _settings(coverage=0.1, density=9))

    def test_density(self):
        some = self.subtitles((0, 1), (30, 31), (60, 61))
        assert good(some, 180, _settings(coverage=1, density=1))
        assert not good(some, 181, _settings(coverage=1, density=1))

    def test_never(self):
        assert not good(None, 10, SETTINGS)
        assert not good(self.subtitles(), 10, SETTINGS)
        assert not good(self.subtitles((0, 10), forced=True), 10, SETTINGS)

    def test_unknown_duration(self):
        assert good(self.subtitles((0, 5), (6, 10)), 0.0, SETTINGS)
