"""Whole claim: what is true of known environments is confirmed, what is not never is."""

from __future__ import annotations

import numpy as np
import pytest

from llm_validation.claims import environments as claim
from llm_validation.claims.claim import ClaimResult, Outcome
from llm_validation.dataset import Trait
from tests.llm_validation.claims.known_environments import KnownEnvironments


def rows(setting: KnownEnvironments, start: str) -> list[ClaimResult]:
    for cell in claim.preparation(setting):
        setting.of(cell)
    arms = [a for a in claim.predict(setting) if a.prediction.arm.startswith(start)]
    return claim.judge(setting, [arm for arm in arms if arm.unmeasurable is None])


def outcomes(setting: KnownEnvironments, start: str) -> set[Outcome | None]:
    return {row.verdict for row in rows(setting, start)}


@pytest.fixture(scope="module")
def same() -> KnownEnvironments:
    """Environments that do not matter, and a vector at which some directions are seen."""
    setting = KnownEnvironments()
    setting.planted = 3 * setting.planted
    return setting


@pytest.fixture(scope="module")
def apart() -> KnownEnvironments:
    """A direction of its own in every environment, as long as what they share."""
    shifts = np.linalg.qr(np.random.default_rng(1).standard_normal((20, 4)))[0].T
    return KnownEnvironments(shifts=1.5 * shifts)


def test_the_class_is_that_of_as_many_prompts(same):
    found = rows(same, "class")
    assert [row.measured for row in found] == [1.0, 0.0, 0.0, 0.0]
    assert [row.prediction for row in found] == [1.0, 0.0, 0.0, 0.0]
    assert {row.verdict for row in found} == {Outcome.CONFIRMED}


def test_a_null_direction_that_environments_share_refutes_it():
    found = rows(KnownEnvironments(blind=np.ones(20)), "class")
    assert [row.measured for row in found] == [2.0, 1.0, 1.0, 1.0]
    assert {row.verdict for row in found} == {Outcome.REFUTED}


def test_the_epsilon_null_space_of_the_sum_is_as_predicted_and_never_grows(same):
    found = rows(same, "epsilon-null, summed")
    assert [row.identity for row in found] == [False] * 4 + [True]
    path = [row.measured or 0.0 for row in found[:-1]]
    assert len(path) == 4 and 0 < path[-1] < path[0] < 20
    # A count that is the same in every stack has no interval to be judged by.
    open_rows = [row for row in found if row.verdict is Outcome.INCONCLUSIVE]
    assert all(row.reason.startswith("no variation") for row in open_rows)
    assert {row.verdict for row in found if row not in open_rows} == {Outcome.CONFIRMED}


def test_the_mean_is_reported_and_not_judged(same):
    assert outcomes(same, "epsilon-null, mean") == {None}


@pytest.mark.parametrize("factor", [30.0, 1 / 30])
def test_metrics_that_differ_on_held_out_contexts_are_not_confirmed(factor):
    setting = KnownEnvironments(held_out_factor=factor)
    setting.planted = 3 * setting.planted
    found = rows(setting, "epsilon-null, summed")[:-1]
    assert Outcome.REFUTED in {row.verdict for row in found}
    assert Outcome.CONFIRMED not in {row.verdict for row in found}


@pytest.mark.parametrize("kind", ["transfer, Euclidean", "transfer, behavioural"])
def test_vectors_carry_over_where_environments_do_not_matter(same, apart, kind):
    (row,) = rows(same, kind)
    assert row.verdict is Outcome.CONFIRMED
    assert row.prediction == pytest.approx(1, abs=0.05)
    (row,) = rows(apart, kind)
    assert row.verdict is Outcome.REFUTED
    assert row.prediction == pytest.approx(1, abs=0.05)


def test_a_shift_in_a_plane_is_explained_and_one_of_its_own_is_not(same, apart):
    direction = np.random.default_rng(2).standard_normal(20)
    amounts = np.array([[-1.0], [0.5], [1.0], [2.0]])
    found = rows(KnownEnvironments(shifts=amounts * direction, noise=0.05), "held-out")
    assert [row.verdict for row in found] == [Outcome.CONFIRMED, Outcome.CONFIRMED]
    assert [row.prediction for row in found] == [0, 0]
    # Where conditions do not hold the prediction does, and the paper's premise does not.
    theorem, premise = rows(apart, "held-out")
    assert theorem.prediction == pytest.approx(1 - 2 / 20)
    assert theorem.measured == premise.measured > 0.6
    assert theorem.verdict is not Outcome.REFUTED
    assert (premise.prediction, premise.verdict) == (0, Outcome.REFUTED)
    assert "undecided" in theorem.reason
    for row in rows(same, "held-out"):
        assert row.verdict is Outcome.INCONCLUSIVE
        assert row.measured is None


def test_nothing_that_is_measured_is_known_to_the_predictions(same):
    before = {cell.key for cell in claim.preparation(same)}
    for arm in claim.predict(same):
        assert arm.cells and not before & {cell.key for cell in arm.cells}


def test_a_trait_without_environments_says_so():
    setting = KnownEnvironments()
    setting.traits = {"planted": Trait("planted", "", "", setting.traits["planted"].pairs, ())}
    arms = claim.predict(setting)
    assert {arm.unmeasurable for arm in arms} == {
        "the trait has fewer than three environments of 9 contexts or more"
    }


def test_curves_are_of_all_ordered_pairs(same):
    found = claim.curves(same, claim.predict(same))
    assert len(found) == 2 * 12
    assert all(row["over_ceiling"] == pytest.approx(1, abs=0.1) for row in found)
