"""The least column is judged only where the conditions would let it be found."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from identifiability.statistics import Interval
from llm_validation.claims.activations.half_agreement_rows import _minimum
from llm_validation.claims.claim import Outcome


@pytest.mark.parametrize(
    ("expected", "low", "outcome"),
    [
        (True, 0.95, Outcome.REFUTED),
        (False, 0.95, Outcome.INCONCLUSIVE),
        (True, 0.85, Outcome.INCONCLUSIVE),
    ],
)
def test_a_column_that_turns_refutes_only_where_it_would_be_found(expected, low, outcome):
    prediction = SimpleNamespace(prediction_interval=(low, 1.0))
    arm: Any = SimpleNamespace(prediction=prediction, data=SimpleNamespace(expected=expected))
    value = Interval(0.5, 0.4, 0.6, 0.95, 0)
    assert _minimum(value, arm, 0.4).outcome is outcome
    # A column that is found is found, unless chance alone does as well.
    found = Interval(0.97, 0.95, 0.99, 0.95, 0)
    assert _minimum(found, arm, 0.4).outcome is Outcome.CONFIRMED
    assert _minimum(found, arm, 0.97).outcome is not Outcome.CONFIRMED
