"""Records of an answer: what they refuse, what they say, what they become in JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest

from identifiability.verdict import (
    Certificate,
    CertificateKind,
    Condition,
    Prediction,
    Report,
    Verdict,
    Witness,
    plain,
)

PROVED = Certificate(CertificateKind.PROOF, "all real J of shape 2 x 3")
HOLDS = Condition("rank", "J has full column rank", True, 3.0, 1e-9)
FAILS = Condition("gap", "the spectrum has a gap", False)
OPEN = Condition("spark", "spark(JD) > 2k", None)
TAKEN = Condition("sparse", "v has at most k atoms", None, assumed=True)


def report(**changes):
    whole = {
        "verdict": Verdict.NON_IDENTIFIABLE,
        "certificate": PROVED,
        "class_dimension": 1,
        "identified_functionals": np.eye(3)[:2],
        "tolerance": 0.0123456,
        "unit": "nats",
        "gap": 2.0,
        "regime": "white box",
        "observable": "logits",
    }
    return Report(**whole | changes)


@pytest.mark.parametrize(
    ("recovers", "mode", "sound"),
    [
        (True, None, True),
        (True, "kernel", False),
        (False, "kernel", True),
        (False, None, False),
        (None, "not decided", True),
        (None, None, False),
    ],
)
def test_a_prediction_names_a_failure_exactly_when_it_is_no_recovery(recovers, mode, sound):
    if sound:
        assert Prediction(recovers, mode).failure_mode == mode
    else:
        with pytest.raises(ValueError, match="exactly when it is not recovery"):
            Prediction(recovers, mode)


def test_a_condition_is_found_by_a_name_that_is_its_own():
    found = report(conditions=(HOLDS, FAILS, FAILS))
    assert found.condition("rank") is HOLDS
    for name, count in (("gap", 2), ("spark", 0)):
        with pytest.raises(KeyError, match=f"{count} conditions are called '{name}'"):
            found.condition(name)


def test_a_report_in_words_has_every_part():
    witness = Witness(np.ones(3), 0.25, 1.5, 0.00123, "nats, measured")
    said = str(report(witness=witness, conditions=(HOLDS, FAILS, OPEN, TAKEN)))
    assert said.splitlines() == [
        "non_identifiable: class of dimension 1 (white box; logits)",
        "  certificate: proof, all real J of shape 2 x 3",
        "  tolerance 0.0123 nats",
        "  witness at cosine +0.2500, distance 1.5, outputs differ by 0.0012 (nats, measured)",
        "  rank: holds (J has full column rank)",
        "  gap: fails (the spectrum has a gap)",
        "  spark: not decided (spark(JD) > 2k)",
        "  sparse: assumed (v has at most k atoms)",
    ]


def test_what_is_unknown_is_said_to_be_or_left_out():
    said = str(report(class_dimension=None, witness=Witness(np.ones(3), -1.0, 2.0)))
    assert "class of dimension unknown" in said
    assert said.splitlines()[-1] == "  witness at cosine -1.0000, distance 2"
    assert "witness" not in str(report())


def test_a_report_as_plain_types_is_json_with_null_for_what_is_no_number():
    condition = Condition("gap", "a gap", True, np.float64(2.5), np.inf, interval=(0.5, np.nan))
    found = report(
        gap=float("nan"), conditions=(condition,), witness=Witness(np.array([1.0, np.nan]), 1, 0.0)
    ).to_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["verdict"] == "non_identifiable"
    assert found["certificate"] == {
        "kind": "proof",
        "statement": "all real J of shape 2 x 3",
        "bound": None,
    }
    assert found["identified_functionals"] == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    assert (found["gap"], found["tolerance"]) == (None, 0.0123456)
    assert found["witness"]["vector"] == [1.0, None]
    (only,) = found["conditions"]
    assert (only["statistic"], only["threshold"], only["interval"]) == (2.5, None, [0.5, None])
    assert only["assumed"] is False


@pytest.mark.parametrize(
    ("value", "same"),
    [
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.float32("inf"), None),
        ({1: (np.arange(2), -np.inf)}, {"1": [[0, 1], None]}),
        ("text", "text"),
        (None, None),
        (7, 7),
    ],
)
def test_plain_types(value, same):
    found = plain(value)
    assert found == same
    assert type(found) is type(same)


def test_records_cannot_be_changed_and_begin_undecided():
    for record in (PROVED, HOLDS, Prediction(True), Witness(np.ones(1), 1.0, 0.0), report()):
        with pytest.raises(AttributeError):
            record.unit = "other"
    assert (PROVED.bound, OPEN.assumed, OPEN.interval, Prediction(True).affected) == (
        None,
        False,
        None,
        (),
    )
