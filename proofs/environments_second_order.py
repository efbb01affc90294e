r"""R3b — covariances from environments identify the columns of the mixing, Gaussian or not.

Let h = As with A (d x d) invertible, the same in environments e = 1..E, and s uncorrelated with
variances lambda_1e, ..., lambda_de there, so that Sigma_e = A Lambda_e A^T. The covariances
determine A up to order and scale iff the variance profiles lambda_i = (lambda_i1, ..., lambda_iE)
are pairwise linearly independent (a zero profile never is); for two environments with all
variances positive, iff the generalised eigenvalues lambda_i2/lambda_i1 of (Sigma_2, Sigma_1) are
distinct. Only covariances enter, so Gaussian sources are included, where R1 says nothing.

.. math::
    \mathrm{disc}_t \det\Bigl(\sum_e c'_e \Sigma_e - t \sum_e c_e \Sigma_e\Bigr)
    = \det(A)^{4(d-1)} \prod_{i<j} \Bigl(\sum_{e<f} (\lambda_{ie}\lambda_{jf} -
      \lambda_{if}\lambda_{je})(c'_e c_f - c'_f c_e)\Bigr)^2

The right side is a non-zero polynomial in c, c' iff each pair of profiles has a non-zero 2 x 2
minor; then the eigenvalues are distinct and the eigenvectors, the columns of A, unique. Each factor
belongs to one pair, so nothing changes with d. Proportional profiles leave a rotation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

import identifiability
from proofs.shared.columns import columns_diagonalising, missed_angle
from proofs.theorem import (
    Assumption,
    Conclusion,
    Counterexample,
    FalseVariant,
    Identity,
    SymbolicProof,
    Theorem,
)


@dataclass(frozen=True)
class MixedEnvironments:
    """Mixings and source covariances, environment by environment; integers, so all is exact."""

    mixings: np.ndarray  # (E, d, d)
    sources: np.ndarray  # (E, d, d) covariances of s

    @property
    def mixing(self) -> np.ndarray:
        return self.mixings[0]

    @property
    def profiles(self) -> np.ndarray:
        """(d, E) variances of each source over the environments."""
        return np.diagonal(self.sources, axis1=1, axis2=2).T

    @property
    def covariances(self) -> np.ndarray:
        """(E, d, d), what is observed; for Gaussian sources it is the whole law."""
        return self.mixings @ self.sources @ self.mixings.transpose(0, 2, 1)


# --- assumptions --------------------------------------------------------------------------------


def _uncorrelated(instance: MixedEnvironments) -> bool:
    return all(np.array_equal(C, np.diag(np.diag(C))) for C in instance.sources)


def _pairwise_independent(instance: MixedEnvironments) -> bool:
    pairs = combinations(instance.profiles, 2)
    return all(int(identifiability.exact_rank(np.array(pair))) == 2 for pair in pairs)


ASSUMPTIONS = (
    Assumption(
        "invertible mixing",
        "A is invertible",
        lambda i: int(identifiability.exact_rank(i.mixing)) == len(i.mixing),
    ),
    Assumption(
        "same mixing",
        "A is the same in every environment",
        lambda i: bool(np.all(i.mixings == i.mixing)),
    ),
    Assumption(
        "uncorrelated sources",
        "the components of s are uncorrelated in every environment",
        _uncorrelated,
    ),
    Assumption(
        "independent profiles",
        "any two variance profiles are linearly independent vectors of R^E",
        _pairwise_independent,
    ),
)


# --- symbolic -----------------------------------------------------------------------------------


def _identities() -> Iterator[Identity]:
    import sympy as sp

    t = sp.symbols("t")

    # d = 2, two environments, everything symbolic: the discriminant is the minor of the profiles.
    A = sp.Matrix(2, 2, sp.symbols("a:4"))
    profiles = sp.Matrix(2, 2, sp.symbols("l11 l12 l21 l22"))
    first, second = (A * sp.diag(*profiles[:, e]) * A.T for e in (0, 1))
    yield Identity(
        "d = 2: disc_t det(Sigma_2 - t Sigma_1) = det(A)^4 (minor of the profiles)^2",
        sp.discriminant(sp.expand((second - t * first).det()), t),
        A.det() ** 4 * profiles.det() ** 2,
    )
    yield Identity(
        "Sigma_2 Sigma_1^-1 a_i = (l_i2/l_i1) a_i: eigenvectors are the columns",
        second * first.inv() * A,
        A * sp.diag(profiles[0, 1] / profiles[0, 0], profiles[1, 1] / profiles[1, 0]),
    )

    # Every d: one factor for each pair of profiles.
    A = sp.Matrix(3, 3, sp.symbols("a:9"))
    p, q = sp.symbols("p:3"), sp.symbols("q:3")
    pencil = sp.diag(*[p[i] - t * q[i] for i in range(3)])
    yield Identity(
        "d = 3: det(A (P - tQ) A^T) = det(A)^2 prod (p_i - t q_i)",
        (A * pencil * A.T).det(method="berkowitz"),
        A.det() ** 2 * pencil.det(),
    )
    factors = [p[i] * q[j] - p[j] * q[i] for i, j in combinations(range(3), 2)]
    yield Identity(
        "d = 3: disc_t prod (p_i - t q_i) = prod over pairs (p_i q_j - p_j q_i)^2",
        sp.discriminant(sp.expand(pencil.det()), t),
        sp.prod(factors) ** 2,
    )

    # Any number of environments: the factor of a pair is its minors times those of (c, c').
    weights = sp.Matrix(2, 3, sp.symbols("c:3 d:3"))
    pair = sp.Matrix(2, 3, sp.symbols("l:3 m:3"))
    minors = [
        pair.extract([0, 1], [e, f]).det() * weights.extract([0, 1], [e, f]).det()
        for e, f in combinations(range(3), 2)
    ]
    yield Identity(
        "E = 3: p_i q_j - p_j q_i is the sum of products of minors (Cauchy-Binet)",
        (pair * weights.T).det(),
        sum(minors),
    )

    # Necessity: profiles l and q^2 l leave the rotation by any angle, tan(angle/2) = w.
    w, ratio, variance = sp.symbols("w q l", positive=True)
    A = sp.Matrix(2, 2, sp.symbols("a:4"))
    turn = sp.Matrix([[1 - w**2, -2 * w], [2 * w, 1 - w**2]]) / (1 + w**2)
    B = A * sp.diag(1, ratio) * turn * sp.diag(1, 1 / ratio)
    variances = sp.diag(variance, ratio**2 * variance)
    yield Identity(
        "proportional profiles: B = A diag(1, q) R diag(1, 1/q) has the covariances of A",
        B * variances * B.T,
        A * variances * A.T,
    )
    yield Identity(
        "and other columns: B A^-1 maps a_1 outside its line for every turn with sin != 0",
        sp.factor(A[:, 0].row_join(B[:, 0]).det()),
        A.det() * ratio * 2 * w / (1 + w**2),
    )
    silent = sp.diag(variance, 0)
    swapped = A[:, 0].row_join(sp.Matrix(sp.symbols("b:2")))
    yield Identity(
        "a zero profile: any second column gives the same covariances",
        swapped * silent * swapped.T,
        A * silent * A.T,
    )


# --- numeric ------------------------------------------------------------------------------------


def sample(rng: np.random.Generator) -> MixedEnvironments:
    """Two to four environments; variances may vanish in all but the first."""
    width, count = int(rng.integers(2, 6)), int(rng.integers(2, 5))
    while True:
        profiles = rng.integers(0, 10, (width, count))
        profiles[:, 0] = rng.integers(1, 10, width)
        instance = _with_profiles(rng, profiles)
        if _pairwise_independent(instance):
            return instance


def _with_profiles(rng: np.random.Generator, profiles: np.ndarray) -> MixedEnvironments:
    width, count = profiles.shape
    while True:
        mixing = rng.integers(-3, 4, (width, width))
        # Well conditioned, so that rounding is small and the tolerances mean something.
        if np.linalg.cond(mixing) < 30:
            sources = np.array([np.diag(variances) for variances in profiles.T])
            return MixedEnvironments(np.array([mixing] * count), sources)


def found_columns(instance: MixedEnvironments) -> np.ndarray:
    """(d, k) from the covariances alone: their sum against 20 random combinations of them."""
    covariances = instance.covariances
    draws = np.random.default_rng(0).standard_normal((20, len(covariances)))
    combined = (np.tensordot(c, covariances, axes=1) for c in draws)
    return columns_diagonalising(covariances.sum(axis=0), combined)


def gauge_dimension(instance: MixedEnvironments) -> int:
    """Directions, beside the d scales, in which A can move with all covariances kept.

    The nullity over Q of dA Lambda_e A^T + A Lambda_e dA^T + A dLambda_e A^T = 0, e = 1..E, in
    dA (d, d) and diagonal dLambda_e.
    """
    A, variances = instance.mixing, instance.profiles.T
    width, count = len(A), len(variances)
    upper = np.triu_indices(width)
    columns = []
    for k, i in np.ndindex(width, width):
        # Moving entry (k, i) of A changes Sigma_e by lambda_ie (u_k a_i^T + a_i u_k^T).
        outer = np.outer(np.eye(width, dtype=int)[k], A[:, i])
        columns.append(np.kron(variances[:, i], (outer + outer.T)[upper]))
    for e, i in np.ndindex(count, width):
        at = np.eye(count, dtype=int)[e]
        columns.append(np.kron(at, np.outer(A[:, i], A[:, i])[upper]))
    nullity = len(columns) - int(identifiability.exact_rank(np.array(columns)))
    return nullity - width


def _eigenvalue_error(instance: MixedEnvironments) -> float:
    """Ratios of variances in the second and first environment against the pencil's eigenvalues."""
    from scipy.linalg import eigh

    claimed = np.sort(instance.profiles[:, 1] / instance.profiles[:, 0])
    found = eigh(instance.covariances[1], instance.covariances[0], eigvals_only=True)
    return float(np.abs(found - claimed).max() / claimed.max(initial=1.0))


