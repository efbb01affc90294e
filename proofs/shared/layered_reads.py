"""A stack of layers, a vector added at one of them, and what is read from there on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from proofs.shared.integer_networks import IDENTITY, Coordinatewise


@dataclass(frozen=True, eq=False)
class LayeredReads:
    """h_{k+1} = phi(Phi_k h_k) + B_k h_0, read as C_k h_k; a vector is added to a state of 0."""

    transports: tuple[np.ndarray, ...]  # Phi_k (d_{k+1}, d_k) for k = 0, ..., K - 1
    reads: tuple[np.ndarray, ...]  # C_k (m_k, d_k) for k = 0, ..., K; m_k = 0 where nothing is read
    bypasses: tuple[np.ndarray, ...]  # B_k (d_{k+1}, d_0): what later positions keep of layer 0
    activation: Coordinatewise = IDENTITY

    @property
    def width(self) -> int:
        """d, the width of layer 0."""
        return self.reads[0].shape[1]

    def states(self, vectors: np.ndarray, layer: int = 0) -> list[np.ndarray]:
        """(d_k, n) for k = ``layer``, ..., K, of the columns of ``vectors`` added at that layer."""
        states = [vectors]
        for transport, bypass in list(zip(self.transports, self.bypasses, strict=True))[layer:]:
            carried = self.activation.value(transport @ states[-1])
            states.append(carried + bypass @ vectors if layer == 0 else carried)
        return states

    def responses(self, vectors: np.ndarray, layer: int = 0) -> list[np.ndarray]:
        """(m_k, n) for k = ``layer``, ..., K: what the reads show of each column."""
        states = self.states(vectors, layer)
        return [c @ h for c, h in zip(self.reads[layer:], states, strict=True)]

    def observability(self, layers: int) -> np.ndarray:
        """O (M, d): the blocks C_k Phi_{0->k} for k = 0, ..., ``layers``."""
        return observability(self.transports[:layers], self.reads[: layers + 1])


def observability(transports: Sequence[np.ndarray], reads: Sequence[np.ndarray]) -> np.ndarray:
    """[C_0; C_1 Phi_0; C_2 Phi_1 Phi_0; ...], multiplied from the top down."""
    stacked = reads[-1]
    for transport, read in zip(reversed(transports), reversed(reads[:-1]), strict=True):
        stacked = np.vstack([read, stacked @ transport])
    return stacked


def without_bypass(transports: Sequence[np.ndarray], reads: Sequence[np.ndarray]) -> LayeredReads:
    """Layers that see the layer below and nothing else."""
    nothing = tuple(np.zeros((len(t), reads[0].shape[1]), int) for t in transports)
    return LayeredReads(tuple(transports), tuple(reads), nothing)
