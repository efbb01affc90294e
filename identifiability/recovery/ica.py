r"""Independent components: the columns of a mixing from states alone, up to order and scale.

.. math:: h = A s, \quad A \text{ injective}, \quad s \text{ independent, at most one Gaussian}

Second moments leave a rotation of the whitened sources; independence removes it, but for a turn of
Gaussian sources among themselves (Darmois--Skitovich; Comon 1994; theory.md R1). How many of those
there are, and which subspace they span, is asked of the cumulants *before* any rotation is looked
for: the optimiser returns one, converged and the same for every seed, whether it means anything or
not.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy.linalg import svd
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import FastICA
from sklearn.exceptions import ConvergenceWarning

from identifiability.errors import InvalidInput
from identifiability.gauge import Rotation, SignedPermutation
from identifiability.independence import ModulusCorrelation, modulus_correlation
from identifiability.metrics import mcc_directions
from identifiability.nongaussianity import GaussianDirections, gaussian_directions
from identifiability.recovery.ica_conditions import (
    at_most_one_gaussian,
    converged,
    enough_samples,
    independent_after,
    independent_before,
    report,
    spanned,
    verdict_before,
)
from identifiability.recovery.stability import Stability, as_groups, halves, planar_null
from identifiability.validation import as_matrix


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
        As in ``sklearn.decomposition.FastICA``; the whitening is to unit variance.
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
        ``full rank``, ``enough samples``, ``independent sources`` and ``at most one Gaussian``,
        checked before estimating. Cumulants of order 3 and 4 do not see every law that is not
        Gaussian: a source whose skewness and excess kurtosis both vanish counts as Gaussian.
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
        random_state: Any = None,
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
        matrix = _as_states(states)
        self._check_parameters()
        white, scales, kept = self._whiten(matrix)
        gaussian = gaussian_directions(white, self.level)
        rank = spanned(white.shape[1], kept)
        samples = enough_samples(*white.shape)
        independent = independent_before(white, self.level)
        few = at_most_one_gaussian(gaussian, len(white), self.negligible_kurtosis)
        self.conditions_ = [rank, samples, independent, few]
        self.prediction_ = verdict_before(self.conditions_, gaussian)
        rotation, iterations, settled = self._estimate(white)
        shared = modulus_correlation(white @ rotation.T, self.level)
        if independent.holds:
            rotation, shared = self._unstuck(white, rotation, shared)
        self._arrange(matrix, rotation, scales, gaussian)
        self.n_features_in_, self.n_iter_ = matrix.shape[1], iterations
        size = self.directions_.shape[1]
        if self.prediction_.recovers:
            self.gauge_ = SignedPermutation(size)
        else:  # no block is named where R1 says nothing: then second moments leave them all
            self.gauge_ = Rotation(size, self.prediction_.affected or None)
        after = [converged(settled, iterations, self.max_iter)]
        after.append(independent_after(shared, self.level))
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

    def estimate(self, states: Any) -> np.ndarray:
        """(d, k) columns for sources of variance 1, by FastICA alone: nothing checked or learned.

        The estimation step of ``fit``, in FastICA's order and with its signs.
        """
        matrix = _as_states(states)
        self._check_parameters()
        white, scales, _ = self._whiten(matrix)
        return scales @ self._estimate(white)[0].T

    def transform(self, states: Any) -> np.ndarray:
        """(n, k) sources of these states, of variance 1 on the states of the fit."""
        matrix = _as_states(states)
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

        Cosines are taken where theory leaves only order and sign: between whitened columns.
        Agreement between seeds on the same states is no substitute, and neither is convergence.

        Parameters
        ----------
        states
            (n, d), those of the fit.
        groups
            (n,) prompt of every state; by default each is its own.
        splits, seed
            Number of random splits, and the randomness of splits and null.
        """
        matrix = _as_states(states)
        if matrix.shape[1] != self.n_features_in_:
            raise InvalidInput(f"states must have width {self.n_features_in_}, as in the fit")
        rng = np.random.default_rng(seed)
        agreement = []
        for parts in halves(as_groups(groups, len(matrix)), splits, rng):
            first, second = (self.components_ @ self.estimate(matrix[part]) for part in parts)
            whole = mcc_directions(first, np.eye(len(first)), draws=1)
            first = first[:, whole.matching]
            agreement.append(mcc_directions(second, first, draws=1).parts)
        null = planar_null(splits, rng)
        found = Stability(np.array(agreement), null, _PLANE, np.zeros((self.n_features_in_, 0)))
        turning = self.directions_[:, list(found.unstable_components)]
        return Stability(found.agreement, null, _PLANE, np.linalg.qr(turning)[0])

    def _whiten(self, states: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """Whitened samples (n, k), the (d, k) matrix back to states, the share of variance kept."""
        count, width = states.shape
        wanted = width if self.n_components is None else self.n_components
        if count <= width:
            raise InvalidInput(
                f"states must be (n, d) with n > d, got n_samples = {count} and d = {width}; "
                "add prompts or reduce the width first"
            )
        constant = np.flatnonzero((states == states[0]).all(axis=0))
        if constant.size:
            raise InvalidInput(
                f"states must vary in every column, but columns {constant.tolist()} are constant; "
                "drop them"
            )
        centred = states - states.mean(axis=0)
        left, singular, right = svd(centred, full_matrices=False, check_finite=False)
        floor = singular[0] * max(states.shape) * np.finfo(np.float64).eps
        rank = int(np.sum(singular > floor))
        if wanted > rank:
            raise InvalidInput(
                f"states must have rank {wanted} about their mean, got {rank}; "
                f"pass n_components={rank} to find the columns inside their span"
            )
        signs = np.where(right[:wanted, 0] < 0, -1.0, 1.0)  # FastICA's own, for its own answer
        left, right = left[:, :wanted] * signs, right[:wanted] * signs[:, None]
        scales = right.T * (singular[:wanted] / np.sqrt(count))
        kept = float(np.sum(singular[:wanted] ** 2) / np.sum(singular[:rank] ** 2))
        return left * np.sqrt(count), scales, kept if wanted < rank else 1.0

    def _unstuck(
        self, white: np.ndarray, rotation: np.ndarray, shared: ModulusCorrelation
    ) -> tuple[np.ndarray, ModulusCorrelation]:
        """The rotation, once more from 45 degrees away where a pair of its sources is dependent.

        Where two columns of the start happen to lie near 45 degrees to two sources, the iteration
        may come to rest at once, at a minimum of its contrast (Tichavsky, Koldovsky & Oja 2006,
        doi:10.1109/TSP.2006.870561, section V): in 3 of 300 fits of two sources of shape 1.5.
        """
        for _ in range(len(rotation) - 1):
            if shared.value <= shared.quantile:
                break
            first, second = shared.pair
            start = rotation.copy()
            start[first] = (rotation[first] + rotation[second]) / np.sqrt(2)
            start[second] = (rotation[first] - rotation[second]) / np.sqrt(2)
            again = self._estimate(white, start)[0]
            less = modulus_correlation(white @ again.T, self.level)
            if less.value >= shared.value:
                break
            rotation, shared = again, less
        return rotation, shared

    def _estimate(
        self, white: np.ndarray, start: np.ndarray | None = None
    ) -> tuple[np.ndarray, int, bool]:
        """FastICA's rotation (k, k) of whitened samples, its iterations, whether it converged."""
        model = FastICA(
            algorithm=self.algorithm,
            whiten=False,
            fun=self.fun,
            tol=self.tol,
            max_iter=self.max_iter,
            w_init=start,
            random_state=self.random_state,
        )
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.fit(white)
        failed = [w for w in caught if issubclass(w.category, ConvergenceWarning)]
        for other in caught:
            if other not in failed:
                warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)
        return model.components_, int(model.n_iter_), not failed

    def _arrange(
        self,
        states: np.ndarray,
        rotation: np.ndarray,
        scales: np.ndarray,
        gaussian: GaussianDirections,
    ) -> None:
        """Columns in their order and with their sign: the entry of largest modulus positive."""
        columns = scales @ rotation.T
        left = gaussian.basis[:, len(rotation) - gaussian.count :]
        inside = np.argsort(np.linalg.norm(rotation @ left, axis=1), kind="stable")
        last = np.isin(np.arange(len(rotation)), inside[len(rotation) - gaussian.count :])
        order = np.lexsort((-np.linalg.norm(columns, axis=0), last))
        columns = columns[:, order]
        largest = np.argmax(np.abs(columns), axis=0)
        signs = np.where(columns[largest, np.arange(len(order))] < 0, -1.0, 1.0)
        self.mean_ = states.mean(axis=0)
        self.mixing_ = columns * signs
        self.directions_ = self.mixing_ / np.linalg.norm(self.mixing_, axis=0)
        self.components_ = np.linalg.pinv(self.mixing_)
        self.gaussian_basis_ = np.linalg.qr(scales @ left)[0]

    def _check_parameters(self) -> None:
        k = self.n_components
        if k is not None and not (isinstance(k, int | np.integer) and k >= 1):
            raise InvalidInput(f"n_components must be a positive integer or None, got {k!r}")
        if not 0 < self.level <= 0.1:
            raise InvalidInput(f"level must lie in (0, 0.1], got {self.level}; 1e-4 is usual")
        if not 0 < self.negligible_kurtosis < np.inf:
            raise InvalidInput(
                f"negligible_kurtosis must be a positive number, got {self.negligible_kurtosis}; "
                "0.5 is usual"
            )


def _as_states(states: Any) -> np.ndarray:
    if issparse(states):
        raise InvalidInput("states must be dense, got a sparse matrix; pass states.toarray()")
    return as_matrix(states, "states", shape="(n, d)")


_PLANE = "a rotation of one pair of whitened columns"
