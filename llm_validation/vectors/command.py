"""The ``extract`` command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from identifiability.options import Json, Model, SeedOfNothing, Silent


def extract(
    trait: Annotated[str, typer.Option(help="A shipped trait or a JSON file.")],
    to: Annotated[
        Path, typer.Option(help="File to write: .safetensors, .gguf, .npy, .pt, .pth or .json.")
    ],
    model: Model = None,
    layer: Annotated[
        list[str] | None,
        typer.Option(
            help='"After block i", from 0, or "all"; may be repeated; the middle one by default.'
        ),
    ] = None,
    method: Annotated[str, typer.Option(help="mean, pca or logistic.")] = "mean",
    seed: SeedOfNothing = 0,
    json: Json = None,
    quiet: Silent = False,
) -> None:
    """Extract a steering vector of a trait and write it with where it came from.

    Examples
    --------
    ::

        identifiability extract --trait formality --to formality.safetensors
        identifiability extract --trait mine.json --layer 10 --layer 12 --to v.pt
        identifiability extract --trait sentiment --layer all --method pca --to v.gguf
        identifiability extract --trait formality --to v.npy --json - | jq .model
    """
    from identifiability.choose import unknown
    from identifiability.output import give
    from identifiability.progress import progress_bar
    from identifiability.results import json_target
    from llm_validation.contrast import METHODS
    from llm_validation.dataset import load_trait
    from llm_validation.extraction import extract_vectors
    from llm_validation.models import DEFAULT_MODEL, load_model
    from llm_validation.vectors.write import check_target, write_vectors

    # All that can be wrong is told before a model is loaded.
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    found = load_trait(trait)
    named = _numbers(layer or [])
    json_target(json)
    check_target(to, [1, 2] if "all" in named else [at for at in named if isinstance(at, int)])
    loaded = load_model(model or DEFAULT_MODEL)
    # llama.cpp has no direction after block 0, so "all" of a GGUF file are those from 1.
    every = range(1 if to.suffix.lower() == ".gguf" else 0, loaded.layers)
    several = [at for one in named for at in (every if isinstance(one, str) else [one])]
    with progress_bar("extract", quiet=quiet) as advance:
        vectors = extract_vectors(
            loaded,
            found.pairs,
            several or [loaded.layers // 2],
            method=method,
            trait=found.name,
            advance=advance,
        )
    write_vectors(to, vectors)
    summary = {
        "trait": found.name,
        "method": method,
        "pairs": len(found.pairs),
        "model": loaded.name,
        "file": str(to),
        "vectors": [
            {"layer": one.layer, "norm": one.norm, "state_norm": one.state_norm} for one in vectors
        ],
    }
    give(summary, json, None if quiet else _table(summary))


def _table(summary: dict[str, Any]) -> str:
    lines = ["{trait}, {method} of {pairs} pairs, {model}".format(**summary)]
    lines.append(f"{'layer':>6} {'norm':>10} {'of ‖h‖':>8}")
    for one in summary["vectors"]:
        share = one["norm"] / (one["state_norm"] or float("nan"))
        lines.append(f"{one['layer']:>6} {one['norm']:>10.4g} {share:>8.1%}")
    return "\n".join([*lines, f"written: {summary['file']}"])


def _numbers(layers: list[str]) -> list[int | str]:
    """Numbers as numbers; "all" as it is."""
    from identifiability.choose import shortened
    from identifiability.errors import InvalidInput

    found: list[int | str] = []
    for text in layers:
        try:
            found.append(text if text == "all" else int(text))
        except ValueError:
            raise InvalidInput(
                f'layer must be an integer or "all", got {shortened(text)}; count from 0'
            ) from None
    return found
