"""The null end of known spectra against dense eigh, and what a randomised SVD makes of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse.linalg import LinearOperator, aslinearoperator, eigsh
from sklearn.utils.extmath import randomized_svd

from identifiability.errors import InvalidInput
from identifiability.lanczos import lanczos
from identifiability.null_end import SpectralQuadrature, smallest_eigenpairs

WIDTH = 200
SPECTRA = {
    "flat": np.linspace(1.0, 2.0, WIDTH),
    "power law": np.arange(1.0, WIDTH + 1) ** -2,
    "gap": np.concatenate([np.linspace(1, 3, WIDTH - 6), np.full(6, 1e-6)]),
    "exact kernel": np.concatenate([np.linspace(0.1, 3, WIDTH - 5), np.zeros(5)]),
}


def metric(values, seed=0):
    rotation = np.linalg.qr(np.random.default_rng(seed).standard_normal((WIDTH, WIDTH)))[0]
    return (rotation * values) @ rotation.T


def counted(matrix):
    """The operator and how many columns it was applied to."""
    seen = [0]

    def matmat(columns):
        seen[0] += columns.shape[1]
        return matrix @ columns

    operator = LinearOperator(
        matrix.shape, matvec=lambda v: matmat(v.reshape(-1, 1)), matmat=matmat, dtype=np.float64
    )
    operator.symmetric = True
    return operator, seen


@pytest.mark.parametrize("name", SPECTRA)
def test_smallest_eigenpairs_are_those_of_dense_eigh(name):
    matrix = metric(SPECTRA[name])
    operator, seen = counted(matrix)
    found = smallest_eigenpairs(operator, 6, rng=np.random.default_rng(1))
    assert found.converged and found.products == seen[0]
    values = np.linalg.eigvalsh(matrix)[:6]
    # An eigenvalue is within its residual, here ten floors, and its own rounding.
    assert np.abs(found.eigenvalues - values).max() <= 11 * found.floor
    gram = found.eigenvectors.T @ found.eigenvectors
    assert np.abs(gram - np.eye(6)).max() < 1e-12
    assert np.allclose(
        np.linalg.norm(
            matrix @ found.eigenvectors - found.eigenvectors * found.eigenvalues, axis=0
        ),
        found.residuals,
        atol=1e-14,
    )


def test_a_gap_is_found_in_fewer_products_than_the_width_and_with_its_multiplicity():
    operator, seen = counted(metric(SPECTRA["gap"]))
    found = smallest_eigenpairs(operator, 6, rng=np.random.default_rng(1))
    assert seen[0] < WIDTH
    assert found.eigenvalues == pytest.approx(np.full(6, 1e-6), rel=1e-6)


def test_stopped_early_it_still_bounds_every_eigenvalue_from_above():
    matrix = metric(SPECTRA["power law"])
    found = smallest_eigenpairs(
        aslinearoperator(matrix), 5, rng=np.random.default_rng(2), max_products=40
    )
    assert not found.converged and found.products == 40
    assert (found.eigenvalues >= np.linalg.eigvalsh(matrix)[:5] - found.floor).all()
    assert found.residuals.max() > 10 * found.floor


def test_deflating_the_top_saves_products():
    values = np.concatenate([10.0 ** np.linspace(3, 1, 30), np.linspace(0.1, 1, WIDTH - 30)])
    matrix = metric(values)
    top = eigsh(matrix, 30, which="LA", v0=np.ones(WIDTH))[1]
    options = {"tolerance": 1e-6}
    plain = smallest_eigenpairs(
        aslinearoperator(matrix), 2, rng=np.random.default_rng(3), **options
    )
    less = smallest_eigenpairs(
        aslinearoperator(matrix), 2, rng=np.random.default_rng(3), deflate=top, **options
    )
    assert plain.converged and less.converged
    assert less.eigenvalues == pytest.approx(np.sort(values)[:2], abs=1e-6)
    assert less.products < plain.products


def test_a_shift_leaves_the_lanczos_answer_where_it_was():
    """Why no shifted operator is offered: the Krylov space is the same."""
    matrix = metric(SPECTRA["power law"])
    start = np.random.default_rng(4).standard_normal(WIDTH)
    plain = lanczos(aslinearoperator(matrix), start, 30).ritz_values()
    shifted = lanczos(aslinearoperator(2 * np.eye(WIDTH) - matrix), start, 30).ritz_values()
    assert np.abs(np.sort(2 - shifted) - plain).max() < 1e-12


def test_a_randomised_svd_calls_the_visible_null():
    """The complement of the top it found holds directions a thousand times above the null end."""
    values = SPECTRA["power law"]
    matrix = metric(values)
    top = randomized_svd(matrix, n_components=20, random_state=0)[0]
    noise = np.random.default_rng(5).standard_normal((WIDTH, 5))
    claimed = np.linalg.qr(noise - top @ (top.T @ noise))[0]
    theirs = np.einsum("ij,ik,kj->j", claimed, matrix, claimed)
    ours = smallest_eigenpairs(aslinearoperator(matrix), 5, rng=np.random.default_rng(6))
    mine = np.einsum("ij,ik,kj->j", ours.eigenvectors, matrix, ours.eigenvectors)
    # The mean of values 21..200 is 2.2e-4 and the fifth smallest 2.6e-5.
    assert theirs.min() > 4 * mine.max()
    # And its smallest value is the twentieth of 200.
    assert randomized_svd(matrix, n_components=20, random_state=0)[1][-1] > 50 * values[-1]


CUTS = {"flat": 1.33, "power law": 1e-3, "gap": 1e-3, "exact kernel": 0.05}


@pytest.mark.parametrize("name", SPECTRA)
def test_counts_are_bracketed_and_their_interval_holds(name):
    values, cut = SPECTRA[name], CUTS[name]
    matrix = metric(values)
    truth = int(np.sum(values <= cut))
    held = 0
    for seed in range(20):
        quadrature = SpectralQuadrature(
            aslinearoperator(matrix), probes=8, steps=40, rng=np.random.default_rng(seed)
        )
        found = quadrature.count_below(cut)
        low, high = found.quadrature
        assert found.interval[0] <= low <= high <= found.interval[1]
        held += found.interval[0] <= truth <= found.interval[1]
    # 95 % intervals: 16 or fewer of 20 has a chance of 1.6 %, and the bracket only adds to them.
    assert held >= 17, held


@pytest.mark.parametrize("name", ["flat", "power law", "exact kernel"])
def test_the_bracket_holds_for_each_probe_whatever_the_steps(name):
    values = SPECTRA[name]
    start = np.random.default_rng(7).standard_normal(WIDTH)
    start /= np.linalg.norm(start)
    for cut in np.quantile(values, [0.1, 0.5, 0.9]) * 1.003 + 1e-5:
        truth = float(np.sum(start[values <= cut] ** 2))
        widths = []
        for steps in (3, 10, 40, WIDTH):
            low, high = lanczos(aslinearoperator(np.diag(values)), start, steps).mass_below(cut)
            assert low - 1e-10 <= truth <= high + 1e-10
            widths.append(high - low)
        assert widths[0] > widths[1] > widths[2]
        assert low == pytest.approx(truth, abs=1e-8)


def test_more_probes_and_steps_tighten_the_count():
    operator = aslinearoperator(metric(SPECTRA["flat"]))
    few = SpectralQuadrature(operator, probes=4, steps=10, rng=np.random.default_rng(8))
    many = SpectralQuadrature(operator, probes=64, steps=60, rng=np.random.default_rng(8))
    one, other = few.count_below(1.5), many.count_below(1.5)
    assert other.standard_error < one.standard_error
    assert np.diff(other.quadrature) < np.diff(one.quadrature)


def test_the_standard_error_is_the_spread_of_repeats():
    operator = aslinearoperator(metric(SPECTRA["exact kernel"]))
    counts = [
        SpectralQuadrature(
            operator, probes=4, steps=50, rng=np.random.default_rng(seed)
        ).count_below(0.05)
        for seed in range(60)
    ]
    # A standard deviation from 60 is known to a tenth, the formula takes N from each estimate.
    spread = np.std([count.estimate for count in counts], ddof=1)
    assert np.mean([count.standard_error for count in counts]) == pytest.approx(spread, rel=0.3)
    assert np.mean([count.estimate for count in counts]) == pytest.approx(
        5, abs=3 * spread / 60**0.5
    )


def test_nothing_is_counted_below_the_rounding_of_the_products():
    matrix = metric(SPECTRA["exact kernel"])
    single = aslinearoperator(matrix)
    single.entry_rounding = float(np.finfo(np.float32).eps)
    quadrature = SpectralQuadrature(single, probes=2, steps=20, rng=np.random.default_rng(0))
    assert quadrature.floor > 1e-7
    with pytest.raises(InvalidInput, match="above the rounding of the products"):
        quadrature.count_below(1e-8)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda rng: smallest_eigenpairs(np.eye(3), 1, rng=rng), "scipy LinearOperator, got nda"),
        (
            lambda rng: smallest_eigenpairs(aslinearoperator(np.ones((3, 2))), 1, rng=rng),
            r"metric \(d, d\), got \(3, 2\)",
        ),
        (
            lambda rng: smallest_eigenpairs(aslinearoperator(np.triu(np.ones((9, 9)))), 1, rng=rng),
            "must be symmetric, its two sides differ",
        ),
        (
            lambda rng: smallest_eigenpairs(aslinearoperator(np.eye(3)), 4, rng=rng),
            "count must be between 1 and 3, got 4",
        ),
        (
            lambda rng: smallest_eigenpairs(
                aslinearoperator(np.eye(3)), 2, rng=rng, max_products=1
            ),
            "max_products must be at least 2",
        ),
        (
            lambda rng: smallest_eigenpairs(
                aslinearoperator(np.eye(3)), 1, rng=rng, deflate=np.ones((2, 1))
            ),
            r"deflate must be \(3, r\)",
        ),
        (
            lambda rng: smallest_eigenpairs(
                aslinearoperator(np.eye(3)), 1, rng=rng, deflate=np.ones((3, 1))
            ),
            "orthonormal columns",
        ),
        (
            lambda rng: SpectralQuadrature(aslinearoperator(np.eye(3)), probes=0, steps=5, rng=rng),
            "probes and steps must be at least 1",
        ),
    ],
)
def test_bad_input_is_one_sentence(call, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        call(np.random.default_rng(0))
