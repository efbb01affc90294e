r"""N9 — without the unsteered score a ratio says nothing, and "no difference found" is no finding.

Let a score be s_0 + e under v and s_0 + e' under another vector, with effects e != 0 and e' that do
not depend on the baseline s_0. Then the raw ratio is 1 + (e' - e)/(s_0 + e) and tends to 1 as
|s_0| grows, for the zero vector too; any raw ratio r != 1 goes with any ratio of effects but 1, at
some baseline. The ratio of baseline-subtracted effects is e'/e for all baselines, units and zeros.

For n independent normal differences of mean D and unit variance (else D is in standard deviations)
and a margin M set beforehand, two one-sided t tests (TOST) at level a declare equivalence with
probability at most a if |D| >= M, whatever n. A two-sided t test at level a finds no difference at
D = M with probability T(c) - T(-c), c its critical value and T the noncentral t distribution at
M sqrt(n): close to 1 - a where M sqrt(n) is small. At D = 0 that stays at 1 - a for every n, while
TOST becomes certain.

.. math::
    \frac{s_0 + e'}{s_0 + e} = 1 + \frac{e' - e}{s_0 + e} \to 1, \qquad
    \sup_{|D| \ge M} P_D(\text{TOST}) \le a, \qquad
    P_M(\text{no difference}) \to 1 - a \ \text{ as } M \sqrt n \to 0

The symbolic part covers all scores and effects, and tests for every n given the sample's standard
deviation s, with z = t_{1-a} s in place of the quantile; integrating over s keeps the inequalities.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

import numpy as np

from proofs.theorem import (
    Assumption,
    Conclusion,
    Counterexample,
    FalseVariant,
    Identity,
    SymbolicProof,
    Theorem,
)

LEVEL = 0.05
REPETITIONS = 4_000


@dataclass(frozen=True)
class SteeringExperiment:
    """Scores under two vectors, and n differences between them for a test of equivalence."""

    score: Callable[[Fraction, Fraction], Fraction]  # baseline, effect -> mean score
    effect: Fraction  # e, of v
    other_effect: Fraction  # e', of the vector compared with it
    smallest_effect: float  # M, in standard deviations: a difference that would matter
    margin: Callable[[np.ndarray], np.ndarray]  # differences (R, n) -> margins (R,) used
    noise: Callable[[np.ndarray], np.ndarray]  # quantile function: mean 0, variance 1
    prompts: np.ndarray  # (n,) label of the draw that each difference repeats
    seed: int

    @property
    def size(self) -> int:
        return self.prompts.size

    @cached_property
    def deviations(self) -> np.ndarray:
        """(REPETITIONS, n) of mean 0."""
        uniform = np.random.default_rng(self.seed).uniform(size=(REPETITIONS, self.size))
        return self.noise(uniform)[:, self.prompts]

    def differences(self, mean: float) -> np.ndarray:
        """(REPETITIONS, n) of the given mean."""
        return mean + self.deviations


def declares_equivalence(differences: np.ndarray, margin: np.ndarray) -> np.ndarray:
    """TOST at LEVEL: the (1 - 2 LEVEL) confidence interval lies inside the margin."""
    from identifiability.statistics import tost_p_values

    return tost_p_values(differences, margin) < LEVEL


def finds_no_difference(differences: np.ndarray) -> np.ndarray:
    """Two-sided t test at LEVEL, not significant."""
    from scipy.special import stdtrit

    n = differences.shape[1]
    error = differences.std(axis=1, ddof=1) / np.sqrt(n)
    return np.abs(differences.mean(axis=1)) <= stdtrit(n - 1, 1 - LEVEL / 2) * error


def equivalence_probability(n: int, mean: float, margin: float) -> float:
    """P(TOST declares equivalence), averaged over the law of the sample's deviation."""
    from identifiability.statistics import power

    return power(n, deviation=1.0, difference=mean, margin=margin, alpha=LEVEL)


def no_difference_probability(n: int, mean: float) -> float:
    """P(two-sided t test is not significant), averaged likewise."""
    from identifiability.statistics import power

    return 1 - power(n, deviation=1.0, difference=mean, alpha=LEVEL)


