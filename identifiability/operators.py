r"""What an observation sees of a small change of the state, as matrix-free operators.

For a differentiable continuation f: R^d -> R^m at a state h,

* ``JacobianOperator``: J = df/dh, shape (m, d); J u by forward mode, J^T w by reverse mode;
* ``FisherOperator``: G = J^T F J, shape (d, d), with F the Fisher information of the output family:
  diag(p) - p p^T for softmax logits, the inverse covariance for a Gaussian output;
* ``stack``: Jacobians of several prompts or strengths on top of each other;
* ``average``: the mean of metrics over prompts.

All are scipy ``LinearOperator`` objects in float64, so scipy's iterative solvers take them. What
they hold is known to ``entry_rounding`` only, relative to its size: that of the state's dtype.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator

from identifiability.errors import InvalidInput
from identifiability.validation import as_count, as_matrix, as_number

Continuation = Callable[[torch.Tensor], torch.Tensor]  # (d,) -> (m,)


class JacobianOperator(LinearOperator):
    r"""Jacobian of f: R^d -> R^m at a state, without forming it.

    .. math:: (J u)_i = \sum_j \frac{\partial f_i}{\partial h_j}(h) u_j

    Parameters
    ----------
    function
        Differentiable map from a torch tensor (d,) to a torch tensor (m,).
    state
        (d,) where the derivative is taken; decides the dtype of the evaluation.
    strength
        Factor on the Jacobian: a steering vector of strength alpha enters as alpha J.
    chunk_size
        Columns propagated at once by ``matmat``; None takes all.

    Raises
    ------
    InvalidInput
        If the state is not a finite (d,) tensor or the function does not return (m,).

    Examples
    --------
    >>> operator = JacobianOperator(lambda h: h**2, torch.tensor([1.0, 2.0], dtype=torch.float64))
    >>> operator @ np.array([1.0, 1.0])
    array([2., 4.])
    """

    symmetric = False

    def __init__(
        self,
        function: Continuation,
        state: torch.Tensor,
        *,
        strength: float = 1.0,
        chunk_size: int | None = None,
    ) -> None:
        self.function, self.state = function, _checked_state(state)
        as_number(
            strength, "strength", low=-np.inf, high=np.inf, closed="neither", mend="1 is usual"
        )
        if chunk_size is not None:
            as_count(chunk_size, "chunk_size", at_least=1)
        self.strength, self.chunk_size = strength, chunk_size
        self.output, self._pullback = torch.func.vjp(_checked(function), self.state)[:2]
        if self.output.ndim != 1:
            found = tuple(self.output.shape)
            raise InvalidInput(f"function must map (d,) to (m,), it returned {found}; flatten it")
        self.entry_rounding = float(torch.finfo(self.state.dtype).eps)
        super().__init__(np.dtype(np.float64), (self.output.numel(), self.state.numel()))

    def _matvec(self, vector: np.ndarray) -> np.ndarray:
        return self._matmat(vector.reshape(-1, 1))[:, 0]

    def _rmatvec(self, vector: np.ndarray) -> np.ndarray:
        return self._rmatmat(vector.reshape(-1, 1))[:, 0]

    def _matmat(self, columns: np.ndarray) -> np.ndarray:
        def push(tangent: torch.Tensor) -> torch.Tensor:
            return torch.func.jvp(self.function, (self.state,), (tangent,))[1]

        return self.strength * _mapped(push, columns, self.state, self.chunk_size)

    def _rmatmat(self, columns: np.ndarray) -> np.ndarray:
        def pull(cotangent: torch.Tensor) -> torch.Tensor:
            return self._pullback(cotangent)[0]

        return self.strength * _mapped(pull, columns, self.output, self.chunk_size)


class FisherOperator(LinearOperator):
    r"""Fisher information metric of the output distribution, pulled back to the state.

    .. math:: G = J^\top F J, \qquad
        \mathrm{KL}(p_h \,\|\, p_{h+\delta}) = \tfrac12 \delta^\top G \delta + O(\|\delta\|^3)

    in nats (Amari & Nagaoka 2000, ISBN 978-0821843024).

    Parameters
    ----------
    jacobian
        J at the state; its ``output`` holds the logits there.
    precision
        None: the outputs are softmax logits and F = diag(p) - p p^T. Otherwise the (m, m) inverse
        covariance of a continuous output, read as Gaussian.
    """

    symmetric = True

    def __init__(self, jacobian: JacobianOperator, *, precision: Any = None) -> None:
        self.jacobian = jacobian
        outputs, width = jacobian.shape
        self.entry_rounding = jacobian.entry_rounding
        if precision is None:
            logits = jacobian.output.detach().to(torch.float64)
            self.probabilities = torch.softmax(logits, dim=0).cpu().numpy()
            self.precision = None
        else:
            self.precision = as_matrix(precision, "precision", shape="(m, m)")
            if self.precision.shape != (outputs, outputs):
                raise InvalidInput(
                    f"precision must be ({outputs}, {outputs}) as the output is, "
                    f"got {self.precision.shape}; invert the covariance of this output"
                )
            if not np.allclose(self.precision, self.precision.T):
                raise InvalidInput("precision must be symmetric; pass an inverse covariance")
        super().__init__(np.dtype(np.float64), (width, width))

    def _output_metric(self, columns: np.ndarray) -> np.ndarray:
        if self.precision is not None:
            return self.precision @ columns
        # Centred before it is weighted: a shift common to all logits cancels while it is exact.
        return self.probabilities[:, None] * (columns - self.probabilities @ columns)

    def _matvec(self, vector: np.ndarray) -> np.ndarray:
        return self._matmat(vector.reshape(-1, 1))[:, 0]

    def _matmat(self, columns: np.ndarray) -> np.ndarray:
        return self.jacobian.rmatmat(self._output_metric(self.jacobian.matmat(columns)))

    def _adjoint(self) -> FisherOperator:
        return self


class _Stack(LinearOperator):
    """Operators with a common width on top of each other."""

    symmetric = False

    def __init__(self, blocks: Sequence[LinearOperator]) -> None:
        self.blocks = blocks
        self.entry_rounding = max(getattr(block, "entry_rounding", 0.0) for block in blocks)
        self.splits = np.cumsum([block.shape[0] for block in blocks])[:-1]
        rows = sum(block.shape[0] for block in blocks)
        super().__init__(np.dtype(np.float64), (rows, blocks[0].shape[1]))

    def _matvec(self, vector: np.ndarray) -> np.ndarray:
        return self._matmat(vector.reshape(-1, 1))[:, 0]

    def _rmatvec(self, vector: np.ndarray) -> np.ndarray:
        return self._rmatmat(vector.reshape(-1, 1))[:, 0]

    def _matmat(self, columns: np.ndarray) -> np.ndarray:
        return np.concatenate([block.matmat(columns) for block in self.blocks])

    def _rmatmat(self, columns: np.ndarray) -> np.ndarray:
        parts = zip(self.blocks, np.split(columns, self.splits), strict=True)
        return sum((block.rmatmat(part) for block, part in parts), np.zeros((self.shape[1], 1)))


class _Average(LinearOperator):
    """Mean of metrics of equal width."""

    symmetric = True

    def __init__(self, metrics: Sequence[LinearOperator]) -> None:
        self.metrics = metrics
        self.entry_rounding = max(getattr(metric, "entry_rounding", 0.0) for metric in metrics)
        super().__init__(np.dtype(np.float64), metrics[0].shape)

    def _matvec(self, vector: np.ndarray) -> np.ndarray:
        return self._matmat(vector.reshape(-1, 1))[:, 0]

    def _matmat(self, columns: np.ndarray) -> np.ndarray:
        return np.mean([metric.matmat(columns) for metric in self.metrics], axis=0)

    def _adjoint(self) -> _Average:
        return self


def stack(operators: Sequence[LinearOperator]) -> LinearOperator:
    """Jacobians of several prompts and strengths as one operator of shape (sum of m, d).

    Its kernel is the intersection of theirs, which is the first-order class of one vector seen
    through all of them (theory.md N1, N2b).

    Raises
    ------
    InvalidInput
        If there are none, their widths differ, or one is a metric: the Gram matrix of stacked
        metrics is the sum of their squares, which no divergence has.
    """
    for operator in _common_width(operators):
        if getattr(operator, "symmetric", False):
            raise InvalidInput(
                f"stack takes Jacobians (m, d), got a {type(operator).__name__}, a metric of shape "
                f"{operator.shape}; use average for metrics"
            )
    return _Stack(operators)


def average(metrics: Sequence[LinearOperator]) -> LinearOperator:
    """The mean of Fisher metrics over prompts, shape (d, d); its kernel is theirs intersected.

    Raises
    ------
    InvalidInput
        If there are none, their widths differ, or one is no metric: only operators that say so
        (``symmetric``) count as one, as ``FisherOperator`` and what this returns do.
    """
    for metric in _common_width(metrics):
        if not getattr(metric, "symmetric", False):
            raise InvalidInput(
                f"average takes metrics (d, d), got a {type(metric).__name__} of shape "
                f"{metric.shape}; wrap Jacobians in FisherOperator"
            )
    return _Average(metrics)


def _common_width(operators: Sequence[LinearOperator]) -> Sequence[LinearOperator]:
    if not isinstance(operators, Sequence):
        raise InvalidInput(
            f"expected a list of operators, got {type(operators).__name__}; pass one a prompt"
        )
    if not operators:
        raise InvalidInput("expected at least one operator, got none; pass one for each prompt")
    for operator in operators:
        if not isinstance(operator, LinearOperator):
            raise InvalidInput(
                f"expected scipy LinearOperators, got {type(operator).__name__}; "
                "wrap an array in scipy.sparse.linalg.aslinearoperator"
            )
    widths = sorted({operator.shape[1] for operator in operators})
    if len(widths) > 1:
        raise InvalidInput(
            f"operators must share the width of the state, got widths {widths}; "
            "take all of them at the same layer of the same model"
        )
    return operators


def _checked(function: Continuation) -> Continuation:
    """The function, which has to return something that has a derivative."""

    def checked(state: torch.Tensor) -> torch.Tensor:
        shown = function(state)
        if isinstance(shown, torch.Tensor) and shown.is_floating_point():
            return shown
        found = shown.dtype if isinstance(shown, torch.Tensor) else type(shown).__name__
        raise InvalidInput(
            f"function must return a floating torch tensor (m,), got {found}; convert it"
        )

    return checked


def _checked_state(state: torch.Tensor) -> torch.Tensor:
    if not isinstance(state, torch.Tensor) or state.ndim != 1 or not state.is_floating_point():
        found = tuple(state.shape) if isinstance(state, torch.Tensor) else type(state).__name__
        raise InvalidInput(
            f"state must be a floating torch tensor (d,), got {found}; convert it, or pick one row"
        )
    if not torch.isfinite(state).all():
        raise InvalidInput("state must be finite, got NaN or infinite entries; check the prompt")
    return state.detach()


def _mapped(
    product: Callable[[torch.Tensor], torch.Tensor],
    columns: np.ndarray,
    like: torch.Tensor,
    chunk_size: int | None,
) -> np.ndarray:
    """Apply a product to every column at once, in the dtype and on the device of ``like``."""
    rows = torch.as_tensor(np.ascontiguousarray(columns.T), dtype=like.dtype, device=like.device)
    result = torch.vmap(product, chunk_size=chunk_size)(rows)
    return result.detach().to(torch.float64).cpu().numpy().T
