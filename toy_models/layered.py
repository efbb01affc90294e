r"""Stacks of linear layers with reads, and the part of layer 0 that no read shows.

h_{k+1} = Phi_k h_k, reads C_k h_k, a vector added at layer 0. Every kernel is exact by how the
layers are built: from an invariant subspace that no read sees, or a first map of low rank
(theory.md R4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from toy_models.planted import complement, orthonormal, require

Maps = Literal["random", "residual", "identity"]


@dataclass(frozen=True, eq=False)
class Layered:
    """Layers, the vector planted at layer 0, and the unobservable subspace.

    Parameters
    ----------
    transports
        K matrices (d, d), from layer k to k + 1.
    reads
        K + 1 matrices (m_k, d), None where nothing is read.
    vector
        (d,) planted at layer 0.
    kernel
        (d, k) orthonormal basis of what no read shows.
    """

    transports: tuple[np.ndarray, ...]
    reads: tuple[np.ndarray | None, ...]
    vector: np.ndarray
    kernel: np.ndarray

    @property
    def width(self) -> int:
        """d."""
        return self.vector.size

    def responses(self, vector: np.ndarray | None = None) -> list[np.ndarray | None]:
        """What is read of the planted vector, or of another, simulated layer by layer."""
        state = self.vector if vector is None else vector
        seen: list[np.ndarray | None] = []
        for read, transport in zip(self.reads, (*self.transports, None), strict=True):
            seen.append(None if read is None else read @ state)
            state = state if transport is None else transport @ state
        return seen


@dataclass(frozen=True)
class LayeredStack:
    """Linear layers, generic but for what the dials take away.

    Parameters
    ----------
    width, layers
        d, and the number of maps K: there are K + 1 layers to read.
    outputs
        m, rows of each read.
    first_read
        The first layer that is read; all layers from there on are.
    maps
        ``random`` maps (singular values between 1/2 and 2), ``residual`` ones (identity plus a
        random write) or the ``identity``.
    same_read, same_map
        Whether all reads are one and the same matrix, and all maps.
    hidden
        Dimension of a subspace N with Phi_k n = n and C_k n = 0 at all layers.
    rank
        Rank of every map inside the complement of N; None for full rank.

    Examples
    --------
    >>> instance = LayeredStack(width=6, layers=2, outputs=2, hidden=1).sample(0)
    >>> instance.kernel.shape
    (6, 1)
    """

    width: int = 8
    layers: int = 4
    outputs: int = 2
    first_read: int = 0
    maps: Maps = "random"
    same_read: bool = False
    same_map: bool = False
    hidden: int = 0
    rank: int | None = None

    @property
    def visible(self) -> int:
        """Dimensions outside N."""
        return self.width - self.hidden

    @property
    def lost(self) -> int:
        """Dimension of the class, by counting rows that are generically independent."""
        if self.maps == "identity" and self.same_read:
            return self.width - min(self.visible, self.outputs)
        reads = self.layers + 1 - self.first_read
        if self.rank is None:
            return self.width - min(self.visible, self.outputs * reads)
        above = self.layers if self.first_read == 0 else reads
        rows = min(self.rank, self.outputs * above)
        rows += self.outputs if self.first_read == 0 else 0
        return self.width - min(self.visible, rows)

    def sample(self, seed: int) -> Layered:
        """Draw maps, reads and the planted vector."""
        require(
            self.layers >= 1 and 0 <= self.first_read <= self.layers,
            f"first_read must lie between 0 and layers >= 1, got {self.first_read} of "
            f"{self.layers}",
        )
        require(
            self.rank is None or (1 <= self.rank <= self.visible and self.maps == "random"),
            f"rank needs random maps and must lie between 1 and width - hidden, got {self.rank}",
        )
        rng = np.random.default_rng(seed)
        basis = orthonormal(rng, self.width, self.width)
        seen, null = basis[:, : self.visible], basis[:, self.visible :]
        inner = [self._map(rng) for _ in range(self.layers)]
        if self.same_map:
            inner = inner[:1] * self.layers
        read = rng.standard_normal((self.layers + 1, self.outputs, self.visible))
        if self.same_read:
            read[:] = read[0]
        # N carries what the rest writes into it, and writes nothing back.
        into = rng.standard_normal((self.layers, self.hidden, self.visible)) / np.sqrt(self.width)
        if self.same_map:
            into[:] = into[0]
        transports = [
            seen @ a @ seen.T + null @ null.T + null @ w @ seen.T
            for a, w in zip(inner, into, strict=True)
        ]
        if self.maps == "identity":
            transports = [np.eye(self.width)] * self.layers
        unread = self.first_read
        reads = [None] * unread + [c @ seen.T for c in read[unread:]]
        independent = self._rows(inner, list(read))[: self.visible]
        return Layered(
            tuple(transports),
            tuple(reads),
            rng.standard_normal(self.width),
            np.hstack([seen @ complement(independent), null]),
        )

    def _map(self, rng: np.random.Generator) -> np.ndarray:
        size = self.visible
        if self.maps == "identity":
            return np.eye(size)
        if self.maps == "residual":
            return np.eye(size) + rng.standard_normal((size, size)) / (2 * np.sqrt(size))
        rank = size if self.rank is None else self.rank
        left, right = orthonormal(rng, size, rank), orthonormal(rng, size, rank)
        return (left * 2 ** rng.uniform(-1, 1, rank)) @ right.T

    def _rows(self, inner: Sequence[np.ndarray], read: Sequence[np.ndarray]) -> np.ndarray:
        """Linearly independent rows with the row space of all reads, generically."""
        if self.maps == "identity" and self.same_read:
            return read[0]
        carried, rows = np.eye(self.visible), []
        for k, c in enumerate(read):
            if k >= self.first_read:
                rows.append(c @ carried)
            carried = inner[k] @ carried if k < len(inner) else carried
        if self.rank is None:
            return np.vstack(rows)
        # Above the first map everything is seen through its row space.
        through = np.linalg.svd(inner[0])[2][: self.rank]
        above = np.vstack(rows[1:] if self.first_read == 0 else rows)
        above = through if len(above) >= self.rank else above
        return np.vstack([rows[0], above]) if self.first_read == 0 else above


@dataclass(frozen=True)
class SteeredLayers:
    """Only the final outputs are seen, while a vector is added at each layer, one at a time.

    Adding v_k at layer k shows J_k v_k, J_k = W Phi_{k->K}. Said in reads: layer k is read by J_k.

    Parameters
    ----------
    width, layers, outputs
        d, K and m.
    vectors
        ``transported``: v_{k+1} = Phi_k v_k, the consistent ones; ``same``: v itself at all layers.
    """

    width: int = 8
    layers: int = 4
    outputs: int = 2
    vectors: Literal["transported", "same"] = "transported"

    @property
    def lost(self) -> int:
        """Dimension of the class: consistent ones all show J_0 v, the same one J_0 v to J_K v."""
        seen = self.outputs * (1 if self.vectors == "transported" else self.layers + 1)
        return max(0, self.width - seen)

    def sample(self, seed: int) -> Layered:
        """Draw maps, the final read and the planted vector."""
        stack = LayeredStack(self.width, self.layers, self.outputs, first_read=self.layers)
        drawn = stack.sample(seed)
        jacobians = [np.asarray(drawn.reads[-1])]
        for transport in reversed(drawn.transports):
            jacobians.insert(0, jacobians[0] @ transport)
        transports, rows = drawn.transports, jacobians[0]
        if self.vectors == "same":
            transports, rows = (np.eye(self.width),) * self.layers, np.vstack(jacobians)
        kernel = complement(rows[: self.width])
        return Layered(transports, tuple(jacobians), drawn.vector, kernel)
