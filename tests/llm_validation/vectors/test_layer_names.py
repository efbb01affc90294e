"""Names that say a layer, and names that do not."""

from __future__ import annotations

import pytest

from llm_validation.vectors.layer_names import layer_of


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("15", 15),
        ("0", 0),
        ("layer.15", 15),
        ("layer_15", 15),
        ("layers.15", 15),
        ("layer15", 15),
        ("model.layers.15", 15),
        ("transformer.h.7", 7),
        ("direction.1", 1),
        ("blocks.3.hook_resid_post", 3),
        # Before block 3, which is after block 2: no match is better than the wrong layer.
        ("blocks.3.hook_resid_pre", None),
        ("", None),
        ("vector", None),
        ("probe2", None),
        ("v1.5", None),
        ("layer.-1", None),
        ("layer.15.mlp", None),
        ("layer.123456", None),
        ("layer.\u0663", None),  # a digit to Python, not to those who write files
        ("15\n", None),
    ],
)
def test_a_layer_is_read_only_where_the_name_says_one(name, layer):
    assert layer_of(name) == layer
