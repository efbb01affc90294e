r"""What the rungs of the observation ladder should show of a planted vector, from first order.

With I the information of N prompts at one rung's noise and u the planted vector, of known length
and nothing else known, the most probable vector is (I + P)⁻¹(I u + √I ξ) with P = d/‖u‖² and ξ
standard normal, once Gauss--Newton has removed what is not linear.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from identifiability.spectrum import epsilon_null_counts
from llm_validation.claims.judgement import RECOVERED
from llm_validation.measurements.observations import (
    API_STEP,
    BFLOAT16,
    FLOAT32,
    GREEDY,
    SAMPLES,
    SCORE,
    TOP,
)

DISTINGUISHABLE = float(np.log(1 / (4 * 0.05)))
"""Nats: below it no test tells a displacement from none, in normal noise, with both errors at 5 %
(Bretagnolle--Huber, N7). Rounding has the variance of such noise on average, and is another one."""

LADDER = (
    FLOAT32,
    BFLOAT16,
    f"{SAMPLES}:2000",
    f"{TOP}:100",
    f"{TOP}:20",
    f"{TOP}:5",
    f"{TOP}:1",
    SCORE,
    GREEDY,
)
"""Finest first; sampled tokens and rounded log-probabilities are not comparable. The score stands
beside the ladder: it is no function of the next token's distribution, so that N10 does not order
it, and no turn is looked for there."""


def is_dense(rung: str) -> bool:
    """Whether a linearisation takes the Jacobian of all logits."""
    return rung in (FLOAT32, BFLOAT16) or rung.startswith(SAMPLES)


def top_tokens(rung: str) -> int:
    """K of the K likeliest tokens; 0 on another rung."""
    kind, _, number = rung.partition(":")
    return int(number) if kind == TOP else 0


def most_equations(rung: str) -> int | None:
    """At most so many equations a prompt; None if all logits bound it, 0 of the greedy token."""
    return top_tokens(rung) or {SCORE: 1, GREEDY: 0}.get(rung)


def information(
    rung: str, found: Mapping[str, Any], score: int, metric: np.ndarray | None
) -> np.ndarray:
    """(d, d) of one prompt at the rung's own noise.

    ``found`` is from ``ladder_information``; ``score`` which of its scores; ``metric`` G, for
    sampled tokens.
    """
    kind, _, number = rung.partition(":")
    if kind == SAMPLES:
        return int(number) * np.asarray(metric)
    if kind in (FLOAT32, BFLOAT16):
        return found["logits"] / noise(rung, found) ** 2
    rows = found["scores"][[score]] if kind == SCORE else found["log_probabilities"][: int(number)]
    return rows.T @ rows * (12 / API_STEP**2)


def noise(rung: str, found: Mapping[str, Any]) -> float:
    """Of a coordinate of all logits: two roundings of the model's own, or that of bfloat16."""
    return np.sqrt(2) * found["float32"] if rung == FLOAT32 else found["bfloat16"]


def expected_cosine(information: np.ndarray, planted: np.ndarray) -> float:
    """Of the most probable vector to the planted one, with the means of both sides of the noise."""
    values, vectors = np.linalg.eigh(information)
    values = np.clip(values, 0, None)
    precision = len(planted) / float(planted @ planted)
    kept = values / (values + precision)
    along = (vectors.T @ planted) ** 2
    size = np.sum(kept**2 * along) + np.sum(values / (values + precision) ** 2)
    return float(np.sum(kept * along) / np.sqrt(size * along.sum())) if size > 0 else 0.0


def indistinguishable(eigenvalues: np.ndarray, radius: float) -> int:
    """Directions along which such a displacement is not told from none, in normal noise."""
    return int(epsilon_null_counts(eigenvalues, DISTINGUISHABLE, radius))


def turning_rung(cosines: Sequence[tuple[str, float]], recovered: float) -> str | None:
    """The finest rung from which on no rung recovers the vector; None if the coarsest does."""
    found = None
    for rung, cosine in reversed(cosines):
        if cosine >= recovered:
            return found
        found = rung
    return found


def turns(points: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each layer, trait, strength and number of prompts: where the paper's sentence turns."""
    found = []
    keys = ("layer", "trait", "alpha", "prompts")
    cosines = [point for point in points if point["quantity"] == "cosine"]
    for key in dict.fromkeys(tuple(point[k] for k in keys) for point in cosines):
        here = {p["rung"]: p for p in cosines if tuple(p[k] for k in keys) == key}
        if FLOAT32 not in here:  # from the finest rung on, or it is not known where
            continue
        ladder = [here[rung] for rung in LADDER if rung in here and rung != SCORE]
        turning = {
            side: turning_rung([(p["rung"], p[side]) for p in ladder], RECOVERED)
            for side in ("predicted", "measured")
        }
        found.append(dict(zip(keys, key, strict=True)) | {"quantity": "turning rung"} | turning)
    return found
