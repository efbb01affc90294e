"""The invariant part of vectors, what it leaves open, and what it says of that."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identifiability.errors import InvalidInput
from identifiability.recovery.invariant import InvariantRecovery
from toy_models.traits import TraitEnvironments

seeds = st.integers(0, 2**32 - 1)


def _named(fitted):
    return {condition.name: condition for condition in fitted.conditions_}


@given(seeds)
@settings(max_examples=40, deadline=None)
def test_against_projection_over_the_rationals(seed):
    """sympy's exact residual of v_1 on integer differences."""
    import sympy as sp

    rng = np.random.default_rng(seed)
    count, width = int(rng.integers(2, 5)), int(rng.integers(2, 6))
    vectors = rng.integers(-4, 5, (count, width))
    basis = sp.Matrix((vectors[1:] - vectors[0]).T.tolist()).columnspace()
    first = sp.Matrix(vectors[0].tolist())
    residual = first
    for direction in sp.GramSchmidt(basis):
        residual = residual - direction * (direction.dot(first) / direction.dot(direction))
    fitted = InvariantRecovery().fit(vectors)
    expected = [float(Fraction(str(x))) for x in residual]
    np.testing.assert_allclose(fitted.component_, expected, atol=1e-10)
    assert fitted.spurious_.shape == (width, len(basis))


