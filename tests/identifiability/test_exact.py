"""Exact ranks against constructions of known rank and against singular values."""

from fractions import Fraction

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from identifiability import exact_rank, generic_rank
from identifiability.errors import InvalidInput
from identifiability.exact import modular_rank, random_prime
from identifiability.verdict import CertificateKind
from tests.oracles import integer_matrix_of_rank

shapes = st.tuples(st.integers(1, 7), st.integers(1, 7)).flatmap(
    lambda s: st.tuples(st.just(s[0]), st.just(s[1]), st.integers(1, min(s)))
)


@settings(deadline=None)
@given(shapes, st.integers(0, 10**6))
def test_rank_is_that_of_the_construction_by_both_methods(shape, seed):
    rng = np.random.default_rng(seed)
    matrix = integer_matrix_of_rank(rng, *shape)
    assert int(exact_rank(matrix)) == shape[2] == np.linalg.matrix_rank(matrix)
    assert int(exact_rank(matrix, method="modular", rng=rng)) == shape[2]


def test_floats_are_the_dyadic_rationals_that_they_hold():
    tiny = [[1.0, 1.0], [1.0, 1.0 + 2.0**-52]]
    assert int(exact_rank(tiny)) == 2  # singular to rounding, regular exactly
    assert int(exact_rank([[Fraction(1, 3), 1], [1, 3]])) == 1
    assert int(exact_rank(sympy.Matrix([[sympy.Rational(1, 3), 1], [1, 3]]))) == 1


def test_certificates_say_what_is_proved():
    rng = np.random.default_rng(0)
    assert exact_rank([[1, 2]]).certificate.kind is CertificateKind.PROOF
    assert exact_rank(np.eye(3, dtype=int), method="modular", rng=rng).certificate.bound is None
    deficient = exact_rank([[1, 2], [2, 4]], method="modular", rng=rng).certificate
    assert deficient.kind is CertificateKind.PROBABILISTIC
    assert deficient.bound is not None
    assert 0 < deficient.bound < 1e-15


def test_a_small_prime_can_err_and_only_downwards():
    """Why primes are large: modulo 5 this matrix of rank 2 has rank 1."""
    matrix = [[1, 2], [3, 11]]
    assert modular_rank(matrix, 5) == 1
    assert int(exact_rank(matrix)) == 2


def test_primes_are_prime_and_in_range():
    primes = [random_prime(np.random.default_rng(seed)) for seed in range(5)]
    assert all(sympy.isprime(p) and 2**61 <= p < 2**62 for p in primes)


def test_generic_rank_of_products_and_of_a_linear_pattern():
    """A product through width 2 has generic rank 2; a cyclic pattern of 3 has rank 3."""

    def product(draw, prime):
        left = [[draw() for _ in range(2)] for _ in range(4)]
        right = [[draw() for _ in range(5)] for _ in range(2)]
        return [
            [sum(a * b for a, b in zip(r, c, strict=True)) for c in zip(*right, strict=True)]
            for r in left
        ]

    def cycle(draw, prime):
        return [[draw(), draw(), 0], [0, draw(), draw()], [draw(), 0, draw()]]

    rng = np.random.default_rng(1)
    found = generic_rank(product, degree=2, rng=rng)
    assert int(found) == 2
    assert found.certificate.kind is CertificateKind.PROBABILISTIC
    assert int(generic_rank(cycle, degree=1, rng=rng)) == 3


@pytest.mark.parametrize(
    ("matrix", "sentence"),
    [
        ([], "empty or flat"),
        ([1, 2], "empty or flat"),
        ([[1], [1, 2]], "different lengths"),
        ([[float("nan")]], "integers, fractions or finite floats"),
        ([["x"]], "integers, fractions or finite floats"),
        ([[1j]], "integers, fractions or finite floats"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(matrix, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        exact_rank(matrix)


def test_modular_rank_needs_its_randomness_and_methods_are_known():
    with pytest.raises(InvalidInput, match="pass rng"):
        exact_rank([[1]], method="modular")
    with pytest.raises(InvalidInput, match="rational"):
        exact_rank([[1]], method="float")
