r"""A stack of linear equations solved, with the conditions that make the solution an answer.

.. math:: r = O v, \quad \hat v = O^{+} r

Used by every recovery of one vector: from a Jacobian, several environments or several layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from identifiability.spectrum import Spectrum
from identifiability.verdict import Condition, Prediction


@dataclass(frozen=True, eq=False)
class Solution:
    """A stack solved: its spectrum, the vector of least norm, and the conditions on both."""

    spectrum: Spectrum
    vector: np.ndarray
    gap: Condition
    full_rank: Condition
    consistent: Condition

    @property
    def decided(self) -> bool:
        """Whether the estimate is the row-space part and the kernel is the kernel."""
        return bool(self.gap.holds and self.consistent.holds)

    @property
    def hidden(self) -> int:
        """Dimension of the kernel."""
        return self.spectrum.width - self.spectrum.rank()


def solve(
    matrix: np.ndarray,
    values: np.ndarray,
    *,
    accuracy: float,
    jacobian_error: float = 0.0,
    response_error: float = 0.0,
    rounding: float = 0.0,
) -> Solution:
    """Check the conditions and solve, for the stated norms of the errors of both.

    ``rounding`` is the error with which the stack itself was computed.
    """
    spectrum = Spectrum.of(matrix, error=jacobian_error, metric=False)
    spectrum = replace(spectrum, resolution=spectrum.resolution + rounding)
    bound = _relative_error(spectrum)
    gap = _gap(bound, accuracy)
    full_rank = _full_rank(spectrum, decided=bool(gap.holds))
    vector = _minimum_norm(matrix, values, spectrum)
    consistent = _consistency(matrix, values, vector, spectrum, bound, response_error)
    return Solution(spectrum, vector, gap, full_rank, consistent)


def predict(solution: Solution, detail: str = "") -> Prediction:
    """What the conditions say: recovery, a kernel that stays unknown (with ``detail``), nothing."""
    if not solution.decided:
        missing = [c.name for c in (solution.gap, solution.consistent) if not c.holds]
        return Prediction(None, f"undecided: no {', no '.join(sorted(missing))}")
    if solution.hidden == 0:
        return Prediction(True)
    width = solution.spectrum.width
    return Prediction(False, f"kernel: {solution.hidden} of {width} dimensions{detail}")


def near_power_of_two(size: float) -> float:
    """What a block of rows of about this norm, and its response, are divided by; 1 for size 0.

    That changes neither kernel nor solution, and no digit. Without it one floor for the whole stack
    would hide a block that is smaller than the others by the precision of float64.
    """
    return 2.0 ** float(np.round(np.log2(size))) if size > 0 else 1.0


def dimension_path(blocks: Sequence[np.ndarray], resolution: float) -> np.ndarray:
    """(B,) dimension of the class after each block more.

    All are decided at the noise floor of the whole stack. Rows added never lower a singular value,
    so that it never grows, rounding at the floor itself aside.
    """
    stack, width = np.vstack(blocks), blocks[0].shape[1]
    ends = np.cumsum([len(block) for block in blocks])
    return np.array([width - counted(stack[:end], resolution) for end in ends])


def counted(matrix: np.ndarray, resolution: float) -> int:
    """Singular values above a given floor; 0 for a matrix without rows."""
    if len(matrix) == 0:
        return 0
    return int(np.sum(np.linalg.svd(matrix, compute_uv=False) > resolution))


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
        "ker J = {0} down to the noise floor, so that v is recovered as a whole",
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
