r"""How much a continuous output varies: the yardstick that turns displacements of it into nats.

An output y without a probability model has no Kullback–Leibler divergence of its own. Read as the
mean of a Gaussian with a fixed covariance Σ it has one,

.. math:: \mathrm{KL} = \tfrac12 (y - y')^\top \Sigma^{-1} (y - y'),

and nats mean that and nothing else (``theory.md`` N7). Σ is the covariance of y over the prompts,
plus the noise with which y is observed.

**A singular Σ is refused, and never mended in silence.** N prompts give it a rank of at most N − 1,
and outputs of a network often lie in a subspace: a coordinate whose gain in the last LayerNorm was
trained to zero is constant. A pseudo-inverse would say that a displacement *outside* the range of Σ
costs nothing, where the limit of small noise says that it costs infinitely much: false null
directions. A ridge would be a noise that nobody stated. So the noise is an argument, in the unit of
y, without a default other than none, and is printed with the result.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.linalg import solve_triangular

from identifiability.errors import InvalidInput
from identifiability.validation import as_matrix


@dataclass(frozen=True, eq=False)
class OutputCovariance:
    """A fixed covariance of the output.

    Parameters
    ----------
    matrix
        (m, m) symmetric and positive definite, noise included.
    prompts
        Over how many prompts it was taken; None if it was not measured.
    noise
        Standard deviation of the observation noise in it, in the unit of the output.

    Raises
    ------
    InvalidInput
        If the matrix is not symmetric, or is singular to rounding.
    """

    matrix: np.ndarray
    prompts: int | None = None
    noise: float = 0.0

    def __post_init__(self) -> None:
        matrix = as_matrix(self.matrix, "covariance")
        if matrix.shape[0] != matrix.shape[1] or not np.allclose(
            matrix, matrix.T, rtol=0, atol=1e-12 * np.abs(matrix).max()
        ):
            raise InvalidInput(
                f"covariance must be (m, m) and symmetric, got {matrix.shape}; "
                "use OutputCovariance.of"
            )
        object.__setattr__(self, "matrix", (matrix + matrix.T) / 2)
        # Below this the eigenvalues of a float64 matrix are rounding.
        _refuse_singular(self.eigenvalues, len(matrix) * np.finfo(float).eps, self.prompts)

    @classmethod
    def of(cls, outputs: Any, noise: float = 0.0) -> OutputCovariance:
        """Covariance of outputs (N, m) over N prompts, plus noise² on the diagonal.

        Raises
        ------
        InvalidInput
            If there are fewer than two prompts, the noise is negative, or the sum is singular: to
            float64 if the outputs come in float64, else to the rounding of float32.
        """
        dtype = np.asarray(outputs).dtype
        rows = as_matrix(outputs, "outputs")
        if len(rows) < 2:
            raise InvalidInput(f"outputs must be (N, m) with N of 2 or more, got {rows.shape}")
        if not (math.isfinite(noise) and noise >= 0):
            raise InvalidInput(f"noise must be a standard deviation, 0 or more, got {noise}")
        matrix = np.cov(rows, rowvar=False).reshape(rows.shape[1], -1)
        matrix += noise**2 * np.eye(len(matrix))
        if dtype != np.float64:
            # Outputs are exact to a few units in the last place of their largest entry: a variance
            # below the square of that is rounding of the network.
            rounding = (8 * np.finfo(np.float32).eps * np.abs(rows).max()) ** 2
            values = np.linalg.eigvalsh(matrix)[::-1]
            _refuse_singular(values, rounding / max(values[0], rounding), len(rows))
        return cls(matrix, len(rows), noise)

    @cached_property
    def eigenvalues(self) -> np.ndarray:
        """(m,) in descending order, in the squared unit of the output."""
        return np.linalg.eigvalsh(self.matrix)[::-1]

    @cached_property
    def _factor(self) -> np.ndarray:
        return np.linalg.cholesky(self.matrix)

    def whiten(self, columns: np.ndarray) -> np.ndarray:
        """L⁻¹ A for A (m, k) and Σ = L Lᵀ: then the squared norm of a column is its AᵀΣ⁻¹A."""
        rows = len(self.matrix)
        if len(columns) != rows:
            raise InvalidInput(
                f"covariance is that of {rows} outputs, this observable has {len(columns)}; "
                "take both from the same encoder"
            )
        return solve_triangular(self._factor, columns.astype(float), lower=True)

    def __str__(self) -> str:
        source = "given" if self.prompts is None else f"over {self.prompts} prompts"
        return (
            f"covariance of {len(self.matrix)} outputs {source}, observation noise "
            f"{self.noise:g}, eigenvalues {self.eigenvalues[-1]:.2g} to {self.eigenvalues[0]:.2g}"
        )


def _refuse_singular(values: np.ndarray, floor: float, prompts: int | None) -> None:
    """Refuse eigenvalues, descending, of which the last is below ``floor`` times the first."""
    if values[-1] > floor * values[0] > 0:
        return
    rank = int((values > floor * values[0]).sum()) if values[0] > 0 else 0
    source = "" if prompts is None else f" over {prompts} prompts"
    raise InvalidInput(
        f"covariance of the outputs{source} has rank {rank} of {len(values)}, expected full rank; "
        "state the noise with which outputs are observed (OutputCovariance.of(outputs, noise=…), "
        "a standard deviation in their unit) or take more prompts"
    )
