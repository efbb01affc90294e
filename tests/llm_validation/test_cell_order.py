"""Cells that look at the same states come together, and none is lost or twice."""

from __future__ import annotations

from identifiability.cells import Cell
from llm_validation.cell_order import by_states


def _cell(name, context="one", **settings):
    return Cell("math:fsum", settings, {"factory": "math:fsum", "name": context}, name)


def test_cells_of_one_prompt_and_layer_follow_each_other_in_their_own_order():
    cells = [
        _cell("a", ids=[1, 2], layer=0, step=1.0),
        _cell("b", ids=[3], layer=0),
        _cell("c", ids=[1, 2], layer=1),
        _cell("d", prompts=[[1], [2]], layer=0, seed=0),
        _cell("e", ids=[1, 2], layer=0, step=2.0),
        _cell("f", ids=[1, 2], layer=0, context="other"),
        _cell("g", prompts=[[1], [2]], layer=0, seed=1),
        _cell("h", trait="formality"),
        _cell("i", ids=[3], layer=0, step=1.0),
        _cell("j", ids=[1, 2], layer=0, step=0.0),
    ]
    assert "".join(cell.label for cell in by_states(iter(cells))) == "aejbicdgfh"
    assert by_states([]) == []
