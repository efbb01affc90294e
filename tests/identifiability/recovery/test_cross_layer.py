"""Layers: the class is ker O, the paths bound the rank, and what a map loses stays lost."""

from itertools import pairwise

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from identifiability.errors import InvalidInput
from identifiability.recovery.cross_layer import CrossLayerRecovery

seeds = st.integers(0, 2**32 - 1)


def _simulate(transports, reads, vector):
    """Layer by layer, never through the stack."""
    state, seen = vector, []
    for k, read in enumerate(reads):
        seen.append(None if read is None else read @ state)
        state = transports[k] @ state if k < len(transports) else state
    return seen


def _fit(transports, reads, vector, **parameters):
    recovery = CrossLayerRecovery(**parameters)
    return recovery.fit(transports, reads, _simulate(transports, reads, vector))


def _named(fitted):
    return {condition.name: condition for condition in fitted.conditions_}


@st.composite
def stacks(draw):
    """Small integers, sparse and of any widths; not every layer is read."""
    rng = np.random.default_rng(draw(seeds))
    widths = rng.integers(1, 5, draw(st.integers(2, 4)))
    transports = [
        rng.integers(-2, 3, (after, before)) * (rng.random((after, before)) < 0.7)
        for before, after in pairwise(widths)
    ]
    counts = [*rng.integers(0, 3, widths.size - 1), 1]
    reads = [
        rng.integers(-2, 3, (m, w)) if m else None for m, w in zip(counts, widths, strict=True)
    ]
    return transports, reads, rng.integers(-4, 5, widths[0])


@given(stacks())
@settings(max_examples=40, deadline=None)
def test_path_kernel_and_lost_part_against_exact_arithmetic(stack):
    transports, reads, vector = stack
    fitted = _fit(transports, reads, vector, affine=True)
    width, carried, rows, exact = vector.size, sp.eye(vector.size), sp.zeros(0, vector.size), []
    for k, read in enumerate(reads):
        if read is not None:
            rows = rows.col_join(sp.Matrix(read) * carried)
        exact.append(width - rows.rank())
        carried = sp.Matrix(transports[k]) * carried if k < len(transports) else carried
    assert fitted.dimension_path_.tolist() == exact
    assert fitted.kernel_.shape == (width, exact[-1])
    assert fitted.lost_.shape == (width, width - rows.col_join(carried).rank())
    assert fitted.disjoint_paths_ >= width - exact[-1]
    seen = vector - fitted.kernel_ @ (fitted.kernel_.T @ vector)
    np.testing.assert_allclose(fitted.vector_, seen, atol=1e-8)
    assert fitted.prediction_.recovers is (exact[-1] == 0)
    np.testing.assert_allclose(np.array(carried, dtype=float) @ fitted.lost_, 0, atol=1e-9)


def _dense(seed, width, layers, outputs):
    rng = np.random.default_rng(seed)
    transports = [rng.standard_normal((width, width)) / 2 for _ in range(layers)]
    return transports, [rng.standard_normal((outputs, width)) for _ in range(layers + 1)], rng


def test_identity_layers_with_one_read_show_its_rows_whatever_the_paths_say():
    read = np.array([[3.0, 5.0, 7.0, 11.0]])
    fitted = _fit([np.eye(4)] * 5, [read] * 6, np.arange(4.0))
    assert fitted.kernel_.shape == (4, 3)
    assert fitted.disjoint_paths_ == 4
    conditions = _named(fitted)
    assert conditions["enough disjoint paths"].holds
    assert conditions["full rank"].holds is False
    assert conditions["further layers can help"].holds is False
    assert "Cayley-Hamilton" in conditions["further layers can help"].reason


def test_one_repeated_layer_may_help_until_it_adds_nothing():
    transports, reads, rng = _dense(0, 6, 1, 1)
    vector = rng.standard_normal(6)
    growing = _fit(transports * 2, reads[:1] * 3, vector)
    assert _named(growing)["further layers can help"].holds is None
    assert growing.kernel_.shape == (6, 3)
    assert _fit(transports * 5, reads[:1] * 6, vector).kernel_.shape == (6, 0)


def test_what_the_maps_kill_is_lost_and_what_they_keep_is_not():
    """Coordinate 2 dies in the first map; coordinate 1 survives, unread."""
    transport, read = np.diag([1.0, 1.0, 0.0]), np.array([[1.0, 0.0, 0.0]])
    fitted = _fit([transport], [None, read], np.array([1.0, 2.0, 3.0]))
    assert fitted.prediction_.failure_mode == (
        "kernel: 2 of 3 dimensions; 1 lost to all later layers; 1 disjoint paths"
    )
    np.testing.assert_allclose(np.abs(fitted.lost_[:, 0]), [0, 0, 1], atol=1e-14)
    assert _named(fitted)["further layers can help"].holds is None
    early = _fit([transport], [np.eye(3)[2:], read], np.array([1.0, 2.0, 3.0]))
    assert early.dimension_path_.tolist() == [2, 1]


