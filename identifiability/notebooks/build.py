"""From a percent-format script to a notebook whose parameters are set.

The cell tagged ``parameters`` holds the defaults; values given from outside go into a cell injected
right after it, as papermill does it. That cell's metadata ``reduced`` names smaller settings, for a
quick look and for the tests.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from identifiability.choose import unknown
from identifiability.errors import InvalidInput

PARAMETERS, INJECTED = "parameters", "injected-parameters"
"""Tags, as papermill calls them."""
REDUCED = "reduced"


def build(script: str, parameters: Mapping[str, Any]) -> Any:
    """A notebook node from a percent-format script, with parameters injected.

    Raises
    ------
    InvalidInput
        If a parameter is given that the script does not have, or a value of another kind than its
        default.
    """
    import nbformat

    notebook = _read(script)
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    place = _parameters_cell(notebook)
    known = _assigned(notebook, place)
    for key, value in parameters.items():
        if key not in known:
            raise unknown("notebook parameter", key, known or ["(this notebook has none)"])
        _check_kind(key, value, known[key])
    if parameters and place is not None:
        lines = "\n".join(f"{key} = {value!r}" for key, value in parameters.items())
        injected = nbformat.v4.new_code_cell(lines, metadata={"tags": [INJECTED]})
        notebook.cells.insert(place + 1, injected)
    # Random cell ids would make the same notebook differ from one build to the next.
    for index, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{index}"
    return notebook


def defaults(script: str) -> dict[str, Any]:
    """The parameters of a script by name; ``...`` where a default is no literal."""
    notebook = _read(script)
    return _assigned(notebook, _parameters_cell(notebook))


def reduced(script: str) -> dict[str, Any]:
    """The smaller settings that a script names; empty for one that is quick as it is."""
    notebook = _read(script)
    place = _parameters_cell(notebook)
    return {} if place is None else dict(notebook.cells[place].metadata.get(REDUCED, {}))


def setting(text: str) -> tuple[str, Any]:
    """Name and value of one ``KEY=VALUE``.

    Raises
    ------
    InvalidInput
        If it is none.
    """
    key, separator, value = text.partition("=")
    if not separator or not key.isidentifier():
        raise InvalidInput(f"--set must be KEY=VALUE, got {text!r}; for example --set seed=1")
    try:
        return key, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return key, value  # a word is a string: --set model=smollm2-135m


def _read(script: str) -> Any:
    import jupytext

    notebook = jupytext.reads(script, fmt="py:percent")
    # How to write the script again, with names in the order of a set: another one in each process.
    notebook.metadata.pop("jupytext", None)
    return notebook


def _parameters_cell(notebook: Any) -> int | None:
    """Of several tagged cells the first one counts, as for papermill."""
    tagged = (i for i, c in enumerate(notebook.cells) if PARAMETERS in c.metadata.get("tags", []))
    return next(tagged, None)


def _assigned(notebook: Any, place: int | None) -> dict[str, Any]:
    if place is None:
        return {}
    found = {}
    for statement in ast.parse(notebook.cells[place].source).body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
            first = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            if isinstance(first, ast.Name):
                found[first.id] = _literal(statement.value)
    return found


def _literal(expression: ast.expr) -> Any:
    try:
        return ast.literal_eval(expression)
    except ValueError:
        return ...  # computed: any kind of value may take its place


def _check_kind(key: str, value: Any, default: Any) -> None:
    """A word for a number would fail in some later cell, with a message about that cell."""
    if default is None or default is ...:
        return
    kinds: dict[type, tuple[type, ...]] = {
        float: (int, float),
        list: (list, tuple),
        tuple: (list, tuple),
    }
    allowed = kinds.get(type(default), (type(default),))
    # True and False are integers to Python, and to nobody who sets a count.
    if type(value) not in allowed:
        raise InvalidInput(
            f"notebook parameter {key} must be of the kind of its default {default!r}, "
            f"got {value!r}; for example --set {key}={default}"
        )
