"""The table of defects: for the terminal, for the documentation and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tools.mutants.survey import Outcome

_HEAD = """\
# Deliberate defects

Written by `make mutants ARGS="--markdown docs/mutants.md"`. One defect at a time is put into a copy
of the sources, and the checks that are said to catch it are run there. It counts as caught if a
test fails, or a theorem is not verified, that passes without the defect; the check named is the
first that did. The table that the command prints has the seconds too.

No defect is a missing conjugate: but for the complex step of an oracle, whose defect is listed, the
sources compute with real numbers. Defects drawn by a machine, of which nobody thought:
[mutation testing](mutation-testing.md).
"""


def line(outcome: Outcome) -> str:
    """One defect on one line."""
    return f"{outcome.defect.name}: {_found(outcome)} ({outcome.seconds:.1f} s)"


def closing(outcomes: Sequence[Outcome]) -> str:
    """How many were caught."""
    caught = sum(one.caught_by is not None for one in outcomes)
    survivors = [one.defect.name for one in outcomes if one.survived]
    open_ones = [one.defect.name for one in outcomes if one.problem]
    said = f"{caught} of {len(outcomes)} defects caught"
    said += f"; survivors: {', '.join(survivors)}" if survivors else ""
    return said + (f"; not decided: {', '.join(open_ones)}" if open_ones else "")


def table(outcomes: Sequence[Outcome]) -> str:
    """Columns for the terminal."""
    rows = [("defect", "caught by", "seconds")]
    rows += [(one.defect.name, _found(one), f"{one.seconds:.1f}") for one in outcomes]
    widths = [max(len(row[i]) for row in rows) for i in range(2)]
    lines = [f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>7}" for a, b, c in rows]
    return "\n".join([*lines, "", closing(outcomes)])


def page(outcomes: Sequence[Outcome], known: int) -> str:
    """Markdown: which of the ``known`` defects ran, why they matter, what caught them."""
    ran = f"{len(outcomes)} of the {known} defects of the table ran: {closing(outcomes)}."
    lines = [
        _HEAD,
        ran,
        "",
        "| defect | in | why it matters | caught by |",
        "|---|---|---|---|",
    ]
    for one in outcomes:
        cells = (
            one.defect.name,
            f"`{one.defect.file}`",
            one.defect.why,
            f"`{one.caught_by}`" if one.caught_by else f"**{_found(one)}**",
        )
        lines.append(f"| {' | '.join(_escaped(cell) for cell in cells)} |")
    return "\n".join(lines) + "\n"


def document(outcomes: Sequence[Outcome], known: int) -> dict[str, Any]:
    """For JSON."""
    return {
        "known": known,
        "caught": sum(one.caught_by is not None for one in outcomes),
        "defects": [
            {
                "name": one.defect.name,
                "file": one.defect.file,
                "why": one.defect.why,
                "listed": list(one.defect.caught_by),
                "caught_by": one.caught_by,
                "problem": one.problem,
                "seconds": round(one.seconds, 2),
            }
            for one in outcomes
        ],
    }


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")


def _found(outcome: Outcome) -> str:
    if outcome.problem:
        return f"not decided: {' '.join(outcome.problem.split())}"
    return outcome.caught_by or "SURVIVED"
