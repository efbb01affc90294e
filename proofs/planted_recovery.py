r"""R6 — least squares recovers the seen part of a planted vector, with known bias and noise.

F: R^d -> R^M stacks C^3 outputs over N prompts, J its Jacobian at the states, with singular values
sigma_i and vectors u_i, w_i (u_i^T J = sigma_i w_i^T), v = a + b with a in row(J), b in ker J, and
xi noise of covariance tau^2 I. From y = F(h + alpha v) + xi, with F(h) known, the estimate
J^+ (y - F(h))/alpha lies in row(J), and for alpha -> 0

.. math::
    w_i^T(\hat v - a) = \frac{\alpha}{2 \sigma_i}\, u_i^T D^2F[v, v] + O(\alpha^2)
        + \frac{u_i^T \xi}{\alpha \sigma_i},

so its bias is O(alpha/sigma_i), its noise has standard deviation tau/(alpha sigma_i), and nothing
of b is in it, though b bends the bias. From both signs, with noise on each,
J^+ (y_+ - y_-)/(2 alpha) has bias O(alpha^2/sigma_i) and noise tau/(sqrt(2) alpha sigma_i). From n
tokens sampled at each prompt, weighted by the Fisher metric G = sum of J_x^T (diag p - p p^T) J_x,
the noise is 1/(alpha sqrt(n lambda_i)) along its eigenvectors. Gauss--Newton, which takes the
Jacobian anew at each estimate, fits the outputs where J has full rank, and so removes the bias
where rank J = d.

Symbolic part. Bias and noise: every d, M and F, since along a singular vector the estimate is a
divided difference of one function g(t) = u_i^T F(h + tv), with g'(0) = sigma_i w_i^T v. That
Gauss--Newton converges quadratically is shown for one variable (any number: Björck 1996, ch. 9).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from proofs.shared.slopes import log_log_slope, sizes_for
from proofs.shared.smooth_maps import SmoothMap, tanh_network
from proofs.theorem import (
    Assumption,
    Conclusion,
    Counterexample,
    FalseVariant,
    Identity,
    SymbolicProof,
    Theorem,
)


@dataclass(frozen=True, eq=False)
class PlantedVector:
    """A continuation at N prompts, a planted vector, and what is taken for Jacobian and noise."""

    map: SmoothMap
    states: np.ndarray  # (N, d)
    vector: np.ndarray  # v (d,)
    jacobian: np.ndarray  # J (M, d), M = N m
    noise: np.ndarray  # (M, M), times white noise gives xi

    def outputs(self, displacement: np.ndarray) -> np.ndarray:
        """F(h + displacement), (M,), over all prompts."""
        return np.concatenate([self.map.value(h + displacement) for h in self.states])

    def jacobian_at(self, displacement: np.ndarray) -> np.ndarray:
        return np.vstack([self.map.jacobian(h + displacement) for h in self.states])

    @cached_property
    def curvature(self) -> np.ndarray:
        """D^2 F[v, v] (M,), in closed form."""
        return np.concatenate([self.map.second(h, self.vector) for h in self.states])

    @cached_property
    def decomposition(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """u (M, r), sigma (r,), w (d, r) without the kernel."""
        left, singular, right = np.linalg.svd(self.jacobian, full_matrices=False)
        seen = singular > 1e-9 * singular[0]
        return left[:, seen], singular[seen], right[seen].T

    @property
    def seen_part(self) -> np.ndarray:
        """a, by projection on the row space."""
        w = self.decomposition[2]
        return w @ (w.T @ self.vector)


# --- assumptions --------------------------------------------------------------------------------


def _without_kinks(i: PlantedVector) -> bool:
    """(F(h + tv) + F(h - tv) - 2F(h))/t is small for small t; at a kink along v it is not."""
    t = 1e-6
    bend = i.outputs(t * i.vector) + i.outputs(-t * i.vector) - 2 * i.outputs(0 * i.vector)
    return bool(np.linalg.norm(bend) / t < 1e-3 * np.linalg.norm(i.vector))


def _is_jacobian(i: PlantedVector) -> bool:
    """Central differences along the axes; error of order step^2."""
    step = 1e-5
    pairs = [(i.outputs(step * e), i.outputs(-step * e)) for e in np.eye(i.vector.size)]
    found = np.column_stack([plus - minus for plus, minus in pairs]) / (2 * step)
    return bool(np.abs(found - i.jacobian).max() < 1e-6 * np.abs(i.jacobian).max())


def _is_white(i: PlantedVector) -> bool:
    covariance = i.noise @ i.noise.T
    white = np.eye(len(covariance)) * covariance[0, 0]
    return bool(np.allclose(covariance, white, rtol=0, atol=1e-9 * covariance[0, 0]))


ASSUMPTIONS = (
    Assumption("smooth outputs", "F is C^3 at the states", _without_kinks),
    Assumption("Jacobian at the states", "J is the derivative of F there", _is_jacobian),
    Assumption("white noise", "xi has covariance tau^2 I", _is_white),
)


# --- symbolic -----------------------------------------------------------------------------------


def _identities() -> Iterator[Identity]:
    import sympy as sp

    t, x = sp.symbols("alpha x")
    sigma, tau = sp.symbols("sigma1:3", positive=True), sp.Symbol("tau", positive=True)
    g = sp.symbols("g0:6")

    def along(argument: sp.Expr) -> sp.Expr:  # Taylor polynomial of u_i^T F(h + tv)
        return sum(c * argument**k / sp.factorial(k) for k, c in enumerate(g))

    one_sided = sp.Poly((along(t) - along(0)) / t, t)
    claim = "one sign: g'(0) + alpha g''(0)/2 to first order"
    found = one_sided.coeff_monomial(1) + t * one_sided.coeff_monomial(t)
    yield Identity(claim, found, g[1] + t * g[2] / 2)
    both = sp.expand((along(t) - along(-t)) / (2 * t))
    claim = "both signs: g'(0) + alpha^2 g'''(0)/6, and no odd power of alpha"
    yield Identity(claim, both, g[1] + t**2 * g[3] / 6 + t**4 * g[5] / 120)
    newton = x - (along(x) - along(0)) / along(x).diff(x)
    claim = "Gauss-Newton: an error e leaves g''/(2 g') e^2"
    yield Identity(claim, newton.series(x, 0, 3).removeO(), g[2] / (2 * g[1]) * x**2)

    # In the coordinates of its singular vectors any J is diagonal, with columns of zeros beyond.
    r, z = sp.Matrix(sp.symbols("r0 r1")), sp.symbols("z0:3")
    misfit = (r[0] - sigma[0] * z[0]) ** 2 + (r[1] - sigma[1] * z[1]) ** 2
    least = sp.solve([misfit.diff(c) for c in z], z, dict=True)
    claim = "least squares fixes u_i^T r/sigma_i along each w_i and leaves the kernel part free"
    yield Identity(claim, least, [{z[i]: r[i] / sigma[i] for i in (0, 1)}])
    shortest = sp.solve((z[0] ** 2 + z[1] ** 2 + z[2] ** 2).subs(least[0]).diff(z[2]), z[2])
    yield Identity("of least norm: no kernel part", shortest, [0])
    rows = sp.Matrix([[1 / sigma[0], 0], [0, 1 / sigma[1]]])
    variances = sp.diag(*[(tau / (t * s)) ** 2 for s in sigma])
    claim = "so its noise has variance (tau/(alpha sigma_i))^2, independent along the w_i"
    yield Identity(claim, rows * (tau / t) ** 2 * rows.T, variances)
    difference = [sp.Rational(1, 2), -sp.Rational(1, 2)]
    claim = "both signs, noise on each: half that variance"
    yield Identity(claim, sum((w * tau) ** 2 for w in difference), tau**2 / 2)

    p0, p1 = sp.symbols("p0 p1", positive=True)
    p = sp.Matrix([p0, p1, 1 - p0 - p1])
    logits = sp.Matrix(3, 2, sp.symbols("j:6"))
    scores = [logits[k, :] - p.T * logits for k in range(3)]
    fisher = sum((p[k] * s.T * s for k, s in enumerate(scores)), sp.zeros(2, 2))
    spread = sp.diag(*p) - p * p.T
    claim = "softmax of 3 outcomes: G = J^T (diag p - p p^T) J is the variance of the score"
    yield Identity(claim, fisher, logits.T * spread * logits)
    drawn = [sp.eye(3)[:, k] - p for k in range(3)]
    counts = sum((p[k] * e * e.T for k, e in enumerate(drawn)), sp.zeros(3, 3))
    claim = "the frequencies of n tokens have covariance (diag p - p p^T)/n, so J^T of them G/n"
    yield Identity(claim, logits.T * counts * logits, fisher)


# --- numeric ------------------------------------------------------------------------------------


def sample(rng: np.random.Generator) -> PlantedVector:
    """A tanh network at one to four prompts; outputs of different scale spread the sigma_i."""
    return _planted(rng, int(rng.integers(3, 6)), int(rng.integers(2, 5)), int(rng.integers(1, 5)))


def _planted(rng: np.random.Generator, width: int, outputs: int, prompts: int) -> PlantedVector:
    while True:
        first = rng.standard_normal((2 * width, width)) / np.sqrt(width)
        last = rng.standard_normal((outputs, 2 * width)) * rng.uniform(0.3, 1, (outputs, 1))
        network = tanh_network([first, last], [rng.standard_normal(2 * width)])
        states, v = rng.standard_normal((prompts, width)), rng.standard_normal(width)
        jacobian = np.vstack([network.jacobian(h) for h in states])
        rows = len(jacobian)
        white = 0.3 * np.linalg.qr(rng.standard_normal((rows, rows)))[0]
        planted = PlantedVector(network, states, v / np.linalg.norm(v), jacobian, white)
        singular = planted.decomposition[1]
        # Remainders grow with 1/sigma: a bound on it keeps the tolerances below those of theory.
        if len(singular) == min(jacobian.shape) and singular[-1] > 0.05 * singular[0]:
            return planted


def _hidden_part(rng: np.random.Generator) -> PlantedVector:
    """Fewer rows than d, so that v has a part that is not seen."""
    return _planted(rng, 5, 3, 1)


def _least_squares(jacobian: np.ndarray, response: np.ndarray) -> np.ndarray:
    """The code under test."""
    from identifiability.recovery import LeastSquaresRecovery

    return LeastSquaresRecovery().fit(jacobian, response).vector_


def one_sided(i: PlantedVector, alpha: float) -> np.ndarray:
    response = i.outputs(alpha * i.vector) - i.outputs(0 * i.vector)
    return _least_squares(alpha * i.jacobian, response)


def two_sided(i: PlantedVector, alpha: float) -> np.ndarray:
    response = (i.outputs(alpha * i.vector) - i.outputs(-alpha * i.vector)) / 2
    return _least_squares(alpha * i.jacobian, response)


def _bias_error(i: PlantedVector, claimed: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> float:
    """Bias/alpha along each w_i, measured at a small strength, against claimed(u^T D^2F, sigma)."""
    left, singular, right = i.decomposition
    measured = right.T @ (one_sided(i, _SMALL) - i.seen_part) / _SMALL
    expected = claimed(left.T @ i.curvature, singular)
    return float(np.linalg.norm(measured - expected) / np.linalg.norm(measured))


def _order_error(
    i: PlantedVector, estimate: Callable[[PlantedVector, float], np.ndarray], order: float
) -> float:
    """Distance of the bias's slope against alpha, with its interval, from ``order``."""
    strengths = sizes_for(order + 1, count=6)  # the outputs' own deviation has one power more
    biases = [np.linalg.norm(estimate(i, alpha) - i.seen_part) for alpha in strengths]
    return log_log_slope(strengths, np.array(biases)).farthest_from(order)


