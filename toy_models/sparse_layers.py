r"""Layers with zeros in given places: the class is that of the pattern, for almost all entries.

The largest number of vertex-disjoint paths from coordinates of layer 0 to reads is the generic rank
(theory.md R4); kernels here are exact, over the rationals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from toy_models.layered import Layered
from toy_models.planted import require


@dataclass(frozen=True)
class SparseLayers:
    """Integer layers on a sparsity pattern that belongs to the model: only entries are drawn.

    Entries are different primes with random signs, of one order of magnitude; the kernel is that
    over the rationals.

    Parameters
    ----------
    width, layers, outputs
        d, K, and the rows of the read at every layer but the first.
    pattern
        ``chain`` (each coordinate moves one down, coordinate 0 is read), ``hub`` (the first map
        writes to one coordinate only), or ``random``.
    density, pattern_seed
        Of the random pattern.
    """

    width: int = 6
    layers: int = 3
    outputs: int = 1
    pattern: Literal["chain", "hub", "random"] = "chain"
    density: float = 0.35
    pattern_seed: int = 0

    def patterns(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Where entries may differ from zero: of K maps and K + 1 reads (no rows at layer 0)."""
        size = (self.width, self.width)
        full = np.ones((self.outputs, self.width), bool)
        if self.pattern == "chain":
            maps, read = [np.eye(self.width, k=1, dtype=bool)] * self.layers, full.copy()
            read[:, 1:] = False
            return maps, [read] * (self.layers + 1)
        if self.pattern == "hub":
            hub = np.zeros(size, bool)
            hub[0] = True
            maps = [hub, *[np.ones(size, bool)] * (self.layers - 1)]
            return maps, [full[:0], *[full] * self.layers]
        rng = np.random.default_rng(self.pattern_seed)
        maps = [rng.random(size) < self.density for _ in range(self.layers)]
        reads = [rng.random(full.shape) < self.density for _ in range(self.layers)]
        return maps, [full[:0], *reads]

    def sample(self, seed: int) -> Layered:
        """Draw the entries and the planted vector."""
        import sympy as sp

        rng = np.random.default_rng(seed)
        maps, seen = self.patterns()
        primes = np.array(list(sp.primerange(1000, 4000)))
        total = sum(int(p.sum()) for p in (*maps, *seen))
        require(total <= primes.size, f"a pattern may have {primes.size} entries, got {total}")
        values = iter((rng.permutation(primes) * rng.choice([-1, 1], primes.size))[:total].tolist())
        filled = [
            np.array([[next(values) if here else 0 for here in row] for row in p], object).reshape(
                p.shape
            )
            for p in (*maps, *seen)
        ]
        transports, reads = filled[: self.layers], filled[self.layers :]
        carried, blocks = np.eye(self.width, dtype=int).astype(object), []
        for k, read in enumerate(reads):
            blocks.append(read @ carried)
            carried = transports[k] @ carried if k < self.layers else carried
        null = sp.Matrix(np.vstack(blocks).tolist()).nullspace()
        kernel = np.zeros((self.width, 0))
        if null:
            columns = [np.array(n / max(map(abs, n)), dtype=np.float64).ravel() for n in null]
            kernel = np.linalg.qr(np.column_stack(columns))[0]
        # Of unit size, so that no layer's reads drown those of another in rounding.
        floats = [np.array(c, dtype=np.float64) for c in (*transports, *reads)]
        floats = [c / 4096 for c in floats]  # a power of two, which is exact
        return Layered(
            tuple(floats[: self.layers]),
            tuple(c if len(c) else None for c in floats[self.layers :]),
            rng.standard_normal(self.width),
            kernel,
        )
