"""A hash of source changes with what the module is made of, and with nothing else."""

from __future__ import annotations

import importlib
import itertools

import pytest

from identifiability import source_hash as module
from identifiability.source_hash import source_hash

_NUMBERS = itertools.count()

FILES = {
    "__init__.py": "",
    "measuring.py": "import json\nfrom . import near\nfrom {name}.deep.inner import value\n",
    "near.py": "def f():\n    import {name}.late\n    return {name}.late\n",
    "late.py": "from .deep import other as renamed\n",
    "unrelated.py": "x = 1\n",
    "deep/__init__.py": "",
    "deep/inner.py": "value = 1\n",
    "deep/other.py": "y = 2\n",
    "deep/apart.py": "z = 3\n",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of its own name each time; its folder, and its name."""
    name = f"hashed_package_{next(_NUMBERS)}"
    for path, text in FILES.items():
        target = tmp_path / name / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text.format(name=name))
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    return tmp_path / name, name


def hashed(name: str) -> str:
    for cached in (module.source_hash, module._imports, module._path):
        cached.cache_clear()
    return source_hash(f"{name}.measuring")


@pytest.mark.parametrize(
    "path", ["measuring.py", "near.py", "late.py", "deep/inner.py", "deep/other.py"]
)
def test_what_is_imported_anywhere_belongs_to_it(package, path):
    folder, name = package
    before = hashed(name)
    assert hashed(name) == before
    with (folder / path).open("a") as stream:
        stream.write("# changed\n")
    assert hashed(name) != before


@pytest.mark.parametrize("path", ["unrelated.py", "deep/apart.py"])
def test_what_is_not_imported_does_not(package, path):
    folder, name = package
    before = hashed(name)
    (folder / path).write_text("changed = True\n")
    assert hashed(name) == before


def test_a_module_without_python_source_counts_by_its_name():
    assert source_hash("math") != source_hash("time")


def test_a_measurement_is_made_of_the_continuation_below_it():
    """Not of the libraries below that."""
    found, waiting = set(), ["llm_validation.measurements.divergences"]
    while waiting:
        name = waiting.pop()
        if name not in found and name.partition(".")[0] in module.PROJECT:
            found.add(name)
            path = module._path(name)
            waiting.extend(module._imports(path, name) if path else ())
    assert {"llm_validation.suffix", "llm_validation.hooks", "identifiability.errors"} <= found
    assert "llm_validation.claims.epsilon_null" not in found
