"""Token ids, positions and states that come from outside, checked once, each with one sentence."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import torch
from torch._functorch.pyfunctorch import retrieve_all_functorch_interpreters

from identifiability.errors import InvalidInput
from llm_validation.structure import Decoder

_INTEGERS = ("bool", "uint8", "int8", "int16", "int32", "int64")
_OTHERS = ("float16", "float32", "float64", "complex64", "complex128")
_KNOWN = tuple(np.dtype(name) for name in (*_INTEGERS, *_OTHERS))


def token_ids(decoder: Decoder, value: Any) -> torch.Tensor:
    """One prompt as a (1, T) tensor on the model's device, from ids (T,) or (1, T).

    Raises
    ------
    InvalidInput
        If the prompt is empty, longer than the context, not one row of integers, or holds an id
        outside the vocabulary.
    """
    ids = _tensor(value, "input_ids", "token ids, as the tokenizer gives them")
    if ids.ndim == 1:
        ids = ids[None]
    if ids.ndim != 2 or len(ids) != 1:
        raise InvalidInput(
            f"input_ids must be (T,) or (1, T), got {tuple(ids.shape)}; pass one prompt at a time"
        )
    length = ids.shape[1]
    if length == 0:
        raise InvalidInput("input_ids must hold at least one token, got an empty prompt")
    if ids.is_floating_point() or ids.is_complex() or ids.dtype == torch.bool:
        raise InvalidInput(f"input_ids must be integers, got {ids.dtype}; pass the tokenizer's ids")
    if decoder.context is not None and length > decoder.context:
        raise InvalidInput(
            f"prompt must fit the context of {decoder.context} tokens, got {length}; shorten it"
        )
    ids = ids.long()  # torch finds no minimum of wide unsigned integers
    vocabulary = decoder.model.get_input_embeddings().num_embeddings
    low, high = int(ids.min()), int(ids.max())
    if low < 0 or high >= vocabulary:
        raise InvalidInput(
            f"input_ids must be between 0 and {vocabulary - 1}, got {low if low < 0 else high}; "
            "use the tokenizer of this model"
        )
    return ids.to(device=decoder.model.device, dtype=torch.long)


def position_index(length: int, position: int) -> int:
    """The position counted from 0, from one that may count from the end.

    Raises
    ------
    InvalidInput
        If it is not an integer in the range of the prompt.
    """
    if isinstance(position, bool) or not hasattr(position, "__index__"):
        raise InvalidInput(f"position must be an integer, got {position!r}")
    index = operator.index(position)
    if not -length <= index < length:
        raise InvalidInput(
            f"position must be between {-length} and {length - 1} "
            f"for this prompt of {length} tokens, got {index}"
        )
    return index % length


def states(decoder: Decoder, value: Any, name: str) -> torch.Tensor:
    """States or displacements (..., d) in the dtype and on the device of the model.

    Raises
    ------
    InvalidInput
        If the last axis is not as wide as the residual stream, or an entry is NaN, infinite or too
        large for the dtype of the model.
    """
    model = decoder.model
    tensor = _tensor(value, name, "numbers")
    if tensor.ndim == 0 or tensor.shape[-1] != decoder.width or tensor.numel() == 0:
        raise InvalidInput(
            f"{name} must be (..., {decoder.width}) for this model, got {tuple(tensor.shape)}; "
            "take it from the same model"
        )
    if tensor.is_complex():
        raise InvalidInput(f"{name} must be real, got {tensor.dtype}; take the real part")
    converted = tensor.to(device=model.device, dtype=model.dtype)
    # Under vmap no value can be looked at; whoever mapped has checked the states that it maps over.
    if retrieve_all_functorch_interpreters() or torch.isfinite(converted).all():
        return converted
    if torch.isfinite(tensor).all():
        raise InvalidInput(
            f"{name} must fit {model.dtype} (at most {torch.finfo(model.dtype).max:.3g}), got "
            f"entries up to {tensor.abs().max():.3g}; scale it down or use a wider dtype"
        )
    raise InvalidInput(f"{name} must be finite, got NaN or infinite entries; remove them")


def _tensor(value: Any, name: str, expected: str) -> torch.Tensor:
    if isinstance(value, torch.Tensor):
        if value.layout != torch.strided or value.is_meta:
            raise InvalidInput(f"{name} must be a plain tensor, got {value.layout}; densify it")
        return value
    try:
        array = np.asarray(value)
    except ValueError:  # numpy's answer to rows of unequal length
        raise InvalidInput(f"{name} must be rows of equal length; pass them one by one") from None
    if array.dtype.kind not in "fiubc":
        raise InvalidInput(f"{name} must be {expected}, got {type(value).__name__}; convert it")
    if array.dtype not in _KNOWN:
        array = _converted(array, name)
    # A copy: torch takes no negative stride, and warns of an array that is read-only.
    return torch.as_tensor(np.array(array, order="C"))


def _converted(array: np.ndarray, name: str) -> np.ndarray:
    """Numbers that only numpy knows as the widest that torch knows too."""
    if array.dtype.kind in "iu":
        if array.size and int(array.max()) > np.iinfo(np.int64).max:
            raise InvalidInput(f"{name} must fit int64, got {array.max()}; check what it counts")
        return array.astype(np.int64)
    with np.errstate(over="ignore"):  # what becomes infinite is told as that
        return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)
