"""The record that travels with vectors, and records that contradict themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from identifiability.errors import InvalidInput
from llm_validation.vectors.origin import check_convention, description, origin
from tests.llm_validation.vectors.examples import example

PATH = Path("v.pt")
(VECTOR,) = example((3,))
RECORD = description([VECTOR])


def test_the_record_gives_back_the_fields():
    assert all(isinstance(text, str) for text in RECORD.values())
    check_convention(PATH, RECORD)
    found = origin(PATH, RECORD, 3, VECTOR.vector)
    expected = {k: v for k, v in vars(VECTOR).items() if k not in ("vector", "layer")}
    assert found == expected


def test_the_record_of_another_program_gives_the_architecture_alone():
    found = origin(PATH, {"architecture": "llama", "model": "x", "n_pairs": "y"}, 3, VECTOR.vector)
    assert found == {"architecture": "llama"}


def test_a_norm_survives_float32_and_nothing_larger():
    origin(PATH, RECORD, 3, VECTOR.vector.astype(np.float32).astype(float))
    with pytest.raises(InvalidInput, match=r"states the norm .* its values have .* extract the"):
        origin(PATH, RECORD, 3, VECTOR.vector * 1.00001)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("n_pairs", "many"),
        ("n_pairs", "-3"),
        ("n_pairs", "9" * 5000),
        ("norm.3", "nan"),
        ("state_norm.3", "inf"),
        ("state_norm.3", ""),
    ],
)
def test_a_record_without_its_numbers_is_one_sentence(name, text):
    with pytest.raises(InvalidInput, match=f"must state a number for {name}, got"):
        origin(PATH, RECORD | {name: text}, 3, VECTOR.vector)


def test_another_count_of_layers_and_a_later_format_are_refused():
    with pytest.raises(InvalidInput, match=r"count layers as 'after block i.*got 'hidden_states'"):
        check_convention(PATH, {"layer_convention": "hidden_states"})
    with pytest.raises(InvalidInput, match="got 'identifiability steering vectors 2'; update"):
        check_convention(PATH, {"format": "identifiability steering vectors 2"})
    check_convention(PATH, {"format": "pt"})  # what Hugging Face writes
