"""How large effects of directions are relative to v's, whatever their signs.

Signed effects of u and -u cancel, so that their mean over random directions is 0 by symmetry and
says nothing; the root of their mean square does.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from identifiability.statistics import Interval, cluster_bootstrap
from llm_validation.claims.claim import Judgement
from llm_validation.claims.judgement import EQUIVALENCE_FRACTION, FEWEST_CLUSTERS, at_most

SMALL = ", RMS at most a fifth"
UNIT = "RMS share of v's effect"
SYMMETRIC = Judgement(None, "reported: signed effects of random directions cancel by symmetry")


def relative_size(effects: np.ndarray, reference: np.ndarray, rng: np.random.Generator) -> Interval:
    """Root of the mean square, over draws, of the mean effect relative to v's.

    Parameters
    ----------
    effects
        (pairs, k) under k draws; noise of the pairs is in it and counts against smallness.
    reference
        (pairs,) under v, whose mean the gate has told from 0.

    Returns
    -------
    Interval
        Over pairs, and over draws where they are enough to be resampled. If not, it is about the
        directions that were drawn and no others.
    """
    count = effects.shape[1]
    rows = np.column_stack([effects, reference])
    if count < FEWEST_CLUSTERS:
        return cluster_bootstrap(lambda r: _size(r.mean(axis=1)), [rows], rng=rng, positive=True)
    return cluster_bootstrap(size_of_drawn, [rows, np.arange(count)], rng=rng, positive=True)


def size_of_drawn(rows: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """(R,) for resamples of whole pairs (R, n, k + 1), v's effect last, and of draws (R, k)."""
    means = rows.mean(axis=1)
    chosen = np.take_along_axis(means, draws.astype(int), axis=1)
    return _size(np.column_stack([chosen, means[:, -1]]))


def small(
    effects: np.ndarray, reference: np.ndarray, rng: np.random.Generator
) -> tuple[Interval, Judgement]:
    """Whether the size is at most a fifth of v's effect."""
    value = relative_size(effects, reference, rng)
    verdict = at_most(value, EQUIVALENCE_FRACTION, "of v's effect, RMS")
    count = effects.shape[1]
    if count < FEWEST_CLUSTERS:
        drawn = "the one direction" if count == 1 else f"the {count} directions"
        verdict = replace(verdict, reason=f"{verdict.reason}; of {drawn} drawn")
    return value, verdict


def _size(means: np.ndarray) -> np.ndarray:
    """(R,) for (R, k + 1) mean effects, v's last."""
    return np.sqrt((means[:, :-1] ** 2).mean(axis=1)) / np.abs(means[:, -1])
