"""Which exact symmetries an encoder's embedding has, told from how it is built (N6, N7).

At one text the embedding leaves some directions of the state null that a second text shows:

* the last LayerNorm writes γ∘u + β with Σu = 0. Pooled states keep to a hyperplane; each gain γ
  that was trained to zero leaves its coordinate constant, and then there is no hyperplane beside;
* unit length drops the pooled state's own direction, where displacements reach it at all: they do
  if it lies in the linear part of what the norm writes, whose constant is β.

After the last block the norm has been passed, and unit length alone is left.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import Any, cast

import torch
from torch import nn

from llm_validation.encoder_structure import Encoder, encoder_of
from llm_validation.measurements.encoder_context import GaussianEncoder
from llm_validation.measurements.symmetry_group import norms_of_stream
from llm_validation.precision import true_precision
from llm_validation.structure import Decoder

_NO_GAIN = torch.finfo(torch.float64).eps
"""Times m, of the largest gain: below, a decomposition in float64 cannot tell it from zero."""

_UNROTATABLE = "rotated RMSNorm bases are built for decoders, and this is an encoder"


def measure(reading: GaussianEncoder) -> dict[str, Any]:
    """What theory.md predicts of this encoder, from its weights and the order of its parts.

    Returns
    -------
    dict
        ``mean_direction``: whether c 1 added to the residual stream after a block is invisible,
        which needs a LayerNorm before every read of it. ``final_norm``: whether embeddings have
        unit length. ``lost`` (layers,): null directions at one text, after each block, beside the
        mean direction. ``unrotatable``: why no rotated basis is tried.
    """
    encoder = encoder_of(reading.wide.encoder)
    norm = _last_norm(encoder)
    # The state after a block is read by later ones only: how the first one begins is no matter.
    later = replace(encoder, blocks=encoder.blocks[1:] or encoder.blocks)
    before, final = norms_of_stream(cast(Decoder, later))
    hidden = before and final and norm is not None and _blind_to_shift(norm, encoder)
    inner = _lost(encoder, norm, int(hidden))
    passed = any(part is norm for part in encoder.blocks[-1].modules())
    last = _lost(encoder, None, 0) if passed else inner
    return {
        "mean_direction": hidden,
        "final_norm": encoder.normalise,
        "lost": [inner] * (len(encoder.blocks) - 1) + [last],
        "unrotatable": _UNROTATABLE,
    }


def _lost(encoder: Encoder, norm: nn.Module | None, hidden: int) -> int:
    """Null directions at one text beside the hidden ones, where the last norm is still to come."""
    width = encoder.width
    dropped, reached = 0, True
    if norm is not None:
        gains, constant = _gains(norm, width)
        smallest = width * _NO_GAIN * gains.abs().max()
        dead = gains.abs() <= smallest
        dropped = int(dead.sum())
        if dropped:
            reached = bool((constant[dead].abs() <= smallest).all())
        elif _blind_to_shift(norm, encoder):
            dropped, shares = 1, constant / gains
            reached = bool(shares.sum().abs() <= width * _NO_GAIN * shares.abs().sum())
    # What is hidden on the way in and what is dropped on the way out take the same rank away.
    rank = width - max(hidden, dropped) - int(encoder.normalise and reached)
    return width - hidden - rank


def _gains(norm: nn.Module, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """γ and β (m,); 1 and 0 where a norm has none."""
    gains, constant = getattr(norm, "weight", None), getattr(norm, "bias", None)
    return (
        torch.ones(width, dtype=torch.float64) if gains is None else gains.detach().double(),
        torch.zeros(width, dtype=torch.float64) if constant is None else constant.detach().double(),
    )


def _blind_to_shift(norm: nn.Module, encoder: Encoder) -> bool:
    """Whether it takes the mean away: a LayerNorm does, an RMSNorm does not."""
    state = torch.linspace(-1, 2, encoder.width, dtype=torch.float64).sin()
    with torch.no_grad(), true_precision(encoder.model):
        plain, shifted = norm(state), norm(state + 1)
    # Float64 leaves 1e-15; an RMSNorm moves by about as much as the state.
    return bool((plain - shifted).abs().max() < 1e-8 * plain.abs().max())


def _last_norm(encoder: Encoder) -> nn.Module | None:
    """The norm that writes the states that are pooled; None if something else writes them."""
    written: list[tuple[nn.Module, Any]] = []
    with ExitStack() as scope:
        for part in encoder.stack.modules():
            if not list(part.children()):
                keep = part.register_forward_hook(lambda at, _, out: written.append((at, out)))
                scope.callback(keep.remove)
        ids = torch.zeros(1, 2, dtype=torch.long, device=encoder.model.device)
        with torch.no_grad(), true_precision(encoder.model):
            pooled = encoder.model(input_ids=ids).last_hidden_state
    found = [part for part, output in written if output is pooled]
    return found[-1] if found and "norm" in type(found[-1]).__name__.lower() else None
