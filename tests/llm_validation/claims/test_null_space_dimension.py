"""Ranks, epsilon-null dimensions and probe counts: right ones confirmed, wrong ones never."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest

from llm_validation.claims import epsilon_dimension, null_space_dimension
from llm_validation.claims.claim import Outcome
from tests.llm_validation.claims.known_readouts import KnownReadouts
from tests.llm_validation.claims.known_setting import LAYER
from tests.llm_validation.claims.tiny_setting import TinySetting
from tests.llm_validation.tiny_language_model import tiny_language_model


def _rows(setting):
    return null_space_dimension.judge(setting, null_space_dimension.predict(setting))


def _of(rows, kind):
    return [row for row in rows if row.arm.startswith(kind)]


def _tiny(epsilon: float):
    model = tiny_language_model("llama")
    changed = copy.deepcopy(model.model)
    changed.model.norm.variance_epsilon = epsilon
    return TinySetting(replace(model, model=changed))


def test_at_one_prompt_the_radial_direction_is_missing_and_at_two_nothing_is():
    ranks = {row.arm: row for row in _of(_rows(_tiny(0.0)), "rank")}
    assert {arm: row.prediction for arm, row in ranks.items()} == {
        "rank, 1 prompt": 31.0,
        "rank, 2 prompts": 32.0,
        "rank, 4 prompts": 32.0,
    }
    assert {row.verdict for row in ranks.values()} == {Outcome.CONFIRMED}
    assert all(row.measured == row.prediction for row in ranks.values())


def test_a_norm_with_a_visible_epsilon_leaves_the_full_rank():
    ranks = _of(_rows(_tiny(1e-6)), "rank")
    assert [row.prediction for row in ranks] == [32.0] * 3
    assert {row.verdict for row in ranks} == {Outcome.CONFIRMED}


def test_layer_norms_take_one_dimension_more():
    ranks = _of(_rows(TinySetting(tiny_language_model("gpt2"))), "rank")
    assert [row.prediction for row in ranks][1:] == [31.0, 31.0]
    assert {row.verdict for row in ranks} == {Outcome.CONFIRMED}


def test_a_rank_that_is_one_off_is_refuted():
    rows = _of(_rows(KnownReadouts(null=1)), "rank")
    assert [row.measured for row in rows] == [19.0] * len(rows)
    assert {row.verdict for row in rows} == {Outcome.REFUTED}
    assert "rank is 19, not 20, in 8 of 8 instances" in rows[0].reason


def test_dimensions_of_the_same_prompts_are_confirmed():
    rows = _of(_rows(KnownReadouts()), "epsilon-null")
    judged = [row for row in rows if row.verdict is not None]
    # Blocks of 1, 2 and 4 of 24 prompts at the tolerance of the claims.
    assert [row.arm.split(", ")[1] for row in judged] == ["1 prompt", "2 prompts", "4 prompts"]
    assert {row.verdict for row in judged} <= {Outcome.CONFIRMED, Outcome.INCONCLUSIVE}
    assert Outcome.CONFIRMED in {row.verdict for row in judged}


@pytest.mark.parametrize("factor", [0.05, 20.0])
def test_dimensions_of_another_metric_are_refuted(factor):
    rows = _of(_rows(KnownReadouts(measuring_factor=factor)), "epsilon-null")
    judged = [row for row in rows if row.verdict is not None]
    assert judged
    assert {row.verdict for row in judged} == {Outcome.REFUTED}


def test_dimensions_below_rounding_are_not_judged(monkeypatch):
    setting = KnownReadouts()
    monkeypatch.setattr(setting, "metric_error", lambda layer: 1.0)
    judged = [r for r in _of(_rows(setting), "epsilon-null") if r.verdict is not None]
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


def test_the_probes_call_null_what_is_seen_and_that_is_predicted():
    """The readouts' spectrum falls by four decades in G: no rank is lost, many probes are."""
    rows = _rows(KnownReadouts())
    probes = _of(rows, "probes")
    assert {row.verdict for row in probes} == {Outcome.CONFIRMED}
    by_values = next(row for row in probes if row.arm == "probes, singular values")
    assert by_values.paper_statistic == by_values.measured
    (rank,) = [row for row in rows if row.arm == "rank, 1 prompt"]
    assert (rank.measured, rank.verdict) == (20.0, Outcome.CONFIRMED)
    assert rank.paper_statistic == pytest.approx(20 * by_values.measured)


def test_probes_of_another_map_are_not_as_predicted():
    setting = KnownReadouts()
    for ids in setting.prompts.measuring:
        readout, _ = setting.readouts[ids[0]]
        readout /= np.geomspace(1, 1e-2, setting.width)  # no decay is left
    row = _of(_rows(setting), "probes, singular values")[0]
    assert row.verdict is Outcome.REFUTED


def test_nothing_is_predicted_from_measuring_prompts():
    one, other = KnownReadouts(), KnownReadouts()
    for ids in other.prompts.measuring:
        other.readouts[ids[0]][0][:] *= 2
    pairs = zip(null_space_dimension.predict(one), null_space_dimension.predict(other), strict=True)
    assert all(a.prediction == b.prediction for a, b in pairs)


def test_curves_grow_over_all_prompts():
    setting = KnownReadouts()
    curves = null_space_dimension.curves(setting, null_space_dimension.predict(setting))
    assert [curve["prompts"] for curve in curves] == [1, 2, 4, 8, 16, 32, 64]
    assert all(curve["eigenvalues"].shape == (20,) for curve in curves)