# --- assumptions --------------------------------------------------------------------------------

_BASELINES = [Fraction(s * 10**k) + Fraction(1, 7) for k in (0, 1, 3, 12) for s in (-1, 1)]


def _has_fixed_effects(instance: SteeringExperiment) -> bool:
    effects = (instance.effect, instance.other_effect, Fraction(0))
    return all(instance.score(b, e) - b == e for b in _BASELINES for e in effects)


def _is_normal(instance: SteeringExperiment) -> bool:
    from scipy.special import ndtri

    levels = np.linspace(0.001, 0.999, 999)
    return bool(np.allclose(instance.noise(levels), ndtri(levels), atol=1e-9))


def _margin_is_fixed(instance: SteeringExperiment) -> bool:
    margins = [instance.margin(instance.differences(mean)) for mean in (0.0, 1.0)]
    return bool(np.all(np.array(margins) == instance.smallest_effect))


ASSUMPTIONS = (
    Assumption(
        "fixed effects",
        "a vector adds the same to the score at every baseline",
        _has_fixed_effects,
    ),
    Assumption(
        "independent differences",
        "no two of the n differences repeat the same draw",
        lambda i: len(set(i.prompts.tolist())) == i.size,
    ),
    Assumption("normal differences", "their distribution is normal", _is_normal),
    Assumption(
        "margin set beforehand",
        "the margin is the smallest effect of interest, whatever the data",
        _margin_is_fixed,
    ),
)


# --- symbolic -----------------------------------------------------------------------------------


def _identities() -> Iterator[Identity]:
    import sympy as sp

    s0, e, other, r, tau, unit, zero = sp.symbols("s0 e e' r tau u z", real=True)
    raw = (s0 + other) / (s0 + e)
    yield Identity("raw - 1 = (e' - e)/(s0 + e)", raw - 1, (other - e) / (s0 + e))
    for end in (-sp.oo, sp.oo):
        yield Identity(f"raw -> 1 as s0 -> {end}", sp.limit(raw, s0, end), 1)
        at_zero = sp.limit(raw.subs(other, 0), s0, end)
        yield Identity(f"for the zero vector too, as s0 -> {end}", at_zero, 1)
    slope = (e - other) / (s0 + e) ** 2
    yield Identity("it depends on the baseline unless e' = e", sp.diff(raw, s0), slope)
    shown = raw.subs({other: tau * e, s0: e * (r - tau) / (1 - r)})
    yield Identity("raw = r for e' = tau e at s0 = e(r - tau)/(1 - r)", shown, r)

    def measured(effect: sp.Expr) -> sp.Expr:
        return unit * (s0 + effect) + zero

    subtracted = (measured(other) - measured(0)) / (measured(e) - measured(0))
    yield Identity("subtracted ratio = e'/e in every unit and zero", subtracted, other / e)

    # Tests given s: mean difference d and margin m in standard errors, x = m - z the reach of TOST.
    d, m, z, x = sp.symbols("d m z x", positive=True)

    def normal(y: sp.Expr) -> sp.Expr:
        return (1 + sp.erf(y / sp.sqrt(2))) / 2

    tost = normal(x - d) - normal(-x - d)
    fall = sp.diff(tost, d) * sp.sqrt(2 * sp.pi) * sp.exp((x - d) ** 2 / 2)
    yield Identity("d TOST/dd has the sign of e^{-2xd} - 1 < 0", fall, sp.exp(-2 * x * d) - 1)
    at_margin = tost.subs({d: m, x: m - z})
    shortfall = normal(-z) - at_margin
    yield Identity("at d = m TOST falls short of P(Z < -z)", shortfall, normal(z - 2 * m))
    yield Identity("by what vanishes as m grows", sp.limit(normal(-x), x, sp.oo), 0)
    yield Identity("at d = 0 TOST becomes certain", sp.limit(tost.subs(d, 0), x, sp.oo), 1)
    silent = normal(z - d) - normal(-z - d)
    level = 2 * (1 - normal(z))
    yield Identity("at d = 0 'no difference' has 1 - a for all n", silent.subs(d, 0), 1 - level)
    yield Identity("as d = m -> 0 it has 1 - a too", sp.limit(silent, d, 0), 1 - level)


