"""Recovery from all logits of a tiny decoder: rounding of a known size, curvature as it comes."""

from __future__ import annotations

import numpy as np
import pytest

from llm_validation.claims import planted_recovery as claim
from llm_validation.claims.claim import Outcome
from llm_validation.scale import Scale
from tests.llm_validation.claims.tiny_setting import TinySetting

NOISE = 1e-4
"""Of a coordinate: at the strength of rounding far above the curvature of this model."""


@pytest.fixture(autouse=True)
def many_prompts(monkeypatch):
    """A tiny decoder's prompt costs little, and intervals need clusters."""
    for sizes in (claim.PREDICTING, claim.MEASURING):
        for scale in (Scale.THIN, Scale.FULL):
            monkeypatch.setitem(sizes, scale, 24)


def noisy(stated: float):
    """Add rounding of a known size to the odd differences, and state it times ``stated``."""

    def alter(cell, measured):
        if "odd" not in measured:
            return measured
        rng = np.random.default_rng(cell.settings["ids"])
        odd = measured["odd"] + NOISE / np.sqrt(2) * rng.standard_normal(measured["odd"].shape)
        samples = stated * NOISE * rng.standard_normal((40, odd.shape[-1]))
        return {**measured, "odd": odd, "rounding": samples}

    return alter


def rows(alter):
    setting = TinySetting(prompts=24, alter=alter)
    return {(r.arm, r.alpha): r for r in claim.judge(setting, claim.predict(setting))}


def of_rounding(found):
    return [row for (arm, _), row in found.items() if arm.startswith("rounding")]


def test_rounding_of_the_stated_size_is_confirmed():
    judged = of_rounding(rows(noisy(1.0)))
    assert len(judged) == claim.BANDS + len(claim.PROMPTS[Scale.THIN])
    # Bands of six dimensions spread by a factor of two of their own: not all are decided.
    assert sum(row.verdict is Outcome.CONFIRMED for row in judged) >= len(judged) // 2
    assert not any(row.verdict is Outcome.REFUTED for row in judged)


def test_rounding_stated_four_times_too_small_is_refuted():
    judged = of_rounding(rows(noisy(0.25)))
    assert not any(row.verdict is Outcome.CONFIRMED for row in judged)
    assert sum(row.verdict is Outcome.REFUTED for row in judged) >= len(judged) - 2


@pytest.fixture
def twelve(monkeypatch):
    """Six blocks of two prompts, the fewest that are judged."""
    for sizes in (claim.PREDICTING, claim.MEASURING):
        monkeypatch.setitem(sizes, Scale.THIN, 12)


@pytest.mark.usefixtures("twelve")
@pytest.mark.parametrize("noise", [0.1, 1.0])
def test_the_whole_vector_comes_back_where_rounding_allows_it(noise, monkeypatch):
    monkeypatch.setattr(f"{__name__}.NOISE", NOISE * noise)
    found = rows(noisy(1.0))
    row = found["whole v, 2 prompts", claim.ROUNDING_STRENGTH]
    low, high = row.prediction_interval
    assert low <= row.prediction <= high
    assert (row.prediction >= 0.95) == (noise == 0.1)
    assert row.margin == (0.95 if noise == 0.1 else 0.1)
    assert row.measured == pytest.approx(row.prediction, abs=0.1)
    assert row.verdict is (Outcome.CONFIRMED if noise == 0.1 else row.verdict)
    assert row.verdict is not Outcome.REFUTED


@pytest.mark.usefixtures("twelve")
def test_a_vector_that_does_not_come_back_is_refuted():
    def away(cell, measured):
        measured = noisy(1.0)(cell, measured)
        return {**measured, "odd": -measured["odd"]} if "odd" in measured else measured

    row = rows(away)["whole v, 2 prompts", claim.ROUNDING_STRENGTH]
    assert row.verdict is Outcome.REFUTED


def test_curvature_has_slope_two_and_one_sided_differences_do_not():
    def one_sided(cell, measured):
        """A second-order term, as if one sign alone had been measured."""
        if "odd" not in measured or not measured["odd"].size:
            return measured
        alphas = np.array(cell.settings["strengths"])[:, None]
        return {**measured, "odd": measured["odd"] * (1 + alphas)}

    for alter, expected in ((lambda _, x: x, Outcome.CONFIRMED), (one_sided, Outcome.REFUTED)):
        found = rows(alter)
        slopes = [row for (arm, _), row in found.items() if arm.startswith("curvature")]
        assert len(slopes) == 2
        assert all(row.verdict is expected for row in slopes)
    assert found["v, 2 prompts", 0.05].verdict is None


@pytest.mark.usefixtures("twelve")
@pytest.mark.parametrize(("noise", "judged"), [(1e-3, True), (6e-3, False)])
def test_a_slope_that_is_that_of_rounding_is_no_verdict(noise, judged, monkeypatch):
    monkeypatch.setattr(f"{__name__}.NOISE", NOISE * noise)
    slopes = [row for (arm, _), row in rows(noisy(1.0)).items() if arm.startswith("curvature")]
    assert len(slopes) == 2
    assert all(("rounding is" in row.reason) != judged for row in slopes)
    assert all((row.verdict is Outcome.CONFIRMED) == judged for row in slopes)


@pytest.mark.usefixtures("twelve")
def test_rows_of_cosines_say_what_the_estimator_foresaw_and_what_it_saw():
    found = rows(noisy(1.0))
    said = "said before, by other prompts, all of v; by these the same"
    for name in ("whole v, 2 prompts", "random, 2 prompts", "v, 4 prompts"):
        (row,) = (r for (arm, alpha), r in found.items() if arm == name and alpha != 0.25)
        assert said in row.reason
    assert "said before" not in found["rounding, 2 prompts", claim.ROUNDING_STRENGTH].reason


@pytest.mark.parametrize(
    ("predicting", "measuring", "wholes", "errors"),
    [(20, 40, [1, 2, 4], [1, 2]), (24, 40, [1, 2, 4], [1, 2, 4]), (24, 23, [1, 2], [1, 2])],
)
def test_rows_without_six_blocks_in_a_full_run_are_reported(
    predicting, measuring, wholes, errors, monkeypatch
):
    monkeypatch.setitem(claim.PREDICTING, Scale.FULL, predicting)
    monkeypatch.setitem(claim.MEASURING, Scale.FULL, measuring)
    found = rows(noisy(1.0))
    for kind, judged in (("whole v", wholes), ("rounding", errors)):
        for count in claim.PROMPTS[Scale.THIN]:
            name = f"{kind}, {count} prompt{'s' if count > 1 else ''}"
            row = found[name, claim.ROUNDING_STRENGTH]
            assert (row.verdict is not None) == (count in judged)


def test_predictions_rest_on_the_predicting_prompts_alone():
    setting = TinySetting(prompts=24)
    claim.predict(setting)
    prepared = {cell.key for cell in claim.preparation(setting)}
    assert setting._found.keys() <= prepared
