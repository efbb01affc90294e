"""Reads of the residual stream at later layers: what a displacement at one layer does to them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch

from identifiability.errors import InvalidInput
from llm_validation.continuation import Continuation
from llm_validation.hooks import edit_output
from llm_validation.inputs import states
from llm_validation.measurements.kept_continuation import kept_continuation
from llm_validation.models import LanguageModel
from llm_validation.structure import decoder_of


def measure(
    model: LanguageModel,
    *,
    ids: list[int],
    layer: int,
    later: list[int],
    reads: int,
    displacements: np.ndarray,
    seed: int,
) -> dict[str, Any]:
    """Fixed random reads of the last token's state after each of some later layers.

    The state of the last token is displaced, so that no other position changes: its states at
    later layers are all that there is to read.

    Parameters
    ----------
    model, ids, layer
        As for ``Continuation``.
    later
        K layers, ascending, all after ``layer``.
    reads
        m random directions at each, the same on every prompt.
    displacements
        (n, d); none for the rows alone.
    seed
        Of the reads.

    Returns
    -------
    dict
        ``rows`` (K, m, d): C_k Φ for each later layer; ``responses`` (n, K, m): half of the
        difference of the reads between displacements by x and -x; ``chained`` (m, d): the rows of
        the last layer, computed as a map up to the middle one and another from there. All float64.

    Raises
    ------
    InvalidInput
        If the later layers are not ascending and after ``layer``.
    """
    there = kept_continuation(model, ids, layer)
    order = [there.layer, *later]
    if len(later) < 2 or sorted(set(order)) != order or later[-1] >= model.layers:
        raise InvalidInput(
            f"later must be two or more ascending layers after {layer}, at most "
            f"{model.layers - 1}, got {later}"
        )
    blocks = decoder_of(model).blocks
    draws = np.random.default_rng(seed).standard_normal((len(later), reads, there.width))
    readout = there.state.new_tensor(draws / np.sqrt(there.width))  # (K, m, d)
    rows = [_pulled(there, blocks, k, one) for k, one in zip(later, readout, strict=True)]
    middle = later[(len(later) - 1) // 2]
    from_middle = _pulled(kept_continuation(model, ids, middle), blocks, later[-1], readout[-1])
    responses = np.zeros((len(displacements), len(later), reads))
    with torch.no_grad():
        moved = (
            states(decoder_of(model), displacements, "displacements") if len(displacements) else []
        )
        for place, row in enumerate(moved):
            up, down = (_later_states(there, blocks, later, there.state + s * row) for s in (1, -1))
            half = (torch.stack(up).double() - torch.stack(down).double()) / 2  # (K, d)
            responses[place] = torch.einsum("kmd,kd->km", readout.double(), half).cpu().numpy()
    return {
        "rows": torch.stack(rows).double().cpu().numpy(),
        "responses": responses,
        "chained": _pulled(there, blocks, middle, from_middle).double().cpu().numpy(),
    }


def _later_states(
    there: Continuation, blocks: torch.nn.ModuleList, later: Sequence[int], h: torch.Tensor
) -> list[torch.Tensor]:
    """States (d,) of the last token after later layers, with their graph back to h (d,)."""
    found: list[torch.Tensor] = []

    def read(hidden: torch.Tensor) -> torch.Tensor:
        found.append(hidden[0, -1])
        return hidden

    with ExitStack() as stack:
        for layer in later:
            stack.enter_context(edit_output(blocks[layer], read))
        there(h)
    return found


def _pulled(
    there: Continuation, blocks: torch.nn.ModuleList, layer: int, cotangents: torch.Tensor
) -> torch.Tensor:
    """(m, d) rows of cotangents times the Jacobian of the state after a later layer."""
    h = there.state.detach().clone().requires_grad_()
    with torch.enable_grad():
        (state,) = _later_states(there, blocks, [layer], h)
    return torch.autograd.grad(state, h, cotangents, is_grads_batched=True)[0]