@given(seeds, st.booleans(), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_the_part_of_the_planted_trait_outside_what_varies(seed, orthogonal, rank):
    model = TraitEnvironments(rank=rank, environments=rank + 2, orthogonal=orthogonal)
    instance = model.sample(seed)
    fitted = InvariantRecovery().fit(instance.vectors)
    common, spurious = instance.common[0], instance.spurious
    expected = common - spurious @ np.linalg.lstsq(spurious, common, rcond=None)[0]
    np.testing.assert_allclose(fitted.component_, expected, atol=1e-9)
    planted = np.linalg.qr(spurious)[0]
    np.testing.assert_allclose(
        fitted.spurious_ @ fitted.spurious_.T, planted @ planted.T, atol=1e-8
    )


def test_the_class_is_the_component_plus_what_varies():
    fitted = InvariantRecovery().fit(TraitEnvironments(rank=2).sample(0).vectors)
    assert [c.holds for c in fitted.conditions_] == [True, True, True, None]
    assert fitted.prediction_.recovers is False
    assert "2 of 8 dimensions" in fitted.prediction_.failure_mode
    report = fitted.report_
    assert report.verdict == "non_identifiable"
    assert report.class_dimension == 2
    np.testing.assert_array_equal(fitted.kernel_, fitted.spurious_)
    np.testing.assert_array_equal(fitted.gauge_.directions, fitted.kernel_)
    np.testing.assert_allclose(report.identified_functionals @ fitted.spurious_, 0, atol=1e-12)
    apart = report.witness.vector - fitted.component_
    projected = fitted.spurious_ @ (fitted.spurious_.T @ apart)
    np.testing.assert_allclose(projected, apart, atol=1e-12)
    assert report.witness.distance == pytest.approx(np.linalg.norm(apart))
    assert report.witness.distance > 0.1
    assert report.witness.output_difference < 1e-10


def test_assumed_orthogonal_the_class_is_one_vector():
    vectors = TraitEnvironments(rank=2).sample(0).vectors
    fitted = InvariantRecovery(orthogonal=True).fit(vectors)
    assert fitted.prediction_.recovers
    assert fitted.report_.verdict == "globally_identifiable"
    assert fitted.kernel_.shape == (8, 0)
    assert fitted.report_.witness is None
    assert "orthogonal" in fitted.report_.certificate.statement
    assert "under the assumption that" in fitted.report_.certificate.statement
    assert _named(fitted)["orthogonal"].assumed
    assert _named(fitted)["orthogonal"].holds is None
    assert fitted.gauge_.dimension == 0


def test_balanced_vectors_still_have_a_witness():
    fitted = InvariantRecovery().fit([[0.0, 2.0], [1.0, 2.0], [-1.0, 2.0]])
    assert fitted.report_.witness.distance == pytest.approx(2.0)
    assert fitted.report_.witness.output_difference < 1e-12


@pytest.mark.parametrize(("environments", "holds", "statistic"), [(3, None, 3), (4, True, 0)])
def test_one_environment_more_than_needed_confirms_the_span(environments, holds, statistic):
    vectors = TraitEnvironments(rank=2, environments=environments).sample(1).vectors
    fitted = InvariantRecovery(orthogonal=True).fit(vectors)
    condition = _named(fitted)["spanning environments"]
    assert (condition.holds, condition.statistic) == (holds, statistic)
    if holds is None:
        assert fitted.report_.verdict == "undetermined"
        assert fitted.report_.class_dimension is None
        assert fitted.prediction_.recovers is None


def test_a_single_environment_that_differs_confirms_nothing():
    """Five agree and one differs: two pieces of evidence, and the rank hinges on both."""
    vectors = np.ones((6, 3))
    vectors[4, 0] = 2.0
    assert _named(InvariantRecovery().fit(vectors))["spanning environments"].statistic == 2


@pytest.mark.parametrize("orthogonal", [False, True])
@pytest.mark.parametrize("vector", [[1.0, 2.0, 2.0], [0.0, 0.0, 0.0]])
def test_vectors_that_agree_show_no_class(vector, orthogonal):
    for count in (2, 5):
        fitted = InvariantRecovery(orthogonal=orthogonal).fit(np.tile(vector, (count, 1)))
        condition = _named(fitted)["spanning environments"]
        assert condition.holds is None
        assert condition.reason == "nothing varied, so nothing was tested"
        assert fitted.prediction_.recovers is None
        np.testing.assert_allclose(fitted.component_, vector)
        assert fitted.spurious_.shape == (3, 0)
        assert fitted.report_.verdict == "undetermined"


def test_copies_are_no_evidence():
    """Each vector twice, or as good as twice: leaving one out leaves its copy."""
    trait, first, second = np.eye(3)
    pair = np.array([trait + first, trait - first + second])
    near = np.vstack([pair, pair + 0.01 * np.eye(3)[:2]])
    for vectors, error in ((np.repeat(pair, 2, axis=0), 0.0), (near, 0.01)):
        fitted = InvariantRecovery(orthogonal=True, vector_error=error).fit(vectors)
        assert _named(fitted)["spanning environments"].statistic == 2
        assert fitted.prediction_.recovers is None
        assert fitted.report_.verdict == "undetermined"


@pytest.mark.parametrize("error", [1.0, 3.0, 5.0])
def test_a_larger_stated_error_decides_no_more(error):
    vectors = np.vstack([3 * np.eye(3), np.ones(3)])
    fitted = InvariantRecovery(orthogonal=True, vector_error=error).fit(vectors)
    assert fitted.prediction_.failure_mode == "undecided: gap"
    assert fitted.report_.verdict == "undetermined"


def test_nothing_invariant():
    fitted = InvariantRecovery().fit(np.vstack([np.zeros(2), np.eye(2), [[3.0, 5.0]]]))
    assert _named(fitted)["something invariant"].holds is False
    assert not fitted.component_.any()
    assert fitted.prediction_.recovers is False
    assert fitted.report_.verdict == "undetermined"


@given(seeds, st.floats(-4, -2))
@settings(max_examples=60, deadline=None)
def test_the_gap_statistic_bounds_the_turn_that_errors_cause(seed, magnitude):
    model = TraitEnvironments(environments=5)
    exact, noisy = model.sample(seed), TraitEnvironments(environments=5, noise=10.0**magnitude)
    vectors = noisy.sample(seed).vectors
    fitted = InvariantRecovery(vector_error=10.0**magnitude).fit(vectors)
    gap = _named(fitted)["gap"]
    assert gap.holds
    planted = np.linalg.qr(exact.spurious)[0]
    turned = fitted.spurious_ - planted @ (planted.T @ fitted.spurious_)
    assert np.linalg.norm(turned, 2) <= gap.statistic
    assert fitted.report_.verdict == "epsilon_non_identifiable"


def test_differences_below_the_errors_are_undecided():
    vectors = TraitEnvironments(environments=6, noise=0.6).sample(0)
    fitted = InvariantRecovery(vector_error=0.6, orthogonal=True).fit(vectors.vectors)
    assert _named(fitted)["gap"].holds is None
    assert fitted.prediction_.failure_mode == "undecided: gap"
    assert fitted.report_.verdict == "undetermined"


def test_stability_of_halves():
    steady = TraitEnvironments(rank=1, environments=8).sample(0).vectors
    found = InvariantRecovery().stability(steady)
    assert found.stable
    assert found.minimum == pytest.approx(1.0)
    assert found.turning.shape == (8, 0)
    rng = np.random.default_rng(0)
    loose = InvariantRecovery().stability(rng.standard_normal((6, 20)))
    assert not loose.stable
    assert np.linalg.norm(loose.turning) == pytest.approx(1.0)


def test_stability_keeps_groups_together():
    vectors = np.repeat(np.random.default_rng(1).standard_normal((4, 20)), 3, axis=0)
    alone = InvariantRecovery().stability(vectors, splits=30)
    grouped = InvariantRecovery().stability(vectors, groups=np.repeat(np.arange(4), 3), splits=30)
    assert grouped.mean < alone.mean


@pytest.mark.parametrize(
    ("vectors", "sentence"),
    [
        (np.ones(3), r"vectors must be \(E, d\), got \(3,\)"),
        (np.ones((2, 3, 1)), r"vectors must be \(E, d\), got \(2, 3, 1\)"),
        (np.ones((1, 3)), "two environments or more, got 1 sample"),
        (np.ones((0, 3)), "with at least one entry"),
        ([[1.0, np.nan], [1.0, 2.0]], "vectors must be finite, got 1 NaN"),
        ([[1.0, 2.0], [1.0]], "rows of equal length"),
        (np.ones((2, 2)) * 1j, "real numbers, got dtype complex128"),
        (np.ones((2, 2), dtype=object), "real numbers, got dtype object"),
        (None, "real numbers, got dtype object"),
    ],
)
def test_bad_input_is_one_sentence(vectors, sentence):
    for call in (InvariantRecovery().fit, InvariantRecovery().stability):
        with pytest.raises(InvalidInput, match=sentence) as raised:
            call(vectors)
        assert "\n" not in str(raised.value)


def test_stability_needs_two_environments_in_each_half():
    with pytest.raises(InvalidInput, match="two environments or more in each half, got 3 in 3"):
        InvariantRecovery().stability(np.eye(3))
    with pytest.raises(InvalidInput, match="one label for each of the 4 samples"):
        InvariantRecovery().stability(np.eye(4), groups=[0, 1])


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"vector_error": -1.0}, r"vector_error must lie in \[0, inf\)"),
        ({"vector_error": np.inf}, r"vector_error must lie in \[0, inf\)"),
        ({"sine": 1.0}, r"sine must lie in \(0, 1\)"),
    ],
)
def test_parameters_out_of_range_are_refused_by_fit(parameters, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        InvariantRecovery(**parameters).fit(np.eye(2))
    with pytest.raises(InvalidInput, match=sentence):
        InvariantRecovery(**parameters).stability(np.eye(4))


def test_one_dimension_and_integers():
    fitted = InvariantRecovery().fit([[2], [2], [2]])
    assert fitted.component_.tolist() == [2.0]
    assert not InvariantRecovery().fit([[2], [3], [5]]).component_.any()
