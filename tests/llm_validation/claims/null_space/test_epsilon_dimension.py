"""Epsilon-null dimensions: those of like prompts confirmed, of other metrics refuted."""

from __future__ import annotations

import numpy as np
import pytest

from llm_validation.claims.claim import Outcome
from llm_validation.claims.null_space import epsilon_dimension
from llm_validation.claims.null_space.epsilon_dimension import (
    block_spectra,
    dimension_arms,
    dimension_row,
)
from tests.llm_validation.claims.known_readouts import KnownReadouts
from tests.llm_validation.claims.known_setting import LAYER


def _rows(setting):
    arms = dimension_arms(setting, "claim", LAYER)
    rows = [dimension_row(setting, arm, block_spectra(setting, arm)) for arm in arms]
    return [row for row in rows if row.arm.startswith("epsilon-null")]


def test_dimensions_of_the_same_prompts_are_confirmed():
    rows = _rows(KnownReadouts())
    judged = [row for row in rows if row.verdict is not None]
    # Blocks of 1, 2 and 4 of 24 prompts at the tolerance of the claims.
    assert [row.arm.split(", ")[1] for row in judged] == ["1 prompt", "2 prompts", "4 prompts"]
    assert {row.verdict for row in judged} <= {Outcome.CONFIRMED, Outcome.INCONCLUSIVE}
    assert Outcome.CONFIRMED in {row.verdict for row in judged}


@pytest.mark.parametrize("factor", [0.05, 20.0])
def test_dimensions_of_another_metric_are_refuted(factor):
    rows = _rows(KnownReadouts(measuring_factor=factor))
    judged = [row for row in rows if row.verdict is not None]
    assert judged
    assert {row.verdict for row in judged} == {Outcome.REFUTED}


def test_dimensions_below_rounding_are_not_judged(monkeypatch):
    setting = KnownReadouts()
    monkeypatch.setattr(setting, "metric_error", lambda layer: 1.0)
    judged = [r for r in _rows(setting) if r.verdict is not None]
    assert judged
    assert {row.verdict for row in judged} == {Outcome.INCONCLUSIVE}
    assert all("rounding reaches 1" in row.reason for row in judged)


def test_a_dimension_counts_what_the_spectrum_counts():
    setting = KnownReadouts()
    spectrum = setting.spectrum(LAYER)
    own = epsilon_dimension.mean_spectra(
        setting.metrics("choosing", LAYER), [np.arange(len(setting.prompts.choosing))]
    )
    for epsilon in (0.1, 0.01, 0.001):
        found = epsilon_dimension.Dimension(24, epsilon, 0.3).of(own)
        assert found == spectrum.epsilon_null_dimension(epsilon, 0.3)
    assert epsilon_dimension.Dimension(24).of(own) == pytest.approx(spectrum.effective_rank)