CONCLUSIONS = (
    Conclusion(
        "columns",
        "the covariances determine the columns of A up to order and scale (angle, radians)",
        lambda i: missed_angle(found_columns(i), i.mixing),
        tolerance=1e-7,
        because="float64 eigenvectors, condition numbers below 1e4, best gaps of 20 spectra",
    ),
    Conclusion(
        "gauge",
        "no direction but the d scales moves A and keeps all covariances",
        lambda i: float(gauge_dimension(i)),
        tolerance=0.0,
        because="integers",
        broken_above=0.5,
    ),
    Conclusion(
        "eigenvalues",
        "the generalised eigenvalues of (Sigma_2, Sigma_1) are the ratios lambda_i2/lambda_i1",
        _eigenvalue_error,
        tolerance=1e-9,
        because="float64 eigenvalues, condition number of Sigma_1 below 1e4",
    ),
)


# --- what breaks without each assumption --------------------------------------------------------

_TWO = np.array([[1, 3], [1, 2]])  # profiles of two sources


def _three_in_a_plane(rng: np.random.Generator) -> MixedEnvironments:
    mixing = np.array([[1, 0, 1], [0, 1, 1], [0, 0, 0]])
    profiles = np.array([[1, 3, 1], [1, 1, 3], [2, 1, 1]])
    return MixedEnvironments(np.array([mixing] * 3), np.array([np.diag(c) for c in profiles.T]))


