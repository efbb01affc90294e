"""N7 beyond its own check: published constants, textbook families and formulas that are off."""

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from scipy import stats

from proofs.checking import is_identity
from proofs.fisher_pullback import THEOREM
from proofs.shared.fisher_oracles import (
    best_estimator,
    count_error,
    decision_error,
    directions,
    kernel_error,
    least_worst_error,
    order_error,
    third_order_error,
    variance_error,
)
from proofs.shared.sampled_readouts import Readout, SampledReadouts, random_readouts


@pytest.fixture
def instance():
    return random_readouts(np.random.default_rng(3))


def identity(beginning):
    return next(i for i in THEOREM.symbolic.identities() if i.claim.startswith(beginning))


def coin(slope=1.0, bias=0.0, cubic=0.0):
    """Log-odds bias + slope h + (cubic h)^3/6 of two tokens, at h = 0."""
    first = np.array([[1.0], [0.0]])
    zeros = np.zeros((2, 1, 1))
    readout = Readout(np.array([bias, 0]), slope * first, zeros, cubic * first, np.zeros(2))
    return SampledReadouts((readout,), strength=2.0, noise=lambda delta: np.eye(2))


def test_samples_needed_at_the_margin_of_theory():
    # Section 4: about 230 samples at error 0.05 for eps = 0.01 nats.
    eta = sp.Symbol("eta", positive=True)
    both = identity("both errors").left.subs(eta, sp.Rational(1, 20)) / 0.01
    sum_of_them = sp.log(1 / (2 * sp.Rational(1, 20))) / 0.01
    assert float(both) == pytest.approx(160.94, abs=0.01)
    assert float(sum_of_them) == pytest.approx(230.26, abs=0.01)


def test_third_order_of_a_coin_is_its_third_cumulant():
    third, p = identity("order 3"), sp.Symbol("p")
    # For a in {0, 1} every moment of a is p; the logits are linear.
    values = {s: p if "b0c0" in s.name else 0 for s in third.left.free_symbols}
    assert sp.expand(third.left.subs(values) - p * (1 - p) * (1 - 2 * p) / 6) == 0


def test_third_order_identity_fails_for_the_reverse_divergence_and_for_other_weights():
    third = identity("order 3")
    covariance = sum(m for m in third.right.as_ordered_terms() if "b1" in str(m))
    skewness = sp.expand(third.right - covariance)
    for wrong in (2 * skewness + covariance, skewness + 2 * covariance, skewness, covariance):
        assert not is_identity(replace(third, right=wrong))


@pytest.mark.parametrize(
    ("p", "q", "error"),
    [
        ([0.5, 0.5], [1 - 1e-12, 1e-12], 1 / 3),  # reject on half of the common outcomes less 1/6
        ([0.9, 0.1], [0.1, 0.9], 0.1),
        ([0.5, 0.5], [0.5, 0.5], 0.5),
    ],
)
def test_least_worst_error_of_textbook_pairs(p, q, error):
    assert least_worst_error(np.array(p), np.array(q)) == pytest.approx(error)


def test_least_worst_error_of_many_draws_nears_the_gaussian_one():
    n, p, q = 400, 0.5, 0.56
    k = np.arange(n + 1)
    found = least_worst_error(stats.binom.pmf(k, n, p), stats.binom.pmf(k, n, q))
    width = np.sqrt(n) * (np.sqrt(p * (1 - p)) + np.sqrt(q * (1 - q)))
    assert found == pytest.approx(stats.norm.sf(n * (q - p) / width), rel=0.02)


def test_the_constant_of_the_sum_lies_between_vajdas_and_one():
    # (1 - TV) exp(KL) >= (1 + TV) exp(-2 TV/(1 + TV)) >= 2/e (Vajda 1970), nearly 1 for small KL.
    instances = [random_readouts(np.random.default_rng(seed)) for seed in range(5)]
    assert max(decision_error(i, of_sum=2 / np.e) for i in instances) < 1e-12
    assert max(decision_error(i, of_sum=1.0) for i in instances) > 0.01


