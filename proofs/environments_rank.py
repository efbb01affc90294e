r"""R3a — the same vector seen in several environments: the class is v + the common kernel.

Let F_e(h) = J_e h + c_e be affine and the same v be added with strength alpha_e != 0 in each
environment e = 1..E. The vectors with the observations of v are v + ker J_1 ∩ ... ∩ ker J_E; an
environment more never enlarges this class. If each J_e has rank r, at least ceil(d/r) environments
are needed for v to be identified, and for almost every choice of them that many are enough: after
k environments the class has dimension max(0, d - kr).

.. math::
    [v] = v + \bigcap_e \ker J_e, \qquad
    \dim\,[v]_{1..k} \ge \max(0,\, d - kr), \quad\text{with equality for almost all } J_1..J_k
    \text{ of rank } r

"Almost all" is off the zeros of one polynomial: with J_e = L_e R_e, R_e (r x d), the determinant of
the first d rows of R_1, R_2, ... stacked. The symbolic part shows that it is not the zero
polynomial, and what it becomes under a shared null direction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil

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
class Environments:
    """Affine continuations, one for each environment, and what was added there; integers."""

    jacobians: tuple[np.ndarray, ...]  # E of (m, d)
    offsets: tuple[np.ndarray, ...]  # E of (m,)
    vectors: np.ndarray  # (E, d)
    strengths: np.ndarray  # (E,)
    rank: int  # r

    @property
    def width(self) -> int:
        return self.vectors.shape[1]

    def outputs(self, vector: np.ndarray, count: int) -> np.ndarray:
        """Outputs of the first ``count`` environments if this vector were the one added."""
        parts = zip(self.jacobians, self.offsets, self.strengths, strict=True)
        return np.concatenate([J @ (a * vector) + c for J, c, a in list(parts)[:count]])

    def observed(self, count: int) -> np.ndarray:
        """What the first ``count`` environments show, each with the vector added there."""
        parts = zip(self.jacobians, self.offsets, self.strengths, self.vectors, strict=True)
        return np.concatenate([J @ (a * v) + c for J, c, a, v in list(parts)[:count]])

    def seen(self, count: int) -> identifiability.EquivalenceClass:
        """The class after ``count`` environments, from the code under test."""
        stacked = np.vstack(self.jacobians[:count])
        return identifiability.EquivalenceClass(stacked, self.vectors[0], affine=True)


# --- assumptions --------------------------------------------------------------------------------


def _in_general_position(instance: Environments) -> bool:
    """The polynomial of the docstring is not zero here, the first r rows standing for R_e."""
    rows = np.vstack([J[: instance.rank] for J in instance.jacobians])[: instance.width]
    return int(identifiability.exact_rank(rows)) == len(rows)


ASSUMPTIONS = (
    Assumption(
        "same vector",
        "the same v is added in every environment",
        lambda i: bool(np.all(i.vectors == i.vectors[0])),
    ),
    Assumption(
        "non-zero strengths", "alpha_e != 0 for every e", lambda i: bool(np.all(i.strengths != 0))
    ),
    Assumption(
        "equal ranks",
        "rank J_e = r for every e (for the count of environments only)",
        lambda i: all(int(identifiability.exact_rank(J)) == i.rank for J in i.jacobians),
    ),
    Assumption(
        "general position",
        "det(first d rows of R_1, R_2, ...) != 0 (for 'enough' only; almost all J_e of rank r)",
        _in_general_position,
    ),
)


# --- symbolic -----------------------------------------------------------------------------------


def _identities() -> Iterator[Identity]:
    import sympy as sp
    from sympy.polys.matrices import DomainMatrix

    def rows(name: str, count: int, width: int) -> sp.Matrix:
        return sp.Matrix(count, width, sp.symbols(f"{name}:{count * width}"))

    def determinant(matrix: sp.Matrix) -> sp.Expr:
        ring = DomainMatrix.from_Matrix(matrix)  # polynomial arithmetic: quicker than expressions
        return ring.domain.to_sympy(ring.charpoly()[-1]) * (-1) ** matrix.rows

    # Needed: fewer than d rows leave a vector of cofactors unseen.
    few = rows("r", 2, 3)
    cofactors = few[0, :].cross(few[1, :]).T
    yield Identity(
        "two rows in R^3 miss their vector of cofactors", few * cofactors, sp.zeros(2, 1)
    )

    # Enough: the determinant is a polynomial in the entries of the R_e with a coefficient 1.
    for width, rank in ((3, 1), (4, 2), (5, 2)):
        stacked = rows("r", ceil(width / rank) * rank, width)[:width, :]
        diagonal = sp.prod(stacked[i, i] for i in range(width))
        yield Identity(
            f"d = {width}, r = {rank}: det of ceil(d/r) blocks is not the zero polynomial",
            sp.Poly(determinant(stacked), *stacked).coeff_monomial(diagonal),
            sp.Integer(1),
        )

    # Any J_e of rank r, m rows: what L_e adds is a factor, so general position is about R_e.
    first, second = rows("l", 2, 2), rows("k", 2, 2)
    stacked = rows("r", 4, 4)
    yield Identity(
        "d = 4, r = 2: det[L_1 R_1; L_2 R_2] = det L_1 det L_2 det[R_1; R_2]",
        determinant((first * stacked[:2, :]).col_join(second * stacked[2:, :])),
        sp.expand(determinant(first) * determinant(second) * determinant(stacked)),
    )

    # A shared null direction n: J_e = K_e (n^T n I - n n^T) for any K_e, and the polynomial is 0.
    n = sp.Matrix(sp.symbols("n:3"))
    blind = rows("k", 3, 3) * ((n.T * n)[0] * sp.eye(3) - n * n.T)
    yield Identity("a shared null direction survives three environments", determinant(blind), 0)
    a, b = sp.symbols("a b")
    own = rows("r", 3, 4)
    repeated = own.col_join(a * own[0, :] + b * own[1, :])
    yield Identity("a shared row direction is not counted twice", determinant(repeated), 0)

    # Larger sizes: one instance of full rank modulo a prime proves the generic rank.
    rng = np.random.default_rng(0)
    for width, rank in ((24, 5), (32, 7)):
        for count in range(1, ceil(width / rank) + 1):
            found = identifiability.generic_rank(
                lambda draw, _, size=(count * rank, width): [
                    [draw() for _ in range(size[1])] for _ in range(size[0])
                ],
                degree=1,
                rng=rng,
            )
            yield Identity(
                f"d = {width}, r = {rank}: {count} generic environments have rank min(d, kr)",
                int(found),
                min(width, count * rank),
                failure_bound=found.certificate.bound or 0.0,
            )


# --- numeric ------------------------------------------------------------------------------------


def sample(rng: np.random.Generator) -> Environments:
    """ceil(d/r) environments or a few more, in general position, more outputs than rank."""
    width = int(rng.integers(3, 9))
    rank = int(rng.integers(1, width))
    count = ceil(width / rank) + int(rng.integers(0, 3))
    while True:
        jacobians = [_of_rank(rng, rank, width) for _ in range(count)]
        instance = _observe(rng, jacobians, rank)
        # A determinant of small integers does vanish now and then.
        if all(assumption.holds(instance) for assumption in ASSUMPTIONS):
            return instance


def _of_rank(rng: np.random.Generator, rank: int, width: int) -> np.ndarray:
    rows = rank + int(rng.integers(0, 3))
    return rng.integers(-2, 3, (rows, rank)) @ rng.integers(-3, 4, (rank, width))


def _observe(rng: np.random.Generator, jacobians: list[np.ndarray], rank: int) -> Environments:
    count, width = len(jacobians), jacobians[0].shape[1]
    return Environments(
        jacobians=tuple(jacobians),
        offsets=tuple(rng.integers(-9, 10, len(J)) for J in jacobians),
        vectors=np.tile(rng.integers(1, 6, width), (count, 1)),
        strengths=rng.choice([-2, -1, 1, 3], count),
        rank=rank,
    )


def true_path(instance: Environments) -> list[int]:
    """Class dimension after 1..E environments: nullity, over Q, of responses to unit changes."""
    path = []
    for count in range(1, len(instance.jacobians) + 1):
        base = instance.outputs(instance.vectors[0], count)
        responses = [
            instance.outputs(instance.vectors[0] + unit, count) - base
            for unit in np.eye(instance.width, dtype=int)
        ]
        rank = int(identifiability.exact_rank(np.array(responses)))
        path.append(instance.width - rank)
    return path


def claimed_path(instance: Environments, rank: int) -> list[int]:
    """max(0, d - kr) after k environments."""
    counts = range(1, len(instance.jacobians) + 1)
    return [max(0, instance.width - count * rank) for count in counts]


def _path_error(instance: Environments, claimed: list[int]) -> float:
    return float(np.abs(np.subtract(true_path(instance), claimed)).max())


def _tracked_error(instance: Environments) -> float:
    """The code's class against the truth at every step, and against growing."""
    dimensions = [instance.seen(k + 1).dimension for k in range(len(instance.jacobians))]
    grown = max(np.diff(dimensions), default=0)
    return max(float(grown), _path_error(instance, dimensions))


