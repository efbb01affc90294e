r"""N2b — each further strength is a further look at v, up to what the Taylor series at h holds.

Let F_x be smooth continuations, seen at states h_x and strengths alpha in A. The map v -> outputs
has the Jacobian S_A(v), which stacks alpha J_x(h_x + alpha v) over x and alpha. Where rank S_A is
locally constant, the vectors with the outputs of v form near v a manifold of dimension
d - rank S_A(v). If the F_x are analytic, the rows of S_A lie in the span of the Taylor covectors
D^k F_x(h_x)[v^{k-1}, .], k = 1, 2, ...; with D the dimension of that span and N prompts of one
output each, almost every set A of distinct non-zero strengths has

.. math::
    \min(|A|, D) \le \operatorname{rank} S_A(v) \le \min(N |A|, D), \qquad
    D = \dim \operatorname{span} \{ D^k F_x(h_x)[v^{k-1}, \cdot\,] : x, k \ge 1 \},

so |A| >= D strengths see all that any number would. D <= 1 for an affine F, at most rank P for
F = G o P, at most q for a polynomial of degree q (one prompt), at most 2 for F = f(||h||^2), and d
for almost every tanh readout with d units. For a polynomial of degree q the outputs at q distinct
non-zero strengths determine those at all strengths; for analytic F those at any A that accumulates
at a finite strength do, and then [v] = {v' : D^k F_x(h_x)[v'^k] = D^k F_x(h_x)[v^k], all k, x}.

Symbolic part. For scalar polynomials of degree 2 and 3 the stack is a Vandermonde matrix times the
Taylor covectors (gradients checked in two variables: a component of the gradient along u needs
the plane of v and u only). Bounds for P and ||h||^2: minors of size 3. The tanh ranks 1, 2, 8 are
those of one readout over Q(e^(1/4)); minors are analytic in weights, state and vector, so they hold
for almost all. By argument, with no identity to check: the lower bound |A| for analytic F (a curve
that spans D dimensions leaves each proper subspace at almost every point, so a new strength adds a
row), and the claim on accumulating strengths (both are the identity theorem in alpha).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

import identifiability
from proofs.shared.exact_activations import Activation, power, tanh
from proofs.shared.fibres import complex_step_jacobian, fibre_dimension, fibre_displacements
from proofs.shared.smooth_steering import numerical_rank
from proofs.shared.steered_readouts import SteeredReadout, stack_rank, taylor_rank
from proofs.theorem import (
    Assumption,
    Conclusion,
    Counterexample,
    FalseVariant,
    Identity,
    SymbolicProof,
    Theorem,
)

# Further strengths shrink the smallest singular value quickly; with more of them the curvature of
# the fibre could pass for a dimension at the radius where it is sampled.
_SOLVED = 3


def _prefixes(readout: SteeredReadout) -> list[SteeredReadout]:
    """The same readout seen at its first 1, 2, ..., |A| strengths."""
    return [readout.at(readout.strengths[:k]) for k in range(1, len(readout.strengths) + 1)]


# --- assumptions --------------------------------------------------------------------------------


def _equals_its_taylor_series(readout: SteeredReadout) -> bool:
    """phi at distance 1 and 2 from each unsteered read, against forty terms of its series.

    tanh(z/8) converges within 4 pi = 12.6: the rest is below 1e-30.
    """
    phi, reads = readout.activation, readout.unsteered.ravel().astype(float)
    series = np.array([phi.series(z, 40) for z in reads])  # (reads, 41)
    return all(
        np.allclose(series @ s ** np.arange(41.0), phi.value(reads + s), rtol=1e-9, atol=1e-9)
        for s in (-2.0, -1.0, 1.0, 2.0)
    )


def _has_locally_constant_rank(readout: SteeredReadout) -> bool:
    """One rank at v and at random vectors around it, for the strengths where fibres are solved."""
    offsets = 1e-2 * np.random.default_rng(0).standard_normal((10, readout.vector.size))
    return all(
        len({numerical_rank(seen.stack(readout.vector + x)) for x in [0, *offsets]}) == 1
        for seen in _prefixes(readout)[:_SOLVED]
    )


ASSUMPTIONS = (
    Assumption(
        "rank locally constant",
        "rank S_A is the same at all vectors near v (for the dimension)",
        _has_locally_constant_rank,
    ),
    Assumption(
        "distinct non-zero strengths",
        "no strength is 0 and none occurs twice",
        lambda i: 0 not in i.strengths and len(set(i.strengths)) == len(i.strengths),
    ),
    Assumption(
        "analytic",
        "each F_x equals its Taylor series around h_x (for the Taylor covectors)",
        _equals_its_taylor_series,
    ),
)


# --- symbolic -----------------------------------------------------------------------------------


def _identities() -> Iterator[Identity]:
    import sympy as sp

    for degree in (2, 3):
        a = sp.symbols(f"a1:{degree + 1}")
        vandermonde = sp.Matrix(degree, degree, lambda i, k, a=a: a[i] ** (k + 1))
        expected = sp.prod(a) * sp.prod(a[j] - a[i] for j in range(degree) for i in range(j))
        claim = f"{degree} strengths, degree {degree}: det (alpha_i^k), non-zero if they differ"
        yield Identity(claim, vandermonde.det(), expected)

        x, y, v, w, alpha = sp.symbols("x y v w alpha")
        monomials = [x**i * y**j for i in range(degree + 1) for j in range(degree + 1 - i)]
        F = sp.Matrix(monomials).dot(sp.Matrix(sp.symbols(f"f:{len(monomials)}")))
        steered = {x: x + alpha * v, y: y + alpha * w}
        row = sp.Matrix([F.diff(x), F.diff(y)]).subs(steered, simultaneous=True) * alpha
        covector, total = sp.Matrix([F.diff(x), F.diff(y)]), sp.zeros(2, 1)
        for k in range(1, degree + 1):
            total += alpha**k * covector / sp.factorial(k - 1)
            covector = v * covector.diff(x) + w * covector.diff(y)
        claim = f"alpha grad F(h + alpha v) = sum of alpha^k c_k, every F of degree {degree}"
        yield Identity(claim, row.expand(), total.expand())

    yield from _bounds_on_the_span()

    readout = _tanh_readout(8, np.random.default_rng(0))
    ranks = [stack_rank(readout.at(readout.strengths[:k])) for k in (1, 2, 8)]
    claim = "tanh readout, d = 8, one prompt: rank 1, 2, 8 at 1, 2, 8 strengths (full: no bound)"
    yield Identity(claim, ranks, [1, 2, 8])


def _bounds_on_the_span() -> Iterator[Identity]:
    import sympy as sp

    a, g = sp.symbols("a1:4"), sp.symbols("g1:4")
    h, v = sp.Matrix(sp.symbols("h1:4")), sp.Matrix(sp.symbols("v1:4"))
    # grad f(||h||^2) = 2 f'(.) h, and f' is any number g_i at the i-th strength.
    radial = sp.Matrix([[2 * a[i] * g[i] * x for x in h + a[i] * v] for i in range(3)])
    claim = "F = f(||h||^2), every f: three strengths have rank below 3"
    yield Identity(claim, radial.det(), sp.Integer(0))
    P = sp.Matrix(2, 3, sp.symbols("p:6"))
    gradients = sp.Matrix(3, 2, sp.symbols("g:6"))  # of G at P(h + alpha_i v): any numbers
    factored = sp.diag(*a) * gradients * P
    claim = "F = G o P with rank P = 2, every G: three strengths have rank below 3"
    yield Identity(claim, factored.det(), sp.Integer(0))
    x, y, alpha = sp.symbols("x y alpha")
    even = [x**i * y**j for i in range(5) for j in range(5 - i) if (i + j) % 2 == 0]
    F = sp.Matrix(even).dot(sp.Matrix(sp.symbols(f"f:{len(even)}")))
    row = alpha * sp.Matrix([F.diff(x), F.diff(y)])
    there = row.subs({x: alpha * v[0], y: alpha * v[1]}, simultaneous=True)
    claim = "F even about h, degree 4: alpha and -alpha give one and the same row (an exception)"
    yield Identity(claim, there.subs(alpha, -alpha), there)


# --- numeric ------------------------------------------------------------------------------------


def sample(rng: np.random.Generator) -> SteeredReadout:
    """tanh readouts, with and without a linear factor, and polynomials of degree 1, 2 and 3."""
    return (_wide, _narrow, _polynomial)[rng.integers(3)](rng)


def _tanh_readout(width: int, rng: np.random.Generator, prompts: int = 1) -> SteeredReadout:
    return _readout(rng, rng.integers(-2, 3, (width, width)), tanh(), prompts)


def _wide(rng: np.random.Generator) -> SteeredReadout:
    width, prompts = int(rng.integers(3, 7)), int(rng.integers(1, 3))
    return _regular(lambda: _tanh_readout(width, rng, prompts))


def _narrow(rng: np.random.Generator) -> SteeredReadout:
    """The units read r < d combinations of the state."""
    width, prompts = int(rng.integers(3, 7)), int(rng.integers(1, 3))
    rank = int(rng.integers(1, width))

    def draw() -> SteeredReadout:
        units = rng.integers(-1, 2, (width, rank)) @ rng.integers(-1, 2, (rank, width))
        return _readout(rng, units, tanh(), prompts)

    return _regular(draw)


def _polynomial(rng: np.random.Generator, degrees: tuple[int, ...] = (1, 2, 3)) -> SteeredReadout:
    """Wide enough for a class of dimension 1 or 2 to stay at all strengths together."""
    degree, prompts = int(rng.choice(degrees)), int(rng.integers(1, 3))
    width = prompts * degree + int(rng.integers(1, 3))
    shape, phi = (width, width), power(degree)
    return _regular(lambda: _readout(rng, rng.integers(-2, 3, shape), phi, prompts))


def _readout(
    rng: np.random.Generator, units: np.ndarray, phi: Activation, prompts: int
) -> SteeredReadout:
    """As many strengths as could close the class, and two more."""
    count, width = units.shape
    pool = np.array([-5, -4, -3, -2, -1, 1, 2, 3, 4, 5])
    return SteeredReadout(
        units=units,
        biases=rng.integers(-4, 5, count),
        outputs=rng.choice([-3, -2, -1, 1, 2, 3], count),
        activation=phi,
        states=rng.integers(-2, 3, (prompts, width)),
        vector=rng.integers(-2, 3, width),
        strengths=tuple(int(a) for a in rng.permutation(pool)[: width + 2]),
    )


def _regular(draw: Callable[[], SteeredReadout]) -> SteeredReadout:
    """Small integers often hit a point where the rank changes (v = 0, say): draw again."""
    while not _has_locally_constant_rank(readout := draw()):
        pass
    return readout


def _derivative_error(i: SteeredReadout) -> float:
    """The stack against the derivative of the outputs by v, from values alone; relative."""
    vector = i.vector.astype(float)
    found = complex_step_jacobian(i.observe, vector)
    scale = np.abs(found).max() or 1.0  # units of weight 0 leave a constant F
    return float(np.abs(i.stack(vector) - found).max() / scale)


def _dimension_error(
    i: SteeredReadout, rows: Callable[[SteeredReadout], np.ndarray] | None = None
) -> float:
    """Nullity of ``rows`` (the stack) against the set of vectors with equal outputs, by solving."""
    worst = 0
    for seen in _prefixes(i)[:_SOLVED]:
        jacobian = seen.stack(i.vector) if rows is None else rows(seen)
        claimed = identifiability.EquivalenceClass(jacobian, i.vector).dimension
        vector = i.vector.astype(float)
        found = fibre_dimension(seen.observe, vector, np.random.default_rng(0))
        worst = max(worst, abs(claimed - found))
    return worst


def _mean_over_strengths(seen: SteeredReadout) -> np.ndarray:
    """(N, d)"""
    blocks = seen.stack(seen.vector).reshape(len(seen.strengths), -1, seen.vector.size)
    return blocks.mean(axis=0)


def _rank_error(i: SteeredReadout) -> float:
    """Distance of the exact rank from [min(|A|, D), min(N |A|, D)], at 1, 2, ... strengths."""
    span, worst = taylor_rank(i), 0
    for seen in _prefixes(i):
        strengths, rank = len(seen.strengths), stack_rank(seen)
        low, high = min(strengths, span), min(strengths * len(i.states), span)
        worst = max(worst, low - rank, rank - high)
    return worst


def _rank_error_against(i: SteeredReadout, claimed: int) -> float:
    """A single claimed rank for all strengths together, against the exact one."""
    return abs(claimed - stack_rank(i))


def _computed_rank_error(i: SteeredReadout) -> float:
    """Rank in floating point against the exact one, at two strengths and at all of them."""
    return max(
        abs(identifiability.Spectrum.of(seen.stack(i.vector)).rank() - stack_rank(seen))
        for seen in (i.at(i.strengths[:2]), i)
    )


def _further_strength_error(i: SteeredReadout, fewer: int = 0) -> float:
    """Vectors with the outputs of v at q - ``fewer`` strengths, compared at the other strengths.

    They are found by solving, 0.1 away from v; differences relative to the outputs.
    """
    if i.activation.degree is None:
        return 0.0  # no polynomial: nothing is claimed
    enough = i.activation.degree - fewer
    seen, unseen = i.at(i.strengths[:enough]), i.at(i.strengths[enough:])
    vector = i.vector.astype(float)
    members = fibre_displacements(seen.observe, vector, 0.1, np.random.default_rng(0))
    wanted = unseen.observe(vector[:, None])
    change = unseen.observe((vector + members).T) - wanted
    return float(np.abs(change).max() / (1 + np.abs(wanted).max())) if members.size else 1.0


_INTEGERS = {"tolerance": 0.0, "because": "integers", "broken_above": 0.5}

CONCLUSIONS = (
    Conclusion(
        "derivative",
        "S_A stacks alpha J(h_x + alpha v): the derivative of all outputs by v",
        _derivative_error,
        tolerance=1e-11,
        because="rounding of sums of ten terms, beside the largest entry",
    ),
    Conclusion(
        "dimension",
        "the vectors with the outputs of v form near v a set of dimension d - rank S_A (|A| <= 3)",
        _dimension_error,
        **_INTEGERS,
    ),
    Conclusion(
        "rank by strengths",
        "min(|A|, D) <= rank S_A <= min(N |A|, D), at 1, 2, ..., d + 2 strengths",
        _rank_error,
        **_INTEGERS,
    ),
    Conclusion(
        "computed rank",
        "the float64 spectrum of S_A finds that rank",
        _computed_rank_error,
        **_INTEGERS,
    ),
    Conclusion(
        "polynomials",
        "equal outputs at q strengths are equal outputs at all, for polynomials of degree q",
        _further_strength_error,
        tolerance=1e-9,
        because="equal to 1e-13, times less than 1e4 for extrapolation from 3 strengths to 5",
        broken_above=1e-6,
    ),
)


# --- what breaks without each assumption --------------------------------------------------------


def _singular_point(rng: np.random.Generator) -> SteeredReadout:
    zero, one = np.zeros(2, int), np.ones(2, int)
    return SteeredReadout(np.eye(2, dtype=int), zero, one, power(2), zero[None], zero, (1, 2))


def _one_strength_twice(rng: np.random.Generator) -> SteeredReadout:
    return _regular(lambda: _tanh_readout(4, rng)).at((1, 1))


def _flat(z: np.ndarray) -> np.ndarray:
    return np.where(z == 0, 0, np.exp(-1 / np.where(z == 0, 1, z) ** 2))


def _flat_start(rng: np.random.Generator) -> SteeredReadout:
    """phi(z) = exp(-1/z^2), read at z = 0; at z = 1 and 2 its slope is rational in e^(-1/4)."""
    flat = Activation(
        value=_flat,
        slope=lambda z: np.where(z == 0, 0, 2 / np.where(z == 0, 1, z) ** 3 * _flat(z)),
        slope_mod=lambda z, x, prime: 2 * pow(z, -3, prime) * pow(x, 4 // z**2, prime) % prime,
        series=lambda z, order: [0.0] * (order + 1),
        series_mod=lambda z, order, x, prime: [0] * (order + 1),
    )
    one, zero = np.ones(1, int), np.zeros(1, int)
    return SteeredReadout(np.eye(1, dtype=int), zero, one, flat, zero[None], one, (1, 2))


COUNTEREXAMPLES = (
    Counterexample(
        "rank locally constant",
        _singular_point,
        breaks="dimension",
        story="F(h) = h1^2 + h2^2 at h = v = 0: S_A = 0 for every A, yet the class is {0}",
    ),
    Counterexample(
        "distinct non-zero strengths",
        _one_strength_twice,
        breaks="rank by strengths",
        story="strength 1 asked twice: two strengths by count, rank 1",
    ),
    Counterexample(
        "analytic",
        _flat_start,
        breaks="rank by strengths",
        story="F(h) = exp(-1/h^2) at h = 0: every Taylor covector is 0, and each strength sees v",
    ),
)


# --- false variants -----------------------------------------------------------------------------

FALSE_VARIANTS = (
    FalseVariant(
        "further strengths add nothing to the first (as for affine F)",
        instead_of="rank by strengths",
        discrepancy=lambda i: _rank_error_against(i, stack_rank(i.at(i.strengths[:1]))),
        sample=_wide,
    ),
    FalseVariant(
        "for F not affine each strength adds a row until rank d (no matter what D is)",
        instead_of="rank by strengths",
        discrepancy=lambda i: _rank_error_against(i, min(len(i.strengths), i.vector.size)),
        sample=lambda rng: _polynomial(rng, degrees=(2,)),
    ),
    FalseVariant(
        "the unsteered outputs (alpha = 0) are one more look at v",
        instead_of="rank by strengths",
        discrepancy=lambda i: _rank_error(i.at((0, *i.strengths[:1]))),
        sample=_wide,
    ),
    FalseVariant(
        "the class has the nullity of the mean Jacobian over strengths",
        instead_of="dimension",
        discrepancy=lambda i: _dimension_error(i, _mean_over_strengths),
        sample=_wide,
    ),
    FalseVariant(
        "q - 1 strengths determine all others for a polynomial of degree q",
        instead_of="polynomials",
        discrepancy=lambda i: _further_strength_error(i, fewer=1),
        sample=lambda rng: _polynomial(rng, degrees=(2, 3)),
    ),
)


THEOREM = Theorem(
    id="N2b",
    name="strengths_are_environments",
    title="Strengths are environments",
    statement=(
        "For smooth continuations F_x seen at strengths A, where the rank of the stack S_A of "
        "alpha J_x(h_x + alpha v) is locally constant, the class of v is near v a manifold of "
        "dimension d - rank S_A. For analytic F_x, with D the dimension of the span of the Taylor "
        "covectors D^k F_x(h_x)[v^(k-1), .], almost every A of distinct non-zero strengths has "
        "min(|A|, D) <= rank S_A <= min(N |A|, D) for N prompts of one output each. Polynomials of "
        "degree q: q distinct non-zero strengths determine the outputs at all strengths."
    ),
    latex=(
        r"\dim [v] = d - \operatorname{rank} \bigl[ \alpha J_x(h_x + \alpha v) \bigr]_{x, \alpha}, "
        r"\quad \min(|A|, D) \le \operatorname{rank} S_A \le \min(N |A|, D), \quad "
        r"D = \dim \operatorname{span} \{ D^k F_x(h_x)[v^{k-1}, \cdot\,] \}_{x, k \ge 1}"
    ),
    regime="white box, single layer",
    observable="all outputs, at several strengths",
    estimand="v near itself",
    assumptions=ASSUMPTIONS,
    symbolic=SymbolicProof(
        "all polynomials of degree 2 and 3 (gradient and Vandermonde); all G o P with P 2 x 3 and "
        "all f(||h||^2) in d = 3, larger d by the same minors; tanh with d = 8: almost all weights",
        _identities,
    ),
    sample=sample,
    oracle=(
        "the set of vectors with equal outputs, solved for at finite amplitude; ranks over a prime "
        "field at a random value of e^(1/4)"
    ),
    conclusions=CONCLUSIONS,
    counterexamples=COUNTEREXAMPLES,
    false_variants=FALSE_VARIANTS,
    sources=(
        "Lindemann 1882, doi:10.1007/BF01446522 (e^(1/4) is transcendental)",
        "Mityagin 2015, arXiv:1512.07276 (zeros of an analytic function)",
        "theory.md N2b",
    ),
    scope=(
        "Not affine is not enough for strengths to help: a polynomial stops at rank q a prompt, a "
        "function of the norm at 2, a shared linear factor at rank P. What they can add is D, and "
        "the Taylor series at the unsteered state decides it."
    ),
    depends_on=("N2",),
)

if __name__ == "__main__":
    from proofs.script import main

    main(THEOREM)
