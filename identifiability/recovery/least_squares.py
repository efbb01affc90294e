r"""Least squares: what a linear response says about a steering vector, and what it cannot say.

.. math::
    r = J v, \quad v = a + b,\ a \in \mathrm{row}(J),\ b \in \ker J, \qquad \hat v = J^{+} r = a

The row-space part a comes back to rounding; of b the response holds nothing (theory.md N1, R6), so
the estimate has none and the kernel is returned beside it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from identifiability.errors import InvalidInput
from identifiability.recovery.base import as_system, class_report
from identifiability.spectrum import Spectrum
from identifiability.verdict import Condition


class LeastSquaresRecovery(BaseEstimator):
    r"""The row-space part of a vector from the response of linear (or linearised) outputs.

    Parameters
    ----------
    affine
        Whether the outputs are known to be affine in the state. If not, the class reported is one
        of first order: a kernel of J shows no more (theory.md N2).
    accuracy
        Largest relative error of the row-space part that errors of J may cause. The gap condition
        fails where the smallest singular value counted does not stand that clear of the floor.
    jacobian_error
        Known bound on the spectral norm of the error of J, beyond float64 rounding.
    response_error
        Known bound on the norm of the error of the response: noise, curvature, rounding of outputs
        much larger than their change. It moves ``vector_`` by at most itself over the smallest
        singular value counted.

    Attributes
    ----------
    vector_ : (d,) array
        The solution of least norm: the row-space part. It claims nothing about the kernel part.
    kernel_ : (d, k) array
        Orthonormal basis of the directions about which the response says nothing.
    conditions_ : list of Condition
        ``gap``, ``full rank`` and ``consistent response``, checked with their statistics. Where gap
        or consistent response fails, ``vector_`` is a least-squares fit and no more, and the
        verdict is ``undetermined``.
    report_ : Report
        The verdict on the vector, with witness and certificate.

    Raises
    ------
    InvalidInput
        From ``fit``, if the arrays are not real, finite and non-empty or their lengths differ, or
        if a parameter is out of its range.

    Examples
    --------
    >>> fitted = LeastSquaresRecovery(affine=True).fit([[2.0, 0.0]], [6.0])
    >>> fitted.vector_, fitted.kernel_.shape, str(fitted.report_.verdict)
    (array([3., 0.]), (2, 1), 'non_identifiable')
    """

    def __init__(
        self,
        *,
        affine: bool = False,
        accuracy: float = 1e-8,
        jacobian_error: float = 0.0,
        response_error: float = 0.0,
    ) -> None:
        self.affine = affine
        self.accuracy = accuracy
        self.jacobian_error = jacobian_error
        self.response_error = response_error

    def fit(self, jacobian: Any, response: Any) -> LeastSquaresRecovery:
        """Recover the row-space part of the vector whose response this is.

        Parameters
        ----------
        jacobian
            (M, d) array or operator: rows over prompts, strengths and outputs, strength included.
        response
            (M,) change of the outputs that the vector makes.
        """
        matrix, values = as_system(jacobian, response)
        self._check_parameters()
        self.n_features_in_ = matrix.shape[1]
        spectrum = Spectrum.of(matrix, error=self.jacobian_error, metric=False)
        bound = _relative_error(spectrum)
        gap = _gap(bound, self.accuracy)
        full_rank = _full_rank(spectrum, decided=bool(gap.holds))
        self.vector_ = _minimum_norm(matrix, values, spectrum)
        consistent = _consistency(
            matrix, values, self.vector_, spectrum, bound, self.response_error
        )
        self.kernel_ = spectrum.null_space
        self.conditions_ = [gap, full_rank, consistent]
        self.report_ = class_report(
            spectrum,
            matrix,
            self.vector_,
            self.conditions_,
            affine=self.affine,
            decided=bool(gap.holds and consistent.holds),
        )
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags

    def _check_parameters(self) -> None:
        if not 0 < self.accuracy < 1:
            raise InvalidInput(f"accuracy must lie in (0, 1), got {self.accuracy}; 1e-8 is usual")
        for name in ("jacobian_error", "response_error"):
            if not 0 <= getattr(self, name) < np.inf:
                raise InvalidInput(
                    f"{name} must be a finite norm >= 0, got {getattr(self, name)}; 0 if unknown"
                )


def _relative_error(spectrum: Spectrum) -> float:
    """Bound on the relative error of the row-space part that an error of J can cause."""
    floor, slack = spectrum.resolution, spectrum.gap - spectrum.resolution
    if floor == 0:
        return 0.0  # only J = 0, which has no row space to get wrong
    return float(2 * floor / slack) if slack > 0 else np.inf


def _gap(bound: float, accuracy: float) -> Condition:
    return Condition(
        "gap",
        "the smallest singular value counted stands above the noise floor",
        holds=bound <= accuracy,
        statistic=bound,
        threshold=accuracy,
        reason=(
            "an error E of J turns row space and solution by at most ||E||/(gap - ||E||) each "
            "(Wedin 1973, doi:10.1007/BF01933494; theory.md R5)"
        ),
    )


def _full_rank(spectrum: Spectrum, *, decided: bool) -> Condition:
    rank = spectrum.rank()
    full = rank == spectrum.width
    return Condition(
        "full rank",
        "ker J = {0}, so that v is recovered as a whole",
        # Below a stated error a value may be zero or not: it is not shown to be.
        holds=(True if full else None if spectrum.error > 0 else False) if decided else None,
        statistic=float(rank),
        threshold=float(spectrum.width),
        reason="the part of v in ker J changes no output (theory.md N1)",
    )


def _minimum_norm(matrix: np.ndarray, values: np.ndarray, spectrum: Spectrum) -> np.ndarray:
    """Least squares inside the row space.

    By QR and not by dividing by squared singular values: J times the basis has orthogonal columns
    only to rounding, which the square of the condition number would amplify.
    """
    basis = spectrum.row_space
    orthonormal, triangle = np.linalg.qr(matrix @ basis)
    return basis @ np.linalg.solve(triangle, orthonormal.T @ values)


def _consistency(
    matrix: np.ndarray,
    values: np.ndarray,
    vector: np.ndarray,
    spectrum: Spectrum,
    relative_error: float,
    response_error: float,
) -> Condition:
    """Distance of the response from col(J), against what the errors and rounding allow.

    An exact Ja leaves a residual of at most ||E a||, and the estimate is shorter than a by at most
    ``relative_error`` of a's norm.
    """
    size = float(np.linalg.norm(values))
    residual = float(np.linalg.norm(values - matrix @ vector))
    decidable = relative_error < 1
    longest = np.linalg.norm(vector) / (1 - relative_error) if decidable else np.inf
    rounding = max(matrix.shape) * np.finfo(np.float64).eps * size
    allowed = float(response_error + spectrum.resolution * longest + rounding)
    if spectrum.rank() == len(matrix):
        reason = "rank J = M: every response lies in col(J), so nothing is tested here"
    else:
        reason = "stated errors, and backward error of a solution in float64 (Higham 2002, ch. 20)"
    return Condition(
        "consistent response",
        "the response lies in col(J), relative to its norm",
        holds=residual <= allowed if decidable else None,
        statistic=residual / size if size > 0 else 0.0,
        threshold=allowed / size if size > 0 else 0.0,
        reason=reason,
    )
