r"""J v, J^T w and G v of a suffix without forming J or G, for widths where (d, d) is too much.

A product G v costs one pass of reverse mode, one of reverse mode twice and two products with the
head in one reading of it. Dense G costs d passes and a product of (d, V) with (V, d): fewer than
about d/3 products with G are cheaper than G itself. The prefix and the graph of the suffix are kept
from one to the next.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator

from llm_validation.fisher import head_metrics
from llm_validation.linearisation import Linearisation


class LogitJacobian(LinearOperator):
    """J (n·V, d) of the logits of n outputs, output after output; matrix-free.

    Products are computed in the model's dtype, which ``entry_rounding`` states, and returned in
    float64.
    """

    symmetric = False

    def __init__(self, linearisation: Linearisation) -> None:
        self._linearisation = linearisation
        self.entry_rounding = float(torch.finfo(linearisation.logits.dtype).eps)
        shape = (linearisation.logits.numel(), linearisation.width)
        super().__init__(np.dtype(np.float64), shape)

    def _matvec(self, vector: np.ndarray) -> np.ndarray:
        return self._matmat(vector.reshape(-1, 1))[:, 0]

    def _rmatvec(self, vector: np.ndarray) -> np.ndarray:
        return self._rmatmat(vector.reshape(-1, 1))[:, 0]

    def _matmat(self, columns: np.ndarray) -> np.ndarray:
        pushed = self._linearisation.push(_rows(columns, self._linearisation))
        return _columns(pushed.flatten(1))

    def _rmatmat(self, columns: np.ndarray) -> np.ndarray:
        rows = _rows(columns, self._linearisation)
        return _columns(
            self._linearisation.pull(rows.unflatten(1, self._linearisation.logits.shape))
        )


class LogitFisher(LinearOperator):
    """G (d, d), the sum over the n outputs of J_tᵀ (diag p_t − p_t p_tᵀ) J_t; matrix-free."""

    symmetric = True

    def __init__(self, linearisation: Linearisation) -> None:
        self._linearisation = linearisation
        self._heads = list(head_metrics(linearisation))
        self.entry_rounding = float(torch.finfo(linearisation.logits.dtype).eps)
        super().__init__(np.dtype(np.float64), (linearisation.width, linearisation.width))

    def _matvec(self, vector: np.ndarray) -> np.ndarray:
        return self._matmat(vector.reshape(-1, 1))[:, 0]

    def _matmat(self, columns: np.ndarray) -> np.ndarray:
        rows = _rows(columns, self._linearisation)
        pushed = self._linearisation.push_final(rows)
        seen = [head.times(pushed[:, t]) for t, head in enumerate(self._heads)]
        return _columns(self._linearisation.pull_final(torch.stack(seen, dim=1).to(rows.dtype)))

    def _adjoint(self) -> LogitFisher:
        return self


def _rows(columns: np.ndarray, linearisation: Linearisation) -> torch.Tensor:
    return torch.as_tensor(np.ascontiguousarray(columns.T)).to(linearisation.logits)


def _columns(rows: torch.Tensor) -> np.ndarray:
    return rows.double().cpu().numpy().T
