"""Load a language model by name, path or Hugging Face id, with what identifies it."""

from __future__ import annotations

import copy
import difflib
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from identifiability.choose import unknown
from identifiability.errors import InvalidInput
from llm_validation.catalogue import available_models, hub_models
from llm_validation.embedded import (
    EMBEDDED,
    convert,
    file_sha256,
    require_packages,
    verified_folder,
)
from llm_validation.quiet import quiet

__all__ = ["DEFAULT_MODEL", "DTYPES", "LanguageModel", "available_models", "load_model", "prepare"]

DEFAULT_MODEL = "smollm2-135m"
DTYPES = ("float32", "float64", "bfloat16")


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

        _check_dtype(dtype)
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
        A torch device such as "cpu" or "cuda".

    Raises
    ------
    InvalidInput
        If there is no such model, or it cannot be used: an encoder-decoder, a model that needs
        its own code, a corrupt file, a missing package, a device that is not there.
    """
    _check_dtype(dtype)
    require_packages("torch", "transformers", "safetensors")
    target = _device(device)
    if name in EMBEDDED:
        folder, digest = verified_folder(EMBEDDED[name])
        revision = EMBEDDED[name].requirement
        model, tokenizer = _read(str(folder), name, dtype)
    else:
        model, tokenizer = _read(name, name, dtype)
        revision, digest = _identity(name)
    model = model.to(target).eval().requires_grad_(False)

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
    else:
        _read(name, name, "float32")


def _read(source: str, name: str, dtype: str) -> tuple[Any, Any]:
    """Model and tokenizer from a folder or the hub, checked to be a decoder before any weight."""
    import torch
    import transformers
    from safetensors import SafetensorError

    typed = "/" not in source and not Path(source).exists()
    if typed and difflib.get_close_matches(source, EMBEDDED, cutoff=0.75):
        raise _not_found(name)  # a slip of the finger, and no question to ask the network
    with quiet():
        try:
            config = transformers.AutoConfig.from_pretrained(source, trust_remote_code=False)
        except OSError as error:
            raise _not_found(name) from error
        except ValueError as error:
            raise InvalidInput(
                f"model {name!r} must be of an architecture that transformers knows "
                f"(code that comes with a model is never run); {_first_sentence(error)}"
            ) from error
        if config.is_encoder_decoder:
            raise InvalidInput(
                f"model {name!r} is an encoder-decoder, expected a decoder-only language model; "
                "choose one"
            )
        if type(config) not in transformers.MODEL_FOR_CAUSAL_LM_MAPPING:
            raise InvalidInput(
                f"model {name!r} ({config.model_type}) has no language-model head, expected a "
                "decoder-only language model; choose one"
            )
        try:
            model = transformers.AutoModelForCausalLM.from_pretrained(
                source,
                dtype=getattr(torch, dtype),
                # The one attention that batches under reverse mode and has a forward mode.
                attn_implementation="eager",
                trust_remote_code=False,
            )
            tokenizer = transformers.AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        except (OSError, SafetensorError) as error:
            raise InvalidInput(
                f"model {name!r} must hold whole weights and a tokenizer; {_first_sentence(error)}"
            ) from error
    return model, tokenizer


def _not_found(name: str) -> InvalidInput:
    near = unknown("model", name, [*EMBEDDED, *hub_models()])
    return InvalidInput(f"{near} (a folder, or a Hugging Face id that can be reached, works too)")


def _check_dtype(dtype: str) -> None:
    if dtype not in DTYPES:
        raise unknown("dtype", str(dtype), DTYPES)


def _device(device: str) -> Any:
    import torch

    try:
        target = torch.device(device)
    except RuntimeError:
        raise InvalidInput(f'device must be "cpu" or "cuda", got {device!r}') from None
    if target.type == "cuda" and not torch.cuda.is_available():
        raise InvalidInput(f'device {device!r} is not there, no GPU was found; use "cpu"')
    return target


def _identity(name: str) -> tuple[str, str]:
    """Revision and SHA-256 of the weights of a model that has just been read."""
    from transformers.utils.hub import cached_file

    config = cached_file(name, "config.json", local_files_only=True)
    if config is None:
        raise InvalidInput(f"model {name!r} has no config.json; save it with save_pretrained")
    folder = Path(config).parent
    revision = folder.name if folder.parent.name == "snapshots" else "local"
    files = sorted(folder.glob("*.safetensors")) or sorted(folder.glob("*.bin"))
    sums = [file_sha256(file) for file in files]
    if len(sums) == 1:
        return revision, sums[0]
    listing = "".join(f"{digest}  {file.name}\n" for digest, file in zip(sums, files, strict=True))
    return revision, hashlib.sha256(listing.encode()).hexdigest()


def _first_sentence(error: Exception) -> str:
    return " ".join(str(error).split()).split(". ")[0].rstrip(".")
