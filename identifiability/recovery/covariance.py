r"""Directions from the covariances of several environments: no independence, no non-Gaussianity.

.. math::
    \Sigma_e = A \Lambda_e A^\top, \quad \Lambda_e \text{ diagonal}, \qquad e = 1, \dots, E

A is determined up to order and scale iff the variance profiles of the sources over environments
are pairwise linearly independent; proportional ones leave a rotation of their columns (theory.md
R3b). A is the joint diagonaliser of the covariances; for two environments, the inverse transpose of
their generalised eigenvectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from identifiability.gauge import Gauge, Rotation, SignedPermutation
from identifiability.joint_diagonalisation import (
    JointDiagonalisation,
    joint_diagonaliser,
)
from identifiability.metrics import mcc_directions
from identifiability.recovery.covariance_conditions import (
    common_diagonaliser,
    converged,
    distinct_profiles,
    enough_samples,
    prediction,
)
from identifiability.recovery.covariance_input import (
    as_labels,
    as_states,
    definiteness,
    large_enough_halves,
    second_moments,
)
from identifiability.recovery.covariance_report import report
from identifiability.recovery.stability import Stability, halves, planar_null, seeded
from identifiability.validation import as_number
from identifiability.variance_profiles import (
    DesignEffects,
    leakage,
    separation_error,
    separations,
)


class CovarianceRecovery(BaseEstimator):
    r"""Columns of the mixing A from the covariances of two or more environments.

    Parameters
    ----------
    margin
        Smallest separation of two variance profiles that counts, as the difference of two log
        variance ratios: nearer profiles are called one. By default 0.2 (variance ratios within
        22 %): to turn such a pair by less than 0.1 radians takes 2/(0.1 * 0.2)^2 = 5000 samples in
        each environment, about what sets of prompts have.
    level
        Probability with which some statement on separations is wrong although the model is right,
        and with which a right model is rejected.

    Attributes
    ----------
    directions_ : (d, d) array
        Unit columns, in descending order of their variance in the last environment relative to the
        first. Signs are arbitrary.
    mixing_ : (d, d) array
        The same columns, each as long as one (pooled) standard deviation of its source: the scale
        in which ``gauge_`` acts.
    profiles_ : (d, E) array
        Variances of the sources, of weighted mean 1.
    separations_ : (d, d) array
        Separation of every pair of profiles; 0 for proportional ones.
    leakage_ : (d, d) array
        Standard error of the part of column i in ``mixing_[:, j]``, in units of column i.
    conditions_ : list of Condition
        ``positive definite``, ``common diagonaliser``, ``converged``, ``distinct profiles``,
        ``enough samples``. The first and the last are checked on the data. A common diagonaliser is
        assumed: two environments cannot test it, and of more it can only be rejected. The others
        need the joint spectrum: for two environments the
        generalised eigenvalues, beyond that the diagonals of a preliminary diagonalisation; none
        looks at a column.
    prediction_ : Prediction
        From the conditions; ``affected`` names the columns that may be turned among themselves.
    gauge_ : Gauge
        What remains: order and sign of the columns, or a rotation in each affected group.
    report_ : Report
        Verdict, certificate and witness (a turned column, with the information lost by it).

    Raises
    ------
    InvalidInput
        From ``fit``, for fewer than two environments, too few samples, singular covariances.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> sources = rng.standard_normal((2, 5000, 2))
    >>> sources[1] *= [3.0, 1.0]
    >>> fitted = CovarianceRecovery().fit(sources @ np.array([[1.0, 0.0], [1.0, 1.0]]))
    >>> np.abs(fitted.directions_).round(1)
    array([[1. , 0.7],
           [0. , 0.7]])
    """

    def __init__(self, *, margin: float = 0.2, level: float = 1e-3) -> None:
        self.margin = margin
        self.level = level

    def fit(
        self,
        environments: Sequence[Any],
        *,
        groups: Sequence[Any] | None = None,
    ) -> CovarianceRecovery:
        """Diagonalise the covariances, check whether that means anything, report the columns.

        Parameters
        ----------
        environments
            One (n_e, d) array of states for each environment. Means are taken off in each.
        groups
            One (n_e,) array of labels for each environment: samples of one label (tokens of a
            prompt) are not independent of each other. By default only equal samples are not.
        """
        states = as_states(environments)
        labels = as_labels(groups, states)
        self._check_parameters()
        self.n_features_in_ = states[0].shape[1]
        definite = definiteness(states)
        covariances, sizes = second_moments(states)
        found = in_order(joint_diagonaliser(covariances, sizes))
        effects = DesignEffects.of([x @ found.unmixing.T for x in states], labels)
        separation = separations(found.profiles, sizes)
        error = separation_error(sizes, effects.largest, self.level)
        distinct = distinct_profiles(separation, error, self.margin)
        shared = common_diagonaliser(found, sizes, effects, self.level)
        enough = enough_samples(states, labels)
        self.conditions_ = [definite, shared, converged(found), distinct, enough]
        self.prediction_ = prediction(self.conditions_, separation, error, self.margin)
        self.profiles_, self.separations_ = found.profiles, separation
        self.leakage_ = leakage(found.profiles, sizes, effects.largest)
        self.mixing_ = found.mixing
        self.directions_ = self.mixing_ / np.linalg.norm(self.mixing_, axis=0)
        self.gauge_ = _gauge(self.prediction_.affected, self.n_features_in_)
        self.report_ = report(
            found,
            covariances,
            sizes,
            separation,
            self.conditions_,
            self.prediction_,
            self.gauge_,
            margin=self.margin,
            level=self.level,
        )
        return self

    def stability(
        self,
        environments: Sequence[Any],
        *,
        groups: Sequence[Any] | None = None,
        splits: int = 10,
        seed: int = 0,
    ) -> Stability:
        """Columns from disjoint halves of every environment, against each other.

        Cosines are taken where the sources of all data are white, so that a free rotation is one.

        Raises
        ------
        InvalidInput
            As ``fit``, for the environments or halves of them; for groups that do not fit.
        """
        states = as_states(environments)
        self._check_parameters()
        labels = as_labels(groups, states)
        definiteness(states)
        rng = seeded(seed)
        whole = in_order(joint_diagonaliser(*second_moments(states)))
        if labels is None:
            labels = [np.arange(len(x)) for x in states]
        agreement = []
        for parts in zip(
            *(halves(group, splits, rng) for group in large_enough_halves(labels, states)),
            strict=True,
        ):
            first, second = (
                _white_columns(
                    whole, [x[part[side]] for x, part in zip(states, parts, strict=True)]
                )
                for side in (0, 1)
            )
            # The two halves are matched to each other and not both to the whole: then a pair that
            # turns freely lies within 45 degrees of its match, as the null has it.
            named = mcc_directions(first, np.eye(len(first)), draws=1).matching
            agreement.append(mcc_directions(second, first[:, list(named)], draws=1).parts)
        return Stability.of(
            np.array(agreement),
            planar_null(splits, rng),
            "a rotation in the plane of two columns, in units of their standard deviations",
            whole.mixing,
        )

    def _check_parameters(self) -> None:
        as_number(self.margin, "margin", low=0, high=np.inf, closed="neither", mend="0.2 is usual")
        as_number(self.level, "level", low=0, high=0.5, closed="neither", mend="1e-3 is usual")


def in_order(found: JointDiagonalisation) -> JointDiagonalisation:
    """Sources by descending variance in the last environment relative to the first."""
    order = np.argsort(-found.profiles[:, -1] / found.profiles[:, 0], kind="stable")
    return replace(found, unmixing=found.unmixing[order], profiles=found.profiles[order])


def _gauge(affected: tuple[tuple[int, ...], ...], width: int) -> Gauge:
    return Rotation(width, affected) if affected else SignedPermutation(width)


def _white_columns(whole: JointDiagonalisation, states: Sequence[np.ndarray]) -> np.ndarray:
    centred = [x - x.mean(axis=0) for x in states]
    definiteness(centred)
    return whole.unmixing @ joint_diagonaliser(*second_moments(centred)).mixing
