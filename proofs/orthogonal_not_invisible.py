r"""N8 — a random direction orthogonal to v is as visible as the rest of the metric makes it.

Let u be uniform on the unit sphere of the complement of v, k = d - 1 >= 2, and G a metric with
q = v^T G v / |v|^2 > 0 and restriction G' to that complement. Then u^T G u has mean g and variance
as below; to second order |v| u has on average rho = g/q times the KL of v. rho <= t iff
q >= tr G/(1 + t k); the least rho over v is (tr G/lambda_1 - 1)/k, rho = 1 iff q = tr G/d, and over
a random v, E rho >= 1, with equality iff G is a multiple of the identity (infinite iff
rank G <= 2 < d). One score with gradient w at angle theta to v is the case G = w w^T: u alone
changes it by a zero-mean amount, of RMS |tan theta|/sqrt(k) in units of v's effect.

.. math::
    E\,u^\top G u = \frac{\operatorname{tr} G - q}{k} = g, \qquad
    \operatorname{Var} u^\top G u =
    \frac{2\,(k \operatorname{tr} G'^2 - (\operatorname{tr} G')^2)}{k^2 (k + 2)}, \qquad
    \rho = \frac{g}{q}

The symbolic part covers every d: G' may be taken diagonal, and only its power sums enter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

import identifiability
from identifiability.visibility import expected_ratio, mean_seen, variance_seen, visibility_ratio
from proofs.shared.categorical import divergence, pulled_back_metric, softmax
from proofs.theorem import (
    Assumption,
    Conclusion,
    Counterexample,
    FalseVariant,
    Identity,
    SymbolicProof,
    Theorem,
)

DRAWS = 20_000


@dataclass(frozen=True)
class SteeredSoftmax:
    """Logits W x + b at displacement x, a steering vector, and random displacements beside it.

    Directions are u = L z/|L z| with z standard Gaussian; displacements are ``length`` times u.
    """

    readout: np.ndarray  # W (m, d), integers
    bias: np.ndarray  # b (m,)
    vector: np.ndarray  # v (d,)
    factor: np.ndarray  # L (d, d)
    length: float
    strength: float  # alpha, at which divergences are taken
    gaussian: np.ndarray  # z (DRAWS, d)

    @cached_property
    def directions(self) -> np.ndarray:
        """(DRAWS, d) draws of u."""
        drawn = self.gaussian @ self.factor.T
        return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)

    @cached_property
    def metric(self) -> np.ndarray:
        return pulled_back_metric(self.readout, softmax(self.bias))

    @property
    def unit(self) -> np.ndarray:
        return self.vector / np.linalg.norm(self.vector)

    @property
    def gradient(self) -> np.ndarray:
        """w of the score, the log-odds of the first token against the second."""
        return self.readout[0] - self.readout[1]

    @property
    def tangent(self) -> float:
        """|tan theta| of the angle between w and v."""
        along = self.gradient @ self.unit
        return float(np.sqrt(self.gradient @ self.gradient - along**2) / abs(along))

    def log_probabilities(self, displacement: np.ndarray) -> np.ndarray:
        return np.log(softmax(displacement @ self.readout.T + self.bias))

    def kl(self, displacement: np.ndarray) -> np.ndarray:
        """Nats."""
        return divergence(softmax(self.bias), np.exp(self.log_probabilities(displacement)))

    def effect(self, displacement: np.ndarray) -> np.ndarray:
        """Change of the score by a displacement, in units of v's."""
        logs = self.log_probabilities(np.vstack([0 * self.vector, self.vector, displacement]))
        score = logs[:, 0] - logs[:, 1]
        return (score[2:] - score[0]) / (score[1] - score[0])


# --- assumptions --------------------------------------------------------------------------------


def _is_isotropic(instance: SteeredSoftmax) -> bool:
    complement = np.eye(instance.vector.size) - np.outer(instance.unit, instance.unit)
    spread = complement @ instance.factor @ instance.factor.T @ complement
    even = np.trace(spread) / (instance.vector.size - 1) * complement
    return bool(np.allclose(spread, even, atol=1e-9 * np.trace(spread)))


