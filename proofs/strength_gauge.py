r"""N4 — strength and length trade off, and what one strength shows need not hold at another.

(a) For every continuation F and c != 0, the pairs (A, v) and (A/c, cv) give the same outputs: with
the unit of strength free at most the line of v is identified (the ray, if strengths are known to
be positive).

(b) If F = G o P with P linear and G injective, then for every alpha_0 != 0

.. math::
    F(h + \alpha_0 v') = F(h + \alpha_0 v) \iff Pv' = Pv
    \iff F(h + \alpha v') = F(h + \alpha v) \text{ for all } \alpha ,

and the vectors v' that some change of unit makes equivalent to v are those with Pv' = c Pv, c != 0.
Affine F is the case P = J. Without injectivity only Pv' = Pv is sufficient.

(c) If F is twice differentiable at h and J(h) n = 0, then v + n departs from v by

.. math::
    F(h + \alpha (v + n)) - F(h + \alpha v)
    = \alpha^2 \bigl( D^2 F(h)[v, n] + \tfrac12 D^2 F(h)[n, n] \bigr) + o(\alpha^2) ,

of order alpha^2 exactly where the bracket is not 0. It can vanish although D^2 F[n, n] does not:
n = -2v for F even about h, where v and -v are never told apart.

Symbolic part. (a) and (b) for vectors of three components and two outputs, entry by entry as in
every size. (c) for every F and d: only the plane of v and n matters, and there the Taylor
polynomial of degree 2; a rest of o(alpha^2) stays one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product

import numpy as np

from proofs.shared.slopes import log_log_slope, sizes_for
from proofs.theorem import (
    Assumption,
    Conclusion,
    Counterexample,
    FalseVariant,
    Identity,
    SymbolicProof,
    Theorem,
)

_UNITS = tuple(Fraction(sign * n, m) for sign in (1, -1) for n, m in ((1, 1), (2, 1), (1, 2)))
_STRENGTHS = (-4, -2, 2, 4)  # strengths over any of the units are integers: no rounding


@dataclass(frozen=True)
class FactoredSteering:
    """F = G o P steered by v, in integers; derivatives at the unsteered state h."""

    factor: np.ndarray  # P (r, d)
    after: Callable[[np.ndarray], np.ndarray]  # G: (r, ...) -> (m, ...)
    jacobian: np.ndarray  # (m, d)
    second: Callable[[np.ndarray, np.ndarray], np.ndarray]  # D^2 F(h)[u, w], (m,)
    state: np.ndarray  # (d,)
    vector: np.ndarray  # (d,)
    direction: np.ndarray  # (d,): n
    strength: int  # alpha_0

    def output(self, moved: np.ndarray) -> np.ndarray:
        """F(h + moved) for columns (d, ...)."""
        shape = (-1, *[1] * (moved.ndim - 1))
        return self.after(np.tensordot(self.factor, self.state.reshape(shape) + moved, (1, 0)))

    def departure(self, strength: Fraction) -> np.ndarray:
        """F(h + alpha (v + n)) - F(h + alpha v), in exact arithmetic."""
        exact = np.array([Fraction(int(x)) for x in self.vector])
        moved = exact + self.direction
        return (self.output(strength * moved) - self.output(strength * exact)).astype(float)

    @property
    def bracket(self) -> np.ndarray:
        """D^2 F[v, n] + D^2 F[n, n]/2, (m,)."""
        v, n = self.vector, self.direction
        return self.second(v, n) + self.second(n, n) / 2


# --- assumptions --------------------------------------------------------------------------------


def _separates_points(i: FactoredSteering) -> bool:
    """G takes no value twice on an integer box around P h."""
    center = i.factor @ i.state
    offsets = np.array(list(product(range(-4, 5), repeat=center.size))).T
    values = i.after(center[:, None] + offsets)
    return len(np.unique(values, axis=1).T) == offsets.shape[1]


def _has_second_derivative(i: FactoredSteering) -> bool:
    """Second differences of F at h tend to D^2 F(h), along v, n and v + n."""
    step = Fraction(1, 10**6)
    for u in (i.vector, i.direction, i.vector + i.direction):
        there, back = i.output(step * u), i.output(-step * u)
        quotient = ((there + back - 2 * i.output(0 * u)) / step**2).astype(float)
        if not np.allclose(quotient, i.second(u, u), rtol=1e-3, atol=1e-3):
            return False
    return True


ASSUMPTIONS = (
    Assumption(
        "injective after a linear factor",
        "F = G o P with P linear and G injective (for the converse in b)",
        _separates_points,
    ),
    Assumption("non-zero strength", "alpha_0 != 0", lambda i: i.strength != 0),
    Assumption(
        "kernel direction",
        "J(h) n = 0 at the unsteered state (for c)",
        lambda i: not (i.jacobian @ i.direction).any(),
    ),
    Assumption(
        "twice differentiable", "F has a second derivative at h (for c)", _has_second_derivative
    ),
)


# --- symbolic -----------------------------------------------------------------------------------


def _identities() -> Iterator[Identity]:
    import sympy as sp

    alpha, beta, c = sp.symbols("alpha beta c", nonzero=True)
    v, w = sp.Matrix(sp.symbols("v1:4")), sp.Matrix(sp.symbols("w1:4"))
    h = sp.Matrix(sp.symbols("h1:4"))
    solved = sp.solve(list(h + beta * w - h - alpha * v), list(w), dict=True)
    line = sp.Matrix([solved[0][entry] for entry in w])
    claim = "h + beta w = h + alpha v only for w on the line of v"
    yield Identity(claim, line.cross(v), sp.zeros(3, 1))
    claim = "and then beta w = alpha v: beta = alpha/c where w = cv"
    yield Identity(claim, sp.solve(line[0] - c * v[0], beta), [alpha / c])

    J, b = sp.Matrix(2, 3, sp.symbols("j:6")), sp.Matrix(sp.symbols("b1:3"))

    def difference(strength: sp.Symbol) -> sp.Matrix:
        return (J * (h + strength * w) + b) - (J * (h + strength * v) + b)

    claim = "F affine: the difference at beta is beta/alpha times that at alpha"
    yield Identity(claim, difference(beta), beta / alpha * difference(alpha))

    y = sp.symbols("y", real=True)
    for strength, equal in ((1, {0, 2}), (2, {0, 1})):
        found = sp.solveset((strength * y - 1) ** 2 - 1, y, sp.S.Reals)
        claim = f"G = (y - 1)^2, Pv = 0: Pv' with the same output at alpha = {strength}"
        yield Identity(claim, found, sp.FiniteSet(*equal))

    # In the plane of v and n: F(h + a v + b n) to second order, with F_b = J n = 0.
    f = sp.symbols("f0 f_a f_b f_aa f_ab f_bb")
    a, b = sp.symbols("a b")
    taylor = f[0] + f[1] * a + f[2] * b + f[3] * a**2 / 2 + f[4] * a * b + f[5] * b**2 / 2
    departure = taylor.subs({a: alpha, b: alpha}) - taylor.subs({a: alpha, b: 0})
    expected = f[2] * alpha + (f[4] + f[5] / 2) * alpha**2
    yield Identity("departure: alpha J n + alpha^2 (D^2[v, n] + D^2[n, n]/2)", departure, expected)
    claim = "n = -2v has D^2[v, n] + D^2[n, n]/2 = 0, every symmetric D^2"
    reflected = {f[4]: -2 * f[3], f[5]: 4 * f[3]}
    yield Identity(claim, (f[4] + f[5] / 2).subs(reflected), sp.Integer(0))


# --- numeric ------------------------------------------------------------------------------------


def sample(rng: np.random.Generator) -> FactoredSteering:
    """Affine readouts, and ones with a unit at its turning point, where J misses a direction.

    G(y, z) = U (y + y^3, z^2, z^3) is injective, yet its derivative vanishes along z at z = 0.
    """
    return (_affine, _turning_point, _turning_point, _reflected)[rng.integers(4)](rng)


def _affine(rng: np.random.Generator) -> FactoredSteering:
    width = int(rng.integers(3, 5))
    factor = _independent(rng, int(rng.integers(1, width)), width)
    readout = _independent(rng, len(factor) + 1, len(factor))
    offset = rng.integers(-5, 6, len(readout))
    return FactoredSteering(
        factor=factor,
        after=lambda y: readout.dot(y) + offset.reshape(-1, *[1] * (y.ndim - 1)),
        jacobian=readout @ factor,
        second=lambda u, w: np.zeros(len(readout)),
        state=rng.integers(-3, 4, width),
        vector=_nonzero(rng, width),
        direction=_integer_kernel(factor)[0],
        strength=int(rng.choice(_STRENGTHS)),
    )


def _turning_point(rng: np.random.Generator) -> FactoredSteering:
    """n in the kernel of all units but the last, which turns at h and sees n."""
    width = int(rng.integers(3, 5))
    factor = _independent(rng, int(rng.integers(2, width)), width)
    state = rng.integers(-2, 3, width)
    readout = _independent(rng, len(factor) + 2, len(factor) + 1)
    monotone, turning, at_rest = factor[:-1], factor[-1], factor[-1] @ state

    def after(reads: np.ndarray) -> np.ndarray:
        y, z = reads[:-1], reads[-1:] - at_rest
        return readout.dot(np.concatenate([y + y**3, z**2, z**3]))

    inner = np.vstack([(1 + 3 * (monotone @ state) ** 2)[:, None] * monotone, 0 * factor[:2]])

    def second(u: np.ndarray, w: np.ndarray) -> np.ndarray:
        bends = 6 * (monotone @ state) * (monotone @ u) * (monotone @ w)
        return readout @ np.concatenate([bends, [2 * (turning @ u) * (turning @ w), 0]])

    kernel = _integer_kernel(monotone)
    seen = [n for n in kernel if turning @ n]  # not empty: the rows of P are independent
    return FactoredSteering(
        factor=factor,
        after=after,
        jacobian=readout @ inner,
        second=second,
        state=state,
        vector=_nonzero(rng, width),
        direction=seen[0],
        strength=int(rng.choice(_STRENGTHS)),
    )


def _reflected(rng: np.random.Generator) -> FactoredSteering:
    """p @ n = -2 p @ v for the turning unit p: the bracket is 0 although D^2 F[n, n] is not."""
    while True:
        found = _turning_point(rng)
        turning = found.factor[-1]
        reach = int(turning @ found.direction)
        vector = found.vector * reach
        if turning @ vector:
            n = found.direction * int(-2 * (turning @ found.vector))
            return replace(found, vector=vector, direction=n)


def _independent(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Integer matrix of full rank."""
    while True:
        matrix = rng.integers(-2, 3, (rows, columns))
        if np.linalg.matrix_rank(matrix) == min(rows, columns):
            return matrix


