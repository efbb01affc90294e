r"""Codes that explain a response: by l1, greedily, and by looking at every support.

.. math::
    \min \|z\|_1 \text{ subject to } \|B z - y\|_2 \le \eta

is a linear program for eta = 0 (basis pursuit, Chen, Donoho & Saunders 1998) and a point on the
lasso path for eta > 0, on which the residual falls steadily (Osborne, Presnell & Turlach 2000).

The solvers stop at absolute tolerances (HiGHS at 1e-7, matching pursuit at correlations of 1e-8):
responses of norm 1 and columns of length about 1 are expected.
"""

from __future__ import annotations

import warnings
from math import comb

import numpy as np

from identifiability.sparsity import DEPENDENT, TIE, support, supports

_KEPT = 8  # explanations kept; two already show that the code is not unique


def basis_pursuit(columns: np.ndarray, response: np.ndarray) -> tuple[np.ndarray, str]:
    """The code (K,) of least l1 norm with ``columns @ code = response``, and complaints if any.

    ``response`` must lie in the span of the columns, and the rows be linearly independent.
    """
    from scipy.optimize import linprog

    count = columns.shape[1]
    found = linprog(
        np.ones(2 * count), A_eq=np.hstack([columns, -columns]), b_eq=response, bounds=(0, None)
    )
    if found.status != 0:
        return np.zeros(count), str(found.message)
    positive, negative = np.split(found.x, 2)
    return positive - negative, ""


