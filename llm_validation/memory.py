"""How many rows to compute at once: always as many, fewer only where memory does not take them.

The bytes of a row are counted in one pass of the model itself, so that no table of architectures is
needed. The count is of everything that the pass makes, as if none of it were freed on the way: an
upper bound, and for a pass that keeps its graph a close one.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from identifiability.errors import InvalidInput

# The other half is for what the operating system and other programs take meanwhile.
_SHARE = 0.5
_SHARE_OF_ALL = 0.25  # of an accelerator's memory; the model has most of the rest
# In float64 1.6 MB, of which a handful stays in a CPU's last cache; a larger row is taken alone.
_NUMBERS_AT_ONCE = 200_000
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


def all_bytes(device: torch.device) -> int:
    """Memory of this device, used or not, in bytes."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[1]
    import psutil

    return psutil.virtual_memory().total


def rows_at_once(rows: int, bytes_per_row: float, device: torch.device, most: int) -> int:
    """How many of these rows to compute at once, at least 1.

    The size of a chunk decides how products are summed, and so the last digits of the result. It
    therefore does not follow the memory that happens to be free: it is halved, with a
    ``SmallerChunkWarning``, only while half of the free memory does not hold it.

    Parameters
    ----------
    rows
        How many there are.
    bytes_per_row
        As ``AllocatedBytes`` counts them.
    device
        Where they are computed.
    most
        Where more rows at once save no time on the CPU: its caches are small and a few hundred rows
        fill its products. An accelerator takes what a quarter of all its memory holds.
    """
    size = max(bytes_per_row, 1.0)
    if device.type != "cpu":
        most = max(1, int(_SHARE_OF_ALL * all_bytes(device) / size))
    wanted = at_once = max(1, min(rows, most))
    free = free_bytes(device)
    while at_once > 1 and at_once * size > _SHARE * free:
        at_once //= 2
    if at_once < wanted:
        warnings.warn(
            f"{free / 1e6:.0f} MB free on {device} are little for {wanted} rows at once; going on "
            f"with {at_once}, by which the last digits may change",
            SmallerChunkWarning,
            stacklevel=3,
        )
    return at_once


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


def in_float64(
    function: Callable[[torch.Tensor], torch.Tensor], values: torch.Tensor
) -> torch.Tensor:
    """A function of rows (B, ...) on float64 copies of few rows at a time; the parts joined.

    For use inside of ``in_chunks``, which has to see for itself that memory ran out. On several
    threads torch may sum a row that is left alone in another order than one among others.
    """
    at_once = max(1, _NUMBERS_AT_ONCE // values[0].numel())
    return torch.cat([function(some.double()) for some in values.split(at_once)])


@contextmanager
def one_row(device: torch.device) -> Iterator[None]:
    """While entered, memory that runs out is one sentence: there are no rows to leave for later.

    Raises
    ------
    InvalidInput
        If memory runs out.
    """
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise _no_room(device) from error


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
        raise _no_room(device)
    warnings.warn(
        f"out of memory on {device} with {rows} rows at once; going on with {rows // 2}",
        SmallerChunkWarning,
        stacklevel=4,
    )
    return rows // 2


def _no_room(device: torch.device) -> InvalidInput:
    return InvalidInput(
        f"memory must hold one row of this computation, {free_bytes(device) / 1e6:.0f} MB free "
        f"on {device} do not; use a shorter prompt, a later position or a smaller model"
    )


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
