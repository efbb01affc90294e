r"""The one exact symmetry that an architecture may have: a shift of every coordinate (N6b).

LayerNorm(h + c 1) = LayerNorm(h) for every c. Where all that reads the residual stream goes through
one, c 1 is invisible at any amplitude, layer and prompt. That a model is built so is seen from its
final norm, and then tried: on every measuring prompt, at the size of the vector or of the states,
whichever is larger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llm_validation.audit.bench import MEASUREMENTS, UNITS, Bench, Case

ROUNDINGS = 1000.0
"""Units of rounding, relative to a random direction of the same size, that a shift may show: each
norm cancels c against a mean over d coordinates, a few dozen times on the way to the logits."""


@dataclass(frozen=True, eq=False)
class ShiftSymmetry:
    """A shift at a large amplitude, and a random direction of that size.

    Attributes
    ----------
    shift, random
        Largest divergence over the measuring prompts, in nats.
    holds
        Whether the shift shows rounding only.
    """

    shift: float
    random: float
    holds: bool


def shift_symmetry(
    bench: Bench, cases: Sequence[Case], base: np.ndarray, rng: np.random.Generator
) -> ShiftSymmetry | None:
    """Try it; None where the model's final norm is no LayerNorm."""
    if bench.model.norm != "layer":
        return None
    cell = bench.cell(
        f"{MEASUREMENTS}.last_states:measure",
        "states",
        prompts=[case.ids for case in cases],
        layers=[bench.layer],
    )
    states = bench.results([cell])[0]["states"][:, 0]  # (n, d)
    # A tiny vector would try nothing: all that it does is at the floor of rounding.
    size = max(float(np.linalg.norm(base)), float(np.linalg.norm(states, axis=1).mean()))
    shift = np.full(base.size, size / np.sqrt(base.size))
    random = rng.standard_normal(base.size)
    random *= size / np.linalg.norm(random)
    steps = np.stack([shift, -shift, random])
    found = bench.divergences(cases, base, steps)
    largest = float(found.measured[:, :2].max())
    other = float(found.measured[:, 2].max())
    # Divergences are squares of changes of the logits.
    return ShiftSymmetry(
        largest, other, largest <= (ROUNDINGS * UNITS[bench.model.dtype]) ** 2 * other
    )
