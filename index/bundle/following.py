"""The state of a video that somebody else has worked on further, in the place of the state it went on from.

Merging weighs what two libraries found by themselves. Here there is nothing to weigh: one side gave a video away and
the other went on with it, so what the other has of a stage is what holds, also where a stage was begun anew because
its settings or its engine have changed. Stages that are as they were are left alone, which makes it cheap to hear of a
video often.
"""

from __future__ import annotations

from collections.abc import Mapping

from vagent.index.bundle.choosing import PICTURES, Choice, Known, State, going_on
from vagent.index.bundle.manifest import Entry
from vagent.index.bundle.merging import Merger
from vagent.index.store.columns import to_json

_FACTS = ("duration", "info", "gaps", "complete")


class Follower(Merger):
    """A library that follows what happens to a video elsewhere."""

    def follow(self, entry: Entry, models: Mapping[str, int]) -> bool:
        """Brings a video to the state of the staged one, inside a transaction of the caller's.

        Where the video lies and what it is called stay as they are here, and nothing that is only here is lost: stages
        and vectors of models that the other side knows nothing of.

        Args:
            models: embedding models and the length of their vectors.

        Returns:
            Whether anything was written.

        Raises:
            BundleError: vectors of a model that has vectors of another length here.
            LibraryError: the library cannot be written.
        """
        new = self.by_fingerprint(entry.fingerprint) is None
        if new:
            self._add(entry)
        row = self.by_fingerprint(entry.fingerprint)
        assert row is not None
        choice = self._further(row.id)
        written = [
            self._take_stages(row.id, choice),
            self._take_evidence(row.id, choice),
            self._take_vectors(models),
            self._take_clips(row.id, choice),
            self._take_pieces(row.id, choice),
            self._replace_prints(row.id),
            self._take_state(row.id),
        ]
        return new or any(written)

    def pictures_stage(self, video: int) -> State | None:
        """How far the pictures of a video have come; None where nobody has begun with them."""
        return self._states("", "WHERE video = ?", (video,)).get(PICTURES)

    def mark(self, video: int) -> tuple[object, ...]:
        """Something that is another whenever a video's state is another."""
        vectors = "SELECT count(*) FROM vectors v JOIN evidence e ON e.id = v.evidence WHERE e.video = ?"
        states = self._states("", "WHERE video = ?", (video,))
        return (*sorted(states.items(), key=lambda pair: pair[0]), *self._rows(vectors, (video,)))

    def _further(self, video: int) -> Choice:
        ours, theirs = self._states("", "WHERE video = ?", (video,)), self._states("incoming_")
        here: dict[str, int] = dict(
            self._rows("SELECT kind, count(*) FROM evidence WHERE video = ? GROUP BY kind", (video,))
        )
        there: dict[str, int] = dict(self._rows("SELECT kind, count(*) FROM incoming_evidence GROUP BY kind"))
        return going_on(Known(ours, here), Known(theirs, there))

    def _states(self, prefix: str, where: str = "", values: tuple[object, ...] = ()) -> dict[str, State]:
        columns = "stage, fingerprint, status, cursor, changed, detail"
        rows = self._rows(f"SELECT {columns} FROM {prefix}stages {where}", values)
        return {stage: State(*state) for stage, *state in rows}

    def _replace_prints(self, video: int) -> bool:
        same = "SELECT kind, data FROM prints WHERE video = ?"
        sql = (
            "INSERT OR REPLACE INTO prints (video, kind, data) SELECT ?, kind, data FROM"
            f" (SELECT kind, data FROM incoming_prints EXCEPT {same})"
        )
        return self._run(sql, (video, video)).rowcount > 0

    def _take_state(self, video: int) -> bool:
        names = ", ".join(_FACTS)
        (ours,) = self._rows(f"SELECT {names} FROM videos WHERE id = ?", (video,))
        (theirs,) = self._rows(f"SELECT {names} FROM incoming_videos")
        if theirs[_FACTS.index("info")] == to_json({}):  # the file has not been described yet
            theirs = (theirs[0], ours[1], *theirs[2:])
        if theirs == ours:
            return False
        self._run(f"UPDATE videos SET {', '.join(f'{name} = ?' for name in _FACTS)} WHERE id = ?", (*theirs, video))
        return True
