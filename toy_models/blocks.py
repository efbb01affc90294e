r"""Vectors planted in random tiny decoders, whose symmetries are known by construction (N6).

* LayerNorm(h + c 1) = LayerNorm(h): where all blocks that follow are pre-LN with an LN final norm,
  c 1 added to the residual stream is invisible for all c, at any layer and position (N6b);
* a final norm has degree 0 up to its epsilon: logits(s h_L) = logits(h_L) for s > 0 (N6c);
* RMSNorm commutes with rotations: with gains folded into all reads and none on the write side,
  ``decoder.folded().rotated(Q)`` is the same function in another residual basis (N6d).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import torch

from toy_models.decoder import Block, Decoder, Norm, Read
from toy_models.planted import Planted, require


@dataclass(frozen=True, eq=False, kw_only=True)
class PlantedInDecoder(Planted):
    """A vector planted in a decoder's residual stream, after block ``layer`` at ``position``.

    The outputs are the logits at the last position. ``kernel`` is what no state shows, by symmetry:
    1/sqrt(d) where only LayerNorms read the stream, and nothing otherwise. One prompt at one
    strength leaves one direction more, up to the norm's epsilon (N6c); two remove it.
    """

    decoder: Decoder
    tokens: torch.Tensor  # (N, T)
    layer: int
    position: int

    def last_state(self, prompt: int, state: torch.Tensor) -> torch.Tensor:
        """(d,) h_L at the last position before the final norm, with the steered state (d,) put in.

        Differentiable: its Jacobian is the dh_L/dh_l of theory.md N6c.
        """
        stream = self.decoder.stream(self.tokens[prompt], self.layer)
        return _last_state(self.decoder, stream, self.layer, self.position, state)


@dataclass(frozen=True)
class TransformerBlocks:
    """Random decoders with every choice that theory.md N6 depends on.

    Parameters
    ----------
    norm, placement
        LayerNorm or RMSNorm; read through the norm (``pre``) or normalise the stream (``post``).
    final_norm
        Whether a norm of the same kind stands before the unembedding.
    gain
        Random gains (and, for LayerNorm, shifts) on the read side; otherwise 1 (and 0).
    write_gain
        A norm with random gain on what blocks write, as in Gemma 2 and OLMo 2.
    epsilon
        Of every norm, inside the square root.
    width, heads, layers, vocabulary, length, prompts
        d, attention heads (a divisor of d), blocks, logits (more than d), tokens a prompt, N.
    layer, position
        Where the vector is added: after block ``layer`` (-1: to the embedding) at ``position``.
    strength
        The one alpha.

    Examples
    --------
    >>> instance = TransformerBlocks().sample(0)
    >>> logits, state = instance.continuations[0], torch.from_numpy(instance.states[0])
    >>> float((logits(state + 3.0) - logits(state)).abs().max()) < 1e-13
    True
    """

    norm: Literal["layer", "rms"] = "layer"
    placement: Literal["pre", "post"] = "pre"
    final_norm: bool = True
    gain: bool = True
    write_gain: bool = False
    epsilon: float = 1e-5
    width: int = 8
    heads: int = 2
    layers: int = 3
    vocabulary: int = 20
    length: int = 4
    prompts: int = 2
    layer: int = 0
    position: int = -1
    strength: float = 1.0

    def sample(self, seed: int) -> PlantedInDecoder:
        """Draw a decoder, prompts and the planted vector."""
        require(
            self.width % self.heads == 0 and self.width < self.vocabulary,
            f"heads must divide width and vocabulary exceed it, got width {self.width}, heads "
            f"{self.heads}, vocabulary {self.vocabulary}",
        )
        rng = np.random.default_rng(seed)
        decoder = self._decoder(rng)
        tokens = torch.from_numpy(rng.integers(0, self.vocabulary, (self.prompts, self.length)))
        return plant(
            decoder,
            tokens,
            vector=rng.standard_normal(self.width),
            layer=self.layer,
            position=self.position,
            strength=self.strength,
        )

    def _decoder(self, rng: np.random.Generator) -> Decoder:
        return Decoder(
            embedding=_gaussian(rng, self.vocabulary, self.width),
            blocks=tuple(self._block(rng) for _ in range(self.layers)),
            final_norm=self._norm(rng, self.gain) if self.final_norm else None,
            unembedding=_read(rng, self.vocabulary, self.width),
        )

    def _block(self, rng: np.random.Generator) -> Block:
        width, hidden = self.width, 2 * self.width
        return Block(
            placement=self.placement,
            heads=self.heads,
            attention_norm=self._norm(rng, self.gain),
            query=_read(rng, width, width),
            key=_read(rng, width, width),
            value=_read(rng, width, width),
            attention_write=_gaussian(rng, width, width) / width**0.5,
            mlp_norm=self._norm(rng, self.gain),
            up=_read(rng, hidden, width),
            mlp_write=_gaussian(rng, width, hidden) / hidden**0.5,
            write_norm=self._norm(rng, True) if self.write_gain else None,
        )

    def _norm(self, rng: np.random.Generator, gain: bool) -> Norm:
        gains, shifts = np.ones(self.width), np.zeros(self.width)
        if gain:
            gains = np.exp(0.4 * rng.standard_normal(self.width))
            shifts = 0.3 * rng.standard_normal(self.width) * (self.norm == "layer")
        return Norm(self.norm, torch.from_numpy(gains), torch.from_numpy(shifts), self.epsilon)


def plant(
    decoder: Decoder,
    tokens: torch.Tensor,
    *,
    vector: np.ndarray,
    layer: int,
    position: int,
    strength: float = 1.0,
) -> PlantedInDecoder:
    """Plant a vector (d,) after block ``layer`` at ``position`` of the prompts, tokens (N, T)."""
    layers, length = len(decoder.blocks), tokens.shape[1]
    last = position in (-1, length - 1)
    require(
        -1 <= layer < layers and -length <= position < length and (last or layer < layers - 1),
        f"layer must lie in [-1, {layers}) and position in [{-length}, {length}), got {layer} and "
        f"{position}; after the last block only the last position reaches the logits",
    )
    streams = [decoder.stream(prompt, layer) for prompt in tokens]
    return PlantedInDecoder(
        continuations=tuple(partial(_logits, decoder, s, layer, position) for s in streams),
        states=torch.stack([stream[position] for stream in streams]).numpy(),
        strengths=np.array([strength]),
        vector=vector,
        kernel=_invisible_by_symmetry(decoder, layer),
        reach="global",
        decoder=decoder,
        tokens=tokens,
        layer=layer,
        position=position,
    )


def _invisible_by_symmetry(decoder: Decoder, layer: int) -> np.ndarray:
    """(d, 1): the constant direction, if all that reads the stream subtracts its mean."""
    width = decoder.embedding.shape[1]
    readers = [decoder.final_norm]
    for block in decoder.blocks[layer + 1 :]:
        pre = block.placement == "pre"
        readers += [block.attention_norm, block.mlp_norm] if pre else [None]
    if all(norm is not None and norm.kind == "layer" for norm in readers):
        return np.full((width, 1), width**-0.5)
    return np.zeros((width, 0))


def _last_state(
    decoder: Decoder, stream: torch.Tensor, layer: int, position: int, state: torch.Tensor
) -> torch.Tensor:
    index = position % len(stream)
    steered = torch.cat([stream[:index], state[None], stream[index + 1 :]])
    return decoder.resume(steered, layer)[-1]


def _logits(
    decoder: Decoder, stream: torch.Tensor, layer: int, position: int, state: torch.Tensor
) -> torch.Tensor:
    return decoder.logits(_last_state(decoder, stream, layer, position, state))


def _gaussian(rng: np.random.Generator, rows: int, columns: int) -> torch.Tensor:
    return torch.from_numpy(rng.standard_normal((rows, columns)))


def _read(rng: np.random.Generator, rows: int, columns: int) -> Read:
    offset = 0.1 * rng.standard_normal(rows)
    return Read(_gaussian(rng, rows, columns) / columns**0.5, torch.from_numpy(offset))