def _needed_error(instance: Environments, claimed: int) -> float:
    """Against the first step at which the class is a point."""
    path = true_path(instance)
    return abs(claimed - (path.index(0) + 1 if 0 in path else len(path) + 1))


def _visible_change(instance: Environments, counts: tuple[int, int] | None = None) -> float:
    """How far v_1 + n is from what was observed, ||n|| = 10 in the kernel, at every step.

    ``counts``: only n in the kernel of so many environments, against what so many observed.
    """
    steps = [(k + 1, k + 1) for k in range(len(instance.jacobians))]
    worst = 0.0
    for kernel, count in [counts] if counts else steps:
        observed = instance.observed(count)
        basis = instance.seen(kernel).basis
        moves = 10 * np.hstack([np.zeros((instance.width, 1)), basis]).T
        for move in moves:
            apart = instance.outputs(instance.vectors[0] + move, count) - observed
            worst = max(worst, float(np.max(np.abs(apart)) / np.max(np.abs(observed))))
    return worst


CONCLUSIONS = (
    Conclusion(
        "members",
        "after each environment, v + n has all observations of v, n in the common kernel",
        _visible_change,
        tolerance=1e-11,
        because="rounding of products of integers below 100 in eight dimensions",
    ),
    Conclusion(
        "class",
        "the class after each environment is that of the stacked Jacobians, and never grows",
        _tracked_error,
        tolerance=0.0,
        because="integers",
        broken_above=0.5,
    ),
    Conclusion(
        "path",
        "after k environments of rank r the class has dimension max(0, d - kr)",
        lambda i: _path_error(i, claimed_path(i, i.rank)),
        tolerance=0.0,
        because="integers",
        broken_above=0.5,
    ),
    Conclusion(
        "needed",
        "ceil(d/r) environments identify v, and no fewer",
        lambda i: _needed_error(i, ceil(i.width / i.rank)),
        tolerance=0.0,
        because="integers",
        broken_above=0.5,
    ),
)


