r"""A square factor of the Jacobian of a prompt's logits, in float64: what exact ranks are taken of.

The Fisher metric G = J^T (diag p - p p^T) J has the kernel of C J, where C takes away the mean over
the vocabulary (N7: the softmax does not see a constant), whatever the probabilities are, but its
eigenvalues are squares, weighted by probabilities: those of directions that are seen can be far
below the rounding of the largest. So ranks are decided on C J = C D W K itself, K the derivative of
what the head reads and D that of what follows the head: with C D W = Q R the factor R K has the
singular values and the right singular vectors of C J.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch

from llm_validation.inputs import token_ids
from llm_validation.linearisation import Linearisation
from llm_validation.measurements.float64_model import in_float64
from llm_validation.models import LanguageModel
from llm_validation.structure import decoder_of
from llm_validation.suffix import Suffix


def measure(
    model: LanguageModel,
    *,
    ids: list[int],
    layer: int,
    displacement: np.ndarray | None = None,
) -> dict[str, Any]:
    """Factor of the centred logit Jacobian at the model's own last state, or displaced from it.

    Parameters
    ----------
    model
        From ``load_model``; a copy in float64 is used, at that copy's own state.
    ids
        Token ids of the prompt.
    layer
        "After block i", counted from 0.
    displacement
        (d,) added to the state, such as alpha v; none by default.

    Returns
    -------
    dict
        ``factor`` (r, d), r <= d: F^T F = J^T C J with J (V, d) and C = I - 1 1^T / V. ``common``
        (d,): the part of J that C takes away, J^T J = F^T F + common common^T.
    """
    wide = in_float64(model)
    decoder = decoder_of(wide)
    tokens = token_ids(decoder, ids)
    suffix = Suffix(decoder, tokens, decoder.layer_index(layer), tokens.shape[1] - 1)
    row = suffix.state[None]
    if displacement is not None:
        row = row + row.new_tensor(displacement)
    there = Linearisation(suffix, decoder.head.weight, row)
    final = there.jacobian_of_final_state()[0]
    head, mean = head_factor(wide, there.slopes[0])
    common = len(there.weight) ** 0.5 * (mean @ final)
    return {"factor": (head @ final).cpu().numpy(), "common": common.cpu().numpy()}


def head_factor(model: LanguageModel, slopes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """R of C D W = Q R, and the mean row of D W, for the slopes (V,) on the diagonal of D."""
    first = slopes[0]
    if bool((slopes == first).all()):
        head, mean = _plain_head_factor(model)
        return first * head, first * mean
    return _centred(slopes[:, None] * decoder_of(model).head.weight.detach())


@lru_cache(maxsize=1)
def _plain_head_factor(model: LanguageModel) -> tuple[torch.Tensor, torch.Tensor]:
    """The same without D, which most models do not have: two seconds at 50000 words of 576."""
    return _centred(decoder_of(model).head.weight.detach())


def _centred(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    mean = rows.mean(0)
    return torch.linalg.qr(rows - mean, mode="r")[1], mean
