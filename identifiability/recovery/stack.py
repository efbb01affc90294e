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
    """A stack solved: its spectrum, the vector of least norm, and the conditions on both.

    Directions that were given up, though they stand above the noise floor, are in the spectrum's
    null space. ``factors`` are the QR factors of the stack on the row space.
    """

    spectrum: Spectrum
    vector: np.ndarray
    gap: Condition
    full_rank: Condition
    consistent: Condition
    given_up: int
    factors: tuple[np.ndarray, np.ndarray]

    @property
    def decided(self) -> bool:
        """Whether the estimate is the row-space part and the kernel is the kernel."""
        return bool(self.gap.holds and self.consistent.holds)

    @property
    def hidden(self) -> int:
        """Dimension of the kernel."""
        return self.spectrum.width - self.spectrum.rank()

    @property
    def kernel_angle_bound(self) -> float:
        """Of the sine of the angle to the exact kernel; what is given up is so by definition."""
        return 0.0 if self.given_up else self.spectrum.null_space_angle_bound

    def recovered(self, values: np.ndarray) -> np.ndarray:
        """(..., d) vectors of least norm for responses (..., M) of the same stack."""
        orthonormal, triangle = self.factors
        flat = values.reshape(-1, len(orthonormal)) @ orthonormal
        vectors = np.linalg.solve(triangle, flat.T).T @ self.spectrum.row_space.T
        return vectors.reshape(*values.shape[:-1], -1)


def solve(
    matrix: np.ndarray,
    values: np.ndarray,
    *,
    accuracy: float,
    jacobian_error: float = 0.0,
    response_error: float = 0.0,
    rounding: float = 0.0,
    cut: float = 0.0,
) -> Solution:
    """Check the conditions and solve, for the stated norms of the errors of both.

    ``rounding`` is the error with which the stack itself was computed; ``cut`` the share of the
    largest singular value at or below which directions are given up.
    """
    spectrum = Spectrum.of(matrix, error=jacobian_error, metric=False)
    spectrum = replace(spectrum, resolution=spectrum.resolution + rounding)
    kept = replace(spectrum, resolution=max(spectrum.resolution, cut * float(spectrum.values[0])))
    given_up = spectrum.rank() - kept.rank()
    bound = _relative_error(spectrum) if given_up == 0 else _error_of_kept(spectrum, kept)
    gap = _gap(bound, accuracy, given_up)
    factors = _factors(matrix, kept)
    whole = _minimum_norm(
        values, spectrum, factors if given_up == 0 else _factors(matrix, spectrum)
    )
    vector = whole if given_up == 0 else _minimum_norm(values, kept, factors)
    missed = float(np.linalg.norm(values - matrix @ whole))
    consistent = _consistency(matrix, values, vector, missed, spectrum, bound, response_error)
    full_rank = _full_rank(kept, given_up, decided=bool(gap.holds))
    return Solution(kept, vector, gap, full_rank, consistent, given_up, factors)


def predict(solution: Solution, detail: str = "") -> Prediction:
    """What the conditions say: recovery, a kernel that stays unknown (with ``detail``), nothing."""
    if not solution.decided:
        # Without a gap consistency may be open: that is not a response that is inconsistent.
        missing = ["consistent response"] if solution.consistent.holds is False else []
        missing += [] if solution.gap.holds else ["gap"]
        return Prediction(None, f"undecided: no {', no '.join(missing)}")
    if solution.hidden == 0:
        return Prediction(True)
    if solution.given_up:
        detail = f", {solution.given_up} of them given up{detail}"
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


def _error_of_kept(spectrum: Spectrum, kept: Spectrum) -> float:
    """The same of what is read along the directions kept, relative to all of v.

    With J + E decomposed and P its projection on them, (J + E)^+ J v = P v - (J + E)^+ E v: no gap
    between what is kept and what is given up is needed, since P itself is known.
    """
    return float(spectrum.resolution / kept.values[kept.rank() - 1])


def _gap(bound: float, accuracy: float, given_up: int) -> Condition:
    reason = (
        "an error E of J turns row space and solution by at most ||E||/(gap - ||E||) each "
        "(Wedin 1973, doi:10.1007/BF01933494; theory.md R5)"
    )
    if given_up:
        reason = "an error E of J moves what is read along those kept by ||E v||/sigma at most"
    return Condition(
        "gap",
        f"the smallest singular value {'kept' if given_up else 'counted'} stands above the noise "
        "floor",
        holds=bound <= accuracy,
        statistic=bound,
        threshold=accuracy,
        reason=reason,
    )


def _full_rank(spectrum: Spectrum, given_up: int, *, decided: bool) -> Condition:
    rank = spectrum.rank()
    full = rank == spectrum.width
    # Below a stated error a value may be zero or not: it is not shown to be.
    open_ones = spectrum.error > 0 and not given_up
    return Condition(
        "full rank",
        "ker J = {0} down to the noise floor, so that v is recovered as a whole",
        holds=(True if full else None if open_ones else False) if decided else None,
        statistic=float(rank),
        threshold=float(spectrum.width),
        reason=(
            f"{given_up} directions above the noise floor are given up"
            if given_up
            else "the part of v in ker J changes no output (theory.md N1)"
        ),
    )


def _factors(matrix: np.ndarray, spectrum: Spectrum) -> tuple[np.ndarray, np.ndarray]:
    """QR of J on its row space, for least squares there.

    And no division by squared singular values: J times the basis has orthogonal columns only to
    rounding, which the square of the condition number would amplify.
    """
    orthonormal, triangle = np.linalg.qr(matrix @ spectrum.row_space)
    return orthonormal, triangle


def _minimum_norm(
    values: np.ndarray, spectrum: Spectrum, factors: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    orthonormal, triangle = factors
    return spectrum.row_space @ np.linalg.solve(triangle, orthonormal.T @ values)


def _consistency(
    matrix: np.ndarray,
    values: np.ndarray,
    vector: np.ndarray,
    residual: float,
    spectrum: Spectrum,
    relative_error: float,
    response_error: float,
) -> Condition:
    """Distance of the response from col(J), against what the errors and rounding allow.

    An exact Ja leaves a residual of at most ||E a||, and the estimate is shorter than a by at most
    ``relative_error`` of a's norm. Where directions are given up they count to col(J), but not to
    the length of the estimate, so that a vector mostly in them may be called inconsistent.
    """
    size = float(np.linalg.norm(values))
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
