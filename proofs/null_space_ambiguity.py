r"""N1 — behaviour determines a steering vector up to the kernel of the Jacobian, and no further.

For an affine continuation F(h) = Jh + c, a strength alpha != 0 and v != 0 in R^d, the vectors with
the same outputs as v are exactly v + ker J. Write v = a + b with a in the row space, b in ker J.
If ker J != {0}, the infimum of cos(v, v') over the class is -||b||/||v||, attained only if a = 0;
at equal norm the least cosine is (||a||^2 - ||b||^2)/||v||^2, at v' = a - b.

.. math::
    [v] = v + \ker J, \qquad
    \inf_{v' \in [v]} \cos(v, v') = -\frac{\|b\|}{\|v\|}, \qquad
    \min_{v' \in [v],\, \|v'\| = \|v\|} \cos(v, v') = \frac{\|a\|^2 - \|b\|^2}{\|v\|^2}

The symbolic part covers every d: cosines depend on v' only through its components along a, along
b and across both, and the class through its directions, so three dimensions say it all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

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
class SteeredMap:
    """A continuation, its derivative at h + alpha v, and a steering vector; integers throughout."""

    function: Callable[[np.ndarray], np.ndarray]  # (d,) -> (m,)
    jacobian: np.ndarray  # (m, d)
    state: np.ndarray  # (d,)
    vector: np.ndarray  # (d,)
    strength: int

    def output(self, vector: np.ndarray) -> np.ndarray:
        return self.function(self.state + self.strength * vector)

    @property
    def kernel_basis(self) -> np.ndarray:
        """(d, k) orthonormal; numpy's SVD, not the code under test."""
        _, singular, right = np.linalg.svd(self.jacobian)
        return right[int(np.sum(singular > 1e-9 * singular.max())) :].T

    @property
    def seen(self) -> identifiability.EquivalenceClass:
        return identifiability.EquivalenceClass(self.jacobian, self.vector, affine=True)


# --- assumptions --------------------------------------------------------------------------------


def _is_affine(instance: SteeredMap) -> bool:
    """A C^2 map is affine iff its second differences vanish; integer probes make that exact."""
    f, h = instance.function, instance.state
    probes = np.vstack([np.eye(h.size), np.ones(h.size), instance.vector])
    return all(
        np.array_equal(f(h + x + y) - f(h + x), f(h + y) - f(h)) for x in probes for y in probes
    )


ASSUMPTIONS = (
    Assumption("affine continuation", "F(h) = Jh + c for every h", _is_affine),
    Assumption("non-zero strength", "alpha != 0", lambda i: i.strength != 0),
    Assumption(
        "non-zero kernel",
        "ker J != {0} (for the two cosines only)",
        lambda i: int(identifiability.exact_rank(i.jacobian)) < i.vector.size,
    ),
)


# --- symbolic -----------------------------------------------------------------------------------


