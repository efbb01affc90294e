"""Cells that measure on the model in float64, for what holds exactly or not at all (N6)."""

from __future__ import annotations

from typing import Any

from identifiability.cells import Cell
from llm_validation.setting import Setting


def symmetry_cell(setting: Setting) -> Cell:
    """Which symmetries the model has by construction."""
    return setting.cell("symmetry_group", "exact symmetries")


def jacobian_cell(setting: Setting, ids: list[int], layer: int, **settings: Any) -> Cell:
    """A factor of a prompt's logit Jacobian."""
    label = f"Jacobian in float64, layer {layer}"
    return setting.cell("logit_jacobian", label, ids=ids, layer=layer, **settings)


def radial_cell(setting: Setting, ids: list[int], layer: int) -> Cell:
    """The pulled-back radial direction of a prompt."""
    label = f"radial direction, layer {layer}"
    return setting.cell("radial_direction", label, ids=ids, layer=layer)


def hidden_directions(setting: Setting) -> int:
    """1 where the mean direction is invisible by construction (N6b), else 0."""
    return int(setting.of(symmetry_cell(setting))["mean_direction"])


def lost_at_one_prompt(setting: Setting, layer: int) -> int:
    """Null directions at one prompt that a second one shows.

    A decoder's is the radial direction of its last state (N6c); an encoder says how many it has.
    """
    lost = setting.of(symmetry_cell(setting)).get("lost")
    return 1 if lost is None else int(lost[layer])
