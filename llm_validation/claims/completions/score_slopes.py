"""What the gradient of a score says of steering along v and along directions orthogonal to it."""

from __future__ import annotations

import numpy as np

from identifiability.statistics import Interval, cluster_bootstrap


class ScoreSlopes:
    """N8's scalar observable, from gradients w of n development completions.

    Parameters
    ----------
    gradients
        (n, d) in nats per token per unit of the state.
    vector
        (d,) v.
    """

    def __init__(self, gradients: np.ndarray, vector: np.ndarray) -> None:
        self.gradients, self.vector = gradients, vector

    @property
    def along(self) -> np.ndarray:
        """(n,) w · v: the effect of v at unit strength, to first order."""
        return self.gradients @ self.vector

    def efficacies(self, vectors: np.ndarray) -> np.ndarray:
        """(k,) effect of each vector relative to v's, to first order."""
        return (self.gradients @ vectors.T).mean(axis=0) / self.along.mean()

    def efficacy(self, vectors: np.ndarray, rng: np.random.Generator) -> Interval:
        """Of the mean over the vectors (k, d); over completions."""
        rows = np.column_stack([(self.gradients @ vectors.T).mean(axis=1), self.along])
        return cluster_bootstrap(lambda r: r[..., 0].mean(1) / r[..., 1].mean(1), [rows], rng=rng)

    @property
    def coordinates(self) -> np.ndarray:
        """(n, r) gradients in an orthonormal basis of their span whose first vector is along v."""
        basis, _ = np.linalg.qr(np.vstack([self.vector, self.gradients]).T)
        return self.gradients @ basis

    def typical(self, coordinates: np.ndarray) -> np.ndarray:
        r"""|tan θ|/√(d − 1), the RMS efficacy of random orthogonal vectors, for (R, n, r).

        Of the mean gradient as it is: its length holds what n completions leave of their own
        gradients, and so does a measurement on as many others.
        """
        mean = coordinates.mean(axis=1)
        across = (mean[:, 1:] ** 2).sum(axis=1)
        return np.sqrt(across / (self.vector.size - 1)) / np.abs(mean[:, 0])

    def typical_interval(self, rng: np.random.Generator) -> Interval:
        """Of ``typical``, over completions."""
        return cluster_bootstrap(self.typical, [self.coordinates], rng=rng, positive=True)
