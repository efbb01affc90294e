"""Every arm is of v's length, lies where its name says, and is the same each time."""

from __future__ import annotations

import numpy as np
import pytest

from llm_validation.claims.displacement import controls as module
from llm_validation.claims.displacement.controls import Draws, orthogonal_directions, steering_arms
from tests.llm_validation.claims.known_setting import LAYER
from tests.llm_validation.claims.scored_setting import ScoredSetting

EPSILON, ALPHA, DRAWS = 0.01, 1.0, Draws(6, 3)


@pytest.fixture(scope="module")
def setting() -> ScoredSetting:
    return ScoredSetting()


@pytest.fixture(scope="module")
def arms(setting) -> dict[str, np.ndarray]:
    found = steering_arms(setting, LAYER, "planted", epsilon=EPSILON, alpha=ALPHA, draws=DRAWS)
    return {arm.name: arm.vectors for arm in found}


def test_all_arms_are_there_zero_v_and_its_opposite_first(arms, setting):
    assert list(arms)[:3] == ["zero", "v", "-v"]
    assert {name: len(rows) for name, rows in arms.items()} == {
        "zero": 1,
        "v": 1,
        "-v": 1,
        "random ⊥ alone": 6,
        "v + random ⊥": 6,
        "ε-null ⊥ alone": 3,
        "v + ε-null ⊥": 3,
        "observable ⊥ alone": 3,
        "v + observable ⊥": 3,
        "covariance-matched": 3,
        "other trait": 1,
        "shuffled labels": 3,
    }
    np.testing.assert_array_equal(arms["v"], -arms["-v"])
    assert not arms["zero"].any()


def test_they_are_of_one_length_and_the_sums_longer_by_root_two(arms, setting):
    norm = np.linalg.norm(setting.planted)
    for name, rows in arms.items():
        factor = {"zero": 0.0}.get(name, 2**0.5 if name.startswith("v +") else 1.0)
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), factor * norm)
        if name.endswith("⊥ alone"):
            np.testing.assert_allclose(rows @ setting.planted, 0, atol=1e-12)
            added = arms[f"v + {name.removesuffix(' alone')}"]
            np.testing.assert_allclose(added - rows, np.tile(arms["v"], (len(rows), 1)))


def test_null_directions_are_null_and_observable_ones_are_not(arms, setting):
    metric = setting.metrics("choosing", LAYER).mean(axis=0)

    def seen(name):
        return 0.5 * np.einsum("ki,ij,kj->k", arms[name], metric, arms[name])

    assert seen("ε-null ⊥ alone").max() <= EPSILON
    assert seen("observable ⊥ alone").min() > 10 * seen("random ⊥ alone").mean()
    wider = orthogonal_directions(setting, LAYER, "planted", EPSILON, 1e9, DRAWS)
    assert len(wider["ε-null ⊥"]) == 0


def test_shuffled_labels_leave_the_differences_in_and_the_trait_out(setting):
    states = np.zeros((6, 2, 40))
    states[:, 0] = setting.planted  # every pair differs by v and by nothing else
    states[:, 0, 5:11] += np.eye(6)
    drawn = module._with_shuffled_labels(states, 50, np.random.default_rng(0))
    np.testing.assert_allclose(np.abs(drawn[:, 5:11] - drawn[:, 5:11].mean(1)[:, None]), 1)
    assert len({tuple(np.sign(row)) for row in drawn[:, 5:11]}) > 10
    others = np.r_[0:5, 11:40]
    np.testing.assert_allclose(drawn[:, others], 0, atol=1e-12)


def test_covariance_matched_vectors_have_the_covariance_within_either_side():
    rng = np.random.default_rng(1)
    sizes = np.array([3.0, 1.0, 0.2])
    states = rng.standard_normal((200, 2, 3)) * sizes
    states[:, 0] += 50.0  # the sides lie far apart, which is not to be seen
    drawn = module._covariance_matched(states, 4000, rng)
    found = drawn.T @ drawn / 4000
    np.testing.assert_allclose(np.diag(found) / found[0, 0], sizes**2 / 9, rtol=0.15)


def test_the_same_setting_draws_the_same_and_another_seed_another(arms):
    def draw(seed):
        found = steering_arms(
            ScoredSetting(seed=seed), LAYER, "planted", epsilon=EPSILON, alpha=ALPHA, draws=DRAWS
        )
        return {arm.name: arm.vectors for arm in found}

    again, other = draw(0), draw(1)
    for name, rows in arms.items():
        np.testing.assert_array_equal(rows, again[name])
    assert not np.allclose(arms["random ⊥ alone"], other["random ⊥ alone"])


def test_one_trait_has_no_other():
    setting = ScoredSetting()
    del setting.traits["second"]
    found = steering_arms(setting, LAYER, "planted", epsilon=EPSILON, alpha=ALPHA, draws=DRAWS)
    assert {arm.name: arm.draws for arm in found}["other trait"] == 0
