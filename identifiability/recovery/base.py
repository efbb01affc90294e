"""What every recovery from a Jacobian and a response shares: its input and its report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from identifiability.equivalence import SHORTEST, EquivalenceClass
from identifiability.errors import InvalidInput
from identifiability.spectrum import Spectrum, dense
from identifiability.validation import as_matrix, as_vector, moderate
from identifiability.verdict import Condition, Report, Verdict

# Their quotient is the vector, whose square must neither overflow nor vanish.
_FARTHEST = 1e140


def as_system(jacobian: Any, response: Any) -> tuple[np.ndarray, np.ndarray]:
    """A Jacobian stack (M, d) and the response (M,) to a vector, checked; operators are made dense.

    Raises
    ------
    InvalidInput
        If they are not real, finite and non-empty, or do not have the same number of rows.
    """
    matrix = moderate(as_matrix(dense(jacobian), "jacobian", shape="(M, d)"), "jacobian")
    if np.ndim(response) != 1:
        raise InvalidInput(
            f"response must be (M,), got {np.shape(response)}; pass the change of the outputs made "
            "by one vector, flattened as the rows of the jacobian are"
        )
    values = moderate(as_vector(response, "response"), "response")
    if values.size != len(matrix):
        raise InvalidInput(
            f"response must have one entry for each row of the jacobian, got {values.size} for "
            f"{len(matrix)} rows; stack both over the same prompts and strengths"
        )
    sizes = [float(np.abs(array).max()) for array in (matrix, values)]
    if all(sizes) and not _FARTHEST > sizes[1] / sizes[0] > 1 / _FARTHEST:
        raise InvalidInput(
            f"response and jacobian must be of comparable size, got entries up to {sizes[1]:.3g} "
            f"and {sizes[0]:.3g}; choose other units"
        )
    return matrix, values


def as_list(value: Any, name: str, over: str) -> list[Any]:
    """The entries of a list, tuple or array, one for each environment or layer."""
    if not isinstance(value, list | tuple | np.ndarray) or getattr(value, "ndim", 1) == 0:
        raise InvalidInput(
            f"{name} must be a list with one entry for each {over}, got {type(value).__name__}"
        )
    return list(value)


def class_report(
    spectrum: Spectrum,
    jacobian: Any,
    vector: np.ndarray,
    conditions: Sequence[Condition],
    *,
    affine: bool,
    decided: bool,
    given_up: bool = False,
) -> Report:
    """The verdict on an estimate and the class that remains around it.

    Parameters
    ----------
    spectrum, jacobian
        Spectrum of the Jacobian stack, and the stack (M, d) itself: an array if it is meant
        exactly, an operator if its entries were computed.
    vector
        (d,) the estimate, without kernel part.
    conditions
        What was checked before estimating.
    affine
        Whether the continuation is known to be affine, so that the kernel is the whole story.
    decided
        False makes the verdict ``undetermined``, whatever the kernel looks like.
    given_up
        Whether directions above the noise floor are counted with the kernel: the class is then one
        to a tolerance, by definition, and needs no gap.
    """
    if np.abs(vector).max() < SHORTEST:
        # What ``as_system`` lets through recovers vectors ten decades longer: this is rounding.
        vector = np.zeros_like(vector)
    seen = EquivalenceClass(jacobian, vector, affine=affine, spectrum=spectrum)
    report = replace(seen.report, conditions=tuple(conditions))
    if decided and given_up:
        return replace(
            report,
            verdict=Verdict.EPSILON_NON_IDENTIFIABLE,
            class_dimension=seen.dimension,
            unit="eigenvalue (given up at or below)",
            witness=seen.witness() if vector.any() else None,
        )
    if decided:
        return report
    return replace(report, verdict=Verdict.UNDETERMINED, class_dimension=None, witness=None)
