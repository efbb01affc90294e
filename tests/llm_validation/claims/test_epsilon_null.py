"""Invisible directions: true predictions are confirmed, false ones refuted, the rest not judged."""

import numpy as np
import pytest

from llm_validation.claims import epsilon_null
from llm_validation.claims.claim import Outcome
from tests.llm_validation.claims.known_setting import LAYER, KnownSetting


@pytest.fixture(autouse=True)
def many_directions(monkeypatch):
    """Few directions matter in a steep spectrum: many draws, or their spread decides nothing."""
    monkeypatch.setitem(epsilon_null.DIRECTIONS, "full", 60)


def _rows(setting):
    arms = [arm for arm in epsilon_null.predict(setting) if arm.unmeasurable is None]
    return epsilon_null.judge(setting, arms)


def test_true_predictions_are_confirmed():
    rows = [row for row in _rows(KnownSetting()) if row.verdict is not None]
    assert {row.arm for row in rows} >= {"decile 1", "decile 10", "null", "null edge"}
    assert sum(row.verdict is Outcome.CONFIRMED for row in rows) >= 0.9 * len(rows)
    assert not any(row.verdict is Outcome.REFUTED for row in rows)


def test_a_metric_four_times_too_large_is_refuted():
    rows = _rows(KnownSetting(metric_factor=4.0))
    judged = [row for row in rows if row.arm != "null" and row.verdict is not None]
    assert judged
    assert all(row.verdict is Outcome.REFUTED for row in judged)


def test_a_null_space_chosen_with_a_metric_too_small_is_refuted():
    """What it calls invisible is seen: the limit in nats and the edge both say so."""
    rows = _rows(KnownSetting(metric_factor=0.01))
    null = [row for row in rows if row.arm == "null" and row.alpha >= 0.5]
    edge = [row for row in rows if row.arm == "null edge" and row.verdict is not None]
    assert null and edge
    assert any(row.verdict is Outcome.REFUTED for row in null)
    assert all(row.verdict is Outcome.REFUTED for row in edge)


def test_a_prediction_depends_on_no_measuring_prompt():
    one, other = KnownSetting(), KnownSetting()
    for ids in other.prompts.measuring:
        readout, bias = other.readouts[ids[0]]
        other.readouts[ids[0]] = (2 * readout, bias)
    pairs = zip(epsilon_null.predict(one), epsilon_null.predict(other), strict=True)
    assert all(a.prediction == b.prediction for a, b in pairs)
    third = KnownSetting()
    place = third.prompts.predicting[0][0]
    readout, bias = third.readouts[place]
    third.readouts[place] = (2 * readout, bias)
    assert epsilon_null.predict(third)[0].prediction != epsilon_null.predict(one)[0].prediction


def test_displacements_are_norm_matched_orthogonal_and_in_their_part_of_the_spectrum():
    setting = KnownSetting()
    vector, vectors = setting.planted, setting.spectrum(LAYER).eigenvectors
    for arm in epsilon_null.predict(setting):
        moved = arm.cells[0].settings["displacements"][arm.data.columns]
        sizes = np.linalg.norm(moved, axis=1)
        np.testing.assert_allclose(sizes, arm.prediction.alpha * np.linalg.norm(vector))
        np.testing.assert_allclose(moved @ vector, 0, atol=1e-12)
        if arm.prediction.arm == "decile 10":
            np.testing.assert_allclose(moved @ vectors[:, :18], 0, atol=1e-12)


def test_what_lies_at_the_floor_of_rounding_is_not_judged():
    banded = [row for row in _rows(KnownSetting(floor=1.0)) if row.arm != "null"]
    assert banded
    assert all(row.verdict is None for row in banded)
    assert all("floor" in row.reason for row in banded)


def test_strengths_beyond_a_half_are_reported_and_not_judged():
    strong = [row for row in _rows(KnownSetting()) if row.alpha > 0.5 and row.arm != "null"]
    assert strong
    assert all(row.verdict is None and row.measured is not None for row in strong)


def test_without_invisible_directions_there_is_nothing_to_measure():
    """A metric that sees everything at every radius leaves no epsilon-null space."""
    arms = epsilon_null.predict(KnownSetting(metric_factor=1e9))
    null = [arm for arm in arms if arm.prediction.arm.startswith("null")]
    assert len(null) == 2 * len(epsilon_null.STRENGTHS["full"])
    for arm in null:
        assert arm.prediction.prediction is None
        assert "fewer than two dimensions" in arm.unmeasurable
