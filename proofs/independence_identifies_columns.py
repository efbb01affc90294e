r"""R1 — independent sources, at most one Gaussian: the columns of the mixing are identified.

Let s have independent non-degenerate components, at most one of them Gaussian, h = As with A
injective, and observe the law of y = Jh, J injective on a subspace that is known to hold the
columns of A (R^D if nothing is known). Whenever y = Bs' with s' independent and B injective, the
columns of B are those of JA up to order and scale, and those of A follow.

.. math::
    As \overset{d}{=} Bs' \;\Longrightarrow\; B = A\,P\,D, \qquad
    \kappa_{1112}(\theta) = \kappa_{1122}(\theta) = 0 \iff \sin 2\theta = 0 \;\text{or}\;
    \kappa(s_1) = \kappa(s_2) = 0

The symbolic part: (i) d = 2 after whitening, where what is left is a rotation: cumulants of *any*
order r >= 3, so every pair of sources with moments that is not both Gaussian (a variable with
moments whose cumulants above the second vanish is Gaussian); (ii) every d for sources of which at
most one has zero kurtosis, by an eigenvector argument that only compares two columns at a time.
The rest, sources without moments or without kurtosis in d > 2, is the Darmois--Skitovich theorem.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations

import numpy as np

import identifiability
from proofs.shared.columns import columns_diagonalising, missed_angle
from proofs.shared.mixed_sources import (
    Dependence,
    MixedSources,
    by_characteristic_function,
    by_cross_cumulants,
    contracted_cumulants,
    free_planes,
    product_law,
)
from proofs.theorem import (
    Assumption,
    Conclusion,
    Counterexample,
    FalseVariant,
    Identity,
    SymbolicProof,
    Theorem,
)

# --- assumptions --------------------------------------------------------------------------------


def _rank(matrix: np.ndarray) -> int:
    return int(identifiability.exact_rank(matrix))


def _readable(instance: MixedSources) -> bool:
    with_columns = _rank(np.hstack([instance.known, instance.mixing]))
    return _rank(instance.known) == with_columns == _rank(instance.readout @ instance.known)


ASSUMPTIONS = (
    Assumption("injective mixing", "rank A = d", lambda i: _rank(i.mixing) == i.mixing.shape[1]),
    Assumption("independent sources", "the law of s is a product", lambda i: i.independent),
    Assumption(
        "non-degenerate sources",
        "no component of s is constant",
        lambda i: bool(np.all(np.diag(i.covariance) > 0)),
    ),
    Assumption(
        "at most one Gaussian",
        "of the components of s at most one is Gaussian",
        lambda i: int(i.gaussian.sum()) <= 1,
    ),
    Assumption(
        "states seen",
        "J is injective on a subspace known to hold the columns of A (R^D if none is known)",
        _readable,
    ),
)


# --- symbolic -----------------------------------------------------------------------------------


def _identities() -> Iterator[Identity]:
    import sympy as sp

    c, s, k1, k2, t, x, y = sp.symbols("c s k1 k2 t x y")
    circle = c**2 + s**2 - 1

    # Cumulants of (c s1 + s s2, -s s1 + c s2) from the cumulant function of an independent pair.
    generator = k1 * (c * x - s * y) ** 4 / 24 + k2 * (s * x + c * y) ** 4 / 24
    k1112, k1122, k1222 = (sp.expand(sp.diff(generator, x, n, y, 4 - n)) for n in (3, 2, 1))

    def basis(*equations: sp.Expr) -> list[sp.Expr]:
        return sp.groebner([*equations, circle], t, c, s, k1, k2, order="lex").exprs

    yield Identity(
        "k1112 = k1122 = k1222 = 0 iff sin 2θ k1 = sin 2θ k2 = 0: the same Groebner basis",
        basis(k1112, k1122, k1222),
        basis(c * s * k1, c * s * k2),
    )
    for source, kurtosis in (("first", k1), ("second", k2)):
        yield Identity(
            f"k1112 = k1122 = 0 alone leave sin 2θ = 0 or no kurtosis in the {source} source",
            basis(k1112, k1122, 1 - t * c * s * kurtosis),
            [sp.Integer(1)],
        )
    leftover = basis(k1112, k1222, 1 - t * c * s * k1)
    yield Identity(
        "without k1122: exactly equal kurtoses at 45 degrees slip through",
        [e for e in leftover if not e.has(t)],
        basis(k1 - k2, 2 * c**2 - 1),
    )
    yield Identity(
        "with k1122 alone: opposite kurtoses slip through, at every angle",
        [e for e in basis(k1122, 1 - t * c * s * k1) if not e.has(t)],
        basis(k1 + k2),
    )

    # Any order r >= 3: the cross-cumulants with one and two arguments y2 already decide.
    r = sp.symbols("r", integer=True, positive=True)
    cos, sin = sp.symbols("c s", positive=True)
    equations = sp.Matrix([[cos ** (r - b) * (-sin) ** b, sin ** (r - b) * cos**b] for b in (1, 2)])
    yield Identity(
        "order r: the two equations in the two cumulants have determinant -(cos sin)^(r-1)",
        sp.simplify(equations.det() / (cos * sin) ** (r - 1)).subs(cos**2, 1 - sin**2),
        sp.Integer(-1),
    )

    # Every d: cum(y, y, y^T N y) = sum_j kappa_j (u_j^T N u_j) u_j u_j^T has the columns u_j as
    # eigenvectors; two eigenvalues agree for every symmetric N only if both kurtoses vanish.
    n11, n12, n22 = sp.symbols("n11 n12 n22")
    n = sp.Matrix([[n11, n12], [n12, n22]])
    kappa = [sp.diff(generator, x, 4 - b, y, b) for b in range(5)]  # b of the arguments are y2
    contracted = sp.Matrix(
        2, 2, lambda i, j: sum(kappa[i + j + k + m] * n[k, m] for k in (0, 1) for m in (0, 1))
    )
    u1, u2 = sp.Matrix([c, -s]), sp.Matrix([s, c])
    gap = k1 * (u1.T * n * u1)[0] - k2 * (u2.T * n * u2)[0]
    yield Identity(
        "discriminant of the contracted cumulant = (c^2 + s^2)^2 (k1 u1'Nu1 - k2 u2'Nu2)^2",
        contracted.trace() ** 2 - 4 * contracted.det(),
        (c**2 + s**2) ** 2 * gap**2,
    )
    yield Identity(
        "the eigenvalues differ for almost every N unless k1 = k2 = 0",
        basis(*sp.Poly(gap, n11, n12, n22).coeffs()),
        basis(k1, k2),
    )

    # One non-Gaussian source beside two Gaussian ones: its column cannot turn.
    m = sp.symbols("m1:4")
    cross = [m[i] ** 3 * m[j] for i in range(3) for j in range(3) if i != j]
    cross += [m[i] ** 2 * m[j] ** 2 for i, j in combinations(range(3), 2)]
    axes = {tuple(sign * int(i == j) for j in range(3)) for i in range(3) for sign in (1, -1)}
    yield Identity(
        "next to two Gaussians a non-Gaussian column stays: it is ± a coordinate axis",
        set(sp.solve([*cross, sum(z**2 for z in m) - 1], m)),
        axes,
    )


# --- numeric ------------------------------------------------------------------------------------

# Values and odds of the finite part, by kind; the last kind is a Gaussian source (or, without
# noise, a constant one).
_VALUES = ([0, 1], [-1, 0, 2], [-1, 1], [-3, 0, 1], [0])
_ODDS = ([3, 13], [5, 9, 2], [8, 8], [2, 11, 3], [1])
_GAUSSIAN = 4


def sample(rng: np.random.Generator, gaussians: int | None = None) -> MixedSources:
    """Two to four sources, some with a Gaussian part, up to one of them Gaussian altogether."""
    count = int(rng.integers(2, 5))
    gaussian = int(rng.integers(0, 2)) if gaussians is None else gaussians
    kinds = [*rng.integers(0, _GAUSSIAN, count - gaussian), *[_GAUSSIAN] * gaussian]
    points, weights = _law(*kinds)
    noise = np.array([1.0 if kind == _GAUSSIAN else rng.integers(0, 2) / 4 for kind in kinds])
    width = count + int(rng.integers(0, 3))
    mixing = _well_conditioned(rng, width, count)
    if rng.random() < 0.5:  # the states themselves, or more outputs than the width
        known = np.eye(width, dtype=int)
        readout = _well_conditioned(rng, width + int(rng.integers(0, 3)), width)
        return MixedSources(points, weights, noise, mixing, readout, known)
    while True:  # col A known in some basis; J need not see more than that
        known = mixing @ _well_conditioned(rng, count, count)
        readout = rng.integers(-2, 3, (count, width))
        if np.linalg.cond(readout @ mixing) < 50:
            return MixedSources(points, weights, noise, mixing, readout, known)


def _law(*kinds: int) -> tuple[np.ndarray, np.ndarray]:
    return product_law([np.array(_VALUES[k]) for k in kinds], [np.array(_ODDS[k]) for k in kinds])


def _well_conditioned(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Integer, of full column rank; so rounding is small and the tolerances mean something."""
    while True:
        matrix = rng.integers(-3, 4, (rows, columns))
        if np.linalg.cond(matrix) < 30:
            return matrix


