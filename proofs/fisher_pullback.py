r"""N7 — the Fisher metric of the output, pulled back to the state, measures what can be told apart.

Let F_x be C^3 near h = h_x + alpha v for N prompts, p_x = softmax F_x, J_x = F_x'(h) and

.. math::
    G_x = J_x^\top (\mathrm{diag}\,p_x - p_x p_x^\top) J_x, \qquad G = \frac1N \sum_x G_x .

1. In nats, with a = J_x delta, b = F_x''[delta, delta] and moments under p_x,

   .. math:: \mathrm{KL}(p_h \,\|\, p_{h+\delta}) = \tfrac12 \delta^\top G_x \delta
       + \tfrac16 \kappa_3(a) + \tfrac12 \mathrm{Cov}(a, b) + o(\|\delta\|^3).

2. ker G = {delta : J_x delta in span(1) for every x}; the common kernel of the J_x may be smaller.
3. n_eps(R) = #{i : lambda_i R^2/2 <= eps} is the largest dimension of a subspace on which
   delta^T G delta/2 <= eps wherever ||delta|| = R (Courant--Fischer).
4. From n independent draws, evenly over the prompts, at mean divergence KL (either way round), the
   errors of a test between two states sum to at least exp(-n KL)/2 and the larger is at least
   exp(-n KL)/4. So a sum <= eta needs n KL >= log(1/(2 eta)), and both <= eta needs n KL >=
   log(1/(4 eta)) (Bretagnolle--Huber). Neither is enough, and neither is the best constant: with
   Vajda's bound of 1970, 2/e stands for the 1/2 of the sum.
5. From n such draws, the mean of an estimator can have the gradient w in v iff w is in range G. Its
   variance is then at least w^T G^+ w/(n alpha^2), which some function of the draws attains at this
   v. So w^T v has no unbiased estimator around v unless w is in range G, not even where it is
   identified: F(h) = (h^3, 0) at 0. (With finitely many tokens every estimator has a smooth mean
   and a finite variance; otherwise these are conditions, Stoica & Marzetta 2001. Where w^T v is not
   identified, two vectors with one law differ in it, and no estimator is unbiased or consistent.)
6. A continuous output with Gaussian noise of fixed covariance S has G = J^T S^-1 J and an error of
   the same order; in nats under that reading only.

The symbolic part covers every number of outputs in 1, where moments are symbols. The sums of
squares in 2, 4 and 5 are Lagrange's identity, shown for 3 or 4 outputs; 3 is shown for a subspace
of dimension 3 in R^4, and holds in general since (n + 1) + (d - n) > d.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

import identifiability
from proofs.shared.fisher_oracles import (
    count_error,
    decision_error,
    directions,
    kernel_error,
    order_error,
    range_error,
    subspace_error,
    third_order_error,
    variance_error,
)
from proofs.shared.sampled_readouts import Readout, SampledReadouts, independent, random_readouts
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


def _is_smooth(instance: SampledReadouts) -> bool:
    """Second difference quotients settle as the step shrinks; at a kink they grow."""

    def quotient(axis: np.ndarray, step: float) -> np.ndarray:
        around = instance.outputs(step * axis) + instance.outputs(-step * axis)
        return (around - 2 * instance.outputs(instance.origin)) / step**2

    # Polynomials of order 1 settle to 1e-9 (rounding at this step); |h|^{3/2} grows by a factor 2.
    pairs = ((quotient(axis, 0.004), quotient(axis, 0.001)) for axis in np.eye(instance.width))
    return all(np.allclose(wide, near, rtol=0.1, atol=0.1) for wide, near in pairs)


def _draws_independent(instance: SampledReadouts) -> bool:
    probe = np.full(instance.width, 0.3)
    product = independent(instance.probabilities(probe), probe)
    return np.allclose(instance.law(probe), product, rtol=1e-12)


def _noise_fixed(instance: SampledReadouts) -> bool:
    probe = np.full(instance.width, 0.3)
    return np.array_equal(instance.covariance(probe), instance.covariance(instance.origin))


ASSUMPTIONS = (
    Assumption("smooth continuation", "every F_x is C^3 near the steered state", _is_smooth),
    Assumption("independent draws", "tokens are drawn independently", _draws_independent),
    Assumption(
        "fixed noise", "for continuous outputs, S does not depend on the state", _noise_fixed
    ),
)


# --- symbolic -----------------------------------------------------------------------------------


def _identities() -> Iterator[Identity]:
    import sympy as sp

    yield from _expansion()
    a = sp.symbols("a:4")
    p = (*sp.symbols("p:3"), 1 - sum(sp.symbols("p:3")))
    variance = sum(q * x**2 for q, x in zip(p, a, strict=True)) - _mean(p, a) ** 2
    pairs = [(i, j) for i in range(4) for j in range(i)]
    apart = sum(p[i] * p[j] * (a[i] - a[j]) ** 2 for i, j in pairs)
    claim = "a^T(diag p - pp^T)a = sum over pairs of p_i p_j (a_i - a_j)^2: 0 iff a in span(1)"
    yield Identity(claim, variance, apart)

    S, level, gap = sp.Matrix(4, 3, sp.symbols("s:12")), *sp.symbols("level gap", positive=True)
    lower = S[2:, :]
    member = S * lower[0, :].cross(lower[1, :]).T
    claim = "a 3-dimensional subspace of R^4 meets span(e1, e2)"
    yield Identity(claim, member[2:, :], sp.zeros(2, 1))
    excess = (sp.diag(level + gap, level, 0, 0) - level * sp.eye(4)) * member
    claim = "where diag(level + gap, level, ., .) is at least level"
    yield Identity(claim, member.dot(excess), gap * member[0] ** 2)

    low, high = sp.symbols("l:3", positive=True), sp.symbols("h:3", positive=True)
    affinity = sum(sp.sqrt(x * y) for x, y in zip(low, high, strict=True))
    crossed = sum(
        (sp.sqrt(low[i] * high[j]) - sp.sqrt(low[j] * high[i])) ** 2
        for i in range(3)
        for j in range(i)
    )
    claim = "sum min(p,q) sum max(p,q) >= (sum sqrt(pq))^2, >= exp(-KL) by Jensen"
    yield Identity(claim, sum(low) * sum(high) - affinity**2, crossed)
    x, eta = sp.symbols("x eta", positive=True)
    (both,) = sp.solve(sp.exp(-x) / 4 - eta, x)
    yield Identity("both errors <= eta needs n KL >= log(1/(4 eta))", both, sp.log(1 / (4 * eta)))

    yield from _estimation()
    mean, moved = sp.Matrix(sp.symbols("m:2")), sp.Matrix(sp.symbols("n:2"))
    (p0, p1, p2), z = sp.symbols("P:3"), sp.Matrix(sp.symbols("z:2"))
    P, change, y = sp.Matrix([[p0, p1], [p1, p2]]), moved - mean, mean + z
    ratio = ((y - moved).dot(P * (y - moved)) - (y - mean).dot(P * (y - mean))) / 2
    claim = "Gaussian: the log ratio is change^T P change/2 and a term linear in the noise z"
    yield Identity(claim, ratio, change.dot(P * change) / 2 - z.dot(P * change))


def _expansion() -> Iterator[Identity]:
    """log E e^u - E u for u = a t + b t^2/2 + c t^3/6, in moments of a, b, c: any m, any p."""
    import sympy as sp

    t, a, b, c = sp.symbols("t a b c")
    u = a * t + b * t**2 / 2 + c * t**3 / 6
    powers = sp.Poly(sp.expand(sum(u**k / sp.factorial(k) for k in range(1, 4))), t, a, b, c)
    moment = {k: sp.Symbol("E_a{}b{}c{}".format(*k)) for k in [m[1:] for m in powers.monoms()]}
    shifted = sum(q * t ** m[0] * moment[m[1:]] for m, q in powers.terms() if m[0] <= 3)
    mean = sum(q * t ** m[0] * moment[m[1:]] for m, q in sp.Poly(u, t, a, b, c).terms())
    logarithm = shifted - shifted**2 / 2 + shifted**3 / 3
    divergence = sp.expand(logarithm - mean)
    A, B, AA = moment[1, 0, 0], moment[0, 1, 0], moment[2, 0, 0]
    skewness = moment[3, 0, 0] - 3 * AA * A + 2 * A**3
    covariance = moment[1, 1, 0] - A * B
    yield Identity("KL has no term of order 1", divergence.coeff(t, 1), sp.Integer(0))
    yield Identity("order 2: Var(a)/2", divergence.coeff(t, 2), (AA - A**2) / 2)
    third = skewness / 6 + covariance / 2
    yield Identity("order 3: kappa_3(a)/6 + Cov(a, b)/2", divergence.coeff(t, 3), third)


def _estimation() -> Iterator[Identity]:
    """Cauchy--Schwarz for an estimator T and the score along u, and the readout h^3."""
    import sympy as sp

    T, s, f, a = (sp.Matrix(sp.symbols(f"{name}:3")) for name in "Tsfa")
    p = (*sp.symbols("p:2"), 1 - sum(sp.symbols("p:2")))
    centred = _mean(p, T.multiply_elementwise(s)) - _mean(p, T) * _mean(p, s)
    variances = [_mean(p, v.multiply_elementwise(v)) - _mean(p, v) ** 2 for v in (T, s)]
    determinant = sp.Matrix.hstack(sp.ones(3, 1), T, s).det()
    claim = "Var(T) Var(s) - Cov(T, s)^2 = p0 p1 p2 det[1 T s]^2 >= 0"
    yield Identity(claim, variances[0] * variances[1] - centred**2, sp.prod(p) * determinant**2)
    t, h = sp.symbols("t h", real=True)
    weights = [sp.exp(x + t * y) for x, y in zip(f, a, strict=True)]
    law = [w / sum(weights) for w in weights]
    slope = sp.diff(sum(x * q for x, q in zip(T, law, strict=True)), t)
    covariance = _mean(law, T.multiply_elementwise(a)) - _mean(law, T) * _mean(law, a)
    claim = "softmax: the mean of T moves along u by Cov(T, Ju), so by 0 where u^T G u = 0"
    yield Identity(claim, slope, covariance)
    q = 1 / (1 + sp.exp(-(h**3)))
    yield Identity("F = (h^3, 0): the odds exp(h^3) determine h", q / (1 - q), sp.exp(h**3))
    claim = "but the law's derivative at 0 vanishes, and with it that of every estimator's mean"
    yield Identity(claim, sp.diff(q, h).subs(h, 0), sp.Integer(0))


def _mean(p: Iterable[Any], values: Iterable[Any]) -> Any:
    return sum(weight * value for weight, value in zip(p, values, strict=True))


# --- numeric ------------------------------------------------------------------------------------


def _softmax_order_error(i: SampledReadouts, metric: np.ndarray, order: float = 3) -> float:
    return order_error(i.divergence, metric, directions(i), order)


def _uncentred(i: SampledReadouts) -> np.ndarray:
    """J^T diag(p) J, averaged over prompts."""
    p = i.probabilities(i.origin)
    return np.einsum("xmi,xm,xmj->ij", i.jacobians, p, i.jacobians) / i.prompts


CONCLUSIONS = (
    Conclusion(
        "order of the error",
        "|KL - delta^T G delta/2| shrinks like ||delta||^3",
        lambda i: _softmax_order_error(i, i.metric),
        tolerance=0.1,
        because="exponent between lengths 2^-8 and 2^-9, where order 4 is still some per cent",
        broken_above=0.3,
    ),
    Conclusion(
        "third order",
        "KL - delta^T G delta/2 = kappa_3(J delta)/6 + Cov(J delta, F''[delta, delta])/2 + o(3)",
        third_order_error,
        tolerance=1e-4,
        because="extrapolated from lengths 2^-5 and 2^-6: error of order 2^-20 times order 7",
    ),
    Conclusion(
        "kernel",
        "ker G = {delta : J_x delta in span(1) for every x}",
        lambda i: kernel_error(i, i.spectrum.null_space),
        tolerance=1e-6,
        because="the null vectors turn by rounding over the least eigenvalue, 1e-15/1e-6 at most",
        broken_above=0.5,
    ),
    Conclusion(
        "count of small directions",
        "n_eps(R) = #{i : lambda_i R^2/2 <= eps}",
        count_error,
        tolerance=0.0,
        because="integers",
        broken_above=0.5,
    ),
    Conclusion(
        "no larger subspace",
        "one subspace of dimension n_eps(R) stays within eps at radius R, none of n_eps(R) + 1",
        subspace_error,
        tolerance=1e-9,
        because="rounding of 5 x 5 eigenvalues, relative to eps >= 1/4 of some eigenvalue's",
        broken_above=0.01,
    ),
    Conclusion(
        "errors of tests",
        "errors sum to at least exp(-n KL)/2, and the larger is at least exp(-n KL)/4",
        decision_error,
        tolerance=1e-12,
        because="rounding of sums over up to 4^5 outcomes",
        broken_above=0.01,
    ),
    Conclusion(
        "reachable functionals",
        "an estimator's mean can have gradient w iff w is in range G",
        range_error,
        tolerance=1e-6,
        because="as for the kernel",
    ),
    Conclusion(
        "least variance",
        "the least variance with gradient w in range G is w^T G^+ w/(n alpha^2)",
        variance_error,
        tolerance=1e-6,
        because="rounding times the condition of G, up to 1e8",
        broken_above=0.01,
    ),
    Conclusion(
        "Gaussian output",
        "with G = J^T S^-1 J, |KL - delta^T G delta/2| shrinks like ||delta||^3",
        lambda i: order_error(i.gaussian_divergence, i.gaussian_metric, directions(i)),
        tolerance=0.1,
        because="as for softmax",
        broken_above=0.3,
    ),
)


# --- what breaks without each assumption --------------------------------------------------------


def _coin(slope: float, kink: float) -> Readout:
    """F(h) = (slope h + kink |h|^{3/2}, 0) at h = 0."""
    flat = np.zeros((2, 1))
    jacobian = np.array([[slope], [0.0]])
    return Readout(np.zeros(2), jacobian, np.zeros((2, 1, 1)), flat, np.array([kink, 0.0]))


def _kinked(rng: np.random.Generator) -> SampledReadouts:
    return SampledReadouts((_coin(slope=1, kink=1),), noise=lambda delta: np.eye(2))


def _drawn_together(rng: np.random.Generator) -> SampledReadouts:
    def joint(probabilities: np.ndarray, delta: np.ndarray) -> np.ndarray:
        same = 1 / (1 + np.exp(-delta[0]))
        return np.array([same, 1 - same, 1 - same, same]) / 2

    coin = _coin(slope=0, kink=0)
    return SampledReadouts((coin, coin), joint=joint, noise=lambda delta: np.eye(2))


def _noise_estimated_anew(rng: np.random.Generator) -> SampledReadouts:
    instance = random_readouts(rng)
    return replace(instance, noise=lambda delta: np.cov(instance.outputs(delta).T))


COUNTEREXAMPLES = (
    Counterexample(
        "smooth continuation",
        _kinked,
        breaks="order of the error",
        story="F = (h + |h|^{3/2}, 0) at 0 has no second derivative: the exponent is 2.5, not 3",
    ),
    Counterexample(
        "independent draws",
        _drawn_together,
        breaks="reachable functionals",
        story="two fair coins whatever the state, but equal more often for larger h: G = 0, and "
        "their agreement estimates h",
    ),
    Counterexample(
        "fixed noise",
        _noise_estimated_anew,
        breaks="Gaussian output",
        story="S re-estimated at each state: its own change is of order 2 in the divergence",
    ),
)


# --- false variants -----------------------------------------------------------------------------

FALSE_VARIANTS = (
    FalseVariant(
        "KL = delta^T G delta + O(3), without the half",
        instead_of="order of the error",
        discrepancy=lambda i: _softmax_order_error(i, 2 * i.metric),
    ),
    FalseVariant(
        "the error shrinks like ||delta||^4",
        instead_of="order of the error",
        discrepancy=lambda i: _softmax_order_error(i, i.metric, order=4),
    ),
    FalseVariant(
        "G = J^T diag(p) J, without centring",
        instead_of="order of the error",
        discrepancy=lambda i: _softmax_order_error(i, _uncentred(i)),
    ),
    FalseVariant(
        "the curvature of F enters at order 4 only",
        instead_of="third order",
        discrepancy=lambda i: third_order_error(i, curvature=0),
    ),
    FalseVariant(
        "ker G is the common kernel of the J_x",
        instead_of="kernel",
        discrepancy=lambda i: kernel_error(
            i, identifiability.Spectrum.of(np.concatenate(i.jacobians)).null_space
        ),
    ),
    FalseVariant(
        "n_eps(R) = #{i : lambda_i R^2 <= eps}",
        instead_of="count of small directions",
        discrepancy=lambda i: count_error(i, factor=0.5),
        sample=lambda rng: random_readouts(rng).with_epsilon_at(0, 1.5),
    ),
    FalseVariant(
        "a subspace of dimension n_eps(R) + 1 stays within eps",
        instead_of="no larger subspace",
        discrepancy=lambda i: subspace_error(i, extra=1),
    ),
    FalseVariant(
        "a sum of errors eta needs n KL >= log(1/eta)",
        instead_of="errors of tests",
        discrepancy=lambda i: decision_error(i, of_sum=1.0),
    ),
    FalseVariant(
        "the least variance is w^T G^+ w/(n |alpha|)",
        instead_of="least variance",
        discrepancy=lambda i: variance_error(i, power=1),
    ),
)


THEOREM = Theorem(
    id="N7",
    name="fisher_pullback",
    title="Fisher pull-back and epsilon-identifiability",
    statement=(
        "For C^3 continuations near the steered states, G the mean over prompts of "
        "J_x^T (diag p - p p^T) J_x: KL = delta^T G delta/2 + O(||delta||^3) nats; ker G holds the "
        "delta with J_x delta in span(1) for all x; n_eps(R) = #{i : lambda_i R^2/2 <= eps} is the "
        "largest dimension of a subspace within eps at radius R; a sum of test errors <= eta needs "
        "n KL >= log(1/(2 eta)), both <= eta needs log(1/(4 eta)); the mean of an estimator from n "
        "draws has gradient w in v only if w is in range G, and its variance is then at least "
        "w^T G^+ w/(n alpha^2)."
    ),
    latex=(
        r"\mathrm{KL}(p_h \,\|\, p_{h+\delta}) = \tfrac12 \delta^\top G \delta + O(\|\delta\|^3), "
        r"\quad n_\varepsilon(R) = \#\{i : \tfrac12 \lambda_i R^2 \le \varepsilon\}, \quad "
        r"\mathrm{Var}(T) \ge \frac{w^\top G^+ w}{n \alpha^2}"
    ),
    regime="white box, single layer",
    observable="sampled tokens (softmax), or a continuous output with Gaussian noise",
    estimand="v to tolerance eps (nats), and its functionals w @ v from n draws",
    assumptions=ASSUMPTIONS,
    symbolic=SymbolicProof(
        "every number of outputs for the expansion (orders 1 to 3) and the softmax score; the sums "
        "over pairs for 3 or 4 outputs, the subspaces for n = 2, d = 4 (in general: (n + 1) + "
        "(d - n) > d); Jensen's step in Bretagnolle--Huber is cited",
        _identities,
    ),
    sample=random_readouts,
    oracle="divergences at finite amplitude, rank over Q, signs of minors, all outcomes enumerated",
    conclusions=CONCLUSIONS,
    counterexamples=COUNTEREXAMPLES,
    false_variants=FALSE_VARIANTS,
    sources=(
        "Amari & Nagaoka 2000, ISBN 978-0821843024",
        "Bretagnolle & Huber 1979, doi:10.1007/BF00535278",
        "Stoica & Marzetta 2001, IEEE Trans. Signal Process. 49(1), 87-90",
        "theory.md N7",
    ),
    scope=(
        "G is taken at the steered state h + alpha v; its quadratic form speaks for small delta "
        "only, and n_eps(R) counts directions of that form, not of the divergence at radius R."
    ),
    instances=20,
)

if __name__ == "__main__":
    from proofs.script import main

    main(THEOREM)
