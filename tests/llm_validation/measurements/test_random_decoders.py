"""Random decoders have their norms where they say, and repeat."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from llm_validation.hooks import read_states
from llm_validation.measurements.random_decoders import BLOCKS, KINDS, measure, random_decoder
from llm_validation.measurements.symmetry_group import norms_of_stream
from llm_validation.structure import decoder_of, norm_kind
from tests.llm_validation.full_forward import full_logits


@pytest.mark.parametrize(
    ("kind", "norm", "stream"),
    [
        (KINDS[0], "layer", (True, True)),
        (KINDS[1], "layer", (False, False)),
        (KINDS[2], "rms", (True, True)),
    ],
)
def test_norms_are_where_the_name_says(kind, norm, stream):
    decoder = decoder_of(random_decoder(kind, 0)[0])
    assert norm_kind(decoder) == norm
    assert norms_of_stream(decoder) == stream
    assert decoder.model.dtype == torch.float64


@pytest.mark.parametrize("kind", KINDS)
def test_divergences_are_those_of_whole_forward_passes(kind):
    model, ids = random_decoder(kind, 1)
    found = measure(None, kind=kind, amplitude=1.5, seed=1)["kl"]
    assert found.shape == (BLOCKS,)
    for layer, kl in enumerate(found):
        state = read_states(model, ids, layer)[-1]
        log_p, log_q = (
            full_logits(model, ids, layer, -1, moved).log_softmax(-1)
            for moved in (state, state + 1.5)
        )
        expected = float((log_p.exp() * (log_p - log_q)).sum())
        assert kl == pytest.approx(expected, rel=1e-9, abs=1e-13)


def test_a_seed_is_a_decoder():
    settings = {"kind": KINDS[2], "amplitude": 1.0}
    one, again, other = (measure(None, **settings, seed=seed)["kl"] for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert not np.allclose(one, other)