# --- what breaks without each assumption --------------------------------------------------------


_PAIR = [np.eye(3, dtype=int)[:2], np.eye(3, dtype=int)[[2, 0]]]  # rank 2 each, 3 together


def _two_vectors(rng: np.random.Generator) -> Environments:
    base = _observe(rng, _PAIR, rank=2)
    return replace(base, vectors=np.array([[1, 2, 3], [4, 2, 3]]))


def _one_silent(rng: np.random.Generator) -> Environments:
    base = _observe(rng, _PAIR, rank=2)
    return replace(base, strengths=np.array([1, 0]))


def _one_richer(rng: np.random.Generator) -> Environments:
    identity = np.eye(4, dtype=int)
    return _observe(rng, [identity[:3], identity[2:]], rank=2)


def _shared_null_direction(rng: np.random.Generator) -> Environments:
    """Every row is orthogonal to (1, 1, 1, 1)."""
    rows = [np.array([[1, -1, 0, 0], [0, 1, -1, 0]]), np.array([[0, 0, 1, -1], [1, 0, -1, 0]])]
    return _observe(rng, [*rows, rows[0] + rows[1]], rank=2)


COUNTEREXAMPLES = (
    Counterexample(
        "same vector",
        _two_vectors,
        breaks="members",
        story="v_1 = (1, 2, 3), v_2 = (4, 2, 3): no single vector has both observations",
    ),
    Counterexample(
        "non-zero strengths",
        _one_silent,
        breaks="path",
        story="strength 0 in the second environment: it adds no equation",
    ),
    Counterexample(
        "equal ranks",
        _one_richer,
        breaks="path",
        story="d = 4, ranks 3 and 2: one dimension is left after the first environment, not 4 - 2",
    ),
    Counterexample(
        "general position",
        _shared_null_direction,
        breaks="needed",
        story="all rows orthogonal to (1, 1, 1, 1): no number of such environments is enough",
    ),
)


