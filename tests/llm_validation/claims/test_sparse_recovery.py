"""Sparse vectors: true boundaries are confirmed, false ones refuted."""

from __future__ import annotations

import pytest

from llm_validation.claims import sparse_recovery as claim
from llm_validation.claims.claim import Outcome
from llm_validation.scale import Scale
from tests.llm_validation.claims.tiny_setting import TinySetting


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(claim, "SPARSITIES", (1, 3))
    monkeypatch.setattr(claim, "ATOMS", 40)
    monkeypatch.setitem(claim.OUTPUTS, Scale.THIN, (3, 20))


def rows(setting):
    return {row.arm: row for row in claim.judge(setting, claim.predict(setting))}


def test_true_predictions_are_confirmed_or_open():
    found = rows(TinySetting())
    assert found["standard basis, k = 1, M = 20"].verdict is Outcome.CONFIRMED
    assert found["standard basis, k = 1, M = 20"].measured == 1
    # 13 codes, each found from every prompt.
    assert found["standard basis, k = 1, M = 20"].p_confirm == pytest.approx(0.75**13)
    assert found["standard basis, rotated, k = 1, M = 20"].identity
    # Three equations never fix three unknown atoms.
    assert found["standard basis, k = 3, M = 3"].measured < 0.4
    assert found["standard basis, rotated, k = 1, M = 20"].measured == 0
    assert not any(row.verdict is Outcome.REFUTED for row in found.values())


def test_responses_of_another_vector_are_refuted():
    def turned(cell, measured):
        if "responses" in measured:
            measured = {**measured, "responses": measured["responses"][::-1]}
        return measured

    found = rows(TinySetting(alter=turned))
    judged = [row for row in found.values() if row.prediction == 1]
    assert judged
    assert not any(row.verdict is Outcome.CONFIRMED for row in judged)
    assert any(row.verdict is Outcome.REFUTED for row in judged)


def test_a_code_lost_on_one_prompt_is_not_recovered():
    """And the same codes on six prompts are not six times as many."""
    first = []

    def once(cell, measured):
        if "responses" not in measured or not len(measured["responses"]):
            return measured
        first.append(cell.key)
        if cell.key != first[0]:
            return measured
        return {**measured, "responses": measured["responses"][::-1]}

    row = rows(TinySetting(alter=once))["standard basis, k = 1, M = 20"]
    assert row.seeds == 13 and row.prediction == 1
    assert row.measured < 0.3
    assert row.verdict is Outcome.REFUTED


def test_rows_say_what_the_estimator_foresaw_of_every_code():
    found = rows(TinySetting())
    row = found["standard basis, k = 1, M = 20"]
    said = "of every code of 1 of these atoms, by other prompts, it is recovered (6 of 6)"
    assert row.reason.endswith(f"{said}; by these the same")
    rotated = found["standard basis, rotated, k = 1, M = 20"].reason
    assert "of every code of 1 of these atoms, of which these are none, by" in rotated
    assert row.prediction == row.measured == 1
    few = found["standard basis, k = 3, M = 3"]
    assert "two k-sparse explanations (6 of 6)" in few.reason
    assert few.prediction < 1


def test_predictions_rest_on_the_atoms_and_the_predicting_prompts_alone():
    setting = TinySetting()
    claim.predict(setting)
    assert len(setting._found) == 1 + claim.PROMPTS[Scale.THIN]
    assert setting._found.keys() == {cell.key for cell in claim.preparation(setting)}
