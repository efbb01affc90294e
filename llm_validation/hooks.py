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
from numbers import Real
from typing import Any

import torch
from torch import nn

from identifiability.errors import InvalidInput
from llm_validation.batches import Batch
from llm_validation.inputs import states, token_ids
from llm_validation.positions import Positions
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
    """Residual stream of one prompt, or of a padded batch, after the given blocks.

    Parameters
    ----------
    model
        A ``LanguageModel`` or a Hugging Face decoder.
    input_ids
        (T,) or (1, T) token ids, or a ``Batch`` of n prompts from ``pad``.
    layers
        One layer or several, "after block i"; the blocks after the last of them do not run.

    Returns
    -------
    torch.Tensor
        (T, d) for one layer, (layers, T, d) for several, in the model's dtype and on its device;
        for a batch (n, T, d) and (layers, n, T, d), of which ``Batch.rows`` and ``Batch.last`` take
        the tokens that are no padding.

    Raises
    ------
    InvalidInput
        If a layer is out of range or the prompt cannot be used.
    """
    decoder = decoder_of(model)
    one = not isinstance(input_ids, Batch)
    inputs = {"input_ids": token_ids(decoder, input_ids)} if one else input_ids.inputs
    several = isinstance(layers, Sequence)
    wanted = [decoder.layer_index(layer) for layer in (layers if several else [layers])]
    if not wanted:
        raise InvalidInput("layers must name at least one layer, got none")
    found: dict[int, torch.Tensor] = {}

    def reader(layer: int) -> Edit:
        def read(hidden: torch.Tensor) -> torch.Tensor:
            # Blocks may lie on several devices.
            found[layer] = (hidden[0] if one else hidden).to(decoder.model.device)
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
            decoder.model(**inputs, use_cache=False)
    return torch.stack([found[layer] for layer in wanted]) if several else found[wanted[0]]


@contextmanager
def steer(
    model: Any, vector: Any, layer: int | Sequence[int], alpha: float, positions: Any = "all"
) -> Iterator[None]:
    """While entered, h becomes h + alpha · vector after block ``layer``.

    Parameters
    ----------
    model
        A ``LanguageModel`` or a Hugging Face decoder; in float64 it computes in true float64
        while entered.
    vector
        (d,) steering vector, an array or a tensor; (layers, d) for several layers, one row each.
    layer
        "After block i"; -1 is the last. Several may be steered at once.
    alpha
        Strength, a finite number.
    positions
        ``"all"``: every position of every forward pass.
        ``"prompt"``: every token of the prompt. ``"last"``: the last token of the prompt that is no
        padding. ``"generated"``: every token after the prompt, as it is fed back to the model.
        A tuple such as ``("last", "generated")``: the union of its names.
        A boolean mask (T,) or (batch, T) over the prompt: exactly those.
        All but ``"all"`` take the first pass for the prompt: enter a new context for a new prompt.

    Raises
    ------
    InvalidInput
        If the vector has another width, is not finite or too large for the model's dtype, the layer
        or alpha cannot be used, a mask does not fit the pass it meets, or the tokens of a pass and
        those before it do not fit the model's context.
    """
    decoder = decoder_of(model)
    several = isinstance(layer, Sequence)
    layers = [decoder.layer_index(one) for one in (layer if several else [layer])]
    if not layers:
        raise InvalidInput("layer must name at least one block, got none")
    direction = states(decoder, vector, "vector")
    expected = (len(layers), decoder.width) if several else (decoder.width,)
    if direction.shape != expected:
        mend = "give one row for each layer" if several else "pick one row"
        raise InvalidInput(f"vector must be {expected}, got {tuple(direction.shape)}; {mend}")
    if not isinstance(alpha, Real) or not math.isfinite(alpha):
        raise InvalidInput(f"alpha must be a finite number, got {alpha!r}")
    # In float64, so that an overflow of the model's dtype is told from a number that is not finite.
    shifts = states(decoder, float(alpha) * direction.double(), "alpha * vector")
    where = Positions(decoder.model, positions, decoder.context)

    def adder(shift: torch.Tensor) -> Edit:
        def add(hidden: torch.Tensor) -> torch.Tensor:
            return hidden + where.of(hidden)[..., None].to(hidden) * shift.to(hidden)

        return add

    with ExitStack() as scope:
        scope.enter_context(where.followed())
        for index, shift in zip(layers, shifts.reshape(-1, decoder.width), strict=True):
            scope.enter_context(edit_output(decoder.blocks[index], adder(shift)))
        scope.enter_context(true_precision(decoder.model))
        yield
