"""R5 on halves of prompts: with a gap its bound holds, without one nothing is claimed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import subspace_angles

from identifiability.spectrum import Spectrum
from llm_validation.claims import null_space_stability
from llm_validation.claims.claim import Outcome
from llm_validation.claims.judgement import EPSILON
from llm_validation.claims.null_space_stability import Halves
from tests.llm_validation.claims.known_readouts import KnownReadouts
from tests.llm_validation.claims.known_setting import LAYER

SEEN = 6


class WithGap(KnownReadouts):
    """Six directions are seen well and alike on all prompts, the others hardly."""

    def __init__(self, *, spread: float = 1e-3, turned: bool = False, **settings):
        super().__init__(**settings)
        rng = np.random.default_rng(5)
        sizes = np.where(np.arange(self.width) < SEEN, 1.0, 1e-3)
        shared = rng.standard_normal((self.tokens, self.width)) * sizes
        for i, (readout, bias) in enumerate(self.readouts):
            readout[:] = shared * (1 + spread * rng.standard_normal(shared.shape))
            bias[:] = 0.0
            # Measuring prompts may see other directions, each prompt its own.
            if turned and [i] in [list(ids) for ids in self.prompts.measuring]:
                readout[:] = np.roll(readout, i, axis=1)
        self.planted = 3.0 * self.planted


def _rows(setting):
    arms = [arm for arm in null_space_stability.predict(setting) if arm.unmeasurable is None]
    return {row.arm: row for row in null_space_stability.judge(setting, arms)}


def test_with_a_gap_the_bound_is_predicted_and_holds():
    row = _rows(WithGap())["epsilon-null space"]
    assert row.verdict is Outcome.CONFIRMED
    assert 0 < row.measured < row.prediction < 0.2


def test_a_space_that_turns_more_than_predicted_is_refuted():
    row = _rows(WithGap(turned=True))["epsilon-null space"]
    assert row.prediction < 0.2
    assert row.verdict is Outcome.REFUTED


def test_without_a_gap_it_is_undetermined_and_not_judged():
    row = _rows(KnownReadouts())["epsilon-null space"]
    assert row.prediction == 1.0
    assert row.verdict is None
    assert row.reason.startswith("undetermined, no gap was predicted: gap ")
    assert 0 < row.measured <= 1


def test_a_bound_that_says_too_little_is_not_judged(monkeypatch):
    monkeypatch.setattr(null_space_stability, "INFORMATIVE", 1e-6)
    row = _rows(WithGap())["epsilon-null space"]
    assert row.verdict is None
    assert row.reason.endswith("> 1e-06 says too little")


@pytest.mark.parametrize("turned", [False, True])
def test_every_split_keeps_its_own_bound(turned, monkeypatch):
    """R5 is a theorem about any two halves: it holds where the prediction fails, too."""
    row = _rows(WithGap(turned=turned))["epsilon-null space, own bound"]
    assert row.identity and row.verdict is Outcome.CONFIRMED
    assert row.measured <= 0
    monkeypatch.setattr(Halves, "sine", lambda *_: 1.01)
    assert _rows(WithGap())["epsilon-null space, own bound"].verdict is Outcome.REFUTED


def test_the_widest_gap_is_sought_near_epsilon_and_by_ratio():
    cut = 2 * EPSILON
    values = cut * np.array([1e6, 1e5, 1.9, 1.8, 0.6, 0.55, 1e-3])
    spectrum = Spectrum.of(np.diag(values), error=0.0)
    # Of 1.9 | 1.8 | 0.6 | 0.55 the middle one; 1e5 | 1.9 is the last before the neighbourhood.
    assert null_space_stability._widest(spectrum, 1.0, 0.0) == 2
    values[1] = 2.5 * cut
    assert null_space_stability._widest(Spectrum.of(np.diag(values), error=0.0), 1.0, 0.0) == 6
    assert null_space_stability._widest(spectrum, 1.0, cut) == 2


def test_what_is_reported_beside_it_has_no_verdict():
    rows = _rows(WithGap())
    common, seen = rows["share in common"], rows["seen by the other half"]
    assert common.verdict is None and seen.verdict is None
    assert common.measured > 0.99
    assert seen.measured < EPSILON


def test_no_space_no_row(monkeypatch):
    arms = null_space_stability.predict(KnownReadouts(metric_factor=1e9))
    (left_out,) = [arm for arm in arms if arm.unmeasurable is not None]
    assert left_out.unmeasurable == "no direction is"
    arms = null_space_stability.predict(KnownReadouts(metric_factor=1e-9))
    (left_out,) = [arm for arm in arms if arm.unmeasurable is not None]
    assert left_out.unmeasurable == "all directions are epsilon-null"


@pytest.mark.parametrize("rank", [1, SEEN, 12])
def test_halves_agree_with_scipy_and_the_bound_is_a_theorem(rank):
    setting = WithGap(spread=0.05)
    metrics = setting.metrics("choosing", LAYER)
    halves = Halves.of(metrics[:12], metrics[12:], 0.0)
    spaces = [
        np.linalg.eigh(m.mean(axis=0))[1][:, : 20 - rank] for m in (metrics[:12], metrics[12:])
    ]
    angles = subspace_angles(*spaces)
    assert halves.sine(rank) == pytest.approx(np.sin(angles.max()), abs=1e-9)
    assert halves.in_common(rank) == pytest.approx(np.mean(np.cos(angles) ** 2))
    assert halves.sine(rank) <= halves.bound(rank)
    draws = np.random.default_rng(0).standard_normal((20000, 20 - rank))
    draws /= np.linalg.norm(draws, axis=1, keepdims=True)
    moved = 0.7 * draws @ halves.vectors[0][:, rank:].T
    sampled = 0.5 * np.einsum("ki,ij,kj->k", moved, halves.metrics[1], moved).mean()
    assert halves.seen(rank, 0.7) == pytest.approx(sampled, rel=0.05)


def test_rounding_widens_the_bound():
    metrics = WithGap().metrics("choosing", LAYER)
    exact, rough = (Halves.of(metrics[:12], metrics[12:], error) for error in (0.0, 1e-4))
    assert rough.error == pytest.approx(exact.error + 2e-4)
    assert rough.bound(SEEN) > exact.bound(SEEN)
