"""The paper's probes: their count is predicted, and is not the null space."""

from __future__ import annotations

import numpy as np
import pytest

from llm_validation.claims.claim import Outcome
from llm_validation.claims.null_space.exact_rank import choosing_jacobians, rank_arms, rank_row
from llm_validation.claims.null_space.probe_estimate import probe_arms, probe_row
from tests.llm_validation.claims.known_readouts import KnownReadouts
from tests.llm_validation.claims.known_setting import LAYER


def _rows(setting):
    arms = probe_arms(setting, "claim", LAYER, choosing_jacobians(setting, LAYER))
    return {arm.prediction.arm: probe_row(setting, arm) for arm in arms}


def test_the_probes_call_null_what_is_seen_and_that_is_predicted():
    """The readouts' spectrum falls by four decades in G: no rank is lost, many probes are."""
    setting = KnownReadouts()
    rows = _rows(setting)
    assert set(rows) == {"probes, singular values", "probes, sizes"}
    assert {row.verdict for row in rows.values()} == {Outcome.CONFIRMED}
    by_values = rows["probes, singular values"]
    assert by_values.paper_statistic == by_values.measured > 0.2
    rank = rank_row(setting, rank_arms(setting, "claim", LAYER)[0])
    assert (rank.measured, rank.verdict) == (20.0, Outcome.CONFIRMED)
    assert rank.paper_statistic == pytest.approx(20 * by_values.measured)


def test_probes_of_another_map_are_not_as_predicted():
    setting = KnownReadouts()
    for ids in setting.prompts.measuring:
        readout, _ = setting.readouts[ids[0]]
        readout /= np.geomspace(1, 1e-2, setting.width)  # no decay is left
    row = _rows(setting)["probes, singular values"]
    assert row.verdict is Outcome.REFUTED
