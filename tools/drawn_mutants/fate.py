"""What became of a drawn change, in the words of mutation testing."""

from __future__ import annotations

from collections.abc import Sequence

from tools.mutants.survey import Outcome

FATES = "killed", "endless", "survived", "undecided"

_NOT_COLLECTED = "pytest ended with status 2"
_TOO_LONG = "took more than"


def fates(outcomes: Sequence[Outcome]) -> list[str]:
    """One of ``FATES`` for each change.

    A module that cannot be imported with the change in it is a change killed, if its tests were
    collected with another; so is one with which a test goes on for ever, counted apart.
    """
    collected = {one.defect.file for one in outcomes if one.caught_by is not None or one.survived}
    return [_fate(one, one.defect.file in collected) for one in outcomes]


def _fate(one: Outcome, collected: bool) -> str:
    if one.caught_by is not None or (collected and one.problem.startswith(_NOT_COLLECTED)):
        return "killed"
    if one.survived:
        return "survived"
    return "endless" if _TOO_LONG in one.problem else "undecided"