def found_columns(instance: MixedSources) -> np.ndarray:
    """(D, k) what the law of y says: contracted cumulants of y, read back through U(JU)^+."""
    seen = instance.readout @ instance.mixing
    contracted = (seen @ cumulants @ seen.T for cumulants in contracted_cumulants(instance, seen))
    columns = columns_diagonalising(seen @ instance.covariance @ seen.T, contracted)
    return _read_back(instance, columns)


def _read_back(instance: MixedSources, columns: np.ndarray) -> np.ndarray:
    return instance.known @ np.linalg.pinv(instance.readout @ instance.known) @ columns


def _free_turn(instance: MixedSources, dependence: Dependence) -> float:
    return max(free_planes(instance, dependence).values(), default=0.0)


CONCLUSIONS = (
    Conclusion(
        "columns",
        "the law of y determines the columns of A up to order and scale (angle, radians)",
        lambda i: missed_angle(found_columns(i), i.mixing),
        tolerance=1e-7,
        because="float64 eigenvectors, condition numbers below 2e3, best gaps of 20 spectra",
    ),
    Conclusion(
        "rotations",
        "no turn of two sources but a quarter turn leaves them independent (angle, radians)",
        lambda i: _free_turn(i, by_characteristic_function),
        tolerance=0.0,
        because="angles are on a grid; independence is exact there or misses by far more than 1e-9",
        broken_above=0.1,
    ),
)


