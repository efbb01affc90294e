"""The exact shift: found where it is, refused where it is not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from identifiability.store import Store
from llm_validation.audit.bench import Bench, Case
from llm_validation.audit.symmetry import shift_symmetry
from tests.llm_validation.architectures import WIDTH
from tests.llm_validation.audit.small_model import saved

CASES = [Case([5, 9, 33, 7, 21], {"kind": "next-token"}), Case([8, 40, 3], {"kind": "next-token"})]


def _symmetry(folder: Path, architecture, size=1.0, dtype="float64", norm=None):
    model = saved(folder / "model", architecture, dtype)
    model = model if norm is None else replace(model, norm=norm)
    base = size * np.random.default_rng(0).standard_normal(WIDTH)
    with Store(folder / "cells") as store:
        bench = Bench(model, 1, store, workers=1)
        return shift_symmetry(bench, CASES, base, np.random.default_rng(1))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("size", [1e-5, 1.0])
def test_pre_ln_with_layer_norms_has_it(tmp_path, size, dtype):
    found = _symmetry(tmp_path, "gpt2", size, dtype)
    assert found.holds


def test_post_ln_has_not_though_its_norm_is_a_layer_norm(tmp_path):
    found = _symmetry(tmp_path, "opt_post_ln")
    assert not found.holds
    assert found.shift > 1e-6


def test_rms_norm_is_not_tried_and_would_fail(tmp_path):
    assert _symmetry(tmp_path / "a", "llama") is None
    assert not _symmetry(tmp_path / "b", "llama", norm="layer").holds
