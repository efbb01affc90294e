"""Claims confirm what is true, refute what is not, and do not judge what they cannot."""

import numpy as np
import pytest

from identifiability.statistics import Interval
from llm_validation.claims import epsilon_null, orthogonal_not_invisible
from llm_validation.claims.claim import EPSILON, LOG_BAND, Outcome, at_most, within_band
from tests.llm_validation.claims.softmax_setting import SoftmaxSetting


def _interval(low, high):
    return Interval((low + high) / 2, low, high, 0.95, 1000)


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [
        (-0.1, 0.2, Outcome.CONFIRMED),
        (-LOG_BAND, LOG_BAND, Outcome.CONFIRMED),
        (0.7, 0.9, Outcome.REFUTED),
        (-2.0, -0.7, Outcome.REFUTED),
        (0.5, 0.9, Outcome.INCONCLUSIVE),
        (-1.0, 1.0, Outcome.INCONCLUSIVE),
    ],
)
def test_the_band_needs_the_whole_interval_inside_or_outside(low, high, outcome):
    assert within_band(_interval(low, high))[0] is outcome


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [
        (0.001, 0.01, Outcome.CONFIRMED),
        (0.011, 0.02, Outcome.REFUTED),
        (0.005, 0.02, Outcome.INCONCLUSIVE),
    ],
)
def test_an_upper_limit_is_judged_by_its_bounds(low, high, outcome):
    verdict, reason = at_most(_interval(low, high), EPSILON, "nats")
    assert verdict is outcome
    if outcome is not Outcome.INCONCLUSIVE:
        assert "97.5 %" in reason


def _judged(setting, claim, directions=4):
    rows = claim.measure(setting, claim.predict(setting, directions))
    return [row for row in rows if row.verdict is not None]


@pytest.mark.parametrize("claim", [epsilon_null, orthogonal_not_invisible])
def test_true_predictions_are_confirmed(claim):
    # Few directions matter in a steep spectrum: many draws, or their spread decides nothing.
    rows = _judged(SoftmaxSetting(), claim, directions=60)
    confirmed = sum(row.verdict is Outcome.CONFIRMED for row in rows)
    assert confirmed >= 0.9 * len(rows)
    assert not any(row.verdict is Outcome.REFUTED for row in rows)


def test_a_metric_four_times_too_large_is_refuted():
    rows = _judged(SoftmaxSetting(metric_factor=4.0), epsilon_null)
    deciles = [row for row in rows if row.arm != "null"]
    assert all(row.verdict is Outcome.REFUTED for row in deciles)


def test_a_ratio_of_one_would_be_refuted_for_a_visible_vector():
    """v along the top direction: orthogonal directions are far less visible, and rho says so."""
    setting = SoftmaxSetting()
    top = setting.choosing_spectrum.eigenvectors[:, 0]
    setting.vectors["planted"].vector = 0.3 * top
    arms = orthogonal_not_invisible.predict(setting, 6)
    assert all(arm.prediction.prediction < 0.3 for arm in arms)
    rows = [r for r in orthogonal_not_invisible.measure(setting, arms) if r.verdict is not None]
    assert all(row.verdict is not Outcome.REFUTED for row in rows)
    assert all(row.interval[1] < 0.5 for row in rows)


def test_predictions_use_no_measured_prompt():
    """Changing what is measured changes no prediction; changing what predicts does."""
    one, other = SoftmaxSetting(), SoftmaxSetting()
    rng = np.random.default_rng(9)
    other._readouts[-1] = (rng.standard_normal((60, 20)), rng.standard_normal(60))
    for claim in (epsilon_null, orthogonal_not_invisible):
        pairs = zip(claim.predict(one, 3), claim.predict(other, 3), strict=True)
        assert all(a.prediction == b.prediction for a, b in pairs)
    other.predicting_metrics[0] *= 2
    changed = epsilon_null.predict(other, 3)[0].prediction
    assert changed != epsilon_null.predict(one, 3)[0].prediction


def test_displacements_are_norm_matched_orthogonal_and_in_their_decile():
    setting = SoftmaxSetting()
    vector = setting.vectors["planted"].vector
    spectrum = setting.choosing_spectrum
    for arm in epsilon_null.predict(setting, 4):
        sizes = np.linalg.norm(arm.displacements, axis=1)
        np.testing.assert_allclose(sizes, arm.prediction.alpha * np.linalg.norm(vector))
        np.testing.assert_allclose(arm.displacements @ vector, 0, atol=1e-12)
        if arm.prediction.arm == "decile 10":
            outside = spectrum.eigenvectors[:, :18]
            np.testing.assert_allclose(arm.displacements @ outside, 0, atol=1e-12)
    for arm in orthogonal_not_invisible.predict(setting, 4):
        np.testing.assert_allclose(arm.displacements[0], arm.prediction.alpha * vector)
        np.testing.assert_allclose(arm.displacements[1:] @ vector, 0, atol=1e-12)


def test_what_lies_at_the_floor_of_rounding_is_not_judged():
    rows = _judged(SoftmaxSetting(divergence_floor=1.0), epsilon_null)
    deciles = [row for row in rows if row.arm != "null"]
    assert all(row.verdict is Outcome.INCONCLUSIVE for row in deciles)
    assert all("floor" in row.reason for row in deciles)


def test_strengths_beyond_a_half_are_reported_and_not_judged():
    rows = epsilon_null.measure(SoftmaxSetting(), epsilon_null.predict(SoftmaxSetting(), 2))
    strong = [row for row in rows if row.alpha > 0.5 and row.arm != "null"]
    assert strong
    assert all(row.verdict is None and row.measured is not None for row in strong)


def test_an_arm_without_directions_is_a_missing_cell_with_its_reason():
    """A metric that sees everything at every radius leaves no epsilon-null space."""
    setting = SoftmaxSetting()
    setting.choosing_metrics[:] = 1e6 * np.eye(setting.width)
    rows = epsilon_null.measure(setting, epsilon_null.predict(setting, 2))
    null = [row for row in rows if row.arm == "null"]
    assert len(null) == len(epsilon_null.STRENGTHS)
    for row in null:
        assert row.measured is None
        assert row.verdict is None
        assert "nothing to test" in row.reason
        assert row.key == f"epsilon_null/planted/null/{row.alpha:g}"