def _largest_move(instance: SteeredSoftmax) -> float:
    """Bound on the change of any logit, nats, by v and by the random displacements."""
    reach = max(instance.length, float(np.linalg.norm(instance.vector)))
    return instance.strength * reach * float(np.linalg.norm(instance.readout, axis=1).max())


ASSUMPTIONS = (
    Assumption(
        "orthogonal to v",
        "every displacement u has u.v = 0",
        lambda i: bool(np.allclose(i.factor.T @ i.unit, 0, atol=1e-9)),
    ),
    Assumption(
        "uniform in the complement",
        "within the complement of v no direction is preferred",
        _is_isotropic,
    ),
    Assumption(
        "norm-matched",
        "displacements have the norm of v (for the ratio of divergences)",
        lambda i: bool(np.isclose(i.length, np.linalg.norm(i.vector), rtol=1e-9)),
    ),
    Assumption(
        "small displacement",
        "no logit moves by more than 1e-3 nats (for the ratio of divergences)",
        lambda i: _largest_move(i) <= 1e-3,
    ),
)


# --- symbolic -----------------------------------------------------------------------------------


def _identities() -> Iterator[Identity]:
    import sympy as sp

    # Moments on the sphere of R^k: Gaussian x = r u with r and u independent.
    k, r, x = sp.symbols("k r x", positive=True)

    def radial(power: int) -> sp.Expr:
        weight = r ** (k - 1) * sp.exp(-(r**2) / 2)
        total = sp.integrate(weight, (r, 0, sp.oo))
        return sp.gammasimp(sp.integrate(r**power * weight, (r, 0, sp.oo)) / total)

    def normal(power: int) -> sp.Expr:
        density = sp.exp(-(x**2) / 2) / sp.sqrt(2 * sp.pi)
        return sp.integrate(x**power * density, (x, -sp.oo, sp.oo))

    second = normal(2) / radial(2)
    fourth, mixed = normal(4) / radial(4), normal(2) ** 2 / radial(4)
    yield Identity("E u_1^2 = 1/k", second, 1 / k)
    yield Identity("E u_1^4 = 3/(k(k+2))", fourth, 3 / (k * (k + 2)))
    s1, s2 = sp.symbols("s1 s2")  # tr G', tr G'^2
    variance = fourth * s2 + mixed * (s1**2 - s2) - (second * s1) ** 2
    claimed = 2 * (k * s2 - s1**2) / (k**2 * (k + 2))
    yield Identity("Var = 2(k tr G'^2 - (tr G')^2)/(k^2(k+2))", variance, claimed)
    phi = sp.Symbol("phi", real=True)
    l1, l2 = sp.symbols("l1 l2", positive=True)
    form = l1 * sp.cos(phi) ** 2 + l2 * sp.sin(phi) ** 2
    first, square = (
        sp.integrate(sp.expand(form**n), (phi, 0, 2 * sp.pi)) / (2 * sp.pi) for n in (1, 2)
    )
    circle = claimed.subs({k: 2, s1: l1 + l2, s2: l1**2 + l2**2})
    yield Identity("the same integrated over the circle, k = 2", square - first**2, circle)

    # Thresholds. T = tr G, q = v^T G v/|v|^2, t a ratio, top = lambda_1.
    T, q, t, top = sp.symbols("T q t lambda1", positive=True)
    rho = (T - q) / (k * q)
    gap = (1 + t * k) / (k * q) * (q - T / (1 + t * k))
    yield Identity("t - rho is a positive multiple of q - T/(1 + tk)", t - rho, gap)
    yield Identity("rho falls as q grows", sp.diff(rho, q), -T / (k * q**2))
    least = (T / top - 1) / k
    yield Identity("so least at q = lambda_1", rho.subs(q, top), least)
    yield Identity("rho = 1 only at q = T/d", sp.solve(rho - 1, q), [T / (k + 1)])

    # Jensen, with its remainder: m = E q = T/d makes the linear part 1.
    m = T / (k + 1)
    linear = (T * (2 / m - q / m**2) - 1) / k
    rest = T * (q - m) ** 2 / (k * q * m**2)
    yield Identity("rho - linear(q) = T(q - m)^2/(k q m^2) >= 0", rho - linear, rest)
    yield Identity("and linear(E q) = 1, so E rho >= 1", linear.subs(q, m), 1)
    # For a projector of rank n the mass q is Beta(n/2, (d - n)/2); any G lies between multiples.
    d, n = sp.symbols("d n", positive=True)
    inverse = sp.beta(n / 2 - 1, (d - n) / 2) / sp.beta(n / 2, (d - n) / 2)
    inverse = sp.gammasimp(inverse.rewrite(sp.gamma))
    yield Identity("E 1/q = (d - 2)/(n - 2), infinite for n <= 2", inverse, (d - 2) / (n - 2))

    # One score: G = w w^T, w at angle theta to v.
    w, theta = sp.symbols("w theta", positive=True)
    score = rho.subs({T: w**2, q: (w * sp.cos(theta)) ** 2})
    yield Identity("rho = tan^2(theta)/k for G = ww^T", score, sp.tan(theta) ** 2 / k)


