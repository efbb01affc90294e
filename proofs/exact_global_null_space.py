r"""N2c — directions that every Jacobian misses, and only they, are invisible to every vector.

Let F_x: R^d -> R^m be continuously differentiable and J_x(h) their Jacobians, and

.. math::
    N = \bigcap_{x,\, h \in R^d} \ker J_x(h) .

Then N is the largest subspace with F_x = G_x o P for all x and a linear P with ker P = N. So
v + N is in [v] for every v, all states and all strengths, exactly and at any amplitude; and a
direction with that property for every v is in N. The kernel of any stack of sampled Jacobians
contains N; if the F_x are analytic, almost every choice of d - dim N states leaves nothing else.

Symbolic part. With N along the last coordinates (a rotation, every d) the claim is about one
function of a seen coordinate and a hidden one at a time: the equation a F_x + b F_y = 0 is solved,
for every C^1 function F, by functions of bx - ay alone. Conversely D(G o P) n = DG (P n), for every
G and sizes 2 x 4. Sampling: a curve or surface of covectors that spans a space leaves each proper
subspace of it at almost every state (the identity theorem), so each further state adds a row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

import identifiability
from proofs.shared.fibres import fibre_dimension
from proofs.shared.smooth_maps import DifferentiableMap, tanh_network
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
class SampledContinuations:
    """One continuation for each prompt, states at which Jacobians were taken, and v."""

    maps: tuple[DifferentiableMap, ...]
    factors: tuple[np.ndarray, ...]  # (r_x, d) integers: the rows span what F_x depends on
    states: np.ndarray  # (s, d)
    vector: np.ndarray  # (d,)
    strengths: tuple[float, ...]

    def stack(self, states: int) -> np.ndarray:
        """(prompts m states, d): Jacobians of every prompt at the first so many states."""
        return np.concatenate([f.jacobian(h) for h in self.states[:states] for f in self.maps])

    @property
    def seen(self) -> identifiability.EquivalenceClass:
        return identifiability.EquivalenceClass(self.stack(len(self.states)), self.vector)

    @property
    def dimension(self) -> int:
        """dim N over Q, by construction."""
        return self.vector.size - int(identifiability.exact_rank(np.concatenate(self.factors)))

    def observe(self, vectors: np.ndarray) -> np.ndarray:
        """(d, k) columns -> outputs of every prompt at the first state and the first strength."""
        moved = self.states[0][:, None] + self.strengths[0] * vectors
        return np.concatenate([f.value(moved) for f in self.maps])


# --- assumptions --------------------------------------------------------------------------------


def _lines(i: SampledContinuations, points: int) -> Iterator[np.ndarray]:
    """Outputs (m, points) along random lines through the states, up to distance 3."""
    rng = np.random.default_rng(0)
    for state in i.states:
        direction = rng.standard_normal(state.size)
        steps = np.linspace(-3, 3, points) / np.linalg.norm(direction)
        for f in i.maps:
            yield f.value(state[:, None] + direction[:, None] * steps)


def _has_no_jump(i: SampledContinuations) -> bool:
    """Twice as fine a grid halves the largest step of a C^1 function, and leaves a jump."""
    for outputs in _lines(i, 4001):
        fine = np.abs(np.diff(outputs)).max()
        coarse = np.abs(np.diff(outputs[:, ::2])).max()
        if fine > 0.75 * coarse + 1e-12:
            return False
    return True


def _continues_uniquely(i: SampledContinuations) -> bool:
    """No output is affine on a twentieth of a line unless it is on all of it."""
    run = 10
    for outputs in _lines(i, 20 * run):
        for row in np.abs(np.diff(outputs, n=2)) <= 1e-13 * (1 + np.abs(outputs).max()):
            windows = np.lib.stride_tricks.sliding_window_view(row, run)
            if windows.all(axis=-1).any() and not row.all():
                return False
    return True


ASSUMPTIONS = (
    Assumption("continuously differentiable", "no F_x jumps", _has_no_jump),
    Assumption(
        "unique continuation",
        "an F_x that is affine on part of a line is so on the whole of it, as analytic ones are "
        "(for the sampled kernel)",
        _continues_uniquely,
    ),
    Assumption(
        "enough states",
        "at least as many random states as any F_x has directions (for the sampled kernel)",
        lambda i: len(i.states) >= max(int(identifiability.exact_rank(p)) for p in i.factors),
    ),
)


# --- symbolic -----------------------------------------------------------------------------------


def _identities() -> Iterator[Identity]:
    import sympy as sp

    x, y, t = sp.symbols("x y t", real=True)
    a, b = sp.symbols("a b", positive=True)
    F, G = sp.Function("F"), sp.Function("G")
    hidden = a * F(x, y).diff(x) + b * F(x, y).diff(y)
    profile = sp.pdsolve(hidden, F(x, y)).rhs.args[0]
    claim = "J(h)(a, b) = 0 for all h: F is a function of bx - ay (general solution)"
    yield Identity(claim, profile, b * x - a * y)
    claim = "so F(h + t(a, b)) = F(h) at every t"
    yield Identity(claim, profile.subs({x: x + t * a, y: y + t * b}, simultaneous=True), profile)

    # F = G o P with G of two variables and P (2, 4) = A [I | X], whose kernel is (-Xz, z).
    h, z = sp.Matrix(sp.symbols("h:4", real=True)), sp.Matrix(sp.symbols("z:2", real=True))
    A, X = sp.Matrix(2, 2, sp.symbols("a:4")), sp.Matrix(2, 2, sp.symbols("x:4"))
    P = A.row_join(A * X)
    n = (-X * z).col_join(z)
    first, second = P * h
    composed = G(first, second)
    derivative = sp.Matrix([composed]).jacobian(h).dot(n).doit()
    yield Identity("J(h) n = 0 for F = G o P, n in ker P, every C^1 G", derivative, sp.Integer(0))

    # One state is not enough; all states are.
    u, w = sp.symbols("u w")
    product = x + x * y
    jacobian = sp.Matrix([[product.diff(x), product.diff(y)]])
    image = sp.Poly((jacobian * sp.Matrix([u, w]))[0], x, y)
    at_zero = jacobian.subs({x: 0, y: 0}).nullspace()
    yield Identity("F = x + xy at 0: ker J(0) is spanned by e2", at_zero, [sp.Matrix([0, 1])])
    claim = "but J(h)(u, w) = 0 for all h only at u = w = 0: N = {0}"
    yield Identity(claim, sp.solve(image.coeffs(), [u, w], dict=True), [{u: 0, w: 0}])


# --- numeric ------------------------------------------------------------------------------------


def sample(rng: np.random.Generator) -> SampledContinuations:
    """One or two prompts, each a network behind an integer layer of its own that loses rank.

    Fewer outputs than the layer has rank, so that a single Jacobian misses more than N.
    """
    width, prompts = int(rng.integers(3, 7)), int(rng.integers(1, 3))
    shared = int(rng.integers(2, width + 1))  # bounds the rank over all prompts
    pool = rng.integers(-2, 3, (shared, width))
    factors = tuple(rng.integers(-1, 2, (shared, shared)) @ pool for _ in range(prompts))
    if not all(p.any() for p in factors):
        return sample(rng)
    enough = max(int(identifiability.exact_rank(p)) for p in factors)
    states = rng.standard_normal((enough + int(rng.integers(0, 2)), width))
    strengths = tuple(float(a) for a in rng.choice([-2.0, -1.0, 0.5, 1.0, 3.0], 2, replace=False))
    maps = tuple(_behind(p, rng) for p in factors)
    return SampledContinuations(maps, factors, states, rng.standard_normal(width), strengths)


def _behind(factor: np.ndarray, rng: np.random.Generator) -> DifferentiableMap:
    """One or two outputs of tanh(P h / 4 + b): ker P is all that no state shows (b generic)."""
    outputs = rng.standard_normal((int(rng.integers(1, 3)), len(factor)))
    return tanh_network([factor / 4, outputs], [rng.standard_normal(len(factor))], factor)


def _dimension_error(i: SampledContinuations, claimed: int) -> float:
    return abs(claimed - i.dimension)


def _path_error(i: SampledContinuations, sign: int = 1) -> float:
    """By how much the kernel of the stack falls below N, or grows, as states are added."""
    found = [
        identifiability.EquivalenceClass(i.stack(k), i.vector).dimension
        for k in range(1, len(i.states) + 1)
    ]
    below = max(sign * (i.dimension - dimension) for dimension in found)
    growth = max((sign * (b - a) for a, b in pairwise(found)), default=0)
    return max(0, below, growth)


def _factorisation_error(i: SampledContinuations) -> float:
    """F_x(h) against F_x at the projection of h on the complement of N, for h far from all data.

    G_x(y) = F_x(R y) with R an orthonormal basis of the complement, and P = R^T.
    """
    rng = np.random.default_rng(0)
    states = 10 * rng.standard_normal((i.vector.size, 50))
    seen = i.seen.spectrum.row_space
    return _largest_change(i, states, seen @ (seen.T @ states))


def _class_error(i: SampledContinuations) -> float:
    """Outputs under v and v + n, n in N of norm 10, at all states and strengths."""
    hidden = i.seen.basis
    if not hidden.shape[1]:
        return 0.0  # N = {0}
    rng = np.random.default_rng(0)
    mixed = hidden @ rng.standard_normal(hidden.shape[1])
    moved = i.vector + 10 * mixed / np.linalg.norm(mixed)
    return max(
        _largest_change(i, (i.states + a * i.vector).T, (i.states + a * moved).T)
        for a in i.strengths
    )


def _largest_change(i: SampledContinuations, here: np.ndarray, there: np.ndarray) -> float:
    return max(float(np.abs(f.value(here) - f.value(there)).max()) for f in i.maps)


def _one_state_dimension(i: SampledContinuations) -> int:
    return identifiability.EquivalenceClass(i.stack(1), i.vector).dimension


_INTEGERS = {"tolerance": 0.0, "because": "integers", "broken_above": 0.5}

CONCLUSIONS = (
    Conclusion(
        "factorisation",
        "F_x = G_x o P with ker P the kernel of the stack, at states 10 times farther out",
        _factorisation_error,
        tolerance=1e-9,
        because="a kernel known to 1e-16 over a smallest singular value of 1e-5, times 50",
    ),
    Conclusion(
        "equivalence",
        "v + N is in [v], for norms of 10, at all states and strengths",
        _class_error,
        tolerance=1e-9,
        because="as above",
    ),
    Conclusion(
        "sampled kernel",
        "random states leave exactly dim N, as many as the largest d - dim N_x of a prompt",
        lambda i: _dimension_error(i, i.seen.dimension),
        **_INTEGERS,
    ),
    Conclusion(
        "bound from above",
        "the kernel of the stack never falls below dim N and never grows with further states",
        _path_error,
        **_INTEGERS,
    ),
)


# --- what breaks without each assumption --------------------------------------------------------


def _hard_router(rng: np.random.Generator) -> SampledContinuations:
    router = DifferentiableMap(
        value=lambda h: (np.tanh(h[0]) + (h[1] > 0))[None],
        jacobian=lambda h: np.array([[1 - np.tanh(h[0]) ** 2, 0.0]]),
    )
    states = np.array([[0.5, 0.3], [-0.4, 0.2], [0.1, -0.6]])
    return SampledContinuations((router,), (np.array([[1, 0]]),), states, np.ones(2), (1.0,))


def _dead_unit(rng: np.random.Generator) -> SampledContinuations:
    """A C-infinity unit that is exactly 0 up to h2 = 2."""

    def past(h: np.ndarray) -> np.ndarray:
        return np.maximum(h[1] - 2, 1e-3)  # exp(-1/1e-3) is 0 in float64, as exp(-1/0+) is

    unit = DifferentiableMap(
        value=lambda h: (h[0] + np.exp(-1 / past(h)))[None],
        jacobian=lambda h: np.array([[1.0, np.exp(-1 / past(h)) / past(h) ** 2]]),
    )
    states = rng.uniform(-1, 1.5, (6, 2))
    return SampledContinuations((unit,), (np.eye(2, dtype=int),), states, np.ones(2), (1.0,))


def _one_state(rng: np.random.Generator) -> SampledContinuations:
    factor = np.array([[1, 0, 0, 1], [0, 1, 0, -1], [0, 0, 1, 2]])
    readout = tanh_network([factor / 4, np.ones((1, 3))], [np.array([0.3, -0.5, 1.0])], factor)
    states = rng.standard_normal((1, 4))
    return SampledContinuations((readout,), (factor,), states, np.ones(4), (1.0,))


COUNTEREXAMPLES = (
    Counterexample(
        "continuously differentiable",
        _hard_router,
        breaks="factorisation",
        story="a hard router, F(h) = tanh(h1) + [h2 > 0]: all Jacobians miss e2, outputs do not",
    ),
    Counterexample(
        "unique continuation",
        _dead_unit,
        breaks="sampled kernel",
        story="a smooth unit that no sampled state activates: e2 looks null at any number of them",
    ),
    Counterexample(
        "enough states",
        _one_state,
        breaks="sampled kernel",
        story="a readout with N of dimension 1 in d = 4: one Jacobian has a kernel of dimension 3",
    ),
)


# --- false variants -----------------------------------------------------------------------------


def _single_output(rng: np.random.Generator) -> SampledContinuations:
    """An instance whose single state shows less than there is to see."""
    while _one_state_dimension(found := sample(rng)) == found.dimension:
        pass
    return found


FALSE_VARIANTS = (
    FalseVariant(
        "the kernel at one state is N",
        instead_of="sampled kernel",
        discrepancy=lambda i: _dimension_error(i, _one_state_dimension(i)),
        sample=_single_output,
    ),
    FalseVariant(
        "a kernel direction at one state is invisible at that amplitude",
        instead_of="equivalence",
        discrepancy=lambda i: _class_error(replace(i, states=i.states[:1])),
        sample=_single_output,
    ),
    FalseVariant(
        "sampled states bound dim N from below",
        instead_of="bound from above",
        discrepancy=lambda i: _path_error(i, sign=-1),
        sample=_single_output,
    ),
    FalseVariant(
        "[v] is v + N, no larger",
        instead_of="sampled kernel",
        discrepancy=lambda i: _dimension_error(
            i, fibre_dimension(i.observe, i.vector, np.random.default_rng(0))
        ),
        sample=_single_output,
    ),
)


THEOREM = Theorem(
    id="N2c",
    name="exact_global_null_space",
    title="Exact global null space",
    statement=(
        "For C^1 continuations F_x on R^d, the intersection N of ker J_x(h) over all prompts and "
        "all states is the largest subspace with F_x = G_x o P for all x, P linear, ker P = N. So "
        "v + N is in [v] for every v, state and strength. The kernel of any stack of sampled "
        "Jacobians contains N; for analytic F_x, those of all prompts at almost every choice of "
        "d - dim N states have no kernel but N."
    ),
    latex=(
        r"N = \bigcap_{x, h} \ker J_x(h), \quad F_x = G_x \circ P,\ \ker P = N, \quad "
        r"v + N \subseteq [v]"
    ),
    regime="white box, single layer",
    observable="all outputs, at all states and strengths",
    estimand="v up to directions that no state shows",
    assumptions=ASSUMPTIONS,
    symbolic=SymbolicProof(
        "every C^1 F and every d for the factorisation (two coordinates at a time); every C^1 G of "
        "two variables and P = A [I | X] (2, 4) for the converse, other sizes by the same chain "
        "rule",
        _identities,
    ),
    sample=sample,
    oracle="rank over Q of the layers that the networks were built on; outputs at finite amplitude",
    conclusions=CONCLUSIONS,
    counterexamples=COUNTEREXAMPLES,
    false_variants=FALSE_VARIANTS,
    sources=(
        "Mityagin 2015, arXiv:1512.07276 (zeros of an analytic function)",
        "theory.md N2c",
    ),
    scope=(
        "A null space measured at some states is an upper bound on what is hidden for good. A hard "
        "router or a unit that no state activates is outside the theorem: what looks null there "
        "need not be."
    ),
    depends_on=("N2",),
)

if __name__ == "__main__":
    from proofs.script import main

    main(THEOREM)
