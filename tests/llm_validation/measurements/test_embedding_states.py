"""States of an encoder: at one token, and at chosen ones, each text as it is alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from identifiability.errors import InvalidInput
from llm_validation.encoder import EncoderContinuation
from llm_validation.encoder_structure import encoder_of
from llm_validation.measurements import embedding_states
from tests.llm_validation.encoders import BLOCKS, WIDTH
from tests.llm_validation.tiny_sentence_encoder import gaussian, texts

TEXTS = texts(3)


@pytest.mark.parametrize("position", [0, -1])
def test_they_are_the_states_that_claims_displace(position):
    reading, layers = replace(gaussian(), position=position), [2, 0]
    found = embedding_states.measure(reading, prompts=TEXTS, layers=layers)["states"]
    assert found.shape == (3, 2, WIDTH)
    for row, ids in zip(found, TEXTS, strict=True):
        for state, layer in zip(row, layers, strict=True):
            expected = EncoderContinuation(reading.encoder, ids, layer, position).state
            np.testing.assert_allclose(state, expected.numpy(), atol=1e-13)


@pytest.mark.parametrize("architecture", ["bert", "roberta", "distilbert"])
def test_all_tokens_are_those_of_the_models_own_record(architecture):
    encoder = encoder_of(gaussian(architecture).encoder)
    found = embedding_states.states_of(encoder, TEXTS[0], range(BLOCKS))
    own = encoder.model(input_ids=torch.tensor([TEXTS[0]]), output_hidden_states=True)
    for state, expected in zip(found, own.hidden_states[1:], strict=True):
        np.testing.assert_allclose(state.numpy(), expected[0].numpy(), atol=1e-13)


def test_tokens_are_chosen_between_the_ends_without_repeats():
    settings = {"prompts": TEXTS, "layers": [1], "first": [1, 2, 1], "last": 1, "seed": 3}
    reading = gaussian(dtype=torch.float32)
    found = embedding_states.tokens(reading, tokens=3, **settings)
    assert found["prompt"].tolist() == [0] * 3 + [1] * 3 + [2] * 3
    assert found["states"].dtype == np.float32 and found["states"].shape == (9, 1, WIDTH)
    encoder = encoder_of(reading.encoder)
    for number, (ids, start) in enumerate(zip(TEXTS, settings["first"], strict=True)):
        every = embedding_states.states_of(encoder, ids, [1])[0].numpy()
        rows = found["states"][found["prompt"] == number, 0]
        places = [int(np.flatnonzero((every == row).all(axis=1))[0]) for row in rows]
        assert places == sorted(set(places))
        assert start <= min(places) and max(places) < len(ids) - 1


def test_a_text_of_which_nothing_is_left_is_refused():
    settings = {"prompts": [[1, 5, 2]], "layers": [1], "last": 1, "tokens": 3, "seed": 0}
    with pytest.raises(InvalidInput, match="more than first"):
        embedding_states.tokens(gaussian(), first=[2], **settings)
