"""Predicted distances of logits against the logits of a displaced readout."""

from __future__ import annotations

import numpy as np

from llm_validation.claims.displacement.predicted_distance import (
    jacobian_cells,
    predicted_distances,
)
from tests.llm_validation.claims.known_setting import LAYER
from tests.llm_validation.claims.readout_setting import Readouts


def test_they_are_exact_where_the_logits_are_linear():
    setting = Readouts()
    rows = np.random.default_rng(0).standard_normal((3, setting.width))
    cells = jacobian_cells(setting, LAYER, 5)
    places = [ids[0] for ids in setting.prompts.predicting[:5]]
    assert [cell.settings["ids"][0] for cell in cells] == places
    raw = predicted_distances(setting, cells, rows, centred=False)
    centred = predicted_distances(setting, cells, rows, centred=True)
    for place, row in zip(places, range(5), strict=True):
        change = rows @ setting.readouts[place][0].T
        np.testing.assert_allclose(raw[row], np.linalg.norm(change, axis=1))
        change = change - change.mean(axis=1, keepdims=True)
        np.testing.assert_allclose(centred[row], np.linalg.norm(change, axis=1))
