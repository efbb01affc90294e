"""Reads of later layers: the generic rank is confirmed, and repeated reads are caught."""

from __future__ import annotations

import numpy as np

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


def test_a_spectrum_that_runs_through_the_floor_neither_confirms_nor_refutes():
    """Reads that repeat others to shares of 0.1 down to 1e-9; or to one share, on either side."""

    def nearly(least, most):
        def alter(cell, measured):
            rows = measured["rows"].copy()
            rows[1] = rows[0] + np.geomspace(least, most, len(rows[1]))[:, None] * rows[1]
            return {**measured, "rows": rows}

        return alter

    name = "2 later layers read, dimension"
    shares = (1e-9, 1e-9), (1e-9, 0.1), (0.1, 0.1)
    below, through, above = (rows(alter=nearly(*share))[name] for share in shares)
    assert below.verdict is Outcome.REFUTED
    assert through.verdict is Outcome.INCONCLUSIVE
    assert through.reason.startswith("no gap in 6 of 6 instances")
    assert above.verdict is Outcome.CONFIRMED


def test_rows_say_what_the_estimator_foresaw_and_what_it_saw():
    found = rows(length=0.5)
    kernel = f"kernel: {WIDTH - 9} of {WIDTH} dimensions; 9 disjoint paths (6 of 6)"
    for kind in ("dimension", "cosine"):
        reason = found[f"1 later layer read, {kind}"].reason
        assert reason.endswith(f"said before, by other prompts, {kernel}; by these the same")


def test_predictions_rest_on_the_predicting_prompts_alone():
    setting = TinySetting(layer=0)
    claim.predict(setting)
    assert setting._found.keys() <= {cell.key for cell in claim.preparation(setting)}
