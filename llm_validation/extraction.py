r"""Steering vectors from contrastive prompts.

The estimand is the recipe's own: a mean difference of states is identified from the states whatever
the model's output can see of it (theory.md §0). What behaviour pins down of it is another question,
which ``Continuation`` answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from identifiability.choose import unknown
from identifiability.errors import InvalidInput
from llm_validation.dataset import ContrastivePair
from llm_validation.hooks import read_states
from llm_validation.models import LanguageModel
from llm_validation.structure import decoder_of

METHODS = ("mean",)


@dataclass(frozen=True, eq=False)
class SteeringVector:
    """A direction in the residual stream, with where it came from.

    Attributes
    ----------
    vector
        (d,) float64.
    layer
        "After block ``layer``", counted from 0.
    method
        How it was extracted.
    n_pairs
        Contrastive pairs that it was extracted from.
    model
        Name of the model.
    state_norm
        Mean ‖h‖ of the states that it was extracted from: the scale to read its norm on.
    """

    vector: np.ndarray
    layer: int
    method: str
    n_pairs: int
    model: str
    state_norm: float

    @property
    def norm(self) -> float:
        """‖v‖."""
        return float(np.linalg.norm(self.vector))


def extract_vector(
    model: LanguageModel,
    pairs: Sequence[ContrastivePair],
    layer: int,
    *,
    method: str = "mean",
) -> SteeringVector:
    r"""Steering vector of a trait at one layer.

    .. math:: v = \frac1n \sum_{i=1}^n \bigl(h(x_i^+) - h(x_i^-)\bigr)

    with h the state after block ``layer`` at the last token of the prompt, where the answer would
    begin (difference of means: Rimsky et al., arXiv 2312.06681).

    Parameters
    ----------
    model
        From ``load_model``.
    pairs
        Two user prompts each, as in ``load_trait(name).pairs``.
    layer
        "After block i", counted from 0; -1 is the last.
    method
        "mean".

    Raises
    ------
    InvalidInput
        If there is no pair, a prompt is empty or too long, the layer is out of range or the
        method unknown.
    """
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    if not pairs:
        raise InvalidInput("pairs must hold at least one contrastive pair, got none")
    for pair in pairs:
        if not isinstance(pair, ContrastivePair):
            raise InvalidInput(
                "pairs must be ContrastivePair(context, positive, negative), got "
                f"{type(pair).__name__}; take load_trait(name).pairs"
            )
    index = decoder_of(model).layer_index(layer)
    positive, negative = (
        np.stack([_last_state(model, prompt, index) for prompt in prompts])
        for prompts in ([pair.positive for pair in pairs], [pair.negative for pair in pairs])
    )
    return SteeringVector(
        vector=(positive - negative).mean(axis=0),
        layer=index,
        method=method,
        n_pairs=len(pairs),
        model=model.name,
        state_norm=float(np.linalg.norm(np.concatenate([positive, negative]), axis=1).mean()),
    )


def encode(model: LanguageModel, prompt: str, *, chat: bool = True) -> list[int]:
    """Token ids of a prompt, up to where the model's answer would begin.

    Parameters
    ----------
    model
        Its tokenizer decides.
    prompt
        What the user says.
    chat
        Put it into the model's chat template, where it has one. The template writes its own
        beginning-of-text token, so the tokenizer adds none.

    Raises
    ------
    InvalidInput
        If the prompt is empty.
    """
    if not isinstance(prompt, str) or not prompt.strip():
        raise InvalidInput(f"prompt must be some text, got {prompt!r}")
    tokenizer = model.tokenizer
    if not (chat and tokenizer.chat_template):
        return tokenizer(prompt)["input_ids"]
    turn = [{"role": "user", "content": prompt}]
    text = tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def _last_state(model: LanguageModel, prompt: str, layer: int) -> np.ndarray:
    states = read_states(model, encode(model, prompt), layer)
    return states[-1].double().cpu().numpy()
