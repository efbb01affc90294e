"""The Fisher metric of one prompt at one layer, and what rounding does to it."""

from __future__ import annotations

from typing import Any

import numpy as np

from llm_validation.measurements.float64_model import in_float64
from llm_validation.measurements.kept_continuation import kept_continuation
from llm_validation.models import LanguageModel
from llm_validation.prompt_fisher import metric_error


def measure(
    model: LanguageModel,
    *,
    ids: list[int],
    layer: int,
    displacement: np.ndarray | None = None,
) -> dict[str, Any]:
    """G of the next token, at the model's own state or displaced from it.

    Parameters
    ----------
    model
        From ``load_model``.
    ids
        Token ids of the prompt; the state is that of its last token.
    layer
        "After block i", counted from 0.
    displacement
        (d,) added to the state, such as alpha v; none by default.

    Returns
    -------
    dict
        ``metric`` (d, d) float64, in nats per squared unit of the state.
    """
    there = kept_continuation(model, ids, layer)
    if displacement is None:
        return {"metric": there.fisher()}
    return {"metric": there.fisher(there.state + there.state.new_tensor(displacement))}


def rounding(model: LanguageModel, *, ids: list[int], layer: int) -> dict[str, Any]:
    """Distance of a prompt's metric from the one computed in true float64.

    Returns
    -------
    dict
        ``error`` ‖G − G₆₄‖₂; 0 from a model that is in float64 itself.
    """
    if model.dtype == "float64":
        return {"error": 0.0}
    return {"error": metric_error(model, [ids], layer, reference=in_float64(model))}
