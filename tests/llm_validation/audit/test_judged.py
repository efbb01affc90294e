"""The verdict rests on a telling witness measured within epsilon, or on the exact symmetry."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from identifiability.statistics import Equivalence, Interval
from identifiability.verdict import Certificate, CertificateKind, Verdict
from llm_validation.audit.behaviour import Scored
from llm_validation.audit.judged import _within_epsilon, score_row, verdict_of
from llm_validation.audit.symmetry import ShiftSymmetry
from llm_validation.audit.witness import AuditWitness
from llm_validation.claims.claim import Outcome
from llm_validation.scoring.validity import Validity

EPSILON = 0.01


def _witness(high: float, random_low: float, prompts: int = 21) -> Any:
    """Upper end of its measured mean, lower end of random steps'; nothing else is looked at."""
    witness = object.__new__(AuditWitness)
    degrees = (prompts - 1) / 2
    measured = Interval(high / 2, high / 4, high, 0.95, 100, degrees)
    random = Interval(2 * random_low, random_low, 4 * random_low, 0.95, 100, degrees)
    for name, value in (("measured", measured), ("cosine", 0.7), ("random_measured", random)):
        object.__setattr__(witness, name, value)
    return witness


def _class(verdict: Verdict) -> Any:
    report = SimpleNamespace(
        verdict=verdict, certificate=Certificate(CertificateKind.NUMERIC, "spectrum", 1e-7)
    )
    return SimpleNamespace(epsilon=EPSILON, whole=SimpleNamespace(report=report))


@pytest.mark.parametrize(
    ("high", "random_low", "verdict", "said"),
    [
        (0.009, 0.011, Verdict.EPSILON_NON_IDENTIFIABLE, "measured within epsilon"),
        (0.010, 0.011, Verdict.EPSILON_NON_IDENTIFIABLE, "measured within epsilon"),
        (0.011, 0.100, Verdict.UNDETERMINED, "not shown to stay within epsilon"),
        # A step so short that any direction passes carries no information on v: the lower end has
        # to be above epsilon, not the estimate, which is twice as much here.
        (0.009, 0.009, Verdict.UNDETERMINED, "random steps as long were not shown to leave it"),
        (0.001, 0.010, Verdict.UNDETERMINED, "random steps as long were not shown to leave it"),
    ],
)
def test_a_witness_within_epsilon_where_random_steps_are_not(high, random_low, verdict, said):
    witness = _witness(high, random_low)
    found, _, reason = verdict_of(_class(Verdict.EPSILON_NON_IDENTIFIABLE), witness, None, None)
    assert found is verdict
    assert said in reason


@pytest.mark.parametrize(
    ("high", "random_low", "outcome"),
    [
        (0.009, 0.011, Outcome.CONFIRMED),
        (0.009, 0.009, Outcome.INCONCLUSIVE),
        (0.050, 0.009, Outcome.REFUTED),  # above epsilon is above it, whatever others do
    ],
)
def test_the_row_of_the_witness_claims_no_more_than_the_verdict(high, random_low, outcome):
    assert _within_epsilon(_witness(high, random_low), EPSILON).outcome is outcome


@pytest.mark.parametrize(
    ("prompts", "verdict"), [(5, Verdict.UNDETERMINED), (6, Verdict.EPSILON_NON_IDENTIFIABLE)]
)
def test_an_interval_over_few_prompts_decides_no_more_than_it_does_in_a_row(prompts, verdict):
    witness = _witness(0.009, 0.011, prompts)
    found, _, reason = verdict_of(_class(Verdict.EPSILON_NON_IDENTIFIABLE), witness, None, None)
    assert found is verdict
    assert ("fewer than 6 prompts" in reason) is (prompts == 5)


@pytest.mark.parametrize(
    ("low", "prompts", "verdict", "said"),
    [
        (0.011, 21, Verdict.LOCALLY_IDENTIFIABLE, "measured above it on the others (0.011 or more"),
        (0.010, 21, Verdict.UNDETERMINED, "not shown to leave it (0.01 or more)"),
        (0.011, 5, Verdict.UNDETERMINED, "fewer than 6 prompts measured the quietest step"),
    ],
)
def test_where_none_is_invisible_the_quietest_has_to_be_seen(low, prompts, verdict, said):
    quietest = Interval(2 * low, low, 4 * low, 0.95, 100, (prompts - 1) / 2)
    found, _, reason = verdict_of(_class(Verdict.LOCALLY_IDENTIFIABLE), None, quietest, None)
    assert found is verdict and said in reason


@pytest.mark.parametrize("witness", [None, _witness(0.009, 0.011)])
def test_what_rounding_decides_stays_undetermined_whatever_was_measured(witness):
    found, _, reason = verdict_of(_class(Verdict.UNDETERMINED), witness, None, None)
    assert found is Verdict.UNDETERMINED and "below the rounding" in reason


@pytest.mark.parametrize("holds", [True, False])
def test_the_symmetry_is_a_proof_about_exact_arithmetic_if_its_trial_held(holds):
    symmetry = ShiftSymmetry(1e-20, 1.0, holds)
    found, certificate, _ = verdict_of(_class(Verdict.LOCALLY_IDENTIFIABLE), None, None, symmetry)
    assert (found is Verdict.NON_IDENTIFIABLE) is holds
    assert (certificate.kind is CertificateKind.PROOF) is holds
    assert certificate.statement.startswith("in exact arithmetic, for every c") is holds


@pytest.mark.parametrize(
    ("ends", "equivalent", "outcome"),
    [
        ((0.85, 1.1), True, Outcome.CONFIRMED),
        ((0.7, 1.1), False, Outcome.INCONCLUSIVE),
        ((0.5, 0.7), False, Outcome.REFUTED),
        ((1.3, 1.6), False, Outcome.REFUTED),
    ],
)
def test_the_score_s_row_is_the_ratio_of_effects(ends, equivalent, outcome):
    valid = Validity(1.0, 0.7, 1.0, 10, True, "planted")
    effect, witness = (Interval(value, 0.1, 0.5, 0.95, 100, 10.0) for value in (0.4, 0.3))
    tested = Equivalence(0.01, equivalent, *ends, 0.2, 0.9, 10)
    shared = {"layer": 1, "trait": "", "alpha": 1.0, "observable": "", "dtype": "float64"}
    shared |= {"family": "audit", "regime": ""}
    row = score_row(Scored("planted", valid, effect, witness, tested, None), shared)
    assert row.measured == pytest.approx(0.75)
    assert (row.verdict, row.interval, row.trait) == (outcome, ends, "planted")
