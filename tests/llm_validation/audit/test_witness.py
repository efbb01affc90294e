"""Which step is taken for the witness, from the choosing half alone."""

from __future__ import annotations

import pytest

from llm_validation.audit.witness import FRACTIONS, _chosen

EPSILON = 0.01
FAR = len(FRACTIONS)


@pytest.mark.parametrize(
    ("highs", "telling", "place"),
    [
        # Well inside and telling: the furthest.
        ((0.02, 0.004, 0.002), 2, 1),
        # Well inside only where any step would be: the nearest telling one that is inside.
        ((0.009, 0.006, 0.002), 2, 1),
        ((0.02, 0.009, 0.002), 1, 2),
        # Nothing telling is inside: the furthest well inside.
        ((0.02, 0.012, 0.004), 2, 2),
    ],
)
def test_the_choice_prefers_steps_that_tell_something(highs, telling, place):
    highs = [*highs, *[0.001] * (FAR - 3)]
    assert _chosen([True] * FAR, highs, [i < telling for i in range(FAR)], EPSILON) == place


def test_steps_out_of_the_second_orders_range_are_not_taken():
    holds = [i > 1 for i in range(FAR)]
    assert _chosen(holds, [0.001] * FAR, [True] * FAR, EPSILON) == 2
    assert _chosen([False] * FAR, [0.001] * FAR, [True] * FAR, EPSILON) == FAR - 1
