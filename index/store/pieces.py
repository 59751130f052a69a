"""The room of the pieces: what a stage that is not done yet has found, beside the rows of evidence."""

from __future__ import annotations

from vagent.index.store.database import Database


class Pieces(Database):
    """Bytes that stages add at each checkpoint and read back joined when they are done."""

    def add_piece(self, video: int, stage: str, data: bytes) -> None:
        """Adds to what a stage has found so far; nothing that was added before is written again."""
        self._run(
            "INSERT INTO pieces (video, stage, part, data)"
            " SELECT ?1, ?2, coalesce(max(part) + 1, 0), ?3 FROM pieces WHERE video = ?1 AND stage = ?2",
            (video, stage, data),
        )

    def pieces(self, video: int, stage: str) -> bytes:
        """All that a stage has added, joined in the order in which it came; nothing once it is done."""
        sql = "SELECT data FROM pieces WHERE video = ? AND stage = ? ORDER BY part"
        return b"".join(self._read(lambda row: bytes(row[0]), sql, (video, stage)))

    def drop_pieces(self, video: int, stage: str) -> None:
        """Forgets what a stage has added."""
        self._run("DELETE FROM pieces WHERE video = ? AND stage = ?", (video, stage))
