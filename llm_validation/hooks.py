"""Read and steer the residual stream after any block of any decoder.

One mechanism serves all of it: a forward hook on the block that returns a new tensor in place of
the block's output (never an edit in place, so that autograd and ``torch.func`` run through it), put
there by a context manager that takes it away again, also after an exception. Layers are "after
block i", counted from 0; -1 is the last block.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import torch
from torch import nn

from identifiability.errors import InvalidInput
from llm_validation.inputs import states, token_ids
from llm_validation.precision import true_precision
from llm_validation.structure import decoder_of

Edit = Callable[[torch.Tensor], torch.Tensor]


class Halt(Exception):
    """Raised by a hook to end a forward pass from which everything wanted has been read."""


@contextmanager
def edit_output(module: nn.Module, edit: Edit) -> Iterator[None]:
    """While entered, ``module`` returns ``edit(hidden)`` for its hidden states (batch, T, d).

    Blocks that return a tuple (hidden states first) and blocks that return a tensor both work.
    """

    def hook(_module: nn.Module, _inputs: Any, output: Any) -> Any:
        hidden = output[0] if isinstance(output, tuple) else output
        if not isinstance(hidden, torch.Tensor) or hidden.ndim != 3:
            found = tuple(hidden.shape) if isinstance(hidden, torch.Tensor) else type(hidden)
            raise InvalidInput(
                f"a block must return hidden states (batch, T, d), {type(module).__name__} returns "
                f"{found}; this architecture is not supported"
            )
        edited = edit(hidden)
        return (edited, *output[1:]) if isinstance(output, tuple) else edited

    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def last_token_only(
    head: nn.Module, read: Callable[[torch.Tensor], None] | None = None
) -> Iterator[None]:
    """While entered, the head gets (and ``read`` sees) the last token's hidden state alone."""

    def trim(_head: Any, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        last = inputs[0][:, -1:]
        if read is not None:
            read(last)
        return (last, *inputs[1:])

    handle = head.register_forward_pre_hook(trim)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """While entered, no graph is recorded back to the weights, which the caller may train."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in trained:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)


def read_states(model: Any, input_ids: Any, layers: int | Sequence[int]) -> torch.Tensor:
    """Residual stream of one prompt after the given blocks.

    Parameters
    ----------
    model
        A ``LanguageModel`` or a Hugging Face decoder.
    input_ids
        (T,) or (1, T) token ids.
    layers
        One layer or several, "after block i"; the blocks after the last of them do not run.

    Returns
    -------
    torch.Tensor
        (T, d) for one layer, (layers, T, d) for several, in the model's dtype.

    Raises
    ------
    InvalidInput
        If a layer is out of range or the prompt cannot be used.
    """
    decoder = decoder_of(model)
    ids = token_ids(decoder, input_ids)
    several = isinstance(layers, Sequence)
    wanted = [decoder.layer_index(layer) for layer in (layers if several else [layers])]
    if not wanted:
        raise InvalidInput("layers must name at least one layer, got none")
    found: dict[int, torch.Tensor] = {}

    def reader(layer: int) -> Edit:
        def read(hidden: torch.Tensor) -> torch.Tensor:
            found[layer] = hidden[0]
            if len(found) == len(set(wanted)):
                raise Halt
            return hidden

        return read

    with ExitStack() as scope:
        for layer in set(wanted):
            scope.enter_context(edit_output(decoder.blocks[layer], reader(layer)))
        scope.enter_context(torch.no_grad())
        scope.enter_context(true_precision(decoder.model))
        with suppress(Halt):
            decoder.model(input_ids=ids, use_cache=False)
    return torch.stack([found[layer] for layer in wanted]) if several else found[wanted[0]]


@contextmanager
def steer(
    model: Any, vector: Any, layer: int, alpha: float, positions: Any = "all"
) -> Iterator[None]:
    """While entered, h becomes h + alpha · vector after block ``layer``.

    Parameters
    ----------
    model
        A ``LanguageModel`` or a Hugging Face decoder; in float64 it computes in true float64
        while entered.
    vector
        (d,) steering vector, an array or a tensor.
    layer
        "After block i"; -1 is the last.
    alpha
        Strength, a finite number.
    positions
        ``"all"``: every position of every forward pass, the generated tokens included.
        ``"last"``: the last position of every pass, that is the last prompt token and then each
        generated token; pad a batch on the left. A boolean mask (T,) or (batch, T) over the
        prompt: exactly those; tokens generated with a cache come one by one and are left alone.

    Raises
    ------
    InvalidInput
        If the vector has another width or is not finite, the layer or alpha cannot be used, or
        a mask does not fit the pass it meets.
    """
    decoder = decoder_of(model)
    direction = states(decoder, vector, "vector")
    if direction.ndim != 1:
        raise InvalidInput(
            f"vector must be ({decoder.width},), got {tuple(direction.shape)}; pick one row"
        )
    if not math.isfinite(alpha):
        raise InvalidInput(f"alpha must be a finite number, got {alpha}")
    block = decoder.blocks[decoder.layer_index(layer)]
    where = _places(positions)
    shift = alpha * direction

    def add(hidden: torch.Tensor) -> torch.Tensor:
        return hidden + where(hidden)[..., None].to(hidden) * shift.to(hidden)

    with edit_output(block, add), true_precision(decoder.model):
        yield


def _places(positions: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    """From hidden states (batch, T, d) to a mask over (T,) or (batch, T) of where to steer."""
    if isinstance(positions, str):
        if positions == "all":
            return lambda hidden: torch.ones(hidden.shape[1], device=hidden.device)
        if positions == "last":
            return lambda hidden: torch.arange(hidden.shape[1], device=hidden.device).eq(
                hidden.shape[1] - 1
            )
        raise InvalidInput(f'positions must be "all", "last" or a boolean mask, got {positions!r}')
    mask = torch.as_tensor(positions)
    if mask.dtype != torch.bool or mask.ndim not in (1, 2) or mask.numel() == 0:
        raise InvalidInput(
            'positions must be "all", "last" or a boolean mask (T,) or (batch, T), '
            f"got {mask.dtype} of shape {tuple(mask.shape)}"
        )

    def masked(hidden: torch.Tensor) -> torch.Tensor:
        length = hidden.shape[1]
        if length == mask.shape[-1]:
            return mask.to(hidden.device)
        if length == 1:
            return torch.zeros(1, device=hidden.device)
        raise InvalidInput(
            f"the mask covers {mask.shape[-1]} positions, the forward pass has {length}; "
            "make one for this prompt"
        )

    return masked