def _limit_error(i: PlantedVector, claimed: np.ndarray) -> float:
    """Estimates of v and of v + n, n in ker J, extrapolated to alpha = 0, against ``claimed``."""
    right = i.decomposition[2]
    n = np.random.default_rng(0).standard_normal(i.vector.size)
    n -= right @ (right.T @ n)
    worst = 0.0
    for planted in (i, replace(i, vector=i.vector + n)):
        limit = 2 * one_sided(planted, _SMALL / 2) - one_sided(planted, _SMALL)
        worst = max(worst, float(np.linalg.norm(limit - claimed)))
    return worst


def _noise_score(
    i: PlantedVector, claimed: Callable[[np.ndarray], np.ndarray], signs: int
) -> float:
    """Largest |z| of the variances of simulated estimates along each w_i."""
    rng = np.random.default_rng(0)
    _, singular, right = i.decomposition
    draws = (len(i.noise), _DRAWS)
    noise = sum(i.noise @ rng.standard_normal(draws) for _ in range(signs)) / signs
    clean = i.outputs(_SMALL * i.vector) - i.outputs(0 * i.vector)
    found = np.linalg.lstsq(_SMALL * i.jacobian, clean[:, None] + noise, rcond=1e-9)[0]
    tau = np.sqrt(np.trace(i.noise @ i.noise.T) / len(i.noise))
    return _variance_score(right.T @ found, tau / _SMALL * claimed(singular))


