"""A vector is planted in the states of some prompts and recovered from what is observed."""

from __future__ import annotations

from typing import Any

import numpy as np

from llm_validation.measurements.observations import observe
from llm_validation.measurements.posterior import most_probable
from llm_validation.models import LanguageModel

VERSION = 1


def measure(
    model: LanguageModel,
    *,
    prompts: list[list[int]],
    layer: int,
    vector: np.ndarray,
    rung: str,
    noise: float,
    completions: list[list[list[int]]],
    steps: int,
    seed: int,
) -> dict[str, Any]:
    """Plant, observe through one rung, recover by Gauss-Newton from zero.

    Parameters
    ----------
    model
        From ``load_model``.
    prompts
        Token ids of each; the state of the last token is displaced.
    layer
        "After block i", counted from 0.
    vector
        (d,) what is planted, such as alpha v; the fit knows its length and nothing else.
    rung
        As ``observe`` takes it.
    noise
        Of a coordinate of float32 logits (``LogitCoordinates``), in the rung of that name.
    completions
        Of rung "score": a positive and a negative one for each prompt; elsewhere empty.
    steps
        At most so many linearisations.
    seed
        Of samples.

    Returns
    -------
    dict
        ``cosine`` of the recovered and the planted vector (0 if nothing was recovered); ``error``
        the squared length of their difference over that of the planted one; ``eigenvalues`` (d,)
        descending, of the information at the last linearisation, in nats per unit²; ``steps`` and
        ``converged``.
    """
    rng, vector = np.random.default_rng(seed), np.asarray(vector)
    chosen = completions or [[]] * len(prompts)
    observations = [
        observe(model, rung, ids, layer, vector, noise=noise, completions=pair, rng=rng)
        for ids, pair in zip(prompts, chosen, strict=True)
    ]
    length = float(np.linalg.norm(vector))
    fitted = most_probable(observations, len(vector), length, steps=steps)
    size = float(np.linalg.norm(fitted.vector))
    return {
        "cosine": float(fitted.vector @ vector) / (size * length) if size > 0 else 0.0,
        "error": float(np.sum((fitted.vector - vector) ** 2)) / length**2,
        "eigenvalues": np.linalg.eigvalsh(fitted.information)[::-1].copy(),
        "steps": fitted.steps,
        "converged": fitted.converged,
    }
