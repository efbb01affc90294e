"""N10's rungs: their exact slopes against what they report, and the statements they carry."""

import numpy as np
import pytest

from identifiability import Spectrum, exact_rank
from proofs.observation_ladder import COUNTEREXAMPLES, sample
from proofs.shared.categorical import measured_metric, softmax
from proofs.shared.rungs import rung_ranks, rungs


@pytest.fixture
def observed():
    return sample(np.random.default_rng(7))


def _reported(observed, rung, delta):
    """What a rung reports of all prompts, from their probabilities."""
    prompts = range(len(observed.weights))
    p = np.array([observed.probabilities(x, delta) for x in prompts])
    largest = np.array([np.argsort(-w) for w in observed.weights])
    ordered = np.take_along_axis(p, largest, axis=1)
    odds = np.log(p[:, 0] / p[:, 1])
    return {
        "logits": lambda: np.array([observed.logits(x, delta) for x in prompts]),
        "probabilities": lambda: np.log(ordered),
        "2 log-probabilities": lambda: np.log(ordered[:, :2]),
        "top-2 sampling": lambda: np.log(ordered[:, :2] / ordered[:, :2].sum(axis=1)[:, None]),
        "log-odds": lambda: odds,
        "mean log-odds": lambda: odds.mean(),
    }[rung]()


@pytest.mark.parametrize("rung", list(rung_ranks(1, 3)))
def test_the_slope_of_a_rung_is_that_of_what_it_reports(observed, rung):
    step = 1e-5
    columns = [
        np.ravel(_reported(observed, rung, step * e) - _reported(observed, rung, -step * e))
        for e in np.eye(observed.width)
    ]
    found = np.array(columns).T / (2 * step)
    assert found == pytest.approx(rungs(observed)[rung].astype(float), abs=1e-6)


def test_ranks_hold_exactly_and_the_ladder_descends(observed):
    ranks = {name: int(exact_rank(rows)) for name, rows in rungs(observed).items()}
    assert ranks == rung_ranks(*observed.weights.shape)
    order = ["logits", "probabilities", "2 log-probabilities", "top-2 sampling", "mean log-odds"]
    assert sorted((ranks[name] for name in order), reverse=True) == [ranks[n] for n in order]


def test_a_coarser_rung_sees_nothing_that_a_finer_one_does_not(observed):
    exact = rungs(observed)
    finer_and_coarser = [
        ("logits", "probabilities"),
        ("probabilities", "2 log-probabilities"),
        ("2 log-probabilities", "top-2 sampling"),
        ("log-odds", "mean log-odds"),
    ]
    for finer, coarser in finer_and_coarser:
        both = np.concatenate([exact[finer], exact[coarser]])
        assert int(exact_rank(both)) == int(exact_rank(exact[finer]))


def test_the_greedy_token_stays_inside_the_ball_and_its_bound_is_attained(observed):
    rng = np.random.default_rng(0)
    directions = rng.standard_normal((500, observed.width))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    for x, (J, w) in enumerate(zip(observed.jacobians, observed.weights, strict=True)):
        first, second = np.sort(w)[::-1][:2]
        reach = np.sqrt(2) * observed.lipschitz * abs(observed.strength)
        radius = np.log(first / second) / reach
        greedy = int(np.argmax(w))
        away = (J - J[greedy]) * np.sign(observed.strength)
        worst = away[np.arange(len(w)) != greedy].astype(float)
        worst /= np.linalg.norm(worst, axis=1, keepdims=True)
        for u in (*directions, *worst):
            assert int(np.argmax(observed.probabilities(x, 0.999 * radius * u))) == greedy
    # Orthonormal rows attain it: half a percent beyond the radius another token is drawn.
    margin, strength = np.log(3.0), 2.0
    at_tie = 1.005 * margin / (np.sqrt(2) * strength) * np.array([-1, 1]) / np.sqrt(2)
    assert int(np.argmax(np.array([margin, 0.0]) + strength * at_tie)) == 1


def test_a_longer_completion_shows_all_that_its_first_token_shows_and_more(observed):
    whole = measured_metric(observed.completions, np.zeros(observed.width), 2e-4)
    gained = np.linalg.eigvalsh(whole - observed.metric(0))
    assert gained[0] > -1e-7 * gained[-1]
    prompts, tokens = observed.weights.shape
    assert int(np.sum(np.linalg.eigvalsh(whole) > 1e-6)) == prompts * (tokens - 1)


def test_temperature_keeps_the_kernel_changes_the_metric_and_forgets_the_logits_when_hot(observed):
    metric, hot = observed.metric(0), 1e6
    first = observed.jacobians[0] * observed.strength
    uniform = np.cov(first.T, bias=True)
    assert observed.metric(0, hot) * hot**2 == pytest.approx(uniform, rel=1e-4, abs=1e-4)
    warm = observed.metric(0, 2.0)
    assert Spectrum.of(warm).rank() == Spectrum.of(metric).rank()
    kernel = Spectrum.of(metric).null_space
    assert np.abs(warm @ kernel).max() < 1e-12 * np.abs(metric).max()
    # No multiple of G: their ratio differs from one direction to another.
    ratios = np.linalg.eigvals(np.linalg.pinv(metric, rcond=1e-9) @ warm).real
    ratios = np.sort(ratios[np.abs(ratios) > 1e-6])
    assert ratios[-1] / ratios[0] > 1.1


def test_greedy_completions_carry_nothing(observed):
    greedy = next(c for c in COUNTEREXAMPLES if c.assumption == "sampled completions")
    instance = greedy.build(np.random.default_rng(0))
    assert not measured_metric(instance.completions, np.zeros(instance.width), 2e-4).any()
    assert softmax(instance.logits(0, np.zeros(instance.width))).max() < 1
