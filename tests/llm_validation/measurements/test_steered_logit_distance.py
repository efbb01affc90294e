"""Distances between steered logits, against two full forward passes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from identifiability.errors import InvalidInput
from llm_validation.hooks import steer
from llm_validation.measurements.steered_logit_distance import measure
from tests.llm_validation.architectures import WIDTH, prompt
from tests.llm_validation.tiny_language_model import tiny_language_model

IDS, LAYER = prompt(9)[0].tolist(), 1
DRAWN = np.random.default_rng(6).standard_normal((4, WIDTH))
BASE, ROWS = DRAWN[0], DRAWN[1:]


def logits(model, displacement) -> np.ndarray:
    """After the last token, whose state is displaced by the hook that users have."""
    mask = torch.arange(len(IDS))[None] == len(IDS) - 1
    with steer(model, displacement, LAYER, 1.0, mask), torch.no_grad():
        return model.model(input_ids=torch.tensor([IDS]), use_cache=False).logits[0, -1].numpy()


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_it_is_the_distance_from_the_steered_model_and_not_from_the_unsteered_one(name):
    model = tiny_language_model(name)
    found = measure(model, ids=IDS, layer=LAYER, base=BASE, displacements=ROWS)
    for place, row in enumerate(ROWS):
        change = logits(model, BASE + row) - logits(model, BASE)
        assert found["logit_distance"][place] == pytest.approx(np.linalg.norm(change), rel=1e-9)
        centred = np.linalg.norm(change - change.mean())
        assert found["centred_logit_distance"][place] == pytest.approx(centred, rel=1e-9)
        assert centred < np.linalg.norm(change)


def test_a_base_that_is_no_displacement_is_refused():
    with pytest.raises(InvalidInput, match="base must be"):
        measure(
            tiny_language_model("llama"),
            ids=IDS,
            layer=LAYER,
            base=np.zeros(WIDTH + 1),
            displacements=ROWS,
        )
