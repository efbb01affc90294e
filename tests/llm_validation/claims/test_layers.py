"""Reads of later layers: the generic rank is confirmed, and repeated reads are caught."""

from __future__ import annotations

import numpy as np

from identifiability.recovery.least_squares import LeastSquaresRecovery
from llm_validation.claims import layers as claim
from llm_validation.claims.claim import Outcome
from tests.llm_validation.architectures import WIDTH
from tests.llm_validation.claims.tiny_setting import TinySetting


def rows(**options):
    setting = TinySetting(layer=0, **options)
    return {row.arm: row for row in claim.judge(setting, claim.predict(setting))}


def test_true_predictions_are_confirmed():
    found = rows(length=0.5)
    # Three later layers of 9 reads each in a width of 32.
    dimensions = [found[f"{k} later layer{s} read, dimension"] for k, s in ((1, ""), (3, "s"))]
    assert [row.measured for row in dimensions] == [WIDTH - 9, WIDTH - 27]
    assert all(row.verdict is Outcome.CONFIRMED for row in dimensions)
    assert found["consistency, no new read"].verdict is Outcome.CONFIRMED
    assert not any(row.verdict is Outcome.REFUTED for row in found.values())


def test_a_read_that_repeats_another_is_refuted():
    def repeated(cell, measured):
        return {**measured, "rows": measured["rows"][[0, 0, 2]]}

    found = rows(alter=repeated)
    assert found["1 later layer read, dimension"].verdict is Outcome.CONFIRMED
    assert found["2 later layers read, dimension"].verdict is Outcome.REFUTED


def test_a_chain_that_is_no_chain_is_refuted():
    def broken(cell, measured):
        return {**measured, "chained": np.roll(measured["chained"], 1, axis=1)}

    assert rows(alter=broken)["consistency, no new read"].verdict is Outcome.REFUTED


def test_responses_to_another_vector_are_not_confirmed():
    def turned(cell, measured):
        return {**measured, "responses": -measured["responses"]}

    cosines = [row for arm, row in rows(alter=turned).items() if arm.endswith("cosine")]
    assert cosines
    assert all(row.verdict is Outcome.REFUTED for row in cosines)


def test_the_estimate_is_the_packages_least_squares():
    setting = TinySetting(layer=0)
    arm = next(a for a in claim.predict(setting) if a.prediction.unit == claim.COSINE)
    found = dict(setting.of(arm.cells[0]))
    fitted = LeastSquaresRecovery(jacobian_error=1e-9).fit(
        found["rows"][0], found["responses"][0, 0]
    )
    vector = setting.vector("planted", 0)
    sizes = np.linalg.norm(fitted.vector_) * np.linalg.norm(vector)
    expected = fitted.vector_ @ vector / sizes
    np.testing.assert_allclose(claim._measured(setting, arm, found), expected, rtol=1e-8)
