"""Load a language model by name, path or Hugging Face id, with what identifies it."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from identifiability.errors import InvalidInput
from llm_validation.catalogue import available_models
from llm_validation.embedded import EMBEDDED, convert, require_packages
from llm_validation.loading import DTYPES, check_dtype, configuration, read, torch_device

__all__ = ["DEFAULT_MODEL", "DTYPES", "LanguageModel", "available_models", "load_model", "prepare"]

DEFAULT_MODEL = "smollm2-135m"


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """A decoder-only language model, ready to be read, steered and differentiated.

    Attributes
    ----------
    model
        The Hugging Face model: eval mode, no gradients to the weights, eager attention.
    tokenizer
        Its tokenizer.
    name, revision
        What was asked for, and which version of it came.
    weights_sha256
        SHA-256 of the weight file; of the list of their sums where there are several.
    dtype
        "float32", "float64" or "bfloat16".
    layers, width
        Number of blocks, and d. Layers are named "after block i", 0 to layers - 1; -1 is the last.
    norm
        "rms" or "layer", the norm before the head.
    """

    model: Any
    tokenizer: Any
    name: str
    revision: str
    weights_sha256: str
    dtype: str
    layers: int
    width: int
    norm: str

    def to_dtype(self, dtype: str) -> LanguageModel:
        """The same weights in another dtype: a copy, or this model if it has that dtype."""
        import torch

        check_dtype(dtype)
        if dtype == self.dtype:
            return self
        model = copy.deepcopy(self.model).to(getattr(torch, dtype))
        return replace(self, model=model, dtype=dtype)

    def info(self) -> dict[str, Any]:
        """What identifies the model in a result file."""
        return {
            "name": self.name,
            "revision": self.revision,
            "weights_sha256": self.weights_sha256,
            "dtype": self.dtype,
            "layers": self.layers,
            "width": self.width,
            "norm": self.norm,
        }


def load_model(
    name: str = DEFAULT_MODEL, *, dtype: str = "float32", device: str = "cpu"
) -> LanguageModel:
    """Load a decoder-only language model.

    Parameters
    ----------
    name
        ``"smollm2-135m"`` (from its package, converted into the user's cache at the first use),
        a folder, or a Hugging Face id. Code that comes with a model is never run.
    dtype
        "float32", "float64" (true float64 in ``Continuation``, ``read_states`` and ``steer``) or
        "bfloat16".
    device
        A torch device such as "cpu" or "cuda"; "auto" spreads the blocks of a model that is larger
        than one device over those that are there.

    Raises
    ------
    InvalidInput
        If there is no such model, or it cannot be used: an encoder (``load_encoder`` loads
        those), an encoder-decoder, a model that needs its own code, a corrupt file, a missing
        package, a device that is not there.
    """
    check_dtype(dtype)
    require_packages("torch", "transformers", "safetensors")
    target = None if device == "auto" else torch_device(device)
    if name in EMBEDDED and EMBEDDED[name].kind == "encoder":
        raise _is_encoder(name)  # before it is unpacked for nothing
    model, tokenizer, _, revision, digest = read(
        name,
        dtype,
        "AutoModelForCausalLM",
        partial(_accept_decoder, name),
        "auto" if target is None else None,
    )
    model = _placed(model, target, name).eval().requires_grad_(False)

    from llm_validation.structure import decoder_of, norm_kind

    decoder = decoder_of(model)
    return LanguageModel(
        model=model,
        tokenizer=tokenizer,
        name=name,
        revision=revision,
        weights_sha256=digest,
        dtype=dtype,
        layers=len(decoder.blocks),
        width=decoder.width,
        norm=norm_kind(decoder),
    )


def _placed(model: Any, target: Any, name: str) -> Any:
    """On the device, or where its blocks were put, as long as that is in memory."""
    if target is not None:
        return model.to(target)
    if any(parameter.is_meta for parameter in model.parameters()):
        raise InvalidInput(
            f"model {name!r} must fit the memory of all devices together, some of its weights were "
            "left on disk; use a smaller model or dtype, or more devices"
        )
    return model


def prepare(name: str) -> None:
    """Make a model ready to load without the network: convert it, or fetch it.

    A damaged conversion is made again.

    Raises
    ------
    InvalidInput
        As ``load_model``.
    """
    if name in EMBEDDED:
        convert(EMBEDDED[name])
        return
    from llm_validation.encoder_structure import is_encoder
    from llm_validation.sentence_encoder import load_encoder

    encoder = is_encoder(configuration(name, name))
    (load_encoder if encoder else load_model)(name)


def _accept_decoder(name: str, config: Any) -> None:
    import transformers

    from llm_validation.encoder_structure import is_encoder

    if config.is_encoder_decoder:
        raise InvalidInput(
            f"model {name!r} is an encoder-decoder, expected a decoder-only language model; "
            "choose one"
        )
    if is_encoder(config):
        raise _is_encoder(name)
    if type(config) not in transformers.MODEL_FOR_CAUSAL_LM_MAPPING:
        raise InvalidInput(
            f"model {name!r} ({config.model_type}) has no language-model head, expected a "
            "decoder-only language model; choose one"
        )


def _is_encoder(name: str) -> InvalidInput:
    return InvalidInput(
        f"model {name!r} is an encoder, without a next token to predict; load it with "
        f"load_encoder({name!r}) from llm_validation.sentence_encoder and differentiate it with "
        "EncoderContinuation"
    )