def _fisher_score(i: PlantedVector, claimed: Callable[[np.ndarray], np.ndarray]) -> float:
    """The same for frequencies of sampled tokens, weighted by the Fisher metric."""
    # So many tokens that counts are Gaussian, and the variance of their variance is 2/draws.
    rng, tokens = np.random.default_rng(0), 10**6
    metric, weighted = 0.0, 0.0
    for h in i.states:
        J = i.map.jacobian(h)
        before, after = _softmax(i.map.value(h)), _softmax(i.map.value(h + _SMALL * i.vector))
        metric = metric + J.T @ (np.diag(before) - np.outer(before, before)) @ J
        counts = rng.multinomial(tokens, after, size=_DRAWS)
        weighted = weighted + J.T @ (counts / tokens - before).T
    values, vectors = np.linalg.eigh(metric)
    seen = values > 1e-9 * values[-1]
    found = vectors[:, seen].T @ weighted / values[seen, None] / _SMALL
    return _variance_score(found, claimed(values[seen]) / (_SMALL * np.sqrt(tokens)))


def _softmax(logits: np.ndarray) -> np.ndarray:
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


def _variance_score(estimates: np.ndarray, deviations: np.ndarray) -> float:
    """(r, draws) against (r,); a sample variance of n draws errs by sqrt(2/n) of itself."""
    ratios = estimates.var(axis=1) / deviations**2
    return float(np.abs(ratios - 1).max() * np.sqrt(estimates.shape[1] / 2))


