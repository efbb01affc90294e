"""Our estimation step against scikit-learn's FastICA, on the same states in one run.

Condition checks and stability refits apart, ours may cost at most 1.2 times the library's time.
"""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import FastICA

from benchmarks.conftest import timed
from identifiability.recovery import ICARecovery
from toy_models import LinearMixing


def fastica(states: np.ndarray) -> None:
    """The library as its users call it."""
    FastICA(whiten="unit-variance", random_state=0).fit(states)


def ours(states: np.ndarray) -> None:
    """The same estimation, without the conditions."""
    ICARecovery().fastica_columns(states)


@pytest.mark.parametrize("fit", [fastica, ours])
@pytest.mark.parametrize(("width", "samples"), [(4, 20_000), (8, 5_000), (16, 20_000)])
def test_ica(benchmark, fit, width, samples):
    """Both on the same states."""
    benchmark.group = f"ICA, d = {width}, n = {samples}"
    timed(benchmark, fit, LinearMixing(width=width, samples=samples).sample(0).states, rounds=15)
