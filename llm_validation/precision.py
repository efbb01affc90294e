"""float64 that really is float64.

Norms, rotary embeddings and attention softmaxes in transformers cast to float32 inside, whatever
the dtype of the weights: errors of 1e-8 to 6e-8 in a model loaded in float64, enough to hide an
exact null direction (theory.md N6b, N6c) behind a false full rank. ``TrueFloat64`` rewrites those
casts while it is entered.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


class TrueFloat64(TorchFunctionMode):
    """While entered, every request for float32 (``.float()``, ``.to``, ``dtype=``) gets float64.

    The grouped product of mixtures of experts, which torch has in float32 and below only, is done
    expert by expert.

    It acts on the calling thread only, and on what runs inside it: a backward pass needs no mode,
    its graph holds the casts that the forward pass made. Buffers that were built in float32 when
    the model was loaded (rotary frequencies) keep their values; they are constants of the model.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if func is torch.Tensor.float:
            func = torch.Tensor.double
        # By its name: torch.nn.functional.grouped_mm is a wrapper of this one, which is not public.
        if func.__name__ == "_grouped_mm" and args[0].dtype == torch.float64:
            func = _grouped_product
        widened = {name: _widened(value) for name, value in (kwargs or {}).items()}
        return func(*map(_widened, args), **widened)


def _grouped_product(
    rows: torch.Tensor,
    weights: torch.Tensor,
    offs: torch.Tensor,
    bias: None = None,
    out_dtype: None = None,
) -> torch.Tensor:
    """Rows (S, n) sorted by expert, each times the weight of its expert (E, n, m): (S, m).

    ``offs`` (E,) are the ends of the experts' shares; torch's wrapper names the other two as well.
    """
    shares = rows.tensor_split(offs[:-1].long().cpu())
    return torch.cat([share @ weight for share, weight in zip(shares, weights, strict=True)])


def _widened(value: Any) -> Any:
    return torch.float64 if value is torch.float32 else value


def true_precision(model: Any) -> AbstractContextManager[Any]:
    """``TrueFloat64`` for a Hugging Face model in float64, nothing for any other dtype."""
    return TrueFloat64() if model.dtype == torch.float64 else nullcontext()
