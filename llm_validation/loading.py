"""Weights and tokenizer from a folder or the Hugging Face cache, with what identifies them."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from identifiability.choose import unknown
from identifiability.errors import InvalidInput
from llm_validation.catalogue import hub_models
from llm_validation.embedded import EMBEDDED, file_sha256, verified_folder
from llm_validation.quiet import quiet

DTYPES = ("float32", "float64", "bfloat16")


def read(
    name: str,
    dtype: str,
    auto_class: str,
    accept: Callable[[Any], None],
    device_map: str | None = None,
) -> tuple[Any, Any, Path, str, str]:
    """Model, tokenizer, their folder, revision and SHA-256 of the weights, by name or folder or id.

    Parameters
    ----------
    name
        A model of the package, a folder, or a Hugging Face id.
    dtype
        One of ``DTYPES``.
    auto_class
        The class of transformers that builds it.
    accept
        Called with the configuration before any weight is read; raises if it cannot be used.
    device_map
        "auto" spreads the blocks over the devices that are there (by accelerate).

    Raises
    ------
    InvalidInput
        If there is no such model, or it needs its own code, or its files are not whole.
    """
    if name in EMBEDDED:
        folder, digest = verified_folder(EMBEDDED[name])
        model, tokenizer = _read(str(folder), name, dtype, auto_class, accept, device_map)
        return model, tokenizer, folder, EMBEDDED[name].requirement, digest
    model, tokenizer = _read(name, name, dtype, auto_class, accept, device_map)
    return model, tokenizer, *_identity(name)


def _read(
    source: str,
    name: str,
    dtype: str,
    auto_class: str,
    accept: Callable[[Any], None],
    device_map: str | None,
) -> tuple[Any, Any]:
    import torch
    import transformers
    from safetensors import SafetensorError

    config = configuration(source, name)
    accept(config)
    with quiet():
        try:
            model = getattr(transformers, auto_class).from_pretrained(
                source,
                dtype=getattr(torch, dtype),
                # The one attention that batches under reverse mode and has a forward mode.
                attn_implementation="eager",
                trust_remote_code=False,
                device_map=device_map,
            )
            tokenizer = transformers.AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        except (OSError, SafetensorError) as error:
            raise InvalidInput(
                f"model {name!r} must hold whole weights and a tokenizer; {_first_sentence(error)}"
            ) from error
    return model, tokenizer


def configuration(source: str, name: str) -> Any:
    """The configuration of a model in a folder or on the hub; ``name`` is what messages call it.

    Raises
    ------
    InvalidInput
        If there is no such model, or it needs code of its own.
    """
    import transformers

    typed = "/" not in source and not Path(source).exists()
    if typed and difflib.get_close_matches(source, EMBEDDED, cutoff=0.75):
        raise _not_found(name)  # a slip of the finger, and no question to ask the network
    with quiet():
        try:
            return transformers.AutoConfig.from_pretrained(source, trust_remote_code=False)
        except OSError as error:
            raise _not_found(name) from error
        except ValueError as error:
            raise InvalidInput(
                f"model {name!r} must be of an architecture that transformers knows "
                f"(code that comes with a model is never run); {_first_sentence(error)}"
            ) from error


def check_dtype(dtype: str) -> None:
    """Refuse what is not one of ``DTYPES``."""
    if dtype not in DTYPES:
        raise unknown("dtype", str(dtype), DTYPES)


def torch_device(device: str) -> Any:
    """A torch device that is there.

    Raises
    ------
    InvalidInput
        If torch knows no such device, or no GPU was found.
    """
    import torch

    try:
        target = torch.device(device)
    except RuntimeError:
        raise InvalidInput(
            f'device must be "cpu", "cuda" or (for decoders) "auto", got {device!r}'
        ) from None
    if target.type == "cuda" and not torch.cuda.is_available():
        raise InvalidInput(f'device {device!r} is not there, no GPU was found; use "cpu"')
    return target


def _not_found(name: str) -> InvalidInput:
    near = unknown("model", name, [*EMBEDDED, *hub_models()])
    return InvalidInput(f"{near} (a folder, or a Hugging Face id that can be reached, works too)")


def _identity(name: str) -> tuple[Path, str, str]:
    """Folder, revision and SHA-256 of the weights of a model that has just been read."""
    from transformers.utils.hub import cached_file

    config = cached_file(name, "config.json", local_files_only=True)
    if config is None:
        raise InvalidInput(f"model {name!r} has no config.json; save it with save_pretrained")
    folder = Path(config).parent
    revision = folder.name if folder.parent.name == "snapshots" else "local"
    files = sorted(folder.glob("*.safetensors")) or sorted(folder.glob("*.bin"))
    sums = [file_sha256(file) for file in files]
    if len(sums) == 1:
        return folder, revision, sums[0]
    listing = "".join(f"{digest}  {file.name}\n" for digest, file in zip(sums, files, strict=True))
    return folder, revision, hashlib.sha256(listing.encode()).hexdigest()


def _first_sentence(error: Exception) -> str:
    return " ".join(str(error).split()).split(". ")[0].rstrip(".")
