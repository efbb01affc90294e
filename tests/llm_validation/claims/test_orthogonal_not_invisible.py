"""The ratio that theory gives is confirmed, and so is that such directions are seen."""

from dataclasses import replace

import numpy as np
import pytest

from llm_validation.claims import orthogonal_not_invisible as claim
from llm_validation.claims.claim import Outcome
from tests.llm_validation.claims.known_setting import LAYER, KnownSetting


@pytest.fixture(autouse=True)
def many_directions(monkeypatch):
    monkeypatch.setitem(claim.DIRECTIONS, "full", 60)


def _judged(setting, arm):
    rows = [row for row in claim.judge(setting, claim.predict(setting)) if row.arm == arm]
    return [row for row in rows if row.verdict is not None]


def test_the_predicted_ratio_is_confirmed():
    rows = _judged(KnownSetting(), "random ⊥ / v")
    assert [row.alpha for row in rows] == [0.1, 0.25, 0.5]
    assert all(row.verdict is Outcome.CONFIRMED for row in rows)


def test_a_ratio_of_another_vector_is_refuted():
    """v along the top direction is far more visible than the vector that was predicted for."""
    stated = [arm for arm in claim.predict(KnownSetting()) if arm.prediction.unit == "ratio of KL"]
    other = KnownSetting()
    other.planted = 0.3 * other.spectrum(LAYER).eigenvectors[:, 0]
    moved = [arm for arm in claim.predict(other) if arm.prediction.unit == "ratio of KL"]
    assert all(arm.prediction.prediction < 0.3 for arm in moved)
    mixed = [
        replace(old, cells=arm.cells, data=replace(arm.data, extra=old.data.extra))
        for arm, old in zip(moved, stated, strict=True)
    ]
    rows = [row for row in claim.judge(other, mixed) if row.verdict is not None]
    assert len(rows) == 3
    assert all(row.verdict is Outcome.REFUTED for row in rows)


def test_random_directions_are_seen_where_they_are_predicted_to_be():
    setting = KnownSetting()
    setting.planted = 30 * setting.planted
    rows = _judged(setting, "random ⊥ visible")
    assert rows
    assert all(row.prediction > 0.01 for row in rows)
    assert all(row.verdict is Outcome.CONFIRMED for row in rows)


def test_nothing_is_claimed_where_a_random_direction_should_not_be_seen():
    setting = KnownSetting()
    setting.planted = 1e-3 * setting.planted
    (row,) = _judged(setting, "random ⊥ visible")
    assert row.verdict is Outcome.INCONCLUSIVE and row.alpha == 2.0
    assert "at every strength" in row.reason


def test_visibility_predicted_from_a_metric_too_large_is_refuted():
    setting = KnownSetting(metric_factor=1e4)
    setting.planted = 0.1 * setting.planted
    rows = _judged(setting, "random ⊥ visible")
    assert any(row.verdict is Outcome.REFUTED for row in rows)


def test_displacements_are_v_and_norm_matched_directions_orthogonal_to_it():
    setting = KnownSetting()
    for arm in claim.predict(setting):
        moved = arm.cells[0].settings["displacements"][arm.data.columns]
        if arm.prediction.unit == "ratio of KL":
            np.testing.assert_allclose(moved[0], arm.prediction.alpha * setting.planted)
            moved = moved[1:]
        np.testing.assert_allclose(moved @ setting.planted, 0, atol=1e-12)
        sizes = np.linalg.norm(moved, axis=1)
        norm = arm.prediction.alpha * np.linalg.norm(setting.planted)
        np.testing.assert_allclose(sizes, norm)