def _newton_error(i: PlantedVector, steps: int) -> float:
    """||v' - v|| where rank J = d, else the misfit of the outputs, each relative."""
    alpha, found = 0.1, np.zeros(i.vector.size)
    wanted = i.outputs(alpha * i.vector)
    for _ in range(steps):
        missing = wanted - i.outputs(alpha * found)
        found = found + _least_squares(alpha * i.jacobian_at(alpha * found), missing)
    if len(i.decomposition[1]) == i.vector.size:
        return float(np.linalg.norm(found - i.vector) / np.linalg.norm(i.vector))
    response = wanted - i.outputs(0 * i.vector)
    return float(np.linalg.norm(wanted - i.outputs(alpha * found)) / np.linalg.norm(response))


# Rounding of outputs, 1e-16, over the curvature's alpha^2 stays below the next term's alpha.
_SMALL = 1e-4
_DRAWS = 4000

CONCLUSIONS = (
    Conclusion(
        "bias",
        "the bias along w_i is alpha u_i^T D^2F[v, v]/(2 sigma_i) to first order",
        lambda i: _bias_error(i, lambda bend, sigma: bend / (2 * sigma)),
        tolerance=0.02,
        because="the next term, alpha = 1e-4 times ratios of derivatives up to some hundred",
        broken_above=0.1,
    ),
    Conclusion(
        "order, one sign",
        "the bias is of order alpha",
        lambda i: _order_error(i, one_sided, 1),
        tolerance=0.1,
        because="next orders over a decade of small strengths; half the distance to 1.5 is 0.25",
        broken_above=0.5,
    ),
    Conclusion(
        "order, both signs",
        "from odd differences the bias is of order alpha^2",
        lambda i: _order_error(i, two_sided, 2),
        tolerance=0.1,
        because="as for one sign",
        broken_above=0.5,
    ),
    Conclusion(
        "limit",
        "for alpha -> 0 the estimate is a, whatever b is",
        lambda i: _limit_error(i, i.seen_part),
        tolerance=1e-4,
        because="alpha^2 = 1e-8 times third derivatives over sigma_i, and rounding over alpha",
    ),
    Conclusion(
        "noise",
        "the noise along w_i has standard deviation tau/(alpha sigma_i)",
        lambda i: _noise_score(i, lambda sigma: 1 / sigma, signs=1),
        tolerance=5.0,
        because="z-score of a variance over 4000 draws; false alarm below 6e-7 each",
        broken_above=10.0,
    ),
    Conclusion(
        "noise, both signs",
        "from odd differences it is tau/(sqrt(2) alpha sigma_i)",
        lambda i: _noise_score(i, lambda sigma: 1 / (np.sqrt(2) * sigma), signs=2),
        tolerance=5.0,
        because="z-score, as for one sign",
        broken_above=10.0,
    ),
    Conclusion(
        "noise, Fisher weighted",
        "from n sampled tokens a prompt it is 1/(alpha sqrt(n lambda_i)) along eigenvectors of G",
        lambda i: _fisher_score(i, lambda values: 1 / np.sqrt(values)),
        tolerance=5.0,
        because="z-score; sampled at p(h + alpha v), which differs from p(h) by 1e-4",
        broken_above=10.0,
    ),
    Conclusion(
        "Gauss-Newton",
        "with J taken anew and of full rank the outputs are fitted; v is found where rank J = d",
        lambda i: _newton_error(i, steps=7),
        tolerance=1e-9,
        because="rounding, over alpha = 0.1 and singular values that spread by 20",
    ),
)


