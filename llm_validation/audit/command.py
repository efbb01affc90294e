"""The ``audit`` command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    vector: Annotated[
        Path, typer.Argument(help="File: .safetensors, .gguf, .npy, .pt, .pth or .json.")
    ],
    model: Annotated[
        str | None, typer.Option(help="Name, folder or Hugging Face id; the embedded one if none.")
    ] = None,
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
    workers: Annotated[int, typer.Option(help="Local processes.", min=1)] = 2,
    seed: Annotated[int, typer.Option(help="Seed of everything random.", min=0)] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
) -> None:
    """Is this steering vector identifiable? What would settle it?"""
    from identifiability.progress import progress_bar
    from llm_validation.audit.auditing import audit
    from llm_validation.audit.files import write_audit
    from llm_validation.models import DEFAULT_MODEL

    with progress_bar("audit", quiet=quiet) as advance:
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
    typer.echo(str(found))
    typer.echo(f"Written to {out}: {', '.join(path.name for path in written)}")
