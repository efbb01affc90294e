r"""Steering vectors from contrastive prompts.

The estimand is the recipe's own: a mean difference of states is identified from the states whatever
the model's output can see of it (theory.md §0). What behaviour pins down of it is another question,
which ``Continuation`` answers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from identifiability.choose import unknown
from identifiability.errors import InvalidInput
from identifiability.progress import Advance, silent
from llm_validation.batches import pad
from llm_validation.contrast import METHODS, vector_of
from llm_validation.dataset import ContrastivePair
from llm_validation.hooks import read_states
from llm_validation.models import LanguageModel
from llm_validation.structure import decoder_of
from llm_validation.unicode_text import as_text
from llm_validation.vectors.steering_vector import SteeringVector

BATCH = 8
"""Prompts in one forward pass: the states of all layers of eight prompts stay below 1 GB up to
80 layers of width 8192 at 40 tokens."""

POSITIONS = "last prompt token"


def extract_vector(
    model: LanguageModel,
    pairs: Sequence[ContrastivePair],
    layer: int,
    *,
    method: str = "mean",
    trait: str | None = None,
) -> SteeringVector:
    r"""Steering vector of a trait at one layer.

    Its direction is the method's, its length the component of the mean difference in it, so that
    vectors of all methods are of comparable strength at the same α:

    .. math:: v = \langle \bar\delta, u \rangle \, u, \qquad
        \bar\delta = \frac1n \sum_{i=1}^n \bigl(h(x_i^+) - h(x_i^-)\bigr)

    with h the state after block ``layer`` at the last token of the prompt, where the answer would
    begin, and u the unit direction of ``vector_of``; for "mean" v is δ̄ itself (difference of
    means: Rimsky et al., arXiv 2312.06681).

    Parameters
    ----------
    model
        From ``load_model``.
    pairs
        Two user prompts each, as in ``load_trait(name).pairs``.
    layer
        "After block i", counted from 0; -1 is the last.
    method
        "mean", "pca" or "logistic".
    trait
        Its name, to be kept with the vector.

    Raises
    ------
    InvalidInput
        If there is no pair, a prompt is empty or too long, the layer is out of range, the method
        unknown, or the states of both sides are equal.
    """
    return extract_vectors(model, pairs, [layer], method=method, trait=trait)[0]


def extract_vectors(
    model: LanguageModel,
    pairs: Sequence[ContrastivePair],
    layers: Sequence[int],
    *,
    method: str = "mean",
    trait: str | None = None,
    advance: Advance = silent,
) -> list[SteeringVector]:
    """``extract_vector`` at several layers, from one pass over the prompts."""
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    decoder = decoder_of(model)
    indices = [decoder.layer_index(layer) for layer in layers]
    positive, negative = contrastive_states(model, pairs, indices, advance=advance)
    norms = np.linalg.norm(np.concatenate([positive, negative]), axis=2)  # (2n, layers)
    return [
        SteeringVector(
            vector=vector_of(positive[:, at], negative[:, at], method),
            layer=index,
            method=method,
            n_pairs=len(pairs),
            model=model.name,
            # Of a column: the mean over rows of a table would round by how many layers it has.
            state_norm=float(norms[:, at].mean()),
            architecture=model.model.config.model_type,
            weights_sha256=model.weights_sha256,
            trait=trait,
            positions=POSITIONS,
            dtype=model.dtype,
        )
        for at, index in enumerate(indices)
    ]


def contrastive_states(
    model: LanguageModel,
    pairs: Sequence[ContrastivePair],
    layers: Sequence[int],
    *,
    advance: Advance = silent,
) -> tuple[np.ndarray, np.ndarray]:
    """States at the last token of both prompts of each pair.

    Prompts are run in padded batches; each gives what it gives alone, to rounding.

    Parameters
    ----------
    model, pairs
        As ``extract_vector``.
    layers
        "After block i", counted from 0; -1 is the last.

    Returns
    -------
    tuple of numpy.ndarray
        Positive and negative, (n, layers, d) each, float64.

    Raises
    ------
    InvalidInput
        If there is no pair, a prompt is empty or too long, or a layer is out of range.
    """
    if not pairs:
        raise InvalidInput("pairs must hold at least one contrastive pair, got none")
    for pair in pairs:
        if not isinstance(pair, ContrastivePair):
            raise InvalidInput(
                "pairs must be ContrastivePair(context, positive, negative), got "
                f"{type(pair).__name__}; take load_trait(name).pairs"
            )
    # All prompts become tokens before the first forward pass: a bad one is told at once.
    ids = [[encode(model, text) for text in (pair.positive, pair.negative)] for pair in pairs]
    states = []
    for first in range(0, len(ids), BATCH):
        advance(first, len(ids), "states")
        pack = ids[first : first + BATCH]
        # A batch for each side: the same prompts give the same bits on whichever side they are.
        sides = (_last_states(model, [pair[side] for pair in pack], layers) for side in (0, 1))
        states.append(np.stack(list(sides)))
    advance(len(ids), len(ids), "states")
    positive, negative = np.concatenate(states, axis=1)
    return positive, negative


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
        If the prompt is empty, or no Unicode text.
    """
    as_text(prompt, "prompt")
    tokenizer = model.tokenizer
    if not (chat and tokenizer.chat_template):
        return tokenizer(prompt)["input_ids"]
    turn = [{"role": "user", "content": prompt}]
    text = tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def _last_states(
    model: LanguageModel, prompts: list[list[int]], layers: Sequence[int]
) -> np.ndarray:
    """(n, layers, d) float64."""
    batch = pad(model, prompts)
    states = read_states(model, batch, list(layers))  # (layers, n, T, d)
    last = [batch.last(layer).double().cpu().numpy() for layer in states]
    return np.stack(last, axis=1)
