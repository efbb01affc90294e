r"""All logits of a prompt, less their mean, in as many coordinates as the final state has.

With W (V, d_final) the head and W̄ the same less its mean row, the logits of any two states differ
by W(z − z′) and so lie, up to the mean that no softmax sees (N6a), in the d_final dimensions
spanned by W̄. With W̄ᵀW̄ = RᵀR the coordinates q = R⁻ᵀ W̄ᵀ y keep every length and angle there:
least squares on q is least squares on all V logits.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch

from identifiability.errors import InvalidInput
from llm_validation.continuation import Continuation
from llm_validation.fisher import HeadMetric
from llm_validation.models import LanguageModel
from llm_validation.structure import decoder_of

# Float32 sums over 50000 words agree to 1e-5 or so; a head that bends its logits (soft-capping) or
# rescales them is off by far more.
_LINEAR = 1e-3


class LogitCoordinates:
    """The coordinates of one model's logits.

    Parameters
    ----------
    model
        Its logits must be linear in what the head reads, up to a constant.

    Attributes
    ----------
    root : numpy.ndarray
        R (r, d_final): final states to coordinates; r is the rank of the centred head.
    """

    def __init__(self, model: LanguageModel) -> None:
        self._weight = decoder_of(model).head.weight.detach()
        words = len(self._weight)
        uniform = torch.full((words,), 1 / words, dtype=torch.float64)
        gram = HeadMetric(self._weight, torch.ones(words), uniform).dense() * words
        values, vectors = np.linalg.eigh(gram.cpu().numpy())
        # The Gram matrix of a float32 head is good to 1e-6 of its largest eigenvalue.
        kept = values > 1e-6 * values[-1]
        roots = np.sqrt(values[kept])[:, None]
        self.root = roots * vectors[:, kept].T
        self._unroot = vectors[:, kept].T / roots

    def of_logits(self, differences: torch.Tensor) -> np.ndarray:
        """(..., r) float64 coordinates of differences of logits (..., V)."""
        centred = differences - differences.mean(-1, keepdim=True)
        seen = centred.to(self._weight) @ self._weight
        return seen.double().cpu().numpy() @ self._unroot.T

    def of_final_state(self, differences: torch.Tensor) -> np.ndarray:
        """(..., r) float64 coordinates of differences of final states (..., d_final)."""
        return differences.double().cpu().numpy() @ self.root.T

    def jacobian(self, there: Continuation, h: Any = None) -> np.ndarray:
        """(r, d) derivative of the coordinates in the state, float64 from the model's dtype."""
        return self.root @ there.jacobian_of_final_state(h).double().cpu().numpy()

    def require_linear(self, there: Continuation) -> None:
        """Refuse a head whose logits are not linear in what it reads.

        Raises
        ------
        InvalidInput
            If they are not.
        """
        rows = torch.stack([there.state, there.state.roll(1)])
        with torch.no_grad():
            logits, final = there(rows).double(), there.final_state(rows)
        seen, expected = (
            self.of_logits(logits[1] - logits[0]),
            self.of_final_state(final[1].double() - final[0].double()),
        )
        error = np.linalg.norm(seen - expected) / np.linalg.norm(expected)
        if not error < _LINEAR:
            raise InvalidInput(
                f"all-logit measurements need logits that are linear in the final state, here they "
                f"differ from linear by {error:.0e} (soft-capping or scaling after the head); use "
                "the topk rungs on this model"
            )


@lru_cache(maxsize=1)
def logit_coordinates(model: LanguageModel) -> LogitCoordinates:
    """Of this model, computed once in each process."""
    return LogitCoordinates(model)


def rounding_noise(
    there: Continuation, coordinates: LogitCoordinates, seed: int, draws: int = 8
) -> np.ndarray:
    """(draws, r) samples of what rounding adds to the coordinates of one evaluation.

    From second differences along steps so short that curvature, of second order in the step, is
    below rounding: the root of the dtype's precision, relative to the state. The rounding of the
    displaced state itself is part of it.
    """
    steps = np.random.default_rng(seed).standard_normal((draws, there.width))
    size = float(torch.finfo(there.state.dtype).eps) ** 0.5 * float(there.state.norm())
    steps *= size / np.linalg.norm(steps, axis=1, keepdims=True)
    with torch.no_grad():
        first, second, third = (
            there.final_state(there.state + there.state.new_tensor(k * steps)).double()
            for k in range(3)
        )
    # The weights are 1, -2, 1, their squares add up to 6.
    return coordinates.of_final_state(third - 2 * second + first) / np.sqrt(6)
