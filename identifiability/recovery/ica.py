r"""Independent components: the columns of a mixing from states alone, up to order and scale.

.. math:: h = A s, \quad A \text{ injective}, \quad s \text{ independent, at most one Gaussian}

Second moments leave a rotation of the whitened sources; independence removes it, but for a turn of
Gaussian sources among themselves (Darmois--Skitovich; Comon 1994; theory.md R1). How many of those
there are, and which subspace they span, is asked of the cumulants *before* any rotation is looked
for: the optimiser returns one, converged and the same for every seed, whether it means anything or
not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from identifiability.errors import InvalidInput
from identifiability.gauge import Rotation, SignedPermutation
from identifiability.metrics import mcc_directions
from identifiability.nongaussianity import GaussianDirections, gaussian_directions
from identifiability.recovery.ica_conditions import (
    at_most_one_gaussian,
    converged,
    distinct_samples,
    enough_samples,
    independent_after,
    independent_before,
    report,
    spanned,
    verdict_before,
)
from identifiability.recovery.ica_rotation import fastica, separated
from identifiability.recovery.ica_whitening import as_states, whitened
from identifiability.recovery.stability import Stability, as_groups, halves, planar_null, seeded
from identifiability.validation import as_count, as_number


class ICARecovery(TransformerMixin, BaseEstimator):
    r"""Columns of a linear mixing of independent sources, by scikit-learn's FastICA.

    What comes back is what R1 says and no more. ICA removes the *rotation* gauge, not a null space:
    it needs the states themselves (or outputs through a J that is injective on a known span of A),
    and it identifies a steering vector only if that lies along a column.

    Parameters
    ----------
    n_components
        k, the number of sources; by default d. Below the rank of the states, their k leading
        principal components stand in for them, and no prediction is made.
    algorithm, fun, tol, max_iter, random_state
        As in ``sklearn.decomposition.FastICA``, but for the fixed seed; the whitening is to unit
        variance.
    level
        Probability with which independence is wrongly found broken, or Gaussian directions are
        taken for others. One in ten thousand, because a fit makes up to k + 2 tests and a study
        hundreds of fits.
    negligible_kurtosis
        Two directions are *called* Gaussian only if n samples would have shown an excess kurtosis
        of this size; otherwise whether they can be told apart is undecided at this n. Generalised
        normal sources of shape 1.65 have 0.5; Laplace 3, uniform -1.2.

    Attributes
    ----------
    directions_ : (d, k) array
        Unit columns; those of the Gaussian directions last, otherwise by descending variance.
    mixing_, components_ : (d, k) and (k, d) arrays
        Columns scaled so that sources have variance 1, and the matrix that gives sources.
    mean_ : (d,) array
    gaussian_basis_ : (d, q) array
        Orthonormal basis of the span of the directions that cumulants do not tell from Gaussian,
        as predicted before the rotation was estimated.
    conditions_ : list of Condition
        ``full rank``, ``enough samples``, ``distinct samples``, ``independent sources`` and ``at
        most one Gaussian``, checked before estimating. Cumulants of order 3 and 4 do not see every
        law that is not Gaussian: a source whose skewness and excess kurtosis both vanish counts as
        Gaussian.
    prediction_ : Prediction
        ``affected`` is the block of components that turn among themselves, if one can be named.
    gauge_ : SignedPermutation or Rotation
        What may still be done to the columns.
    report_ : Report
        Also holds what was checked after estimating (``converged``, ``independent estimates``),
        which may change the verdict and not the prediction.

    Raises
    ------
    InvalidInput
        From ``fit``, for states that are not real, finite, (n, d) and of full rank with n > d, or a
        parameter out of its range.

    Examples
    --------
    >>> sources = np.random.default_rng(0).laplace(size=(4000, 2))
    >>> fitted = ICARecovery(random_state=0).fit(sources @ np.array([[2.0, 0.0], [1.0, 1.0]]))
    >>> np.abs(fitted.directions_).round(1), fitted.prediction_.recovers
    (array([[1. , 0.7],
           [0. , 0.7]]), True)
    """

    def __init__(
        self,
        *,
        n_components: int | None = None,
        algorithm: str = "parallel",
        fun: str = "logcosh",
        tol: float = 1e-4,
        max_iter: int = 200,
        random_state: Any = 0,
        level: float = 1e-4,
        negligible_kurtosis: float = 0.5,
    ) -> None:
        self.n_components = n_components
        self.algorithm = algorithm
        self.fun = fun
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state
        self.level = level
        self.negligible_kurtosis = negligible_kurtosis

    def fit(self, states: Any, y: None = None) -> ICARecovery:
        """Find the columns of A from states h = A s.

        Parameters
        ----------
        states
            (n, d), one state a row. Neighbouring tokens are not independent samples: n counts them
            as if they were, so take one token a prompt, or see ``stability``.
        y
            Ignored.
        """
        matrix = as_states(states)
        self._check_parameters()
        found = whitened(matrix, self.n_components)
        white, scales = found.samples, found.scales
        gaussian = gaussian_directions(white, self.level)
        self.conditions_ = [
            spanned(white.shape[1], found.kept),
            enough_samples(*white.shape),
            distinct_samples(matrix),
            independent_before(white, self.level),
            at_most_one_gaussian(gaussian, len(white), self.negligible_kurtosis),
        ]
        self.prediction_ = verdict_before(self.conditions_, gaussian)
        independent = self.conditions_[3].holds is True
        turned = separated(
            white, self._options(), self.level, gaussian.count, independent=independent
        )
        self._arrange(matrix, turned.rotation, scales, gaussian)
        self.n_features_in_, self.n_iter_ = matrix.shape[1], turned.iterations
        size = self.directions_.shape[1]
        if self.prediction_.recovers:
            self.gauge_ = SignedPermutation(size)
        else:  # no block is named where R1 says nothing: then second moments leave them all
            self.gauge_ = Rotation(size, self.prediction_.affected or None)
        after = [converged(turned.settled, turned.iterations, self.max_iter)]
        after.append(independent_after(turned.dependence, self.level))
        self.report_ = report(
            self.directions_,
            self.prediction_,
            self.gauge_.dimension,
            (*self.conditions_, *after),
            gaussian,
            self.level,
            self.negligible_kurtosis,
        )
        return self

    def fastica_columns(self, states: Any) -> np.ndarray:
        """(d, k) columns for sources of variance 1, by FastICA alone: nothing checked or learned.

        The first step of ``fit``, in FastICA's order and with its signs.

        Raises
        ------
        InvalidInput
            As ``fit``.
        """
        matrix = as_states(states)
        self._check_parameters()
        found = whitened(matrix, self.n_components)
        return found.scales @ fastica(found.samples, self._options())[0].T

    def transform(self, states: Any) -> np.ndarray:
        """(n, k) sources of these states, of variance 1 on the states of the fit.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        InvalidInput
            For states that are not real, finite and as wide as those of the fit.
        """
        check_is_fitted(self)
        matrix = as_states(states)
        if matrix.shape[1] != self.n_features_in_:
            raise InvalidInput(
                f"states must have width {self.n_features_in_}, got {matrix.shape[1]}; "
                "take them from the layer of the fit"
            )
        return (matrix - self.mean_) @ self.components_.T

    def stability(
        self, states: Any, *, groups: Any = None, splits: int = 10, seed: int = 0
    ) -> Stability:
        """Agreement of the columns between disjoint halves of the states, split by group.

        Cosines are taken where theory leaves only order and sign: between whitened columns, found
        as ``fit`` finds them; their order is that of ``directions_`` on the same states. Agreement
        between seeds on the same states is no substitute, and neither is convergence.

        Parameters
        ----------
        states
            (n, d); no fit is needed before.
        groups
            (n,) prompt of every state; by default each is its own.
        splits, seed
            Number of random splits, and the randomness of splits and null.

        Raises
        ------
        InvalidInput
            As ``fit``, for the states or one of their halves; for groups that do not fit.
        """
        matrix = as_states(states)
        self._check_parameters()
        labels = as_groups(groups, len(matrix))
        rng = seeded(seed)
        parts = list(halves(labels, splits, rng))
        whole = self._columns(matrix)
        components = np.linalg.pinv(whole)
        agreement = []
        for part, rest in parts:
            first, second = (components @ self._columns(matrix[rows]) for rows in (part, rest))
            named = mcc_directions(first, np.eye(len(first)), draws=1).matching
            agreement.append(mcc_directions(second, first[:, named], draws=1).parts)
        return Stability.of(np.array(agreement), planar_null(splits, rng), _PLANE, whole)

    def _columns(self, states: np.ndarray) -> np.ndarray:
        """(d, k) in the order of ``fit``, for sources of variance 1."""
        found = whitened(states, self.n_components)
        gaussian = gaussian_directions(found.samples, self.level)
        independent = independent_before(found.samples, self.level).holds is True
        turned = separated(
            found.samples, self._options(), self.level, gaussian.count, independent=independent
        )
        return _ordered(turned.rotation, found.scales, gaussian)

    def _options(self) -> dict[str, Any]:
        names = ("algorithm", "fun", "tol", "max_iter", "random_state")
        return {name: getattr(self, name) for name in names}

    def _arrange(
        self,
        states: np.ndarray,
        rotation: np.ndarray,
        scales: np.ndarray,
        gaussian: GaussianDirections,
    ) -> None:
        columns = _ordered(rotation, scales, gaussian)
        self.mean_ = states.mean(axis=0)
        self.mixing_ = columns
        self.directions_ = columns / np.linalg.norm(columns, axis=0)
        self.components_ = np.linalg.pinv(columns)
        self.gaussian_basis_ = np.linalg.qr(scales @ _gaussian_basis(gaussian))[0]

    def _check_parameters(self) -> None:
        if self.n_components is not None:
            as_count(self.n_components, "n_components", at_least=1)
        as_count(self.max_iter, "max_iter", at_least=1)
        for name, usual in (("tol", "1e-4"), ("negligible_kurtosis", "0.5")):
            value, mend = getattr(self, name), f"{usual} is usual"
            as_number(value, name, low=0, high=np.inf, closed="neither", mend=mend)
        as_number(self.level, "level", low=0, high=0.1, closed="right", mend="1e-4 is usual")
        if self.algorithm not in ("parallel", "deflation"):
            raise InvalidInput(
                f"algorithm must be 'parallel' or 'deflation', got {self.algorithm!r}"
            )
        if not callable(self.fun) and self.fun not in ("logcosh", "exp", "cube"):
            raise InvalidInput(
                f"fun must be 'logcosh', 'exp', 'cube' or a function, got {self.fun!r}"
            )
        if self.random_state is not None and not isinstance(
            self.random_state, np.random.RandomState
        ):
            as_count(self.random_state, "random_state", at_least=0)


def _gaussian_basis(gaussian: GaussianDirections) -> np.ndarray:
    return gaussian.basis[:, len(gaussian.basis) - gaussian.count :]


def _ordered(rotation: np.ndarray, scales: np.ndarray, gaussian: GaussianDirections) -> np.ndarray:
    """Columns, those of Gaussian directions last; the entry of largest modulus positive."""
    columns = scales @ rotation.T
    inside = np.linalg.norm(rotation @ _gaussian_basis(gaussian), axis=1)
    last = np.zeros(len(rotation), dtype=bool)
    last[np.argsort(inside, kind="stable")[len(rotation) - gaussian.count :]] = True
    columns = columns[:, np.lexsort((-np.linalg.norm(columns, axis=0), last))]
    largest = np.argmax(np.abs(columns), axis=0)
    return columns * np.where(columns[largest, np.arange(columns.shape[1])] < 0, -1.0, 1.0)


_PLANE = "a rotation of one pair of whitened columns"