def test_a_coin_has_metric_a_quarter_and_the_binomial_variance():
    fair = coin()
    assert fair.metric == pytest.approx(np.array([[0.25]]))
    reached, variance = best_estimator(fair, np.ones(1))
    assert reached == pytest.approx(0, abs=1e-12)
    assert variance == pytest.approx(4 / (1 * 2.0**2))  # 1/(n alpha^2 p(1 - p))


def test_a_cubed_state_is_identified_and_has_no_unbiased_estimator():
    cubed = coin(slope=0.0, cubic=1.0)
    assert cubed.metric == pytest.approx(0, abs=1e-30)
    assert best_estimator(cubed, np.ones(1))[0] == pytest.approx(1)
    laws = [cubed.law(np.array([h]))[0] for h in np.linspace(-2, 2, 41)]
    assert np.all(np.diff(laws) > 0)


def test_gaussian_divergences_of_textbook_pairs():
    moved = replace(coin(), noise=lambda delta: np.eye(2) * np.exp(2 * delta[0]))
    # Mean moved by 1 at unit variance: 1/2 nat; standard deviation e, both coordinates.
    assert coin().gaussian_divergence(np.ones(1)) == pytest.approx(0.5)
    spread = 2 * (1 + (np.exp(-2) - 1) / 2) + np.exp(-2) / 2
    assert moved.gaussian_divergence(np.ones(1)) == pytest.approx(spread)


@pytest.mark.parametrize("factor", [0.98, 1.02])
def test_a_metric_off_by_two_per_cent_shows_in_the_order(instance, factor):
    conclusion = THEOREM.conclusion("order of the error")
    along = directions(instance)
    assert order_error(instance.divergence, instance.metric, along) < conclusion.tolerance
    off = order_error(instance.divergence, factor * instance.metric, along)
    assert off > conclusion.refutation_threshold


def test_mutated_formulas_are_noticed(instance):
    tolerance = {c.name: c.tolerance for c in THEOREM.conclusions}
    assert third_order_error(instance) < tolerance["third order"] < 0.01
    assert third_order_error(instance, curvature=0.5) > 0.01
    assert variance_error(instance) < tolerance["least variance"] < 0.1
    assert variance_error(instance, power=1) > 0.1
    assert variance_error(instance, power=3) > 0.1
    near = instance.with_epsilon_at(0, 1.5)
    assert count_error(near) == 0
    assert count_error(near, factor=0.5) > 0
    assert count_error(instance.with_epsilon_at(0, 0.75), factor=2) > 0
    kernel = instance.spectrum.null_space
    assert kernel.shape[1] > 0  # otherwise the next line shows nothing
    assert kernel_error(instance, kernel) < tolerance["kernel"]
    assert kernel_error(instance, kernel[:, 1:]) >= 1
    turned = kernel + 0.01 * instance.spectrum.row_space[:, :1]
    assert kernel_error(instance, turned) > 100 * tolerance["kernel"]


def test_metrics_agree_with_their_formulas(instance):
    assert instance.metric == pytest.approx(instance.dense_metric, rel=1e-12)
    precision = np.linalg.inv(instance.covariance(instance.origin))
    dense = np.einsum("xmi,mn,xnj->ij", instance.jacobians, precision, instance.jacobians)
    assert instance.gaussian_metric == pytest.approx(dense / instance.prompts, rel=1e-10)


def test_law_gradient_is_that_of_the_law(instance):
    step = 1e-5 * np.eye(instance.width)
    slopes = [(instance.law(s) - instance.law(-s)) / 2e-5 for s in step]
    assert instance.law_gradient() == pytest.approx(instance.strength * np.array(slopes), abs=1e-8)
    assert instance.law(instance.origin).sum() == pytest.approx(1)