def _turned_mixing(rng: np.random.Generator) -> MixedEnvironments:
    mixings = np.array([[[2, 1], [0, 1]], [[1, 0], [1, 1]]])
    return MixedEnvironments(mixings, np.array([np.diag(c) for c in _TWO.T]))


def _correlated(rng: np.random.Generator) -> MixedEnvironments:
    sources = np.array([[[1, 0], [0, 1]], [[3, 1], [1, 2]]])
    return MixedEnvironments(np.array([[[2, 1], [0, 1]]] * 2), sources)


def _proportional(rng: np.random.Generator) -> MixedEnvironments:
    return _with_profiles(rng, np.array([[1, 2, 3], [2, 4, 6], [1, 1, 5]]))


COUNTEREXAMPLES = (
    Counterexample(
        "invertible mixing",
        _three_in_a_plane,
        breaks="gauge",
        story="three sources in a plane: three other columns near them give the same covariances",
    ),
    Counterexample(
        "same mixing",
        _turned_mixing,
        breaks="columns",
        story="another A in the second environment: what diagonalises both covariances is neither",
    ),
    Counterexample(
        "uncorrelated sources",
        _correlated,
        breaks="columns",
        story="covariances I and [[3, 1], [1, 2]]: what is uncorrelated in both is a rotation of s",
    ),
    Counterexample(
        "independent profiles",
        _proportional,
        breaks="gauge",
        story="profiles (1, 2, 3) and (2, 4, 6): a rotation in that plane keeps all covariances",
    ),
)


