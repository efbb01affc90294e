"""What is left unknown by a linear recovery of one vector, read off many planted vectors.

The errors of d + 4 random vectors span exactly the dimensions that were lost: their number is the
rank of the errors, whatever kernel the method itself reports. An outcome says first what is read
off the estimates, and then what the method said of it: theory predicts both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from identifiability.recovery.linear import LinearRecovery
from identifiability.statistics import cluster_bootstrap
from toy_models.matrix import Measurement, Outcome

# Relative to ||v||. Float64 solves these problems to about 1e-16 times their condition number; the
# dials keep that below 1e5, and 1e-8 is what the method promises.
RECOVERED = 1e-8
# Relative to the error of knowing nothing: lost dimensions keep errors of order 1, the others of
# order RECOVERED or, where curvature enters, 1e-5; this is a factor of 10 or more from either.
LOST = 1e-2
WRONG = "the row-space part is wrong"

Fit = Callable[[np.ndarray], LinearRecovery]  # planted vector (d,) to a fitted recovery


def measure_kernel(
    fit: Fit, kernel: np.ndarray, *, equations: int, seed: int, error: float = 0.0
) -> Measurement:
    """Plant d + 4 random unit vectors, recover each, and say what came back and what did not.

    ``kernel`` (d, k) is the planted truth; ``error`` is what stated noise may do to an estimate.
    """
    width = len(kernel)
    rng, resampling = np.random.default_rng([seed, 1]), np.random.default_rng([seed, 2])
    vectors = rng.standard_normal((width + 4, width))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    fits = [fit(vector) for vector in vectors]
    scores = 1 - np.linalg.norm(np.array([f.vector_ for f in fits]) - vectors, axis=1)
    interval = cluster_bootstrap(lambda x: x.mean(axis=1), [scores], rng=resampling)
    return Measurement(
        outcome=outcome(fits, vectors, kernel, RECOVERED + error),
        score=interval.estimate,
        score_min=float(scores.min()),
        interval=(interval.low, interval.high),
        chance=chance(width),
        n=equations,
        d=width,
    )


def outcome(
    fits: Sequence[LinearRecovery], vectors: np.ndarray, kernel: np.ndarray, tolerance: float
) -> Outcome:
    """The estimates against the planted unit vectors, and beside it the method's prediction."""
    found = _read_off(np.array([f.vector_ for f in fits]) - vectors, kernel, tolerance)
    predictions = {f.prediction_ for f in fits}
    if len(predictions) > 1:
        return Outcome(False, f"{found or 'recovered'}; said: now this, now that")
    (said,) = predictions
    if said.recovers and found is None:
        return Outcome(True)
    if found is None:
        return Outcome(False, "recovered, but the method does not say so")
    if said.failure_mode is None:
        return Outcome(False, f"{found}; said: it recovers")
    if said.recovers is None:
        return Outcome(False, undecided_and(said.failure_mode, found))
    return Outcome(False, failed_and(found, said.failure_mode))


def _read_off(errors: np.ndarray, kernel: np.ndarray, tolerance: float) -> str | None:
    """What the errors (trials, d) of unit vectors show, given the planted kernel; None: nothing."""
    if np.all(np.linalg.norm(errors, axis=1) <= tolerance):
        return None
    visible = errors - errors @ kernel @ kernel.T
    if np.any(np.linalg.norm(visible, axis=1) > tolerance):
        return WRONG
    lost = int(np.sum(np.linalg.svd(errors, compute_uv=False) > LOST))
    return kernel_lost(lost, errors.shape[1])


def kernel_lost(dimension: int, width: int) -> str:
    """The failure that N1 predicts: the kernel part stays unknown, the rest comes back."""
    return f"kernel: {dimension} of {width} dimensions"


def failed_and(found: str, said: str) -> str:
    """A failure that the method announced: what is read off, and what it said.

    The words that read as what was found are not said twice.
    """
    same = said == found or said.startswith(f"{found};") or said.startswith(f"{found},")
    return f"{found}; said: {'the same' + said.removeprefix(found) if same else said}"


def undecided_and(said: str, found: str) -> str:
    """A failure where the method left it open; its words begin with "undecided"."""
    return f"{said}; found: {found}"


def undecided(*conditions: str) -> str:
    """The failure that the method itself announces: a condition does not hold."""
    return f"undecided: no {', no '.join(sorted(conditions))}"


def chance(width: int) -> float:
    """Expected score of a step of the right length in a uniformly random direction.

    From the start 0 that is a random vector of the norm of v. 1 - E||u - w|| for independent unit
    vectors u, w in R^d; the mean chord is 2^(d-1) Gamma(d/2)^2 / (sqrt(pi) Gamma(d - 1/2)).
    """
    gammas = 2 * math.lgamma(width / 2) - math.lgamma(width - 0.5)
    return 1 - math.exp((width - 1) * math.log(2) + gammas - math.log(math.pi) / 2)
