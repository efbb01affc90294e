"""What the recoveries of one vector share: parameters, what ``fit`` leaves, split-half stability.

``LeastSquaresRecovery`` is given its stack of equations, ``EnvironmentRecovery`` and
``CrossLayerRecovery`` build it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from scipy.sparse.linalg import aslinearoperator
from sklearn.base import BaseEstimator

from identifiability.errors import InvalidInput
from identifiability.gauge import Shift
from identifiability.recovery.base import class_report
from identifiability.recovery.stability import (
    Stability,
    absolute_cosine,
    as_groups,
    direction_null,
    halves,
    seeded,
)
from identifiability.recovery.stack import Solution, solve
from identifiability.regime import SINGLE_LAYER
from identifiability.spectrum import Spectrum
from identifiability.validation import as_error, as_flag, as_number
from identifiability.verdict import Condition, Prediction, Report


class LinearRecovery(BaseEstimator):
    """Base of the estimators that solve one stack; the parameters are described there."""

    vector_: np.ndarray
    kernel_: np.ndarray
    gauge_: Shift
    conditions_: list[Condition]
    prediction_: Prediction
    report_: Report
    _solution: Solution
    _regime: ClassVar[str] = SINGLE_LAYER

    def __init__(
        self,
        *,
        affine: bool = False,
        accuracy: float = 1e-8,
        jacobian_error: float = 0.0,
        response_error: float = 0.0,
        cut: float = 0.0,
    ) -> None:
        self.affine = affine
        self.accuracy = accuracy
        self.jacobian_error = jacobian_error
        self.response_error = response_error
        self.cut = cut

    def _recover(self, responses: Any, sizes: np.ndarray | float = 1.0) -> np.ndarray:
        """(..., d) for responses (..., M) whose entries are divided by ``sizes`` (M,) first."""
        rows = len(self._solution.factors[0])
        values = np.asarray(responses)
        if values.dtype.kind not in "buif" or not np.isfinite(values).all():
            raise InvalidInput("responses must be real and finite; drop what was not measured")
        if values.ndim < 1 or values.shape[-1] != rows:
            raise InvalidInput(
                f"responses must be (..., {rows}), one entry for each row that was fitted, got "
                f"{values.shape}"
            )
        return self._solution.recovered(values / sizes)

    def _check_parameters(self) -> None:
        as_flag(self.affine, "affine")
        as_number(self.accuracy, "accuracy", low=0, high=1, closed="neither", mend="1e-8 is usual")
        as_number(self.cut, "cut", low=0, high=1, closed="left", mend="0 gives up nothing")
        as_error(self.jacobian_error, "jacobian_error")
        as_error(self.response_error, "response_error")

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
            cut=self.cut,
        )

    def _learn(
        self,
        matrix: np.ndarray,
        solution: Solution,
        conditions: Sequence[Condition],
        prediction: Prediction,
        *,
        seen: str = "",
        computed: bool = False,
    ) -> None:
        """Set what ``fit`` leaves; a stack that was ``computed``, hence rounded, proves nothing.

        ``seen`` says what the rows are, where they are not the outputs at one state.
        """
        self._solution = solution
        self.n_features_in_ = matrix.shape[1]
        self.conditions_ = list(conditions)
        self.prediction_ = prediction
        self.vector_ = solution.vector
        self.kernel_ = solution.spectrum.null_space
        self.gauge_ = Shift(self.kernel_)
        found = class_report(
            solution.spectrum,
            aslinearoperator(matrix) if computed else matrix,
            self.vector_,
            self.conditions_,
            affine=self.affine,
            decided=solution.decided,
            given_up=solution.given_up > 0,
        )
        if seen:
            seen = f"affine {seen}" if self.affine else f"{seen}, to first order at each state"
        self.report_ = replace(found, regime=self._regime, observable=seen or found.observable)

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
            basis = _common_row_space(*solved)
            shared.append(basis.shape[1])
            # On a line any two estimates are parallel.
            if shared[-1] < 2:
                raise InvalidInput(
                    f"the halves see only {shared[-1]} dimensions in common, and stability needs "
                    "2 or more; add prompts until the ranks of two halves add up to d + 2"
                )
            first, second = (basis.T @ solution.vector for solution in solved)
            agreement.append([absolute_cosine(first, second)])
            nulls.append(direction_null(shared[-1], 1, rng))
        found = Stability(
            np.array(agreement),
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


def _common_row_space(first: Solution, second: Solution) -> np.ndarray:
    """(d, j) orthonormal basis of the directions that both see: the complement of both kernels."""
    hidden = np.hstack([first.spectrum.null_space, second.spectrum.null_space])
    if hidden.shape[1] == 0:
        return np.eye(first.spectrum.width)
    turned = first.kernel_angle_bound + second.kernel_angle_bound
    return Spectrum.of(hidden.T, error=turned, metric=False).null_space
