r"""Approximate joint diagonalisation of positive definite matrices.

The unmixing W that makes all W C_e W^T as diagonal as they can be, in the Kullback--Leibler sense
of Pham (2001, doi:10.1137/S089547980035689X):

.. math::
    \ell(W) = \tfrac12 \sum_e \pi_e \bigl[ \log\det\mathrm{diag}(W C_e W^\top)
    - \log\det(W C_e W^\top) \bigr] \ge 0

For Gaussian samples this is the negative log-likelihood per sample, so that the minimum is the
maximum-likelihood estimate and 2 N l its likelihood ratio against unrestricted covariances. Not
Pham's sweeps over pairs but the quasi-Newton steps of Ablin, Cardoso & Gramfort (2019,
arXiv:1811.11433), which move all pairs at once: pair (i, j) has the Hessian [[w_ij, 1], [1, w_ji]].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Smallest eigenvalue of a pair's Hessian that is used: proportional profiles make it zero, and the
# angle in their plane is then arbitrary; the value bounds the steps, the minimum is unmoved by it.
_CURVATURE = 1e-4
_HALVINGS = 30
_STEPS = 1000


@dataclass(frozen=True, eq=False)
class JointDiagonalisation:
    """What was found.

    Parameters
    ----------
    unmixing
        (d, d) W, its rows scaled to give weighted mean variance 1.
    profiles
        (d, E) diagonals of W C_e W^T.
    divergence
        The criterion at W, in nats per sample: 0 iff all matrices are diagonalised exactly.
    gradient, tolerance
        Largest entry of its relative gradient, and what was asked for.
    """

    unmixing: np.ndarray
    profiles: np.ndarray
    divergence: float
    gradient: float
    tolerance: float

    @property
    def converged(self) -> bool:
        """Whether the gradient fell to the tolerance."""
        return self.gradient <= self.tolerance

    @property
    def mixing(self) -> np.ndarray:
        """(d, d) the inverse of the unmixing: columns, each of one standard deviation."""
        return np.linalg.inv(self.unmixing)


def divergence(unmixing: np.ndarray, matrices: np.ndarray, weights: np.ndarray) -> float:
    """Pham's criterion of W (d, d) on matrices (E, d, d), in nats per sample."""
    turned = unmixing @ matrices @ unmixing.T
    logs = np.log(np.diagonal(turned, axis1=1, axis2=2)).sum(axis=1)
    return float(weights @ (logs - np.linalg.slogdet(turned)[1]) / 2)


def curvature(profiles: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(d, d) w_ij = sum_e pi_e lambda_je / lambda_ie: the Hessian of each pair, and its precision.

    w_ij w_ji - 1 >= 0, by Cauchy--Schwarz, and 0 iff profiles i and j are proportional.
    """
    return (weights / profiles) @ profiles.T


def joint_diagonaliser(
    matrices: np.ndarray, weights: np.ndarray, *, tolerance: float = 1e-6
) -> JointDiagonalisation:
    """Minimise Pham's criterion.

    Parameters
    ----------
    matrices
        (E, d, d), symmetric positive definite.
    weights
        (E,) positive; they are made to add up to 1. Sample sizes make it maximum likelihood.
    tolerance
        Largest entry of the relative gradient at which to stop: far below the sampling error
        1/sqrt(n) of covariances, and above the 1e-8 at which the criterion, a sum of logarithms
        in float64, no longer tells two steps apart.
    """
    weights = weights / weights.sum()
    unmixing = _start(matrices, weights)
    value = divergence(unmixing, matrices, weights)
    size = np.inf
    for _ in range(_STEPS):
        turned = unmixing @ matrices @ unmixing.T
        profiles = np.diagonal(turned, axis1=1, axis2=2).T
        gradient = np.einsum("e,eij,ie->ij", weights, turned, 1 / profiles)
        np.fill_diagonal(gradient, 0.0)
        size = float(np.abs(gradient).max())
        if size <= tolerance:
            break
        step = _newton(gradient, curvature(profiles, weights))
        found = _descend(unmixing, step, value, matrices, weights)
        if found is None:  # no descent left in float64
            break
        unmixing, value = found
    profiles = np.diagonal(unmixing @ matrices @ unmixing.T, axis1=1, axis2=2).T
    scale = profiles @ weights
    return JointDiagonalisation(
        unmixing / np.sqrt(scale)[:, None],
        profiles / scale[:, None],
        max(value, 0.0),
        size,
        tolerance,
    )


def _start(matrices: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Exact wherever the matrices can be diagonalised jointly and one contrast tells all apart."""
    from scipy.linalg import eigh

    contrast = np.linspace(-1, 1, len(weights)) * weights
    contrasted = np.tensordot(contrast, matrices, axes=1)
    return eigh(contrasted, np.tensordot(weights, matrices, axes=1))[1].T


def _newton(gradient: np.ndarray, hessian: np.ndarray) -> np.ndarray:
    """The step -H^-1 G, pair by pair, with the eigenvalues of H kept off zero."""
    other = hessian.T
    smallest = (hessian + other - np.sqrt((hessian - other) ** 2 + 4)) / 2
    lift = np.maximum(_CURVATURE - smallest, 0.0)
    first, second = hessian + lift, other + lift
    determinant = first * second - 1
    np.fill_diagonal(determinant, 1.0)
    return -(second * gradient - gradient.T) / determinant


def _descend(
    unmixing: np.ndarray,
    step: np.ndarray,
    value: float,
    matrices: np.ndarray,
    weights: np.ndarray,
) -> tuple[np.ndarray, float] | None:
    for halving in range(_HALVINGS):
        candidate = unmixing + step @ unmixing / 2**halving
        if np.linalg.slogdet(candidate)[0] == 0:
            continue
        reached = divergence(candidate, matrices, weights)
        if reached < value:
            return candidate, reached
    return None
