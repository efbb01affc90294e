"""R5: the bounds on an independent implementation of the angle, and how tight they are."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import subspace_angles

from identifiability import Spectrum
from proofs.checking import check
from proofs.finite_sample_stability import (
    THEOREM,
    MeasuredJacobians,
    gap_bounds,
    rank_bounds,
    sample,
)


def in_the_plane(values: list[float], error: np.ndarray, tail: list[float]) -> MeasuredJacobians:
    axes = np.eye(2)
    eta = np.array([np.linalg.norm(error, ord=2)])
    return MeasuredJacobians(axes, axes, np.array(values), np.array(tail), 1, error[None], eta)


def test_theorem_holds_on_other_draws() -> None:
    assert check(THEOREM, seed=5).status == "verified"


def test_an_error_of_0_4_reaches_0_447() -> None:
    error = 0.4 * np.array([[-0.8, 0.6], [0.6, 0.8]])
    instance = in_the_plane([1.0], error, [0.0])
    assert instance.bounds[0] == pytest.approx(0.4, rel=1e-15)
    assert instance.sines(instance.jacobian + instance.errors)[0] == pytest.approx(
        1 / np.sqrt(5), rel=1e-14
    )
    assert rank_bounds(instance)[0] == pytest.approx(0.5, rel=1e-14)  # sigma_1(J^) = 0.8
    assert gap_bounds(instance)[0] == pytest.approx(2.0, rel=1e-13)  # gap 0.6 less 0.4


@pytest.mark.parametrize("eta", [1e-4, 0.1, 0.9, 5.0])
def test_the_first_bound_is_an_equality_for_every_eta(eta: float) -> None:
    instance = in_the_plane([1.0], eta * np.array([[0.0, 1.0], [0.0, 0.0]]), [0.0])
    sine = instance.sines(instance.jacobian + instance.errors)[0]
    assert sine == pytest.approx(eta / np.hypot(1, eta), rel=1e-12)
    assert rank_bounds(instance)[0] == pytest.approx(sine, rel=1e-12)


@pytest.mark.parametrize("eta", [1e-2, 1e-3, 1e-4])
def test_the_second_bound_is_approached_at_first_order(eta: float) -> None:
    gap = 0.4
    instance = in_the_plane([1.0], eta * np.array([[0.0, 1.0], [1.0, 0.0]]), [1.0 - gap])
    share = instance.sines(instance.with_tail + instance.errors) / gap_bounds(instance)
    assert 1 - 1.5 * eta / gap < share[0] < 1 - 0.5 * eta / gap


def test_thousands_of_draws_never_exceed_either_bound_and_come_close() -> None:
    tightest = np.zeros(2)
    for seed in range(40):
        instance = sample(np.random.default_rng([seed, 1]))
        r = instance.rank
        for which, (clean, bounds) in enumerate(
            [
                (instance.jacobian, rank_bounds(instance)),
                (instance.with_tail, gap_bounds(instance)),
            ]
        ):
            sines = instance.sines(clean + instance.errors)
            assert np.all(sines <= bounds * (1 + 1e-12))
            tightest[which] = max(tightest[which], np.max(sines / bounds))
            # The planted null space and the angle, by another route, on two of the draws.
            for draw in (0, 3):
                kernel = np.linalg.svd(clean)[2][r:].T
                estimated = np.linalg.svd(clean + instance.errors[draw])[2][r:].T
                expected = np.sin(subspace_angles(kernel, estimated).max())
                assert sines[draw] == pytest.approx(expected, abs=1e-9)
    assert tightest[0] == pytest.approx(1.0, abs=1e-5)
    assert 0.9 < tightest[1] < 1.0


def test_a_spectrum_without_gap_reports_no_angle() -> None:
    unclear = Spectrum.of(np.diag([1.0, 0.95, 0.9]), error=0.94)
    assert not unclear.resolved
    assert unclear.null_space_angle_bound == 1.0
    clear = Spectrum.of(np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1e-3]]), error=0.05)
    assert clear.resolved
    assert clear.null_space_angle_bound == pytest.approx(0.05 / (0.999 - 0.05), rel=1e-9)
