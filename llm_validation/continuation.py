r"""From the state after a block to the logits: the rest of a decoder as a function of one vector.

For a prompt, a layer and a position, ``Continuation`` is the map

.. math:: F : \mathbb R^d \to \mathbb R^V, \qquad h \mapsto \text{logits after the last token}

when the residual stream after that block, at that position, is h. ``theory.md`` calls it F_x; G is
its Fisher metric pulled back to the state (N7).
"""

from __future__ import annotations

from typing import Any

from llm_validation.inputs import position_index, token_ids
from llm_validation.suffix import Suffix
from llm_validation.suffix_function import SuffixFunction, evaluated_decoder


class Continuation(SuffixFunction):
    """The rest of a decoder after one block, as a function of the state at one position.

    Called with states (..., d) it gives logits (..., V). Equal to a full forward pass with that
    state replaced, to rounding, and differentiable in h by ``torch.autograd`` and ``torch.func``.

    Parameters
    ----------
    model
        A ``LanguageModel`` or a Hugging Face decoder in eval mode. In float64 everything is
        computed in true float64.
    input_ids
        (T,) or (1, T) token ids.
    layer
        "After block i", counted from 0; -1 is the last block.
    position
        The token whose state is the argument; -1 is the last. The output is read after the last
        token, whatever the position.

    Attributes
    ----------
    state : torch.Tensor
        (d,) the state that the model itself has there.
    logits : torch.Tensor
        (V,) the model's own logits after the last token.
    layer, position : int
        Both counted from 0.

    Raises
    ------
    InvalidInput
        If layer, position or prompt cannot be used, if this way of running the model does not
        reproduce its own logits, at its own state and at a displaced one, or if there is no memory
        for a single row.

    See Also
    --------
    llm_validation.completion.Completion : several outputs, several steered positions.
    """

    def __init__(self, model: Any, input_ids: Any, layer: int, position: int = -1) -> None:
        decoder = evaluated_decoder(model)
        ids = token_ids(decoder, input_ids)
        self.layer = decoder.layer_index(layer)
        self.position = position_index(ids.shape[1], position)
        suffix = Suffix(decoder, ids, self.layer, self.position)
        self.state = suffix.state
        super().__init__(decoder, suffix, self.state, "h", several=False)
