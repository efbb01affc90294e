"""How many rows to compute at once: what memory takes, fewer if it turns out to take less.

The bytes of a row are counted in one pass of the model itself, so that no table of architectures is
needed. The count is of everything that the pass makes, as if none of it were freed on the way: an
upper bound, and for a pass that keeps its graph a close one.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from identifiability.errors import InvalidInput

# The other half is for what the operating system and other programs take meanwhile.
_SHARE = 0.5
_CPU_MESSAGE = "DefaultCPUAllocator: can't allocate memory"


class SmallerChunkWarning(UserWarning):
    """Memory ran out: the same is computed in smaller chunks, more slowly."""


class AllocatedBytes(TorchDispatchMode):
    """While entered, adds up the bytes of all tensors made; views and in-place edits are free.

    Attributes
    ----------
    total : int
        Bytes so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        known = {_address(tensor) for tensor in _tensors([args, kwargs or {}])}
        for tensor in _tensors([result]):
            if _address(tensor) not in known:
                self.total += tensor.untyped_storage().nbytes()
        return result


def free_bytes(device: torch.device) -> int:
    """Memory that can still be had on this device, in bytes."""
    if device.type == "cuda":
        # What torch keeps for itself and does not use is free too.
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + unused
    import psutil

    return psutil.virtual_memory().available


def rows_at_once(bytes_per_row: float, device: torch.device, most: int) -> int:
    """Rows that half of the free memory holds, at least 1.

    Parameters
    ----------
    bytes_per_row
        As ``AllocatedBytes`` counts them.
    device
        Where they are computed.
    most
        Where more rows at once save no time on the CPU: its caches are small and a few hundred rows
        fill its products. An accelerator takes all that fit.
    """
    fit = int(_SHARE * free_bytes(device) / max(bytes_per_row, 1.0))
    return max(1, min(fit, most) if device.type == "cpu" else fit)


def chunks(
    function: Callable[[torch.Tensor], torch.Tensor], rows: torch.Tensor, at_once: int
) -> Iterator[torch.Tensor]:
    """``function`` of rows (B, ...), ``at_once`` of them at a time, in order.

    When memory runs out the chunk is halved, with a ``SmallerChunkWarning``, and the rows that are
    done are kept.

    Raises
    ------
    InvalidInput
        If there is no memory for a single row.
    """
    start = 0
    while start < len(rows):
        chunk = rows[start : start + at_once]
        part = _attempt(function, chunk)
        # Handled here and not where it was caught: an error keeps alive all that its frames hold.
        if part is None:
            at_once = _halved(len(chunk), rows.device)
            continue
        start += len(chunk)
        yield part


def in_chunks(
    function: Callable[[torch.Tensor], torch.Tensor], rows: torch.Tensor, at_once: int
) -> torch.Tensor:
    """The ``chunks`` joined along the first axis; they depend on the chunk by rounding only."""
    return torch.cat(list(chunks(function, rows, at_once)))


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether torch says that memory ran out, on an accelerator or on the CPU."""
    return isinstance(error, torch.OutOfMemoryError) or _CPU_MESSAGE in str(error)


def _attempt(
    function: Callable[[torch.Tensor], torch.Tensor], chunk: torch.Tensor
) -> torch.Tensor | None:
    try:
        return function(chunk)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return None


def _halved(rows: int, device: torch.device) -> int:
    if device.type == "cuda":
        torch.cuda.empty_cache()
    if rows == 1:
        raise InvalidInput(
            f"memory must hold one row of this computation, {free_bytes(device) / 1e6:.0f} MB free "
            f"on {device} do not; use a shorter prompt, a later position or a smaller model"
        )
    warnings.warn(
        f"out of memory on {device} with {rows} rows at once; going on with {rows // 2}",
        SmallerChunkWarning,
        stacklevel=4,
    )
    return rows // 2


def _address(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _tensors(values: Any) -> list[torch.Tensor]:
    found: list[torch.Tensor] = []
    for value in values.values() if isinstance(values, dict) else values:
        if isinstance(value, torch.Tensor):
            found.append(value)
        elif isinstance(value, list | tuple | dict):
            found.extend(_tensors(value))
    return found
