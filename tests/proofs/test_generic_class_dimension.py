"""N3 beyond its own check: real networks, each part of the formula, identities that can fail."""

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from identifiability import Spectrum, exact_rank
from proofs import generic_class_dimension
from proofs.checking import check, check_symbolic
from proofs.generic_class_dimension import THEOREM, _claimed, _formula_error
from proofs.shared.integer_networks import (
    CUBIC,
    IDENTITY,
    RELU,
    SQUARE,
    IntegerNetwork,
    generic_stack_rank,
    network,
    without_repetition,
)


@pytest.mark.parametrize(
    ("sizes", "prompts", "dimension"),
    [
        ((12, 12, 3, 5), 1, 9),  # a width-3 bottleneck behind the activation: ranks 3, 6, 9, 12
        ((12, 12, 3, 5), 3, 3),
        ((12, 12, 3, 5), 4, 0),
        ((12, 3, 12, 12), 100, 9),  # the same width, linear and shared
        ((8, 9, 9, 3), 2, 2),  # rows only: d - Nm
        ((4, 9, 9, 50), 1, 0),  # all logits of a real vocabulary
    ],
)
def test_dimension_in_known_cases(sizes, prompts, dimension):
    assert _claimed(sizes, prompts) == dimension


@pytest.mark.parametrize("sizes", [(6, 8, 2, 5), (6, 3, 4, 2), (5, 5, 9, 2), (6, 4, 1, 3)])
@pytest.mark.parametrize("prompts", [1, 2, 4])
def test_networks_with_tanh_and_gaussian_weights_have_the_generic_dimension(sizes, prompts):
    d, q, w, m = sizes
    rng = np.random.default_rng([d, q, w, m, prompts])
    W, B, K = (rng.standard_normal(shape) for shape in ((q, d), (w, q), (m, w)))
    slopes = 1 - np.tanh(rng.standard_normal((prompts, d)) @ W.T) ** 2
    stack = np.concatenate([K @ B @ (slope[:, None] * W) for slope in slopes])
    # Products of four factors round more than the decomposition does.
    spectrum = Spectrum.of(stack, error=1e-12 * np.linalg.norm(stack))
    assert d - spectrum.rank() == _claimed(sizes, prompts)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda d, q, w, m, n: d - min(q, n * min(w, m)),
        lambda d, q, w, m, n: d - min(d, n * min(w, m)),
        lambda d, q, w, m, n: d - min(d, q, n * m),
        lambda d, q, w, m, n: d - min(d, q, n * w),
        lambda d, q, w, m, n: d - min(d, q, min(w, n * m)),
        lambda d, q, w, m, n: d - min(d, q, m, n * w),
        lambda d, q, w, m, n: d - min(d, q, n * min(w, m)) + 1,
    ],
    ids=["no d", "no q", "no w", "no m", "w shared", "m shared", "one more"],
)
def test_the_samples_notice_every_part_of_the_formula(wrong):
    conclusion = replace(
        THEOREM.conclusions[0],
        discrepancy=lambda i: _formula_error(i, lambda sizes, n: wrong(*sizes, n)),
    )
    conclusions = (conclusion, *THEOREM.conclusions[1:])
    result = check(replace(THEOREM, symbolic="left out", conclusions=conclusions))
    assert [c.name for c in result.numeric.conclusions if c.status == "failed"] == ["dimension"]


@pytest.mark.parametrize(
    ("name", "wrong", "claim"),
    [
        ("_witness", lambda units, k, s, t: sp.eye(units) * (s - t), "a minor of the witness"),
        ("generic_stack_rank", lambda sizes, prompts, rng: min(sizes[0], sizes[2]), "width 3"),
        ("generic_stack_rank", lambda sizes, prompts, rng: sizes[3] * prompts, "d = 60"),
    ],
    ids=["slopes s - t and 0", "one prompt's rank", "rows counted"],
)
def test_identities_fail_for_other_networks(monkeypatch, name, wrong, claim):
    monkeypatch.setattr(generic_class_dimension, name, wrong)
    failed = check_symbolic(THEOREM).failed
    assert failed
    assert any(other.startswith(claim) for other in failed)


def test_published_count_of_singular_matrices():
    # |GL(2, F_p)| = (p^2 - 1)(p^2 - p), so that 16 - 6, 81 - 48 and 625 - 480 are singular.
    claimed = [i.right for i in THEOREM.symbolic.identities() if i.claim.startswith("quantised")]
    assert claimed == [10, 33, 145]


def test_predicates_tell_activations_apart():
    assert [f.looks_analytic for f in (IDENTITY, SQUARE, CUBIC, RELU)] == [True, True, True, False]
    assert [f.is_affine for f in (IDENTITY, SQUARE, CUBIC, RELU)] == [True, False, False, False]


def test_jacobian_is_the_derivative_of_the_network():
    net = network((3, 4, 2, 5), 2, without_repetition(np.random.default_rng(0)), CUBIC)

    def outputs(h):
        return net.readout.dot(net.behind).dot(CUBIC.value(net.first.dot(h)))

    for state in net.states:
        step = np.array([0, 1, 0], object)
        # phi is cubic: the fourth-order central difference is exact.
        near, far = (outputs(state + k * step) - outputs(state - k * step) for k in (1, 2))
        assert ((8 * near - far) == 12 * net.jacobian(state)[:, 1]).all()


def test_fisher_factor_loses_the_shift_and_bounds_its_rounding():
    net = network((4, 5, 4, 4), 2, without_repetition(np.random.default_rng(1)))
    factor, error = net.fisher_factor()
    shifted = replace(net, readout=net.readout + 1)  # every logit of a prompt by the same amount
    again, larger = shifted.fisher_factor()
    kernel = Spectrum.of(factor, error=error).null_space
    assert np.abs(again @ kernel).max(initial=0) <= 2 * larger
    assert Spectrum.of(again, error=larger).rank() == int(exact_rank(net.stack(2, log_odds=True)))
    assert 0 < error < 1e-9 * np.linalg.norm(factor)


def test_generic_stack_rank_is_not_that_of_a_special_network():
    weights = np.ones(4 * 4 + 4 * 4 + 4 * 4, int)
    special = network((4, 4, 4, 4), 1, lambda n: weights[:n].astype(object))
    assert int(exact_rank(special.stack(1))) == 1
    assert generic_stack_rank((4, 4, 4, 4), 1, np.random.default_rng(0)) == 4
    assert isinstance(special, IntegerNetwork)