# --- false variants -----------------------------------------------------------------------------


def _uneven(rng: np.random.Generator) -> Environments:
    """r does not divide d, and the first environment has more outputs than rank."""
    while True:
        instance = sample(rng)
        if instance.width % instance.rank and len(instance.jacobians[0]) > instance.rank:
            return instance


FALSE_VARIANTS = (
    FalseVariant(
        "floor(d/r) environments are enough",
        instead_of="needed",
        discrepancy=lambda i: _needed_error(i, i.width // i.rank),
        sample=_uneven,
    ),
    FalseVariant(
        "the class has dimension max(0, d - k(r + 1)) after k environments",
        instead_of="path",
        discrepancy=lambda i: _path_error(i, claimed_path(i, i.rank + 1)),
    ),
    FalseVariant(
        "what counts is the number of outputs m, not the rank r",
        instead_of="path",
        discrepancy=lambda i: _path_error(i, claimed_path(i, len(i.jacobians[0]))),
        sample=_uneven,
    ),
    FalseVariant(
        "the class is v + ker J_1, whatever other environments show",
        instead_of="members",
        discrepancy=lambda i: _visible_change(i, (1, len(i.jacobians))),
    ),
)


THEOREM = Theorem(
    id="R3a",
    name="environments_rank",
    title="Environments add rank",
    statement=(
        "For all affine F_e(h) = J_e h + c_e, e = 1..E, and the same v added with strengths "
        "alpha_e != 0, the class of v is v + the intersection of the ker J_e; another environment "
        "never enlarges it. If every J_e has rank r, at least ceil(d/r) are needed to identify v, "
        "and almost every choice of that many is enough."
    ),
    latex=(
        r"[v] = v + \bigcap_e \ker J_e, \qquad \dim\,[v]_{1..k} \ge \max(0, d - kr), "
        r"\text{ with equality for almost all } J_1..J_k \text{ of rank } r"
    ),
    regime="white box, single layer",
    observable="all outputs in every environment",
    estimand="v as a point of R^d",
    assumptions=ASSUMPTIONS,
    symbolic=SymbolicProof(
        "all real entries at (d, r) = (3, 1), (4, 2), (5, 2), and one instance modulo a prime at "
        "(24, 5), (32, 7); every d and r because the diagonal monomial of a determinant has "
        "coefficient 1, and because kr < d rows always have a kernel",
        _identities,
    ),
    sample=sample,
    oracle="rank over Q of responses to unit changes of v in every environment",
    conclusions=CONCLUSIONS,
    counterexamples=COUNTEREXAMPLES,
    false_variants=FALSE_VARIANTS,
    sources=("theory.md R3a", "arXiv:2602.06801"),
    scope=(
        "More environments help only as far as their row spaces differ: a direction that is null "
        "in all of them stays null, and prompts that repeat a Jacobian add nothing."
    ),
    depends_on=("N1",),
)

if __name__ == "__main__":
    from proofs.script import main

    main(THEOREM)
