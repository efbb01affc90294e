"""Independent pieces of work on several processes; the answer does not depend on how many."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from identifiability.progress import Advance, silent


def ordered_map(
    function: Callable[..., Any],
    arguments: Sequence[tuple[Any, ...]],
    *,
    workers: int = 1,
    advance: Advance = silent,
    label: Callable[[Any], str] = str,
) -> list[Any]:
    """``[function(*a) for a in arguments]``, each on one thread, on ``workers`` processes.

    One thread each, because the order in which threads add up decides the last digits.
    """
    from joblib import Parallel, delayed

    advance(0, len(arguments), "")
    results: list[Any] = []
    jobs = (delayed(_on_one_thread)(function, a) for a in arguments)
    with warnings.catch_warnings():
        # loky replaces a worker whose memory grew, as it does when torch is imported, and says so.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
        for result in Parallel(n_jobs=workers, return_as="generator")(jobs):
            results.append(result)
            advance(len(results), len(arguments), label(result))
    return results


def _on_one_thread(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return function(*arguments)
