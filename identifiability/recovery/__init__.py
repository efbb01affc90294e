"""Estimators of vectors and directions, each with its condition and the class that remains.

scikit-learn conventions: parameters are stored unchanged, ``fit`` validates, what was learned ends
in an underscore. Names are loaded on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from identifiability.recovery.covariance import CovarianceRecovery
    from identifiability.recovery.cross_layer import CrossLayerRecovery
    from identifiability.recovery.environments import EnvironmentRecovery
    from identifiability.recovery.ica import ICARecovery
    from identifiability.recovery.invariant import InvariantRecovery
    from identifiability.recovery.least_squares import LeastSquaresRecovery
    from identifiability.recovery.sparse import SparseRecovery

_HOME = {
    "CovarianceRecovery": "covariance",
    "CrossLayerRecovery": "cross_layer",
    "EnvironmentRecovery": "environments",
    "ICARecovery": "ica",
    "InvariantRecovery": "invariant",
    "LeastSquaresRecovery": "least_squares",
    "SparseRecovery": "sparse",
}

__all__ = [
    "CovarianceRecovery",
    "CrossLayerRecovery",
    "EnvironmentRecovery",
    "ICARecovery",
    "InvariantRecovery",
    "LeastSquaresRecovery",
    "SparseRecovery",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
