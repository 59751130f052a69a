"""Small libraries for tests of bundles, what is in a library regardless of numbering, and bundles made by hand."""

from __future__ import annotations

import hashlib
import io
import json
import sqlite3
import struct
import tarfile
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from vagent.index.bundle.archive import zstd
from vagent.index.bundle.contents import TRAVELLING
from vagent.index.bundle.exporting import export_library
from vagent.index.bundle.importing import Merged, import_library
from vagent.index.pictures import Pictures
from vagent.index.records import Clip, Evidence, Shot
from vagent.index.store import Store
from vagent.tools.time import Span

KINDS = {"subtitles": "subtitle", "speech": "speech", "captions": "caption"}
DIMENSION = 4
FOOTER = struct.Struct("<II8sQ32s")  # frame to skip, its length, mark, where the manifest's frame begins, its hash


def mark(name: str) -> str:
    """A fingerprint."""
    return hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Stage:
    """How far a stage has come: None is finished; ``settings`` are what its fingerprint stands for."""

    cursor: float | None = None
    settings: str = "s"
    changed: str = "2026-01-01"


@dataclass(frozen=True)
class Film:
    """What a library holds of a film; what a stage found follows from its settings and how far it came."""

    name: str
    stages: dict[str, Stage] = field(default_factory=dict)
    models: frozenset[str] = frozenset({"m"})
    paths: tuple[tuple[str, str], ...] = ()  # and when the film was seen there
    pictures: bool = True
    summary: bool = False
    title: str | None = None
    missing: str | None = None
    added: str = "2026-01-01T00:00:00Z"


FULL = {name: Stage() for name in ("subtitles", "speech", "captions", "clips", "pictures", "shots")}


def film(name: str = "a", *stages: str, **more: Any) -> Film:
    """A film with some finished stages, by default all of them."""
    return Film(name, {stage: Stage() for stage in stages or FULL}, **more)


def write(folder: Path, films: Iterable[Film]) -> Path:
    """A library of these films."""
    with Store(folder) as store:
        for one in films:
            _write(store, folder, one)
    return folder


def _write(store: Store, folder: Path, one: Film) -> None:
    paths = one.paths or ((f"/films/{one.name}.mp4", "2026-01-01T00:00:00Z"),)
    video = 0
    for path, _ in paths:
        video = store.add_video(mark(one.name), path, 100, 7, 60.0, {"name": Path(path).name}).id
    ids: list[int] = []
    for name, stage in one.stages.items():
        done = stage.cursor is None
        store.set_stage(video, name, stage.settings, "done" if done else "running", stage.cursor or 0.0, {"of": name})
        count = 3 if stage.cursor is None else int(stage.cursor)
        for at in range(0 if done else count):
            store.add_piece(video, name, f"{one.name}{stage.settings}{at}".encode())
        if name in KINDS:
            ids += store.add_evidence([_line(video, one, name, stage, at) for at in range(count)])
        elif name == "clips" and done:
            store.replace_clips(video, [Clip(Span(0, 30)), Clip(Span(30, 60))])
            store.replace_shots(video, [Shot(Span(0, 12.5)), Shot(Span(12.5, 60), "cut")])
        elif name == "pictures" and one.pictures:
            jpegs = [(float(at), b"\xff\xd8" + f"{one.name}{at}".encode()) for at in range(count)]
            Pictures(folder / "frames", mark(one.name)).add(jpegs)
    if one.summary:
        row = Evidence(video, Span(0, 60), "summary", f"about {one.name}", extra={"from": ids[:2], "level": 1})
        ids += store.add_evidence([row])
    for model in sorted(one.models) if ids else []:
        texts = {row.id: row.text for row in store.evidence(video)}
        store.put_vectors(model, ids, np.stack([vector(model, texts[number]) for number in ids]))
    running = any(stage.cursor is not None for stage in one.stages.values())
    store.update_video(video, complete=bool(one.stages) and not running, title=one.title)
    _date(store.file, video, one, paths)


