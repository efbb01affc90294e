"""Changes that cosmic-ray proposes for a module, and a sample of them as defects.

cosmic-ray is not among the locked packages: it is needed here only, and brings a dozen others.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tools.mutants.defect import Defect

REQUIREMENT = "cosmic-ray==8.7.0"

# Of floating-point numbers these raise a TypeError at once: whatever runs the line notices.
_BITS = r"ReplaceBinaryOperator_(Add|Sub|Mul|Div|FloorDiv|Mod|Pow)_(BitAnd|BitOr|BitXor|[LR]Shift)"

Place = tuple[int, int]
"""Line from 1 and column from 0, as both parsers count them."""


class NoDrawing(Exception):
    """Nothing can be drawn here, with what to do about it."""


@dataclass(frozen=True)
class Change:
    """One change that cosmic-ray can make.

    Attributes
    ----------
    operator, occurrence
        What cosmic-ray calls it, and which of the places where it applies.
    start, end
        The passage that it is about.
    """

    operator: str
    occurrence: int
    start: Place
    end: Place


def changes(text: str) -> list[Change]:
    """Every change but those in annotations, which are never run, and of arithmetic into bits.

    Raises
    ------
    NoDrawing
        If cosmic-ray is not installed.
    """
    try:
        from cosmic_ray.ast import ast_nodes, get_ast
        from cosmic_ray.plugins import get_operator, operator_names
    except ImportError as error:
        raise NoDrawing(
            f"drawing mutants needs cosmic-ray, which the set-up leaves out: pip install "
            f"{REQUIREMENT} in an environment beside it, and name that on the PYTHONPATH"
        ) from error
    nodes, unrun = list(ast_nodes(get_ast(text))), annotation_places(text)
    found = []
    for name in operator_names():
        operator = get_operator(name)
        if operator.arguments() or re.search(_BITS, name):
            continue  # the former need a variable to be named
        places = (place for node in nodes for place in operator().mutation_positions(node))
        found += [Change(name, at, start, end) for at, (start, end) in enumerate(places)]
    return [one for one in found if not any(a <= one.start and one.end <= b for a, b in unrun)]


def annotation_places(text: str) -> list[tuple[Place, Place]]:
    """Beginnings and ends of annotations: strings that nobody evaluates, by the future import."""
    tree = ast.parse(text)
    found: list[ast.expr | None] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.append(node.returns)
        elif isinstance(node, ast.arg | ast.AnnAssign):
            found.append(node.annotation)
    return [
        ((node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0))
        for node in found
        if node is not None
    ]


def sample(found: Sequence[Change], count: int, random: Random) -> list[Change]:
    """Of distinct passages, one change each: an operator with ten replacements counts once."""
    by_place: dict[Place, list[Change]] = {}
    for change in found:
        by_place.setdefault(change.start, []).append(change)
    places = sorted(by_place)
    drawn = sorted(random.sample(places, min(count, len(places))))
    return [random.choice(by_place[place]) for place in drawn]


def as_defect(root: Path, file: str, change: Change, tests: str) -> Defect:
    """The change as a defect of the file, to be caught by a file of tests."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    whole = (root / file).read_text(encoding="utf-8")
    broken = mutate_code(whole, get_operator(change.operator)(), change.occurrence)
    operator = change.operator.rpartition("/")[2]
    line, column = change.start
    old, new = passage(whole, broken)
    return Defect(
        f"{Path(file).stem}:{line}:{column}:{operator}", file, old, new, operator, (tests,)
    )


def passage(whole: str, broken: str) -> tuple[str, str]:
    """The fewest lines around what differs that occur once in the whole text, and what they become.

    Raises
    ------
    ValueError
        If nothing differs.
    """
    if whole == broken:
        raise ValueError("the texts must differ")
    old, new = whole.splitlines(keepends=True), broken.splitlines(keepends=True)
    first = next(i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b)
    most = min(len(old), len(new)) - first
    last = next(i for i in range(most + 1) if i == most or old[-1 - i] != new[-1 - i])
    while True:
        kept = slice(first, len(old) - last)
        if whole.count("".join(old[kept])) == 1:
            return "".join(old[kept]), "".join(new[first : len(new) - last])
        first, last = max(0, first - 1), max(0, last - 1)
