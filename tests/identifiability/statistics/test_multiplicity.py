"""Holm's correction against statsmodels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from identifiability.errors import InvalidInput
from identifiability.statistics import holm


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_adjusted_values_are_those_of_statsmodels(p_values):
    expected = multipletests(p_values, method="holm")[1]
    np.testing.assert_allclose(holm(p_values), expected, rtol=1e-12, atol=0)


def test_values_of_small_p_and_ties_are_those_of_statsmodels():
    p_values = np.array([1e-12, 3e-4, 3e-4, 0.02, 0.5, 1e-12, 1.0])
    np.testing.assert_allclose(
        holm(p_values), multipletests(p_values, method="holm")[1], rtol=1e-12
    )


@pytest.mark.parametrize(
    ("p_values", "sentence"),
    [
        ([], "with m at least 1"),
        ([[0.1, 0.2]], "must be \\(m,\\)"),
        ([0.1, 1.2], "must be in \\[0, 1\\]"),
        ([0.1, np.nan], "must be in \\[0, 1\\]"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(p_values, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        holm(p_values)


def test_rows_of_unequal_length_are_refused_in_one_sentence():
    with pytest.raises(InvalidInput, match="got unequal rows; flatten them"):
        holm([[0.1], [0.1, 0.2]])
