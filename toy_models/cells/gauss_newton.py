"""A vector from the outputs of a non-linear model: Gauss--Newton, each step a linear recovery.

The outputs are linearised again at every estimate and solved by ``LeastSquaresRecovery``. Where the
path from the start ends in a dead end, the target is approached in parts, each from the end of the
part before: continuation in the target (homotopy; Nocedal and Wright 2006, section 11.3).
"""

from __future__ import annotations

import numpy as np
import torch

from identifiability.operators import JacobianOperator
from identifiability.recovery import LeastSquaresRecovery
from toy_models.planted import Planted

_MAX_STEPS, _MAX_HALVINGS = 50, 8
# Of the decrease that the linear model promises (Armijo; Nocedal and Wright 2006, section 3.1): a
# step into saturated units that gains next to nothing is shortened, for there is no way back.
_LEAST_GAIN = 0.1
_PARTS = 8


def recover(
    instance: Planted, target: torch.Tensor, start: np.ndarray
) -> tuple[np.ndarray, LeastSquaresRecovery]:
    """Solve ``observe(vector) = target`` for the vector; where nothing is seen, the start stays.

    Returns the estimate and the last linear fit. A dead end that continuation does not avoid is
    owned up to: that fit reports an inconsistent response.
    """
    end, fitted = descend(instance, target, start)
    if _consistent(fitted):
        return end, fitted
    origin = instance.observe(torch.from_numpy(start))
    other, other_fitted = start, fitted
    for part in range(1, _PARTS + 1):
        between = origin + part / _PARTS * (target - origin)
        other, other_fitted = descend(instance, between, other)
    if _distance(instance, target, other) < _distance(instance, target, end):
        return other, other_fitted
    return end, fitted


def descend(
    instance: Planted, target: torch.Tensor, start: np.ndarray
) -> tuple[np.ndarray, LeastSquaresRecovery]:
    """Steps from the start, halved until they bring the outputs nearer by enough.

    Where no step does, rounding is reached or a dead end. A step from where no more than rounding
    was missing is the last: those after it would follow rounding.
    """
    vector, fitted = torch.from_numpy(start), LeastSquaresRecovery()
    for _ in range(_MAX_STEPS):
        operator = JacobianOperator(instance.observe, vector)
        # Rows by reverse mode: torch's forward mode is several times slower on such small maps.
        jacobian = operator.rmatmat(np.eye(len(target))).T
        missing = target - operator.output
        # Both terms of the response are rounded at their own size, often larger than the sum.
        size = np.linalg.norm(operator.output) + np.linalg.norm(jacobian) * np.linalg.norm(vector)
        rounding = float(np.finfo(np.float64).eps * len(jacobian) * size)
        fitted = LeastSquaresRecovery(response_error=rounding)
        fitted.fit(jacobian, missing.numpy() + jacobian @ vector.numpy())
        unseen = fitted.kernel_ @ (fitted.kernel_.T @ vector.numpy())
        step = torch.from_numpy(fitted.vector_ + unseen) - vector
        nearer = _shortened(instance, target, vector, step)
        if nearer is None:
            break
        vector = nearer
        if missing.norm() <= rounding:
            break
    return vector.numpy(), fitted


def _shortened(
    instance: Planted, target: torch.Tensor, vector: torch.Tensor, step: torch.Tensor
) -> torch.Tensor | None:
    distance = (target - instance.observe(vector)).norm()
    for halving in range(_MAX_HALVINGS):
        share = 0.5**halving
        candidate = vector + share * step
        if (target - instance.observe(candidate)).norm() < (1 - _LEAST_GAIN * share) * distance:
            return candidate
    return None


def _consistent(fitted: LeastSquaresRecovery) -> bool:
    """Unless the fit denies it: undecided is no dead end."""
    return not any(c.name == "consistent response" and c.holds is False for c in fitted.conditions_)


def _distance(instance: Planted, target: torch.Tensor, vector: np.ndarray) -> float:
    return float((target - instance.observe(torch.from_numpy(vector))).norm())
