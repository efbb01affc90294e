"""All defects, in the order of the theory: what is seen, what follows, what is measured."""

from __future__ import annotations

from tools.mutants.defect import Defect
from tools.mutants.defects import (
    audits,
    classes,
    measurements,
    operators,
    recovery,
    statistics,
    theorems,
    transformers,
)

_PARTS = (operators, classes, statistics, recovery, transformers, measurements, audits, theorems)

DEFECTS: tuple[Defect, ...] = tuple(defect for part in _PARTS for defect in part.DEFECTS)