def _nonzero(rng: np.random.Generator, size: int) -> np.ndarray:
    vector = rng.integers(-1, 2, size)
    vector[0] = vector[0] or 1
    return vector


def _integer_kernel(matrix: np.ndarray) -> list[np.ndarray]:
    import flint

    basis, nullity = flint.fmpz_mat(matrix.tolist()).nullspace()
    columns = np.array([[int(x) for x in row] for row in basis.tolist()]).T[:nullity]
    return [n // np.gcd.reduce(n) for n in columns]


def _box(i: FactoredSteering) -> np.ndarray:
    """(d, k) every integer vector with entries up to 2, and v itself."""
    columns = np.array(list(product(range(-2, 3), repeat=i.vector.size))).T
    return np.column_stack([columns, i.vector])


def _same_outputs(i: FactoredSteering, box: np.ndarray, at: int, unit: Fraction) -> np.ndarray:
    """Which v' of the box have at strength ``at / unit`` the output of v at ``at``."""
    wanted = i.output(at * i.vector[:, None])
    return (i.output(int(at / unit) * box) == wanted).all(axis=0)


def _one_strength_error(i: FactoredSteering) -> float:
    """Vectors on which P, the outputs at alpha_0 and the outputs at all strengths disagree."""
    box, one = _box(i), Fraction(1)
    by_factor = (i.factor @ box == (i.factor @ i.vector)[:, None]).all(axis=0)
    here = _same_outputs(i, box, i.strength, one)
    everywhere = np.all([_same_outputs(i, box, a, one) for a in (*_STRENGTHS, 1, 3)], axis=0)
    return float(max(np.sum(by_factor != everywhere), np.sum(here != everywhere)))


def _gauge_error(i: FactoredSteering, units: tuple[Fraction, ...] = _UNITS) -> float:
    """Vectors v' with (A/c, v') equivalent to (A, v), against Pv' = c Pv; the worst unit c.

    Brute force with every unit; those not in ``units`` are claimed to admit no v'.
    """
    box, target = _box(i), i.factor @ i.vector

    def equal(c: Fraction) -> np.ndarray:
        return np.all([_same_outputs(i, box, a, c) for a in _STRENGTHS], axis=0)

    def claimed(c: Fraction) -> np.ndarray:
        scaled = c.numerator * target[:, None]
        return (c.denominator * (i.factor @ box) == scaled).all(axis=0)

    none = np.zeros(box.shape[1], bool)
    return float(max(np.sum(equal(c) != (claimed(c) if c in units else none)) for c in _UNITS))


def _bracket_error(i: FactoredSteering, claimed: np.ndarray | None = None) -> float:
    """Departure over alpha^2 at alpha = 1e-6, against the bracket, relative to its terms."""
    alpha = Fraction(1, 10**6)
    terms = [i.second(i.vector, i.direction), i.second(i.direction, i.direction) / 2]
    scale = 1 + max(np.abs(term).max() for term in terms)
    found = (i.departure(alpha) / float(alpha) ** 2).astype(float)
    return float(np.abs(found - (i.bracket if claimed is None else claimed)).max() / scale)


def _order_error(i: FactoredSteering, bracket: np.ndarray | None = None) -> float:
    """Slope 2 where the bracket is not 0; 3 or more elsewhere (these F are C^3)."""
    curved = np.any(i.bracket if bracket is None else bracket)
    alphas = [Fraction(float(a)) for a in sizes_for(2 if curved else 3)]
    departures = np.array([np.linalg.norm(i.departure(a)) for a in alphas])
    if not departures.any():
        return 2.0 if curved else 0.0  # no departure at all is of every order but 2
    slope = log_log_slope(np.array(alphas, float), departures)
    return slope.farthest_from(2) if curved else max(0.0, 3 - slope.low)


_COUNTS = {"tolerance": 0.0, "because": "a count of vectors, in integers", "broken_above": 0.5}

CONCLUSIONS = (
    Conclusion(
        "unit of strength",
        "(A/c, v') has the outputs of (A, v) iff Pv' = c Pv, for each unit c",
        _gauge_error,
        **_COUNTS,
    ),
    Conclusion(
        "one strength for all",
        "equal outputs at alpha_0, Pv' = Pv, and equal outputs at all strengths are one thing",
        _one_strength_error,
        **_COUNTS,
    ),
    Conclusion(
        "departure",
        "F(h + a(v + n)) - F(h + av) over a^2 tends to D^2 F[v, n] + D^2 F[n, n]/2",
        _bracket_error,
        tolerance=1e-2,
        because="exact fractions at a = 1e-6: third derivatives up to 1e4 times the terms",
        broken_above=0.1,
    ),
    Conclusion(
        "order of departure",
        "slope 2 where that bracket is not 0, at least 3 elsewhere (whole 95 % interval)",
        _order_error,
        tolerance=0.1,
        because="the next order bends the slope by a times a ratio of derivatives; a <= 1e-4, 5e-3",
        broken_above=0.4,
    ),
)


# --- what breaks without each assumption --------------------------------------------------------


def _fold(rng: np.random.Generator) -> FactoredSteering:
    return FactoredSteering(
        factor=np.array([[1, 0]]),
        after=lambda y: (y - 1) ** 2,
        jacobian=np.array([[-2, 0]]),
        second=lambda u, w: np.array([2.0 * u[0] * w[0]]),
        state=np.zeros(2, int),
        vector=np.array([0, 1]),
        direction=np.array([0, 1]),
        strength=1,
    )


def _no_strength(rng: np.random.Generator) -> FactoredSteering:
    return replace(_affine(rng), strength=0)


def _seen_direction(rng: np.random.Generator) -> FactoredSteering:
    instance = _turning_point(rng)
    return replace(instance, direction=instance.factor[0])


def _cusp(rng: np.random.Generator) -> FactoredSteering:
    return FactoredSteering(
        factor=np.array([[1, 0]]),
        after=lambda y: np.concatenate([np.abs(y).astype(float) ** 1.5, y**3]),
        jacobian=np.zeros((2, 2), int),
        second=lambda u, w: np.zeros(2),
        state=np.zeros(2, int),
        vector=np.array([1, 1]),
        direction=np.array([1, 0]),
        strength=2,
    )


COUNTEREXAMPLES = (
    Counterexample(
        "injective after a linear factor",
        _fold,
        breaks="one strength for all",
        story="G = (y - 1)^2, Pv = 0, Pv' = 2: equal at alpha = 1 (1 and 1), apart at 2 (1 and 9)",
    ),
    Counterexample(
        "non-zero strength",
        _no_strength,
        breaks="one strength for all",
        story="at alpha_0 = 0 all vectors have the outputs of v, and at other strengths few",
    ),
    Counterexample(
        "kernel direction",
        _seen_direction,
        breaks="departure",
        story="n seen by J(h): the departure is of order alpha, and alpha^2 does not bound it",
    ),
    Counterexample(
        "twice differentiable",
        _cusp,
        breaks="departure",
        story="G = (|y|^1.5, y^3): J(h) = 0, and v and v + n depart by alpha^1.5",
    ),
)


# --- false variants -----------------------------------------------------------------------------


def _half_missing(i: FactoredSteering) -> np.ndarray:
    return i.second(i.vector, i.direction) + i.second(i.direction, i.direction)


FALSE_VARIANTS = (
    FalseVariant(
        "the scale of v is identified too (c = 1 only)",
        instead_of="unit of strength",
        discrepancy=lambda i: _gauge_error(i, units=(Fraction(1),)),
    ),
    FalseVariant(
        "the sign of v is identified although strengths of both signs are admitted",
        instead_of="unit of strength",
        discrepancy=lambda i: _gauge_error(i, units=tuple(c for c in _UNITS if c > 0)),
    ),
    FalseVariant(
        "a linear factor is enough: equal at one strength is equal at all, G injective or not",
        instead_of="one strength for all",
        discrepancy=_one_strength_error,
        sample=_fold,
    ),
    FalseVariant(
        "the departure is alpha^2 (D^2 F[v, n] + D^2 F[n, n]), without the half",
        instead_of="departure",
        discrepancy=lambda i: _bracket_error(i, claimed=_half_missing(i)),
        sample=_turning_point,
    ),
    FalseVariant(
        "the departure is of order alpha^2 iff D^2 F[n, n] != 0",
        instead_of="order of departure",
        discrepancy=lambda i: _order_error(i, bracket=i.second(i.direction, i.direction)),
        sample=_reflected,
    ),
)


THEOREM = Theorem(
    id="N4",
    name="strength_gauge",
    title="Strength-direction gauge",
    statement=(
        "For every F and c != 0, (A, v) and (A/c, cv) give the same outputs. If F = G o P with P "
        "linear and G injective (affine F: P = J), then for every alpha_0 != 0 equality of outputs "
        "at alpha_0, Pv' = Pv, and equality at all strengths are equivalent, and with the unit of "
        "strength free v is identified up to Pv' = c Pv. If F is twice differentiable at h and "
        "J(h) n = 0, v + n departs from v by alpha^2 (D^2 F[v, n] + D^2 F[n, n]/2) + o(alpha^2)."
    ),
    latex=(
        r"(A, v) \sim (A/c, cv); \quad F(h + \alpha_0 v') = F(h + \alpha_0 v) \iff Pv' = Pv; \quad "
        r"F(h + \alpha(v + n)) - F(h + \alpha v) = \alpha^2 \bigl( D^2 F[v, n] + \tfrac12 "
        r"D^2 F[n, n] \bigr) + o(\alpha^2)"
    ),
    regime="white box, single layer",
    observable="all outputs, at one strength or several",
    estimand="v up to scale; v at strengths that were not seen",
    assumptions=ASSUMPTIONS,
    symbolic=SymbolicProof(
        "every F and d for the departure; every c and d for the gauge and every affine F, entry by "
        "entry (shown for d = 3, m = 2); that G is needed injective, by one real solution set",
        _identities,
    ),
    sample=sample,
    oracle=(
        "brute force over all integer vectors of a box, outputs in integers; departures in exact "
        "fractions"
    ),
    conclusions=CONCLUSIONS,
    counterexamples=COUNTEREXAMPLES,
    false_variants=FALSE_VARIANTS,
    sources=("arXiv:2602.06801 (strength invariance)", "theory.md N4"),
    scope=(
        "Invariance over strengths holds for an injective readout of a linear factor. For other "
        "continuations, equal behaviour at one strength says nothing of twice that strength."
    ),
    depends_on=("N1", "N2c"),
)

if __name__ == "__main__":
    from proofs.script import main

    main(THEOREM)