# --- false variants -----------------------------------------------------------------------------


def _one_environment(rng: np.random.Generator) -> MixedEnvironments:
    return _with_profiles(rng, rng.permutation(9)[: int(rng.integers(2, 6)), None] + 1)


def _zero_profile(rng: np.random.Generator) -> MixedEnvironments:
    return _with_profiles(rng, np.array([[1, 2], [3, 1], [0, 0]]))


def _unmixing_rows(instance: MixedEnvironments) -> float:
    """Generalised eigenvectors w, Sigma_2 w = mu Sigma_1 w, are the columns of A^-T."""
    from scipy.linalg import eigh

    first, second = instance.covariances[:2]
    return missed_angle(eigh(second, first)[1], instance.mixing)


def _principal_axes(instance: MixedEnvironments) -> float:
    return missed_angle(np.linalg.eigh(instance.covariances.sum(axis=0))[1], instance.mixing)


FALSE_VARIANTS = (
    FalseVariant(
        "one environment is enough if all variances differ",
        instead_of="gauge",
        discrepancy=lambda i: float(gauge_dimension(i)),
        sample=_one_environment,
    ),
    FalseVariant(
        "different profiles are enough, proportional or not",
        instead_of="gauge",
        discrepancy=lambda i: float(gauge_dimension(i)),
        sample=_proportional,
    ),
    FalseVariant(
        "one source may have variance zero throughout",
        instead_of="gauge",
        discrepancy=lambda i: float(gauge_dimension(i)),
        sample=_zero_profile,
    ),
    FalseVariant(
        "the columns are the generalised eigenvectors of (Sigma_2, Sigma_1)",
        instead_of="columns",
        discrepancy=_unmixing_rows,
    ),
    FalseVariant(
        "the columns are the principal axes of the pooled covariance",
        instead_of="columns",
        discrepancy=_principal_axes,
    ),
)


THEOREM = Theorem(
    id="R3b",
    name="environments_second_order",
    title="Covariances from environments",
    statement=(
        "For all invertible A (d x d) and covariances Sigma_e = A Lambda_e A^T, Lambda_e diagonal, "
        "in environments e = 1..E: they determine A up to order and scale iff the variance "
        "profiles (lambda_i1, ..., lambda_iE) are pairwise linearly independent; with E = 2 and "
        "positive variances, iff the generalised eigenvalues are distinct. The sources may be "
        "Gaussian."
    ),
    latex=(
        r"\mathrm{disc}_t \det\Bigl(\sum_e c'_e \Sigma_e - t \sum_e c_e \Sigma_e\Bigr) = "
        r"\det(A)^{4(d-1)} \prod_{i<j} \Bigl(\sum_{e<f} (\lambda_{ie}\lambda_{jf} - "
        r"\lambda_{if}\lambda_{je})(c'_e c_f - c'_f c_e)\Bigr)^2"
    ),
    regime="white box, single layer",
    observable="the covariance of the states in every environment",
    estimand="the columns of A up to order and scale",
    assumptions=ASSUMPTIONS,
    symbolic=SymbolicProof(
        "all real A of size 2 x 2 with two environments; the discriminant for d = 3 and the minors "
        "for E = 3, which are the general identities written out: one factor for each pair of "
        "profiles, whatever d and E",
        _identities,
    ),
    sample=sample,
    oracle="eigenvectors of pencils of exact covariances; rank over Q of the linearised equations",
    conclusions=CONCLUSIONS,
    counterexamples=COUNTEREXAMPLES,
    false_variants=FALSE_VARIANTS,
    sources=(
        "Belouchrani et al. 1997, doi:10.1109/78.554307",
        "Pham & Cardoso 2001, doi:10.1109/78.942614",
        "theory.md R3b",
    ),
    scope=(
        "Environments replace non-Gaussianity, but each pair of sources must change its variance "
        "ratio between some of them; a pair that scales together keeps its rotation."
    ),
)

if __name__ == "__main__":
    from proofs.script import main

    main(THEOREM)