# --- what breaks without each assumption --------------------------------------------------------


_PLANE = np.eye(2, dtype=int)
_NO_NOISE = np.zeros(2)


def _third_in_the_plane(rng: np.random.Generator) -> MixedSources:
    """(2, 1/2) in place of the third column, with Gaussian parts 1, 7/4, 1: the same law."""
    mixing = np.array([[1, 0, 1], [0, 1, 1]])
    return MixedSources(*_law(0, 1, _GAUSSIAN), np.array([4.0, 1.0, 1.0]), mixing, _PLANE, _PLANE)


def _turned_pair(rng: np.random.Generator) -> MixedSources:
    """s1 = x1 + x2, s2 = x1 - x2 with x1, x2 independent: uncorrelated, and dependent."""
    points, weights = _law(2, 2)
    sources = points @ np.array([[1, 1], [1, -1]])
    return MixedSources(sources, weights, _NO_NOISE, np.array([[2, 1], [0, 1]]), _PLANE, _PLANE)


def _constant_source(rng: np.random.Generator) -> MixedSources:
    law = _law(0, _GAUSSIAN)
    return MixedSources(*law, _NO_NOISE, np.array([[2, 1], [1, 1]]), _PLANE, _PLANE)


def _gaussian_pair(rng: np.random.Generator) -> MixedSources:
    return sample(rng, gaussians=2)


def _null_direction(rng: np.random.Generator) -> MixedSources:
    """J does not see the third coordinate; the least-norm reading stands for any other."""
    mixing = np.array([[1, 0], [1, 1], [1, -2]])
    readout = np.array([[1, 0, 0], [0, 1, 0]])
    return MixedSources(*_law(0, 1), _NO_NOISE, mixing, readout, np.eye(3, dtype=int))


COUNTEREXAMPLES = (
    Counterexample(
        "injective mixing",
        _third_in_the_plane,
        breaks="columns",
        story=(
            "a Gaussian column (1, 1) in the plane of two others that have Gaussian parts: "
            "(2, 1/2) in its place gives the same law"
        ),
    ),
    Counterexample(
        "independent sources",
        _turned_pair,
        breaks="columns",
        story="s1, s2 = x1 ± x2 are uncorrelated; what is independent is x, 45 degrees away",
    ),
    Counterexample(
        "non-degenerate sources",
        _constant_source,
        breaks="columns",
        story="a constant source moves nothing, so its column leaves no trace in the law",
    ),
    Counterexample(
        "at most one Gaussian",
        _gaussian_pair,
        breaks="rotations",
        story="two Gaussians, turned by 45 degrees, are as independent as before",
    ),
    Counterexample(
        "states seen",
        _null_direction,
        breaks="columns",
        story="the null space remains: independence fixes JA, and A only up to ker J",
    ),
)


