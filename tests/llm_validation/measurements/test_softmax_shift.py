"""Constants on the logits against scipy, and their reach against least squares."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from llm_validation.measurements.softmax_shift import measure
from tests.llm_validation.architectures import prompt
from tests.llm_validation.tiny_language_model import tiny_language_model

IDS = prompt(7)[0].tolist()


def with_head(change):
    model = tiny_language_model("llama")
    changed = copy.deepcopy(model.model)
    changed.lm_head.weight.copy_(change(changed.lm_head.weight.clone()))
    return replace(model, model=changed), changed.lm_head.weight.numpy()


def constant_column(weight: torch.Tensor) -> torch.Tensor:
    weight[:, 3] = 2.0
    return weight


def common_row(weight: torch.Tensor) -> torch.Tensor:
    return weight + torch.linspace(-1, 1, weight.shape[1])


@pytest.mark.parametrize("change", [lambda w: w, common_row, constant_column])
def test_the_reach_is_the_squared_cosine_of_least_squares(change):
    model, head = with_head(change)
    ones = np.ones(len(head))
    written = head @ np.linalg.lstsq(head, ones, rcond=None)[0]
    expected = (written @ ones) ** 2 / ((written @ written) * (ones @ ones))
    assert measure(model, ids=IDS, shift=3.0)["reach"] == pytest.approx(expected, abs=1e-9)


def test_a_constant_column_reaches_the_constant():
    model, _ = with_head(constant_column)
    assert measure(model, ids=IDS, shift=3.0)["reach"] == 1.0


@pytest.mark.parametrize("shift", [-5.0, 3.0])
def test_no_shift_is_seen(shift):
    assert measure(tiny_language_model("llama"), ids=IDS, shift=shift)["kl"] < 1e-25
