"""Class, witness and prediction on known metrics."""

import numpy as np
import pytest

from llm_validation.audit.steered_class import (
    SteeredClass,
    left_out_divergences,
    prediction_interval,
)
from llm_validation.prompt_fisher import mean_of
from tests.llm_validation.audit import populations

EPSILON = 0.01
METRIC = np.diag([4.0, 1.0, 1e-6, 1e-7, 0.0])
TOWARDS = np.array([0.3, -1.0, 0.2, 0.5, 0.8])


def _class(vector, metric=METRIC):
    return SteeredClass.of([metric, metric], np.asarray(vector, float), EPSILON, 0.0)


def test_energy_is_what_was_planted():
    seen, hidden = np.array([1.0, 2.0, 0, 0, 0]), np.array([0, 0, 1.0, -1.0, 1.0])
    found = _class(seen + hidden)
    assert found.energy_below == pytest.approx(3 / 8)
    np.testing.assert_allclose(found.whole.representative, seen, atol=1e-12)


@pytest.mark.parametrize("fraction", [1.0, 0.5, 0.125])
def test_the_witness_has_the_norm_and_the_chord(fraction):
    vector = np.array([0.3, 0.1, 1.0, 0.5, -0.7])
    found = _class(vector)
    step = found.step(fraction, TOWARDS)
    other = vector + step
    assert np.linalg.norm(other) == pytest.approx(np.linalg.norm(vector))
    assert np.linalg.norm(step) == pytest.approx(fraction * found.radius)
    np.testing.assert_allclose(step[:2], 0, atol=1e-12)
    assert 0.5 * step @ METRIC @ step <= EPSILON
    # At equal norm cos = 1 - c²/2 for a chord c of the unit sphere.
    cosine = vector @ other / found.radius**2
    assert cosine == pytest.approx(1 - fraction**2 / 2)


def test_a_small_invisible_part_is_turned_as_far_as_it_goes_and_left_beyond():
    """Of length 0.2, it can be turned round to 0.4; a longer step changes the norm."""
    found = _class([1.0, 0, 0.2, 0, 0])
    short, long = (found.step(c / found.radius, TOWARDS) for c in (0.4, 0.41))
    np.testing.assert_allclose(short, [0, 0, -0.4, 0, 0], atol=1e-7)
    assert np.linalg.norm(long) == pytest.approx(0.41)
    np.testing.assert_allclose(long[:2], 0, atol=1e-12)
    assert np.linalg.norm(found.displacement + long) > found.radius


def test_no_invisible_part_leaves_a_member_of_another_norm():
    found = _class([1.0, 1.0, 0, 0, 0])
    assert found.energy_below == pytest.approx(0)
    np.testing.assert_allclose(found.step(1.0, TOWARDS)[:2], 0, atol=1e-12)
    assert np.linalg.norm(found.step(1.0, TOWARDS)) == pytest.approx(found.radius)


def test_the_cut_is_that_of_the_whole_radius_at_every_distance():
    found = _class([0.5, 0, 1.0, 0, 0])
    assert [found.within(f).dimension for f in (1.0, 0.5, 0.125)] == [3, 3, 3]


def test_the_verdict_flips_where_the_least_eigenvalue_shows():
    found = SteeredClass.of([np.diag([1.0, 0.02])] * 2, np.array([0.0, 3.0]), EPSILON, 1e-3)
    low, high = found.flips_at
    assert low == pytest.approx(0.5 * 9 * 0.019, rel=1e-6)
    assert high == pytest.approx(0.5 * 9 * 0.021, rel=1e-6)
    assert _class([1.0, 0, 0, 0, 1.0]).flips_at[0] == 0


def test_left_out_divergences_predict_new_prompts_and_the_own_ones_do_not():
    rng = np.random.default_rng(0)
    mean, own, left_out, fresh, inside = populations.mean(), [], [], [], []
    for _ in range(60):
        vector, towards = rng.standard_normal((2, populations.WIDTH))
        vector *= 0.5 / np.linalg.norm(vector)
        metrics = populations.draw(8, rng)
        found = SteeredClass.of(metrics, vector, EPSILON, 0.0)
        step = found.step(1.0, towards)
        values = left_out_divergences(metrics, found, [1.0], towards)[:, 0]
        own.append(0.5 * step @ mean_of(metrics) @ step)
        left_out.append(values.mean())
        fresh.append(0.5 * step @ mean @ step)
        _, low, high = prediction_interval(values, 8)
        held = mean_of(populations.draw(8, rng))
        inside.append(low <= 0.5 * step @ held @ step <= high)
    assert np.mean(own) < 0.7 * np.mean(fresh)
    assert np.mean(left_out) == pytest.approx(np.mean(fresh), rel=0.15)
    assert np.mean(inside) >= 0.88  # 0.95 less two and a half standard errors of 60
