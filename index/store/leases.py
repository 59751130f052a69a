"""The room of the leases: who works on what, over several processes and machines."""

from __future__ import annotations

from dataclasses import dataclass

from vagent.index.store.database import Database


@dataclass(frozen=True, slots=True)
class Lease:
    """Somebody's right to work on something until a moment.

    Attributes:
        name: what is worked on.
        holder: who works, unguessable; ``host`` and ``pid`` say where that is.
        until: seconds since 1970; past it anybody may take the work over.
    """

    name: str
    holder: str
    host: str
    pid: int
    until: float


class Leases(Database):
    """Leases of all holders."""

    def lease(self, name: str) -> Lease | None:
        """Who holds a lease, expired or not; None where nobody does."""
        sql = "SELECT name, holder, host, pid, until FROM leases WHERE name = ?"
        return next(iter(self._read(lambda row: Lease(*row), sql, (name,))), None)

    def leases(self) -> list[Lease]:
        """All leases, expired ones too."""
        return self._read(lambda row: Lease(*row), "SELECT name, holder, host, pid, until FROM leases ORDER BY name")

    def put_lease(self, lease: Lease) -> None:
        """Writes a lease, whoever held it: look first, in the same transaction."""
        sql = "INSERT OR REPLACE INTO leases (name, holder, host, pid, until) VALUES (?, ?, ?, ?, ?)"
        self._run(sql, (lease.name, lease.holder, lease.host, lease.pid, lease.until))

    def renew_leases(self, holder: str, until: float) -> int:
        """Makes all leases of a holder last until a moment; returns how many there are."""
        return self._run("UPDATE leases SET until = ? WHERE holder = ?", (until, holder)).rowcount

    def drop_lease(self, name: str, holder: str) -> None:
        """Gives a lease back; one that somebody else has taken over stays theirs."""
        self._run("DELETE FROM leases WHERE name = ? AND holder = ?", (name, holder))

    def drop_leases(self, holder: str) -> None:
        """Gives back all leases of a holder that is dead."""
        self._run("DELETE FROM leases WHERE holder = ?", (holder,))
