"""Columns of two known environments are found if their variance profiles differ, else never."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from llm_validation.claims import covariance_environments as claim
from llm_validation.claims.activations import half_agreement
from llm_validation.claims.activations.half_agreement import TURNING
from llm_validation.claims.claim import Arm, ClaimResult, Outcome
from tests.llm_validation.claims.known_tokens import KnownTokens, mixing

WIDTH = 3
A = mixing(WIDTH)


@pytest.fixture(autouse=True)
def fewer_surrogates(monkeypatch):
    monkeypatch.setattr(half_agreement, "SURROGATES", 12)


def with_ratios(*ratios: float):
    """Gaussian sources whose variances in the shifted environment are these times as large."""

    def draw(rng: np.random.Generator, source: str, count: int) -> np.ndarray:
        scales = np.sqrt(ratios) if source == "shifted" else np.ones(WIDTH)
        return rng.standard_normal((count, WIDTH)) * scales @ A.T + (source == "shifted")

    return draw


def rows(draw) -> dict[str, ClaimResult]:
    setting = KnownTokens(draw, width=WIDTH, shifted=60)
    for cell in claim.preparation(setting):
        setting.of(cell)
    found = claim.judge(setting, claim.predict(setting))
    assert len(found) == 3
    return {row.arm: row for row in found}


def test_distinct_profiles_are_confirmed_for_gaussian_sources():
    found = rows(with_ratios(4.0, 1.0, 0.25))
    assert {row.verdict for row in found.values()} == {Outcome.CONFIRMED}
    pair = found["least separated pair"]
    assert pair.measured == pytest.approx(np.log(4), abs=0.3)
    assert found["columns, minimum"].prediction == pytest.approx(1, abs=0.02)


def test_two_equal_profiles_turn_and_one_column_stays():
    found = rows(with_ratios(4.0, 1.0, 1.0))
    assert found["least separated pair"].verdict is Outcome.REFUTED
    assert found["columns, minimum"].verdict is not Outcome.CONFIRMED
    assert "rotation within columns" in found["columns, minimum"].reason


def test_one_covariance_in_both_confirms_nothing():
    found = rows(with_ratios(1.0, 1.0, 1.0))
    assert not [row for row in found.values() if row.verdict is Outcome.CONFIRMED]
    least = found["columns, minimum"]
    assert least.verdict is Outcome.INCONCLUSIVE
    assert least.prediction is not None and least.prediction < TURNING


def test_a_mixing_that_is_another_in_the_second_half_is_refuted():
    """What the first half shows is well determined, and the second half shows something else."""
    setting = KnownTokens(with_ratios(4.0, 1.0, 0.25), width=WIDTH, shifted=60)
    arms = claim.predict(setting)
    turn = np.linalg.qr(np.random.default_rng(3).standard_normal((WIDTH, WIDTH)))[0]

    def turned(arm: Arm) -> Arm:
        second = [(states @ turn.T, labels) for states, labels in arm.data.second()]
        return replace(arm, data=replace(arm.data, second=lambda: second))

    found = {row.arm: row for row in claim.judge(setting, [turned(arm) for arm in arms])}
    assert found["columns, minimum"].verdict is Outcome.REFUTED


def test_exchanged_groups_have_one_covariance_and_no_mean():
    rng = np.random.default_rng(0)
    draw = with_ratios(9.0, 1.0, 1.0)
    half = [
        (draw(rng, source, 4000), np.repeat(np.arange(400), 10)) for source in ("pairs", "shifted")
    ]
    drawn = claim.exchanged(rng, half)
    first, second = (np.cov(states.T) for states, _ in drawn)
    np.testing.assert_allclose(first, second, rtol=0.25, atol=0.15)
    pooled = np.mean([np.cov(states.T) for states, _ in half], axis=0)
    np.testing.assert_allclose((first + second) / 2, pooled, rtol=0.05, atol=0.02)
    for (states, labels), (before, _) in zip(drawn, half, strict=True):
        assert states.shape == before.shape and len(np.unique(labels)) == 400
        assert np.abs(states.mean(axis=0)).max() < 0.2


def test_too_few_contexts_are_told():
    setting = KnownTokens(with_ratios(4.0, 1.0, 1.0), width=WIDTH, shifted=20)
    (arm,) = claim.predict(setting)
    assert arm.unmeasurable is not None and "groups in a half" in arm.unmeasurable
    assert arm.cells == ()


def test_nothing_that_is_measured_is_known_to_the_predictions():
    setting = KnownTokens(with_ratios(4.0, 1.0, 0.25), width=WIDTH, shifted=60)
    before = {cell.key for cell in claim.preparation(setting)}
    for arm in claim.predict(setting):
        assert arm.cells and not before & {cell.key for cell in arm.cells}