def _line(video: int, one: Film, name: str, stage: Stage, at: int) -> Evidence:
    # Two lines are alike but for their time, as in a song.
    text = f"{one.name} {name} {stage.settings} {at % 2} Straße \U0001f3ac"
    return Evidence(video, Span(at * 2, at * 2 + 1), KINDS[name], text, 0.5, at == 1, "e 1", {"language": "de"})


def _date(file: Path, video: int, one: Film, paths: Sequence[tuple[str, str]]) -> None:
    """Times that the store takes from the clock, and rooms that other modules fill."""
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE videos SET added = ?, missing = ? WHERE id = ?", (one.added, one.missing, video))
        for path, seen in paths:
            database.execute("UPDATE paths SET seen = ? WHERE path = ?", (seen, path))
        for name, stage in one.stages.items():
            values = (stage.changed, video, name)
            database.execute("UPDATE stages SET changed = ? WHERE video = ? AND stage = ?", values)
        latest = max(paths, key=lambda pair: (pair[1], pair[0]))[0]
        info = json.dumps({"name": Path(latest).name})
        database.execute("UPDATE videos SET path = ?, info = ? WHERE id = ?", (latest, info, video))
        print_of = hashlib.sha256(one.name.encode()).digest()
        database.execute("INSERT INTO prints (video, kind, data) VALUES (?, 'frames', ?)", (video, print_of))


def vector(model: str, text: str) -> np.ndarray:
    """A vector that follows from a text."""
    seed = int.from_bytes(hashlib.sha256(f"{model} {text}".encode()).digest()[:4], "big")
    return np.random.default_rng(seed).standard_normal(DIMENSION).astype(np.float32)


def merge(source: Path, target: Path) -> Merged:
    """All of one library into another."""
    bundle = source.with_suffix(".tar.zst")
    export_library(source, bundle)
    return import_library(target, bundle)


# ---------------------------------------------------------------------- what is in a library


def content(folder: Path) -> dict[str, Any]:
    """What a library knows of each video, by fingerprint, without the numbers it gives to rows."""
    with closing(sqlite3.connect(folder / "library.db")) as database:
        videos = database.execute("SELECT id, fingerprint FROM videos").fetchall()
        return {found: _content(database, folder, number, found) for number, found in videos}


def _content(database: sqlite3.Connection, folder: Path, video: int, fingerprint: str) -> dict[str, Any]:
    def rows(sql: str) -> list[tuple[Any, ...]]:
        return database.execute(sql, (video,)).fetchall()

    facts = "path, duration, info, gaps, complete, added, missing, title, year, language"
    evidence = {row[0]: row[1:] for row in rows("SELECT * FROM evidence WHERE video = ?")}
    return {
        "video": rows(f"SELECT {facts} FROM videos WHERE id = ?"),
        "paths": sorted(rows("SELECT path, size, mtime_ns, seen FROM paths WHERE video = ?")),
        "stages": sorted(rows("SELECT stage, fingerprint, status, cursor, detail FROM stages WHERE video = ?")),
        "clips": sorted(rows('SELECT start, "end" FROM clips WHERE video = ?')),
        "shots": sorted(rows('SELECT start, "end", start_kind FROM shots WHERE video = ?')),
        "pieces": sorted(rows("SELECT stage, part, data FROM pieces WHERE video = ?")),
        "prints": sorted(rows("SELECT kind, data FROM prints WHERE video = ?")),
        "evidence": sorted(repr(_known(evidence, number)) for number in evidence),
        "vectors": sorted(
            (repr(_known(evidence, number)), model, blob)
            for number, model, blob in rows(
                "SELECT v.evidence, m.name, v.vector FROM vectors v JOIN embedding_models m ON m.id = v.model"
                " JOIN evidence e ON e.id = v.evidence WHERE e.video = ?"
            )
        ),
        "pictures": pictures(folder, fingerprint),
    }