def _identities() -> Iterator[Identity]:
    import sympy as sp

    # The class: with J = [A | AX], A invertible, kernel vectors are exactly (-Xz, z).
    A = sp.Matrix(2, 2, sp.symbols("a:4"))
    X = sp.Matrix(2, 2, sp.symbols("x:4"))
    z, y = sp.Matrix(sp.symbols("z:2")), sp.Matrix(sp.symbols("y:2"))
    J = A.row_join(A * X)
    yield Identity("J(-Xz, z) = 0", J * (-X * z).col_join(z), sp.zeros(2, 1))
    solved = -X * z - y  # any vector is (w1, z) = (-Xz - y, z) for some y
    yield Identity("J(w1, z) = -Ay, so 0 only for y = 0", J * solved.col_join(z), -A * y)

    # Cosines: a along the first axis, b along the second, member a + s b/|b| + t across.
    a, b = sp.symbols("a b", positive=True)
    s, t = sp.symbols("s t", real=True)
    v, member = sp.Matrix([a, b, 0]), sp.Matrix([a, s, t])
    cosine = v.dot(member) / (v.norm() * member.norm())
    in_plane = cosine.subs(t, 0)
    bound = -b / sp.sqrt(a**2 + b**2)
    yield Identity("cos -> -|b|/|v| as s -> -oo", sp.limit(in_plane, s, -sp.oo), bound)
    yield Identity("its only stationary point is v itself", sp.solve(sp.diff(in_plane, s), s), [b])
    meeting = sp.solve((a**2 + b * s) ** 2 - b**2 * (a**2 + s**2), s)
    yield Identity("cos^2 = |b|^2/|v|^2 at one s only", meeting, [(b**2 - a**2) / (2 * b)])
    numerator = (a**2 + b * s).subs(s, meeting[0])
    yield Identity("where cos > 0: not attained", numerator, (a**2 + b**2) / 2)
    w = sp.symbols("w", nonnegative=True)  # v.v' = -w <= 0: every member at a right angle or more
    blunt = member.subs(s, -(a**2 + w) / b)
    slack = b**2 * blunt.dot(blunt) - v.dot(blunt) ** 2
    positive = a**2 * (a**2 + b**2) + 2 * a**2 * w + b**2 * t**2
    yield Identity("b^2|v'|^2 - (v.v')^2 > 0 there: none below the bound", slack, positive)
    hidden = sp.Matrix([0, b, 0]), sp.Matrix([0, -b, 0])
    opposite = hidden[0].dot(hidden[1]) / (hidden[0].norm() * hidden[1].norm())
    yield Identity("attained if a = 0, at -v", opposite, -1)
    visible = (cosine * sp.sqrt(a**2 + b**2)).subs(b, 0) / a  # v = a: no invisible part
    yield Identity("0 if b = 0, and never reached", visible, a / member.norm())
    orthogonal = sp.solve(v.dot(member), s)
    yield Identity("an orthogonal member exists iff b != 0", orthogonal, [-(a**2) / b])
    phi = sp.symbols("phi", real=True)
    turned = cosine.subs({s: b * sp.cos(phi), t: b * sp.sin(phi)})
    equal_norm = (a**2 + b**2 * sp.cos(phi)) / (a**2 + b**2)
    yield Identity("at equal norm cos is increasing in cos(phi)", turned, equal_norm)
    least = (a**2 - b**2) / (a**2 + b**2)
    yield Identity("so least at phi = pi, at a - b", equal_norm.subs(phi, sp.pi), least)


# --- numeric ------------------------------------------------------------------------------------


def sample(rng: np.random.Generator) -> SteeredMap:
    """Integer J of deficient rank with entries of a few digits: its rank over Q is exact."""
    width = int(rng.integers(2, 9))
    rank = int(rng.integers(1, width))
    rows = int(rng.integers(rank, width + 3))
    jacobian = np.zeros((rows, width), dtype=int)
    while (
        not jacobian.any()
    ):  # a map that is constant sees nothing, and has no scale to compare with
        jacobian = rng.integers(-4, 5, (rows, rank)) @ rng.integers(-4, 5, (rank, width))
    vector = rng.integers(-5, 6, width)
    vector[0] = vector[0] or 1
    return _affine(jacobian, vector, strength=int(rng.choice([-2, -1, 1, 3])), rng=rng)


def _affine(
    jacobian: np.ndarray, vector: np.ndarray, strength: int, rng: np.random.Generator
) -> SteeredMap:
    offset, state = rng.integers(-9, 10, len(jacobian)), rng.integers(-9, 10, vector.size)
    return SteeredMap(lambda h: jacobian @ h + offset, jacobian, state, vector, strength)


def _dimension_error(instance: SteeredMap, claimed: int) -> float:
    """Against the nullity, over Q, of the responses to unit changes of v."""
    base = instance.output(instance.vector)
    unit_changes = np.eye(instance.vector.size, dtype=int)
    responses = [instance.output(instance.vector + e) - base for e in unit_changes]
    rank = int(identifiability.exact_rank(np.array(responses)))
    return abs(claimed - (instance.vector.size - rank))


