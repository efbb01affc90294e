"""Gauss-Newton against closed forms and scipy's own optimiser."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import minimize

from llm_validation.measurements.posterior import _inflation, most_probable

WIDTH = 5


class Smooth:
    """y = A u + c (A u)² with normal noise of the given size; c = 0 is linear."""

    def __init__(self, rows: np.ndarray, vector: np.ndarray, bend: float, noise: float) -> None:
        self._rows, self._bend, self._noise = rows, bend, noise
        self._seen, self.values = self._of(vector), len(rows)
        self.few = False
        self.linearised = 0

    def _of(self, vector):
        linear = self._rows @ vector
        return linear + self._bend * linear**2

    def misfit(self, vector):
        return 0.5 * float(np.sum(((self._seen - self._of(vector)) / self._noise) ** 2))

    def gradient(self, vector):
        residual = (self._seen - self._of(vector)) / self._noise
        return self.misfit(vector), self._slopes(vector).T @ residual

    def information(self, vector):
        self.linearised += 1
        return self._slopes(vector).T @ self._slopes(vector)

    def _slopes(self, vector):
        slopes = 1 + 2 * self._bend * (self._rows @ vector)
        return slopes[:, None] * self._rows / self._noise


@pytest.fixture
def planted():
    return np.random.default_rng(0).standard_normal(WIDTH)


def rows(count: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, WIDTH))


def test_linear_observations_give_ridge_regression_at_once(planted):
    noise, length = 0.3, float(np.linalg.norm(planted))
    seen = [Smooth(rows(2, 1), planted, 0.0, noise), Smooth(rows(1, 2), planted, 0.0, noise)]
    # Misfits here are of the order of the noise, so that nothing is inflated.
    fitted = most_probable(seen, WIDTH, length, steps=5)
    stack = np.vstack([rows(2, 1), rows(1, 2)])
    gram = stack.T @ stack / noise**2
    expected = np.linalg.solve(
        gram + WIDTH / length**2 * np.eye(WIDTH), stack.T @ stack @ planted / noise**2
    )
    np.testing.assert_allclose(fitted.vector, expected, rtol=1e-9)
    np.testing.assert_allclose(fitted.information, gram)
    assert fitted.converged


def test_curved_observations_are_relinearised_to_the_optimum(planted):
    """One linear step is off by a lot; a general optimiser finds the same place.

    Gradients are exact, so that some steps need no linearisation of their own.
    """
    noise, length = 1e-3, float(np.linalg.norm(planted))
    one = Smooth(rows(8), planted, 0.1, noise)
    fitted = most_probable([one], WIDTH, length, steps=20, tolerance=1e-4)
    assert fitted.converged and fitted.steps == one.linearised == 3
    np.testing.assert_allclose(fitted.vector, planted, atol=1e-3)
    found = minimize(
        lambda u: 1e-6 * (one.misfit(u) + WIDTH / length**2 / 2 * u @ u),
        fitted.vector + 0.01,
        method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-16, "maxiter": 20000, "maxfev": 20000},
    )
    np.testing.assert_allclose(fitted.vector, found.x, atol=1e-5)
    zero = np.zeros(WIDTH)
    precision = WIDTH / length**2 * np.eye(WIDTH)
    first = np.linalg.solve(one.information(zero) + precision, one.gradient(zero)[1])
    assert np.linalg.norm(first - planted) > 0.05 * length
    assert not most_probable([one], WIDTH, length, steps=1).converged


def test_what_is_not_seen_stays_zero(planted):
    seen = np.eye(WIDTH)[:2]
    fitted = most_probable([Smooth(seen, planted, 0.0, 1e-6)], WIDTH, 1.0, steps=8)
    np.testing.assert_allclose(fitted.vector[:2], planted[:2], rtol=1e-6)
    np.testing.assert_array_equal(fitted.vector[2:], 0)


def test_a_step_that_makes_things_worse_is_not_taken(planted):
    class Uphill(Smooth):
        def gradient(self, vector):
            misfit, gradient = super().gradient(vector)
            return misfit, -gradient

    fitted = most_probable([Uphill(rows(8), planted, 0.0, 0.1)], WIDTH, 1.0, steps=3)
    assert not fitted.converged
    np.testing.assert_array_equal(fitted.vector, 0)


def test_noise_is_enlarged_while_curvature_is_larger_than_it(planted):
    """A hundredth of the mean squared residual, in units of the noise, and never below 1."""
    far, near = Smooth(rows(8), planted, 0.1, 1e-3), Smooth(rows(8), planted, 0.1, 10.0)
    zero = np.zeros(WIDTH)
    mean_square = 2 * far.misfit(zero) / 8
    assert mean_square > 1000
    assert _inflation([far], far.misfit(zero)) == pytest.approx(mean_square / 100)
    assert _inflation([near], near.misfit(zero)) == 1
    near.values = None
    assert _inflation([far, near], 1e9) == 1


class Turning(Smooth):
    """y = A sin(u): the span of its gradients turns with the vector, and A has few rows."""

    def __init__(self, rows, vector, few):
        super().__init__(rows, vector, 0.0, 1e-4)
        self.few = few

    def _of(self, vector):
        return self._rows @ np.sin(vector)

    def _slopes(self, vector):
        return self._rows * np.cos(vector) / self._noise


@pytest.mark.parametrize("few", [True, False])
def test_fewer_values_than_directions_are_fitted(few, planted):
    """Kept, a linearisation of two rows would send the next step off where only the prior holds."""
    length = float(np.linalg.norm(planted))
    one = Turning(rows(2), planted, few)
    fitted = most_probable([one], WIDTH, length, steps=10)
    assert fitted.converged and one.misfit(fitted.vector) < 1
    assert np.linalg.norm(fitted.vector) <= length


def test_few_values_are_linearised_at_every_step(planted):
    seen = Recorded(rows(2), planted)
    seen.few = True
    most_probable([seen], WIDTH, float(np.linalg.norm(planted)), steps=10)
    assert len(seen.visited) > 2
    np.testing.assert_array_equal(seen.linearised_at, seen.visited)


class Recorded(Turning):
    """Remembers where gradients and linearisations were asked for."""

    def __init__(self, rows, vector):
        super().__init__(rows, vector, few=False)
        self.visited, self.linearised_at = [], []

    def gradient(self, vector):
        self.visited.append(vector.copy())
        return super().gradient(vector)

    def information(self, vector):
        self.linearised_at.append(vector.copy())
        return super().information(vector)


def test_a_kept_linearisation_makes_short_steps_or_none(planted):
    """At most a fifth as long as the one before; a longer one leads away, and is not taken."""
    seen = Recorded(rows(7) * np.geomspace(1, 1e-2, 7)[:, None], planted)
    fitted = most_probable([seen], WIDTH, float(np.linalg.norm(planted)), steps=10)
    assert fitted.converged
    seen.visited.append(fitted.vector)
    moves = [b - a for a, b in pairwise(seen.visited)]
    refused = [not move.any() for move in moves]
    assert any(refused)
    kept = 0
    points = [point for point, no in zip(seen.visited, [False, *refused], strict=True) if not no]
    for first, middle, last in zip(points, points[1:], points[2:], strict=False):
        if not any(np.array_equal(middle, at) for at in seen.linearised_at):
            kept += 1
            assert np.linalg.norm(last - middle) <= 0.2 * np.linalg.norm(middle - first)
    assert kept


def test_the_information_of_a_converged_fit_is_that_at_its_vector(planted):
    """It is worth one linearisation more than were allowed."""
    one = Smooth(rows(8), planted, 1e-3, 1e-2)
    one.values = None  # nothing is inflated
    fitted = most_probable([one], WIDTH, float(np.linalg.norm(planted)), steps=1)
    assert fitted.converged and fitted.steps == 2
    expected = one.information(fitted.vector)
    np.testing.assert_allclose(fitted.information, expected, rtol=1e-9)
    assert np.abs(expected / one.information(np.zeros(WIDTH)) - 1).max() > 1e-3
