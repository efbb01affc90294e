"""Equivalence classes against exact kernels and brute-force search over members."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from identifiability import (
    EquivalenceClass,
    FisherOperator,
    JacobianOperator,
    Spectrum,
    Verdict,
    exact_rank,
)
from identifiability.errors import InvalidInput
from tests.cases import SMOOTH_MAPS
from tests.oracles import integer_matrix_of_rank

seeds = st.integers(0, 10**6)


def _instance(seed, width=6, rank=3):
    rng = np.random.default_rng(seed)
    return (
        integer_matrix_of_rank(rng, 5, width, rank),
        rng.integers(-5, 6, width).astype(float),
        rng,
    )


@settings(deadline=None)
@given(seeds)
def test_members_are_what_the_matrix_cannot_tell_apart(seed):
    matrix, vector, rng = _instance(seed)
    assume(np.any(vector))
    seen = EquivalenceClass(matrix, vector, affine=True)
    assert seen.dimension == 3
    member = vector + seen.basis @ rng.standard_normal(3)
    np.testing.assert_allclose(matrix @ member, matrix @ vector, atol=1e-11)
    assert seen.contains(member)
    outside = vector + matrix[0]
    assert not seen.contains(outside)
    # The distance is to the nearest member: least squares says the same.
    nearest = np.linalg.lstsq(seen.basis, outside - vector, rcond=None)
    assert seen.distance(outside) == pytest.approx(np.sqrt(nearest[1][0]))
    np.testing.assert_allclose(seen.representative + seen.invisible_part, vector, atol=1e-12)


@settings(deadline=None)
@given(seeds)
def test_default_witness_is_the_equal_norm_member_of_least_cosine(seed):
    matrix, vector, rng = _instance(seed)
    seen = EquivalenceClass(matrix, vector, affine=True)
    hidden = np.linalg.norm(seen.invisible_part)
    assume(hidden > 0.1)
    witness = seen.witness()
    assert seen.contains(witness.vector)
    assert np.linalg.norm(witness.vector) == pytest.approx(np.linalg.norm(vector))
    turns = rng.standard_normal((3, 500))
    others = seen.representative[:, None] + hidden * seen.basis @ (
        turns / np.linalg.norm(turns, axis=0)
    )
    cosines = vector @ others / np.linalg.norm(vector) ** 2
    assert witness.cosine <= cosines.min() + 1e-12
    assert witness.output_difference < 1e-12


@settings(deadline=None)
@given(seeds, st.floats(-0.999, 0.999))
def test_witness_at_a_cosine_is_a_member_at_that_cosine_or_none_exists(seed, cosine):
    matrix, vector, _ = _instance(seed)
    assume(np.any(vector))
    seen = EquivalenceClass(matrix, vector, affine=True)
    if cosine > seen.infimum_cosine + 1e-6:
        witness = seen.witness(cosine)
        assert witness.cosine == pytest.approx(cosine, abs=1e-7)
        assert seen.contains(witness.vector)
    elif cosine < seen.infimum_cosine - 1e-6:
        with pytest.raises(InvalidInput, match="not attained"):
            seen.witness(cosine)


def test_witness_when_all_or_nothing_of_v_is_invisible():
    only_first = np.array([[1.0, 0.0, 0.0]])
    hidden = EquivalenceClass(only_first, [0.0, 3.0, 4.0], affine=True)
    assert hidden.witness().cosine == pytest.approx(-1)
    assert hidden.witness(0.0).cosine == pytest.approx(0, abs=1e-12)
    seen = EquivalenceClass(only_first, [2.0, 0.0, 0.0], affine=True)
    assert seen.infimum_cosine == 0
    assert seen.witness().cosine == pytest.approx(np.sqrt(0.5))
    line = EquivalenceClass(np.eye(2)[:1], [0.0, 1.0], affine=True)
    with pytest.raises(InvalidInput, match="only the cosines 1 and -1"):
        line.witness(0.5)


@settings(deadline=None)
@given(seeds, st.floats(0.05, 20))
def test_epsilon_class_keeps_to_its_radius_and_its_tolerance(seed, radius):
    rng = np.random.default_rng(seed)
    right = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    metric = right @ np.diag([3.0, 1.0, 0.1, 1e-3, 1e-4, 1e-6]) @ right.T
    metric = (metric + metric.T) / 2
    vector = rng.standard_normal(6)
    seen = EquivalenceClass(metric, vector, epsilon=1e-2, radius=radius)
    assume(seen.dimension >= 2)
    witness = seen.witness()
    step = witness.vector - vector
    assert np.linalg.norm(step) <= radius * (1 + 1e-9)
    assert 0.5 * step @ metric @ step <= 1e-2 * (1 + 1e-9)
    assert np.linalg.norm(witness.vector) == pytest.approx(np.linalg.norm(vector))
    assert seen.contains(witness.vector)
    assert seen.report.verdict is Verdict.EPSILON_NON_IDENTIFIABLE
    assert seen.report.unit == "nats"
    with pytest.raises(InvalidInput, match=r"radius|cosine"):
        seen.witness(-1.0)


def test_verdicts_say_no_more_than_was_shown():
    row = np.array([[1.0, 0.0]])
    cases = [
        (EquivalenceClass(row, [1.0, 1.0], affine=True), Verdict.NON_IDENTIFIABLE),
        (EquivalenceClass(row, [1.0, 1.0]), Verdict.FIRST_ORDER_ONLY),
        (EquivalenceClass(np.eye(2), [1.0, 1.0], affine=True), Verdict.GLOBALLY_IDENTIFIABLE),
        (EquivalenceClass(np.eye(2), [1.0, 1.0]), Verdict.LOCALLY_IDENTIFIABLE),
        (
            EquivalenceClass(Spectrum.of(np.diag([1.0, 1.5e-3, 0.9e-3]), error=1e-3), [1, 1, 1]),
            Verdict.UNDETERMINED,
        ),
    ]
    for seen, verdict in cases:
        assert seen.report.verdict is verdict
    undetermined = cases[-1][0].report
    assert undetermined.class_dimension is None
    assert undetermined.witness is None


def test_report_carries_what_a_verdict_needs_and_turns_into_json():
    report = EquivalenceClass(np.array([[1.0, 0.0]]), [3.0, 4.0], affine=True).report
    assert report.class_dimension == 1
    np.testing.assert_allclose(np.abs(report.identified_functionals), [[1.0, 0.0]])
    assert report.witness is not None
    plain = report.to_dict()
    assert plain["verdict"] == "non_identifiable"
    assert plain["witness"]["cosine"] == pytest.approx(-0.28)
    assert "class of dimension 1" in str(report)


def test_operators_and_fisher_metrics_are_taken_as_they_are():
    case = SMOOTH_MAPS[2]
    jacobian = JacobianOperator(case.function, case.state)
    vector = np.ones(6)
    first_order = EquivalenceClass(jacobian, vector)
    fisher = EquivalenceClass(FisherOperator(jacobian), vector)
    # Adding a constant to all logits is not seen by softmax: one dimension more.
    assert (first_order.dimension, fisher.dimension) == (2, 3)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: EquivalenceClass(np.eye(3), [1.0, 2.0]), "width 3, got 2"),
        (lambda: EquivalenceClass(np.eye(2), [1.0, np.inf]), "must be finite"),
        (lambda: EquivalenceClass(np.eye(2), [1.0, 2.0], epsilon=0.1), "go together"),
        (lambda: EquivalenceClass(np.eye(2), [0.0, 0.0]).infimum_cosine, "zero vector"),
        (lambda: EquivalenceClass(np.eye(2), [1.0, 0.0]).witness(), "no other member"),
        (lambda: EquivalenceClass(np.eye(2)[:1], [1.0, 0.0]).witness(2.0), r"in \[-1, 1\]"),
        (lambda: EquivalenceClass(np.eye(2)[:1], [1.0, 0.0]).witness(True), "must be a number"),
        (
            lambda: EquivalenceClass(np.eye(2), [1, 2], spectrum=Spectrum.of(np.eye(3))),
            "spectrum must have width 2 as the operator has, got 3",
        ),
        (
            lambda: EquivalenceClass(
                Spectrum.of(np.eye(2)), [1, 2], spectrum=Spectrum.of(2 * np.eye(2))
            ),
            "pass no other beside it",
        ),
    ],
)
def test_bad_input_is_refused_in_one_sentence(make, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        make()


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        # A text once counted as true, and the report said "proof".
        ({"affine": "no"}, "affine must be True or False, got 'no'"),
        ({"affine": 1}, "affine must be True or False, got 1"),
        ({"spectrum": np.ones(2)}, "spectrum must be a Spectrum, got ndarray"),
        ({"epsilon": True, "radius": 1.0}, "epsilon must be a number, got True"),
    ],
)
def test_arguments_of_another_kind_are_refused(named, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        EquivalenceClass(np.eye(2), [1.0, 2.0], **named)


def test_a_symmetric_matrix_of_an_affine_map_is_its_jacobian():
    seen = EquivalenceClass(np.array([[0.0, 1.0], [1.0, 0.0]]), [1.0, 2.0], affine=True)
    assert seen.report.verdict is Verdict.GLOBALLY_IDENTIFIABLE


def test_only_exact_arithmetic_proves_non_identifiability():
    """The same map in integers and in thirds: the doubles nearest to thirds have no kernel."""
    integers = np.array([[1.0, 2.0], [3.0, 6.0]])
    proved = EquivalenceClass(integers, [1.0, 1.0], affine=True).report
    assert (proved.verdict, proved.certificate.kind) == (Verdict.NON_IDENTIFIABLE, "proof")
    rounded = np.array([[1.0, 1 / 3], [0.1, 0.1 / 3 * (1 + 4e-16)]])
    assert int(exact_rank(rounded)) == 2
    numeric = EquivalenceClass(rounded, [1.0, 1.0], affine=True).report
    assert numeric.verdict is Verdict.EPSILON_NON_IDENTIFIABLE
    assert numeric.certificate.kind == "numeric"
    assert numeric.unit == "eigenvalue (noise floor)"
    erroneous = EquivalenceClass(
        integers, [1.0, 1.0], affine=True, spectrum=Spectrum.of(integers, error=1e-6, metric=False)
    )
    assert erroneous.report.verdict is Verdict.EPSILON_NON_IDENTIFIABLE


def test_tiny_and_huge_matrices_keep_their_rank():
    for scale in (1e-200, 1e150):
        assert Spectrum.of(scale * np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])).rank() == 2


def test_a_float32_operator_proves_nothing():
    """Rounding of float32 gives a map of rank 3 six non-zero singular values."""
    generator = torch.Generator().manual_seed(0)
    outer, inner = torch.randn(8, 3, generator=generator), torch.randn(3, 6, generator=generator)
    operator = JacobianOperator(lambda h: outer @ (inner @ h), torch.zeros(6))
    assert int(exact_rank(operator @ np.eye(6))) > 3
    report = EquivalenceClass(operator, np.ones(6), affine=True).report
    assert report.verdict is Verdict.EPSILON_NON_IDENTIFIABLE
    assert (report.class_dimension, report.certificate.kind) == (3, "numeric")


def test_what_lies_below_a_stated_error_is_not_called_zero():
    below = Spectrum.of(np.diag([1.0, 0.01]), error=0.05)
    assert EquivalenceClass(below, [1.0, 1.0]).report.verdict is Verdict.EPSILON_NON_IDENTIFIABLE
    nothing_known = Spectrum.of(np.diag([1.0, 0.01]), error=1e6)
    assert EquivalenceClass(nothing_known, [1.0, 1.0]).report.verdict is Verdict.UNDETERMINED


def test_an_epsilon_verdict_needs_the_error_on_its_side_of_the_cut():
    metric = np.diag([1.0, 0.05])
    for error, verdict in (
        (0.0, Verdict.LOCALLY_IDENTIFIABLE),  # half of 0.05 times 100 is far above 0.01
        (0.1, Verdict.UNDETERMINED),
    ):
        spectrum = Spectrum.of(metric, error=error)
        seen = EquivalenceClass(spectrum, [1.0, 1.0], epsilon=0.01, radius=10.0)
        assert seen.report.verdict is verdict
    assert Spectrum.of(metric, error=0.1).epsilon_null_dimension_bounds(0.01, 10.0) == (0, 1)


def test_a_line_within_a_small_radius_still_has_a_witness():
    seen = EquivalenceClass(np.diag([1.0, 0.0]), [1.0, 1.0], epsilon=0.01, radius=1.0)
    witness = seen.report.witness
    assert witness is not None
    assert seen.contains(witness.vector)
    assert witness.distance == pytest.approx(1.0)
    assert (witness.output_difference, witness.unit) == (0.0, "nats, to second order")


def test_a_witness_under_a_metric_differs_by_half_the_quadratic_form():
    metric = np.diag([4.0, 0.01, 0.0])
    seen = EquivalenceClass(metric, [1.0, 1.0, 1.0], epsilon=0.01, radius=1.0)
    witness = seen.witness()
    step = witness.vector - 1.0
    assert witness.output_difference == pytest.approx(0.5 * 0.01 * step[1] ** 2)


def test_a_witness_within_a_radius_is_as_far_away_as_it_lets_it_be():
    seen = EquivalenceClass(np.diag([1.0, 0.0, 0.0]), [1.0, 1.0, 0.5], epsilon=0.01, radius=0.5)
    witness = seen.witness()
    assert witness.distance == pytest.approx(0.5)
    assert np.linalg.norm(witness.vector) == pytest.approx(1.5)
