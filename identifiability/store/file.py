"""The database file: opened with its checks, and its complaints in sentences."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path

from identifiability.errors import InvalidInput

DATABASE, ARRAYS = "results.sqlite", "arrays"
SCHEMA_VERSION = 1
APPLICATION = 0x53_54_49_44  # "STID", by which a file of ours is told from another program's

_TABLES = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, started TEXT NOT NULL, provenance TEXT NOT NULL);
CREATE TABLE cells (
    key TEXT PRIMARY KEY, label TEXT NOT NULL, described TEXT NOT NULL, result TEXT NOT NULL,
    files TEXT NOT NULL, sha256 TEXT NOT NULL, seconds REAL NOT NULL, threads INTEGER NOT NULL,
    finished TEXT NOT NULL, run INTEGER NOT NULL REFERENCES runs(id)) WITHOUT ROWID;
CREATE TABLE missing (
    key TEXT PRIMARY KEY, label TEXT NOT NULL, reason TEXT NOT NULL,
    run INTEGER NOT NULL REFERENCES runs(id)) WITHOUT ROWID;
CREATE TABLE predictions (
    key TEXT PRIMARY KEY, value TEXT NOT NULL, sha256 TEXT NOT NULL, stated TEXT NOT NULL,
    run INTEGER NOT NULL REFERENCES runs(id)) WITHOUT ROWID;
"""


def connected(path: Path, *, write: bool) -> sqlite3.Connection:
    """The database, after checking that it is whole, ours and of this version."""
    with speaking(path):
        _refuse_cut_off(path)
        connection = _writer(path) if write else _reader(path)
        try:
            _check(connection, path)
            if write and not _version(connection):
                connection.executescript(
                    f"BEGIN IMMEDIATE; {_TABLES} PRAGMA application_id = {APPLICATION};"
                    f"PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
                )
        except BaseException:
            connection.close()
            raise
        return connection


def _writer(path: Path) -> sqlite3.Connection:
    if path.exists() and not os.access(path, os.W_OK, effective_ids=True):
        # SQLite would say so only when the first cell is done.
        raise InvalidInput(f"{path} cannot be written; choose a directory that can be")
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    # What is committed outlives the process; a power cut may cost the last cells, never the file.
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def _reader(path: Path) -> sqlite3.Connection:
    if not path.exists():
        raise InvalidInput(f"no results at {path}; run the command that computes them first")
    address = f"{path.absolute().as_uri()}?mode=ro"
    wal = path.with_name(f"{path.name}-wal")
    if not os.access(path.parent, os.W_OK, effective_ids=True) and not wal.exists():
        # Readers of a WAL database share a file beside it; where none can be made nobody writes.
        address += "&immutable=1"
    return sqlite3.connect(address, uri=True, isolation_level=None)


def _version(connection: sqlite3.Connection) -> int:
    return connection.execute("PRAGMA user_version").fetchone()[0]


def _check(connection: sqlite3.Connection, path: Path) -> None:
    version = _version(connection)
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if application != APPLICATION and (tables or version):
        raise InvalidInput(f"{path} is another program's database; choose another directory")
    if version > SCHEMA_VERSION:
        raise InvalidInput(
            f"{path} was written by a newer version (schema {version}, this one reads "
            f"{SCHEMA_VERSION}); update the package or choose another directory"
        )
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise damaged(path, found)
    if version and _declared(connection) != _expected():
        raise damaged(path, "its tables are not those of this version")


def _declared(connection: sqlite3.Connection) -> set[tuple[str, str]]:
    return set(connection.execute("SELECT name, sql FROM sqlite_master"))


@lru_cache
def _expected() -> set[tuple[str, str]]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(_TABLES)
        return _declared(connection)


def _refuse_cut_off(path: Path) -> None:
    """Find what SQLite forgives: a file that lost its end, or all of it."""
    if not path.exists():
        return
    size = path.stat().st_size
    wal = path.with_name(f"{path.name}-wal")
    logged = wal.exists() and wal.stat().st_size > 0
    if size == 0:
        # A new database, unless something shows that it once held results.
        arrays = path.parent / ARRAYS
        if logged or (arrays.is_dir() and any(arrays.iterdir())):
            raise damaged(path, "it is empty")
    elif not logged:
        # With a log beside it the file may be behind; quick_check sees both together.
        with path.open("rb") as stream:
            header = stream.read(100)
        page = int.from_bytes(header[16:18], "big")
        pages = int.from_bytes(header[28:32], "big")
        if len(header) < 100 or size < (65536 if page == 1 else page) * pages:
            raise damaged(path, f"it ends after {size} bytes")


def damaged(path: Path, what: str) -> InvalidInput:
    """The sentence for a file that is not what was written."""
    return InvalidInput(
        f"{path} is damaged ({' '.join(str(what).split())}); restore a copy, or move it away and "
        "run again"
    )


@contextmanager
def speaking(path: Path) -> Iterator[None]:
    """Say what the database or the disk complains of; a mistake of ours stays an error."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        sentence = _SENTENCES.get(-1 if code is None else code & 0xFF)
        if sentence is None:
            raise
        if sentence is _DAMAGED:
            raise damaged(path, str(error)) from error
        raise InvalidInput(sentence.format(path=path, error=error)) from error
    except OSError as error:
        raise InvalidInput(
            f"cannot write {path} ({error.strerror or error}); make room or choose another "
            "directory, then run again: what is done is kept"
        ) from error


_DAMAGED = "damaged"
_SENTENCES = {
    sqlite3.SQLITE_FULL: "the disk is full at {path}; make room and run again: "
    "what is done is kept",
    sqlite3.SQLITE_IOERR: "{path} cannot be read or written ({error}); see whether the disk is "
    "full or failing, then run again: what is done is kept",
    sqlite3.SQLITE_READONLY: "{path} cannot be written ({error}); choose a directory that can be",
    sqlite3.SQLITE_CANTOPEN: "{path} cannot be opened ({error}); choose a directory that can be "
    "written",
    sqlite3.SQLITE_PERM: "{path} cannot be opened ({error}); choose a directory that can be "
    "written",
    sqlite3.SQLITE_BUSY: "{path} is in use by another program; close it and run again",
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_FORMAT: _DAMAGED,
}
