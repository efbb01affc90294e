r"""One direction from the states of two sides of contrastive pairs: three recipes, one length.

A recipe gives a line through 0, spanned by a unit direction u; the vector on it is the mean
difference's component, (δ̄ · u) u. So the sign is the mean difference's, whatever sign an
eigenvector or a solver came with, no recipe is longer than the mean difference, and vectors of
different recipes are of comparable strength at the same α.
"""

from __future__ import annotations

import numpy as np

from identifiability.choose import unknown
from identifiability.errors import InvalidInput

METHODS = ("mean", "pca", "logistic")

_PENALTY = 1.0  # scikit-learn's default C, on states scaled as below
_STEPS = 10_000


def vector_of(positive: np.ndarray, negative: np.ndarray, method: str = "mean") -> np.ndarray:
    r"""(δ̄ · u) u for the direction u of a method.

    Parameters
    ----------
    positive, negative
        (n, d) states, row i of each from pair i.
    method
        "mean": u along δ̄, the mean of the differences (Rimsky et al., arXiv 2312.06681); the vector
        is δ̄ itself.

        "pca": u the first principal component of the *uncentred* pair differences, the top right
        singular vector of the (n, d) matrix of them (representation engineering: Zou et al., arXiv
        2310.01405). Centring would remove the mean difference, which is what the pairs have in
        common.

        "logistic": u the normal of the hyperplane that an L2-regularised logistic regression with
        an intercept puts between the two sides (a linear probe). The states are centred and divided
        by one number, the root mean square of a coordinate: standardising each coordinate for
        itself would make the direction depend on the model's basis, and is dominated by
        coordinates that hardly vary. The direction turns with the states under any rotation.

    Returns
    -------
    numpy.ndarray
        (d,) float64.

    Raises
    ------
    InvalidInput
        If the states are not finite (n, d) of one shape, the method is unknown, the two sides are
        equal, or the direction is not determined.
    """
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    positive, negative = np.asarray(positive, float), np.asarray(negative, float)
    if positive.ndim != 2 or positive.shape != negative.shape or positive.size == 0:
        raise InvalidInput(
            f"positive and negative must be (n, d) states of the same pairs, got {positive.shape} "
            f"and {negative.shape}; take one layer of contrastive_states"
        )
    if not (np.isfinite(positive).all() and np.isfinite(negative).all()):
        raise InvalidInput("states must be finite, got NaN or infinite entries; check the model")
    mean = (positive - negative).mean(axis=0)
    # Rounding of a mean of differences of numbers of this size.
    rounding = np.finfo(float).eps * np.sqrt(np.mean(positive**2 + negative**2))
    if np.abs(mean).max() <= rounding:
        raise InvalidInput(
            "positive and negative states must differ, got equal means; "
            "use prompts that differ in the trait"
        )
    if method == "mean":
        return mean
    direction = _principal(positive - negative) if method == "pca" else _probe(positive, negative)
    along = float(mean @ direction)
    if abs(along) <= rounding:
        raise InvalidInput(
            f"the {method} direction must have a component of the mean difference, which gives it "
            'its sign, got none; use the method "mean" or more pairs'
        )
    return along * direction


def _principal(differences: np.ndarray) -> np.ndarray:
    """Unit direction of largest second moment of the rows."""
    _, sizes, right = np.linalg.svd(differences, full_matrices=False)
    # Weyl: singular values move by no more than the error of the matrix, about this.
    error = max(differences.shape) * np.finfo(float).eps * sizes[0]
    if sizes.size > 1 and sizes[0] - sizes[1] <= 2 * error:
        raise InvalidInput(
            "the pair differences must have one first principal component, got two of equal size; "
            'use the method "mean" or more pairs'
        )
    return right[0]


def _probe(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """Unit normal of the separating hyperplane."""
    from sklearn.linear_model import LogisticRegression

    states = np.concatenate([positive, negative])
    states = states - states.mean(axis=0)
    states /= np.sqrt(np.mean(states**2))
    labels = np.repeat([1, 0], len(positive))
    probe = LogisticRegression(C=_PENALTY, tol=1e-8, max_iter=_STEPS).fit(states, labels)
    if probe.n_iter_[0] >= _STEPS:
        raise InvalidInput(
            f"the logistic regression must converge within {_STEPS} steps, it did not; "
            'use the method "mean"'
        )
    (normal,) = probe.coef_
    return normal / np.linalg.norm(normal)
