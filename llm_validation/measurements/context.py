"""What measurements are made on, built once in each process."""

from __future__ import annotations

from identifiability.errors import InvalidInput
from llm_validation.models import LanguageModel, load_model


def language_model(name: str, dtype: str, weights_sha256: str) -> LanguageModel:
    """The model of that name on the CPU; see ``load_model``.

    Raises
    ------
    InvalidInput
        If the weights found here are not those that were asked for: results of two models would
        be mixed.
    """
    model = load_model(name, dtype=dtype)
    if model.weights_sha256 != weights_sha256:
        raise InvalidInput(
            f"model {name!r} must have weights of SHA-256 {weights_sha256[:12]}…, here it has "
            f"{model.weights_sha256[:12]}…; use the same files on every machine"
        )
    return model
