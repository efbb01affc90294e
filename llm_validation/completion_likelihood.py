"""How likely given completions are while a model is steered from the last prompt token on.

Teacher forcing: the completion is given and the model only says how likely it finds it. Nothing is
sampled, so that what is found twice is the same. The displacement is added at the last prompt token
and at every completion token that the model reads: the tokens before are run once and shared by all
displacements.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from identifiability.errors import InvalidInput
from llm_validation.completion import Completion
from llm_validation.inputs import states, token_ids
from llm_validation.memory import in_chunks, in_float64
from llm_validation.structure import decoder_of

# Displacements × completion tokens whose logits are held together: 50 MB at 50,000 words, where 60
# displacements of 40 tokens would be 0.5 GB.
_TOKENS_AT_ONCE = 256


class CompletionLikelihood:
    """log p(completion | prompt) as a function of a displacement.

    Parameters
    ----------
    model
        A ``LanguageModel`` or a Hugging Face decoder in eval mode.
    prompt_ids
        Token ids up to where the model's answer would begin.
    completion_ids
        n token ids of the answer; what is not in them (the end of the turn) is not scored.
    layer
        "After block i", counted from 0.

    Raises
    ------
    InvalidInput
        If the ids or the layer do not fit the model.
    """

    def __init__(self, model: Any, prompt_ids: Any, completion_ids: Any, layer: int) -> None:
        self._decoder = decoder_of(model)
        self._given = token_ids(self._decoder, completion_ids)[0]
        self.function = from_last_prompt_token(model, prompt_ids, completion_ids, layer)

    @property
    def tokens(self) -> int:
        """n."""
        return len(self._given)

    def __call__(self, displacements: np.ndarray) -> np.ndarray:
        """(k,) nats, summed over tokens in float64, for displacements (k, d); 0 is unsteered."""
        decoder = self._decoder
        rows = states(decoder, displacements, "displacements").reshape(-1, decoder.width)
        at_once = max(1, _TOKENS_AT_ONCE // self.tokens)
        with torch.no_grad():
            return in_chunks(self._log_p, rows, at_once).cpu().numpy()

    def with_gradient(self, displacement: np.ndarray) -> tuple[float, np.ndarray]:
        """The log-likelihood at a displacement (d,), its gradient (d,) per unit of the state."""
        with torch.enable_grad():
            at = states(self._decoder, displacement, "displacement").detach().clone()
            at.requires_grad_()
            value = self._log_p(at[None]).sum()
            (gradient,) = torch.autograd.grad(value, at)
        return float(value.detach()), gradient.double().cpu().numpy()

    def _log_p(self, rows: torch.Tensor) -> torch.Tensor:
        return in_float64(self._of_logits, self.function(rows))

    def _of_logits(self, logits: torch.Tensor) -> torch.Tensor:
        """(B,) from logits (B, n, V)."""
        given = self._given.to(logits.device).expand(len(logits), -1)[..., None]
        return (logits.gather(-1, given)[..., 0] - torch.logsumexp(logits, -1)).sum(-1)


class OppositeCompletions:
    """Log-odds per token of two completions: the score of ``scoring.log_odds``, with its gradient.

    Parameters
    ----------
    model, prompt_ids, layer
        As for ``CompletionLikelihood``.
    completions
        Token ids of the positive and of the negative one.

    Raises
    ------
    InvalidInput
        If there are not two completions, or as ``CompletionLikelihood``.
    """

    def __init__(self, model: Any, prompt_ids: Any, completions: Sequence[Any], layer: int) -> None:
        if len(completions) != 2:
            raise InvalidInput(
                f"completions must be two, the positive one first, got {len(completions)}; "
                "score one pair at a time"
            )
        self._positive, self._negative = (
            CompletionLikelihood(model, prompt_ids, ids, layer) for ids in completions
        )

    def __call__(self, displacements: np.ndarray) -> np.ndarray:
        """(k,) nats per token for displacements (k, d)."""
        positive, negative = self._positive, self._negative
        return positive(displacements) / positive.tokens - negative(displacements) / negative.tokens

    def with_gradient(self, displacement: np.ndarray) -> tuple[float, np.ndarray]:
        """The score at a displacement (d,), and its gradient (d,) per unit of the state."""
        positive, along_positive = self._positive.with_gradient(displacement)
        negative, along_negative = self._negative.with_gradient(displacement)
        n, m = self._positive.tokens, self._negative.tokens
        return positive / n - negative / m, along_positive / n - along_negative / m


def from_last_prompt_token(
    model: Any, prompt_ids: Any, completion_ids: Any, layer: int
) -> Completion:
    """The completion's logits, the displacement added from the last token of the prompt on."""
    decoder = decoder_of(model)
    last = token_ids(decoder, prompt_ids).shape[1] - 1
    read = token_ids(decoder, completion_ids).shape[1]
    return Completion(model, prompt_ids, completion_ids, layer, range(last, last + read))
