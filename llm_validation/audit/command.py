"""The ``audit`` command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from identifiability.options import Json, Model, Quiet, Seed, Workers


def command(
    vector: Annotated[
        Path, typer.Argument(help="File: .safetensors, .gguf, .npy, .pt, .pth or .json.")
    ],
    model: Model = None,
    layer: Annotated[
        int | None,
        typer.Option(help='"After block i", from 0; needed where the file has several or none.'),
    ] = None,
    prompts: Annotated[
        Path | None, typer.Option(help="JSONL, text lines or our JSON; built-in ones if none.")
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Prompts without the chat template.")] = False,
    count: Annotated[int, typer.Option(help="Prompts used, half to choose.", min=8)] = 32,
    epsilon: Annotated[float, typer.Option(help="Tolerance in nats.")] = 0.01,
    alpha: Annotated[float, typer.Option(help="Steering strength.")] = 1.0,
    observe: Annotated[
        str, typer.Option(help="next-token, completion, topk:K or score:TRAIT.")
    ] = "next-token",
    trait: Annotated[
        str | None, typer.Option(help="Trait whose score the witness has to keep.")
    ] = None,
    compare: Annotated[
        list[Path] | None, typer.Option(help="Another vector; may be repeated.")
    ] = None,
    apply: Annotated[
        list[str] | None,
        typer.Option(help="environments=FILE, layers=K or prompts=FILE; may be repeated."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Where results, vectors and finished cells go.")] = Path(
        "results/audit"
    ),
    json: Json = None,
    workers: Workers = 2,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Is this steering vector identifiable? What would settle it?

    Examples
    --------
    ::

        identifiability extract --trait formality --to formality.safetensors
        identifiability audit formality.safetensors
        identifiability audit v.gguf --layer 12 --prompts mine.txt --alpha 4
        identifiability audit v.npy --layer 12 --trait formality --compare w.npy
        identifiability audit v.npy --layer 12 --observe topk:20
        identifiability audit v.npy --layer 12 --apply layers=3
        identifiability audit v.npy --layer 12 --json - | jq .vector.verdict
    """
    from identifiability.endings import resumable
    from identifiability.output import give
    from identifiability.progress import progress_bar
    from identifiability.reporting.build import build_report
    from identifiability.results import json_target, read_json
    from llm_validation.audit.auditing import audit
    from llm_validation.audit.files import write_audit
    from llm_validation.models import DEFAULT_MODEL

    json_target(json)
    kept = f"what was measured is kept in {out}: run the same command again to go on"
    with resumable(kept), progress_bar("audit", quiet=quiet) as advance:
        found = audit(
            vector,
            model or DEFAULT_MODEL,
            layer,
            prompts=prompts,
            chat=not raw,
            count=count,
            alpha=alpha,
            epsilon=epsilon,
            observe=observe,
            trait=trait,
            compare=list(compare or ()),
            apply=list(apply or ()),
            out=out,
            seed=seed,
            workers=workers,
            advance=advance,
        )
    written = write_audit(found, out, ["identifiability", "audit", vector.name])
    named = ", ".join(path.name for path in written)
    lines = f"{found}\nWritten to {out}: {named}\nreport: {build_report(out)}"
    give(read_json(written[0]), json, lines)