def basis_pursuit_denoising(
    columns: np.ndarray, response: np.ndarray, error: float
) -> tuple[np.ndarray, str]:
    """The code of least l1 norm whose image is within ``error`` of the response.

    Found on the lasso path, exactly: the residual is linear in the step between two knots.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import lars_path

    if np.linalg.norm(response) <= error:
        return np.zeros(columns.shape[1]), ""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        _, _, path = lars_path(columns, response, method="lasso")
    complaint = _said(caught, ConvergenceWarning)
    residuals = response[:, None] - columns @ path  # (M, knots)
    inside = np.flatnonzero(np.linalg.norm(residuals, axis=0) <= error)
    if inside.size == 0:
        return path[:, -1], complaint or "the lasso path ends before the residual is small enough"
    knot = int(inside[0])
    before, step = residuals[:, knot - 1], residuals[:, knot] - residuals[:, knot - 1]
    # ||before + t step|| = error has one root in (0, 1]: the norm falls from above to below it.
    a, b, c = step @ step, before @ step, before @ before - error**2
    t = c / (-b + np.sqrt(max(b * b - a * c, 0.0)))
    return path[:, knot - 1] + t * (path[:, knot] - path[:, knot - 1]), complaint


def matching_pursuit(
    columns: np.ndarray, response: np.ndarray, sparsity: int
) -> tuple[np.ndarray, str]:
    """Orthogonal matching pursuit for ``sparsity`` steps (Pati et al. 1993), by scikit-learn."""
    from sklearn.linear_model import orthogonal_mp

    steps = min(sparsity, *columns.shape)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RuntimeWarning)
        code = orthogonal_mp(columns, response, n_nonzero_coefs=steps)
    return np.atleast_1d(code), _said(caught, RuntimeWarning)


def _said(caught: list[warnings.WarningMessage], category: type[Warning]) -> str:
    """The sentences of one category; others go on to the caller."""
    for item in caught:
        if not issubclass(item.category, category):
            warnings.warn_explicit(item.message, item.category, item.filename, item.lineno)
    said = dict.fromkeys(str(i.message) for i in caught if issubclass(i.category, category))
    return " ".join(" ".join(said).split())


def explanations(
    columns: np.ndarray, response: np.ndarray, sparsity: int, allowed: float, *, limit: int
) -> np.ndarray | None:
    """Distinct codes (n, K) of at most ``sparsity`` entries that explain the response, n <= 8.

    Codes are distinct if they differ by more than rounding, however much the tolerance allows: with
    noise, an atom too weak to be seen makes a code of its own with every other atom. By least
    squares on every support; None where there are more than ``limit`` supports. A support of
    dependent columns that explains the response does so with a whole family, of which the
    least-norm member and one more are returned.

    Parameters
    ----------
    columns
        (M, K) of unit length, or zero.
    allowed
        Largest distance of a code's image from the response.
    """
    count = columns.shape[1]
    size = min(sparsity, count)
    if comb(count, size) > limit:
        return None
    found: list[np.ndarray] = []
    size_of_response = float(np.linalg.norm(response))
    same = TIE * size_of_response
    if size_of_response <= allowed:
        found.append(np.zeros(count))
    for sets in supports(count, size):
        parts = columns[:, sets].swapaxes(0, 1)  # (n, M, size)
        left, values, right = np.linalg.svd(parts, full_matrices=False)
        kept = values > DEPENDENT
        inverse = np.where(kept, 1 / np.where(kept, values, 1.0), 0.0)
        projected = np.einsum("nmr,m->nr", left, response)
        missed = response - np.einsum("nmr,nr->nm", left, projected * kept)
        weights = np.einsum("nrs,nr->ns", right, projected * inverse)
        for fits in np.flatnonzero(np.linalg.norm(missed, axis=1) <= allowed):
            code = np.zeros(count)
            code[sets[fits]] = weights[fits]
            family = [code]
            if not kept[fits].all() or values.shape[1] < size:
                other = code.copy()
                null = np.linalg.svd(parts[fits])[2][-1]
                # As large as the code, or of any size where the code is 0.
                other[sets[fits]] += (float(np.linalg.norm(code)) or size_of_response or 1.0) * null
                family.append(other)
            for member in family:
                if all(np.linalg.norm(member - old) > same for old in found):
                    found.append(member)
            if len(found) >= _KEPT:
                return np.array(found)
    return np.array(found).reshape(-1, count)


def l1_certificate(columns: np.ndarray, code: np.ndarray) -> tuple[float, float]:
    """Least t such that some w has <b_i, w> = sign z_i on the support and |<b_j, w>| <= t off it.

    Returned with the norm of that w.

    Basis pursuit returns z alone iff t < 1 and the columns of the support are independent, and
    does not return it at all if t > 1 (Fuchs 2004, doi:10.1109/TIT.2004.828141); infinite if the
    columns depend on each other in a way that contradicts the signs.
    """
    from scipy.optimize import linprog

    on = support(code)
    rows, count = columns.shape
    if not on.any():
        return 0.0, 0.0
    if on.all():
        if np.linalg.matrix_rank(columns) < count:
            return np.inf, np.inf
        return 0.0, float(np.linalg.norm(np.linalg.pinv(columns.T) @ np.sign(code)))
    off = columns[:, ~on].T
    ones = np.ones((count - int(on.sum()), 1))
    found = linprog(
        np.r_[np.zeros(rows), 1.0],
        A_ub=np.block([[off, -ones], [-off, -ones]]),
        b_ub=np.zeros(2 * len(ones)),
        A_eq=np.hstack([columns[:, on].T, np.zeros((int(on.sum()), 1))]),
        b_eq=np.sign(code[on]),
        bounds=(None, None),
    )
    if found.status == 2:
        return np.inf, np.inf
    if found.status != 0:
        raise ArithmeticError(f"a linear program was not solved: {found.message}")
    return float(found.fun), float(np.linalg.norm(found.x[:-1]))


def exact_recovery_coefficient(columns: np.ndarray, sets: np.ndarray) -> np.ndarray:
    r"""max over j off S of \|\|B_S^+ b_j\|\|_1 for each support S of (n, k), shape (n,).

    Below 1 greedy and l1 find every code on S; above it greedy misses some code on S (Tropp 2004,
    doi:10.1109/TIT.2004.834793, theorems 3.1 and 3.10). Infinite for dependent columns.
    """
    parts = columns[:, sets].swapaxes(0, 1)
    if sets.shape[1] > columns.shape[0]:
        return np.full(len(sets), np.inf)
    smallest = np.linalg.svd(parts, compute_uv=False)[:, -1]
    sizes = np.abs(np.linalg.pinv(parts) @ columns).sum(axis=1)  # (n, K)
    np.put_along_axis(sizes, sets, 0.0, axis=1)
    return np.where(smallest > DEPENDENT, sizes.max(axis=1), np.inf)