# --- numeric ------------------------------------------------------------------------------------


def sample(rng: np.random.Generator) -> SteeredSoftmax:
    """Softmax readout of 5 to 8 tokens in width 3 to 7; v sees the score."""
    width, tokens = int(rng.integers(3, 8)), int(rng.integers(5, 9))
    readout = rng.integers(-6, 7, (tokens, width))
    while np.linalg.matrix_rank(readout - readout[-1]) < min(width, tokens - 1):
        readout = rng.integers(-6, 7, (tokens, width))
    gradient = readout[0] - readout[1]
    vector = rng.standard_normal(width)
    while abs(gradient @ vector) < 0.2 * np.linalg.norm(gradient) * np.linalg.norm(vector):
        vector = rng.standard_normal(width)
    return _beside(rng, readout, rng.standard_normal(tokens), vector)


def _beside(
    rng: np.random.Generator, readout: np.ndarray, bias: np.ndarray, vector: np.ndarray
) -> SteeredSoftmax:
    """The theorem's random displacements, at a strength where the second order is all."""
    norm = float(np.linalg.norm(vector))
    return SteeredSoftmax(
        readout=readout,
        bias=bias,
        vector=vector,
        factor=np.eye(vector.size) - np.outer(vector, vector) / norm**2,
        length=norm,
        strength=5e-4 / (norm * float(np.linalg.norm(readout, axis=1).max())),
        gaussian=rng.standard_normal((DRAWS, vector.size)),
    )


def _z_score(values: np.ndarray, claimed: float) -> float:
    """Of a mean, in its own standard errors."""
    return float(abs(values.mean() - claimed) / (values.std(ddof=1) / np.sqrt(values.size)))


def _seen(instance: SteeredSoftmax) -> np.ndarray:
    u = instance.directions
    return np.sum(u @ instance.metric * u, axis=1)


def _mean_error(instance: SteeredSoftmax, claimed: float) -> float:
    return _z_score(_seen(instance), claimed)


def _variance_error(instance: SteeredSoftmax, claimed: float) -> float:
    seen = _seen(instance)
    return _z_score((seen - seen.mean()) ** 2, claimed)


def _divergence_error(instance: SteeredSoftmax, claimed: float) -> float:
    """Mean KL of the displacements over that of v, at the instance's strength."""
    random = instance.kl(instance.strength * instance.length * instance.directions)
    return _z_score(random / float(instance.kl(instance.strength * instance.vector)), claimed)


