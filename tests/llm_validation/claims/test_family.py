"""A claim holds if all its rows do, fails if one does, and a run is held to Holm's levels."""

from dataclasses import replace

import pytest

from llm_validation.claims.claim import ClaimResult, Outcome
from llm_validation.claims.family import adjusted, claim_verdicts


def _row(p_confirm, p_refute, verdict, claim="one", trait="t"):
    return ClaimResult(
        claim=claim, theorem="N7", layer=0, trait=trait, arm="a", alpha=1.0, prediction=0.0,
        prediction_interval=None, margin=1.0, unit="", verdict=verdict, reason="because",
        family=claim, p_confirm=p_confirm, p_refute=p_refute,
    )  # fmt: skip


HOLDS = _row(0.001, 0.9, Outcome.CONFIRMED)
OPEN = _row(0.3, 0.4, Outcome.INCONCLUSIVE)
FAILS = _row(0.9, 0.001, Outcome.REFUTED)


def test_p_values_of_rows_are_adjusted_over_their_claim():
    rows = [_row(0.02, 0.9, Outcome.CONFIRMED) for _ in range(3)]
    rows += [HOLDS, FAILS, _row(0.02, 0.9, Outcome.CONFIRMED, claim="alone")]
    done = adjusted(rows)
    # Five tests in the claim: the smallest is multiplied by five, the next by four.
    assert [row.p_adjusted for row in done] == pytest.approx([0.08, 0.08, 0.08, 0.005, 0.005, 0.02])
    assert [row.verdict for row in done] == [row.verdict for row in rows]


def test_rows_that_are_not_judged_count_nowhere():
    reported = [replace(HOLDS, verdict=None) for _ in range(10)]
    done = adjusted([HOLDS, *reported])
    assert done[0].p_adjusted == pytest.approx(0.001)
    assert all(row.p_adjusted is None for row in done[1:])
    (verdict,) = claim_verdicts([HOLDS, *reported])
    assert (verdict.rows, verdict.confirmed) == (1, 1)


@pytest.mark.parametrize(
    ("rows", "outcome"),
    [
        ([HOLDS, HOLDS], Outcome.CONFIRMED),
        ([HOLDS, OPEN], Outcome.INCONCLUSIVE),
        ([HOLDS, OPEN, FAILS], Outcome.REFUTED),
        ([_row(None, None, Outcome.INCONCLUSIVE)], Outcome.INCONCLUSIVE),
        ([HOLDS, _row(None, None, Outcome.INCONCLUSIVE)], Outcome.INCONCLUSIVE),
        ([HOLDS, _row(None, None, Outcome.CONFIRMED)], Outcome.CONFIRMED),
        ([_row(None, None, Outcome.CONFIRMED)], Outcome.CONFIRMED),
        ([HOLDS, _row(None, None, Outcome.REFUTED)], Outcome.REFUTED),
    ],
)
def test_a_claim_needs_all_its_rows_and_fails_with_one(rows, outcome):
    (verdict,) = claim_verdicts(rows)
    assert verdict.verdict is outcome
    assert verdict.rows == len(rows) == verdict.confirmed + verdict.refuted + verdict.inconclusive


def test_the_largest_p_confirms_without_correction_and_the_smallest_refutes_with_it():
    rows = [_row(0.001, 0.9, Outcome.CONFIRMED), _row(0.02, 0.01, Outcome.CONFIRMED)]
    (verdict,) = claim_verdicts(rows)
    assert verdict.p_confirm == pytest.approx(0.02)
    assert verdict.p_refute == pytest.approx(0.02)


def test_a_run_of_many_claims_needs_smaller_p_values():
    rows = [_row(0.02, 0.9, Outcome.CONFIRMED, trait=str(i)) for i in range(3)]
    verdicts = claim_verdicts(rows)
    assert [verdict.p_confirm for verdict in verdicts] == pytest.approx([0.06] * 3)
    assert all(verdict.verdict is Outcome.INCONCLUSIVE for verdict in verdicts)
    strong = [replace(row, p_confirm=0.001) for row in rows]
    assert all(verdict.verdict is Outcome.CONFIRMED for verdict in claim_verdicts(strong))


def test_what_is_true_by_algebra_confirms_no_claim():
    check = replace(HOLDS, identity=True)
    assert claim_verdicts([check]) == []
    (verdict,) = claim_verdicts([HOLDS, check, replace(FAILS, identity=True)])
    assert (verdict.rows, verdict.checks, verdict.verdict) == (1, 1, Outcome.CONFIRMED)


def test_a_row_that_was_not_measured_leaves_its_claim_open_and_counts_in_the_family():
    lost = _row(None, None, None)
    (verdict,) = claim_verdicts([HOLDS], [lost])
    assert (verdict.missing, verdict.verdict) == (1, Outcome.INCONCLUSIVE)
    (verdict,) = claim_verdicts([FAILS], [lost])
    assert verdict.verdict is Outcome.REFUTED
    other = _row(0.02, 0.9, Outcome.CONFIRMED, trait="other")
    alone, beside = claim_verdicts([other])[0], claim_verdicts([other], [lost])[0]
    assert (alone.verdict, beside.verdict) == (Outcome.CONFIRMED, Outcome.INCONCLUSIVE)
    assert claim_verdicts([], [lost])[0].verdict is Outcome.INCONCLUSIVE
