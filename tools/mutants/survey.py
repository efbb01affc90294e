"""Every defect put in on its own, and what noticed it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue

from tools.mutants.defect import Defect
from tools.mutants.tree import NotRun, Tree

FEW = 8
"""Defects for which it does not pay to import all libraries once beforehand."""


@dataclass(frozen=True)
class Outcome:
    """What became of one defect.

    Attributes
    ----------
    caught_by
        The first check that failed; None if all of them passed.
    seconds
        How long its checks took.
    problem
        Why nothing can be said, "" if something can.
    """

    defect: Defect
    caught_by: str | None
    seconds: float
    problem: str = ""

    @property
    def survived(self) -> bool:
        return self.caught_by is None and not self.problem


def survey(
    defects: Sequence[Defect],
    root: Path,
    *,
    workers: int,
    limit: float,
    told: Callable[[Outcome], None],
) -> list[Outcome]:
    """Outcomes in the order of the defects; ``told`` hears of each as it comes.

    What caught a defect is run once more without any, at the end: a check that fails there too
    has caught nothing.

    Raises
    ------
    WrongDefect
        Before anything runs, if an old text is not in its file exactly once.
    """
    for defect in defects:
        defect.applied(root)
    with ExitStack() as scope:
        folder = scope.enter_context(tempfile.TemporaryDirectory(prefix="mutants-"))
        trees: SimpleQueue[Tree] = SimpleQueue()
        for number in range(workers):
            tree = Tree(root, Path(folder, str(number)), limit, loaded=len(defects) > FEW)
            trees.put(scope.enter_context(closing(tree)))

        def examine(defect: Defect) -> Outcome:
            tree = trees.get()
            try:
                found = _outcome(tree, defect)
            finally:
                trees.put(tree)
            told(found)
            return found

        with ThreadPoolExecutor(workers) as pool:
            outcomes = list(pool.map(examine, defects))
        return _without_false_alarms(outcomes, trees.get())


def _outcome(tree: Tree, defect: Defect) -> Outcome:
    start, caught, problem = time.perf_counter(), None, ""
    try:
        with tree.with_defect(defect):
            caught = tree.first_failure(defect.caught_by)
    except NotRun as reason:
        problem = str(reason)
    return Outcome(defect, caught, time.perf_counter() - start, problem)


def _without_false_alarms(outcomes: list[Outcome], tree: Tree) -> list[Outcome]:
    catchers = sorted({one.caught_by for one in outcomes if one.caught_by is not None})
    try:
        false = set(tree.failures(catchers))
        reason = "fails without the defect too"
    except NotRun as problem:
        false, reason = set(catchers), f"could not be run without the defect: {problem}"
    return [
        replace(one, caught_by=None, problem=f"{one.caught_by} {reason}")
        if one.caught_by in false
        else one
        for one in outcomes
    ]
