"""The ``extract`` command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def extract(
    trait: Annotated[str, typer.Option(help="A shipped trait or a JSON file.")],
    to: Annotated[
        Path, typer.Option(help="File to write: .safetensors, .gguf, .npy, .pt, .pth or .json.")
    ],
    model: Annotated[
        str | None, typer.Option(help="Name, folder or Hugging Face id; the embedded one if none.")
    ] = None,
    layer: Annotated[
        list[str] | None,
        typer.Option(
            help='"After block i", from 0, or "all"; may be repeated; the middle one by default.'
        ),
    ] = None,
    method: Annotated[str, typer.Option(help="mean, pca or logistic.")] = "mean",
    seed: Annotated[
        int, typer.Option(help="Taken as everywhere; nothing here is random.", min=0)
    ] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Extract a steering vector of a trait and write it with where it came from."""
    from identifiability.choose import unknown
    from identifiability.progress import progress_bar
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
    if quiet:
        return
    typer.echo(f"{found.name}, {method} of {len(found.pairs)} pairs, {loaded.name}")
    typer.echo(f"{'layer':>6} {'norm':>10} {'of ‖h‖':>8}")
    for vector in vectors:
        states = vector.state_norm or float("nan")
        typer.echo(f"{vector.layer:>6} {vector.norm:>10.4g} {vector.norm / states:>8.1%}")
    typer.echo(f"written: {to}")


def _numbers(layers: list[str]) -> list[int | str]:
    """Numbers as numbers; "all" as it is."""
    from identifiability.errors import InvalidInput

    found: list[int | str] = []
    for text in layers:
        try:
            found.append(text if text == "all" else int(text))
        except ValueError:
            raise InvalidInput(f'layer must be an integer or "all", got {text!r}') from None
    return found
