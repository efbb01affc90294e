"""Reads of layers: what the estimator makes of them, against SVD by hand and the maps."""

from __future__ import annotations

import numpy as np
import pytest

from identifiability.recovery import CrossLayerRecovery
from llm_validation.claims.planted.layer_reads import CHAINED, fit, in_words, pulled_back, responses

WIDTH = 12


def layers(count=3, reads=3):
    """Maps between layers, reads of each, and what they are pulled back to the first."""
    rng = np.random.default_rng(0)
    maps = [np.eye(WIDTH) + 0.3 * rng.standard_normal((WIDTH, WIDTH)) for _ in range(count)]
    own = rng.standard_normal((count, reads, WIDTH))
    through, pulled = np.eye(WIDTH), []
    for layer, read in zip(maps, own, strict=True):
        through = layer @ through
        pulled.append(read @ through)
    return maps, own, np.array(pulled), rng.standard_normal((2, WIDTH))


def test_pulled_back_reads_are_those_of_the_maps():
    maps, own, pulled, vectors = layers()
    found = fit(pulled, vectors)
    seen = CrossLayerRecovery().fit(
        maps, [None, *own], [None, *(read @ vectors[1] for read in pulled)]
    )
    estimate = seen.vector_
    size = np.linalg.norm(estimate) * np.linalg.norm(vectors[1])
    assert found.dimension == seen.dimension_path_[-1] == WIDTH - 9
    assert found.added == 3
    assert found.cosines[1] == pytest.approx(estimate @ vectors[1] / size, abs=1e-6)
    assert found.decided
    assert in_words([found, found]) == "kernel: 3 of 12 dimensions; 9 disjoint paths (2 of 2)"


def test_measured_responses_are_read_and_not_those_expected():
    _, _, pulled, vectors = layers(count=4)
    stack = np.vstack(pulled)
    assert fit(pulled, vectors, vectors @ stack.T).said == "all of v"
    off = np.random.default_rng(1).standard_normal((2, len(stack)))
    found = fit(pulled, vectors, off)
    expected = np.linalg.lstsq(stack, off[1])[0]
    cosine = expected @ vectors[1] / np.linalg.norm(expected) / np.linalg.norm(vectors[1])
    assert found.cosines[1] == pytest.approx(cosine)
    full = np.vstack([stack, stack[:1]])  # one equation more than unknowns, contradicted
    contradicted = fit([full], vectors, np.pad(vectors @ stack.T, ((0, 0), (0, 1))))
    assert contradicted.said == "undecided: no consistent response"


def test_directions_on_both_sides_of_the_floor_are_not_decided():
    """The two weakest of SmolLM2, whose stack has rank d in float64: float32 cannot show it."""
    _, _, pulled, vectors = layers(count=4)
    left, values, right = np.linalg.svd(np.vstack(pulled))
    values[-2:] = np.array([2.6e-5, 2.3e-6]) * values[0]
    weak = fit([(left * values) @ right], vectors)
    assert weak.dimension == 1 and not weak.decided
    assert weak.said == "undecided: no gap"
    values[-2:] = values[-3]
    assert fit([(left * values) @ right], vectors).decided


def test_first_layers_or_the_chain_are_taken():
    rows, chained = np.arange(24.0).reshape(3, 2, 4), np.ones((2, 4))
    found = {"rows": rows, "chained": chained, "responses": np.arange(12.0).reshape(2, 3, 2)}
    np.testing.assert_array_equal(pulled_back(found, 2), rows[:2])
    np.testing.assert_array_equal(responses(found, 2), [[0, 1, 2, 3], [6, 7, 8, 9]])
    np.testing.assert_array_equal(pulled_back(found, CHAINED), [rows[2], chained])
    assert responses(found, CHAINED) is None
