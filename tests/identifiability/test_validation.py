"""What comes from outside is checked, and the sentence says how to mend it."""

import numpy as np
import pytest
import torch

from identifiability.errors import InvalidInput
from identifiability.recovery import LeastSquaresRecovery
from identifiability.validation import as_flag, as_matrix, as_number, as_vector, moderate

MASKED = np.ma.masked_array([[1.0, 2.0]], mask=[[False, True]])


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (MASKED, "must have no mask; drop"),
        (torch.ones(2, 2, requires_grad=True), "detach"),
        (torch.ones(2, 2, dtype=torch.bfloat16), "detach"),
        ([[1j]], "real and imaginary parts as rows"),
        ([["a"]], "pass an array of numbers"),
        ([[None]], "pass an array of numbers"),
        (None, "pass an array of numbers"),
        ([[1.0], [2.0, 3.0]], "rows of equal length"),
        ([[np.nan, np.inf]], "got 2 NaN or infinite"),
        ([1.0], r"must be \(m, d\), got \(1,\); stack prompts first"),
        (np.zeros((0, 3)), "it is empty"),
    ],
)
def test_a_wrong_matrix_is_one_sentence(value, sentence):
    with pytest.raises(InvalidInput, match=sentence) as raised:
        as_matrix(value, "operator")
    assert str(raised.value).count(".\n") == 0


def test_zeros_integers_booleans_and_tiny_entries_beside_large_ones_pass():
    for value in (np.zeros((2, 2)), [[1, 2]], [[True]], [[1e-300, 1.0]]):
        assert as_matrix(value, "operator").dtype == np.float64
    assert as_vector([0, 0], "vector").shape == (2,)


def test_no_residual_overflows_into_consistency():
    """The norm of (1e200, -1e200) is infinite, and an infinite residual was once allowed."""
    with pytest.raises(InvalidInput, match="choose another unit"):
        LeastSquaresRecovery(affine=True).fit([[1.0], [1.0]], [1e200, -1e200])
    with pytest.raises(InvalidInput, match="comparable size"):
        LeastSquaresRecovery(affine=True).fit([[1e-100], [1e-100]], [1e100, -1e100])
    for unit in (1e-130, 1.0, 1e130):
        fitted = LeastSquaresRecovery(affine=True).fit([[1.0], [1.0]], [unit, -unit])
        assert fitted.prediction_.recovers is None


@pytest.mark.parametrize("size", [1e200, 1e-200])
def test_a_size_whose_square_leaves_float64_is_one_sentence(size):
    with pytest.raises(InvalidInput, match="states must have its largest entry between"):
        moderate(np.array([[size, 0.0]]), "states")
    assert moderate(np.zeros((1, 2)), "states").shape == (1, 2)


@pytest.mark.parametrize("value", [True, np.True_, "1", None, [1.0], 1j, np.ones(1)])
def test_what_is_no_number_is_one_sentence(value):
    with pytest.raises(InvalidInput, match=r"margin must be a number, got .*; 0\.2 is usual"):
        as_number(value, "margin", mend="0.2 is usual")


@pytest.mark.parametrize(
    ("closed", "inside", "outside"),
    [
        ("both", (0, 1), (-0.1, 1.1)),
        ("left", (0, 0.5), (1, 2)),
        ("right", (0.5, 1), (0, -1)),
        ("neither", (1e-300, np.float32(0.5)), (0, 1)),
    ],
)
def test_an_interval_has_the_ends_that_it_says(closed, inside, outside):
    for value in inside:
        assert as_number(value, "share", low=0, high=1, closed=closed) == float(value)
    for value in (*outside, np.nan, np.inf, 10**400):
        with pytest.raises(InvalidInput, match=r"share must lie in [\[(]0, 1[\])], got"):
            as_number(value, "share", low=0, high=1, closed=closed)


@pytest.mark.parametrize("value", [0.0, -1.0, 1e-200, 1e200, np.nan, 10**400, -(10**400)])
def test_by_default_a_number_is_positive_and_its_square_is_held(value):
    with pytest.raises(InvalidInput, match=r"epsilon must lie in \[1e-140, 1e\+140\]"):
        as_number(value, "epsilon")
    assert as_number(10**30, "epsilon") == 1e30


def test_only_booleans_are_flags():
    assert [as_flag(value, "affine") for value in (True, np.False_)] == [True, False]
    for value in ("no", "", 0, 1, None, np.ones(1, dtype=bool)):
        with pytest.raises(InvalidInput, match="affine must be True or False, got"):
            as_flag(value, "affine")
