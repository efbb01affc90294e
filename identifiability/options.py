"""Options that several commands have, in the same words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[
    str | None,
    typer.Option("--model", help="Name, folder or Hugging Face id; the embedded one if none."),
]
Json = Annotated[
    Path | None,
    typer.Option(
        "--json", metavar="FILE", help="Write the results as JSON; - is stdout, for pipes."
    ),
]
Seed = Annotated[int, typer.Option("--seed", help="Seed of everything random.", min=0)]
SeedOfNothing = Annotated[
    int, typer.Option("--seed", help="Every command takes one; nothing here is random.", min=0)
]
Workers = Annotated[int, typer.Option("--workers", help="Processes on this machine.", min=1)]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bar.")]
Silent = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")]
