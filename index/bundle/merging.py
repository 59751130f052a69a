"""One video of a bundle into the library."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vagent.errors import BundleError, LibraryBusyError
from vagent.index.bundle.choosing import PICTURES, Choice, Known, State, choose
from vagent.index.bundle.manifest import Entry
from vagent.index.bundle.staging import Staging
from vagent.index.store.columns import to_json
from vagent.index.sync.prints import STAGES

_REFERRING = {"summary": "from"}  # kinds of evidence whose ``extra`` names other rows of evidence, and under which key
_COUNTED = ("evidence", "vectors", "shots", "clips", "stages", "paths", "prints")
_SAME = ("kind", "start", '"end"', "text", "engine")  # columns by which two rows of evidence are the same


@dataclass(slots=True)
class Outcome:
    """What the merge of one video came to.

    Attributes:
        new: the library did not know it.
        changed: anything was written.
        rows: how many were written, by table.
        kept: stages that both libraries finished with other settings or engines; the library's own stayed.
    """

    new: bool = False
    changed: bool = False
    rows: dict[str, int] = field(default_factory=dict)
    kept: tuple[str, ...] = ()


class Merger(Staging):
    """A library into which videos are merged, one by one; see ``Staging`` for where they wait."""

    def wants_pictures(self, entry: Entry, *, here: bool) -> bool:
        """Whether the bundle's pictures of the staged video are to be taken.

        Args:
            here: the library has pictures of it.
        """
        return entry.frames is not None and (not here or PICTURES in self._choice(entry).stages)

    def merge(self, entry: Entry, models: Mapping[str, int], *, pictures: bool) -> Outcome:
        """Merges the staged video, inside a transaction of the caller's; nobody else may work on it.

        Args:
            models: embedding models and the length of their vectors.
            pictures: the bundle's are put in their place too.

        Raises:
            BundleError: vectors of a model that has vectors of another length here.
            LibraryBusyError: the video was removed since its pictures were asked for.
            LibraryError: the library cannot be written.
        """
        outcome = Outcome(new=self._number(entry.fingerprint) is None)
        choice = self._choice(entry)
        if not pictures and entry.frames is not None and PICTURES in choice.stages:
            raise LibraryBusyError("the video was changed meanwhile", entry.path, hint="import the bundle again")
        outcome.kept = choice.kept
        before = self._counts(entry)
        if outcome.new:
            self._add(entry)
        video = self._number(entry.fingerprint)
        assert video is not None
        changed = [
            outcome.new,
            self._take_stages(video, choice),
            self._take_evidence(video, choice),
            self._take_vectors(models),
            self._take_clips(video, choice),
            self._take_pieces(video, choice),
            self._take_prints(video, choice),
            self._take_paths(video, entry),
        ]
        changed.append(self._take_facts(video, choice))
        outcome.changed = any(changed) or pictures
        after = self._counts(entry)
        outcome.rows = {name: after[name] - before[name] for name in _COUNTED if after[name] != before[name]}
        return outcome

    def _number(self, fingerprint: str) -> int | None:
        found = self.by_fingerprint(fingerprint)
        return None if found is None else found.id

    def _choice(self, entry: Entry) -> Choice:
        video = self._number(entry.fingerprint)
        if video is None:
            return choose(Known(), self._knows_of("incoming_"))
        return choose(self._knows_of("", "WHERE id = ?", "WHERE video = ?", (video,)), self._knows_of("incoming_"))

    def _knows_of(self, prefix: str, this: str = "", where: str = "", values: tuple[Any, ...] = ()) -> Known:
        stages = self._rows(f"SELECT stage, fingerprint, status, cursor, changed FROM {prefix}stages {where}", values)
        kinds = self._rows(f"SELECT kind, count(*) FROM {prefix}evidence {where} GROUP BY kind", values)
        ((clips,),) = self._rows(f"SELECT count(*) FROM {prefix}clips {where}", values)
        ((complete,),) = self._rows(f"SELECT complete FROM {prefix}videos {this}", values)
        return Known({stage: State(*state) for stage, *state in stages}, dict(kinds), clips, bool(complete))

    def _counts(self, entry: Entry) -> dict[str, int]:
        video = self._number(entry.fingerprint)
        found = {}
        for name in _COUNTED:
            source = "vectors v JOIN evidence e ON e.id = v.evidence" if name == "vectors" else name
            ((found[name],),) = self._rows(f"SELECT count(*) FROM {source} WHERE video = ?", (video,))
        return found

    def _add(self, entry: Entry) -> None:
        columns = "path, duration, info, gaps, added, missing, title, year, language"
        sql = f"INSERT INTO videos (fingerprint, {columns}) SELECT ?, {columns} FROM incoming_videos"
        self._run(sql, (entry.fingerprint,))

    # ------------------------------------------------------------------ what the stages found

    def _take_stages(self, video: int, choice: Choice) -> bool:
        columns = "stage, fingerprint, status, cursor, detail, changed"
        self._run(
            f"INSERT OR REPLACE INTO stages (video, {columns}) SELECT ?, {columns} FROM incoming_stages"
            " WHERE stage IN (SELECT value FROM json_each(?))",
            (video, to_json(sorted(choice.stages))),
        )
        return bool(choice.stages)

    def _take_evidence(self, video: int, choice: Choice) -> bool:
        """Rows with new numbers, in their old order; ``incoming_ids`` then has the numbers of all that is here."""
        taken, united = to_json(sorted(choice.kinds)), to_json(sorted(choice.united))
        self._run("DELETE FROM evidence WHERE video = ? AND kind IN (SELECT value FROM json_each(?))", (video, taken))
        self._match(video, to_json(sorted(choice.agreed | choice.united)))
        ((last,),) = self._rows("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'evidence'")
        ((known,),) = self._rows("SELECT count(*) FROM incoming_ids")
        self._run(
            "INSERT INTO incoming_ids SELECT id, ? + row_number() OVER (ORDER BY id) FROM incoming_evidence"
            " WHERE id NOT IN (SELECT old FROM incoming_ids)"
            " AND kind IN (SELECT value FROM json_each(?) UNION ALL SELECT value FROM json_each(?))",
            (last, taken, united),
        )
        columns = 'kind, start, "end", text, confidence, weak, engine, extra, words'
        self._run(
            f"INSERT INTO evidence (id, video, {columns}) SELECT n.new, ?, {columns} FROM incoming_ids n"
            " JOIN incoming_evidence i ON i.id = n.old WHERE n.new > ? ORDER BY n.new",
            (video, last),
        )
        self._refer_anew(last)
        ((now,),) = self._rows("SELECT count(*) FROM incoming_ids")
        return bool(now > known)

    def _match(self, video: int, kinds: str) -> None:
        """Notes which rows of some kinds are here already; of several that are alike the first is the first."""
        same = ", ".join(_SAME)
        numbered = f"{same}, row_number() OVER (PARTITION BY {same} ORDER BY id) AS nth"
        wanted = "kind IN (SELECT value FROM json_each(?))"
        # Sorted together, not joined: SQLite would make no index for the join.
        self._run(
            "INSERT INTO incoming_ids SELECT max(old), max(new) FROM"
            f" (SELECT id AS old, NULL AS new, {numbered} FROM incoming_evidence WHERE {wanted} UNION ALL"
            f" SELECT NULL, id, {numbered} FROM evidence WHERE video = ? AND {wanted})"
            f" GROUP BY {same}, nth HAVING count(old) AND count(new)",
            (kinds, video, kinds),
        )

    def _refer_anew(self, last: int) -> None:
        """Numbers of evidence that new rows name become those here; what is not here is no longer named."""
        for kind, key in _REFERRING.items():
            rows = self._rows(
                "SELECT id, extra FROM evidence WHERE id > ? AND kind = ? AND json_type(extra, ?) = 'array'",
                (last, kind, f"$.{key}"),
            )
            for number, extra in rows:
                value = json.loads(extra)
                named = to_json([old for old in value[key] if type(old) is int])
                sql = "SELECT n.new FROM json_each(?) j JOIN incoming_ids n ON n.old = j.value ORDER BY j.key"
                value[key] = [new for (new,) in self._rows(sql, (named,))]
                self._run("UPDATE evidence SET extra = ? WHERE id = ?", (to_json(value), number))

    def _take_vectors(self, models: Mapping[str, int]) -> bool:
        """Vectors of what is here and has none of their model; those of other models are left beside them."""
        missing = (
            "FROM incoming_vectors i JOIN incoming_ids n ON n.old = i.evidence WHERE NOT EXISTS (SELECT 1"
            " FROM vectors v JOIN embedding_models m ON m.id = v.model WHERE v.evidence = n.new AND m.name = i.model)"
        )
        names = [name for (name,) in self._rows(f"SELECT DISTINCT i.model {missing}")]
        for name in names:
            sql = "INSERT INTO embedding_models (name, dimension) VALUES (?, ?) ON CONFLICT (name) DO NOTHING"
            self._run(sql, (name, models[name]))
            ((dimension,),) = self._rows("SELECT dimension FROM embedding_models WHERE name = ?", (name,))
            if dimension != models[name]:
                raise BundleError(
                    f"the bundle's vectors of {name} have {models[name]} numbers, the library's have {dimension}",
                    hint="export the library again with an index of the same model",
                )
        self._run(
            "INSERT INTO vectors (evidence, model, vector)"
            f" SELECT n.new, (SELECT id FROM embedding_models WHERE name = i.model), i.vector {missing} ORDER BY n.new"
        )
        return bool(names)

    def _take_clips(self, video: int, choice: Choice) -> bool:
        if choice.clips:
            for table, columns in (("shots", 'start, "end", start_kind'), ("clips", 'start, "end"')):
                self._run(f"DELETE FROM {table} WHERE video = ?", (video,))
                sql = f"INSERT INTO {table} (video, {columns}) SELECT ?, {columns} FROM incoming_{table} ORDER BY rowid"
                self._run(sql, (video,))
        return choice.clips

    def _take_pieces(self, video: int, choice: Choice) -> bool:
        """What stages that are taken have found so far, in the place of what they had found here."""
        taken = to_json(sorted(choice.stages))
        among = "stage IN (SELECT value FROM json_each(?))"
        gone = self._run(
            f"DELETE FROM pieces WHERE video = ? AND {among} AND NOT EXISTS (SELECT 1 FROM incoming_pieces i"
            " WHERE i.stage = pieces.stage AND i.part = pieces.part AND i.data = pieces.data)",
            (video, taken),
        )
        sql = f"SELECT ?, stage, part, data FROM incoming_pieces WHERE {among}"
        come = self._run(f"INSERT OR IGNORE INTO pieces (video, stage, part, data) {sql}", (video, taken))
        return gone.rowcount > 0 or come.rowcount > 0

    def _take_prints(self, video: int, choice: Choice) -> bool:
        """Those of stages that are taken; of the others, what is lacking here."""
        taken = to_json([kind for kind, stage in STAGES.items() if stage in choice.stages])
        columns = "prints (video, kind, data) SELECT ?, kind, data FROM incoming_prints"
        among = "kind IN (SELECT value FROM json_each(?))"
        come = self._run(f"INSERT OR REPLACE INTO {columns} WHERE {among}", (video, taken))
        more = self._run(f"INSERT OR IGNORE INTO {columns} WHERE NOT {among}", (video, taken))
        return come.rowcount > 0 or more.rowcount > 0

    # ------------------------------------------------------------------ where it lies, and what it is called

    def _take_paths(self, video: int, entry: Entry) -> bool:
        """All paths of both. One path is one video: the one whose file lies there, else the one seen there last."""
        changed = False
        for path, size, mtime_ns, seen in self._rows("SELECT path, size, mtime_ns, seen FROM incoming_paths"):
            sql = (
                "SELECT p.size, p.mtime_ns, p.seen, v.fingerprint FROM paths p JOIN videos v ON v.id = p.video"
                " WHERE p.path = ?"
            )
            theirs = (size, mtime_ns, seen, entry.fingerprint)
            if any(_standing(path, ours) >= _standing(path, theirs) for ours in self._rows(sql, (path,))):
                continue
            sql = "INSERT OR REPLACE INTO paths (path, video, size, mtime_ns, seen) VALUES (?, ?, ?, ?, ?)"
            self._run(sql, (path, video, size, mtime_ns, seen))
            changed = True
        return changed

    def _take_facts(self, video: int, choice: Choice) -> bool:
        names = ("path", "duration", "info", "gaps", "complete", "added", "missing", "title", "year", "language")
        select = f"SELECT {', '.join(names)} FROM"
        ours = dict(zip(names, self._rows(f"{select} videos WHERE id = ?", (video,))[0], strict=True))
        theirs = dict(zip(names, self._rows(f"{select} incoming_videos")[0], strict=True))
        there = self._place(video, theirs["path"]) > self._place(video, ours["path"])
        first, second = (theirs, ours) if there else (ours, theirs)
        clips = theirs if choice.clips else ours
        facts = {
            "path": first["path"],
            "info": first["info"] if first["info"] != "{}" else second["info"],
            "duration": clips["duration"],
            "gaps": clips["gaps"],
            "complete": int(choice.complete),
            "added": min(ours["added"], theirs["added"]),
            "missing": self._missing(first["path"], ours["missing"], theirs["missing"]),
            **{
                name: first[name] if first[name] is not None else second[name] for name in ("title", "year", "language")
            },
        }
        given = {name: value for name, value in facts.items() if value != ours[name]}
        if given:
            columns = ", ".join(f"{name} = ?" for name in given)
            self._run(f"UPDATE videos SET {columns} WHERE id = ?", (*given.values(), video))
        return bool(given)

    @staticmethod
    def _missing(path: str | bytes, ours: str | None, theirs: str | None) -> str | None:
        """Since when the file is gone: only where both say so, and nothing lies there."""
        if ours is None or theirs is None or _status(path) is not None:
            return None
        return min(ours, theirs)

    def _place(self, video: int, path: str | bytes) -> tuple[bool, str, bytes]:
        """How well a path serves as the one that is shown: files that are there before others, then the latest."""
        seen = self._rows("SELECT seen FROM paths WHERE path = ? AND video = ?", (path, video))
        return _status(path) is not None, seen[0][0] if seen else "", os.fsencode(path)


def _standing(path: str | bytes, seen: tuple[Any, ...]) -> tuple[bool, str, str, int, int]:
    """How well founded it is that a path is a video's: the file there is as it was seen, then the latest."""
    size, mtime_ns, when, fingerprint = seen
    status = _status(path)
    here = status is not None and (status.st_size, status.st_mtime_ns) == (size, mtime_ns)
    return here, when, fingerprint, size, mtime_ns


def _status(path: str | bytes) -> os.stat_result | None:
    """Of the file at a path, which may have been written down on a machine with other rules for paths."""
    try:
        return Path(os.fsdecode(path)).stat()
    except (OSError, ValueError):
        return None
