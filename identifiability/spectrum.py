r"""The spectrum of what an observation sees, with the level below which nothing is called zero.

For a Jacobian stack A (M, d) the spectrum is that of A^T A, taken from the singular values of A
and never from a Gram matrix: squaring halves the digits. For a metric G (d, d) it is that of G.

Rounding is measured, not assumed: the decomposition is repeated in a randomly rotated basis, where
exact arithmetic would give the same spectrum. By Weyl's inequality an error E of the matrix moves
no singular value by more than ||E||_2: a value above the floor is not zero, as far as ten times the
measured change bounds the error.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from typing import Any

import numpy as np

from identifiability.errors import InvalidInput
from identifiability.validation import as_matrix, as_number

# One repeat is one draw of the rounding error; its size varies by a small factor from draw to draw.
_SAFETY = 10.0
_RESOLVED_ANGLE = 0.1  # radians; a basis that may be wrong by more says little about a direction
# Sums of products with a rotation stay below 1e308 up to any width that fits into memory.
_LARGEST = 1e300
# Singular values whose squares, and those of the rounding beside them, float64 can hold.
_SQUARED = 1e-140, 1e150
_ROTATION_SEED = 0  # the repeat must give the same floor every time; any fixed rotation serves


@dataclass(frozen=True)
class Spectrum:
    """Eigenvalues of a metric, or of A^T A, with eigenvectors and a measured noise floor.

    Parameters
    ----------
    values
        (d,) in descending order, the numbers in which rank and gap are decided: singular values of
        A, or eigenvalues of G. Never negative: a negative one found is rounding, and counted in
        the floor.
    eigenvectors
        (d, d), column i belongs to ``values[i]``.
    resolution
        Error level of ``values``: the stated error, plus ten times the change seen on repeating.
    rectangular
        Whether ``values`` are singular values of A, or eigenvalues of G.
    error
        The part of ``resolution`` that the caller stated: 0 if the matrix is meant exactly.

    Examples
    --------
    >>> spectrum = Spectrum.of(np.diag([2.0, 1.0, 0.0]))
    >>> spectrum.rank(), spectrum.epsilon_null_dimension(epsilon=0.5, radius=1.0)
    (2, 2)
    """

    values: np.ndarray
    eigenvectors: np.ndarray
    resolution: float
    rectangular: bool
    error: float = 0.0

    @classmethod
    def of(cls, operator: Any, *, error: float = 0.0, metric: bool | None = None) -> Spectrum:
        """Decompose a matrix or operator.

        Parameters
        ----------
        operator
            A (d, d) metric, or an (M, d) matrix A standing for A^T A; a scipy ``LinearOperator``
            is made dense (d is small enough for that up to about 16 000).
        error
            Known bound on the spectral norm of the matrix's own error (for example the measured
            distance of a float32 evaluation from a float64 one), in the matrix's units. That of the
            dtype in which an operator of this package is evaluated is added to it.
        metric
            Whether it is a metric. By default the operators of this package know, and an array is
            one if it is symmetric to rounding.

        Raises
        ------
        InvalidInput
            For a matrix that is not two-dimensional, real and finite, or an ``error`` that is
            negative or infinite.
        """
        if not isinstance(error, Real) or not 0 <= error < np.inf:
            raise InvalidInput(
                f"error must be a finite norm >= 0, got {error}; pass 0 if it is unknown"
            )
        matrix = as_matrix(dense(operator), "operator")
        if (largest := float(np.abs(matrix).max())) > _LARGEST:
            raise InvalidInput(
                f"operator must have entries up to {_LARGEST:g}, got {largest:.3g}; choose another "
                "unit"
            )
        metric = is_metric(operator, matrix) if metric is None else metric
        error += entry_error(operator, matrix)
        return cls._of_metric(matrix, error) if metric else cls._of_jacobian(matrix, error)

    @classmethod
    def _of_jacobian(cls, matrix: np.ndarray, error: float) -> Spectrum:
        rows, width = matrix.shape
        _, singular, right = np.linalg.svd(matrix, full_matrices=rows < width)
        padded = np.zeros(width)
        padded[: singular.size] = singular
        repeat = np.linalg.svd(matrix @ _rotation(width), compute_uv=False)
        measured = float(np.max(np.abs(singular - repeat)))
        resolution = error + max(_SAFETY * measured, _rounding(matrix, singular[0]))
        return cls(padded, right.T, resolution, rectangular=True, error=error)

    @classmethod
    def _of_metric(cls, matrix: np.ndarray, error: float) -> Spectrum:
        # Products such as J^T F J round differently on their two sides: what they differ by shows
        # how well the entries are known at all.
        asymmetry = float(np.linalg.norm(matrix - matrix.T, 2))
        matrix = (matrix + matrix.T) / 2
        values, vectors = np.linalg.eigh(matrix)
        rotation = _rotation(matrix.shape[0])
        rotated = rotation.T @ matrix @ rotation
        repeat = np.linalg.eigvalsh((rotated + rotated.T) / 2)
        scale = float(np.max(np.abs(values)))
        measured = max(float(np.max(np.abs(values - repeat))), asymmetry)
        resolution = error + max(_SAFETY * measured, _rounding(matrix, scale))
        if values[0] < -(resolution + 1e-6 * scale):
            raise InvalidInput(
                f"a metric must be positive semidefinite, got an eigenvalue {values[0]:.3g} beside "
                f"{values[-1]:.3g}; pass metric=False if the matrix is a Jacobian"
            )
        resolution = max(resolution, -float(values[0]))
        return cls(np.clip(values[::-1], 0.0, None), vectors[:, ::-1], resolution, False, error)

    @cached_property
    def eigenvalues(self) -> np.ndarray:
        """(d,) of G, or of A^T A, in descending order.

        Raises
        ------
        InvalidInput
            If the squares of A's singular values leave the range of float64; ranks do not.
        """
        return self._squared(self.values)

    @property
    def width(self) -> int:
        """d, the dimension of the space that v lives in."""
        return self.values.size

    @property
    def noise_floor(self) -> float:
        """Eigenvalues at or below this cannot be told from zero; raises as ``eigenvalues``."""
        return self._squared(self.resolution)

    def _squared(self, values: Any) -> Any:
        """From singular values to eigenvalues, where they are not the same."""
        if not self.rectangular:
            return values
        largest, (low, high) = max(float(self.values[0]), self.resolution), _SQUARED
        if largest > high or 0 < largest < low:
            raise InvalidInput(
                f"the eigenvalues of A^T A leave the range of float64, A has norm {largest:.3g}; "
                "choose another unit"
            )
        return values**2

    def rank(self) -> int:
        """Number of values above the resolution, which count as not zero."""
        return int(np.sum(self.values > self.resolution))

    @property
    def gap(self) -> float:
        """Last value counted in the rank less the first one not counted (0 beyond the end)."""
        rank = self.rank()
        if rank == 0:
            return 0.0
        below = float(self.values[rank]) if rank < self.width else 0.0
        return float(self.values[rank - 1]) - below

    @property
    def null_space_angle_bound(self) -> float:
        """Bound on the sine of the angle between computed and exact null space.

        ||E||/(gap - ||E||), capped at 1, where nothing is known (Davis--Kahan and Wedin, in the
        computable form of theory.md R5); 0 where there is no null space or no row space.
        """
        rank = self.rank()
        if rank == self.width or not np.any(self.values):
            return 0.0
        if rank == 0:
            return 1.0  # something, all of it below the error: nothing is known
        slack = self.gap - self.resolution
        return min(1.0, self.resolution / slack) if slack > 0 else 1.0

    @property
    def resolved(self) -> bool:
        """Whether there is a gap: the null space is known to a tenth of a radian.

        Without a null space nothing needs a gap, every value being above the floor already.
        """
        return self.null_space_angle_bound <= _RESOLVED_ANGLE

    @property
    def effective_rank(self) -> float:
        """exp of the entropy of the normalised eigenvalues (Roy & Vetterli 2007); 0 for zero."""
        if self.values[0] == 0:
            return 0.0
        relative = self.values / self.values[0]  # first, so that squares keep to float64
        relative = relative**2 if self.rectangular else relative
        share = relative[relative > 0] / relative.sum()
        return float(np.exp(-np.sum(share * np.log(share))))

    @property
    def null_space(self) -> np.ndarray:
        """(d, d - rank) orthonormal basis of the directions with values at or below the floor."""
        return self.eigenvectors[:, self.rank() :]

    @property
    def row_space(self) -> np.ndarray:
        """(d, rank) orthonormal basis of the directions that are seen."""
        return self.eigenvectors[:, : self.rank()]

    def epsilon_null_dimension(self, epsilon: float, radius: float) -> int:
        """Largest dimension of a subspace that stays within ``epsilon`` nats at ``radius``.

        The count of eigenvalues with half of lambda times radius squared at most epsilon
        (Courant--Fischer; theory.md N7); for a Fisher metric the quadratic mean KL is in nats.
        """
        return self.width - self.epsilon_rank(epsilon, radius)

    def epsilon_null_dimension_bounds(self, epsilon: float, radius: float) -> tuple[int, int]:
        """Fewest and most directions within ``epsilon`` that the resolution leaves possible."""
        epsilon, radius = as_number(epsilon, "epsilon"), as_number(radius, "radius")
        low, high = self.values - self.resolution, self.values + self.resolution
        if self.rectangular:
            low, high = self._squared(np.clip(low, 0, None)), self._squared(high)
        cut = 2 * epsilon / radius**2
        return int(np.sum(high <= cut)), int(np.sum(low <= cut))

    def epsilon_rank(self, epsilon: float, radius: float) -> int:
        """Number of directions whose quadratic divergence at ``radius`` exceeds ``epsilon``."""
        return self.width - int(epsilon_null_counts(self.eigenvalues, epsilon, radius))


def epsilon_null_counts(eigenvalues: np.ndarray, epsilon: float, radius: float) -> np.ndarray:
    """``Spectrum.epsilon_null_dimension`` (...) of many spectra (..., d), from eigenvalues alone.

    Raises
    ------
    InvalidInput
        Unless ``epsilon``, in nats, and ``radius`` are positive and finite.
    """
    epsilon, radius = as_number(epsilon, "epsilon"), as_number(radius, "radius")
    with np.errstate(over="ignore"):  # infinitely many nats are more than epsilon
        return np.sum(0.5 * np.asarray(eigenvalues) * radius**2 <= epsilon, axis=-1)


def dense(operator: Any) -> Any:
    """An operator's matrix, by products with the identity on its shorter side; arrays pass."""
    if not hasattr(operator, "matmat"):
        return operator
    rows, width = operator.shape
    if rows < width:
        return operator.rmatmat(np.eye(rows)).T
    return operator.matmat(np.eye(width))