# --- false variants -----------------------------------------------------------------------------


def _decorrelated(instance: MixedSources) -> float:
    seen = instance.readout @ instance.mixing
    _, axes = np.linalg.eigh(seen @ instance.covariance @ seen.T)
    principal = axes[:, -instance.mixing.shape[1] :]
    return missed_angle(_read_back(instance, principal), instance.mixing)


def _sum_of_two(instance: MixedSources) -> float:
    steering = instance.mixing[:, :1] + instance.mixing[:, 1:2]
    return missed_angle(found_columns(instance), steering)


def _three_valued(*tails: int) -> Callable[[np.random.Generator], MixedSources]:
    """Sources on -1, 0, 1 with tail probability tail/40 each: excess kurtosis 20/tail - 3."""

    def build(rng: np.random.Generator) -> MixedSources:
        law = product_law([np.array([-1, 0, 1])] * 2, [np.array([n, 40 - 2 * n, n]) for n in tails])
        return MixedSources(*law, _NO_NOISE, _PLANE, _PLANE, _PLANE)

    return build


FALSE_VARIANTS = (
    FalseVariant(
        "two Gaussian sources are allowed",
        instead_of="rotations",
        discrepancy=lambda i: _free_turn(i, by_characteristic_function),
        sample=_gaussian_pair,
    ),
    FalseVariant(
        "k1122 = 0 is enough (opposite kurtoses: any turn passes)",
        instead_of="rotations",
        discrepancy=lambda i: _free_turn(i, by_cross_cumulants(2)),
        sample=_three_valued(4, 20),
    ),
    FalseVariant(
        "k1112 = k1222 = 0 is enough (equal kurtoses: 45 degrees pass)",
        instead_of="rotations",
        discrepancy=lambda i: _free_turn(i, by_cross_cumulants(1, 3)),
        sample=_three_valued(4, 4),
    ),
    FalseVariant(
        "uncorrelated is enough: the columns are the principal axes",
        instead_of="columns",
        discrepancy=_decorrelated,
    ),
    FalseVariant(
        "every v in the span of the columns is identified, not only one along a column",
        instead_of="columns",
        discrepancy=_sum_of_two,
    ),
)


THEOREM = Theorem(
    id="R1",
    name="independence_identifies_columns",
    title="Independence (ICA) identifies columns",
    statement=(
        "For all A (D x d) of rank d, all s with independent non-degenerate components of which at "
        "most one is Gaussian, and all J injective on a subspace known to hold the columns of A: "
        "the law of y = JAs determines the columns of A up to order and scale."
    ),
    latex=(
        r"As \overset{d}{=} Bs' \Rightarrow B = A P D; \quad "
        r"\kappa_{1112}(\theta) = \kappa_{1122}(\theta) = 0 \iff \sin 2\theta = 0 \vee "
        r"\kappa(s_1) = \kappa(s_2) = 0"
    ),
    regime="white box, single layer",
    observable="the law of the states, or of Jh with J injective where the columns are",
    estimand="the columns of A up to order and scale; v itself only if it is along one",
    assumptions=ASSUMPTIONS,
    symbolic=SymbolicProof(
        "d = 2, any pair with a non-zero cumulant of some order r >= 3; every d if at most one "
        "kurtosis is zero (generic contraction, two columns at a time); else Darmois-Skitovich, "
        "cited",
        _identities,
    ),
    sample=sample,
    oracle=(
        "eigenvectors of exact population cumulants of y; factorisation of the exact "
        "characteristic function of turned pairs"
    ),
    conclusions=CONCLUSIONS,
    counterexamples=COUNTEREXAMPLES,
    false_variants=FALSE_VARIANTS,
    sources=(
        "Comon 1994, doi:10.1016/0165-1684(94)90029-9",
        "Darmois 1953, doi:10.2307/1401511; Skitovich 1953, Dokl. Akad. Nauk SSSR 89, 217-219",
        "theory.md R1",
    ),
    scope=(
        "ICA removes the rotation gauge, not the null space: from outputs it fixes JA, and needs "
        "the states, J injective, or col(A) known and J injective on it. Two Gaussian sources turn "
        "among themselves; the other columns stay."
    ),
    depends_on=("N1",),
)

if __name__ == "__main__":
    from proofs.script import main

    main(THEOREM)
