r"""A small decoder with all its parameters in the open: norms, blocks, embedding, unembedding.

The residual stream of a prompt is (T, d); everything is float64, the norms' epsilon included.
Layers count as everywhere in this project: the state "after block l", and -1 is the embedding.
What changes the parameters and keeps the function (``folded``, ``rotated``) is here too, so that
the symmetries of theory.md N6 can be read off and broken one by one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch.nn import functional as F

from toy_models.planted import require


@dataclass(frozen=True, eq=False)
class Norm:
    """LayerNorm or RMSNorm: x -> gain * n(x) + shift, with n of degree 0 up to epsilon."""

    kind: Literal["layer", "rms"]
    gain: torch.Tensor  # (d,)
    shift: torch.Tensor  # (d,)
    epsilon: float

    def __call__(self, stream: torch.Tensor) -> torch.Tensor:
        if self.kind == "layer":
            stream = stream - stream.mean(dim=-1, keepdim=True)
        size = torch.sqrt((stream**2).mean(dim=-1, keepdim=True) + self.epsilon)
        return self.gain * stream / size + self.shift

    @property
    def bare(self) -> Norm:
        """The same without gain and shift."""
        ones = torch.ones_like(self.gain)
        return replace(self, gain=ones, shift=torch.zeros_like(ones))


@dataclass(frozen=True, eq=False)
class Read:
    """An affine map that reads the stream: x -> W x + c, W (out, d)."""

    matrix: torch.Tensor
    offset: torch.Tensor

    def __call__(self, stream: torch.Tensor) -> torch.Tensor:
        return stream @ self.matrix.T + self.offset

    def folded(self, norm: Norm) -> Read:
        """Reading ``norm.bare`` as this one reads ``norm``."""
        return Read(self.matrix * norm.gain, self.offset + self.matrix @ norm.shift)

    def rotated(self, rotation: torch.Tensor) -> Read:
        """Reading Q x as this one reads x."""
        return replace(self, matrix=self.matrix @ rotation.T)


@dataclass(frozen=True, eq=False)
class Block:
    """Causal attention and a GELU MLP, each adding to the stream what it writes."""

    placement: Literal["pre", "post"]
    heads: int
    attention_norm: Norm
    query: Read
    key: Read
    value: Read
    attention_write: torch.Tensor  # (d, d)
    mlp_norm: Norm
    up: Read
    mlp_write: torch.Tensor  # (d, hidden)
    write_norm: Norm | None

    def __call__(self, stream: torch.Tensor) -> torch.Tensor:
        if self.placement == "pre":
            stream = stream + self._write(self._attention(self.attention_norm(stream)))
            return stream + self._write(self._mlp(self.mlp_norm(stream)))
        stream = self.attention_norm(stream + self._write(self._attention(stream)))
        return self.mlp_norm(stream + self._write(self._mlp(stream)))

    def _write(self, update: torch.Tensor) -> torch.Tensor:
        return update if self.write_norm is None else self.write_norm(update)

    def _attention(self, stream: torch.Tensor) -> torch.Tensor:
        length = len(stream)
        split = [
            read(stream).reshape(length, self.heads, -1).transpose(0, 1)
            for read in (self.query, self.key, self.value)
        ]
        query, key, value = split  # (heads, T, d / heads)
        scores = query @ key.transpose(1, 2) / query.shape[-1] ** 0.5
        future = torch.ones(length, length, dtype=torch.bool).triu(1)
        weights = torch.softmax(scores.masked_fill(future, -torch.inf), dim=-1)
        return (weights @ value).transpose(0, 1).reshape(length, -1) @ self.attention_write.T

    def _mlp(self, stream: torch.Tensor) -> torch.Tensor:
        return F.gelu(self.up(stream)) @ self.mlp_write.T

    def folded(self) -> Block:
        """The same function with the gains and shifts of both norms inside the reads."""
        return replace(
            self,
            attention_norm=self.attention_norm.bare,
            query=self.query.folded(self.attention_norm),
            key=self.key.folded(self.attention_norm),
            value=self.value.folded(self.attention_norm),
            mlp_norm=self.mlp_norm.bare,
            up=self.up.folded(self.mlp_norm),
        )

    def rotated(self, rotation: torch.Tensor) -> Block:
        """Reads and writes turned by Q; norms stay, so only a bare RMSNorm keeps the function."""
        return replace(
            self,
            query=self.query.rotated(rotation),
            key=self.key.rotated(rotation),
            value=self.value.rotated(rotation),
            attention_write=rotation @ self.attention_write,
            up=self.up.rotated(rotation),
            mlp_write=rotation @ self.mlp_write,
        )


@dataclass(frozen=True, eq=False)
class Decoder:
    """Embedding, blocks, final norm (or none), unembedding; all parameters in the open."""

    embedding: torch.Tensor  # (V, d)
    blocks: tuple[Block, ...]
    final_norm: Norm | None
    unembedding: Read  # (V, d)

    def stream(self, tokens: torch.Tensor, layer: int) -> torch.Tensor:
        """(T, d) states after block ``layer``; -1 gives the embeddings."""
        stream = self.embedding[tokens]
        for block in self.blocks[: layer + 1]:
            stream = block(stream)
        return stream

    def resume(self, stream: torch.Tensor, layer: int) -> torch.Tensor:
        """(T, d) states after the last block, from those after block ``layer``."""
        for block in self.blocks[layer + 1 :]:
            stream = block(stream)
        return stream

    def logits(self, last: torch.Tensor) -> torch.Tensor:
        """(V,) from the last state h_L (d,), before the final norm."""
        return self.unembedding(last if self.final_norm is None else self.final_norm(last))

    def folded(self) -> Decoder:
        """The same function with every gain on the read side inside the reads.

        Raises
        ------
        ValueError
            For post-LN blocks, whose gains act on the stream itself.
        """
        pre = all(block.placement == "pre" for block in self.blocks)
        require(pre, "post-LN gains act on the stream and cannot be folded; use placement='pre'")
        blocks = tuple(block.folded() for block in self.blocks)
        if self.final_norm is None:
            return replace(self, blocks=blocks)
        read = self.unembedding.folded(self.final_norm)
        return replace(self, blocks=blocks, final_norm=self.final_norm.bare, unembedding=read)

    def rotated(self, rotation: torch.Tensor) -> Decoder:
        """The decoder with its residual basis turned by Q (d, d), norms left as they are.

        Its stream is Q times the old one, and its logits the same, iff every norm is an RMSNorm
        without gain: fold first, and expect a difference where there is a gain on the write side.
        """
        return replace(
            self,
            embedding=self.embedding @ rotation.T,
            blocks=tuple(block.rotated(rotation) for block in self.blocks),
            unembedding=self.unembedding.rotated(rotation),
        )
