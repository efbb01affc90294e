"""Prompts of unequal length as one batch, such that each row gives what it gives alone.

Padding goes wrong silently: without ``position_ids`` a model with learned or rotary positions
counts the padding on the left (GPT-2 does, whatever the attention mask says), and the last column
of a batch padded on the right is no prompt's last token. A ``Batch`` carries the three tensors that
belong together and knows where the real tokens are.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch

from identifiability.choose import unknown
from identifiability.errors import InvalidInput
from llm_validation.inputs import token_ids
from llm_validation.structure import decoder_of

Side = Literal["left", "right"]


@dataclass(frozen=True, eq=False)
class Batch:
    """Padded prompts; ``model(**batch.inputs)`` runs them.

    Attributes
    ----------
    input_ids, attention_mask, position_ids
        (n, T) each; the mask is 1 at the tokens of the prompt and 0 at padding, and the positions
        count the tokens of each prompt from 0.
    takes_positions
        Whether the model has an argument for positions (Bloom and others that bias attention by
        distance have none: they count by the mask).
    """

    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    position_ids: torch.Tensor
    takes_positions: bool

    @property
    def inputs(self) -> dict[str, torch.Tensor]:
        """Arguments of a forward pass.

        ``generate`` makes its own positions from ``input_ids`` and ``attention_mask``, and needs
        the padding on the left.
        """
        given = {"input_ids": self.input_ids, "attention_mask": self.attention_mask}
        return given | ({"position_ids": self.position_ids} if self.takes_positions else {})

    def rows(self, padded: torch.Tensor) -> list[torch.Tensor]:
        """From (n, T, ...) over the batch, one (T_i, ...) for each prompt, free of padding."""
        real = self.attention_mask.bool().to(padded.device)
        return [row[where] for row, where in zip(padded, real, strict=True)]

    def last(self, padded: torch.Tensor) -> torch.Tensor:
        """From (n, T, ...) over the batch, (n, ...) at the last token of each prompt."""
        return torch.stack([row[-1] for row in self.rows(padded)])


def pad(model: Any, prompts: Sequence[Any], side: Side = "left") -> Batch:
    """Prompts of any lengths as one batch.

    Parameters
    ----------
    model
        A ``LanguageModel`` or a Hugging Face decoder.
    prompts
        Token ids of each prompt, (T_i,) or (1, T_i).
    side
        "left" (what ``generate`` needs) or "right".

    Raises
    ------
    InvalidInput
        If there is no prompt, one of them cannot be used, or the side is neither.
    """
    decoder = decoder_of(model)
    if side not in ("left", "right"):
        raise unknown("side", str(side), ("left", "right"))
    if len(prompts) == 0:
        raise InvalidInput("prompts must hold at least one prompt, got none")
    rows = [token_ids(decoder, prompt)[0] for prompt in prompts]
    length = max(len(row) for row in rows)
    shape = (len(rows), length)
    ids = torch.full(shape, _padding(decoder.model), device=rows[0].device)
    mask = torch.zeros(shape, dtype=torch.long, device=rows[0].device)
    for index, row in enumerate(rows):
        place = slice(length - len(row), None) if side == "left" else slice(len(row))
        ids[index, place] = row
        mask[index, place] = 1
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    known = "position_ids" in inspect.signature(decoder.model.forward).parameters
    return Batch(ids, mask, positions, known)


def _padding(model: Any) -> int:
    """The model's padding token, or any other where it has none: the mask hides it."""
    named = model.config.get_text_config(decoder=True).pad_token_id
    return 0 if named is None or named < 0 else named
