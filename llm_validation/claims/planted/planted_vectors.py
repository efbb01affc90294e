"""The vectors that claim 11 plants: of each trait its own, and a random one as long."""

from __future__ import annotations

import numpy as np

from llm_validation.setting import Setting


def names(setting: Setting) -> list[tuple[str, str]]:
    """Trait and kind of each planted vector of a layer, in order."""
    return [(trait, kind) for trait in setting.traits for kind in ("v", "random")]


def planted_vectors(setting: Setting, claim: str, layer: int) -> np.ndarray:
    """(k, d), in the order of ``names``."""
    rows = []
    for trait in setting.traits:
        vector = setting.vector(trait, layer)
        draw = setting.rng(claim, layer, trait).standard_normal(vector.size)
        rows += [vector, draw * np.linalg.norm(vector) / np.linalg.norm(draw)]
    return np.array(rows)
