r"""R2b — the sparse code is found by minimising the l1 norm where JD is incoherent enough.

Let B = JD (M, K) have unit columns and mu = max |<b_i, b_j>| over i != j. Basis pursuit, which
minimises ||z'||_1 subject to Bz' = y, returns z alone from y = Bz, for every z with ||z||_0 <= k,

.. math::
    \text{if } k < \tfrac12 (1 + 1/\mu); \qquad
    \text{iff } \|n_S\|_1 < \|n_{S^c}\|_1 \text{ for all } 0 \ne n \in \ker B,\ |S| \le k,

the null-space property of order k. It holds iff gamma_k < 1/2, where gamma_k is the largest share
of the l1 norm that k entries of a kernel vector can have; gamma_k <= k mu/(1 + mu), and the vectors
of minimal support decide (the share is convex, and they span the extreme rays). The first bound
cannot be improved: the simplex frame has mu = 1/M, and k = (M + 1)/2 fails there.

Symbolic part: every size. Bn = 0 with unit columns gives |n_i| <= mu (||n||_1 - |n_i|), entry by
entry; and ||z + n||_1 - ||z||_1 >= ||n_{S^c}||_1 - ||n_S||_1, with equality for signs of z opposite
to n_S and n small: both are sums over entries, shown for few. As a second proof the dual
certificate (Fuchs 2004, Tropp 2004) is solved for the worst Gram matrix, k = 1, ..., 4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product
from math import ceil

import numpy as np

from identifiability.sparsity import coherence
from proofs.shared.smooth_maps import orthonormal
from proofs.shared.sparse_kernels import elementary_vectors
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
class SparseSensing:
    """A Jacobian, a dictionary, and how many of its columns a steering vector may combine."""

    jacobian: np.ndarray  # J (M, d)
    dictionary: np.ndarray  # D (d, K)
    sparsity: int  # k

    @cached_property
    def seen(self) -> np.ndarray:
        """B = JD (M, K)."""
        return self.jacobian @ self.dictionary

    @cached_property
    def coherence(self) -> float:
        """mu(B), the largest |cosine| between two columns."""
        return coherence(self.seen)

    @cached_property
    def shares(self) -> np.ndarray:
        """gamma_1, gamma_2, ..., gamma_K, from the kernel vectors of minimal support."""
        sizes = np.sort(np.abs(elementary_vectors(self.seen)), axis=1)[:, ::-1]
        return np.max(np.cumsum(sizes, axis=1) / sizes.sum(axis=1, keepdims=True), axis=0)


def simplex_frame(dimension: int) -> np.ndarray:
    """(M, M + 1): the unit vectors from the centre of a regular simplex to its corners."""
    corners = np.eye(dimension + 1) - 1 / (dimension + 1)
    frame = np.linalg.svd(corners)[2][:dimension]
    return frame / np.linalg.norm(frame, axis=0)


# --- assumptions --------------------------------------------------------------------------------

ASSUMPTIONS = (
    Assumption(
        "unit columns",
        "every column of JD has norm 1",
        lambda i: bool(np.allclose(np.linalg.norm(i.seen, axis=0), 1, rtol=0, atol=1e-9)),
    ),
    Assumption(
        "below the coherence bound",
        "k < (1 + 1/mu)/2, by more than rounding",
        lambda i: i.sparsity < (1 + 1 / i.coherence) / 2 - 1e-9,
    ),
)


# --- symbolic -----------------------------------------------------------------------------------


def _identities() -> Iterator[Identity]:
    import sympy as sp

    mu, k, size, total, M = sp.symbols("mu k x N M", positive=True)
    half = sp.Rational(1, 2)
    bound = (1 + 1 / mu) / 2

    G = sp.Matrix(4, 4, lambda i, j: 1 if i == j else sp.Symbol(f"g{min(i, j)}{max(i, j)}"))
    n = sp.Matrix(sp.symbols("n0:4"))
    others = -sum(G[0, j] * n[j] for j in range(1, 4))
    claim = "Bn = 0 and unit columns: n_i = -sum of <b_i, b_j> n_j over j != i"
    yield Identity(claim, sp.solve((G * n)[0], n[0]), [others])
    largest = sp.solve(sp.Eq(size, mu * (total - size)), size)
    yield Identity("so |n_i| is at most mu/(1 + mu) of ||n||_1", largest, [mu * total / (1 + mu)])
    claim = "k of them stay below half of ||n||_1 iff k is below (1 + 1/mu)/2"
    yield Identity(claim, half - k * mu / (1 + mu), mu / (1 + mu) * (bound - k))

    t, p1, p2 = sp.symbols("t p1 p2", positive=True)
    a, b, c, d = (sp.Symbol(f"n{i}", positive=True) for i in range(4))
    z = sp.Matrix([t * a + p1, t * b + p2, 0, 0])
    for signs in product((1, -1), repeat=2):  # of the kernel vector off the support
        kernel = sp.Matrix([-a, -b, signs[0] * c, signs[1] * d])
        claim = f"against the signs of z, signs off S {signs}: the norm grows by t(|n_Sc| - |n_S|)"
        yield Identity(claim, (z + t * kernel).norm(1) - z.norm(1), t * (c + d - a - b))
    away = (z + t * sp.Matrix([a, b, c, d])).norm(1) - z.norm(1)
    yield Identity("with the signs of z: by t||n||_1", away, t * (a + b + c + d))

    on_ones = 1 + 1 / M - (M + 1) / M
    yield Identity("simplex, every M: its Gram matrix kills (1, ..., 1)", on_ones, sp.Integer(0))
    claim = "which has the share k/(M + 1): 1/2 at k = (1 + 1/mu)/2 with mu = 1/M"
    yield Identity(claim, (bound / (M + 1)).subs(mu, 1 / M), half)
    for dimension in (2, 3, 4, 5):
        gram = (1 + sp.Rational(1, dimension)) * sp.eye(dimension + 1)
        gram -= sp.ones(dimension + 1) / dimension
        claim = f"M = {dimension}: positive semidefinite of rank M, so Gram matrix of M + 1 vectors"
        spectrum = {sp.Integer(0): 1, 1 + sp.Rational(1, dimension): dimension}
        yield Identity(claim, gram.eigenvals(), spectrum)

    for terms in (1, 2, 3, 4):
        worst = (1 + mu) * sp.eye(terms) - mu * sp.ones(terms)
        claim = f"k = {terms}, all cosines -mu: equal weights 1/(1 - (k - 1) mu) solve G_S c = 1"
        weighted = worst * sp.ones(terms, 1)
        yield Identity(claim, weighted, (1 - (terms - 1) * mu) * sp.ones(terms, 1))
    certificate = sp.Matrix(sp.solve(sp.Eq(k * mu / (1 - (k - 1) * mu), 1), k))
    claim = "off S they reach k mu/(1 - (k - 1) mu), which is 1 at k = (1 + 1/mu)/2 only"
    yield Identity(claim, certificate, sp.Matrix([bound]))


# --- numeric ------------------------------------------------------------------------------------


def sample(rng: np.random.Generator) -> SparseSensing:
    """A simplex, two of them side by side, both disturbed or not, or random; k the largest."""
    kind = rng.integers(3)
    if kind == 0:
        columns = simplex_frame(int(rng.integers(3, 7)))
    elif kind == 1:
        one, other = simplex_frame(4), simplex_frame(int(rng.integers(3, 5)))
        columns = np.block(
            [
                [one, np.zeros((len(one), other.shape[1]))],
                [np.zeros((len(other), one.shape[1])), other],
            ]
        )
    else:
        rows = int(rng.integers(3, 6))
        columns = rng.standard_normal((rows, rows + int(rng.integers(1, 4))))
    columns = columns + rng.choice([0, 0.02]) * rng.standard_normal(columns.shape)
    columns /= np.linalg.norm(columns, axis=0)
    return _sensing(columns, ceil((1 + 1 / coherence(columns)) / 2 - 1e-6) - 1, rng)


def _sensing(columns: np.ndarray, sparsity: int, rng: np.random.Generator) -> SparseSensing:
    """J with more columns than rows, and a dictionary that it turns into ``columns``."""
    rows = len(columns)
    jacobian = orthonormal(rng, rows, rows + 3) * rng.uniform(0.5, 2, (rows, 1))
    hidden = rng.standard_normal((rows + 3, columns.shape[1]))
    inverse = np.linalg.pinv(jacobian)
    return SparseSensing(jacobian, inverse @ (columns - jacobian @ hidden) + hidden, sparsity)


def _missed(columns: np.ndarray, sparsity: int) -> float:
    """Largest l1 mass off the support over all rivals of all signed codes; 0 iff all come back.

    Whether basis pursuit returns z alone depends on its support and signs only, so z has entries
    +-1/k. One linear program holds all codes side by side: among z' with Bz' = Bz and
    ||z'||_1 <= ||z||_1 = 1, the largest mass off the support of z.
    """
    from scipy.optimize import linprog
    from scipy.sparse import csr_array, eye_array, kron

    count = columns.shape[1]
    codes = np.array(
        [
            [dict(zip(support, (1, *signs), strict=True)).get(j, 0) for j in range(count)]
            for support in combinations(range(count), sparsity)
            for signs in product((1, -1), repeat=sparsity - 1)  # -z comes back iff z does
        ]
    )
    identity = eye_array(len(codes))
    found = linprog(
        -np.hstack([codes == 0, codes == 0]).astype(float).ravel(),
        A_eq=kron(identity, csr_array(np.hstack([columns, -columns])), format="csr"),
        b_eq=(codes / sparsity @ columns.T).ravel(),
        A_ub=kron(identity, csr_array(np.ones((1, 2 * count))), format="csr"),
        b_ub=np.ones(len(codes)),
    )
    if found.status != 0:
        raise ArithmeticError(f"the linear program was not solved: {found.message}")
    mass = found.x.reshape(len(codes), 2, count).sum(axis=1)
    return float(np.max(np.sum(mass * (codes == 0), axis=1)))


def _order(i: SparseSensing) -> int:
    """The null-space property: the largest k with gamma_k < 1/2."""
    return int(np.sum(i.shares < 0.5 - 1e-9))  # a simplex has a share of 1/2, to rounding


def _order_error(i: SparseSensing, claimed: int) -> float:
    """Against linear programs: every code of that many entries comes back, and no more."""
    order = 0
    while order < i.seen.shape[1] and _missed(i.seen, order + 1) < _RECOVERED:
        order += 1
    return abs(claimed - order)


def _spark_shortfall(i: SparseSensing, bound: float) -> float:
    """By how much the bound exceeds the entries of the sparsest kernel vector."""
    fewest = np.count_nonzero(elementary_vectors(i.seen), axis=1).min()
    return max(0.0, bound - fewest)


def _share_excess(i: SparseSensing, bound: Callable[[float, np.ndarray], np.ndarray]) -> float:
    claimed = bound(i.coherence, np.arange(1, i.shares.size + 1))
    return max(0.0, float(np.max(i.shares - claimed)))


# The solver meets constraints to 1e-7; a rival gains that much over 1 - 2 gamma_k, above 1e-2 here.
_RECOVERED = 1e-4

CONCLUSIONS = (
    Conclusion(
        "coherence bound",
        "every code of k < (1 + 1/mu)/2 entries is the only one of least l1 norm",
        lambda i: _missed(i.seen, i.sparsity),
        tolerance=_RECOVERED,
        because="mass off the support; the solver's feasibility of 1e-7 over 1 - 2 gamma_k",
        broken_above=1e-2,
    ),
    Conclusion(
        "null-space property",
        "every code of k entries comes back iff gamma_k < 1/2",
        lambda i: _order_error(i, _order(i)),
        tolerance=0.0,
        because="integers",
        broken_above=0.5,
    ),
    Conclusion(
        "share of k entries",
        "gamma_k <= k mu/(1 + mu) for k = 1, ..., K",
        lambda i: _share_excess(i, lambda mu, k: k * mu / (1 + mu)),
        tolerance=1e-12,
        because="rounding",
        broken_above=1e-3,
    ),
    Conclusion(
        "spark",
        "spark(JD) >= 1 + 1/mu, so the code found is the only one of k entries",
        lambda i: _spark_shortfall(i, 1 + 1 / i.coherence),
        tolerance=1e-9,
        because="rounding of 1/mu",
        broken_above=0.1,
    ),
)


# --- what breaks without each assumption --------------------------------------------------------


def _one_short_column(rng: np.random.Generator) -> SparseSensing:
    columns = simplex_frame(4)
    columns[:, 0] /= 10
    return _sensing(columns, 1, rng)


def _at_the_bound(rng: np.random.Generator) -> SparseSensing:
    return _sensing(simplex_frame(3), 2, rng)


COUNTEREXAMPLES = (
    Counterexample(
        "unit columns",
        _one_short_column,
        breaks="coherence bound",
        story="a simplex of mu = 1/4, one column 10 times shorter: its code 10 costs more than the "
        "four others' -1, which have the same y; l1 must weigh codes by column length",
    ),
    Counterexample(
        "below the coherence bound",
        _at_the_bound,
        breaks="coherence bound",
        story="simplex in R^3, mu = 1/3, k = 2 = (1 + 1/mu)/2: (1, 1, 0, 0) and (0, 0, -1, -1) "
        "have the same y and the same l1 norm",
    ),
)


# --- false variants -----------------------------------------------------------------------------


def _random_columns(rng: np.random.Generator) -> SparseSensing:
    columns = rng.standard_normal((5, 7))
    return _sensing(columns / np.linalg.norm(columns, axis=0), 1, rng)


def _skewed_simplex(rng: np.random.Generator) -> SparseSensing:
    columns = simplex_frame(6)[:, :-1]
    columns = np.column_stack([columns, columns @ rng.uniform(0.5, 1, 6)])
    return _sensing(columns / np.linalg.norm(columns, axis=0), 1, rng)


FALSE_VARIANTS = (
    FalseVariant(
        "k <= (1 + 1/mu)/2 is enough",
        instead_of="coherence bound",
        discrepancy=lambda i: _missed(i.seen, i.sparsity),
        sample=_at_the_bound,
    ),
    FalseVariant(
        "k < 1/mu is enough",
        instead_of="coherence bound",
        discrepancy=lambda i: _missed(i.seen, ceil(1 / i.coherence - 1e-9) - 1),
        sample=lambda rng: _sensing(simplex_frame(4), 2, rng),
    ),
    FalseVariant(
        "l1 finds every k-sparse code only if k < (1 + 1/mu)/2",
        instead_of="null-space property",
        discrepancy=lambda i: _order_error(i, ceil((1 + 1 / i.coherence) / 2) - 1),
        sample=_skewed_simplex,
    ),
    FalseVariant(
        "l1 finds every code that is the sparsest: 2k < spark(JD)",
        instead_of="null-space property",
        discrepancy=lambda i: _order_error(i, len(i.seen) // 2),
        sample=_random_columns,
    ),
    FalseVariant(
        "gamma_k <= k mu/2",
        instead_of="share of k entries",
        discrepancy=lambda i: _share_excess(i, lambda mu, k: k * mu / 2),
    ),
    FalseVariant(
        "spark(JD) >= 2 + 1/mu",
        instead_of="spark",
        discrepancy=lambda i: _spark_shortfall(i, 2 + 1 / i.coherence),
        sample=lambda rng: _sensing(simplex_frame(4), 2, rng),
    ),
)


THEOREM = Theorem(
    id="R2b",
    name="sparse_l1",
    title="Sparse recovery by l1",
    statement=(
        "Let B = JD have unit columns with coherence mu. If k < (1 + 1/mu)/2, every z with "
        "||z||_0 <= k is the only minimiser of ||z'||_1 subject to Bz' = Bz, and the only code of "
        "k entries; the bound is sharp. For any B, every such z is the only minimiser iff "
        "||n_S||_1 < ||n_Sc||_1 for all n != 0 in ker B and all S of k entries."
    ),
    latex=(
        r"k < \tfrac12 (1 + 1/\mu(JD)) \Rightarrow \ell_1 \text{ finds } z; \qquad "
        r"\iff \|n_S\|_1 < \|n_{S^c}\|_1 \ \forall\, 0 \ne n \in \ker JD,\ |S| \le k"
    ),
    regime="white box, single layer; affine, or first order",
    observable="M rows of J v without noise",
    estimand="the code z, hence v = Dz",
    assumptions=ASSUMPTIONS,
    symbolic=SymbolicProof(
        "every size: sums over entries, shown for four columns; Gram matrices as listed",
        _identities,
    ),
    sample=sample,
    oracle="linear programs over all supports and signs",
    conclusions=CONCLUSIONS,
    counterexamples=COUNTEREXAMPLES,
    false_variants=FALSE_VARIANTS,
    sources=(
        "Donoho & Elad 2003, doi:10.1073/pnas.0437847100",
        "Gribonval & Nielsen 2003, IEEE Trans. Inf. Theory 49(12), 3320-3325",
        "Tropp 2004, doi:10.1109/TIT.2004.834793",
        "theory.md R2",
    ),
    scope=(
        "Coherence sees pairs of columns only and is far from necessary: the null-space property "
        "decides. Columns of different lengths need a weighted l1 norm."
    ),
    depends_on=("R2a",),
    instances=16,
)

if __name__ == "__main__":
    from proofs.script import main

    main(THEOREM)
