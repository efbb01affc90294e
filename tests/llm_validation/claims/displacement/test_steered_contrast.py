"""The paper's two distances and the same at equal displacement, where the map is linear."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from llm_validation.claims import logit_distance as claim
from llm_validation.claims.claim import Outcome
from tests.llm_validation.claims.readout_setting import Readouts


def _arms(setting):
    return [arm for arm in claim.predict(setting) if arm.prediction.arm == claim.PAPER]


def test_the_papers_ratio_is_that_of_two_lengths_and_goes_away_at_equal_displacement():
    setting = Readouts()
    # A map that sees all directions alike has no null space; theirs "passes" with 1/√2.
    gaussian = np.random.default_rng(0).standard_normal((setting.tokens, setting.width))
    flat = np.linalg.qr(gaussian)[0]
    setting.readouts[:] = [(flat, bias) for _, bias in setting.readouts]
    row = claim.judge(setting, _arms(setting))[0]
    assert row.paper_statistic == pytest.approx(0.5**0.5, rel=0.1)
    assert row.measured == pytest.approx(1)
    assert row.verdict is Outcome.CONFIRMED


def test_the_contrast_is_measured_at_equal_displacement():
    setting = Readouts()
    arm = _arms(setting)[0]
    aside, as_far, there = np.split(arm.cells[0].settings["displacements"], 3)
    base, norm = arm.cells[0].settings["base"], np.linalg.norm(setting.planted)
    alpha = arm.prediction.alpha
    np.testing.assert_allclose(base, alpha * setting.planted)
    np.testing.assert_allclose(np.linalg.norm(aside, axis=1), alpha * norm)
    np.testing.assert_allclose(np.linalg.norm(as_far, axis=1), alpha * norm)
    np.testing.assert_allclose(aside @ setting.planted, 0, atol=1e-12)
    # The paper's own ends at a random vector of v's length.
    np.testing.assert_allclose(np.linalg.norm(base + there, axis=1), alpha * norm)
    reached = np.linalg.norm(there, axis=1) / np.linalg.norm(as_far, axis=1)
    np.testing.assert_allclose(as_far * reached[:, None], there)


def test_a_contrast_that_was_predicted_otherwise_is_refuted():
    setting = Readouts()
    wrong = [
        replace(arm, data=replace(arm.data, predicted=arm.data.predicted * [4.0, 1.0]))
        for arm in _arms(setting)
        if arm.prediction.alpha <= 0.5
    ]
    assert all(row.verdict is Outcome.REFUTED for row in claim.judge(setting, wrong))