def _threshold_error(instance: SteeredSoftmax, per_ratio: int) -> float:
    """Ratios t for which 'rho <= t' and 'q >= tr G/(1 + t ``per_ratio``)' disagree.

    g is averaged over an orthonormal basis of the complement, which is exact for quadratic forms.
    """
    G, unit = instance.metric, instance.unit
    basis = np.linalg.qr(np.column_stack([unit, np.eye(unit.size)]))[0][:, 1 : unit.size]
    seen, q = float(np.mean(np.diag(basis.T @ G @ basis))), float(unit @ G @ unit)
    grid = np.linspace(0.02, 4, 400)
    return float(np.sum((seen / q <= grid) != (q >= np.trace(G) / (1 + grid * per_ratio))))


def _least_ratio_error(instance: SteeredSoftmax, rank: float) -> float:
    """(``rank`` - 1)/k against rho at the top direction, by repeated squaring; no v below it."""
    G, k = instance.metric, instance.vector.size - 1
    power = G
    for _ in range(30):
        power = power @ power / np.linalg.norm(power @ power)
    top = power[:, np.argmax(np.diag(power))]
    others = np.vstack([instance.directions[:50], instance.unit])
    found = min(visibility_ratio(G, v / np.linalg.norm(v)) for v in (top, *others))
    return abs((rank - 1) / k - found)


def _score_error(instance: SteeredSoftmax, rms: float) -> float:
    """Zero mean of u's effects, and their mean square, the larger z-score."""
    effects = instance.effect(instance.length * instance.directions)
    return max(_z_score(effects, 0.0), _z_score(effects**2, rms**2))


def _chosen_error(instance: SteeredSoftmax, claimed: float) -> float:
    """Largest effect of a unit u orthogonal to v: at w's own component there, none drawn above."""
    across = instance.gradient - (instance.gradient @ instance.unit) * instance.unit
    chosen = instance.length * across / np.linalg.norm(across)
    effects = np.abs(instance.effect(np.vstack([chosen, instance.length * instance.directions])))
    return float(abs(effects[0] - claimed) + max(0.0, effects.max() - effects[0]))


def _score_class_error(instance: SteeredSoftmax, claimed: int) -> float:
    """Against the members of v's class for one score found by finite displacement."""
    row = instance.gradient[None, :]
    seen = identifiability.EquivalenceClass(row, instance.vector, affine=True)
    moved = instance.effect(instance.length * seen.basis.T)
    nullity = instance.vector.size - int(identifiability.exact_rank(row))
    return abs(claimed - nullity) + abs(claimed - seen.dimension) + float(np.abs(moved).max())


SAMPLING = "z-score of 20,000 draws: beyond 5 by chance less than once in a million"

CONCLUSIONS = (
    Conclusion(
        "mean",
        "E u^T G u = (tr G - q)/(d - 1)",
        lambda i: _mean_error(i, mean_seen(i.metric, i.unit)),
        tolerance=5.0,
        because=SAMPLING,
        broken_above=10.0,
    ),
    Conclusion(
        "variance",
        "Var u^T G u = 2(k tr G'^2 - (tr G')^2)/(k^2 (k + 2))",
        lambda i: _variance_error(i, variance_seen(i.metric, i.unit)),
        tolerance=5.0,
        because=SAMPLING,
        broken_above=10.0,
    ),
    Conclusion(
        "ratio of divergences",
        "mean KL of norm-matched u over KL of v is rho",
        lambda i: _divergence_error(i, visibility_ratio(i.metric, i.unit)),
        tolerance=5.0,
        because=SAMPLING + "; the third order adds less than 1e-3, a third of a standard error",
        broken_above=10.0,
    ),
    Conclusion(
        "threshold",
        "rho <= t iff q >= tr G/(1 + t(d - 1)), for 400 values of t",
        lambda i: _threshold_error(i, i.vector.size - 1),
        tolerance=0.0,
        because="a count; the grid meets no equality",
        broken_above=0.5,
    ),
    Conclusion(
        "least ratio",
        "the least rho over all v is (tr G/lambda_1 - 1)/(d - 1)",
        lambda i: _least_ratio_error(
            i, np.trace(i.metric) / identifiability.Spectrum.of(i.metric).eigenvalues[0]
        ),
        tolerance=1e-10,
        because="rounding of a quotient of traces of order 1",
    ),
    Conclusion(
        "random v",
        "E rho >= 1 over v uniform on the sphere",
        lambda i: max(0.0, 1 - expected_ratio(i.metric)),
        tolerance=1e-8,
        because="rounding of the quadrature, and of eigenvalues down to 1e-6 of the largest",
    ),
    Conclusion(
        "one score, random u",
        "u changes a log-odds by 0 on average, by |tan theta|/sqrt(d - 1) of v's effect in RMS",
        lambda i: _score_error(i, i.tangent / np.sqrt(i.vector.size - 1)),
        tolerance=5.0,
        because=SAMPLING,
        broken_above=10.0,
    ),
    Conclusion(
        "one score, chosen u",
        "the largest effect of a norm-matched u is |tan theta| of v's",
        lambda i: _chosen_error(i, i.tangent),
        tolerance=1e-10,
        because="rounding of log-odds of order 10 to 100, in units of an effect of order 1",
    ),
    Conclusion(
        "one score, class",
        "the class of v for one score is a hyperplane",
        lambda i: _score_class_error(i, i.vector.size - 1),
        tolerance=1e-10,
        because="integers, and rounding of log-odds",
        broken_above=0.5,
    ),
)


