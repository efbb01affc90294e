"""The ``notebooks`` command: lessons built from their scripts, executed, written whole.

The scripts of the folder ``notebooks`` ship as the package ``identifiability.lessons``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from identifiability.choose import unknown
from identifiability.endings import resumable
from identifiability.errors import InvalidInput
from identifiability.notebooks.build import build, defaults, reduced, setting
from identifiability.notebooks.execute import NotebookFailed, execute
from identifiability.options import Quiet
from identifiability.output import say
from identifiability.progress import progress_bar
from identifiability.results import DISTRIBUTION, output_directory, replacing

_NEEDED = ("jupytext", "nbformat", "nbclient", "nbconvert", "ipykernel")


def _completions() -> list[str]:
    return list(lessons())


def command(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Which; all by default.", autocompletion=_completions),
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the notebooks go.")] = Path("results/notebooks"),
    html: Annotated[
        bool, typer.Option("--html", help="Also write each as a web page that needs no network.")
    ] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE for the parameters cell; may be repeated."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Short for --set seed=.", min=0)] = None,
    small: Annotated[
        bool, typer.Option("--reduced", help="Smaller settings, for a quick look.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Build notebooks from their scripts and execute them.

    One that fails is not written and the others are; then the exit status is 1.

    Examples
    --------
    ::

        identifiability notebooks --reduced    # all nine, for a quick look
        identifiability notebooks gauges environments --html --out lessons
        identifiability notebooks a_real_transformer --set layer=25 --seed 1
        identifiability notebooks audit_your_own_vector --set vector=mine.gguf
    """
    _require_packages()
    known = lessons()
    chosen = list(dict.fromkeys(names or known))
    for name in chosen:
        if name not in known:
            raise unknown("notebook", name, known)
    given = dict(setting(text) for text in settings or [])
    if seed is not None and given.setdefault("seed", seed) != seed:
        raise InvalidInput(f"--seed {seed} and --set seed={given['seed']} differ; give one of them")
    parameters = _dealt({name: known[name] for name in chosen}, given, small=small)
    notebooks = {name: build(known[name], parameters[name]) for name in chosen}
    output_directory(out)
    failed = False
    with resumable("notebooks that were finished are written; name the others to go on"):
        for name, notebook in notebooks.items():
            try:
                with progress_bar(name, quiet=quiet) as advance:
                    execute(notebook, advance)
            except NotebookFailed as error:
                typer.echo(f"notebook {name}: {error}", err=True)
                failed = True
            else:
                for path in _write(notebook, out / f"{name}.ipynb", html=html):
                    say(f"{'notebook' if path.suffix == '.ipynb' else 'page'}: {path}")
    if failed:
        raise typer.Exit(1)


def lessons() -> dict[str, str]:
    """The text of every notebook script, by name."""
    scripts = files("identifiability.lessons").iterdir()
    found = {s.name.removesuffix(".py"): s for s in scripts if s.name.endswith(".py")}
    found.pop("__init__")
    return {name: found[name].read_text(encoding="utf-8") for name in sorted(found)}


def _dealt(
    scripts: Mapping[str, str], given: Mapping[str, Any], *, small: bool
) -> dict[str, dict[str, Any]]:
    """The parameters of each notebook: those given that it has, over the reduced ones if asked for.

    Raises
    ------
    InvalidInput
        If no notebook has one that is given.
    """
    has = {name: defaults(script) for name, script in scripts.items()}
    anywhere = list(dict.fromkeys(key for known in has.values() for key in known))
    for key in given:
        if key not in anywhere:
            raise unknown("notebook parameter", key, anywhere or ["(there are none)"])
    return {
        name: (reduced(script) if small else {})
        | {key: value for key, value in given.items() if key in has[name]}
        for name, script in scripts.items()
    }


def _write(notebook: Any, path: Path, *, html: bool) -> Sequence[Path]:
    import nbformat

    nbformat.validate(notebook)
    contents = {path: nbformat.writes(notebook)}
    if html:
        from identifiability.notebooks.page import page

        contents[path.with_suffix(".html")] = page(notebook)
    for target, content in contents.items():
        with replacing(target) as stream:
            stream.write(content.encode())
    return list(contents)


def _require_packages() -> None:
    missing = [package for package in _NEEDED if find_spec(package) is None]
    if missing:
        raise InvalidInput(
            f"notebooks need the package {missing[0]}, which is not installed; "
            f'install "{DISTRIBUTION}[notebooks]"'
        )
