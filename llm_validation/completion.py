r"""A whole completion as the observation, and a vector added at several positions at once.

.. math:: F : \mathbb R^d \to \mathbb R^{n \times V}, \qquad
    \delta \mapsto \text{logits of all } n \text{ tokens of a completion}

when delta is added to the residual stream after a block at every steered position, and the
completion is given (teacher forcing). Steering with alpha v is delta = alpha v. By the chain rule
the KL of the law of a completion is the expectation of the sum of its tokens' KL over completions
drawn from the unsteered model, so its metric G_seq is the mean of ``fisher`` over such draws
(theory.md N10); one given completion shows the sum along itself. The Jacobian for several positions
is the sum of theirs: its kernel neither contains nor is contained in that of the last token.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch

from identifiability.errors import InvalidInput
from llm_validation.inputs import position_index, token_ids
from llm_validation.suffix import Suffix
from llm_validation.suffix_function import SuffixFunction, evaluated_decoder

Positions = Literal["last", "prompt", "generated", "all"] | Sequence[int]


class Completion(SuffixFunction):
    """The logits of a completion's tokens as a function of a displacement.

    Called with displacements (..., d) it gives logits (..., n, V), row t for the distribution of
    completion token t; ``kl`` is summed over the tokens, in nats, and ``fisher`` belongs to it.

    Parameters
    ----------
    model
        A ``LanguageModel`` or a Hugging Face decoder in eval mode.
    prompt_ids
        (T,) or (1, T) token ids of the prompt.
    completion_ids
        (n,) or (1, n) token ids of the completion; its last token is predicted, never read.
    layer
        "After block i", counted from 0; -1 is the last block.
    positions
        Where the displacement is added: ``"last"``, the last prompt token; ``"prompt"``, every
        prompt token; ``"generated"``, every token of the completion that the model reads;
        ``"all"``, both; or positions in the prompt followed by the completion, negative ones from
        the end of the prompt.

    Attributes
    ----------
    logits : torch.Tensor
        (n, V) the model's own.
    layer : int
        Counted from 0.
    positions : tuple of int
        Counted from 0, ascending.

    Raises
    ------
    InvalidInput
        As ``Continuation``; or if no position is given, one is given twice, or one is the last
        token of the completion or beyond, which nothing observed depends on.
    """

    def __init__(
        self,
        model: Any,
        prompt_ids: Any,
        completion_ids: Any,
        layer: int,
        positions: Positions = "last",
    ) -> None:
        decoder = evaluated_decoder(model)
        prompt = token_ids(decoder, prompt_ids)
        completion = token_ids(decoder, completion_ids)
        ids = token_ids(decoder, torch.cat([prompt, completion[:, :-1]], dim=1))
        self.layer = decoder.layer_index(layer)
        self.positions = _positions(positions, prompt.shape[1], ids.shape[1])
        shifted = torch.zeros(ids.shape[1], device=ids.device)
        shifted[list(self.positions)] = 1
        suffix = Suffix(
            decoder,
            ids,
            self.layer,
            min(self.positions[0], prompt.shape[1] - 1),
            outputs=completion.shape[1],
            shifted=shifted,
        )
        origin = torch.zeros_like(suffix.state)
        super().__init__(decoder, suffix, origin, "delta", several=True)


def _positions(positions: Positions, prompt: int, read: int) -> tuple[int, ...]:
    """Positions counted from 0, of the prompt followed by what is read of the completion."""
    if isinstance(positions, str):
        named = {
            "last": range(prompt - 1, prompt),
            "prompt": range(prompt),
            "generated": range(prompt, read),
            "all": range(read),
        }
        if positions not in named:
            raise InvalidInput(
                f"positions must be one of {', '.join(named)}, or integers, got {positions!r}"
            )
        found = list(named[positions])
    else:
        found = []
        for position in positions:
            negative = hasattr(position, "__index__") and position < 0
            found.append(position_index(prompt if negative else read, position))
    if not found or len(set(found)) < len(found):
        raise InvalidInput(
            f"positions must name at least one token that is read, each once, got {positions!r} "
            f"for a prompt of {prompt} and {read - prompt} more; choose others"
        )
    return tuple(sorted(found))
