r"""Where the radial direction of the last state lies at an earlier layer (N6c), in float64.

The norm before the head has degree 0 but for its epsilon: the last state h_L may be stretched and
the head reads the same. At layer l that is the direction (dh_L/dh_l)^{-1} h_L.
"""

from __future__ import annotations

from typing import Any

import torch

from llm_validation.hooks import edit_output
from llm_validation.inputs import token_ids
from llm_validation.linearisation import Linearisation
from llm_validation.measurements.float64_model import in_float64
from llm_validation.measurements.logit_jacobian import head_factor
from llm_validation.memory import in_chunks
from llm_validation.models import LanguageModel
from llm_validation.structure import Decoder, decoder_of
from llm_validation.suffix import Suffix

_ROWS_AT_ONCE = 256


def measure(model: LanguageModel, *, ids: list[int], layer: int) -> dict[str, Any]:
    """The pulled-back radial direction, from the derivative of the last block's output alone.

    Neither the norm nor the head is in it, so that it is a prediction of their Jacobian's null
    direction and no second computation of it.

    Parameters
    ----------
    model
        From ``load_model``; a copy in float64 is used.
    ids
        Token ids of the prompt.
    layer
        "After block i", counted from 0.

    Returns
    -------
    dict
        ``direction`` (d,) of unit length. ``gain``: what the epsilon of the norm leaves of it, the
        length of the change of the centred logits for a unit step along the direction.
    """
    wide = in_float64(model)
    decoder = decoder_of(wide)
    tokens = token_ids(decoder, ids)
    index, place = decoder.layer_index(layer), tokens.shape[1] - 1
    suffix = Suffix(decoder, tokens, index, place)
    last = len(decoder.blocks) - 1
    end = suffix if index == last else Suffix(decoder, tokens, last, place)
    radial = end.state.double()
    pulled = radial
    if index < last:
        pulled = torch.linalg.solve(_last_state_jacobian(decoder, suffix), radial)
    there = Linearisation(end, decoder.head.weight, radial[None])
    head, _ = head_factor(wide, there.slopes[0])
    (stretched,) = there.push_final(radial[None])[0]  # what the head reads of the last state, moved
    return {
        "direction": (pulled / pulled.norm()).cpu().numpy(),
        "gain": float((head @ stretched).norm() / pulled.norm()),
    }


def _last_state_jacobian(decoder: Decoder, suffix: Suffix) -> torch.Tensor:
    """dh_L/dh_l (d, d) at the last token."""
    found: list[torch.Tensor] = []

    def keep(hidden: torch.Tensor) -> torch.Tensor:
        found.append(hidden[:, -1])
        return hidden

    row = suffix.state[None].detach().clone().requires_grad_()
    with torch.enable_grad(), edit_output(decoder.blocks[-1], keep):
        suffix.to_final_state(row)
    (output,) = found

    def pull(cotangents: torch.Tensor) -> torch.Tensor:
        return torch.autograd.grad(
            output, row, cotangents[:, None], is_grads_batched=True, retain_graph=True
        )[0][:, 0]

    basis = torch.eye(output.shape[1], dtype=output.dtype, device=output.device)
    return in_chunks(pull, basis, _ROWS_AT_ONCE)