def is_metric(operator: Any, matrix: np.ndarray) -> bool:
    """Whether an operator, or the array ``matrix`` that it stands for, is read as a metric."""
    symmetric = getattr(operator, "symmetric", None)
    if symmetric is not None:
        return symmetric
    if matrix.shape[0] != matrix.shape[1]:
        return False
    # A product such as J^T F J is symmetric but for the rounding of its sums.
    asymmetry = np.abs(matrix - matrix.T).max()
    return bool(asymmetry <= 10 * _rounding(matrix, np.abs(matrix).max()))


def entry_error(operator: Any, matrix: np.ndarray) -> float:
    """Estimated norm of the error with which an operator was evaluated, in its dtype; 0 in float64.

    In float64 the repeat of the decomposition shows rounding of the same size already.
    """
    relative = getattr(operator, "entry_rounding", 0.0)
    if relative <= np.finfo(np.float64).eps:
        return 0.0
    return _SAFETY * relative * float(np.linalg.norm(matrix, 2))


def _rounding(matrix: np.ndarray, scale: float) -> float:
    """Backward error of a dense decomposition: max(m, d) units of rounding of the largest value."""
    return float(max(matrix.shape) * np.finfo(np.float64).eps * scale)


def _rotation(width: int) -> np.ndarray:
    gaussian = np.random.default_rng(_ROTATION_SEED).standard_normal((width, width))
    return np.linalg.qr(gaussian)[0]
