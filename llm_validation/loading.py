"""Weights and tokenizer from a folder or the Hugging Face cache, with what identifies them."""

from __future__ import annotations

import difflib
import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

from identifiability.choose import unknown
from identifiability.errors import InvalidInput
from llm_validation.catalogue import hub_models
from llm_validation.embedded import EMBEDDED, file_sha256, verified_folder
from llm_validation.quiet import quiet

_LONGEST = 4096
"""Characters of a path, on most systems."""

# What transformers and its tokenizers raise on files that are not whole or not theirs; anything
# else is a bug of ours.
_TROUBLE = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RuntimeError,
    pickle.UnpicklingError,
)

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
    from huggingface_hub.errors import StrictDataclassError
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
        except torch.OutOfMemoryError:
            raise  # the files are not at fault
        except (SafetensorError, StrictDataclassError, *_TROUBLE) as error:
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
    from huggingface_hub.errors import StrictDataclassError

    if not isinstance(source, str) or not source.strip() or len(source) > _LONGEST:
        raise _not_found(name)
    typed = "/" not in source and not Path(source).exists()
    if typed and difflib.get_close_matches(source, EMBEDDED, cutoff=0.75):
        raise _not_found(name)  # a slip of the finger, and no question to ask the network
    if Path(source).is_dir() and not Path(source, "config.json").is_file():
        raise InvalidInput(
            f"model {name!r} must hold a config.json, that folder has none; save it with "
            "save_pretrained"
        )
    with quiet():
        try:
            return transformers.AutoConfig.from_pretrained(source, trust_remote_code=False)
        except OSError as error:
            if Path(source).is_dir():
                raise _unsound(name, error) from error
            raise _not_found(name) from error
        except ValueError as error:
            raise InvalidInput(
                f"model {name!r} must be of an architecture that transformers knows "
                f"(code that comes with a model is never run); {_first_sentence(error)}"
            ) from error
        except (StrictDataclassError, *_TROUBLE) as error:
            raise _unsound(name, error) from error


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


def _unsound(name: str, error: Exception) -> InvalidInput:
    return InvalidInput(
        f"model {name!r} must have a sound config.json ({_first_sentence(error)}); fetch or save "
        "it again"
    )


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
    words = " ".join(str(error).split()).split(". ")[0].rstrip(".") or type(error).__name__
    return words if len(words) <= 300 else f"{words[:300]}…"
