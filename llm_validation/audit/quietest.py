"""The direction that shows least, measured: where none is said to be hidden, it has to be seen.

That every direction shows more than epsilon is read off a spectrum, to second order and on the
prompts that choose. The least visible one is therefore tried at the whole radius, both ways, on the
prompts that measure. It is evidence and no proof: on those prompts another may show less.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from identifiability.statistics import Interval, cluster_bootstrap
from llm_validation.audit.bench import Bench, Case
from llm_validation.audit.steered_class import SteeredClass


def quietest_step(
    bench: Bench, cases: Sequence[Case], found: SteeredClass, rng: np.random.Generator
) -> Interval:
    """Mean divergence in nats of the way that shows less, with its interval over prompts."""
    step = found.radius * found.spectrum.eigenvectors[:, -1]
    seen = bench.divergences(cases, found.displacement, np.stack([step, -step])).measured  # (n, 2)
    ways = [
        cluster_bootstrap(lambda kl: kl.mean(axis=1), [seen[:, way]], rng=rng, positive=True)
        for way in range(2)
    ]
    return min(ways, key=lambda way: (way.low, way.estimate))
