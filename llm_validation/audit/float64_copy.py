"""A model in float64 that holds half of itself at a time.

No derivative passes through the blocks up to the layer, so that they have to be in float64 only
while they run; of SmolLM2 at its middle layer that is 400 MB less than a copy of everything.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any, TypeAlias

import torch
from torch import nn

from llm_validation.models import LanguageModel
from llm_validation.structure import decoder_of

Room: TypeAlias = dict[tuple[int, torch.Size], torch.Tensor]
"""For the weights of one block, in float64: only one runs at a time. Made beforehand, since a pass
that makes tensors takes fewer rows at once (``memory``)."""


def float64_copy(model: LanguageModel, layer: int) -> LanguageModel:
    """The same function in float64, for derivatives of what follows block ``layer``.

    Blocks up to the layer share their weights with ``model``, which stays as it is.
    """
    early = decoder_of(model).blocks[: layer + 1]
    shared: dict[int, Any] = {
        id(weight): nn.Parameter(weight.detach(), requires_grad=False)
        for block in early
        for weight in block.parameters()
    }
    lazy = {id(weight) for weight in shared.values()}
    wide = copy.deepcopy(model.model, shared)
    for weight in [*wide.parameters(), *wide.buffers()]:
        if id(weight) not in lazy and weight.is_floating_point():
            weight.data = weight.data.double()
    copied = replace(model, model=wide, dtype="float64")
    room: Room = {}
    for block in decoder_of(copied).blocks[: layer + 1]:
        _wide_while_it_runs(block, room)
    return copied


def _wide_while_it_runs(block: nn.Module, room: Room) -> None:
    weights = list(block.parameters())
    narrow = [weight.data for weight in weights]
    for place, data in enumerate(narrow):
        if (place, data.shape) not in room:
            room[place, data.shape] = torch.empty_like(data, dtype=torch.float64)

    def widen(_block: nn.Module, _inputs: Any) -> None:
        for place, (weight, data) in enumerate(zip(weights, narrow, strict=True)):
            weight.data = room[place, data.shape].copy_(data)

    def back(_block: nn.Module, _inputs: Any, _output: Any) -> None:
        for weight, data in zip(weights, narrow, strict=True):
            weight.data = data

    block.register_forward_pre_hook(widen)
    # Also when a hook after it stops the pass on its way.
    block.register_forward_hook(back, always_call=True)
