r"""The epsilon-class of a vector at the strength it is used at, from metrics of prompts.

Everything is in units of the displacement: the model is steered by alpha v, another vector v' by
alpha v', and the metric is taken at the steered states h + alpha v, so that to second order

.. math:: \mathrm{KL}(\alpha v \,\|\, \alpha v') = \tfrac12 \alpha^2 (v' - v)^\top G (v' - v).

The class within epsilon holds at radius R = alpha ||v||; a witness may be kept nearer than that,
where the second order is known to hold, without changing which directions are invisible.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from identifiability.equivalence import EquivalenceClass
from identifiability.spectrum import Spectrum
from llm_validation.prompt_fisher import mean_of

FOLDS = 8
"""Eigen-decompositions for the prediction: each leaves an eighth of the prompts out, so that its
class is of nearly as many prompts as the class reported."""


@dataclass(frozen=True, eq=False)
class SteeredClass:
    """What behaves like ``displacement`` = alpha v, within epsilon at its own norm.

    Attributes
    ----------
    metric
        (d, d) mean over the choosing prompts.
    spectrum
        Of it, with the measured error of its entries.
    displacement
        (d,) alpha v.
    epsilon
        In nats.
    """

    metric: np.ndarray
    spectrum: Spectrum
    displacement: np.ndarray
    epsilon: float

    @classmethod
    def of(
        cls,
        metrics: Sequence[np.ndarray],
        displacement: np.ndarray,
        epsilon: float,
        error: float,
    ) -> SteeredClass:
        """From metrics of prompts; ``error`` bounds what rounding does to their eigenvalues."""
        mean = mean_of(metrics)
        spectrum = Spectrum.of(mean, error=error, metric=True)
        return cls(mean, spectrum, displacement, epsilon)

    @property
    def radius(self) -> float:
        """R."""
        return float(np.linalg.norm(self.displacement))

    @property
    def whole(self) -> EquivalenceClass:
        """The class at its whole radius."""
        return self.within(1.0)

    def within(self, fraction: float) -> EquivalenceClass:
        """The same invisible directions; members within a fraction of the radius."""
        # 2 epsilon/R² decides what is invisible, and stays.
        return EquivalenceClass(
            self.metric,
            self.displacement,
            epsilon=self.epsilon * fraction**2,
            radius=self.radius * fraction,
            spectrum=self.spectrum,
        )

    def step(self, fraction: float, towards: np.ndarray) -> np.ndarray:
        """(d,) from alpha v to another member, a fraction of the radius away.

        Of the same norm where v's invisible part b is long enough to be turned that far, in the
        plane of b and the invisible part of ``towards`` (d,); else of another norm, along the
        latter: whether hidden directions can be told from none must not hang on how much of *this*
        v lies in them. A random direction stands for the class; one picked for its eigenvalue would
        be the luck of these prompts.
        """
        found = self.within(fraction)
        hidden, limit = found.invisible_part, self.radius * fraction
        size = float(np.linalg.norm(hidden))
        across = found.basis @ (found.basis.T @ towards)
        if 2 * size < limit or found.dimension < 2:
            return limit * across / np.linalg.norm(across)
        along = hidden / size
        across -= along * (along @ across)
        across /= np.linalg.norm(across)
        # A chord of length c spans an angle of 2 arcsin(c / 2|b|).
        turn = 2 * np.arcsin(limit / (2 * size))
        return size * ((np.cos(turn) - 1) * along + np.sin(turn) * across)

    @property
    def energy_below(self) -> float:
        """||b||²/||v||², the invisible share of the vector."""
        hidden = self.whole.invisible_part
        return float(hidden @ hidden) / self.radius**2

    @property
    def flips_at(self) -> tuple[float, float]:
        """Epsilon below which no direction is invisible at this radius: least and most possible.

        Half of the least eigenvalue times R², give or take the noise floor; (0, x) says that the
        verdict does not flip above x, and below it the rounding decides.
        """
        least, floor = float(self.spectrum.values[-1]), self.spectrum.resolution
        half = 0.5 * self.radius**2
        return half * max(0.0, least - floor), half * (least + floor)


def left_out_divergences(
    metrics: Sequence[np.ndarray],
    found: SteeredClass,
    fractions: Sequence[float],
    towards: np.ndarray,
) -> np.ndarray:
    """(n, k) second-order divergence of witnesses on each prompt, chosen without that prompt.

    The witness's own is too small on the prompts that it was chosen on: their least visible
    directions are not quite those of others.
    """
    count = len(metrics)
    folds = min(FOLDS, count)
    divergences = np.zeros((count, len(fractions)))
    for fold in range(folds):
        left_out = range(fold, count, folds)
        rest = mean_of([metrics[i] for i in range(count) if i not in left_out])
        values, vectors = np.linalg.eigh(rest)
        spectrum = Spectrum(
            np.clip(values[::-1], 0, None),
            vectors[:, ::-1],
            found.spectrum.resolution,
            rectangular=False,
        )
        chosen = SteeredClass(rest, spectrum, found.displacement, found.epsilon)
        if chosen.whole.dimension == 0:
            continue  # {v}: its only member is v itself, at divergence 0
        steps = np.array([chosen.step(fraction, towards) for fraction in fractions])
        for i in left_out:
            divergences[i] = 0.5 * np.einsum("ki,ki->k", steps @ metrics[i], steps)
    return divergences


def prediction_interval(
    left_out: np.ndarray, count: int, level: float = 0.95
) -> tuple[float, float, float]:
    """Mean of left-out divergences (n,), and where the mean of ``count`` further prompts lies.

    On the log scale, since a divergence is positive and skewed. The error of the difference of the
    two means has a third part besides 1/n and 1/count: the witness itself was chosen on prompts,
    and all folds share most of them (Nadeau & Bengio 2003, doi:10.1023/A:1024068626366).
    """
    mean, n = float(left_out.mean()), len(left_out)
    if mean == 0:
        return 0.0, 0.0, 0.0
    chosen_on = n - n / min(FOLDS, n)
    error = float(left_out.std(ddof=1)) * np.sqrt(1 / n + 1 / chosen_on + 1 / count) / mean
    factor = float(np.exp(stdtrit(n - 1, (1 + level) / 2) * error))
    return mean, mean / factor, mean * factor