def _visible_change(instance: SteeredMap) -> float:
    """Largest change of the outputs over v + n, ||n|| = 10, relative to the outputs."""
    base = instance.output(instance.vector)
    moved = [instance.output(instance.vector + 10 * n) for n in instance.seen.basis.T]
    scale = np.linalg.norm(base) + np.linalg.norm(instance.jacobian)
    return max(float(np.linalg.norm(out - base) / scale) for out in moved) if moved else 0.0


def _infimum_error(instance: SteeredMap, claimed: float) -> float:
    """Against the least cosine found far out, over many kernel directions and along -b."""
    v, kernel = instance.vector, instance.kernel_basis
    if kernel.shape[1] == 0:
        return abs(claimed - 1.0)  # the class is {v}
    pushes = np.random.default_rng(0).standard_normal((200, kernel.shape[1])) @ kernel.T
    pushes = np.vstack([pushes, -kernel @ (kernel.T @ v)])
    far = [_cosine(v, v + t * n) for n in pushes for t in (1.0, 10.0, 1e9)]
    return abs(claimed - min(far))


def _equal_norm_error(instance: SteeredMap, claimed: float) -> float:
    """Against the least cosine over members of norm ||v||, by projected random search."""
    v, kernel = instance.vector, instance.kernel_basis
    hidden = kernel.T @ v
    seen = v - kernel @ hidden
    turns = np.random.default_rng(0).standard_normal((400, kernel.shape[1]))
    turns = np.vstack([turns, -hidden])
    lengths = np.linalg.norm(turns, axis=1, keepdims=True)
    turned = turns[lengths[:, 0] > 1e-9] / lengths[lengths[:, 0] > 1e-9]
    members = seen + np.linalg.norm(hidden) * turned @ kernel.T
    return abs(claimed - min(_cosine(v, member) for member in members))


def _hidden_share(instance: SteeredMap) -> float:
    """||b||/||v||, with b from the code under test."""
    return float(np.linalg.norm(instance.seen.invisible_part) / np.linalg.norm(instance.vector))


def _functional_error(instance: SteeredMap) -> float:
    """w @ v varies over the class for no w in the row space, and for every w outside it."""
    seen = instance.seen
    inside = np.abs(instance.jacobian @ seen.basis).max() / np.abs(instance.jacobian).max()
    outside = [seen.spectrum.row_space.T @ n for n in instance.kernel_basis.T]
    return float(max([inside, *(np.abs(o).max() for o in outside)]))


def _cosine(x: np.ndarray, y: np.ndarray) -> float:
    return float(x @ y / (np.linalg.norm(x) * np.linalg.norm(y)))


ROUNDING = "float64 products of integers below 1e3 in up to 12 dimensions, times 1e9 in the limit"

CONCLUSIONS = (
    Conclusion(
        "dimension",
        "dim [v] = d - rank J",
        lambda i: _dimension_error(i, i.seen.dimension),
        tolerance=0.0,
        because="integers",
        broken_above=0.5,
    ),
    Conclusion(
        "invisibility",
        "v + n has the outputs of v for n in ker J, ||n|| = 10",
        _visible_change,
        tolerance=1e-11,
        because="rounding of a (12, 8) product at norm 10",
    ),
    Conclusion(
        "functionals",
        "w @ v is constant over [v] iff w is in the row space of J",
        _functional_error,
        tolerance=1e-11,
        because="orthogonality of singular vectors, to rounding",
    ),
    Conclusion(
        "infimum of the cosine",
        "inf cos(v, v') = -||b||/||v||",
        lambda i: _infimum_error(i, -_hidden_share(i)),
        tolerance=1e-7,
        because="the far members have norm 1e9 times that of v",
    ),
    Conclusion(
        "least cosine at equal norm",
        "min cos(v, v') = (||a||^2 - ||b||^2)/||v||^2 over members with ||v'|| = ||v||",
        lambda i: _equal_norm_error(i, 1 - 2 * _hidden_share(i) ** 2),
        tolerance=1e-11,
        because="rounding",
    ),
)


