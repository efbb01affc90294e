"""Exact ranks of steered readouts, against sympy's series, long arithmetic and derivatives."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from identifiability.exact import random_prime
from proofs.shared.exact_activations import power, tanh
from proofs.shared.steered_readouts import SteeredReadout, stack_rank, taylor_rank


def readout(seed: int, width: int, units: int, degree: int | None) -> SteeredReadout:
    rng = np.random.default_rng(seed)
    return SteeredReadout(
        units=rng.integers(-2, 3, (units, width)),
        biases=rng.integers(-3, 4, units),
        outputs=rng.choice([-2, -1, 1, 2], units),
        activation=tanh() if degree is None else power(degree),
        states=rng.integers(-2, 3, (1, width)),
        vector=rng.integers(-2, 3, width),
        strengths=tuple(int(a) for a in rng.permutation([-3, -2, -1, 1, 2, 3])[:4]),
    )


@pytest.mark.parametrize("z", [-3, 0, 5])
def test_series_of_tanh(z: int) -> None:
    s = sp.symbols("s")
    expected = sp.series(sp.tanh(sp.Rational(z, 8) + s / 8), s, 0, 7).removeO()
    coefficients = [float(expected.coeff(s, k)) for k in range(7)]
    assert tanh().series(z, 6) == pytest.approx(coefficients, rel=1e-12, abs=1e-16)


@pytest.mark.parametrize("z", [-4, 0, 3])
def test_residues_are_the_rational_functions_of_x(z: int) -> None:
    prime = random_prime(np.random.default_rng(0))
    x = 1234567
    X = pow(x, z, prime)
    assert tanh().slope_mod(z, x, prime) * (1 + X) ** 2 % prime == 4 * X % prime
    # Taylor coefficients: y' = 1 - y^2 gives y'' = -2 y y', twice the second coefficient.
    y, first, second = tanh().series_mod(z, 2, x, prime)
    assert y * (1 + X) % prime == (X - 1) % prime
    assert (first - tanh().slope_mod(z, x, prime)) % prime == 0
    assert (second + y * first) % prime == 0


def test_series_of_a_power() -> None:
    assert power(3).series(2.0, 4) == pytest.approx([c / 512 for c in (8, 12, 6, 1, 0)])
    assert power(3).series_mod(2, 4, 0, 101) == [8, 12, 6, 1, 0]


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10**6), st.integers(2, 4))
def test_rank_in_the_prime_field_is_the_rank_in_long_arithmetic(seed: int, width: int) -> None:
    found = readout(seed, width, width + 1, degree=None)
    with mpmath.workdps(60):
        reads = found.units @ found.states[0] + found.biases
        along = found.units @ found.vector
        rows = [
            [
                a
                * sum(
                    int(c) * mpmath.sech((int(z) + a * int(u)) / mpmath.mpf(8)) ** 2 * int(w)
                    for c, z, u, w in zip(found.outputs, reads, along, column, strict=True)
                )
                for column in found.units.T
            ]
            for a in found.strengths
        ]
        values = mpmath.svd_r(mpmath.matrix(rows), compute_uv=False)
        rank = sum(abs(x) > mpmath.mpf(10) ** -30 for x in values)
    assert stack_rank(found) == rank


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10**6), st.integers(2, 4), st.integers(1, 3))
def test_taylor_covectors_are_the_derivatives(seed: int, width: int, degree: int) -> None:
    """D^k F(h)[v^{k-1}, .] by symbolic differentiation, and its rank over Q."""
    found = readout(seed, width, 3, degree)
    h = sp.symbols(f"h:{width}")
    reads = found.units.tolist()
    F = sum(
        int(c) * (sum(w * x for w, x in zip(row, h, strict=True)) + int(b)) ** degree
        for c, row, b in zip(found.outputs, reads, found.biases, strict=True)
    )
    at = dict(zip(h, (int(x) for x in found.states[0]), strict=True))
    rows = []
    for _ in range(degree + 2):
        rows.append([sp.diff(F, x).subs(at) for x in h])
        F = sum(int(v) * sp.diff(F, x) for v, x in zip(found.vector, h, strict=True))
    assert taylor_rank(found) == sp.Matrix(rows).rank()


def test_stack_is_the_derivative_of_what_is_observed() -> None:
    found = readout(3, 4, 5, degree=None)
    v, step = found.vector.astype(float), 1e-6
    columns = v[:, None] + step * np.hstack([np.eye(4), -np.eye(4)])
    outputs = found.observe(columns)
    differences = (outputs[:, :4] - outputs[:, 4:]) / (2 * step)
    np.testing.assert_allclose(found.stack(v), differences, atol=1e-8)
