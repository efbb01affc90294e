"""The pulled-back radial direction against what whole forward passes do to the last state."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from llm_validation.continuation import Continuation
from llm_validation.hooks import edit_output, read_states
from llm_validation.measurements.logit_jacobian import measure as logit_jacobian
from llm_validation.measurements.radial_direction import measure
from tests.llm_validation.architectures import BLOCKS, prompt
from tests.llm_validation.full_forward import blocks_of, full_logits
from tests.llm_validation.tiny_language_model import tiny_language_model

IDS = prompt(7)[0].tolist()


@pytest.mark.parametrize("layer", [0, 2])
@pytest.mark.parametrize("name", ["llama", "gpt2", "olmo2"])
def test_a_step_along_it_stretches_the_last_state_and_nothing_else(name, layer):
    """The last state is read by a hook during a plain forward pass with the state moved."""
    model, ids = tiny_language_model(name), torch.tensor([IDS])
    direction = torch.from_numpy(measure(model, ids=IDS, layer=layer)["direction"])
    assert float(direction.norm()) == pytest.approx(1)
    state = read_states(model, ids, layer)[-1]

    def last_state(moved: torch.Tensor) -> torch.Tensor:
        seen: list[torch.Tensor] = []

        def keep(hidden: torch.Tensor) -> torch.Tensor:
            seen.append(hidden[0, -1])
            return hidden

        with edit_output(blocks_of(model.model)[-1], keep):
            full_logits(model.model, ids, layer, -1, moved)
        return seen[0]

    step = 1e-5
    change = (last_state(state + step * direction) - last_state(state - step * direction)) / (
        2 * step
    )
    own = last_state(state)
    cosine = float(change @ own / (change.norm() * own.norm()))
    # Set before measuring: the third-order term of a central difference, squared by the cosine.
    assert abs(cosine) == pytest.approx(1, abs=1e-10)


def test_after_the_last_block_it_is_the_state_itself():
    model = tiny_language_model("llama")
    found = measure(model, ids=IDS, layer=BLOCKS - 1)["direction"]
    state = read_states(model, torch.tensor([IDS]), BLOCKS - 1)[-1].numpy()
    np.testing.assert_allclose(found, state / np.linalg.norm(state), atol=1e-14)


@pytest.mark.parametrize("layer", [1, BLOCKS - 1])
def test_what_the_epsilon_leaves_is_what_the_jacobian_sees_along_it(layer):
    model = tiny_language_model("llama")
    coarse = copy.deepcopy(model.model)
    coarse.model.norm.variance_epsilon = 1e-2  # visible far above rounding
    model = replace(model, model=coarse)
    found = measure(model, ids=IDS, layer=layer)
    jacobian = logit_jacobian(model, ids=IDS, layer=layer)["factor"]
    seen = np.linalg.norm(jacobian @ found["direction"])
    assert found["gain"] == pytest.approx(seen, rel=1e-9)
    assert seen > 1e-5


def test_two_prompts_have_two():
    model = tiny_language_model("llama")
    one, other = (measure(model, ids=ids, layer=1)["direction"] for ids in (IDS, IDS[1:]))
    assert abs(one @ other) < 0.99


def test_a_continuation_made_afterwards_is_not_disturbed():
    model = tiny_language_model("llama")
    before = Continuation(model, IDS, 1).fisher()
    measure(model, ids=IDS, layer=1)
    np.testing.assert_array_equal(Continuation(model, IDS, 1).fisher(), before)
