"""Recoveries from states and from vectors: what ``fit`` refuses, and odd data that it takes."""

from __future__ import annotations

import numpy as np

from identifiability.recovery import CovarianceRecovery, ICARecovery, InvariantRecovery
from tests.bad_input.case import Answered, Refused

ONES = np.ones(2)
RNG = np.random.default_rng(0)
SOURCES = RNG.laplace(size=(400, 2))
TWO = [SOURCES[:200] * [3.0, 1.0], SOURCES[200:]]
VECTORS = RNG.standard_normal((4, 3))


REFUSED = (
    Refused("a random state", lambda _: ICARecovery(random_state="a").fit(SOURCES), "random_state"),
    Refused("states of one axis", lambda _: ICARecovery().fit(ONES), "states must be (n, d)"),
    Refused("more columns than states", lambda _: ICARecovery().fit(np.ones((2, 3))), "n > d"),
    Refused("a constant column", lambda _: ICARecovery().fit(np.ones((5, 1))), "drop them"),
    Refused(
        "states all alike but for one column",
        lambda _: ICARecovery().fit(np.c_[SOURCES[:9, 0], np.ones(9)]),
        "columns [1] are constant",
    ),
    Refused(
        "states of lower rank",
        lambda _: ICARecovery().fit(SOURCES[:, :1] * [1.0, 2.0]),
        "n_components=1",
    ),
    Refused("states at 1e300", lambda _: ICARecovery().fit(1e300 * SOURCES), "another unit"),
    Refused(
        "one column at 1e-100",
        lambda _: ICARecovery().fit(SOURCES * [1.0, 1e-100]),
        "within a factor of 1e+12",
    ),
    Refused(
        "an environment with one column at 1e-100",
        lambda _: CovarianceRecovery().fit([SOURCES, SOURCES * [1.0, 1e-100]]),
        "columns of environment 1",
    ),
    Refused("states with NaN", lambda _: ICARecovery().fit([[np.nan]] * 3), "must be finite"),
    Refused("no components", lambda _: ICARecovery(n_components=0).fit(SOURCES), "n_components"),
    Refused("an unknown contrast", lambda _: ICARecovery(fun="tanh").fit(SOURCES), "'logcosh'"),
    Refused(
        "states of another width",
        lambda _: ICARecovery().fit(SOURCES).transform(np.ones((2, 5))),
        "from the layer of the fit",
    ),
    Refused(
        "one environment of states",
        lambda _: CovarianceRecovery().fit([SOURCES]),
        "two environments",
    ),
    Refused(
        "an environment of too few states",
        lambda _: CovarianceRecovery().fit([SOURCES, SOURCES[:2]]),
        "add samples",
    ),
    Refused(
        "a singular environment",
        lambda _: CovarianceRecovery().fit([SOURCES, SOURCES[:, :1] * [1.0, 2.0]]),
        "positive definite",
    ),
    Refused(
        "environments at 1e-300",
        lambda _: CovarianceRecovery().fit([1e-300 * SOURCES] * 2),
        "another unit",
    ),
    Refused("states as text", lambda _: CovarianceRecovery().fit("states"), "must be a list"),
    Refused("margin of 0", lambda _: CovarianceRecovery(margin=0).fit(TWO), "0.2 is usual"),
    Refused("one vector", lambda _: InvariantRecovery().fit([[1.0, 2.0]]), "two environments"),
    Refused("vectors with inf", lambda _: InvariantRecovery().fit([[np.inf], [1]]), "finite"),
    Refused("vectors at 1e300", lambda _: InvariantRecovery().fit(1e300 * VECTORS), "unit"),
)

ANSWERED = (
    Answered(
        "independent components at d = 1",
        lambda _: ICARecovery().fit(SOURCES[:, :1]),
        lambda f: np.allclose(np.abs(f.directions_), 1.0),
    ),
    Answered(
        "states at 1e-130",
        lambda _: ICARecovery().fit(1e-130 * SOURCES).directions_,
        lambda found: np.allclose(found, ICARecovery().fit(SOURCES).directions_),
    ),
    Answered(
        "one vector in every environment",
        lambda _: InvariantRecovery().fit([[1.0, 2.0]] * 3),
        lambda f: np.allclose(f.component_, [1.0, 2.0]) and f.spurious_.shape == (2, 0),
    ),
    Answered(
        "equal covariances leave a rotation",
        lambda _: CovarianceRecovery().fit([SOURCES, SOURCES]),
        lambda f: f.prediction_.recovers is not True,
    ),
)