def test_a_computed_stack_proves_nothing_exactly():
    """Its entries are rounded products: the certificate is numeric, the kernel one to a floor."""
    transports, reads, rng = _dense(1, 5, 2, 1)
    fitted = _fit(transports, reads, rng.standard_normal(5), affine=True)
    assert fitted.report_.certificate.kind == "numeric"
    assert fitted.report_.verdict == "epsilon_non_identifiable"


def test_rounding_of_products_is_no_rank():
    """A read orthogonal to the image of a map of norm 1e6: 1e-10 of rounding beside a read of 1."""
    rng = np.random.default_rng(2)
    turn = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    loud = 1e6 * turn[:, :3] @ rng.standard_normal((3, 6))
    reads = [np.eye(6)[:1], turn[:, 3:].T]
    assert np.linalg.matrix_rank(np.vstack([reads[0], reads[1] @ loud])) > 1
    fitted = CrossLayerRecovery().fit([loud], reads, [[2.0], [0.0, 0.0, 0.0]])
    assert fitted.kernel_.shape == (6, 5)
    np.testing.assert_allclose(fitted.vector_, [2, 0, 0, 0, 0, 0], atol=1e-8)


def test_inconsistent_reads_are_undecided():
    transports, reads, rng = _dense(3, 4, 3, 2)
    responses = _simulate(transports, reads, rng.standard_normal(4))
    responses[2] = responses[2] + 1
    fitted = CrossLayerRecovery().fit(transports, reads, responses)
    assert fitted.prediction_.failure_mode == "undecided: no consistent response"
    assert fitted.report_.verdict == "undetermined"


def test_stated_errors_are_allowed_for():
    transports, reads, rng = _dense(4, 4, 3, 2)
    responses = _simulate(transports, reads, rng.standard_normal(4))
    noise = rng.standard_normal(2)
    responses[2] = responses[2] + 1e-3 * noise / np.linalg.norm(noise)
    fitted = CrossLayerRecovery(response_error=1e-3).fit(transports, reads, responses)
    assert fitted.prediction_.recovers


def test_stability_splits_rows_or_prompts():
    transports, reads, rng = _dense(5, 4, 5, 2)
    vector = rng.standard_normal(4)
    responses = _simulate(transports, reads, vector)
    found = CrossLayerRecovery().stability(transports, reads, responses, splits=4)
    np.testing.assert_allclose(found.agreement, 1, atol=1e-8)
    by_layer = [np.full(2, k % 2) for k in range(6)]
    grouped = CrossLayerRecovery().stability(transports, reads, responses, groups=by_layer)
    assert grouped.stable
    unread = [reads[0], None, *reads[2:]]
    without = [by_layer[0], None, *by_layer[2:]]
    responses[1] = None
    assert CrossLayerRecovery().stability(transports, unread, responses, groups=without).stable
    with pytest.raises(InvalidInput, match="one array of labels for each of the reads"):
        CrossLayerRecovery().stability(transports, unread, responses, groups=by_layer)


ONE = np.ones((1, 2))


@pytest.mark.parametrize(
    ("transports", "reads", "responses", "sentence"),
    [
        ([], [ONE], [[1]], "reads of one layer use LeastSquaresRecovery"),
        ([np.eye(2)], [ONE], [[1]], "one entry more than transports, got 1, 1 and 1"),
        ([np.eye(2)], [None, None], [None, None], "reads must not all be None"),
        ([np.eye(2)], [ONE, None], [[1], [1]], r"reads\[1\] and responses\[1\] must both be None"),
        (
            [np.eye(2)],
            [ONE, np.ones((1, 3))],
            [[1], [1]],
            r"reads\[1\] must be \(m, 2\), the",
        ),
        ([np.eye(2), np.eye(3)], [ONE] * 3, [[1]] * 3, r"transports\[1\] must take the 2 dim"),
        ([np.ones(2)], [ONE] * 2, [[1]] * 2, r"transports\[0\] must be \(d_next, d\), got \(2,\)"),
        ([[[1, np.nan], [0, 1]]], [ONE] * 2, [[1]] * 2, r"transports\[0\] must be finite"),
        ([np.eye(2) * 1j], [ONE] * 2, [[1]] * 2, r"transports\[0\] must hold real numbers"),
        (
            [np.eye(2)],
            [ONE] * 2,
            [[1], [1, 2]],
            r"reads\[1\] or responses\[1\]: response must have",
        ),
        (
            [np.eye(2)],
            [ONE] * 2,
            [[1], [np.inf]],
            r"reads\[1\] or responses\[1\]: response must be",
        ),
        (np.eye, [ONE] * 2, [[1]] * 2, "transports must be a list.*got function"),
        (None, [ONE] * 2, [[1]], "one entry for each layer, got 2 and 1"),
        (None, [None] * 2, [None] * 2, "reads must hold .m, d. rows of layer 0.*got none"),
        (None, [[1, 2]], [[1]], r"reads must hold .*got \(2,\)"),
        (None, [ONE, np.eye(3)], [[1], [1, 1, 1]], r"reads\[1\] must be \(m, 2\)"),
        ([np.eye(2)], ONE[0, 0], [[1]] * 2, "reads must be a list"),
        ([np.eye(2)], [ONE] * 2, "ab", "responses must be a list.*got str"),
    ],
)
def test_bad_input_is_one_sentence(transports, reads, responses, sentence):
    with pytest.raises(InvalidInput, match=sentence) as raised:
        CrossLayerRecovery().fit(transports, reads, responses)
    assert "\n" not in str(raised.value)