# --- what breaks without each assumption --------------------------------------------------------


def _kink(rng: np.random.Generator) -> PlantedVector:
    corner = SmoothMap(
        value=lambda h: h + 0.5 * np.abs(h) * np.array([1.0, 0.0]),
        jacobian=lambda h: np.eye(2),
        second=lambda h, n: np.zeros(2),
        curvature_bound=0.0,
    )
    return PlantedVector(corner, np.zeros((1, 2)), np.ones(2), np.eye(2), 0.3 * np.eye(2))


def _jacobian_of_another_prompt(rng: np.random.Generator) -> PlantedVector:
    i = _hidden_part(rng)
    return replace(i, jacobian=i.map.jacobian(-i.states[0]))


def _correlated_noise(rng: np.random.Generator) -> PlantedVector:
    i = _hidden_part(rng)
    first = i.decomposition[0][:, :1]
    return replace(i, noise=0.01 * np.eye(3) + 0.3 * first @ first.T)


COUNTEREXAMPLES = (
    Counterexample(
        "smooth outputs",
        _kink,
        breaks="limit",
        story="F = (h1 + |h1|/2, h2) at its kink: J = I by central differences, and the estimate "
        "of (1, 1) is (1.5, 1) at every strength",
    ),
    Counterexample(
        "Jacobian at the states",
        _jacobian_of_another_prompt,
        breaks="limit",
        story="J taken at another state: least squares converges, to another vector",
    ),
    Counterexample(
        "white noise",
        _correlated_noise,
        breaks="noise",
        story="noise along u_1: most of it on w_1, next to none elsewhere, so no common tau",
    ),
)


