"""Units and gaps of a class: nothing is small or large but beside something else."""

from __future__ import annotations

import numpy as np
import pytest

from identifiability import EquivalenceClass


@pytest.mark.parametrize("cosine", [None, 0.3])
@pytest.mark.parametrize("vector", [[1.0, 2.0, 2.0], [0.0, 2.0, 2.0], [3.0, 0.0, 0.0]])
@pytest.mark.parametrize("unit", [1e-9, 1e9])
def test_a_witness_is_the_same_in_another_unit(cosine, vector, unit):
    """What is hidden or seen of v is small beside v, not beside 1."""
    only_first = np.array([[1.0, 0.0, 0.0]])
    here = EquivalenceClass(only_first, vector, affine=True).witness(cosine)
    there = EquivalenceClass(only_first, unit * np.array(vector), affine=True).witness(cosine)
    np.testing.assert_allclose(there.vector / unit, here.vector, atol=1e-12)
    assert there.cosine == pytest.approx(here.cosine)


@pytest.mark.parametrize(
    ("values", "options", "gap"),
    [
        ([5.0, 3.0, 0.0], {}, 3.0),
        ([5.0, 3.0, 1.0], {}, 1.0),
        ([0.0, 0.0, 0.0], {}, 0.0),
        ([5.0, 3.0, 0.5], {"epsilon": 1.0, "radius": 1.0}, 2.5),
        ([0.5, 0.4, 0.3], {"epsilon": 1.0, "radius": 1.0}, 0.0),
    ],
)
def test_the_gap_is_between_what_is_seen_and_what_is_not(values, options, gap):
    report = EquivalenceClass(np.diag(values), [1.0, 1.0, 1.0], **options).report
    assert report.gap == pytest.approx(gap)
