"""Identifiability of steering vectors: operators, spectra, equivalence classes, recovery, verdicts.

Names are loaded on first use, so that importing the package (and listing theorems) stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from identifiability.equivalence import EquivalenceClass
    from identifiability.exact import exact_rank, generic_rank
    from identifiability.operators import FisherOperator, JacobianOperator, average, stack
    from identifiability.spectrum import Spectrum
    from identifiability.verdict import Report, Verdict

_HOME = {
    "EquivalenceClass": "equivalence",
    "exact_rank": "exact",
    "generic_rank": "exact",
    "FisherOperator": "operators",
    "JacobianOperator": "operators",
    "average": "operators",
    "stack": "operators",
    "Spectrum": "spectrum",
    "Report": "verdict",
    "Verdict": "verdict",
}

__all__ = [
    "EquivalenceClass",
    "FisherOperator",
    "JacobianOperator",
    "Report",
    "Spectrum",
    "Verdict",
    "average",
    "exact_rank",
    "generic_rank",
    "stack",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
