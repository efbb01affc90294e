"""What the linear recoveries share: predictions, split halves, the path of dimensions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identifiability.errors import InvalidInput
from identifiability.recovery import (
    CrossLayerRecovery,
    EnvironmentRecovery,
    LeastSquaresRecovery,
    linear,
)
from identifiability.recovery.linear import joined_groups
from identifiability.recovery.stability import direction_null, halves, seeded
from identifiability.recovery.stack import dimension_path
from identifiability.verdict import Prediction, Verdict


def _system(seed, rows, width, rank):
    rng = np.random.default_rng(seed)
    jacobian = rng.standard_normal((rows, rank)) @ rng.standard_normal((rank, width))
    return jacobian, rng.standard_normal(width), rng


def test_prediction_says_recovery_kernel_or_what_is_missing():
    whole, vector, _ = _system(0, 8, 5, 5)
    assert LeastSquaresRecovery().fit(whole, whole @ vector).prediction_ == Prediction(True)
    part, vector, _ = _system(0, 8, 5, 3)
    lost = LeastSquaresRecovery().fit(part, part @ vector).prediction_
    assert lost == Prediction(False, "kernel: 2 of 5 dimensions")
    beyond = np.linalg.svd(part)[0][:, -1]
    contradicted = LeastSquaresRecovery().fit(part, part @ vector + beyond).prediction_
    assert contradicted == Prediction(None, "undecided: no consistent response")
    gapless = np.diag(np.logspace(0, -20, 5))
    assert LeastSquaresRecovery().fit(gapless, np.ones(5)).prediction_.recovers is None
    # How long v may be is not known where nothing stands clear of the floor, nor what it leaves.
    close = LeastSquaresRecovery(jacobian_error=1e-3).fit(np.diag([1.0, 2e-3]), [1.0, 0.0])
    assert close.prediction_ == Prediction(None, "undecided: no gap")
    assert close.report_.condition("consistent response").holds is None
    # What lies below a stated error is not shown to be a kernel, and is missing all the same.
    unclear = LeastSquaresRecovery(jacobian_error=1e-3, accuracy=0.1)
    unclear.fit(np.diag([1.0, 1e-4]), [1.0, 0.0])
    assert unclear.prediction_ == Prediction(False, "kernel: 1 of 2 dimensions")


@given(st.integers(0, 2**32 - 1), st.integers(4, 6))
@settings(max_examples=20, deadline=None)
def test_halves_agree_where_both_see_whatever_the_kernel_part(seed, rank):
    """Fourteen rows of rank 6 or less: each half of seven has the whole row space."""
    jacobian, vector, _ = _system(seed, 14, 8, rank)
    found = LeastSquaresRecovery().stability(jacobian, jacobian @ vector, splits=4, seed=seed)
    assert found.agreement.shape == (4, 1)
    np.testing.assert_allclose(found.agreement, 1, atol=1e-8)
    assert found.stable
    assert found.turning.shape == (8, 0)
    assert f"{rank} dimensions" in found.gauge


def test_halves_of_different_row_spaces_are_compared_on_their_intersection():
    """d = 8, halves of 5 generic rows: they have 2 dimensions in common, and agree there."""
    rng = np.random.default_rng(0)
    jacobian, vector = rng.standard_normal((10, 8)), rng.standard_normal(8)
    found = LeastSquaresRecovery().stability(jacobian, jacobian @ vector, splits=20)
    np.testing.assert_allclose(found.agreement, 1, atol=1e-6)
    # |cos| of random directions in the plane has mean 2/pi.
    assert found.chance == pytest.approx(2 / np.pi, abs=0.02)


def test_a_response_of_noise_does_not_agree_and_its_direction_is_named():
    rng = np.random.default_rng(1)
    jacobian, noise = rng.standard_normal((24, 8)), rng.standard_normal(24)
    found = LeastSquaresRecovery().stability(jacobian, noise, splits=10)
    assert not found.stable
    whole = np.linalg.lstsq(jacobian, noise, rcond=None)[0]
    assert found.turning.shape == (8, 1)
    assert abs(found.turning[:, 0] @ whole) == pytest.approx(np.linalg.norm(whole))


def test_prompts_stay_whole():
    """Rows 2p and 2p + 1 belong together; a half with one of them would see another row space."""
    jacobian = np.repeat(np.eye(4), 2, axis=0)  # prompt p sees coordinate p, twice
    with pytest.raises(InvalidInput, match="see only 0 dimensions in common"):
        LeastSquaresRecovery().stability(jacobian, np.ones(8), groups=np.repeat(range(4), 2))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"splits": 0}, "splits must be an integer of at least 1"),
        ({"groups": [0, 0, 0, 0]}, "at least two groups, got 1"),
        ({"groups": [0, 1]}, "one label for each of the 4 samples"),
        ({}, r"see only 0 dimensions in common.*add prompts until the ranks"),
    ],
)
def test_stability_says_what_it_lacks(options, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        LeastSquaresRecovery().stability(np.eye(4), np.ones(4), **options)


def test_joined_groups_need_one_label_for_each_row():
    assert joined_groups([["a", "b"], ["b"]], [2, 1], "jacobians").tolist() == [0, 1, 1]
    with pytest.raises(InvalidInput, match=r"one label for each of its rows \(2, 1\), got"):
        joined_groups([["a", "b"], ["b", "c"]], [2, 1], "jacobians")
    with pytest.raises(InvalidInput, match="one array of labels for each of the reads"):
        joined_groups(3, [2, 1], "reads")


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_the_path_never_grows_even_where_a_loud_block_raises_the_floor(seed):
    rng = np.random.default_rng(seed)
    blocks = [10.0 ** rng.uniform(-9, 9) * rng.standard_normal((2, 6)) for _ in range(5)]
    floor = np.finfo(float).eps * 10 * np.linalg.norm(np.vstack(blocks), 2)
    path = dimension_path(blocks, floor)
    assert np.all(np.diff(path) <= 0)
    assert path[-1] == 6 - np.linalg.matrix_rank(np.vstack(blocks), tol=floor)


def test_blocks_of_very_different_size_hide_nothing_from_each_other():
    """P = diag(1, 1000) six times over: the block of layer 6 is 1e18 times that of layer 0."""
    growing, read, vector = np.diag([1.0, 1e3]), np.array([[1.0, 1.0]]), np.array([2.0, 3.0])
    carried = [np.linalg.matrix_power(growing, k) @ vector for k in range(7)]
    responses = [read @ state for state in carried]
    fitted = CrossLayerRecovery(affine=True).fit([growing] * 6, [read] * 7, responses)
    assert fitted.prediction_.recovers is True
    np.testing.assert_allclose(fitted.vector_, vector, rtol=1e-12)
    assert list(fitted.dimension_path_) == [1, 0, 0, 0, 0, 0, 0]

    apart = EnvironmentRecovery().fit([[[1.0, 0.0]], [[0.0, 1e20]]], [[2.0], [3e20]])
    assert apart.prediction_.recovers is True
    np.testing.assert_allclose(apart.vector_, vector, rtol=1e-12)


def test_stated_errors_keep_their_unit():
    """An error of 1e-3 hides a block of that size, however the blocks are scaled inside."""
    fitted = EnvironmentRecovery(jacobian_error=1e-3).fit(
        [[[1.0, 0.0]], [[0.0, 1e-4]]], [[2.0], [3e-4]]
    )
    assert fitted.prediction_.recovers is not True


def test_two_halves_that_see_nothing_agree():
    jacobian = np.random.default_rng(0).standard_normal((12, 4))
    found = LeastSquaresRecovery().stability(jacobian, np.zeros(12))
    assert found.mean == 1.0
    assert found.stable


def test_the_gauge_is_the_shift_by_the_kernel():
    jacobian = np.random.default_rng(1).standard_normal((2, 5))
    fitted = LeastSquaresRecovery(affine=True).fit(jacobian, jacobian @ np.arange(5.0))
    moved = fitted.gauge_.act(fitted.gauge_.random(np.random.default_rng(2)), fitted.vector_)
    np.testing.assert_allclose(jacobian @ moved, jacobian @ fitted.vector_)
    assert np.linalg.norm(moved - fitted.vector_) > 0.1
    np.testing.assert_allclose(fitted.gauge_.canonical(moved), fitted.vector_)


def test_a_map_is_not_taken_for_affine_unless_it_is_said_to_be():
    whole, vector, _ = _system(0, 8, 5, 5)
    found = [
        LeastSquaresRecovery(**options).fit(whole, whole @ vector).report_.verdict
        for options in ({}, {"affine": True})
    ]
    assert found == [Verdict.LOCALLY_IDENTIFIABLE, Verdict.GLOBALLY_IDENTIFIABLE]


def test_the_response_that_was_fitted_is_recovered_as_it_was():
    jacobian = np.random.default_rng(3).standard_normal((7, 4))
    response = np.arange(7.0)
    fitted = LeastSquaresRecovery().fit(jacobian, response)
    np.testing.assert_allclose(fitted.recover(response), fitted.vector_, rtol=1e-12)
    np.testing.assert_allclose(fitted.recover([2 * response] * 3), [2 * fitted.vector_] * 3)


def test_chance_is_that_of_the_dimensions_which_the_halves_of_each_split_share(monkeypatch):
    """Five rows thrice over: how many both halves see depends on how the copies fall."""
    dimensions = []

    def noted(dimension, splits, rng):
        dimensions.append((dimension, splits))
        return direction_null(dimension, splits, rng)

    monkeypatch.setattr(linear, "direction_null", noted)
    jacobian = np.repeat(np.eye(5), 3, axis=0)
    labels, seed, splits = np.arange(15), 0, 4
    shared = [
        (len(set(one // 3) & set(other // 3)), 1)
        for one, other in _halves_again(labels, splits, seed)
    ]
    assert len(set(shared)) > 1 and min(shared)[0] >= 2  # or nothing was told apart
    LeastSquaresRecovery().stability(jacobian, np.ones(15), splits=splits, seed=seed)
    assert dimensions == shared


def _halves_again(labels, splits, seed):
    """The rows of both halves, as ``stability`` splits them: its draws come between."""
    rng = seeded(seed)
    for one, other in halves(labels, splits, rng):
        yield one, other
        direction_null(len(set(one // 3) & set(other // 3)), 1, rng)


def test_reports_say_what_was_read_and_where():
    matrices = list(np.random.default_rng(4).standard_normal((3, 2, 4)))
    responses, one = [matrix @ np.ones(4) for matrix in matrices], np.eye(4)
    unread = [None, *matrices[1:]], [None, *responses[1:]]
    for affine in (False, True):
        reports = [
            LeastSquaresRecovery(affine=affine).fit(matrices[0], responses[0]).report_,
            EnvironmentRecovery(affine=affine).fit(matrices, responses).report_,
            CrossLayerRecovery(affine=affine).fit([one, one], *unread).report_,
        ]
        assert [report.regime for report in reports] == [
            "white box, single layer",
            "white box, single layer, several environments",
            "white box, multi-layer",
        ]
        seen = ["outputs", "outputs of 3 environments", "reads of 2 layers"]
        where = ["at this state", "at each state", "at each state"]
        assert [report.observable for report in reports] == [
            f"affine {what}" if affine else f"{what}, to first order {place}"
            for what, place in zip(seen, where, strict=True)
        ]
