"""Numbers of any kind into the public functions: InvalidInput, or an answer that is right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identifiability import EquivalenceClass, Spectrum
from identifiability.errors import InvalidInput
from identifiability.metrics import amari_distance, mcc_codes, mcc_directions, principal_angles
from identifiability.recovery import (
    CovarianceRecovery,
    CrossLayerRecovery,
    EnvironmentRecovery,
    ICARecovery,
    InvariantRecovery,
    LeastSquaresRecovery,
    SparseRecovery,
)
from identifiability.statistics import cluster_bootstrap, effect_size, holm, tost
from tests.fuzzing.numbers import SIZES, arrays, holds_nan, matrices

TOLERANCE = 1e-6
"""Relative; what is checked holds to 1e-10 or so where float64 can tell, and to nothing else."""


def spectrum(data: st.DataObject) -> Spectrum:
    matrix = data.draw(matrices())
    found = Spectrum.of(matrix, metric=data.draw(st.sampled_from([None, False])))
    width = matrix.shape[1]
    assert 0 <= found.rank() <= (width if not found.rectangular else min(matrix.shape))
    assert 0 <= found.effective_rank <= width * (1 + TOLERANCE)
    assert (np.diff(found.values) <= 0).all() and (found.values >= 0).all()
    assert np.allclose(found.eigenvectors.T @ found.eigenvectors, np.eye(width), atol=TOLERANCE)
    assert 0 <= found.null_space_angle_bound <= 1
    if np.abs(matrix).max() < 1e100:
        # Nothing above the floor is called null.
        left = np.linalg.norm(matrix @ found.null_space, 2) if found.null_space.size else 0.0
        assert left <= found.resolution * (1 + TOLERANCE) + TOLERANCE * found.values[0]
    return found


def equivalence_class(data: st.DataObject) -> Any:
    matrix = data.draw(matrices())
    vector = data.draw(arrays(matrix.shape[1]))
    bound = data.draw(st.sampled_from([{}, {}, {"epsilon": 0.1, "radius": 1.0}]))
    found = EquivalenceClass(matrix, vector, affine=data.draw(st.booleans()), **bound)
    assert found.dimension == found.basis.shape[1]
    rest = found.representative + found.invisible_part - vector
    assert np.linalg.norm(rest) <= TOLERANCE * np.linalg.norm(vector)
    assert found.contains(vector)
    if vector.any():
        assert -1 <= found.infimum_cosine <= 1
    return found.report, found.report.to_dict()["verdict"]


def least_squares(data: st.DataObject) -> Any:
    matrix = data.draw(matrices())
    response = data.draw(arrays(len(matrix)))
    found = LeastSquaresRecovery(affine=data.draw(st.booleans())).fit(matrix, response)
    if found.prediction_.recovers:
        exact = np.linalg.lstsq(matrix, response, rcond=None)[0]
        assert np.allclose(found.vector_, exact, rtol=1e-4, atol=1e-4 * np.abs(exact).max())
    inside = np.linalg.norm(found.kernel_.T @ found.vector_)
    assert inside <= TOLERANCE * np.linalg.norm(found.vector_)
    return found


def sparse(data: st.DataObject) -> Any:
    matrix = data.draw(matrices())
    method = data.draw(st.sampled_from(["l1", "omp"]))
    return SparseRecovery(method=method).fit(matrix, data.draw(arrays(len(matrix))))


def environments(data: st.DataObject) -> Any:
    width = data.draw(SIZES)
    jacobians = [data.draw(matrices(columns=st.just(width))) for _ in range(2)]
    found = EnvironmentRecovery().fit(jacobians, [data.draw(arrays(len(j))) for j in jacobians])
    path = found.dimension_path_
    assert (np.diff(path) <= 0).all() and (path >= 0).all() and (path <= width).all()
    return found


def cross_layer(data: st.DataObject) -> Any:
    width, further = data.draw(SIZES), data.draw(SIZES)
    transport = data.draw(matrices(st.just(further), st.just(width)))
    reads = [data.draw(matrices(columns=st.just(d))) for d in (width, further)]
    return CrossLayerRecovery().fit([transport], reads, [data.draw(arrays(len(r))) for r in reads])


def invariant(data: st.DataObject) -> Any:
    return InvariantRecovery().fit(data.draw(matrices()))


def independent(data: st.DataObject) -> Any:
    return ICARecovery().fit(data.draw(matrices(st.integers(3, 12), st.integers(1, 3))))


def covariance(data: st.DataObject) -> Any:
    width = data.draw(st.integers(1, 3))
    states = [data.draw(matrices(st.integers(4, 9), st.just(width))) for _ in range(2)]
    return CovarianceRecovery().fit(states)


def metrics(data: st.DataObject) -> Any:
    first = data.draw(matrices())
    second = data.draw(st.one_of(st.just(first), matrices(*map(st.just, first.shape))))
    measure = data.draw(
        st.sampled_from([mcc_codes, mcc_directions, amari_distance, principal_angles])
    )
    found = measure(first, second, draws=2)
    most = np.pi / 2 if measure is principal_angles else 1.0
    assert (found.parts >= 0).all() and (found.parts <= most * (1 + TOLERANCE)).all()
    if second is first and measure is not principal_angles:
        assert abs(found.value - found.best) <= TOLERANCE
    return found.parts, found.value, found.null


def statistics(data: st.DataObject) -> Any:
    scores = data.draw(matrices(st.integers(1, 6)))
    other = data.draw(arrays(*scores.shape))
    rng = np.random.default_rng(0)
    kind = data.draw(st.integers(0, 3))
    if kind == 0:
        found = effect_size(scores, other, rng=rng, resamples=20)
        assert found.difference.low <= found.difference.estimate <= found.difference.high
        return found
    if kind == 1:
        found = tost(scores, data.draw(st.floats()))
        assert 0 <= found.p <= 1 and 0 <= found.power <= 1 and found.low <= found.high
        return found
    if kind == 2:
        found = cluster_bootstrap(lambda x: x.mean(axis=(1, 2)), [scores], rng=rng, resamples=20)
        assert found.low <= found.estimate <= found.high
        return found
    given = data.draw(arrays(data.draw(SIZES)))
    adjusted = holm(given)
    assert (adjusted >= given).all() and (adjusted <= 1).all()
    return adjusted


ENTRIES: tuple[Callable[[st.DataObject], Any], ...] = (
    spectrum,
    equivalence_class,
    least_squares,
    sparse,
    environments,
    cross_layer,
    invariant,
    independent,
    covariance,
    metrics,
    statistics,
)


def check(entry: Callable[[st.DataObject], Any], data: st.DataObject) -> None:
    """InvalidInput in one line, or an answer without NaN; a RuntimeWarning is an error here."""
    try:
        found = entry(data)
    except InvalidInput as error:
        assert str(error).isprintable()
    else:
        assert not holds_nan(found)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.__name__)
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_any_numbers_are_answered_or_refused(entry, data):
    check(entry, data)


@pytest.mark.slow
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.__name__)
@settings(max_examples=3_000, deadline=None)
@given(data=st.data())
def test_thousands_of_numbers_are_answered_or_refused(entry, data):
    check(entry, data)


def test_a_nan_is_found_wherever_it_is():
    nan = float("nan")
    for value in (nan, [1.0, (nan,)], {"a": np.array([nan])}, np.float64(nan)):
        assert holds_nan(value)
    assert not holds_nan([1.0, "nan", None, np.inf, np.arange(3)])