def test_parameters_are_checked_by_fit():
    with pytest.raises(InvalidInput, match="accuracy must lie in"):
        CrossLayerRecovery(accuracy=2).fit([np.eye(2)], [ONE] * 2, [[1], [1]])


def test_layers_of_different_width_and_one_dimension():
    fitted = _fit([np.array([[2], [3]])], [None, np.array([[1, 1]])], np.array([4]))
    np.testing.assert_allclose(fitted.vector_, [4.0])


def _pulled_back(transports, reads):
    through, rows = np.eye(transports[0].shape[1]), [reads[0]]
    for transport, read in zip(transports, reads[1:], strict=True):
        through = transport @ through
        rows.append(None if read is None else read @ through)
    return rows


def test_reads_pulled_back_are_as_good_as_maps_and_reads():
    rng = np.random.default_rng(3)
    maps = [rng.standard_normal((6, 6)) for _ in range(3)]
    reads = [None, rng.standard_normal((2, 6)), None, 1e6 * rng.standard_normal((1, 6))]
    rows, vector = _pulled_back(maps, reads), rng.standard_normal(6)
    responses = [None if row is None else row @ vector for row in rows]
    mapped = CrossLayerRecovery().fit(maps, reads, responses)
    pulled = CrossLayerRecovery().fit(None, rows, responses)
    np.testing.assert_allclose(pulled.vector_, mapped.vector_, atol=1e-9)
    np.testing.assert_array_equal(pulled.dimension_path_, [6, 4, 4, 3])
    assert pulled.disjoint_paths_ == mapped.disjoint_paths_ == 3
    assert pulled.prediction_.failure_mode == "kernel: 3 of 6 dimensions; 3 disjoint paths"
    # Without the maps nothing says what is lost on the way.
    assert pulled.lost_.shape == (6, 0)
    helps = pulled.report_.condition("further layers can help")
    assert helps.holds is None and helps.statistic is None


def test_paths_are_searched_only_where_the_rank_does_not_prove_them():
    """Two reads of one coordinate: rank 1 where a matching of three reads finds 2."""
    rows = [np.array([[1.0, 0, 0, 0]]), np.array([[1.0, 0, 0, 0], [0, 1.0, 1.0, 0]])]
    fitted = CrossLayerRecovery().fit(None, rows, [[1.0], [1.0, 2.0]])
    assert fitted.disjoint_paths_ == 2
    found = fitted.report_.condition("enough disjoint paths")
    assert found.decided_by == "matching of coordinates and reads"
    repeated = CrossLayerRecovery().fit(None, [np.ones((1, 4))] * 3, [[1.0]] * 3)
    assert repeated.dimension_path_[-1] == 3 and repeated.disjoint_paths_ == 3
    full = CrossLayerRecovery().fit(None, [np.eye(4)[:3]], [[1.0] * 3])
    assert full.report_.condition("enough disjoint paths").decided_by.startswith("rank")


@pytest.mark.parametrize("stated", [0.0, 1e-9])
def test_other_responses_of_the_same_reads(stated):
    """Whether blocks are brought to one size or errors are stated in their own unit."""
    rng = np.random.default_rng(4)
    rows = [rng.standard_normal((4, 6)), 1e5 * rng.standard_normal((3, 6))]
    vectors = rng.standard_normal((5, 6))
    responses = [vectors @ row.T for row in rows]
    fitted = CrossLayerRecovery(jacobian_error=stated).fit(None, rows, [r[0] for r in responses])
    np.testing.assert_allclose(fitted.recover(np.hstack(responses)), vectors, rtol=1e-6)
    with pytest.raises(InvalidInput, match=r"responses must be \(..., 7\).*got \(5, 4\)"):
        fitted.recover(responses[0])
