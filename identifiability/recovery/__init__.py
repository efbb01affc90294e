"""Estimators of a steering vector from what it does, each with the class that remains.

scikit-learn conventions: parameters are stored unchanged, ``fit`` validates, what was learned ends
in an underscore. Names are loaded on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from identifiability.recovery.least_squares import LeastSquaresRecovery

_HOME = {"LeastSquaresRecovery": "least_squares"}

__all__ = ["LeastSquaresRecovery"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
