"""Combinations from both spaces: right predictions confirmed, wrong metrics and spaces not."""

from __future__ import annotations

import numpy as np
import pytest

from llm_validation.claims import null_space_spanning
from llm_validation.claims.claim import Outcome
from llm_validation.claims.judgement import EPSILON
from tests.llm_validation.claims.known_readouts import KnownReadouts
from tests.llm_validation.claims.known_setting import LAYER


@pytest.fixture(autouse=True)
def sizes(monkeypatch):
    """Twenty dimensions hold no fifty directions."""
    monkeypatch.setattr(null_space_spanning, "SIZES", (1, 2, 5))
    monkeypatch.setitem(null_space_spanning.COMBINATIONS, "full", 40)


class Longer(KnownReadouts):
    """A vector long enough for both spaces to hold five dimensions at half of it."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.planted = 3 * self.planted


def _rows(setting):
    arms = [arm for arm in null_space_spanning.predict(setting) if arm.unmeasurable is None]
    return null_space_spanning.judge(setting, arms)


def _banded(rows):
    return [row for row in rows if row.verdict is not None and "within" not in row.arm]


def test_true_predictions_are_confirmed_in_both_spaces():
    rows = _rows(Longer())
    banded = _banded(rows)
    assert {row.arm for row in banded} == {
        f"{span}, k = {k}" for span in ("null", "complement") for k in (1, 2, 5)
    }
    assert {row.alpha for row in banded} == {0.5}
    assert {row.verdict for row in banded} == {Outcome.CONFIRMED}
    limits = [row for row in rows if "within epsilon" in row.arm]
    # At half of the vector a random direction may stay within epsilon as well.
    assert {(row.alpha, row.verdict) for row in limits} == {(0.5, None), (1.0, Outcome.CONFIRMED)}
    assert all(row.measured < EPSILON for row in limits)


def test_directions_do_not_all_act_alike():
    """The ratio that the paper's reading puts at one."""
    ratios = [row.paper_statistic for row in _banded(_rows(Longer()))]
    assert all(ratio < 0.2 for ratio in ratios)


@pytest.mark.parametrize("factor", [0.25, 4.0])
def test_a_wrong_metric_is_refuted(factor):
    banded = _banded(_rows(Longer(metric_factor=factor)))
    assert banded
    assert {row.verdict for row in banded} == {Outcome.REFUTED}


def test_a_space_parted_by_a_metric_too_small_is_not_within_epsilon():
    rows = _rows(Longer(metric_factor=0.01))
    limits = [row for row in rows if "within epsilon" in row.arm and row.alpha == 1.0]
    assert any(row.verdict is Outcome.REFUTED for row in limits)
    assert Outcome.CONFIRMED not in {row.verdict for row in limits if "k = 5" in row.arm}


def test_too_few_dimensions_are_no_measurement(monkeypatch):
    monkeypatch.setattr(null_space_spanning, "SIZES", (1, 21))
    arms = null_space_spanning.predict(Longer())
    left_out = [arm for arm in arms if arm.unmeasurable is not None]
    assert {arm.prediction.arm for arm in left_out} == {"null, k = 21", "complement, k = 21"}
    assert all("dimensions" in arm.unmeasurable for arm in left_out)


def test_what_lies_at_the_floor_of_rounding_is_not_judged():
    rows = _rows(Longer(floor=1.0))
    banded = [row for row in rows if "within epsilon" not in row.arm]
    assert banded
    assert {row.verdict for row in banded} == {None}
    assert all("floor" in row.reason for row in banded)


def test_displacements_have_one_norm_and_stay_in_their_span():
    setting = Longer()
    norm, spectrum = np.linalg.norm(setting.planted), setting.spectrum(LAYER)
    for arm in null_space_spanning.predict(setting):
        moved = arm.cells[0].settings["displacements"][arm.data.columns]
        radius = arm.prediction.alpha * norm
        np.testing.assert_allclose(np.linalg.norm(moved, axis=1), radius)
        rank = spectrum.epsilon_rank(EPSILON, float(radius))
        null = arm.prediction.arm.startswith("null")
        others = spectrum.eigenvectors[:, :rank] if null else spectrum.eigenvectors[:, rank:]
        np.testing.assert_allclose(moved @ others, 0, atol=1e-12)


def test_combinations_take_that_many_basis_vectors():
    basis = np.eye(9)[:, :6]
    units = null_space_spanning.combinations(basis, 3, 50, np.random.default_rng(0))
    assert (np.count_nonzero(units, axis=1) == 3).all()
    np.testing.assert_allclose(np.linalg.norm(units, axis=1), 1)
    assert np.count_nonzero(units.any(axis=0)) == 6


def test_nothing_is_predicted_from_measuring_prompts():
    one, other = Longer(), Longer()
    for ids in other.prompts.measuring:
        other.readouts[ids[0]][0][:] *= 2
    pairs = zip(null_space_spanning.predict(one), null_space_spanning.predict(other), strict=True)
    assert all(a.prediction == b.prediction for a, b in pairs)
