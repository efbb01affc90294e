"""The same question has the same answer, bit for bit.

Compared is everything that an audit writes for a reader: results.json and each vector's files, as
bytes. Nothing in them is left out, since no time, host, process or folder goes into them; those are
kept with the cells in results.sqlite, which is a log of the run and not compared.
"""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from identifiability.cells import execution
from llm_validation.audit import observed
from llm_validation.audit.files import write_audit
from llm_validation.vectors import SteeringVector, write_vectors
from tests.llm_validation.architectures import WIDTH
from tests.llm_validation.audit.small_model import audited, prompts, saved

VECTOR = 0.4 * np.random.default_rng(0).standard_normal(WIDTH)
WRITTEN = {"results.json"} | {
    f"{name}{suffix}"
    for name in ("witness", "representative")
    for suffix in (".safetensors", ".gguf")
}


def _bytes(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name in WRITTEN}


def _written(model, out, **settings):
    # So that a second run has nothing to remember.
    observed._kept.cache_clear()
    execution._context.cache_clear()
    # A completion is sampled as well; epsilon is for a class that is not {v}.
    settings |= {"out": out, "observe": "completion", "epsilon": 0.5}
    found = audited(model, VECTOR, 1, **settings)
    write_audit(found, out, ["audit"])
    return _bytes(out)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(llama, tmp_path):
    first = _written(llama, tmp_path / "first")
    assert set(first) == WRITTEN
    assert _written(llama, tmp_path / "second") == first
    other = _written(llama, tmp_path / "third", seed=1)
    assert all(other[name] != first[name] for name in WRITTEN)


@pytest.mark.slow
def test_so_do_two_processes_with_other_hashes_and_workers(tmp_path):
    saved(tmp_path / "model", "llama", "float32")
    write_vectors(tmp_path / "v.safetensors", SteeringVector(VECTOR, 1))
    (tmp_path / "p.txt").write_text("\n".join(prompts(8)))
    for name, workers in (("one", "1"), ("two", "2")):
        command = [sys.executable, "-m", "identifiability", "audit", "v.safetensors"]
        command += ["--model", "model", "--prompts", "p.txt", "--workers", workers, "--quiet"]
        environment = os.environ | {"PYTHONHASHSEED": workers, "OMP_NUM_THREADS": workers}
        environment["PYTHONPATH"] = os.pathsep.join([os.getcwd(), *sys.path])
        subprocess.run(
            [*command, "--out", name],
            cwd=tmp_path,
            env=environment,
            check=True,
            capture_output=True,
        )
    assert _bytes(tmp_path / "one") == _bytes(tmp_path / "two")
    assert set(_bytes(tmp_path / "one")) == WRITTEN
