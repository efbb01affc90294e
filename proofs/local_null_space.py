r"""N2 — a kernel of the Jacobian hides a direction to first order, and bends into the class.

Let F: R^d -> R^m be C^2, v a steering vector, alpha != 0, p = h + alpha v, and J(p) the Jacobian
(F may hold several prompts, one above the other). For n in ker J(p), with ||D^2 F|| <= L between
p and p + tn,

.. math::
    \|F(p + tn) - F(p)\| \le \tfrac12 L t^2 \|n\|^2, \qquad
    \lim_{t \to 0} t^{-2} \bigl(F(p + tn) - F(p)\bigr) = \tfrac12 D^2 F(p)[n, n] .

So the deviation is of order t^2 exactly where D^2 F(p)[n, n] != 0 and o(t^2) elsewhere; off the
kernel it is of order t. If J has one rank r near p, the vectors equivalent to v at strength alpha
form, near v, a manifold of dimension d - r with tangent space ker J(p) at v; there v is locally
identifiable iff r = d (Rothenberg 1971). If F = G o P with P linear, n in ker P is invisible at
every t.

Symbolic part. Bound and limit: every C^2 map, through phi(s) = w @ F(p + stn) for unit w. Constant
rank: every d, m and r, as products of block matrices. With J = [[A, B], [C, D]] and A an
invertible r x r block near p (rows and columns ordered so), Psi(x, y) = (F_1(x, y), y) has an
inverse near p by the inverse function theorem; in the coordinates (u, y) = Psi(x, y), rank J = r
forces the derivative of F_2 along y to vanish, so F is a function of u with fibres {u = constant}.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from proofs.shared.fibres import fibre_dimension, fibre_displacements
from proofs.shared.slopes import log_log_slope, sizes_for
from proofs.shared.smooth_maps import SmoothMap
from proofs.shared.smooth_steering import (
    SmoothSteering,
    bottleneck,
    bowl,
    curved,
    inflection,
    linearly_factored,
    numerical_rank,
    steered_to,
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


def _is_curved_at_most_by_its_bound(i: SmoothSteering) -> bool:
    """||J(p + sn) - J(p)|| <= L |s| ||n||, down to tiny s, as ||D^2 F|| <= L gives."""
    base = i.map.jacobian(i.point)
    steps = np.concatenate([s * np.geomspace(1e-6, 3, 40) for s in (-1, 1)])
    turned = [i.map.jacobian(i.point + s * i.direction) - base for s in steps]
    allowed = i.map.curvature_bound * np.abs(steps) * np.linalg.norm(i.direction)
    rounding = 1e-13 * (1 + np.linalg.norm(base, 2))
    return bool((np.linalg.norm(turned, 2, axis=(1, 2)) <= allowed + rounding).all())


def _has_constant_rank(i: SmoothSteering) -> bool:
    """One rank at p and at random points around it; almost all of them have the largest rank."""
    offsets = 1e-2 * np.random.default_rng(0).standard_normal((20, i.point.size))
    ranks = {numerical_rank(i.map.jacobian(i.point + x)) for x in [0 * i.point, *offsets]}
    return len(ranks) == 1


ASSUMPTIONS = (
    Assumption(
        "twice differentiable",
        "F is C^2 with ||D^2 F|| <= L between p and p + tn",
        _is_curved_at_most_by_its_bound,
    ),
    Assumption(
        "kernel direction",
        "n is in ker J(p), p = h + alpha v",
        lambda i: bool(np.linalg.norm(i.map.jacobian(i.point) @ i.direction) <= 1e-13),
    ),
    Assumption(
        "constant rank",
        "J has the same rank at all points near p (for dimension and tangent space)",
        _has_constant_rank,
    ),
)


# --- symbolic -----------------------------------------------------------------------------------


def _identities() -> Iterator[Identity]:
    import sympy as sp

    s, t, x = sp.symbols("s t x", real=True)
    curvature = sp.symbols("L", positive=True)
    phi = sp.Function("phi")
    primitive = (1 - s) * phi(s).diff(s) + phi(s)
    yield Identity(
        "phi(1) - phi(0) - phi'(0) = integral of (1 - s) phi'': a primitive, for every phi",
        primitive.diff(s),
        (1 - s) * phi(s).diff(s, 2),
    )
    ends = primitive.subs(s, 1).doit() - primitive.subs(s, 0).doit()
    slope_at_0 = phi(s).diff(s).subs(s, 0)
    yield Identity("and its values at the ends", ends, phi(1) - phi(0) - slope_at_0)
    half = sp.integrate(1 - s, (s, 0, 1))
    yield Identity(
        "the weight 1 - s integrates to 1/2, for bound and limit", half, sp.Rational(1, 2)
    )
    parabola = curvature * x**2 / 2
    reached = (parabola.subs(x, t) - parabola.subs(x, 0)) / (parabola.diff(x, 2) * t**2)
    yield Identity("L x^2/2 reaches the bound: 1/2 is the least constant", reached, half)

    yield from _constant_rank_identities()
    cube_zeros = sp.solveset(x**3, x, sp.S.Reals)
    claim = "x^3 at 0: J = 0, yet the fibre is a point"
    yield Identity(claim, [(x**3).diff(x).subs(x, 0), cube_zeros], [0, {0}])

    P_left = sp.Matrix(2, 2, sp.symbols("a:4"))
    P = P_left.row_join(P_left * sp.Matrix(2, 2, sp.symbols("x:4")))
    hidden = (-sp.Matrix(2, 2, sp.symbols("x:4")) * sp.Matrix(sp.symbols("z:2"))).col_join(
        sp.Matrix(sp.symbols("z:2"))
    )
    h = sp.Matrix(sp.symbols("h:4"))
    yield Identity("P(h + tn) = Ph for n in ker P, at every t", P * (h + t * hidden), P * h)


def _constant_rank_identities() -> Iterator[Identity]:
    """For J = [[A, B], [C, D]] of every size, A invertible; matrices as lists of their blocks."""
    import sympy as sp

    r, k, q = sp.symbols("r k q", integer=True, positive=True)  # k = d - r, q = m - r
    A, B = sp.MatrixSymbol("A", r, r), sp.MatrixSymbol("B", r, k)
    C, D = sp.MatrixSymbol("C", q, r), sp.MatrixSymbol("D", q, k)
    one, zero = sp.Identity, sp.ZeroMatrix
    schur = D - C * A.I * B

    def product(*factors: list[list[object]]) -> list[object]:
        return list(sp.block_collapse(sp.MatMul(*map(sp.BlockMatrix, factors))).blocks)

    jacobian = [[A, B], [C, D]]
    straighten = [[A.I, -A.I * B], [zero(k, r), one(k)]]  # the derivative of Psi^-1
    yield Identity(
        "D Psi = [[A, B], [0, I]] has an inverse",
        product([[A, B], [zero(k, r), one(k)]], straighten),
        [one(r), zero(r, k), zero(k, r), one(k)],
    )
    straightened = product(jacobian, straighten)
    yield Identity(
        "D(F o Psi^-1) = [[I, 0], [C A^-1, S]] with S = D - C A^-1 B, along y",
        straightened,
        [one(r), zero(r, k), C * A.I, schur],
    )
    yield Identity(
        "a row operation leaves diag(I, S): rank J = r + rank S, so S = 0 where it is r",
        product(
            [[one(r), zero(r, q)], [-C * A.I, one(q)]],
            [straightened[:2], straightened[2:]],
        ),
        [one(r), zero(r, k), zero(q, r), schur],
    )
    yield Identity(
        "the fibre's tangent (-A^-1 B; I) goes to (0; S) = 0 under J: it spans ker J",
        product(jacobian, [[-A.I * B], [one(k)]]),
        [zero(r, k), schur],
    )


# --- numeric ------------------------------------------------------------------------------------


def sample(rng: np.random.Generator) -> SmoothSteering:
    """Networks with a curved class, at an inflection, with a linear factor; and a tight bowl."""
    build = (curved, curved, curved, inflection, linearly_factored, bowl)[rng.integers(6)]
    return build(rng)


def _excess_over_bound(i: SmoothSteering, constant: float = 0.5) -> float:
    """By how much ||F(p + tn) - F(p)|| exceeds constant L t^2 ||n||^2, relative to that."""
    if not i.direction.any():
        return 0.0  # ker J = {0}: the bound speaks of no direction
    sizes = np.geomspace(1e-3, 3, 30)
    bound = constant * i.map.curvature_bound * sizes**2 * (i.direction @ i.direction)
    return max(0.0, float(np.max(i.deviation(sizes, i.direction) / bound)) - 1)


def _limit_error(i: SmoothSteering, constant: float = 0.5) -> float:
    """(F(p + tn) - F(p))/t^2 against a multiple of the closed form of D^2 F[n, n], over L."""
    size = sizes_for(2)[0]
    change = i.map.value(i.point + size * i.direction) - i.map.value(i.point)
    predicted = constant * i.map.second(i.point, i.direction)
    return float(np.linalg.norm(change / size**2 - predicted)) / i.map.curvature_bound


def _order_error(i: SmoothSteering, claimed: float = 2.0) -> float:
    """Slope on the kernel: ``claimed`` where D^2 F[n, n] != 0, elsewhere 3 or more (F is C^3)."""
    bend = float(np.linalg.norm(i.map.second(i.point, i.direction)))
    if bend > 1e-9 * i.map.curvature_bound:
        sizes = sizes_for(2)
        return log_log_slope(sizes, i.deviation(sizes, i.direction)).farthest_from(claimed)
    sizes = sizes_for(3)
    deviation = i.deviation(sizes, i.direction)
    if deviation.max() <= 1e-14:
        return 0.0  # no deviation at all: of every order
    return max(0.0, 3 - log_log_slope(sizes, deviation).low)


def _order_off_kernel_error(i: SmoothSteering) -> float:
    """Slope along the gradient of a random combination of the outputs, which is never in ker J."""
    jacobian = i.map.jacobian(i.point)
    gradient = np.random.default_rng(0).standard_normal(len(jacobian)) @ jacobian
    sizes = sizes_for(1)
    deviation = i.deviation(sizes, gradient / np.linalg.norm(gradient))
    return log_log_slope(sizes, deviation).farthest_from(1)


def _dimension_error(i: SmoothSteering, claimed: int) -> float:
    """Against the dimension of the set of vectors with the same outputs, found by solving."""
    return abs(claimed - fibre_dimension(i.observe, i.vector, np.random.default_rng(0)))


def _departure_from_kernel(i: SmoothSteering) -> float:
    """Part outside ker J of equivalent vectors at distance 1e-5 from v, over that distance."""
    radius = 1e-5
    members = fibre_displacements(i.observe, i.vector, radius, np.random.default_rng(0))
    kernel = i.seen.basis
    return float(np.linalg.norm(members - members @ kernel @ kernel.T, 2)) / radius


def _far_deviation(i: SmoothSteering) -> float:
    """Largest change of the outputs along n at t = 1, 10, 100."""
    return float(i.deviation(np.array([1.0, 10.0, 100.0]), i.direction).max())


CONCLUSIONS = (
    Conclusion(
        "quadratic bound",
        "||F(p + tn) - F(p)|| <= L t^2 ||n||^2 / 2 for n in ker J(p), up to t = 3",
        _excess_over_bound,
        tolerance=1e-8,
        because="bowls reach the bound; rounding of outputs of size 1 over deviations of 1e-7",
        broken_above=0.5,
    ),
    Conclusion(
        "limit",
        "(F(p + tn) - F(p))/t^2 tends to D^2 F(p)[n, n]/2",
        _limit_error,
        tolerance=1e-3,
        because="t = 1e-5: third derivatives of order 10 and rounding (1e-16/1e-10) stay below",
    ),
    Conclusion(
        "order on the kernel",
        "slope 2 where D^2 F(p)[n, n] != 0, at least 3 elsewhere (whole 95 % interval)",
        _order_error,
        tolerance=0.1,
        because="the next order bends the slope by t times a ratio of derivatives; t <= 1e-4, 5e-3",
        broken_above=0.5,
    ),
    Conclusion(
        "order off the kernel",
        "slope 1 along a direction that J(p) sees (whole 95 % interval)",
        _order_off_kernel_error,
        tolerance=0.1,
        because="as above, t <= 1e-9",
        broken_above=0.5,
    ),
    Conclusion(
        "dimension",
        "the vectors equivalent to v form near v a set of dimension d - r",
        lambda i: _dimension_error(i, i.seen.dimension),
        tolerance=0.0,
        because="integers",
        broken_above=0.5,
    ),
    Conclusion(
        "tangent space",
        "that set is tangent to v + ker J(p)",
        _departure_from_kernel,
        tolerance=1e-3,
        because="curvature at most 2 over a smallest singular value of 0.15, times radius 1e-5",
    ),
    Conclusion(
        "linear factor",
        "where F = G o P, n in ker P is invisible up to t = 100",
        lambda i: 0.0 if i.map.linear_factor is None else _far_deviation(i),
        tolerance=1e-12,
        because="P n = 0 to 1e-16, times 100, times width",
    ),
)


# --- what breaks without each assumption --------------------------------------------------------


def _not_twice_differentiable(rng: np.random.Generator) -> SmoothSteering:
    ridge = SmoothMap(
        value=lambda h: (h[0] + np.abs(h[1]) ** 1.5)[None],
        jacobian=lambda h: np.array([[1.0, 1.5 * np.sign(h[1]) * np.sqrt(abs(h[1]))]]),
        second=lambda h, n: np.zeros(1),
        curvature_bound=1.0,
    )
    return SmoothSteering(ridge, np.zeros(2), np.array([1.0, 0.0]), 1.0, np.array([0.0, 1.0]))


def _not_in_kernel(rng: np.random.Generator) -> SmoothSteering:
    network = bottleneck(rng, 4, 2)
    hidden = steered_to(network, np.zeros(4), rng)
    seen = np.linalg.svd(network.jacobian(hidden.point))[2][0]
    return SmoothSteering(network, hidden.state, hidden.vector, hidden.strength, seen)


def _disc(rng: np.random.Generator) -> SmoothSteering:
    disc = SmoothMap(
        value=lambda h: (h[0] ** 2 + h[1] ** 2)[None],
        jacobian=lambda h: 2 * h[None],
        second=lambda h, n: np.array([2 * n @ n]),
        curvature_bound=2.0,
    )
    vector = np.array([1.0, 2.0])
    return SmoothSteering(disc, -vector, vector, 1.0, direction=np.array([1.0, 0.0]))


COUNTEREXAMPLES = (
    Counterexample(
        "twice differentiable",
        _not_twice_differentiable,
        breaks="quadratic bound",
        story="F(h) = h1 + |h2|^1.5: e2 is in ker J(0), and the deviation is t^1.5",
    ),
    Counterexample(
        "kernel direction",
        _not_in_kernel,
        breaks="quadratic bound",
        story="a direction that J sees changes the outputs by t, which no multiple of t^2 bounds",
    ),
    Counterexample(
        "constant rank",
        _disc,
        breaks="dimension",
        story="F(h) = h1^2 + h2^2 steered to 0: ker J is the plane, the class the single point v",
    ),
)


# --- false variants -----------------------------------------------------------------------------

FALSE_VARIANTS = (
    FalseVariant(
        "a kernel direction of J at one point is invisible at every amplitude",
        instead_of="linear factor",
        discrepancy=_far_deviation,
        sample=inflection,
    ),
    FalseVariant(
        "the deviation on the kernel is of first order",
        instead_of="order on the kernel",
        discrepancy=lambda i: _order_error(i, claimed=1),
        sample=bowl,
    ),
    FalseVariant(
        "the bound holds with L t^2 / 4",
        instead_of="quadratic bound",
        discrepancy=lambda i: _excess_over_bound(i, constant=0.25),
        sample=bowl,
    ),
    FalseVariant(
        "the limit is D^2 F(p)[n, n], without the half",
        instead_of="limit",
        discrepancy=lambda i: _limit_error(i, constant=1.0),
        sample=bowl,
    ),
    FalseVariant(
        "each output removes a dimension: the class has dimension d - m",
        instead_of="dimension",
        discrepancy=lambda i: _dimension_error(i, max(0, i.point.size - len(i.map.value(i.point)))),
    ),
)


THEOREM = Theorem(
    id="N2",
    name="local_null_space",
    title="Local null space",
    statement=(
        "For every C^2 continuation F with ||D^2 F|| <= L between p = h + alpha v and p + tn, and "
        "every n in ker J(p), the outputs move by at most L t^2 ||n||^2 / 2, and by "
        "t^2 D^2 F(p)[n, n] / 2 + o(t^2). If J has rank r at all points near p, the vectors "
        "equivalent to v at strength alpha != 0 form near v a manifold of dimension d - r tangent "
        "to v + ker J(p): v is locally identifiable iff r = d. If F = G o P with P linear, v + "
        "ker P is in the class, for all strengths and amplitudes."
    ),
    latex=(
        r"\|F(p + tn) - F(p)\| \le \tfrac12 L t^2 \|n\|^2, \quad \lim_{t \to 0} "
        r"\frac{F(p + tn) - F(p)}{t^2} = \tfrac12 D^2 F(p)[n, n], \quad "
        r"\operatorname{rank} J = r \text{ near } p \implies \dim [v] = d - r,\ "
        r"T_v [v] = \ker J(p)"
    ),
    regime="white box, single layer",
    observable="all outputs, at one strength",
    estimand="v near itself",
    assumptions=ASSUMPTIONS,
    symbolic=SymbolicProof(
        "every C^2 map for bound and limit; every d, m and r for the constant-rank theorem, given "
        "the inverse function theorem; J = [A | AX] with two rows for a linear factor P (other "
        "sizes alike)",
        _identities,
    ),
    sample=sample,
    oracle=(
        "outputs at finite amplitude: slopes with 95 % intervals, and the set of vectors with the "
        "same outputs as found by Gauss-Newton from values alone (complex steps)"
    ),
    conclusions=CONCLUSIONS,
    counterexamples=COUNTEREXAMPLES,
    false_variants=FALSE_VARIANTS,
    sources=(
        "Rothenberg, Identification in parametric models, Econometrica 39 (1971), "
        "doi:10.2307/1913267",
        "Lee, Introduction to Smooth Manifolds, 2nd ed. (2013), Theorem 4.12 (constant rank)",
        "theory.md N2",
    ),
    scope=(
        "A kernel of J at one point says that effects along it start at second order, no more: "
        "whether a whole set of vectors is equivalent to v needs constant rank, and whether it is "
        "the flat v + ker J needs a linear factor (N2c)."
    ),
    depends_on=("N1",),
)

if __name__ == "__main__":
    from proofs.script import main

    main(THEOREM)
