"""The exact shift: found where it is, refused where it is not."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from identifiability.store import Store
from llm_validation.audit import symmetry
from llm_validation.audit.bench import Bench, Case
from llm_validation.audit.symmetry import built_so, shift_symmetry
from llm_validation.structure import decoder_of
from tests.llm_validation.architectures import WIDTH
from tests.llm_validation.audit.small_model import saved

CASES = [Case([5, 9, 33, 7, 21], {"kind": "next-token"}), Case([8, 40, 3], {"kind": "next-token"})]


def _symmetry(folder: Path, architecture, size=1.0, dtype="float64"):
    model = saved(folder / "model", architecture, dtype)
    base = size * np.random.default_rng(0).standard_normal(WIDTH)
    with Store(folder / "cells") as store:
        bench = Bench(model, 1, store, workers=1)
        return shift_symmetry(bench, CASES, base, np.random.default_rng(1))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("size", [1e-5, 1.0])
def test_pre_ln_with_layer_norms_has_it(tmp_path, size, dtype):
    found = _symmetry(tmp_path, "gpt2", size, dtype)
    assert found.holds


@pytest.mark.parametrize("architecture", ["opt_post_ln", "llama"])
def test_another_structure_is_not_tried(tmp_path, architecture):
    """Post-LN blocks read the stream bare though all their norms are LayerNorms."""
    assert _symmetry(tmp_path, architecture) is None


def test_bfloat16_is_not_tried(tmp_path):
    """A trial that nothing fails there: the limit exceeds a random direction's divergence."""
    assert _symmetry(tmp_path, "gpt2", dtype="bfloat16") is None


@pytest.mark.parametrize("architecture", ["opt_post_ln", "llama"])
def test_a_structure_read_wrongly_fails_the_trial(tmp_path, architecture, monkeypatch):
    monkeypatch.setattr(symmetry, "built_so", lambda model: True)
    found = _symmetry(tmp_path, architecture)
    assert not found.holds
    assert found.shift > 1e-6


def test_one_block_that_begins_with_another_norm_is_enough_to_refuse(tmp_path):
    model = saved(tmp_path / "model", "gpt2", "float64")
    assert built_so(model)
    blocks = decoder_of(model).blocks
    norm, blocks[2].ln_1 = blocks[2].ln_1, nn.RMSNorm(WIDTH, dtype=torch.float64)
    assert not built_so(model)
    blocks[2].ln_1 = nn.Identity()
    assert not built_so(model)
    blocks[2].ln_1 = norm
    assert built_so(model)
