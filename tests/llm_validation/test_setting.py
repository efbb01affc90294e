"""What a decoder's cells are asked with: results that were measured once are found again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from llm_validation.claims.null_space.exact_cells import jacobian_cell, radial_cell, symmetry_cell
from llm_validation.prompt_split import PromptSplit
from llm_validation.scale import Scale
from llm_validation.setting import MissingCell, Setting

PROMPTS = [[i, i + 1] for i in range(12)]
CONTEXT = {
    "factory": "llm_validation.measurements.context:language_model",
    "name": "a model",
    "dtype": "float32",
    "weights_sha256": "ab",
}


def nothing(cell):
    raise KeyError(cell.key)


@pytest.fixture
def setting() -> Setting:
    model: Any = SimpleNamespace(name="a model", dtype="float32", weights_sha256="ab", width=3)
    return Setting(model, [5], {}, PromptSplit.of(PROMPTS, (4, 4, 4), 0), Scale.QUICK, 7, nothing)


def test_cells_of_a_decoder_are_asked_for_as_they_were(setting):
    rows, ids = np.ones((2, 3)), setting.prompts.measuring[0]
    expected = [
        (setting.metric_cell(ids, 5), "fisher_metric:measure", {"ids": ids, "layer": 5}),
        (
            setting.rounding_cells(5)[0],
            "fisher_metric:rounding",
            {"ids": setting.prompts.choosing[0], "layer": 5},
        ),
        (
            setting.divergence_cells(5, rows)[0],
            "divergences:measure",
            {"ids": ids, "layer": 5, "displacements": rows},
        ),
        (
            setting.floor_cells(5)[0],
            "rounding_divergence:measure",
            {"ids": ids, "layer": 5, "seed": 7},
        ),
        (symmetry_cell(setting), "symmetry_group:measure", {}),
        (jacobian_cell(setting, ids, 5), "logit_jacobian:measure", {"ids": ids, "layer": 5}),
        (radial_cell(setting, ids, 5), "radial_direction:measure", {"ids": ids, "layer": 5}),
    ]
    for cell, function, settings in expected:
        assert cell.function == f"llm_validation.measurements.{function}"
        assert cell.context == CONTEXT
        assert cell.settings.keys() == settings.keys()
        for name, value in settings.items():
            np.testing.assert_array_equal(cell.settings[name], value)


def test_what_was_not_measured_is_a_missing_cell(setting):
    with pytest.raises(MissingCell, match="metric, layer 5") as raised:
        setting.metrics("choosing", 5)
    assert raised.value.cell == setting.metric_cells("choosing", 5)[0]


def test_a_decoder_is_read_at_the_last_prompt_token_as_a_distribution(setting):
    assert setting.position == "last prompt token"
    assert setting.softmax
    assert (setting.reading, setting.titles) == ({}, {})
