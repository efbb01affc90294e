"""Environments that see one vector: how many it takes, and what more of them cannot mend (R3a)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from math import ceil

import numpy as np

from identifiability.recovery.environments import EnvironmentRecovery
from toy_models.cells.planted_vectors import (
    RECOVERED,
    WRONG,
    failed_and,
    kernel_lost,
    measure_kernel,
    undecided_and,
)
from toy_models.environment_readouts import EnvironmentReadouts, SeenInEnvironments
from toy_models.matrix import Measurement, Outcome, Row, row

# The estimate of a contradictory stack answers to the responses as they are, not to v.
SUITED = f"{WRONG}, and suits the responses better than v does"
REST = "without it v comes back"


def measure(model: EnvironmentReadouts, seed: int, *, stated: bool = True) -> Measurement:
    """Recover many vectors from one instance; ``stated``: the method is told the noise's norm."""
    instance = model.sample(seed)

    def fit(vector: np.ndarray) -> EnvironmentRecovery:
        recovery = EnvironmentRecovery(affine=True, response_error=model.noise if stated else 0.0)
        return recovery.fit(instance.jacobians, instance.responses(vector))

    stack = np.vstack(list(instance.jacobians))
    rank = instance.width - instance.kernel.shape[1]
    smallest = np.linalg.svd(stack, compute_uv=False)[rank - 1]
    # The least-squares solution moves by at most the noise of all over the last singular value.
    # What is not stated cannot be allowed for: the method then promises the noiseless accuracy.
    error = float(np.linalg.norm(instance.noise) / smallest) if stated else 0.0
    found = measure_kernel(fit, instance.kernel, equations=len(stack), seed=seed, error=error)
    prediction = fit(instance.vector).prediction_
    if found.outcome.recovers or prediction.recovers is not None:
        return found
    mode = str(found.outcome.failure_mode)
    misfits = [
        float(np.linalg.norm(np.concatenate(instance.responses()) - stack @ vector))
        for vector in (fit(instance.vector).vector_, instance.vector)
    ]
    if misfits[0] < misfits[1]:
        mode = mode.replace(WRONG, SUITED)
    suspects = prediction.affected[0] if prediction.affected else ()
    if len(suspects) == 1 and _comes_back_without(instance, suspects[0]):
        mode = f"{mode}; {REST}"
    return replace(found, outcome=Outcome(False, mode))


def _comes_back_without(instance: SeenInEnvironments, left_out: int) -> bool:
    """An environment named as the one that disagrees must be it: the rest gives v back."""
    kept = [e for e in range(len(instance.jacobians)) if e != left_out]
    rest = EnvironmentRecovery(affine=True).fit(
        instance.jacobians[kept], instance.responses()[kept]
    )
    error = np.linalg.norm(rest.vector_ - instance.vector) / np.linalg.norm(instance.vector)
    return bool(error <= RECOVERED)


def _row(
    model: EnvironmentReadouts,
    condition: str,
    *,
    undecided: str | None = None,
    stated: bool = True,
) -> Row:
    """A row with the outcome that the dials imply, or one that a contradiction leaves undecided."""
    remark = "" if stated else "noise not stated"
    failure = None if model.lost == 0 else _failure(model)
    if undecided is not None:
        failure = undecided_and(f"undecided: {undecided}", SUITED)
        failure += f"; {REST}" if undecided.startswith("responses") else ""
    measured = partial(measure, model, stated=stated)
    return row("environment", model, condition, failure, measured, remark)


def _failure(model: EnvironmentReadouts) -> str:
    """ceil(lost/r) environments more can do it at best; what ranks do not explain is shared."""
    excess = model.lost - max(0, model.width - model.environments * model.rank)
    shared = f", {excess} of them shared beyond what ranks enforce" if excess else ""
    more = ceil(model.lost / model.rank)
    lost = kernel_lost(model.lost, model.width)
    return failed_and(lost, f"{lost}{shared}; at least {more} more of rank {model.rank} needed")


def _count_rows() -> list[Row]:
    """d = 12: exactly ceil(d/r) environments, one fewer, one more."""
    condition = "E >= ceil(d/r) environments of rank r in general position"
    counts = ((1, 12), (1, 11), (3, 4), (3, 3), (5, 3), (5, 2), (4, 4))
    return [
        _row(
            EnvironmentReadouts(rank=rank, environments=count),
            condition,
        )
        for rank, count in counts
    ]


def _shared_rows() -> list[Row]:
    condition = "no null direction is shared by all environments"
    rows = []
    for count in (4, 8):
        for shared in (0, 1):
            model = EnvironmentReadouts(environments=count, shared=shared)
            rows.append(_row(model, condition))
    return rows


def _repeat_rows() -> list[Row]:
    condition = "no environment repeats another"
    repeated = EnvironmentReadouts(environments=4, repeats=1)
    enough = EnvironmentReadouts(environments=5, repeats=1)
    return [
        _row(repeated, condition),
        _row(enough, condition),
    ]


def _same_vector_rows() -> list[Row]:
    condition = "the same v in every environment"
    rows = [_row(EnvironmentReadouts(environments=6), condition)]
    for odd in (0, 3):
        named = f"responses[{odd}] disagrees with the others"
        model = EnvironmentReadouts(environments=6, odd=odd)
        rows.append(_row(model, condition, undecided=named))
    # Any four of five leave as many equations as unknowns: which one is odd cannot be told.
    named = "one of responses[0, 1, 2, 3, 4] disagrees with the others"
    model = EnvironmentReadouts(environments=5, odd=1)
    rows.append(_row(model, condition, undecided=named))
    return rows


def _noise_rows() -> list[Row]:
    """As far as the noise's norm over the last singular value allows."""
    condition = "the norm of the noise of the responses is stated"
    model = EnvironmentReadouts(environments=6, noise=1e-4)
    silent = "no common vector, whichever response is left out"
    return [
        _row(model, condition),
        _row(model, condition, undecided=silent, stated=False),
    ]


ROWS = (
    *_count_rows(),
    *_shared_rows(),
    *_repeat_rows(),
    *_same_vector_rows(),
    *_noise_rows(),
)