# --- numeric ------------------------------------------------------------------------------------


def sample(rng: np.random.Generator) -> SteeringExperiment:
    """Rational effects; 5 to 40 independent normal differences; a margin of 0.1 to 1 deviations."""
    return _experiment(rng, float(rng.uniform(0.1, 1.0)), np.arange(int(rng.integers(5, 41))))


def _experiment(
    rng: np.random.Generator, smallest_effect: float, prompts: np.ndarray
) -> SteeringExperiment:
    from scipy.special import ndtri

    effect = Fraction(int(rng.choice([-1, 1]) * rng.integers(1, 50)), 7)
    return SteeringExperiment(
        score=lambda baseline, change: baseline + change,
        effect=effect,
        other_effect=effect + Fraction(int(rng.choice([-1, 1]) * rng.integers(1, 50)), 5),
        smallest_effect=smallest_effect,
        margin=lambda differences: np.full(len(differences), smallest_effect),
        noise=ndtri,
        prompts=prompts,
        seed=int(rng.integers(2**31)),
    )


def _raw_ratio(instance: SteeringExperiment, baseline: Fraction, other: Fraction) -> Fraction:
    return instance.score(baseline, other) / instance.score(baseline, instance.effect)


def _raw_error(
    instance: SteeringExperiment, claimed: Callable[[Fraction, Fraction, Fraction], Fraction]
) -> float:
    """Raw ratios of the scores at several baselines against ``claimed(s_0, e, e')``."""
    e, other = instance.effect, instance.other_effect
    return max(
        abs(float(_raw_ratio(instance, b, other) - claimed(b, e, other)))
        for b in _BASELINES
        if b + e != 0
    )


def _limit_error(instance: SteeringExperiment, other: Fraction, claimed: Fraction) -> float:
    """Raw ratios at baselines of 1e12 on either side."""
    far = (_raw_ratio(instance, b, other) for b in _BASELINES[-2:])
    return max(abs(float(ratio - claimed)) for ratio in far)


def _subtracted_error(instance: SteeringExperiment, claimed: Fraction) -> float:
    """Baseline-subtracted ratios in three units and zeros."""

    def effect_measured(baseline: Fraction, change: Fraction, unit: int, zero: int) -> Fraction:
        steered, unsteered = (instance.score(baseline, c) for c in (change, Fraction(0)))
        return (unit * steered + zero) - (unit * unsteered + zero)

    return max(
        abs(
            float(
                effect_measured(b, instance.other_effect, *scale)
                / effect_measured(b, instance.effect, *scale)
                - claimed
            )
        )
        for b in _BASELINES
        for scale in ((1, 0), (-3, 5), (100, -7))
    )


def _ambiguity_error(instance: SteeringExperiment) -> float:
    """The raw ratio r at the baseline where it should go with the ratio tau of effects."""
    e = instance.effect
    numbers = [Fraction(k, 4) for k in range(-4, 9) if k != 4]
    return max(
        abs(float(_raw_ratio(instance, e * (r - tau) / (1 - r), tau * e) - r))
        for r in numbers
        for tau in numbers
    )


def _z_score(rate: float, claimed: float) -> float:
    """With the variance of at least one expected event, where the normal law is too narrow."""
    variance = max(claimed * (1 - claimed), 1 / REPETITIONS)
    return (rate - claimed) / np.sqrt(variance / REPETITIONS)


def _false_equivalence(
    instance: SteeringExperiment, decide: Callable[[np.ndarray], np.ndarray]
) -> float:
    """z-score by which ``decide`` calls a difference of +-M equivalent more often than LEVEL."""
    smallest = instance.smallest_effect
    rates = [decide(instance.differences(mean)).mean() for mean in (smallest, -smallest)]
    return max(0.0, *(_z_score(float(rate), LEVEL) for rate in rates))


def _tost_decision(instance: SteeringExperiment) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: declares_equivalence(x, instance.margin(x))