def _known(evidence: dict[int, tuple[Any, ...]], number: int) -> tuple[Any, ...]:
    """A row of evidence, with what it refers to in place of its number."""
    _, *values = evidence[number]
    extra = json.loads(values[-2])
    if "from" in extra:
        extra["from"] = [evidence[other][1:6] for other in extra["from"]]
    return (*values[:-2], extra, values[-1])


def pictures(folder: Path, fingerprint: str) -> list[tuple[float, bytes]] | None:
    """The pictures of a video; None where there is no file."""
    file = folder / "frames" / f"{fingerprint}.db"
    if not file.is_file():
        return None
    with closing(sqlite3.connect(file)) as database:
        return database.execute("SELECT time, jpeg FROM pictures ORDER BY time").fetchall()


def raw(folder: Path) -> dict[str, Any]:
    """Every row with every number, and the bytes of the pictures."""
    with closing(sqlite3.connect(folder / "library.db")) as database:
        names = [table.name for table in TRAVELLING] + ["embedding_models", "evidence_fts"]
        tables = {name: database.execute(f"SELECT rowid, * FROM {name} ORDER BY rowid").fetchall() for name in names}
        # A table that never had a row counts none whether it is listed or not.
        tables["numbers"] = database.execute("SELECT * FROM sqlite_sequence WHERE seq > 0 ORDER BY name").fetchall()
    files = {file.name: file.read_bytes() for file in sorted((folder / "frames").glob("*"))}
    return {**tables, "files": files}


# ---------------------------------------------------------------------- bundles made by hand


@dataclass(frozen=True)
class Member:
    """A member of a bundle, as a tar archive has it."""

    name: str
    data: bytes
    type: bytes = tarfile.REGTYPE
    link: str = ""


def unpack(bundle: Path) -> list[Member]:
    """The members of a bundle, read with the tools that everybody has."""
    plain = zstd.decompress(bundle.read_bytes()[: -FOOTER.size])
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        return [Member(one.name, archive.extractfile(one).read()) for one in archive.getmembers()]


def pack(bundle: Path, members: Sequence[Member]) -> Path:
    """A bundle of any members; the last one is where the manifest should be."""
    with bundle.open("wb") as stream:
        packed = zstd.ZstdFile(stream, "w")
        archive = tarfile.TarFile(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT)
        for member in members[:-1]:
            _append(archive, member)
        packed.flush(zstd.ZstdFile.FLUSH_FRAME)
        offset = stream.tell()
        _append(archive, members[-1])
        archive.close()
        packed.close()
        stream.write(FOOTER.pack(0x184D2A5B, 48, b"vagent 1", offset, hashlib.sha256(members[-1].data).digest()))
    return bundle


def _append(archive: tarfile.TarFile, member: Member) -> None:
    header = tarfile.TarInfo(member.name)
    header.type, header.linkname = member.type, member.link
    header.size = len(member.data)
    archive.fileobj.write(header.tobuf(tarfile.GNU_FORMAT))
    archive.fileobj.write(member.data + b"\0" * (-len(member.data) % tarfile.BLOCKSIZE))
    archive.offset += tarfile.BLOCKSIZE + len(member.data) + -len(member.data) % tarfile.BLOCKSIZE


def manifest(members: Sequence[Member]) -> dict[str, Any]:
    """What the manifest says."""
    return json.loads(members[-1].data)


def relisted(members: Sequence[Member], **changes: Any) -> list[Member]:
    """The members with a manifest whose sizes and hashes are true again, as a forger would do it.

    Args:
        changes: other values of the manifest.
    """
    told = manifest(members) | changes
    by_name = {member.name: member.data for member in members}
    for entry in told["videos"]:
        for part, name in (("rows", "rows.jsonl"), ("frames", "frames.db")):
            data = by_name.get(f"videos/{entry['fingerprint']}/{name}")
            if data is not None:
                entry[part] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    return [*members[:-1], replace(members[-1], data=json.dumps(told).encode())]