# --- false variants -----------------------------------------------------------------------------

FALSE_VARIANTS = (
    FalseVariant(
        "the bias along w_i is alpha u_i^T D^2F[v, v]/sigma_i (without the half)",
        instead_of="bias",
        discrepancy=lambda i: _bias_error(i, lambda bend, sigma: bend / sigma),
    ),
    FalseVariant(
        "the bias along w_i falls off as 1/sigma_i^2",
        instead_of="bias",
        discrepancy=lambda i: _bias_error(i, lambda bend, sigma: bend / (2 * sigma**2)),
    ),
    FalseVariant(
        "one sign is enough for a bias of order alpha^2",
        instead_of="order, both signs",
        discrepancy=lambda i: _order_error(i, one_sided, 2),
    ),
    FalseVariant(
        "for alpha -> 0 the estimate is v, with its hidden part",
        instead_of="limit",
        discrepancy=lambda i: _limit_error(i, i.vector),
        sample=_hidden_part,
    ),
    FalseVariant(
        "odd differences have the noise of one sign",
        instead_of="noise, both signs",
        discrepancy=lambda i: _noise_score(i, lambda sigma: 1 / sigma, signs=2),
    ),
    FalseVariant(
        "Fisher weighted, the noise is 1/(alpha sqrt(n) lambda_i)",
        instead_of="noise, Fisher weighted",
        discrepancy=lambda i: _fisher_score(i, lambda values: 1 / values),
    ),
    FalseVariant(
        "one linear solve is enough (no Jacobian taken anew)",
        instead_of="Gauss-Newton",
        discrepancy=lambda i: _newton_error(i, steps=1),
    ),
)


THEOREM = Theorem(
    id="R6",
    name="planted_recovery",
    title="Planted recovery",
    statement=(
        "For C^3 outputs and alpha -> 0, least squares on the linearisation estimates a, the "
        "row-space part of v, with bias alpha u_i^T D^2F[v, v]/(2 sigma_i) + O(alpha^2) and noise "
        "tau/(alpha sigma_i) along singular vector i, and nothing of the kernel part. Odd "
        "differences have bias O(alpha^2/sigma_i) and noise tau/(sqrt(2) alpha sigma_i); Fisher "
        "weighting of n tokens a prompt has noise 1/(alpha sqrt(n lambda_i)). Gauss-Newton removes "
        "the bias where rank J = d."
    ),
    latex=(
        r"w_i^T(\hat v - a) = \frac{\alpha}{2\sigma_i} u_i^T D^2F[v, v] + O(\alpha^2) "
        r"+ \frac{u_i^T\xi}{\alpha\sigma_i}, \qquad \hat v \in \operatorname{row}(J)"
    ),
    regime="white box, single layer",
    observable="all outputs at N prompts, with noise, at one strength or at both signs of it",
    estimand="the row-space part of v at first order; v by Gauss-Newton where rank J = d",
    assumptions=ASSUMPTIONS,
    symbolic=SymbolicProof(
        "every d, M and C^3 F for bias and noise (one function of one variable along each singular "
        "vector; J of rank 2 shown); one variable for Gauss-Newton, three outcomes for Fisher",
        _identities,
    ),
    sample=sample,
    oracle="planted vectors at finite strength, closed-form curvature, Monte Carlo of the noise",
    conclusions=CONCLUSIONS,
    counterexamples=COUNTEREXAMPLES,
    false_variants=FALSE_VARIANTS,
    sources=("Björck 1996, doi:10.1137/1.9781611971484", "theory.md R6"),
    scope=(
        "Small singular values make a large bias and large noise at once, and alpha trades one for "
        "the other; odd differences or Gauss-Newton are needed before alpha may grow."
    ),
    depends_on=("N1", "N7"),
    instances=20,
)

if __name__ == "__main__":
    from proofs.script import main

    main(THEOREM)
