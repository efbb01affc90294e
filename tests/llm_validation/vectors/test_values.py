"""Which arrays can be a steering vector."""

from __future__ import annotations

import numpy as np
import pytest

from identifiability.errors import InvalidInput
from llm_validation.vectors.values import check_range, checked, is_stack, is_zero


@pytest.mark.parametrize(
    ("shape", "stack"),
    [((4,), False), ((1, 4), False), ((1, 1, 4), False), ((2, 4), True), ((1, 2, 4), True),
     ((2, 1, 4), False), ((), False)],
)  # fmt: skip
def test_a_stack_has_rows(shape, stack):
    assert is_stack(np.ones(shape)) is stack


def test_zero_is_told_from_what_is_no_vector():
    assert is_zero(np.zeros(3, np.float16))
    assert not is_zero(np.array([0, 0, 1]))
    for other in (np.array([0, np.nan]), np.zeros(0), np.zeros(3, complex), np.array(["", ""])):
        assert not is_zero(other)


def test_signalling_nan_of_a_foreign_file_raises_no_warning():
    values = np.array([0x7F800001, 0], np.uint32).view(np.float32)
    assert not is_zero(values)
    with pytest.raises(InvalidInput, match="here must be finite, got NaN"):
        checked("here", values, None, "the model")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int8, ">f8"])
def test_a_vector_becomes_float64_of_one_axis(dtype):
    found = checked("here", np.array([[1, -2, 3]], dtype), 3, "the model")
    assert found.tolist() == [1, -2, 3]
    assert found.dtype == np.float64


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (np.ones(3, np.longdouble), "must be real numbers, got float128; save it in float32"),
        (np.ones(3, complex), "must be real numbers, got complex128"),
        (np.ones(4), r"must be \(3,\), the width of the residual stream of tiny, got \(4,\)"),
        (np.ones((3, 3)), r"got \(3, 3\); take it from the same model"),
        (np.ones(()), r"got \(\)"),
        (np.array([1, 2, np.inf]), "must be finite"),
        (np.array([1, 2, 1e39]), "in the range of float32, got entries up to 1e.39"),
        (np.array([1e-39, 0, 0]), "in the range of float32, got entries up to 1e-39"),
    ],
)
def test_other_arrays_are_one_sentence(values, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        checked("here", values, 3, "tiny")


@pytest.mark.parametrize("values", [np.zeros(3), np.zeros(0), np.array([np.nan, 1])])
def test_zero_and_nan_are_out_of_range(values):
    with pytest.raises(InvalidInput, match="here must be finite, not zero and in the range"):
        check_range("here", values)
