r"""R3c — what is the same in every environment is the part of v_e orthogonal to their differences.

Let the vectors extracted in environments e = 1..E be v_e = c + S a_e, with a common part c (the
trait) and spurious parts S a_e, S (d x k). Let S' be the span of the differences v_e - v_1. If
S' = col(S), the projection of any v_e on the complement of S' is that of c; the vectors then
determine c exactly up to S', a class of dimension rank S, and exactly if c is orthogonal to S.

.. math::
    P_{S'^\perp} v_e = P_{S'^\perp} c \;\;\forall e, \qquad [c] = c + S', \qquad
    \bar v - c = S \bar a

S' = col(S) takes at least rank S + 1 environments and cannot be read off the vectors: c + u with
S extended by u explains the same ones, for every u. The average recovers c iff S a-bar = 0.

The symbolic part takes d = 3 and S of rank 2. That is every d: all takes place in the span of c and
the columns of S.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

import identifiability
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
class ExtractedVectors:
    """Vectors of several environments and how they came about; integers."""

    common: np.ndarray  # (E, d), c in each environment
    spurious: np.ndarray  # (d, k) S
    amounts: np.ndarray  # (E, k) a_e

    @property
    def vectors(self) -> np.ndarray:
        """(E, d) v_e, all that is observed."""
        return self.common + self.amounts @ self.spurious.T

    @property
    def differences(self) -> identifiability.Spectrum:
        """Of the matrix with rows v_e - v_1: its row space is S'."""
        return identifiability.Spectrum.of(self.vectors - self.vectors[0])

    @property
    def invariant_part(self) -> np.ndarray:
        """(d,) the projection of v_1 on the complement of S', from the code under test."""
        kept = self.differences.null_space
        return kept @ (kept.T @ self.vectors[0])


# --- assumptions --------------------------------------------------------------------------------


def _rank(matrix: np.ndarray) -> int:
    return int(identifiability.exact_rank(matrix))


def _spans(instance: ExtractedVectors) -> bool:
    moved = (instance.amounts - instance.amounts[0]) @ instance.spurious.T
    return _rank(moved) == _rank(instance.spurious)


ASSUMPTIONS = (
    Assumption(
        "same common part",
        "c is the same in every environment",
        lambda i: bool(np.all(i.common == i.common[0])),
    ),
    Assumption(
        "environments span",
        "the S(a_e - a_1) span col(S); at least rank S + 1 environments",
        _spans,
    ),
    Assumption(
        "orthogonal",
        "c is orthogonal to the columns of S (for exact recovery only)",
        lambda i: not np.any(i.common @ i.spurious),
    ),
)


# --- symbolic -----------------------------------------------------------------------------------


def _identities() -> Iterator[Identity]:
    import sympy as sp

    # Coordinates with col(S) = span(e1, e2), which a rotation of R^d achieves, and S = [T; 0].
    T = sp.Matrix(2, 2, sp.symbols("t:4"))
    S = T.col_join(sp.zeros(1, 2))
    c = sp.Matrix(sp.symbols("c:3"))
    first, second, third = (sp.Matrix(sp.symbols(f"{name}:2")) for name in "xyz")
    vectors = [c + S * a for a in (first, second, third)]
    spread = (second - first).row_join(third - first)
    normal = (vectors[1] - vectors[0]).cross(vectors[2] - vectors[0])
    axis = sp.Matrix([0, 0, 1])

    yield Identity(
        "orthogonal to the differences is what is orthogonal to S, if the a_e - a_1 span",
        normal,
        T.det() * spread.det() * axis,
    )
    for e, vector in enumerate(vectors, start=1):
        yield Identity(
            f"P v_{e} = P c, the part of c orthogonal to S",
            normal * normal.dot(vector) - normal.dot(normal) * axis * c[2],
            sp.zeros(3, 1),
        )

    # The class of c: c' explains the same vectors with amounts a' iff c' - c is in col(S).
    other, b = sp.Matrix(sp.symbols("d:3")), [sp.Matrix(sp.symbols(f"{n}:2")) for n in "uvw"]
    equations = [x for a, v in zip(b, vectors, strict=True) for x in other + S * a - v]
    unknown = [*other, *(x for a in b for x in a)]
    solution = sp.solve(equations, unknown, dict=True)[0]
    free = {x for value in solution.values() for x in value.free_symbols} & set(unknown)
    yield Identity("c' + S a'_e = v_e has a two-dimensional solution set", len(free), 2)
    moved = other.subs(solution) - c
    yield Identity("in which c' - c has no part outside col(S)", moved[2], sp.Integer(0))
    reach = moved[:2, :].jacobian(sorted(free, key=str))
    yield Identity("and every part inside it", reach.rank(), 2)

    # Not revealed by data: c + u, with S extended by u and amounts (a_e, -1).
    u = sp.Matrix(sp.symbols("u1:4"))
    extended = S.row_join(u)
    rival = [c + u + extended * a.col_join(sp.Matrix([-1])) for a in (first, second, third)]
    yield Identity(
        "the rival (c + u, [S, u]) has the same vectors, for every u",
        sp.Matrix.hstack(*rival),
        sp.Matrix.hstack(*vectors),
    )
    average = (vectors[0] + vectors[1] + vectors[2]) / 3
    balanced = {third[0]: -first[0] - second[0], third[1]: -first[1] - second[1]}
    yield Identity(
        "the average has squared error |S a-bar|^2 ...",
        (average - c).dot(average - c),
        (T * (first + second + third)).dot(T * (first + second + third)) / 9,
    )
    yield Identity("... so none where the amounts balance", average.subs(balanced), c)


