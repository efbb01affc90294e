r"""The one exact symmetry that an architecture may have: a shift of every coordinate (N6b).

LayerNorm(h + c 1) = LayerNorm(h) for every c. Where all that reads the residual stream goes through
one, c 1 is invisible at any amplitude, layer and prompt. The proof is about how a model is built:
every block begins with a norm, one comes before the head, and all norms are LayerNorms. It is then
tried, in case the structure was read wrongly: on every measuring prompt, at the size of the vector
or of the states, whichever is larger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import nn

from llm_validation.audit.bench import MEASUREMENTS, UNITS, Bench, Case
from llm_validation.measurements.symmetry_group import norms_of_stream
from llm_validation.models import LanguageModel
from llm_validation.structure import decoder_of

ROUNDINGS = 1000.0
"""Units of rounding, relative to a random direction of the same size, that a shift may show: each
norm cancels c against a mean over d coordinates, a few dozen times on the way to the logits."""
TRIED_IN = ("float64", "float32")
"""In bfloat16 that many roundings are 61 times the random direction's divergence: nothing fails."""


@dataclass(frozen=True, eq=False)
class ShiftSymmetry:
    """A shift at a large amplitude, and a random direction of that size.

    Attributes
    ----------
    shift, random
        Largest divergence over the measuring prompts, in nats.
    holds
        Whether the shift shows rounding only, in the model's own arithmetic.
    """

    shift: float
    random: float
    holds: bool


def shift_symmetry(
    bench: Bench, cases: Sequence[Case], base: np.ndarray, rng: np.random.Generator
) -> ShiftSymmetry | None:
    """Try it; None where the model is not built so, or computes too coarsely for a trial."""
    if bench.model.dtype not in TRIED_IN or not built_so(bench.model):
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


def built_so(model: LanguageModel) -> bool:
    """Whether all that reads the residual stream goes through a LayerNorm first.

    Only PyTorch's own LayerNorm counts: what another class of that name computes is not known.
    """
    decoder = decoder_of(model)
    norms = [part for part in decoder.stack.modules() if "norm" in type(part).__name__.lower()]
    layer_norms = all(isinstance(part, nn.LayerNorm) for part in norms)
    return layer_norms and norms_of_stream(decoder) == (True, True)
