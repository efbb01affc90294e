"""Whether it means anything that a displacement stays invisible: a random one must be seen."""

from __future__ import annotations

import numpy as np

from llm_validation.claims.claim import Judgement, Outcome
from llm_validation.claims.judgement import EPSILON, LOG_BAND
from llm_validation.setting import Setting


def typical_divergence(setting: Setting, layer: int, radius: float) -> float:
    """KL in nats of a random direction of that length, to second order on predicting prompts."""
    traces = [np.trace(metric) for metric in setting.metrics("predicting", layer)]
    return float(radius**2 / 2 * np.mean(traces) / setting.width)


def where_telling(
    judgement: Judgement, setting: Setting, layer: int, radius: float, *, last: bool
) -> Judgement:
    """Verdict on "at most epsilon" where a random direction of that length is above it.

    The prediction is of second order and claimed to a factor of two (theory.md, section 4), so that
    half of it has to be above. Where it is not, staying below shows nothing of the direction: the
    row is reported, and left inconclusive at the ``last`` strength, so that no claim is confirmed
    without a telling one. A limit that is broken is refuted all the same.
    """
    typical = typical_divergence(setting, layer, radius)
    if judgement.outcome is Outcome.REFUTED or typical > np.exp(LOG_BAND) * EPSILON:
        return judgement
    reason = (
        f"a random direction may stay within {EPSILON:g} nats too "
        f"({typical:.2g} predicted, to a factor of two)"
    )
    if last:
        return Judgement(Outcome.INCONCLUSIVE, f"{reason}, at every strength", 1.0, 1.0)
    return Judgement(None, f"{reason}: reported")
