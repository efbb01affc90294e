"""Reading and writing rows: each write one transaction that names the run it belongs to."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from os.path import samestat
from pathlib import Path
from typing import Any

from identifiability.errors import InvalidInput
from identifiability.results import provenance
from identifiability.store.file import connected, speaking


class Database:
    """The rows of one database file.

    Parameters
    ----------
    path : Path
    write : bool
    seed : int
    command : list of str, optional
        Both are recorded in the row of this run, which the first write makes.
    """

    def __init__(self, path: Path, *, write: bool, seed: int, command: list[str] | None) -> None:
        self.path = path
        self._seed, self._command = seed, command
        self._run: int | None = None
        self._connection: sqlite3.Connection | None = connected(path, write=write)
        self._file = path.stat()

    def close(self) -> None:
        """End writing; reading goes on through a connection of its own."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def one(self, query: str, *values: Any) -> Any:
        """The first row that is found, or None."""
        with speaking(self.path):
            return self._open().execute(query, values).fetchone()

    def all(self, query: str, *values: Any) -> list[Any]:
        """Every row that is found."""
        with speaking(self.path):
            return self._open().execute(query, values).fetchall()

    def write(self, statement: str, *values: Any, also: tuple[str, ...] = ()) -> None:
        """Run a statement, whose last value is the run, and another: both or none."""
        self._refuse_moved()
        with speaking(self.path):
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                run = self._run or self._new_run(connection)
                connection.execute(statement, (*values, run))
                if also:
                    connection.execute(also[0], also[1:])
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            self._run = run

    def _refuse_moved(self) -> None:
        # SQLite goes on writing to a file that has no name any more, for hours if need be.
        if not (self.path.exists() and samestat(self.path.stat(), self._file)):
            raise InvalidInput(
                f"{self.path} was moved, removed or replaced while it was written; put it back or "
                "choose another directory, then run again"
            )

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = connected(self.path, write=False)
        return self._connection

    def _new_run(self, connection: sqlite3.Connection) -> int:
        described = provenance(self._seed, self._command)
        row = connection.execute(
            "INSERT INTO runs (started, provenance) VALUES (?, ?) RETURNING id",
            (now(), json.dumps(described)),
        )
        return row.fetchone()[0]


def now() -> str:
    """The time as results keep it: UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
