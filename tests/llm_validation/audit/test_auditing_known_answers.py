"""Vectors whose answer is known: planted from the metric of each prompt, before any audit."""

from __future__ import annotations

import numpy as np
import pytest

from identifiability.errors import InvalidInput
from identifiability.verdict import CertificateKind, Verdict
from llm_validation.audit.files import write_audit
from llm_validation.audit.prompts import Halves
from llm_validation.continuation import Continuation
from llm_validation.extraction import encode
from llm_validation.vectors import read_vector
from tests.llm_validation.architectures import WIDTH
from tests.llm_validation.audit.small_model import COUNT, PROMPTS, audited

# Small, so that the metric at h + alpha v is the metric at h, from which the test plants.
ALPHA = 1e-4
layers = pytest.mark.parametrize("layer", [0, 1, 2])
seeds = pytest.mark.parametrize("seed", [0, 1])


def _eigen(model, layer, seed):
    """Of the mean over the choosing half at the unsteered states, by dense metrics; ascending."""
    ids = [encode(model, text) for text in PROMPTS]
    chosen = Halves.of(ids, COUNT, seed).choosing
    return np.linalg.eigh(np.mean([Continuation(model, one, layer).fisher() for one in chosen], 0))


@seeds
@layers
def test_the_mean_direction_of_a_layer_norm_model_is_non_identifiable(gpt2, layer, seed):
    found = audited(gpt2, np.full(WIDTH, 0.3), layer, seed=seed)
    assert found.verdict is Verdict.NON_IDENTIFIABLE
    assert found.certificate.kind is CertificateKind.PROOF
    assert found.energy_below_epsilon == pytest.approx(1, abs=1e-9)
    assert np.linalg.norm(found.representative) < 1e-6 * found.vector.norm
    assert found.symmetry.shift < 1e-20 < found.symmetry.random


@seeds
@layers
def test_a_top_eigenvector_is_its_own_representative(gpt2, layer, seed):
    values, vectors = _eigen(gpt2, layer, seed)
    # Epsilon between the first and the last eigenvalue at this radius.
    epsilon = 0.5 * ALPHA**2 * values[WIDTH // 2]
    found = audited(gpt2, vectors[:, -1], layer, seed=seed, alpha=ALPHA, epsilon=epsilon)
    assert found.verdict is Verdict.NON_IDENTIFIABLE  # the model's, whatever the vector
    assert found.energy_below_epsilon < 1e-6
    np.testing.assert_allclose(found.representative, vectors[:, -1], atol=1e-3)
    # At equal norm cos = 1 - 2 energy: no member but v itself.
    assert not found.witness.same_norm or found.witness.cosine > 1 - 1e-5


def test_little_hidden_energy_does_not_decide_a_verdict_about_the_model(llama):
    """A top eigenvector, exact and rounded to float32: b is 0, or nearly, and n is as long."""
    values, vectors = _eigen(llama, 1, 0)
    epsilon = 0.5 * ALPHA**2 * values[WIDTH // 2]
    exact, rounded = (
        audited(llama, vector, 1, seed=0, alpha=ALPHA, epsilon=epsilon)
        for vector in (vectors[:, -1], vectors[:, -1].astype(np.float32).astype(float))
    )
    assert exact.verdict is rounded.verdict
    assert rounded.witness.fraction == pytest.approx(exact.witness.fraction, rel=1e-6)
    assert rounded.witness.fraction > 0.1
    assert not rounded.witness.same_norm


def _planted(model, layer, seed, share):
    """An audit, the part of the vector that should be left of it, and the class's dimension."""
    values, vectors = _eigen(model, layer, seed)
    visible = np.sqrt(1 - share) * vectors[:, -2]
    vector = np.sqrt(share) * vectors[:, 2] + visible
    # Halfway, on the log scale, across the widest gap in the middle of the spectrum.
    gap = 8 + int(np.argmax(np.diff(np.log(values[8:24]))))
    epsilon = 0.5 * ALPHA**2 * np.sqrt(values[gap] * values[gap + 1])
    found = audited(model, vector, layer, seed=seed, alpha=ALPHA, epsilon=epsilon)
    return found, visible, gap + 1


@pytest.mark.parametrize(("seed", "share"), [(0, 0.3), (1, 0.8)])
@layers
def test_a_planted_mixture_has_the_energy_planted(gpt2, layer, seed, share):
    found, visible, dimension = _planted(gpt2, layer, seed, share)
    assert found.verdict is Verdict.NON_IDENTIFIABLE
    assert found.energy_below_epsilon == pytest.approx(share, abs=1e-3)
    assert found.class_size.dimension == dimension
    np.testing.assert_allclose(found.representative, visible, atol=1e-2)


@pytest.mark.parametrize(("seed", "share"), [(0, 0.8), (1, 0.3)])
def test_so_it_has_without_a_symmetry(llama, seed, share):
    found, visible, dimension = _planted(llama, 1, seed, share)
    assert found.symmetry is None
    assert found.verdict is not Verdict.NON_IDENTIFIABLE
    assert found.energy_below_epsilon == pytest.approx(share, abs=1e-3)
    assert found.class_size.dimension == dimension
    np.testing.assert_allclose(found.representative, visible, atol=1e-2)


@seeds
@layers
@pytest.mark.parametrize("in_file", [False, True])
def test_a_vector_of_zeros_is_bad_input(gpt2, layer, seed, in_file, tmp_path):
    given = np.zeros(WIDTH)
    if in_file:
        np.save(tmp_path / "zero.npy", given)
        given = tmp_path / "zero.npy"
    with pytest.raises(InvalidInput, match="steers nothing"):
        audited(gpt2, given, layer, seed=seed, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_proof_s_own_witness_is_written_and_gives_the_same_outputs(gpt2, llama, tmp_path):
    vector = 0.4 * np.random.default_rng(0).standard_normal(WIDTH)
    write_audit(audited(gpt2, vector, 1, seed=0), tmp_path / "gpt2", ["audit"])
    shifted = read_vector(tmp_path / "gpt2/shifted.safetensors", layer=1).vector
    np.testing.assert_allclose(shifted - vector, np.linalg.norm(vector) / WIDTH**0.5, rtol=1e-6)
    there = Continuation(gpt2, encode(gpt2, PROMPTS[0]), 1)
    one, other, none = (
        there(there.state + there.state.new_tensor(x)).double().log_softmax(-1).numpy()
        for x in (vector, shifted, 0 * vector)
    )
    np.testing.assert_allclose(other, one, atol=1e-6)  # files hold float32
    assert np.abs(one - none).max() > 1e-3
    write_audit(audited(llama, vector, 1, seed=0), tmp_path / "llama", ["audit"])
    assert not (tmp_path / "llama/shifted.safetensors").exists()
