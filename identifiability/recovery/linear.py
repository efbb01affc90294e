"""What the recoveries of one vector share: parameters, what ``fit`` leaves, split-half stability.

``LeastSquaresRecovery`` is given its stack of equations, ``EnvironmentRecovery`` and
``CrossLayerRecovery`` build it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np
from scipy.sparse.linalg import aslinearoperator
from sklearn.base import BaseEstimator

from identifiability.errors import InvalidInput
from identifiability.gauge import Shift
from identifiability.recovery.base import class_report
from identifiability.recovery.stability import Stability, as_groups, direction_null, halves, seeded
from identifiability.recovery.stack import Solution, solve
from identifiability.spectrum import Spectrum
from identifiability.verdict import Condition, Prediction, Report


class LinearRecovery(BaseEstimator):
    """Base of the estimators that solve one stack; the parameters are described there."""

    vector_: np.ndarray
    kernel_: np.ndarray
    gauge_: Shift
    conditions_: list[Condition]
    prediction_: Prediction
    report_: Report

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

    def _check_parameters(self) -> None:
        for name in ("accuracy", "jacobian_error", "response_error"):
            if not isinstance(getattr(self, name), Real):
                raise InvalidInput(f"{name} must be a number, got {getattr(self, name)!r}")
        if not 0 < self.accuracy < 1:
            raise InvalidInput(f"accuracy must lie in (0, 1), got {self.accuracy}; 1e-8 is usual")
        for name in ("jacobian_error", "response_error"):
            if not 0 <= getattr(self, name) < np.inf:
                raise InvalidInput(
                    f"{name} must be a finite norm >= 0, got {getattr(self, name)}; 0 if none"
                )

    def _solve(
        self, matrix: np.ndarray, values: np.ndarray, *, parts: int = 1, rounding: float = 0.0
    ) -> Solution:
        """Solve a stack of ``parts`` blocks, each with the stated errors."""
        scale = float(np.sqrt(parts))
        return solve(
            matrix,
            values,
            accuracy=self.accuracy,
            jacobian_error=scale * self.jacobian_error,
            response_error=scale * self.response_error,
            rounding=rounding,
        )

    def _learn(
        self,
        matrix: np.ndarray,
        solution: Solution,
        conditions: Sequence[Condition],
        prediction: Prediction,
        *,
        computed: bool = False,
    ) -> None:
        """Set what ``fit`` leaves; a stack that was ``computed``, hence rounded, proves nothing."""
        self.n_features_in_ = matrix.shape[1]
        self.conditions_ = list(conditions)
        self.prediction_ = prediction
        self.vector_ = solution.vector
        self.kernel_ = solution.spectrum.null_space
        self.gauge_ = Shift(self.kernel_)
        self.report_ = class_report(
            solution.spectrum,
            aslinearoperator(matrix) if computed else matrix,
            self.vector_,
            self.conditions_,
            affine=self.affine,
            decided=solution.decided,
        )

    def _split(
        self,
        matrix: np.ndarray,
        values: np.ndarray,
        labels: np.ndarray,
        splits: int,
        seed: int,
        *,
        parts: int = 1,
        rounding: float = 0.0,
    ) -> Stability:
        """Agreement of the estimates from two halves of the rows where both can see."""
        rng = seeded(seed)
        agreement, nulls, shared = [], [], []
        for rows in halves(labels, splits, rng):
            solved = [
                self._solve(matrix[half], values[half], parts=parts, rounding=rounding)
                for half in rows
            ]
            basis = _common_row_space(*(solution.spectrum for solution in solved))
            shared.append(basis.shape[1])
            # On a line any two estimates are parallel.
            if shared[-1] < 2:
                raise InvalidInput(
                    f"the halves see only {shared[-1]} dimensions in common, and stability needs "
                    "2 or more; add prompts until the ranks of two halves add up to d + 2"
                )
            first, second = (basis.T @ solution.vector for solution in solved)
            norms = np.linalg.norm(first) * np.linalg.norm(second)
            # Both zero agree: neither half sees the vector do anything.
            same = float(not first.any() and not second.any())
            agreement.append([abs(first @ second) / norms if norms > 0 else same])
            nulls.append(direction_null(shared[-1], 1, rng))
        found = Stability(
            np.minimum(np.array(agreement), 1.0),
            np.mean(nulls, axis=0),
            f"a direction in the {min(shared)} dimensions or more that both halves see",
            np.zeros((matrix.shape[1], 0)),
        )
        if found.stable:
            return found
        whole = self._solve(matrix, values, parts=parts, rounding=rounding).vector
        length = np.linalg.norm(whole)
        return replace(found, turning=whole[:, None] / length) if length > 0 else found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


def joined_groups(groups: Any, lengths: Sequence[int], name: str) -> np.ndarray:
    """Labels of all rows of a stack from one array of labels for each block."""
    sizes = [np.shape(block) for block in groups] if hasattr(groups, "__len__") else None
    if sizes != [(length,) for length in lengths]:
        raise InvalidInput(
            f"groups must hold one array of labels for each of the {name}, with one label for each "
            f"of its rows ({', '.join(map(str, lengths))}), got {sizes}"
        )
    return as_groups(np.concatenate([np.asarray(block) for block in groups]), sum(lengths))


def _common_row_space(first: Spectrum, second: Spectrum) -> np.ndarray:
    """(d, j) orthonormal basis of the directions that both see: the complement of both kernels."""
    hidden = np.hstack([first.null_space, second.null_space])
    if hidden.shape[1] == 0:
        return np.eye(first.width)
    turned = first.null_space_angle_bound + second.null_space_angle_bound
    return Spectrum.of(hidden.T, error=turned, metric=False).null_space
