"""Effects against closed forms, and what pairing and clustering are for."""

import numpy as np
import pytest

from identifiability.errors import InvalidInput
from identifiability.statistics import effect_size


@pytest.fixture
def scores():
    """Arm and baseline (20, 5): prompts differ by far more than the arms do."""
    rng = np.random.default_rng(0)
    prompts = 3 * rng.standard_normal((20, 1))
    arm = prompts + 0.5 + 0.3 * rng.standard_normal((20, 5))
    return arm, prompts + 0.3 * rng.standard_normal((20, 5))


def test_the_estimates_are_the_mean_difference_and_cohens_d_of_cluster_means(scores):
    arm, baseline = scores
    found = effect_size(arm, baseline, rng=np.random.default_rng(1))
    means = arm.mean(axis=1), baseline.mean(axis=1)
    difference = means[0].mean() - means[1].mean()
    spread = np.sqrt((means[0].var(ddof=1) + means[1].var(ddof=1)) / 2)
    assert found.n == 20
    assert found.difference.estimate == pytest.approx(difference)
    assert found.standardised.estimate == pytest.approx(difference / spread)


def test_pairing_takes_what_prompts_share_out_of_both_intervals(scores):
    arm, baseline = scores
    rng = np.random.default_rng(1)
    paired = effect_size(arm, baseline, rng=rng)
    shuffled = effect_size(arm, baseline[::-1], rng=rng)
    assert paired.difference.low > 0 > shuffled.difference.low
    assert paired.standardised.low > 0 > shuffled.standardised.low


def test_repeating_samples_of_a_prompt_adds_no_evidence(scores):
    arm, baseline = scores
    repeated = [np.repeat(x, 10, axis=1) for x in scores]
    once = effect_size(arm, baseline, rng=np.random.default_rng(1))
    often = effect_size(*repeated, rng=np.random.default_rng(1))
    assert often.difference.high == pytest.approx(once.difference.high)
    assert often.n == once.n


@pytest.mark.parametrize("unit", [100, 1e-6])
def test_d_is_in_no_unit(scores, unit):
    arm, baseline = scores
    plain = effect_size(arm, baseline, rng=np.random.default_rng(1)).standardised
    scaled = effect_size(7 - unit * arm, 7 - unit * baseline, rng=np.random.default_rng(1))
    assert scaled.standardised.estimate == pytest.approx(-plain.estimate)
    assert scaled.standardised.low == pytest.approx(-plain.high, rel=0.1)


def test_where_neither_arm_varies_there_is_no_d():
    found = effect_size([2.0, 2.0, 2.0], [1.0, 1.0, 1.0], rng=np.random.default_rng(0))
    assert found.standardised is None
    assert found.difference.low == found.difference.high == 1.0


def test_arms_of_different_prompts_are_refused():
    with pytest.raises(InvalidInput, match="same clusters"):
        effect_size([1.0, 2.0, 3.0], [1.0, 2.0], rng=np.random.default_rng(0))