# --- numeric ------------------------------------------------------------------------------------


def sample(rng: np.random.Generator, orthogonal: bool = True) -> ExtractedVectors:
    """A spurious space of dimension one to three in up to eight dimensions."""
    width = int(rng.integers(3, 9))
    rank = int(rng.integers(1, min(3, width - 1) + 1))
    # Columns of |u|^2 I - 2 u u^T are orthogonal and integer: some carry S, the others c.
    u = rng.integers(-2, 3, width)
    frame = (u @ u) * np.eye(width, dtype=int) - 2 * np.outer(u, u) if u.any() else np.eye(width)
    frame = frame.astype(int)
    loads = rng.integers(1, 4, width) * rng.choice([-1, 1], width)
    loads[:rank] *= not orthogonal
    while True:
        columns = rank + int(rng.integers(0, 2))  # columns may repeat what others span
        spurious = frame[:, :rank] @ rng.integers(-3, 4, (rank, columns))
        amounts = rng.integers(-4, 5, (rank + 1 + int(rng.integers(0, 3)), columns))
        instance = ExtractedVectors(np.tile(frame @ loads, (len(amounts), 1)), spurious, amounts)
        if _rank(spurious) == rank and _spans(instance):
            return instance


def _seen_part_error(instance: ExtractedVectors) -> float:
    """Against the residual of c regressed on the true S."""
    c, S = instance.common[0].astype(float), instance.spurious.astype(float)
    residual = c - S @ np.linalg.lstsq(S, c, rcond=None)[0]
    return _relative(instance.invariant_part - residual, instance)


def _recovery_error(instance: ExtractedVectors) -> float:
    return _relative(instance.invariant_part - instance.common[0], instance)


def _class_error(instance: ExtractedVectors, claimed: int) -> float:
    """Against the dimension, over Q, of the c' with c' + S a'_e = v_e for some a'_e."""
    S, count = instance.spurious, len(instance.amounts)
    width, columns = S.shape
    shared = np.tile(np.eye(width, dtype=int), (count, 1))
    system = np.hstack([shared, np.kron(np.eye(count, dtype=int), S)])
    nullity = system.shape[1] - _rank(system)
    idle = count * (columns - _rank(S))  # amounts that S does not show
    return abs(claimed - (nullity - idle))


def _average_error(instance: ExtractedVectors) -> float:
    """The average's distance from c against ||S a-bar||."""
    off = np.linalg.norm(instance.vectors.mean(axis=0) - instance.common[0])
    predicted = np.linalg.norm(instance.spurious @ instance.amounts.mean(axis=0))
    return abs(float(off - predicted)) / _scale(instance)


def _relative(difference: np.ndarray, instance: ExtractedVectors) -> float:
    return float(np.linalg.norm(difference)) / _scale(instance)


def _scale(instance: ExtractedVectors) -> float:
    return float(np.linalg.norm(instance.vectors, axis=1).max())


CONCLUSIONS = (
    Conclusion(
        "seen part",
        "the part of v_1 orthogonal to all differences is the part of c orthogonal to S",
        _seen_part_error,
        tolerance=1e-11,
        because="float64 projections; integer matrices with condition numbers below 1e4",
    ),
    Conclusion(
        "recovery",
        "the part of v_1 orthogonal to all differences is c",
        _recovery_error,
        tolerance=1e-11,
        because="float64 projections; integer matrices with condition numbers below 1e4",
    ),
    Conclusion(
        "class",
        "the c' that explain the vectors with spurious parts in col(S) have dimension dim S'",
        lambda i: _class_error(i, i.differences.rank()),
        tolerance=0.0,
        because="integers",
        broken_above=0.5,
    ),
    Conclusion(
        "average",
        "the average is off by ||S a-bar||",
        _average_error,
        tolerance=1e-13,
        because="rounding of a mean of integers",
    ),
)


# --- what breaks without each assumption --------------------------------------------------------


