"""The covariance that turns displacements of an output into nats, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from identifiability.errors import InvalidInput
from llm_validation.output_covariance import OutputCovariance


def outputs(prompts: int, width: int = 6, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(prompts, width)) @ rng.normal(size=(width, width))


def test_it_is_the_covariance_plus_the_noise():
    rows = outputs(40)
    centred = rows - rows.mean(0)
    expected = sum(np.outer(row, row) for row in centred) / 39
    assert np.allclose(OutputCovariance.of(rows).matrix, expected, atol=1e-13)
    noisy = OutputCovariance.of(rows, noise=0.3)
    assert np.allclose(noisy.matrix, expected + 0.09 * np.eye(6), atol=1e-13)
    assert (noisy.prompts, noisy.noise) == (40, 0.3)


def test_whitened_columns_have_the_norm_of_the_inverse():
    found = OutputCovariance.of(outputs(40))
    columns = np.random.default_rng(1).normal(size=(6, 9))
    expected = columns.T @ np.linalg.inv(found.matrix) @ columns
    white = found.whiten(columns)
    assert np.allclose(white.T @ white, expected, rtol=1e-9)


def test_it_is_printed_with_prompts_noise_and_condition():
    found = OutputCovariance(np.diag([4.0, 0.01]), prompts=7, noise=0.1)
    assert str(found) == (
        "covariance of 2 outputs over 7 prompts, observation noise 0.1, eigenvalues 0.01 to 4"
    )
    assert "given" in str(OutputCovariance(np.eye(2)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_too_few_prompts_are_refused_and_noise_is_the_way_out(dtype):
    rows = outputs(5).astype(dtype)
    with pytest.raises(InvalidInput, match="over 5 prompts has rank 4 of 6, expected full rank"):
        OutputCovariance.of(rows)
    assert len(OutputCovariance.of(rows, noise=0.01).matrix) == 6
    OutputCovariance.of(outputs(7).astype(dtype))


def test_rounding_of_a_network_in_float32_does_not_count_as_variance():
    """Outputs in a hyperplane, off it by a few units in the last place of float32."""
    rng = np.random.default_rng(3)
    rows = outputs(60)
    rows[:, 5] = rows[:, :5].sum(1)
    rows += 3 * np.finfo(np.float32).eps * np.abs(rows).max() * rng.normal(size=rows.shape)
    with pytest.raises(InvalidInput, match="rank 5 of 6"):
        OutputCovariance.of(rows.astype(np.float32))
    OutputCovariance.of(rows)  # in float64 that much is variance


def test_a_pseudo_inverse_would_make_a_false_null_direction():
    """Why a singular one is refused: as the noise goes to 0 the cost outside the range explodes."""
    rows = outputs(40)
    rows[:, 5] = 1.0
    outside = np.eye(6)[:, 5:]
    assert outside.T @ np.linalg.pinv(np.cov(rows.T)) @ outside == pytest.approx(0, abs=1e-12)
    for noise in (1e-1, 1e-2, 1e-3):
        white = OutputCovariance.of(rows, noise).whiten(outside)
        assert float((white**2).sum()) == pytest.approx(noise**-2, rel=1e-9)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: OutputCovariance(np.ones((2, 3))), r"must be \(m, m\) and symmetric, got \(2, 3"),
        (lambda: OutputCovariance(np.array([[1.0, 2], [0, 1]])), "symmetric"),
        (lambda: OutputCovariance(np.diag([1.0, -1])), "has rank 1 of 2"),
        (lambda: OutputCovariance(np.zeros((2, 2))), "has rank 0 of 2"),
        (lambda: OutputCovariance(np.full((2, 2), np.nan)), "covariance"),
        (lambda: OutputCovariance.of(np.ones((1, 3))), "N of 2 or more"),
        (lambda: OutputCovariance.of(np.ones(3)), "outputs must be"),
        (lambda: OutputCovariance.of(outputs(9), noise=-1), "noise must be a standard deviation"),
        (lambda: OutputCovariance.of(outputs(9), noise=float("nan")), "noise must be"),
        (lambda: OutputCovariance(np.eye(2)).whiten(np.ones((3, 1))), "that of 2 outputs, this"),
    ],
)
def test_bad_input_is_one_sentence(call, sentence):
    with pytest.raises(InvalidInput, match=sentence) as raised:
        call()
    assert "\n" not in str(raised.value)