def _tost_error(instance: SteeringExperiment) -> float:
    """Rates of equivalence at three differences against the formula."""
    n, smallest = instance.size, instance.smallest_effect
    decide = _tost_decision(instance)
    return max(
        abs(
            _z_score(
                float(decide(instance.differences(mean)).mean()),
                equivalence_probability(n, mean, smallest),
            )
        )
        for mean in (0.0, smallest / 2, smallest)
    )


def _missed_error(instance: SteeringExperiment, claimed: float) -> float:
    """Rate at which the two-sided test finds no difference where there is one of M."""
    found = finds_no_difference(instance.differences(instance.smallest_effect))
    return abs(_z_score(float(found.mean()), claimed))


SAMPLING = "z-score of 4,000 experiments: beyond 5 by chance less than once in a million"

CONCLUSIONS = (
    Conclusion(
        "raw ratio",
        "(s0 + e')/(s0 + e) = 1 + (e' - e)/(s0 + e)",
        lambda i: _raw_error(i, lambda b, e, other: 1 + (other - e) / (b + e)),
        tolerance=0.0,
        because="fractions",
        broken_above=1e-6,
    ),
    Conclusion(
        "limit",
        "the raw ratio is 1 at a baseline of 1e12",
        lambda i: _limit_error(i, i.other_effect, Fraction(1)),
        tolerance=1e-10,
        because="effects differ by less than 10",
        broken_above=1e-3,
    ),
    Conclusion(
        "raw ratio says nothing",
        "every raw ratio r != 1 occurs with every ratio of effects tau != 1",
        _ambiguity_error,
        tolerance=0.0,
        because="fractions",
        broken_above=1e-6,
    ),
    Conclusion(
        "subtracted ratio",
        "the ratio of baseline-subtracted effects is e'/e at every baseline, unit and zero",
        lambda i: _subtracted_error(i, i.other_effect / i.effect),
        tolerance=0.0,
        because="fractions",
        broken_above=1e-6,
    ),
    Conclusion(
        "error of TOST",
        "a difference of M is called equivalent with probability at most a",
        lambda i: _false_equivalence(i, _tost_decision(i)),
        tolerance=5.0,
        because=SAMPLING,
        broken_above=10.0,
    ),
    Conclusion(
        "power of TOST",
        "TOST declares equivalence with the stated probability at D = 0, M/2 and M",
        _tost_error,
        tolerance=5.0,
        because=SAMPLING,
        broken_above=10.0,
    ),
    Conclusion(
        "missed difference",
        "a two-sided test misses a difference of M with the stated probability",
        lambda i: _missed_error(i, no_difference_probability(i.size, i.smallest_effect)),
        tolerance=5.0,
        because=SAMPLING,
        broken_above=10.0,
    ),
)


# --- what breaks without each assumption --------------------------------------------------------


def _proportional(rng: np.random.Generator) -> SteeringExperiment:
    return replace(sample(rng), score=lambda baseline, change: baseline * (1 + change))


def _repeated_prompts(rng: np.random.Generator) -> SteeringExperiment:
    return _experiment(rng, 1.0, np.repeat(np.arange(4), 5))


def _rare_failures(rng: np.random.Generator) -> SteeringExperiment:
    rate = 0.02

    def noise(u: np.ndarray) -> np.ndarray:
        # Two points of mean 0 and variance 1, and a slope of 1 % so that no sample is constant.
        jump = np.where(u > rate, -np.sqrt(rate / (1 - rate)), np.sqrt((1 - rate) / rate))
        return jump + 0.01 * (u - 0.5)

    return replace(_experiment(rng, 1.0, np.arange(20)), noise=noise)


def _margin_from_data(rng: np.random.Generator) -> SteeringExperiment:
    def margin(differences: np.ndarray) -> np.ndarray:
        return np.abs(differences.mean(axis=1)) + differences.std(axis=1)

    return replace(_experiment(rng, 1.0, np.arange(20)), margin=margin)


COUNTEREXAMPLES = (
    Counterexample(
        "fixed effects",
        _proportional,
        breaks="limit",
        story="score s0 (1 + e): effects grow with the baseline, the raw ratio is constant in it",
    ),
    Counterexample(
        "independent differences",
        _repeated_prompts,
        breaks="error of TOST",
        story="4 prompts counted 5 times each as 20 differences: the interval is far too short",
    ),
    Counterexample(
        "normal differences",
        _rare_failures,
        breaks="error of TOST",
        story="2 prompts in 100 carry the whole difference, and most samples of 20 hold none",
    ),
    Counterexample(
        "margin set beforehand",
        _margin_from_data,
        breaks="error of TOST",
        story="the margin is the mean found plus its deviation: equivalence is always declared",
    ),
)