def _of(common: list[int], spurious: list[list[int]], amounts: list[list[int]]) -> ExtractedVectors:
    rows = np.tile(np.array(common), (len(amounts), 1))
    return ExtractedVectors(rows, np.array(spurious), np.array(amounts))


def _drifting(rng: np.random.Generator) -> ExtractedVectors:
    steady = _of([0, 1, 1], [[1], [0], [0]], [[0], [1], [3]])
    return replace(steady, common=np.array([[0, 1, 1], [0, 2, 1], [0, 1, 1]]))


def _two_of_three(rng: np.random.Generator) -> ExtractedVectors:
    return _of([0, 0, 1], [[1, 0], [0, 1], [0, 0]], [[0, 2], [1, 2], [3, 2]])


def _confounded(rng: np.random.Generator) -> ExtractedVectors:
    return _of([1, 1, 1], [[1], [0], [0]], [[0], [1], [3]])


COUNTEREXAMPLES = (
    Counterexample(
        "same common part",
        _drifting,
        breaks="recovery",
        story="c moves along e2 in one environment, so e2 counts as spurious and is lost from c",
    ),
    Counterexample(
        "environments span",
        _two_of_three,
        breaks="recovery",
        story="every a_e has the same second entry: 2 e2 never varies, and passes for the trait",
    ),
    Counterexample(
        "orthogonal",
        _confounded,
        breaks="recovery",
        story="c = (1, 1, 1), S = e1: the component of c along e1 goes with the spurious part",
    ),
)


# --- false variants -----------------------------------------------------------------------------


def _too_few(rng: np.random.Generator) -> ExtractedVectors:
    """As many environments as the rank of S: the differences miss a dimension of it."""
    while True:
        full = sample(rng)
        rank = _rank(full.spurious)
        few = replace(full, common=full.common[:rank], amounts=full.amounts[:rank])
        # Where S a_1 happens to lie in the span of the differences, nothing is missed.
        parts = few.amounts @ few.spurious.T
        if _rank(parts) > _rank(parts - parts[0]):
            return few


def _many(rng: np.random.Generator) -> ExtractedVectors:
    """More environments than rank S + 1."""
    while True:
        instance = sample(rng)
        if len(instance.amounts) > _rank(instance.spurious) + 1:
            return instance


def _average_as_common(instance: ExtractedVectors) -> float:
    return _relative(instance.vectors.mean(axis=0) - instance.common[0], instance)


FALSE_VARIANTS = (
    FalseVariant(
        "the average over environments recovers c",
        instead_of="recovery",
        discrepancy=_average_as_common,
    ),
    FalseVariant(
        "rank S environments are enough",
        instead_of="recovery",
        discrepancy=_recovery_error,
        sample=_too_few,
    ),
    FalseVariant(
        "c is recovered whether or not it is orthogonal to S",
        instead_of="recovery",
        discrepancy=_recovery_error,
        sample=lambda rng: sample(rng, orthogonal=False),
    ),
    FalseVariant(
        "the class of c has one dimension for each environment after the first",
        instead_of="class",
        discrepancy=lambda i: _class_error(i, len(i.amounts) - 1),
        sample=_many,
    ),
)


THEOREM = Theorem(
    id="R3c",
    name="environments_invariance",
    title="The invariant part of a vector",
    statement=(
        "For all v_e = c + S a_e, e = 1..E, with S' = span{v_e - v_1} equal to col(S): the part of "
        "v_e orthogonal to S' is that of c in every environment; c is determined up to S', a class "
        "of dimension rank S, and exactly if it is orthogonal to S. The average recovers c iff "
        "S a-bar = 0."
    ),
    latex=(r"P_{S'^\perp} v_e = P_{S'^\perp} c, \qquad [c] = c + S', \qquad \bar v - c = S \bar a"),
    regime="white box, single layer",
    observable="vectors extracted from states in every environment",
    estimand="c, the part of the vectors that is common to all environments",
    assumptions=ASSUMPTIONS,
    symbolic=SymbolicProof(
        "every d, all real c, a_e and S of rank 2, three environments: all takes place in the "
        "span of c and S, where col(S) may be taken as the first two axes",
        _identities,
    ),
    sample=sample,
    oracle="regression of c on the true S; rank over Q of the equations c' + S a'_e = v_e",
    conclusions=CONCLUSIONS,
    counterexamples=COUNTEREXAMPLES,
    false_variants=FALSE_VARIANTS,
    sources=("cf. Peters, Bühlmann & Meinshausen 2016, doi:10.1111/rssb.12167", "theory.md R3c"),
    scope=(
        "That the projection is the same in every environment holds by construction and shows "
        "nothing. That S' is all of col(S) is an assumption no data support: a spurious part that "
        "never varied passes for the trait."
    ),
)

if __name__ == "__main__":
    from proofs.script import main

    main(THEOREM)
