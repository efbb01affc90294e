"""Results of independent cells in one SQLite file per output directory.

A cell is committed as it finishes, so that a run killed at any moment goes on where it was. One
process writes; others may read. What comes out is bit for bit what went in, or a sentence.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from identifiability.cell import Cell
from identifiability.errors import InvalidInput
from identifiability.results import output_directory, replacing
from identifiability.store.database import Database, now
from identifiability.store.file import ARRAYS, DATABASE, damaged, speaking
from identifiability.store.lock import locked
from identifiability.store.values import Encoded, decode, encode, read_array


class Store:
    """The results in a directory.

    Parameters
    ----------
    directory : Path
        Made if it is not there. Holds ``results.sqlite`` and, for arrays of more than 64 kB,
        ``arrays/KEY-NAME.npy``.
    seed : int
        Recorded with what this run computes.
    command : list of str, optional
        Recorded likewise; by default the command line.
    write : bool
        False opens what is there for reading, beside a writer if there is one.
    wait : float
        Seconds to wait for another writer to end.

    Raises
    ------
    InvalidInput
        Another run writes here, the directory cannot be written, or the database is damaged,
        another program's, or of a newer version. Every method says likewise what it meets.

    Examples
    --------
    >>> import tempfile
    >>> cell = Cell("math:hypot", {"x": 3.0, "y": 4.0}, {}, "a triangle")
    >>> with tempfile.TemporaryDirectory() as folder, Store(Path(folder)) as store:
    ...     store.put(cell, {"length": 5.0})
    ...     store.get(cell.key)
    {'length': 5.0}
    """

    def __init__(
        self,
        directory: Path,
        *,
        seed: int = 0,
        command: list[str] | None = None,
        write: bool = True,
        wait: float = 5.0,
    ) -> None:
        self.directory = output_directory(Path(directory)) if write else Path(directory)
        self.path = self.directory / DATABASE
        self._lock = locked(self.directory, wait) if write else None
        try:
            self._rows = Database(self.path, write=write, seed=seed, command=command)
            if write:
                self._remove_half_written()
        except BaseException:
            self._unlock()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End writing, so that another run may begin; what is there can still be read."""
        self._rows.close()
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()

    def __contains__(self, key: str) -> bool:
        row = self._rows.one("SELECT files FROM cells WHERE key = ?", key)
        # Without one of its files a cell is not done: removing a damaged file computes it again.
        return row is not None and all(self._array(key, n).exists() for n in json.loads(row[0]))

    def keys(self) -> list[str]:
        """Keys of all cells done."""
        return [key for (key,) in self._rows.all("SELECT key FROM cells ORDER BY key")]

    def get(self, key: str) -> dict[str, Any]:
        """The result of a cell, the same bits that were put.

        Raises
        ------
        KeyError
            It is not done.
        InvalidInput
            What is on the disk is not what was written.
        """
        row = self._rows.one("SELECT result, files, sha256 FROM cells WHERE key = ?", key)
        if row is None:
            raise KeyError(key)
        text, files, digest = row
        if _digest(key, text, files) != digest:
            raise damaged(self.path, f"the result of cell {key} has changed")
        return decode(text, lambda name, sha256: self._load(self._array(key, name), sha256))

    def put(
        self,
        cell: Cell,
        result: Mapping[str, Any] | Encoded,
        *,
        seconds: float = 0.0,
        threads: int = 1,
    ) -> None:
        """Keep the result of a cell: its large arrays first, then, in one step, the rest."""
        encoded = result if isinstance(result, Encoded) else encode(result, cell.label)
        for name, content in encoded.arrays.items():
            path = self._array(cell.key, name)
            with speaking(path):
                path.parent.mkdir(exist_ok=True)
                with replacing(path) as stream:
                    stream.write(content)
        files = json.dumps(sorted(encoded.arrays))
        self._rows.write(
            "INSERT OR REPLACE INTO cells VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(cell.key, cell.label, cell.described, encoded.text, files),
            *(_digest(cell.key, encoded.text, files), seconds, threads, now()),
            also=("DELETE FROM missing WHERE key = ?", cell.key),
        )

    def put_missing(self, cell: Cell, reason: str) -> None:
        """Keep why a cell has no result; it is tried again in the next run."""
        self._rows.write(
            "INSERT OR REPLACE INTO missing VALUES (?, ?, ?, ?)", cell.key, cell.label, reason
        )

    def missing(self) -> dict[str, str]:
        """Reason by key, of the cells that were tried and have no result."""
        return dict(self._rows.all("SELECT key, reason FROM missing ORDER BY key"))

    def state_prediction(self, key: str, plain: Any) -> None:
        """Write down what is expected, before it is measured.

        Raises
        ------
        InvalidInput
            Another value was stated for this key before.
        """
        encoded = encode({"value": plain}, f"prediction {key}")
        if encoded.arrays:
            raise InvalidInput(f"the prediction {key!r} is too large; state a summary of it")
        text = json.dumps(json.loads(encoded.text), sort_keys=True)
        row = self._rows.one("SELECT value FROM predictions WHERE key = ?", key)
        if row is None:
            self._rows.write(
                "INSERT INTO predictions VALUES (?, ?, ?, ?, ?)",
                *(key, text, _digest(key, text), now()),
            )
        elif row[0] != text:
            raise InvalidInput(
                f"the prediction {key!r} was stated as {row[0]} before measuring, got {text}; "
                "keep it, or start in another directory"
            )

    def predictions(self) -> dict[str, Any]:
        """Value by key of all that was predicted."""
        rows = self._rows.all("SELECT key, value, sha256 FROM predictions ORDER BY key")
        for key, text, digest in rows:
            if _digest(key, text) != digest:
                raise damaged(self.path, f"the prediction {key} has changed")
        return {key: decode(text)["value"] for key, text, _ in rows}

    def runs(self) -> list[dict[str, Any]]:
        """Provenance of every run that wrote here: ``id``, ``started`` (UTC), command, versions."""
        rows = self._rows.all("SELECT id, started, provenance FROM runs ORDER BY id")
        return [{"id": i, "started": started} | json.loads(text) for i, started, text in rows]

    def provenance(self, key: str) -> dict[str, Any]:
        """How a cell came about: ``run`` (id), ``finished`` (UTC), ``seconds``, ``threads``."""
        columns = ("label", "run", "finished", "seconds", "threads")
        row = self._rows.one(f"SELECT {', '.join(columns)} FROM cells WHERE key = ?", key)
        if row is None:
            raise KeyError(key)
        return dict(zip(columns, row, strict=True))

    def _array(self, key: str, name: str) -> Path:
        return self.directory / ARRAYS / f"{key}-{name}.npy"

    def _load(self, path: Path, sha256: str) -> np.ndarray:
        mend = "remove that file and run again"
        try:
            content = path.read_bytes()
        except OSError as error:
            raise InvalidInput(f"cannot read {path} ({error.strerror}); {mend}") from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise InvalidInput(f"{path} is damaged (its checksum differs); {mend}")
        return read_array(content)

    def _remove_half_written(self) -> None:
        # Left by a run that was killed while it wrote; with the lock held nobody is writing now.
        for path in (self.directory / ARRAYS).glob(".*.npy.*"):
            path.unlink()


def _digest(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()
