"""From a percent-format script to an executed notebook.

The scripts of the folder ``notebooks`` ship as the package ``identifiability.lessons``. A cell
tagged ``parameters`` holds defaults that ``--set KEY=VALUE`` overrides, as papermill does.
"""

from __future__ import annotations

import ast
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import typer

from identifiability.choose import unknown
from identifiability.errors import IdentifiabilityError, InvalidInput
from identifiability.progress import Advance, progress_bar, silent
from identifiability.results import output_directory, replacing

CELL_TIMEOUT = 600  # seconds; a cell that takes longer hangs


class NotebookFailed(IdentifiabilityError):
    """A cell raised; the message holds the cell and its traceback."""


def command(
    names: Annotated[list[str] | None, typer.Argument(help="Which; all by default.")] = None,
    out: Annotated[Path, typer.Option(help="Where the notebooks go.")] = Path("results/notebooks"),
    html: Annotated[bool, typer.Option("--html", help="Also write each as a web page.")] = False,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE for the parameters cell.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
) -> None:
    """Build notebooks from their scripts and execute them."""
    known = lessons()
    chosen = names or list(known)
    for name in chosen:
        if name not in known:
            raise unknown("notebook", name, known)
    parameters = dict(_setting(text) for text in settings or [])
    output_directory(out)
    for name in chosen:
        try:
            with progress_bar(name, quiet=quiet) as advance:
                notebook = execute(build(known[name], parameters), advance)
        except NotebookFailed as error:
            typer.echo(f"notebook {name}: {error}", err=True)
            raise typer.Exit(1) from error
        typer.echo(_write(notebook, out / f"{name}.ipynb", html=html))


def lessons() -> dict[str, str]:
    """The text of every notebook script, by name."""
    scripts = files("identifiability.lessons").iterdir()
    found = {s.name.removesuffix(".py"): s for s in scripts if s.name.endswith(".py")}
    found.pop("__init__")
    return {name: found[name].read_text(encoding="utf-8") for name in sorted(found)}


def build(script: str, parameters: dict[str, Any]) -> Any:
    """A notebook node from a percent-format script, with parameters injected.

    Raises
    ------
    InvalidInput
        If parameters are given that the script does not have.
    """
    import jupytext
    import nbformat

    notebook = jupytext.reads(script, fmt="py:percent")
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    tagged = [i for i, cell in enumerate(notebook.cells) if "parameters" in _tags(cell)]
    defaults = _assigned(notebook.cells[tagged[0]].source) if tagged else []
    for key in parameters:
        if key not in defaults:
            raise unknown("notebook parameter", key, defaults or ["(this notebook has none)"])
    if parameters:
        lines = "\n".join(f"{key} = {value!r}" for key, value in parameters.items())
        injected = nbformat.v4.new_code_cell(lines, metadata={"tags": ["injected-parameters"]})
        notebook.cells.insert(tagged[0] + 1, injected)
    # Random cell ids would make the same notebook differ from one build to the next.
    for index, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{index}"
    return notebook


def execute(notebook: Any, advance: Advance = silent) -> Any:
    """Run every cell in a fresh kernel and keep what it prints and draws.

    Raises
    ------
    NotebookFailed
        If a cell raises or takes too long.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError

    total = len(notebook.cells)

    def done(cell: Any, cell_index: int, **_: Any) -> None:
        advance(cell_index + 1, total, "")

    client = NotebookClient(notebook, timeout=CELL_TIMEOUT, on_cell_complete=done)
    client.record_timing = False
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError) as error:
        raise NotebookFailed(str(error)) from error
    return notebook


def _write(notebook: Any, path: Path, *, html: bool) -> str:
    import nbformat

    nbformat.validate(notebook)
    with replacing(path) as stream:
        stream.write(nbformat.writes(notebook).encode())
    if not html:
        return f"notebook: {path}"
    from nbconvert import HTMLExporter

    page = path.with_suffix(".html")
    with replacing(page) as stream:
        stream.write(HTMLExporter().from_notebook_node(notebook)[0].encode())
    return f"notebook: {path}\npage: {page}"


def _setting(text: str) -> tuple[str, Any]:
    key, separator, value = text.partition("=")
    if not separator or not key.isidentifier():
        raise InvalidInput(f"--set must be KEY=VALUE, got {text!r}; for example --set seed=1")
    try:
        return key, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return key, value  # a word is a string: --set model=smollm2-135m


def _tags(cell: Any) -> list[str]:
    return cell.metadata.get("tags", [])


def _assigned(source: str) -> list[str]:
    statements = ast.parse(source).body
    targets = [s.targets[0] for s in statements if isinstance(s, ast.Assign)]
    return [target.id for target in targets if isinstance(target, ast.Name)]
