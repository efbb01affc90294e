"""How visible directions orthogonal to a vector are to a metric (theory.md N8), in closed form.

Throughout G is a metric (d, d), ``unit`` a unit vector (d,) and u uniform on the unit sphere of its
complement; only the symmetric part and the direction matter.
"""

from __future__ import annotations

import numpy as np


def mean_seen(G: np.ndarray, unit: np.ndarray) -> float:
    """g = E u^T G u."""
    return float((np.trace(G) - unit @ G @ unit) / (unit.size - 1))


def variance_seen(G: np.ndarray, unit: np.ndarray) -> float:
    """Var u^T G u."""
    k = unit.size - 1
    complement = np.eye(unit.size) - np.outer(unit, unit)
    inside = complement @ G @ complement
    return float(2 * (k * np.trace(inside @ inside) - np.trace(inside) ** 2) / (k**2 * (k + 2)))


def visibility_ratio(G: np.ndarray, unit: np.ndarray) -> float:
    """rho = g/q."""
    return mean_seen(G, unit) / float(unit @ G @ unit)


def expected_ratio(G: np.ndarray) -> float:
    """E rho over v uniform on the sphere of R^d, d >= 3; infinite if rank G <= 2.

    By quadrature: for Gaussian x, 1/x^T G x = int exp(-s x^T G x) ds over s > 0 has the mean
    int prod (1 + 2 s lambda_i)^{-1/2} ds, and is 1/q times an independent |x|^{-2} of mean
    1/(d - 2).
    """
    scaled = np.linalg.eigvalsh(G) / np.trace(G)
    scaled = scaled[scaled > 1e-12]  # else rounding would pass for rank far out
    if scaled.size <= 2:
        return float("inf")
    # s = e^x: analytic for |Im x| < pi, so trapezoids of width 1/4 err by e^(-8 pi^2) only.
    x = np.arange(-80.0, 160.0, 0.25)
    integrand = np.exp(x - 0.5 * np.log1p(2 * np.exp(x)[:, None] * scaled).sum(axis=1))
    inverse = (len(G) - 2) * 0.25 * float(integrand.sum())
    return (inverse - 1) / (len(G) - 1)