# --- what breaks without each assumption --------------------------------------------------------


def _at_top(rng: np.random.Generator) -> SteeredSoftmax:
    """v along the most visible direction, so that the rest is unlike it."""
    instance = sample(rng)
    top = np.linalg.eigh(instance.metric)[1][:, -1]
    return _beside(rng, instance.readout, instance.bias, top)


def _not_orthogonal(rng: np.random.Generator) -> SteeredSoftmax:
    instance = _at_top(rng)
    return replace(instance, factor=np.eye(instance.vector.size))


def _along_activations(rng: np.random.Generator) -> SteeredSoftmax:
    instance = _at_top(rng)
    favoured = np.linalg.eigh(instance.metric)[1][:, -2]
    return replace(instance, factor=instance.factor + 3 * np.outer(favoured, favoured))


def _longer(rng: np.random.Generator) -> SteeredSoftmax:
    instance = sample(rng)
    return replace(instance, length=2 * instance.length, strength=instance.strength / 2)


def _strong(rng: np.random.Generator) -> SteeredSoftmax:
    readout = np.array([[6, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]])
    instance = _beside(rng, readout, np.zeros(5), np.array([1.0, 0.0, 0.0]))
    return replace(instance, strength=2.0)


COUNTEREXAMPLES = (
    Counterexample(
        "orthogonal to v",
        _not_orthogonal,
        breaks="mean",
        story="u uniform on the whole sphere, v the top direction: u has a part along v as well",
    ),
    Counterexample(
        "uniform in the complement",
        _along_activations,
        breaks="mean",
        story=(
            "u orthogonal to v but mostly along the second most visible direction, as a direction "
            "drawn from activations may be: orthogonal does not mean typical"
        ),
    ),
    Counterexample(
        "norm-matched",
        _longer,
        breaks="ratio of divergences",
        story="u twice as long as v: the mean KL is four times as large",
    ),
    Counterexample(
        "small displacement",
        _strong,
        breaks="ratio of divergences",
        story="v moves a logit by 12 nats, where its KL is no longer quadratic; rho = 1/36",
    ),
)


# --- false variants -----------------------------------------------------------------------------