# --- false variants -----------------------------------------------------------------------------

FALSE_VARIANTS = (
    FalseVariant(
        "the raw ratio is the ratio of effects",
        instead_of="raw ratio",
        discrepancy=lambda i: _raw_error(i, lambda baseline, e, other: other / e),
    ),
    FalseVariant(
        "a vector without effect has a raw ratio of 0",
        instead_of="limit",
        discrepancy=lambda i: _limit_error(i, Fraction(0), Fraction(0)),
    ),
    FalseVariant(
        "subtracted effects need their own unit: the ratio is e' - e",
        instead_of="subtracted ratio",
        discrepancy=lambda i: _subtracted_error(i, i.other_effect - i.effect),
    ),
    FalseVariant(
        "'no significant difference' at level a shows equivalence at level a",
        instead_of="error of TOST",
        discrepancy=lambda i: _false_equivalence(i, finds_no_difference),
    ),
    FalseVariant(
        "a mean difference inside the margin shows equivalence at level a",
        instead_of="error of TOST",
        discrepancy=lambda i: _false_equivalence(
            i, lambda x: np.abs(x.mean(axis=1)) < i.smallest_effect
        ),
    ),
    FalseVariant(
        "with 5 samples a prompt, n is the number of samples",
        instead_of="power of TOST",
        discrepancy=lambda i: _tost_error(replace(i, prompts=np.repeat(i.prompts, 5))),
    ),
    FalseVariant(
        "a two-sided test at level a misses a difference of M with probability a",
        instead_of="missed difference",
        discrepancy=lambda i: _missed_error(i, LEVEL),
    ),
)


THEOREM = Theorem(
    id="N9",
    name="baseline_lemma",
    title="Baseline lemma",
    statement=(
        "For all scores s0 + e, s0 + e' with fixed effects e != 0 and e', the raw ratio is "
        "1 + (e' - e)/(s0 + e): it tends to 1 as |s0| grows, and any value r != 1 of it goes with "
        "any e'/e != 1. The ratio of baseline-subtracted effects is e'/e whatever the baseline, "
        "unit and zero. For n independent normal differences TOST at level a inside a margin M set "
        "beforehand errs with probability at most a; a two-sided test at level a finds no "
        "difference where there is one of M with a probability that tends to 1 - a as M sqrt(n)/"
        "sigma -> 0."
    ),
    latex=(
        r"\frac{s_0 + e'}{s_0 + e} = 1 + \frac{e' - e}{s_0 + e} \to 1, \quad "
        r"\sup_{|D| \ge M} P_D(\mathrm{TOST}) \le a, \quad "
        r"P_M(\text{no difference}) \to 1 - a \ (M\sqrt n/\sigma \to 0)"
    ),
    regime="any",
    observable="mean scores, steered and unsteered",
    estimand="the effect of one vector relative to that of another; whether they are equivalent",
    assumptions=ASSUMPTIONS,
    symbolic=SymbolicProof(
        "all scores, effects, units and zeros; tests for every n and margin given the sample's "
        "standard deviation (integrating over it keeps every inequality)",
        _identities,
    ),
    sample=sample,
    oracle="scores in exact fractions; rates of simulated experiments",
    conclusions=CONCLUSIONS,
    counterexamples=COUNTEREXAMPLES,
    false_variants=FALSE_VARIANTS,
    sources=(
        "Schuirmann 1987, doi:10.1007/BF01068419",
        "Altman & Bland 1995, doi:10.1136/bmj.311.7003.485",
        "theory.md N9",
    ),
    scope=(
        "The authors' scripts take the raw ratio of mean scores, near 1 for the zero vector too, "
        "and read small differences as equivalence; neither says how much a vector does."
    ),
)

if __name__ == "__main__":
    from proofs.script import main

    main(THEOREM)
