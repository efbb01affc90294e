"""N5's constructions: gauges that do what they claim, metrics carried by the law."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from identifiability import exact_rank
from proofs.reparametrisation_gauge import (
    ASSUMPTIONS,
    COUNTEREXAMPLES,
    carried,
    gauge_sending,
    gauge_turning_to,
)
from proofs.shared.categorical import measured_metric, pulled_back_metric, softmax

vectors = st.lists(st.integers(-9, 9), min_size=3, max_size=3).map(np.array)


@given(vectors, vectors)
def test_any_non_zero_vector_is_sent_to_any_other_by_an_invertible_map(v, w):
    assume(v.any() and w.any())
    gauge = gauge_sending(v, w)
    assert (gauge @ v == w).all()
    assert int(exact_rank(gauge)) == 3


@given(vectors, vectors, st.floats(-0.999, 0.999))
def test_independent_vectors_are_turned_to_any_cosine_at_their_lengths(v, w, cosine):
    assume(np.linalg.matrix_rank(np.stack([v, w])) == 2)
    gauge = gauge_turning_to(cosine, v, w)
    assert gauge @ v == pytest.approx(v, abs=1e-9)
    turned = gauge @ w
    assert np.linalg.norm(turned) == pytest.approx(np.linalg.norm(w))
    assert v @ turned / np.linalg.norm(v) / np.linalg.norm(w) == pytest.approx(cosine, abs=1e-9)
    # det = sin(phi) / sin(angle between v and w): the volume of the pair after over before.
    sine = np.sqrt(1 - (v @ w) ** 2 / (v @ v) / (w @ w))
    assert abs(np.linalg.det(gauge)) * sine == pytest.approx(np.sqrt(1 - cosine**2), abs=1e-6)


def test_the_metric_of_a_carried_readout_follows_the_law_and_not_its_transpose():
    rng = np.random.default_rng(3)
    jacobian, state = rng.standard_normal((5, 3)), rng.standard_normal(3)
    gauge = np.array([[2.0, 1, 0], [0, 1, 3], [1, 0, 1]])
    moved = carried(lambda h: jacobian @ h, gauge)
    found = measured_metric(lambda h: softmax(moved(h)), gauge @ state)
    metric, inverse = pulled_back_metric(jacobian, softmax(jacobian @ state)), np.linalg.inv(gauge)
    assert found == pytest.approx(inverse.T @ metric @ inverse, abs=1e-9)
    assert np.abs(found - inverse @ metric @ inverse.T).max() > 0.01


def test_an_observer_who_knows_the_norm_admits_rotations_and_multiples_only():
    known_norm = next(c for c in COUNTEREXAMPLES if c.assumption == "free continuation")
    box = known_norm.build(np.random.default_rng(0))
    rotation = np.linalg.qr(np.random.default_rng(1).standard_normal((3, 3)))[0]
    assert box.admits(box.continuation)
    assert box.admits(carried(box.continuation, 5 * rotation))
    assert not box.admits(carried(box.continuation, np.diag([1.0, 1.0, 1.01])))
    assert [a.name for a in ASSUMPTIONS if not a.holds(box)] == ["free continuation"]
