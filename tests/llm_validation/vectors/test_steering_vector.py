"""What the dataclass computes."""

from __future__ import annotations

import numpy as np
import pytest

from llm_validation.vectors import LAYER_CONVENTION, SteeringVector


def test_a_vector_needs_no_more_than_its_layer():
    vector = SteeringVector(np.array([3.0, -4.0]), 7)
    assert vector.norm == 5
    assert vector.model is vector.method is vector.state_norm is None
    with pytest.raises(AttributeError):
        vector.layer = 8
    assert LAYER_CONVENTION == "after block i, counted from 0"
