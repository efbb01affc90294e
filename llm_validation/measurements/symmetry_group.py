"""Which exact symmetries of N6 a model has, told from how it is built and not from its outputs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
from torch import nn

from llm_validation.measurements.rotated_basis import unrotatable
from llm_validation.models import LanguageModel
from llm_validation.precision import true_precision
from llm_validation.structure import Decoder, decoder_of, norm_kind


def measure(model: LanguageModel) -> dict[str, Any]:
    """What theory.md N6 predicts of this model.

    Returns
    -------
    dict
        ``mean_direction``: whether c 1 added to the residual stream is invisible, which it is in a
        pre-LN transformer with LayerNorm (N6b). ``final_norm``: whether a norm comes between the
        last block and the head, so that the radial direction is null (N6c). ``unrotatable``: why an
        RMSNorm model's basis cannot be rotated here (N6d), an empty text if it can.
    """
    decoder = decoder_of(model)
    before, final = norms_of_stream(decoder)
    return {
        "mean_direction": norm_kind(decoder) == "layer" and before and final,
        "final_norm": final,
        "unrotatable": unrotatable(model),
    }


def norms_of_stream(decoder: Decoder) -> tuple[bool, bool]:
    """Whether every block begins with a norm, and whether one comes after the last block."""
    first: dict[int, str] = {}
    after: list[str] = []
    done: list[bool] = []
    inside = {id(part) for part in decoder.blocks.modules()}

    def begins(index: int) -> Callable[[nn.Module, Any], None]:
        def read(part: nn.Module, _inputs: Any) -> None:
            first.setdefault(index, _kind(part))

        return read

    def follows(part: nn.Module, _inputs: Any) -> None:
        if done:
            after.append(_kind(part))

    with ExitStack() as scope:
        for index, block in enumerate(decoder.blocks):
            for part in block.children():
                scope.callback(part.register_forward_pre_hook(begins(index)).remove)
        end = decoder.blocks[-1].register_forward_hook(lambda *_: done.append(True))
        scope.callback(end.remove)
        for part in decoder.stack.modules():
            if id(part) not in inside and not list(part.children()):
                scope.callback(part.register_forward_pre_hook(follows).remove)
        ids = torch.zeros(1, 2, dtype=torch.long, device=decoder.model.device)
        with torch.no_grad(), true_precision(decoder.model):
            decoder.model(input_ids=ids, use_cache=False)
    return all(kind == "norm" for kind in first.values()), "norm" in after


def _kind(part: nn.Module) -> str:
    return "norm" if "norm" in type(part).__name__.lower() else "other"