# --- what breaks without each assumption --------------------------------------------------------


def _not_affine(rng: np.random.Generator) -> SteeredMap:
    def function(h: np.ndarray) -> np.ndarray:
        return np.array([h[0] + h[0] * h[1]])

    # J at h + alpha v = (1, 0) is (1, 1); its kernel direction (1, -1) does change the output.
    return SteeredMap(function, np.array([[1, 1]]), np.zeros(2, int), np.array([1, 0]), 1)


def _no_strength(rng: np.random.Generator) -> SteeredMap:
    return _affine(np.array([[1, 0, 0], [0, 1, 0]]), np.array([1, 2, 3]), 0, rng)


def _no_kernel(rng: np.random.Generator) -> SteeredMap:
    return _affine(np.array([[2, 1], [1, 1]]), np.array([1, 2]), 1, rng)


COUNTEREXAMPLES = (
    Counterexample(
        "affine continuation",
        _not_affine,
        breaks="invisibility",
        story="F(h) = h1 + h1 h2 near (1, 0): a kernel direction of J changes the output",
    ),
    Counterexample(
        "non-zero strength",
        _no_strength,
        breaks="dimension",
        story="alpha = 0: nothing was added, and every vector of R^3 looks the same",
    ),
    Counterexample(
        "non-zero kernel",
        _no_kernel,
        breaks="infimum of the cosine",
        story="J invertible: the class is {v}, the only cosine is 1 and not -||b||/||v|| = 0",
    ),
)


# --- false variants -----------------------------------------------------------------------------

FALSE_VARIANTS = (
    FalseVariant(
        "the class has dimension d - rank J - 1",
        instead_of="dimension",
        discrepancy=lambda i: _dimension_error(i, i.seen.dimension - 1),
    ),
    FalseVariant(
        "the infimum of the cosine is always -1 (a kernel makes any direction reachable)",
        instead_of="infimum of the cosine",
        discrepancy=lambda i: _infimum_error(i, -1.0),
    ),
    FalseVariant(
        "the equal-norm minimum is the infimum -||b||/||v||",
        instead_of="least cosine at equal norm",
        discrepancy=lambda i: _equal_norm_error(i, -_hidden_share(i)),
    ),
)


THEOREM = Theorem(
    id="N1",
    name="null_space_ambiguity",
    title="Null-space ambiguity",
    statement=(
        "For every affine continuation F(h) = Jh + c, state h, strength alpha != 0 and vector "
        "v != 0, the vectors observationally equivalent to v are exactly v + ker J. With v = a + b "
        "for a in row(J), b in ker J != {0}, the infimum of cos(v, v') over them is -||b||/||v||, "
        "and the least cosine at equal norm is (||a||^2 - ||b||^2)/||v||^2."
    ),
    latex=(
        r"[v] = v + \ker J, \quad \inf_{v' \in [v]} \cos(v, v') = -\frac{\|b\|}{\|v\|}, \quad "
        r"\min_{\|v'\| = \|v\|} \cos(v, v') = \frac{\|a\|^2 - \|b\|^2}{\|v\|^2}"
    ),
    regime="white box, single layer",
    observable="all outputs",
    estimand="v as a point of R^d",
    assumptions=ASSUMPTIONS,
    symbolic=SymbolicProof(
        "every d for the cosines; all real J = [A | AX] with A an invertible 2 x 2 block for the "
        "class (any J of rank r is one up to column order and dependent rows)",
        _identities,
    ),
    sample=sample,
    oracle="rank over Q of responses to unit changes; random search over members",
    conclusions=CONCLUSIONS,
    counterexamples=COUNTEREXAMPLES,
    false_variants=FALSE_VARIANTS,
    sources=("arXiv:2602.06801", "theory.md N1"),
    scope=(
        "A null space makes the class unbounded in norm, not in angle: cosines to v stay above "
        "-||b||/||v||, so a vector without invisible part has no member at an obtuse angle."
    ),
)

if __name__ == "__main__":
    from proofs.script import main

    main(THEOREM)
