"""Whatever is wrong on the disk is a sentence with its mend, never a wrong number."""

import errno
import os
import re
import shutil
import sqlite3
import tempfile
from pathlib import Path

import numpy as np
import pytest

from identifiability.cell import Cell
from identifiability.errors import InvalidInput
from identifiability.store import Store
from identifiability.store import store as store_module
from identifiability.store.file import SCHEMA_VERSION
from identifiability.store.values import LARGE


def _cell(n=0):
    return Cell("math:hypot", {"x": float(n), "y": 4.0}, {}, f"cell {n}")


def _filled(folder, cells=60):
    with Store(folder) as store:
        for n in range(cells):
            store.put(_cell(n), {"n": n, "text": "x" * 300})
        store.put(_cell(-1), {"large": np.arange(LARGE)})
    return folder / "results.sqlite"


def test_a_database_cut_off_anywhere_is_a_sentence(tmp_path):
    whole = _filled(tmp_path / "whole")
    content = whole.read_bytes()
    # In, at and around pages of 4096 bytes, and nothing at all.
    cuts = {0, 1, 50, 100, 4095, 4096, 4097, 8192, len(content) // 2, len(content) - 1}
    cuts |= {len(content) - 4096}
    for cut in sorted(cuts):
        folder = tmp_path / f"cut{cut}"
        shutil.copytree(tmp_path / "whole", folder)
        (folder / "results.sqlite").write_bytes(content[:cut])
        for write in (True, False):
            with pytest.raises(InvalidInput, match=r"is damaged .* run again"):
                Store(folder, write=write)


def test_one_changed_byte_anywhere_is_never_a_wrong_number(tmp_path):
    path = _filled(tmp_path / "whole", cells=10)
    content = path.read_bytes()
    # Anywhere, and the digit of every number that is kept.
    numbers = [place.end() for place in re.finditer(rb'\{"n": (?=\d)', content)]
    assert len(numbers) == 10
    refused = set()
    for place in [*np.random.default_rng(5).integers(0, len(content), 40), *numbers]:
        folder = tmp_path / f"byte{place}"
        shutil.copytree(tmp_path / "whole", folder, dirs_exist_ok=True)
        changed = bytearray(content)
        changed[place] ^= 1
        (folder / "results.sqlite").write_bytes(changed)
        try:
            with Store(folder, write=False) as store:
                for n in range(10):
                    if _cell(n).key in store:
                        assert store.get(_cell(n).key) == {"n": n, "text": "x" * 300}
        except InvalidInput:
            refused.add(place)
    assert refused >= set(numbers)


def test_files_of_others_and_of_the_future_are_named(tmp_path):
    path = _filled(tmp_path, cells=1)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(InvalidInput, match=rf"newer version \(schema {SCHEMA_VERSION + 1}.*update"):
        Store(tmp_path)
    path.write_bytes(b"not a database at all " * 300)
    with pytest.raises(InvalidInput, match="is damaged"):
        Store(tmp_path)
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE birds (name TEXT)")
    connection.close()
    with pytest.raises(InvalidInput, match="another program's"):
        Store(tmp_path)
    with pytest.raises(InvalidInput, match="no results at"):
        Store(tmp_path / "nowhere", write=False)


@pytest.mark.parametrize("damage", ["cut", "changed", "gone"])
def test_a_damaged_array_is_a_sentence_and_its_removal_the_mend(tmp_path, damage):
    _filled(tmp_path, cells=1)
    [path] = (tmp_path / "arrays").iterdir()
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(content[:-1] if damage == "cut" else content[:-1] + b"\x01")
    with Store(tmp_path) as store:
        assert (_cell(-1).key in store) == (damage != "gone")
        with pytest.raises(InvalidInput, match="remove that file and run again"):
            store.get(_cell(-1).key)
        path.unlink(missing_ok=True)
        assert _cell(-1).key not in store
        store.put(_cell(-1), {"large": np.arange(LARGE)})
        assert store.get(_cell(-1).key)["large"][-1] == LARGE - 1


@pytest.fixture
def ordinary_user():
    """A folder, and an effective user who may not write everywhere."""
    folder = Path(tempfile.mkdtemp())
    root = os.geteuid() == 0
    try:
        yield folder, (lambda: os.seteuid(65534)) if root else (lambda: None)
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_read_only_directory_can_be_read_and_not_written(ordinary_user):
    folder, become = ordinary_user
    _filled(folder, cells=1)
    folder.chmod(0o555)
    become()
    with pytest.raises(InvalidInput, match=r"can be written.*choose another"):
        Store(folder)
    with Store(folder, write=False) as store:
        assert store.get(_cell(0).key)["n"] == 0


def test_a_read_only_database_in_a_directory_that_can_be_written(ordinary_user):
    folder, become = ordinary_user
    path = _filled(folder, cells=1)
    path.chmod(0o444)
    (folder / "results.lock").chmod(0o666)
    folder.chmod(0o777)
    become()
    with pytest.raises(InvalidInput, match="choose a directory that can be"):
        Store(folder)


def test_a_full_disk_keeps_what_is_done(tmp_path):
    with Store(tmp_path) as store:
        store.put(_cell(0), {"n": 0})
        # SQLite's own way to meet the error that a full disk gives.
        store._rows._connection.execute("PRAGMA max_page_count = 20")
        with pytest.raises(InvalidInput, match=r"disk is full .* what is done is kept"):
            for n in range(1, 200):
                store.put(_cell(n), {"n": n, "text": "x" * 1000})
        kept = set(store.keys())
    with Store(tmp_path) as store:
        assert set(store.keys()) == kept
        assert 1 < len(kept) < 200
        store.put(_cell(200), {"n": 200, "text": "x" * 100_000})


def test_a_disk_that_fills_up_while_an_array_is_written(tmp_path, monkeypatch):
    def full(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with Store(tmp_path) as store:
        store.put(_cell(0), {"n": 0})
        monkeypatch.setattr(store_module, "replacing", full)
        with pytest.raises(InvalidInput, match=r"No space left.*make room"):
            store.put(_cell(1), {"large": np.arange(LARGE)})
        assert store.keys() == [_cell(0).key]


def test_half_written_arrays_of_a_killed_run_are_removed(tmp_path):
    _filled(tmp_path, cells=0)
    [whole] = (tmp_path / "arrays").iterdir()
    (tmp_path / "arrays" / f".{whole.name}.abc123").write_bytes(b"half")
    Store(tmp_path).close()
    assert list((tmp_path / "arrays").iterdir()) == [whole]


def test_a_name_in_a_damaged_database_leads_out_of_no_directory(tmp_path):
    path = _filled(tmp_path, cells=0)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE cells SET result = replace(result, 'large', '../../etc/x')")
    connection.commit()
    connection.close()
    with Store(tmp_path) as store, pytest.raises(InvalidInput, match="has changed"):
        store.get(_cell(-1).key)
