"""Null directions told from an encoder's weights, against ranks of its exact Jacobians."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch

from identifiability.spectrum import Spectrum
from llm_validation.measurements import embedding_jacobian, encoder_symmetries
from tests.llm_validation.encoders import BLOCKS, CONFIGURATIONS, WIDTH
from tests.llm_validation.tiny_sentence_encoder import gaussian, texts

IDS = texts(1, seed=3)[0]


def ranks(reading) -> list[int]:
    jacobians = (
        embedding_jacobian.measure(reading, ids=IDS, layer=layer)["factor"]
        for layer in range(BLOCKS)
    )
    return [Spectrum.of(jacobian, metric=False).rank() for jacobian in jacobians]


def told(reading) -> list[int]:
    found = encoder_symmetries.measure(reading)
    return [WIDTH - int(found["mean_direction"]) - lost for lost in found["lost"]]


def changed(architecture, gains=(), constants=(), normalise=True):
    """The same encoder with some gains and constants of its last norm set."""
    reading = gaussian(architecture)
    model = copy.deepcopy(reading.encoder.model)
    parts = encoder_symmetries.encoder_of(replace(reading.encoder, model=model))
    norm: Any = encoder_symmetries._last_norm(parts)
    for values, place in ((norm.weight, gains), (norm.bias, constants)):
        for index, value in place:
            values.data[index] = value
    encoder = replace(reading.encoder, model=model, normalise=normalise)
    return replace(reading, encoder=encoder)


@pytest.mark.parametrize("architecture", CONFIGURATIONS)
def test_ranks_at_one_text_are_those_told(architecture):
    reading = gaussian(architecture)
    assert told(reading) == ranks(reading)
    hidden = encoder_symmetries.measure(reading)["mean_direction"]
    assert hidden is (architecture == "modernbert")


@pytest.mark.parametrize(
    ("gains", "constants", "lost"),
    [
        ([(3, 0.0)], [(3, 0.0)], 2),  # the coordinate, and the length with it
        ([(3, 0.0)], [(3, 0.7)], 1),  # a constant coordinate keeps the pooled state out of reach
        ([(3, 0.0), (5, 1e-30)], [(3, 0.0), (5, 0.0)], 3),
        ([(3, 1e-9)], [(3, 1e-9)], 1),  # small and still there: the hyperplane stays
    ],
)
def test_gains_that_were_trained_to_zero(gains, constants, lost):
    reading = changed("bert", gains, constants)
    found = encoder_symmetries.measure(reading)
    assert found["lost"] == [lost] * (BLOCKS - 1) + [1]
    assert told(reading) == ranks(reading)


def test_without_unit_length_the_hyperplane_alone_is_lost():
    reading = changed("bert", normalise=False)
    found = encoder_symmetries.measure(reading)
    assert (found["lost"], found["final_norm"]) == ([1] * (BLOCKS - 1) + [0], False)
    assert told(reading) == ranks(reading)


def test_a_hyperplane_through_zero_holds_the_length_too():
    reading = changed("bert", constants=[(i, 0.0) for i in range(WIDTH)])
    assert encoder_symmetries.measure(reading)["lost"] == [2] * (BLOCKS - 1) + [1]
    assert told(reading) == ranks(reading)


def test_a_float32_encoder_is_told_by_its_float64_copy():
    assert told(gaussian(dtype=torch.float32)) == told(gaussian())
