"""R6: bias, noise and Gauss--Newton on maps where everything is known in closed form."""

from itertools import pairwise

import numpy as np
import pytest

from proofs.planted_recovery import (
    PlantedVector,
    _bias_error,
    _newton_error,
    _noise_score,
    one_sided,
    two_sided,
)
from proofs.shared.smooth_maps import SmoothMap

SCALES = np.array([4.0, 0.5])


def exponentials(noise=0.1, hidden=False):
    """F(h) = scales * (exp(h) - 1), each coordinate by itself; if hidden, a third is not seen."""
    width = 3 if hidden else 2
    columns = np.eye(2, width)

    def second(h, n):
        return SCALES * np.exp(columns @ h) * (columns @ n) ** 2

    smooth = SmoothMap(
        value=lambda h: SCALES * np.expm1(columns @ h),
        jacobian=lambda h: (SCALES * np.exp(columns @ h))[:, None] * columns,
        second=second,
        curvature_bound=np.inf,
    )
    v = np.array([1.0, -2.0, 3.0])[:width]
    state = np.zeros(width)
    return PlantedVector(smooth, state[None], v, smooth.jacobian(state), noise * np.eye(2))


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("alpha", [0.01, 0.3])
def test_estimates_are_divided_differences(alpha, hidden):
    """One sign gives (exp(alpha v) - 1)/alpha, both give sinh(alpha v)/alpha, and 0 if unseen."""
    planted = exponentials(hidden=hidden)
    v, unseen = planted.vector[:2], [0.0] * (planted.vector.size - 2)
    assert np.allclose(one_sided(planted, alpha), [*np.expm1(alpha * v) / alpha, *unseen])
    assert np.allclose(two_sided(planted, alpha), [*np.sinh(alpha * v) / alpha, *unseen])
    assert np.allclose(planted.seen_part, [*v, *unseen])


def test_bias_is_alpha_over_two_whatever_the_scale():
    """D^2F = sigma v^2 here, so the bias alpha v^2/2 does not depend on sigma."""
    planted = exponentials()
    assert np.allclose(planted.curvature, SCALES * planted.vector**2)
    assert _bias_error(planted, lambda bend, sigma: bend / (2 * sigma)) < 1e-3
    assert _bias_error(planted, lambda bend, sigma: bend / 2) > 0.1
    bias = one_sided(planted, 1e-3) - planted.vector
    assert np.allclose(bias, 1e-3 * planted.vector**2 / 2, rtol=1e-2)


def test_noise_follows_the_singular_values_and_half_of_it_averages_out():
    planted = exponentials()
    assert _noise_score(planted, lambda sigma: 1 / sigma, signs=1) < 5
    assert _noise_score(planted, lambda sigma: 1 / sigma / np.sqrt(2), signs=2) < 5
    assert _noise_score(planted, lambda sigma: 1 / sigma[::-1], signs=1) > 10
    assert _noise_score(planted, lambda sigma: 1.1 / sigma, signs=1) > 5


def test_gauss_newton_takes_the_logarithm():
    """Newton's iteration for exp(x) = y doubles the digits at each step."""
    errors = [_newton_error(exponentials(), steps) for steps in (1, 2, 3, 4, 5)]
    assert errors[0] > 0.05
    assert errors[-1] < 1e-12
    assert all(after < before**1.5 for before, after in pairwise(errors[:4]))
