"""The verdict rests on a member measured within epsilon, whichever vector was asked about."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from identifiability.statistics import Interval
from identifiability.verdict import Certificate, CertificateKind, Verdict
from llm_validation.audit.judged import verdict_of
from llm_validation.audit.witness import AuditWitness, Member

EPSILON = 0.01


def _witness(*highs: float) -> Any:
    """Members whose upper ends are these, the nearest first; nothing else is looked at."""
    members = tuple(
        Member(multiple, 1 - multiple / 4, Interval(high / 2, high / 4, high, 0.95, 100, 10.0))
        for multiple, high in zip((0.25, 0.5, 1.0), highs, strict=True)
    )
    witness = object.__new__(AuditWitness)
    object.__setattr__(witness, "members", members)
    return witness


def _class(verdict: Verdict) -> Any:
    report = SimpleNamespace(
        verdict=verdict, certificate=Certificate(CertificateKind.NUMERIC, "spectrum", 1e-7)
    )
    return SimpleNamespace(epsilon=EPSILON, whole=SimpleNamespace(report=report))


@pytest.mark.parametrize(
    ("highs", "multiple"),
    [
        ((0.001, 0.003, 0.009), 1.0),
        ((0.001, 0.003, 0.011), 0.5),
        ((0.001, 0.011, 0.011), 0.25),
        # In a fixed order: what lies behind one that failed is not looked at.
        ((0.001, 0.011, 0.009), 0.25),
    ],
)
def test_the_furthest_member_shown_in_order_certifies(highs, multiple):
    witness = _witness(*highs)
    assert witness.within(EPSILON).multiple == multiple
    verdict, _, reason = verdict_of(_class(Verdict.EPSILON_NON_IDENTIFIABLE), witness, None)
    assert verdict is Verdict.EPSILON_NON_IDENTIFIABLE
    assert ("the witness" if multiple == 1 else f"{multiple:g} of the way") in reason


def test_without_a_member_shown_within_epsilon_nothing_is_decided():
    witness = _witness(0.02, 0.03, 0.04)
    assert witness.within(EPSILON) is None
    verdict, _, reason = verdict_of(_class(Verdict.EPSILON_NON_IDENTIFIABLE), witness, None)
    assert verdict is Verdict.UNDETERMINED
    assert "no other vector" in reason


@pytest.mark.parametrize("verdict", [Verdict.LOCALLY_IDENTIFIABLE, Verdict.UNDETERMINED])
def test_a_class_without_invisible_directions_keeps_its_verdict(verdict):
    assert verdict_of(_class(verdict), None, None)[0] is verdict
