"""Broken text: what the favoured completions lose, and at strengths between those measured."""

from __future__ import annotations

import numpy as np
import pytest

from llm_validation.claims.completions.broken_text import BROKEN, broken, broken_at

BASE = np.full((12, 2), -3.0)


@pytest.mark.parametrize("side", [0, 1])
def test_text_is_broken_by_what_the_favoured_completions_lose(side):
    for extra, outcome in ((-1e-6, False), (1e-6, True)):
        moved = [BASE.copy(), BASE.copy()]
        moved[side][:, side] -= BROKEN + extra
        assert broken(BASE, *moved) is outcome
        # That the other side's completions become unlikely is what steering is for.
        moved[side][:, 1 - side] -= 100.0
        moved[side][:, side] = BASE[:, side]
        assert not broken(BASE, *moved)


def test_between_strengths_the_loss_is_in_a_line_and_at_none_it_is_none():
    strengths, losses = np.array([1.0, 2.0]), np.array([BROKEN, 3 * BROKEN])
    assert not broken_at(0.999, strengths, losses)
    assert not broken_at(1.0, strengths, losses)
    assert broken_at(1.001, strengths, losses)
    assert not broken_at(1.499, strengths, np.array([0.0, 2 * BROKEN]))
    assert broken_at(1.501, strengths, np.array([0.0, 2 * BROKEN]))
