"""Bundles that are damaged or made to harm: refused with one line, and the library is as it was."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import tarfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.index.bundle.samples import Member, content, film, manifest, mark, pack, relisted, unpack, write
from vagent.errors import BundleError, SourceError, StorageError, VagentError
from vagent.index.bundle.archive import zstd
from vagent.index.bundle.exporting import export_library
from vagent.index.bundle.importing import import_library
from vagent.index.records import Evidence
from vagent.index.store import Store
from vagent.tools.time import Span

ROWS, FRAMES = f"videos/{mark('a')}/rows.jsonl", f"videos/{mark('a')}/frames.db"
B_ROWS = f"videos/{mark('b')}/rows.jsonl"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    write(folder / "a", [film("a", summary=True), film("b", "subtitles", "captions")])
    export_library(folder / "a", folder / "whole.tar.zst")
    return folder / "whole.tar.zst"


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("empty") / "library", [])


@pytest.fixture
def target(empty: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(empty, tmp_path / "library"))


@pytest.fixture
def members(bundle: Path) -> list[Member]:
    return unpack(bundle)


def refusal(target: Path, bundle: Path) -> str:
    """The message with which an import is refused; nothing must have come into the library."""
    with pytest.raises(VagentError) as caught:
        import_library(target, bundle)
    assert "\n" not in str(caught.value)
    assert content(target) == {}
    assert sorted(path.name for path in target.parent.iterdir() if path != bundle) == ["library"]
    assert not (target / "incoming").exists()
    return str(caught.value)


def changed(members: list[Member], name: str, change: Callable[[Member], Member]) -> list[Member]:
    return [change(member) if member.name == name else member for member in members]


def test_made_by_hand_a_true_bundle_is_taken(target: Path, members: list[Member], tmp_path: Path) -> None:
    assert import_library(target, pack(tmp_path / "x", relisted(members))).added == 2


def test_anybody_can_open_it(bundle: Path, tmp_path: Path) -> None:
    names = [member.name for member in unpack(bundle)]
    assert names == [ROWS, FRAMES, B_ROWS, "manifest.json"]
    if shutil.which("zstd") and shutil.which("tar"):
        listed = subprocess.run(["tar", "--zstd", "-tf", bundle], capture_output=True, text=True, check=True)
        assert listed.stdout.split() == names


class TestDamage:
    @pytest.mark.parametrize("tenth", range(10))
    def test_cut_short(self, bundle: Path, target: Path, tmp_path: Path, tenth: int) -> None:
        whole = bundle.read_bytes()
        cut = tmp_path / "cut"
        cut.write_bytes(whole[: len(whole) * tenth // 10])
        assert "no bundle of a library, or it was cut short" in refusal(target, cut)

    @pytest.mark.parametrize("tenth", range(10))
    def test_cut_short_with_its_end_put_back(self, bundle: Path, target: Path, tmp_path: Path, tenth: int) -> None:
        whole = bundle.read_bytes()
        cut = tmp_path / "cut"
        cut.write_bytes(whole[: len(whole) * tenth // 10] + whole[-56:])
        refusal(target, cut)

    @pytest.mark.parametrize("part", range(40))
    def test_a_flipped_bit(self, bundle: Path, target: Path, tmp_path: Path, part: int) -> None:
        whole = bytearray(bundle.read_bytes())
        whole[len(whole) * part // 40 + 5] ^= 1
        flipped = tmp_path / "flipped"
        flipped.write_bytes(whole)
        try:
            import_library(target, flipped)
        except BundleError:
            assert content(target) == {}
        else:  # one of the compression's own bits that say nothing of what is compressed
            assert content(target) == content(bundle.parent / "a")

    def test_a_manifest_with_another_hash(self, target: Path, members: list[Member], tmp_path: Path) -> None:
        told = json.dumps(manifest(members) | {"vagent": "9.9.9"}).encode()
        path = pack(tmp_path / "x", [*members[:-1], replace(members[-1], data=told)])
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        assert "damaged: 'manifest.json'" in refusal(target, path)

    def test_something_behind_the_end(self, bundle: Path, target: Path, tmp_path: Path) -> None:
        longer = tmp_path / "longer"
        longer.write_bytes(bundle.read_bytes() + b"more")
        assert "cut short" in refusal(target, longer)

    def test_no_file_a_folder_something_else(self, target: Path, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="No such file"):
            import_library(target, tmp_path / "none")
        with pytest.raises(SourceError, match="directory"):
            import_library(target, target)
        film = tmp_path / "film.mp4"
        film.write_bytes(b"not a bundle at all, but long enough to be one")
        assert "no bundle" in refusal(target, film)


class TestMembers:
    @pytest.mark.parametrize(
        "name", ["../../evil", "/tmp/evil", "videos/../../evil", "videos/x/rows.jsonl", "", "a" * 90]
    )
    def test_names_that_lead_elsewhere(self, target: Path, members: list[Member], tmp_path: Path, name: str) -> None:
        forged = changed(members, ROWS, lambda member: replace(member, name=name))
        assert "out of place" in refusal(target, pack(tmp_path / "x", forged))
        assert not (tmp_path.parent / "evil").exists()

    @pytest.mark.parametrize(
        "kind",
        [
            *(tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE),
            *(tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_SPARSE, tarfile.CONTTYPE),
        ],
    )
    def test_links_devices_and_headers(self, target: Path, members: list[Member], tmp_path: Path, kind: bytes) -> None:
        for name in (ROWS, "manifest.json"):
            forged = changed(members, name, lambda member: replace(member, type=kind, link="/etc/passwd"))
            message = refusal(target, pack(tmp_path / "x", forged))
            assert "not a plain file" in message or "not where it should be" in message

    def test_twice_the_same(self, target: Path, members: list[Member], tmp_path: Path) -> None:
        assert "out of place" in refusal(target, pack(tmp_path / "x", [members[0], *members]))

    def test_one_too_many(self, target: Path, members: list[Member], tmp_path: Path) -> None:
        forged = [*members[:-1], Member("evil.sh", b"#!"), members[-1]]
        assert "'evil.sh'" in refusal(target, pack(tmp_path / "x", forged))

    def test_one_missing(self, target: Path, members: list[Member], tmp_path: Path) -> None:
        assert B_ROWS in refusal(target, pack(tmp_path / "x", [*members[:2], members[3]]))

    def test_other_bytes_than_listed(self, target: Path, members: list[Member], tmp_path: Path) -> None:
        forged = changed(members, FRAMES, lambda member: replace(member, data=member.data[:-1] + b"x"))
        message = refusal(target, pack(tmp_path / "x", forged))
        assert "damaged" in message
        assert FRAMES in message

    def test_more_bytes_than_listed(self, target: Path, members: list[Member], tmp_path: Path) -> None:
        bomb = changed(members, ROWS, lambda member: replace(member, data=bytes(64 << 20)))
        path = pack(tmp_path / "x", bomb)
        assert path.stat().st_size < 64 << 10
        assert f"has {64 << 20} bytes" in refusal(target, path)

    def test_more_bytes_than_the_disk_has(self, target: Path, members: list[Member], tmp_path: Path) -> None:
        told = manifest(members)
        told["videos"][0]["frames"]["size"] = 2**62
        forged = [*members[:-1], replace(members[-1], data=json.dumps(told).encode())]
        with pytest.raises(StorageError, match="unpacks to"):
            import_library(target, pack(tmp_path / "x", forged))
        assert content(target) == {}

    def test_zeros_without_end_behind_the_manifest(self, target: Path, members: list[Member], tmp_path: Path) -> None:
        forged = [*members[:-1], replace(members[-1], data=members[-1].data)]
        path = pack(tmp_path / "x", forged)
        head, end = path.read_bytes()[:-56], path.read_bytes()[-56:]
        path.write_bytes(head + zstd.compress(bytes(256 << 20)) + end)
        assert "goes on behind its end" in refusal(target, path)


class TestManifest:
    @pytest.mark.parametrize(
        ("change", "told"),
        [
            ({"format": 2}, "newer vagent"),
            ({"schema_version": 99}, "newer vagent"),
            ({"format": "1"}, "not valid (format"),
            ({"format": True}, "not valid (format"),
            ({"format": 0}, "not valid (format"),
            ({"created": 5}, "not valid (created"),
            ({"models": {"m": 0}}, "not valid (models.m"),
            ({"models": {"m": 2**40}}, "not valid (models.m"),
            ({"videos": {}}, "not valid (videos"),
            ({"extra": 1}, "not valid (extra"),
            ({"library": None}, "not valid (library"),
        ],
    )
    def test_wrong_values(
        self, target: Path, members: list[Member], tmp_path: Path, change: dict[str, object], told: str
    ) -> None:
        forged = [*members[:-1], replace(members[-1], data=json.dumps(manifest(members) | change).encode())]
        assert told in refusal(target, pack(tmp_path / "x", forged))

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("fingerprint", "../../../../tmp/evil"),
            ("fingerprint", mark("a").upper()),
            ("fingerprint", mark("a") + "\n"),
            ("path", 1),
            ("counts", {"evidence": -1}),
            ("counts", {"evidence": 1.5}),
            ("rows", {"size": -1, "sha256": "0" * 64}),
            ("rows", {"size": 2**63, "sha256": "0" * 64}),
            ("rows", {"size": 1, "sha256": "0"}),
            ("rows", None),
            ("name", "x"),
        ],
    )
    def test_wrong_entries(self, target: Path, members: list[Member], tmp_path: Path, key: str, value: object) -> None:
        told = manifest(members)
        told["videos"][0][key] = value
        forged = [*members[:-1], replace(members[-1], data=json.dumps(told).encode())]
        assert "not valid (videos.0" in refusal(target, pack(tmp_path / "x", forged))

    @pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"[" * 100_000, b"\xff\xfe", b'{"format": 1}'])
    def test_no_manifest_at_all(self, target: Path, members: list[Member], tmp_path: Path, data: bytes) -> None:
        forged = [*members[:-1], replace(members[-1], data=data)]
        assert "manifest cannot be read" in refusal(target, pack(tmp_path / "x", forged))

    def test_a_video_twice(self, target: Path, members: list[Member], tmp_path: Path) -> None:
        told = manifest(members)
        forged = relisted(members, videos=[*told["videos"], told["videos"][0]])
        assert "listed twice" in refusal(target, pack(tmp_path / "x", forged))


class TestRows:
    """Sizes and hashes are true: only what the rows say is wrong."""

    def forge(self, members: list[Member], change: Callable[[list[str]], list[str]]) -> list[Member]:
        def rewrite(member: Member) -> Member:
            lines = change(member.data.decode().splitlines())
            return replace(member, data="".join(line + "\n" for line in lines).encode("utf-8", "surrogatepass"))

        return relisted(changed(members, ROWS, rewrite))

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ('"subtitle",0.0', '"smell",0.0'),
            ('"subtitle",0.0,1.0', '"subtitle",1.0,0.0'),
            ('"subtitle",0.0', '"subtitle",NaN'),
            ('"subtitle",0.0', '"subtitle",-1e999'),
            ('"table":"clips"', '"table":"sqlite_master"'),
            ('"table":"clips"', '"table":["clips"]'),
            ('"columns":["start","end"]', '"columns":["start","end","id"]'),
            ('"columns":["start","end"]', '"columns":["start","start"]'),
            ('"columns":["start","end"]', '"columns":["start"]'),
            ('"columns":["start","end"]', '"columns":[["start"],"end"]'),
            ("[0.0,30.0]", "[0.0,30.0,1]"),
            ("[0.0,30.0]", "[[0.0],30.0]"),
            ("[0.0,30.0]", '[{"bytes":"?"},30.0]'),
            ("[0.0,30.0]", '[{"bytes":5},30.0]'),
            ("[0.0,30.0]", "[" * 100_000),
            ("[0.0,30.0]", "[9" + "9" * 5000 + ",30.0]"),
            ("[0.0,30.0]", '"text"'),
            ('"done",0.0', '"over",0.0'),
            ('"status"', '"video"'),
            ('{"bytes":"', '{"bytes":"AAAA'),
            ("Straße", "half a pair \\ud800"),
            ("Straße", "\\u0000"),
        ],
    )
    def test_what_no_row_may_hold(
        self, target: Path, members: list[Member], tmp_path: Path, old: str, new: str
    ) -> None:
        forged = self.forge(members, lambda lines: [line.replace(old, new, 1) for line in lines])
        assert forged != relisted(members)
        assert ROWS in refusal(target, pack(tmp_path / "x", forged))

    def test_a_row_twice(self, target: Path, members: list[Member], tmp_path: Path) -> None:
        def repeat(lines: list[str]) -> list[str]:
            at = next(number for number, line in enumerate(lines) if '"table":"evidence"' in line) + 1
            return [*lines[: at + 1], lines[at], *lines[at + 1 :]]

        forged = self.forge(members, repeat)
        assert "other rows than its manifest says" in refusal(target, pack(tmp_path / "x", forged))
        told = manifest(forged)["videos"]
        told[0]["counts"]["evidence"] += 1
        assert "twice" in refusal(target, pack(tmp_path / "x", relisted(forged, videos=told)))

    def test_a_row_left_out(self, target: Path, members: list[Member], tmp_path: Path) -> None:
        forged = self.forge(members, lambda lines: lines[:-1])
        assert "other rows than its manifest says" in refusal(target, pack(tmp_path / "x", forged))

    def test_vectors_of_no_evidence_and_of_no_model(self, target: Path, members: list[Member], tmp_path: Path) -> None:
        def other(lines: list[str]) -> list[str]:
            return [*lines[:-1], '[999,"m",{"bytes":"AAAAAAAAAAA="}]']

        assert "without evidence" in refusal(target, pack(tmp_path / "x", self.forge(members, other)))
        forged = relisted(members, models={"n": 4})
        assert "does not fit its model" in refusal(target, pack(tmp_path / "x", forged))
        infinite = self.forge(members, lambda lines: [*lines[:-1], '[1,"m",{"bytes":"AHwAAAAAAAA="}]'])
        assert "does not fit its model" in refusal(target, pack(tmp_path / "x", infinite))

    def test_vectors_of_another_length_than_here(self, members: list[Member], bundle: Path, tmp_path: Path) -> None:
        with Store(tmp_path / "library") as store:
            video = store.add_video(mark("z"), "/z.mp4", 1, 2, 3.0, {})
            ids = store.add_evidence([Evidence(video.id, Span(0, 1), "subtitle", "z")])
            store.put_vectors("m", ids, np.ones((1, 8), np.float32))
        before = content(tmp_path / "library")
        with pytest.raises(BundleError, match="have 4 numbers, the library's have 8"):
            import_library(tmp_path / "library", bundle)
        assert content(tmp_path / "library") == before

    def test_what_was_merged_before_a_video_that_cannot_be_stays(
        self, target: Path, members: list[Member], tmp_path: Path
    ) -> None:
        forged = changed(members, B_ROWS, lambda member: replace(member, data=b"?\n"))
        with pytest.raises(BundleError, match=B_ROWS):
            import_library(target, pack(tmp_path / "x", relisted(forged)))
        assert set(content(target)) == {mark("a")}


class TestPictures:
    """A SQLite file from strangers: sizes and hashes are true."""

    def forge(self, members: list[Member], tmp_path: Path, script: str) -> list[Member]:
        file = tmp_path / "forged.db"
        file.write_bytes(next(member.data for member in members if member.name == FRAMES))
        with closing(sqlite3.connect(file)) as database:
            database.executescript(script)
        forged = changed(members, FRAMES, lambda member: replace(member, data=file.read_bytes()))
        file.unlink()
        return relisted(forged)

    @pytest.mark.parametrize(
        "script",
        [
            "CREATE VIEW evil AS SELECT 1",
            "CREATE TABLE other (x)",
            "CREATE TRIGGER evil AFTER INSERT ON pictures BEGIN SELECT 1; END",
            "CREATE INDEX evil ON pictures (abs(time))",
            "DROP TABLE pictures",
            "DROP TABLE pictures; CREATE VIEW pictures AS SELECT 1.0 AS time, x'ffd8' AS jpeg",
            "DROP TABLE pictures; CREATE TABLE pictures (time REAL PRIMARY KEY, jpeg BLOB CHECK (1)) WITHOUT ROWID",
            "DROP TABLE pictures; CREATE TABLE pictures (time REAL, jpeg BLOB AS (x'ffd8'))",
            "CREATE VIRTUAL TABLE evil USING fts5(x)",
        ],
    )
    def test_more_than_pictures(self, target: Path, members: list[Member], tmp_path: Path, script: str) -> None:
        message = refusal(target, pack(tmp_path / "x", self.forge(members, tmp_path, script)))
        assert "more than a table of pictures" in message
        assert FRAMES in message

    @pytest.mark.parametrize(
        "script",
        [
            "UPDATE pictures SET jpeg = 'text' WHERE time = 0",
            "UPDATE pictures SET jpeg = x'00' WHERE time = 0",
            "UPDATE pictures SET time = 9e999 WHERE time = 0",
            "INSERT INTO pictures VALUES ('now', x'ffd8')",
        ],
    )
    def test_what_is_no_picture(self, target: Path, members: list[Member], tmp_path: Path, script: str) -> None:
        message = refusal(target, pack(tmp_path / "x", self.forge(members, tmp_path, script)))
        assert "no picture" in message

    def test_a_picture_that_is_too_large(self, target: Path, members: list[Member], tmp_path: Path) -> None:
        script = "UPDATE pictures SET jpeg = x'ffd8' || zeroblob(20000000) WHERE time = 0"
        assert FRAMES in refusal(target, pack(tmp_path / "x", self.forge(members, tmp_path, script)))

    @pytest.mark.parametrize("data", [b"", b"GIF89a", b"SQLite format 3\0", b"SQLite format 3\0" + bytes(5000)])
    def test_no_database(self, target: Path, members: list[Member], tmp_path: Path, data: bytes) -> None:
        forged = relisted(changed(members, FRAMES, lambda member: replace(member, data=data)))
        assert FRAMES in refusal(target, pack(tmp_path / "x", forged))

    def test_a_damaged_database(self, target: Path, members: list[Member], tmp_path: Path) -> None:
        forged = changed(members, FRAMES, lambda member: replace(member, data=member.data[:4096] + b"\xff" * 4096))
        assert FRAMES in refusal(target, pack(tmp_path / "x", relisted(forged)))
