"""Divergences against sums in 60 digits, from log-probabilities 1e-10 apart to 2,000."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import torch

from llm_validation.divergence import kl_and_js_of, kl_of

WORDS = 40


def _exact(log_p, log_q) -> tuple[float, float]:
    """KL and JS of the two, which are normalised in all digits first."""
    with mpmath.workdps(60):
        p, q = ([mpmath.exp(mpmath.mpf(float(x))) for x in row] for row in (log_p, log_q))
        p, q = ([x / mpmath.fsum(row) for x in row] for row in (p, q))
        mean = [(x + y) / 2 for x, y in zip(p, q, strict=True)]

        def kl(a, b):
            return mpmath.fsum(x * mpmath.log(x / y) for x, y in zip(a, b, strict=True))

        return float(kl(p, q)), float((kl(p, mean) + kl(q, mean)) / 2)


def _drawn(size: float) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(0)
    logits = 3 * rng.standard_normal(WORDS)
    moved = logits + size * rng.standard_normal(WORDS)
    return torch.log_softmax(torch.tensor(logits), -1), torch.log_softmax(torch.tensor(moved), -1)


@pytest.mark.parametrize("size", [1e-10, 1e-6, 1e-3, 0.1, 1.0, 10.0, 200.0])
def test_both_are_the_sums_of_their_definitions_in_both_directions(size):
    log_p, log_q = _drawn(size)
    # A term of order size² is the difference of terms of order size, which round at 1e-16; where
    # they are large a term rounds as its log-probability does, at 1e-16 of some hundreds.
    allowed = 1e-14 * max(1.0, size / 10) + 1e-15 / size
    for one, other in ((log_p, log_q), (log_q, log_p)):
        kl, js = (float(value) for value in kl_and_js_of(one, other))
        assert float(kl_of(one, other)) == kl
        assert (kl, js) == pytest.approx(_exact(one, other), rel=allowed, abs=0)


def test_a_normaliser_that_is_off_drops_out():
    """Probabilities that sum to 1 + 1e-9: what is usually summed would be off by as much."""
    log_p, log_q = _drawn(1e-4)
    expected = _exact(log_p, log_q)
    for p, q in ((log_p + 1e-9, log_q), (log_p, log_q - 1e-9)):
        found = [float(value) for value in kl_and_js_of(p, q)]
        assert found == pytest.approx(expected, rel=1e-7)
        assert abs(float((p.exp() * (p - q)).sum()) - expected[0]) > 0.1 * expected[0]


def test_js_is_symmetric_and_ends_at_log_2():
    """However far apart: 300 draws of logits that differ by thousands of nats."""
    draws = 1000 * np.random.default_rng(1).standard_normal((2, 300, WORDS))
    log_p, log_q = torch.log_softmax(torch.tensor(draws), -1)
    js, back = kl_and_js_of(log_p, log_q)[1], kl_and_js_of(log_q, log_p)[1]
    assert torch.equal(js, back)
    assert float(js.max()) <= np.log(2) * (1 + 1e-15)
    assert float(js.min()) > 0


def test_words_that_one_of_them_rules_out_neither_overflow_nor_count():
    """A difference of 2,000 nats: its exponential is no float64."""
    log_p = torch.log_softmax(torch.tensor([0.0, -2000.0, 1.0]).double(), -1)
    log_q = torch.log_softmax(torch.tensor([0.0, 0.0, 1.0]).double(), -1)
    for one, other in ((log_p, log_q), (log_q, log_p)):
        found = [float(value) for value in kl_and_js_of(one, other)]
        assert found == pytest.approx(_exact(one, other), rel=1e-15)


def test_equal_ones_are_nothing_apart():
    log_p, _ = _drawn(1.0)
    assert [float(value) for value in kl_and_js_of(log_p, log_p)] == [0.0, 0.0]
