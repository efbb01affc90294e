r"""Two small transformers trained on a language whose latent concept is known: its register.

The weights ship with the package (``weights/*.npz``, float32), written by
``python -m toy_models.tiny_transformer_training``; they differ in nothing but the norm. Unlike
random decoders they *use* their stream: the register of what was read decides the next word's form,
and adding the mean difference between the registers turns it. Their symmetries are still those of
theory.md N6, exactly: what LayerNorm hides, training cannot show.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from toy_models.blocks import PlantedInDecoder, plant
from toy_models.concept_task import RegisterGrammar
from toy_models.decoder import Block, Decoder, Norm, Read
from toy_models.planted import require

NormKind = Literal["layer", "rms"]
NORMS: tuple[NormKind, ...] = ("layer", "rms")
WIDTH, HIDDEN, LAYERS, HEADS = 24, 96, 2, 2
LENGTH = 16  # tokens of a training sequence, START included
EPSILON = 1e-5  # of every norm, as trained
WEIGHTS = Path(__file__).parent / "weights"
GRAMMAR = RegisterGrammar()
_CONTRASTS = 256  # meaning sequences told in both registers, for the mean difference


@dataclass(frozen=True, eq=False, kw_only=True)
class PlantedRegister(PlantedInDecoder):
    """The mean difference between registers, planted in prompts of known register.

    Parameters
    ----------
    registers
        (N,) the register that each prompt was drawn in: 1 for A, -1 for B.
    log_odds
        (N,) exact log-odds (nats) of A against B given the prompt, as ``RegisterGrammar`` has it.
    functional
        (V,) w: w @ logits is the model's log-odds of A against B, averaged over meanings.
    """

    registers: np.ndarray
    log_odds: np.ndarray
    functional: np.ndarray


@dataclass(frozen=True)
class TinyTransformer:
    """The trained model; ``sample`` draws prompts and plants the register's mean difference.

    Parameters
    ----------
    norm
        ``layer`` or ``rms``: which of the two models.
    prompts, length
        N and the tokens of a prompt, at most 15 (one less than in training: the last is predicted).
    layer
        The vector is added after this block (-1: to the embedding), at the last position.
    strength
        The one alpha; at 1 the mean state of one register moves to that of the other.
    epsilon
        Of the final norm; None is what it was trained with. At 0 and one prompt the direction that
        the final norm forgets is null exactly, but on a curve: the kernel is a tangent space (N6c).

    Examples
    --------
    >>> instance = TinyTransformer(norm="layer").sample(0)
    >>> instance.kernel.shape, TinyTransformer(norm="rms").sample(0).kernel.shape
    ((24, 1), (24, 0))
    """

    norm: NormKind = "layer"
    prompts: int = 4
    length: int = 12
    layer: int = 0
    strength: float = 1.0
    epsilon: float | None = None

    @property
    def width(self) -> int:
        """d."""
        return WIDTH

    def sample(self, seed: int) -> PlantedRegister:
        """Draw the prompts, and the sequences whose mean difference is planted."""
        require(
            self.prompts >= 1 and 2 <= self.length < LENGTH,
            f"prompts must be at least 1 and length in [2, {LENGTH}), got {self.prompts} and "
            f"{self.length}; the model was trained on no longer ones",
        )
        require(
            self.strength != 0 and (self.epsilon is None or self.epsilon >= 0),
            "strength must be non-zero and epsilon must be at least 0 (or None, as trained), got "
            f"{self.strength} and {self.epsilon}",
        )
        rng = np.random.default_rng(seed)
        decoder = trained(self.norm)
        require(-1 <= self.layer < LAYERS, f"layer must lie in [-1, {LAYERS}), got {self.layer}")
        vector = mean_difference(decoder, self.layer, rng, length=self.length)
        if self.epsilon is not None and decoder.final_norm is not None:
            final = replace(decoder.final_norm, epsilon=self.epsilon)
            decoder = replace(decoder, final_norm=final)
        prompts = GRAMMAR.sample(rng, count=self.prompts, length=self.length)
        planted = plant(
            decoder,
            torch.from_numpy(prompts.tokens),
            vector=vector,
            layer=self.layer,
            position=-1,
            strength=self.strength,
        )
        if self.prompts == 1 and self.epsilon == 0:
            kernel = np.linalg.qr(np.column_stack([planted.kernel, pulled_back(planted)]))[0]
            planted = replace(planted, kernel=kernel, reach="local")
        return PlantedRegister(
            **vars(planted),
            registers=prompts.registers,
            log_odds=GRAMMAR.log_odds(prompts.tokens)[:, -1],
            functional=GRAMMAR.functional,
        )


def pulled_back(planted: PlantedInDecoder, prompt: int = 0) -> np.ndarray:
    """(d,) unit vector along M^-1 h_L at the steered state: h_L grows along it (theory.md N6c)."""
    steered = planted.states[prompt] + planted.strengths[0] * planted.vector
    state = torch.from_numpy(steered)
    inner = torch.func.jacrev(lambda s: planted.last_state(prompt, s))(state)
    direction = torch.linalg.solve(inner, planted.last_state(prompt, state)).numpy()
    return direction / np.linalg.norm(direction)


def mean_difference(
    decoder: Decoder, layer: int, rng: np.random.Generator, *, length: int
) -> np.ndarray:
    """(d,) mean state in register A minus B at the last token, of the same meanings told in both.

    Without slips, so that the two differ in the register and in nothing else.
    """
    meanings = GRAMMAR.sample_meanings(rng, count=_CONTRASTS, words=length - 1)
    means = [
        states(decoder, torch.from_numpy(GRAMMAR.spell(meanings, form)), layer)[:, -1].mean(dim=0)
        for form in (1, -1)
    ]
    return (means[0] - means[1]).numpy()


def states(decoder: Decoder, tokens: torch.Tensor, layer: int) -> torch.Tensor:
    """(n, T, d) states after block ``layer`` of n sequences (n, T) at once."""
    return torch.vmap(lambda sequence: decoder.stream(sequence, layer))(tokens)


@cache
def trained(norm: NormKind) -> Decoder:
    """The shipped model in float64.

    Raises
    ------
    ValueError
        For a norm that is neither ``layer`` nor ``rms``, or weights that do not match the checksum
        that training noted beside them.
    """
    require(norm in NORMS, f"norm must be one of {', '.join(NORMS)}, got {norm!r}")
    with np.load(WEIGHTS / f"{norm}.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    require(
        checksum(arrays) == training_record()[norm]["checksum"],
        f"weights/{norm}.npz is not the file that weights/training.json describes; run "
        "python -m toy_models.tiny_transformer_training",
    )
    tensors = {name: torch.from_numpy(array.astype(np.float64)) for name, array in arrays.items()}
    return assemble(tensors, norm)


def training_record() -> dict[str, Any]:
    """What training wrote down, by norm: seed, steps, accuracy, steering, checksum."""
    return json.loads((WEIGHTS / "training.json").read_text())


def checksum(arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of names, shapes and numbers, whatever they are compressed with."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name], dtype="<f4")
        digest.update(f"{name} {array.shape} ".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def assemble(tensors: Mapping[str, torch.Tensor], norm: NormKind) -> Decoder:
    """The decoder whose parameters have these names; training differentiates through it."""

    def read(name: str) -> Read:
        return Read(tensors[f"{name}.matrix"], tensors[f"{name}.offset"])

    def norm_of(name: str) -> Norm:
        gain = tensors[f"{name}.gain"]
        shift = tensors[f"{name}.shift"] if norm == "layer" else torch.zeros_like(gain)
        return Norm(norm, gain, shift, EPSILON)

    def block(index: int) -> Block:
        return Block(
            placement="pre",
            heads=HEADS,
            attention_norm=norm_of(f"{index}.attention_norm"),
            query=read(f"{index}.query"),
            key=read(f"{index}.key"),
            value=read(f"{index}.value"),
            attention_write=tensors[f"{index}.attention_write"],
            mlp_norm=norm_of(f"{index}.mlp_norm"),
            up=read(f"{index}.up"),
            mlp_write=tensors[f"{index}.mlp_write"],
            write_norm=None,
        )

    return Decoder(
        embedding=tensors["embedding"],
        blocks=tuple(block(index) for index in range(LAYERS)),
        final_norm=norm_of("final_norm"),
        unembedding=read("unembedding"),
    )
