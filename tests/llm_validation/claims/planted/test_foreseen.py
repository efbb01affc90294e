"""Words beside a verdict: what was said before, and whether it is said of the measured too."""

from __future__ import annotations

from llm_validation.claims.claim import Judgement, Outcome
from llm_validation.claims.planted.foreseen import beside, counted


def test_the_verdict_stays_and_both_sayings_stand_beside_it():
    judged = Judgement(Outcome.CONFIRMED, "as predicted", 0.01, 0.9)
    found = beside(judged, "all of v", "nothing")
    assert (found.outcome, found.p_confirm, found.p_refute) == (Outcome.CONFIRMED, 0.01, 0.9)
    words = "as predicted; the estimator said before, by other prompts, all of v; by these nothing"
    assert found.reason == words
    same = beside(judged, "all of v", "all of v", " of every code")
    assert same.reason.endswith(
        "before of every code, by other prompts, all of v; by these the same"
    )


def test_sayings_are_counted_in_the_order_in_which_they_came():
    assert counted(["b", "a", "b"]) == "b (2 of 3), a (1 of 3)"
