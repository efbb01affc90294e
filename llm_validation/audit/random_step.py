"""What steps of a length show that were chosen by nobody: a witness says something if they do.

Any direction stays within epsilon on a step that is short enough. Whether this one is so short is
measured: random steps of its length, orthogonal to the vector, on the prompts that measure the
witness and in cells of the same kind.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from identifiability.statistics import Interval, cluster_bootstrap
from llm_validation.audit.bench import Bench, Case

STEPS = 8
"""For each prompt, of its own: a prompt with its steps is then one independent draw, and the
interval over prompts covers which directions were drawn besides. Eight cost as much as the rungs
along the witness's step."""


def measured_random_step(
    bench: Bench, cases: Sequence[Case], base: np.ndarray, length: float, rng: np.random.Generator
) -> Interval:
    """Mean divergence in nats of a random step from the model steered by ``base`` (d,)."""
    steps = np.array([orthogonal_steps(base, length, STEPS, rng) for _ in cases])
    found = bench.divergences(cases, base, steps).measured.mean(axis=1)
    return cluster_bootstrap(lambda kl: kl.mean(axis=1), [found], rng=rng, positive=True)


def orthogonal_steps(
    base: np.ndarray, length: float, count: int, rng: np.random.Generator
) -> np.ndarray:
    """(count, d) uniform on the sphere of that length in what is orthogonal to ``base`` (d,)."""
    along = base / np.linalg.norm(base)
    steps = rng.standard_normal((count, base.size))
    steps -= np.outer(steps @ along, along)
    return length * steps / np.linalg.norm(steps, axis=1, keepdims=True)
