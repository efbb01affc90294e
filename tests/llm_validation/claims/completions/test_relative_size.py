"""The size of effects whatever their signs, against a count of known ones."""

from __future__ import annotations

import numpy as np
import pytest

from llm_validation.claims.claim import Outcome
from llm_validation.claims.completions.relative_size import relative_size, small

RNG = np.random.default_rng


def effects(size: float, draws: int, pairs: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Effects ± size with a mean of 0 over draws, and v's, which is 2."""
    noise = 0.01 * RNG(0).standard_normal((pairs, draws + 1))
    signs = np.resize([1.0, -1.0], draws)
    return size * signs + noise[:, :-1], 2.0 + noise[:, -1]


@pytest.mark.parametrize("draws", [1, 4, 12])
def test_opposite_effects_do_not_cancel(draws):
    found, reference = effects(1.0, draws)
    value = relative_size(found, reference, RNG(1))
    assert value.estimate == pytest.approx(0.5, abs=0.01)
    assert value.low < value.estimate < value.high < 0.55
    assert small(found, reference, RNG(1))[1].outcome is Outcome.REFUTED
    assert small(*effects(0.1, draws), RNG(1))[1].outcome is Outcome.CONFIRMED


def test_draws_are_counted_where_there_are_enough():
    found, reference = effects(1.0, 12)
    found = found * np.arange(1, 13) / 12  # directions differ
    alike = relative_size(found[:, -1:], reference, RNG(1))
    several = relative_size(found, reference, RNG(1))
    assert several.high - several.low > 10 * (alike.high - alike.low)
    assert small(found[:, :4], reference, RNG(1))[1].reason.endswith("of the 4 directions drawn")
    assert "drawn" not in small(found, reference, RNG(1))[1].reason