FALSE_VARIANTS = (
    FalseVariant(
        "E u^T G u = (tr G - q)/d",
        instead_of="mean",
        discrepancy=lambda i: _mean_error(i, mean_seen(i.metric, i.unit) * (1 - 1 / i.vector.size)),
    ),
    FalseVariant(
        "u has the variance of independent coordinates: k^3 for k^2 (k + 2)",
        instead_of="variance",
        discrepancy=lambda i: _variance_error(
            i, variance_seen(i.metric, i.unit) * (i.vector.size + 1) / (i.vector.size - 1)
        ),
    ),
    FalseVariant(
        "orthogonal to v acts as v does: the ratio is 1",
        instead_of="ratio of divergences",
        discrepancy=lambda i: _divergence_error(i, 1.0),
    ),
    FalseVariant(
        "rho <= t iff q >= tr G/(1 + t d)",
        instead_of="threshold",
        discrepancy=lambda i: _threshold_error(i, i.vector.size),
    ),
    FalseVariant(
        "the least ratio is given by the effective rank exp(entropy) in place of tr G/lambda_1",
        instead_of="least ratio",
        discrepancy=lambda i: _least_ratio_error(
            i, identifiability.Spectrum.of(i.metric).effective_rank
        ),
    ),
    FalseVariant(
        "a random v is on average no less visible than the rest: E rho <= 1",
        instead_of="random v",
        discrepancy=lambda i: max(0.0, expected_ratio(i.metric) - 1),
    ),
    FalseVariant(
        "u alone works as well as v on a score: an RMS effect of 1, since v + u does",
        instead_of="one score, random u",
        discrepancy=lambda i: _score_error(i, 1.0),
    ),
    FalseVariant(
        "no u orthogonal to v does more than the typical one, |tan theta|/sqrt(d - 1)",
        instead_of="one score, chosen u",
        discrepancy=lambda i: _chosen_error(i, i.tangent / np.sqrt(i.vector.size - 1)),
    ),
)


THEOREM = Theorem(
    id="N8",
    name="orthogonal_not_invisible",
    title="Orthogonal is not invisible",
    statement=(
        "For every metric G on R^d, d >= 3, every v with q = v^T G v/|v|^2 > 0 and u uniform on "
        "the unit sphere of v's complement, u^T G u has mean g = (tr G - q)/(d-1) and variance "
        "2(k tr G'^2 - (tr G')^2)/(k^2 (k+2)), k = d-1. To second order a norm-matched u costs on "
        "average rho = g/q of v's KL; rho <= t iff q >= tr G/(1 + t(d-1)), rho >= (tr G/lambda_1 - "
        "1)/(d-1), and E rho >= 1 over random v. A score with gradient at angle theta to v changes "
        "by |tan theta|/sqrt(d-1) of v's effect in RMS, 0 on average, and at most |tan theta|."
    ),
    latex=(
        r"\rho = \frac{E\,u^\top G u}{\hat v^\top G \hat v} = "
        r"\frac{\operatorname{tr} G/q - 1}{d - 1}, \quad \rho \le t \iff "
        r"q \ge \frac{\operatorname{tr} G}{1 + t(d-1)}, \quad E_v\,\rho \ge 1, \quad "
        r"\mathrm{RMS} = \frac{|\tan\theta|}{\sqrt{d - 1}}"
    ),
    regime="white box, single layer",
    observable="token distribution, to second order; one score, exactly",
    estimand="how visible a direction orthogonal to v is, relative to v",
    assumptions=ASSUMPTIONS,
    symbolic=SymbolicProof(
        "every d >= 3, every metric (diagonal in some orthonormal basis, through its power sums)",
        _identities,
    ),
    sample=sample,
    oracle="draws of u, finite-amplitude KL and log-odds; orthonormal bases; repeated squaring",
    conclusions=CONCLUSIONS,
    counterexamples=COUNTEREXAMPLES,
    false_variants=FALSE_VARIANTS,
    sources=("arXiv:2602.06801", "theory.md N8"),
    scope=(
        "'v + u works as well as v' and 'u alone works as well as v' are different claims. On one "
        "score the first holds whenever |tan theta| << sqrt(d-1), and the second then fails; in "
        "the token distribution u is seen at rho, which is small only for a v near the top of G."
    ),
    depends_on=("N7",),
)

if __name__ == "__main__":
    from proofs.script import main

    main(THEOREM)
