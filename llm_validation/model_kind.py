"""Whether a name is that of an encoder, told before any weight is read."""

from __future__ import annotations


def is_encoder_name(name: str | None) -> bool:
    """Whether ``load_encoder`` loads it and not ``load_model``.

    Parameters
    ----------
    name
        As both take it: a model of the package, a folder, or a Hugging Face id. None is the
        default model, a decoder.

    Raises
    ------
    InvalidInput
        If there is no such model.
    """
    if name is None:
        return False
    from llm_validation.embedded import EMBEDDED

    if name in EMBEDDED:
        return EMBEDDED[name].kind == "encoder"
    from llm_validation.embedded import require_packages

    require_packages("torch", "transformers", "safetensors")
    from llm_validation.encoder_structure import is_encoder
    from llm_validation.loading import configuration

    return is_encoder(configuration(name, name))
