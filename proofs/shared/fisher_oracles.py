"""How far the statements on the Fisher metric (N7) are from what is found without it.

Divergences are evaluated at finite displacements, tests and estimators compared over all outcomes,
ranks taken over Q and eigenvalues counted by signs of minors. Each function returns 0 where the
statement holds; its keywords make false statements of it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import identifiability
from proofs.shared.sampled_readouts import SampledReadouts

Divergence = Callable[[np.ndarray], float]


def directions(instance: SampledReadouts, count: int = 6) -> np.ndarray:
    """(count, d) unit vectors, always the same ones."""
    drawn = np.random.default_rng(0).standard_normal((count, instance.width))
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def order_error(
    divergence: Divergence, metric: np.ndarray, along: np.ndarray, order: float = 3
) -> float:
    """Exponent of the largest |KL - delta^T G delta/2| as the length of delta is halved."""

    def remainder(length: float) -> float:
        deltas = length * np.vstack([along, -along])
        return max(abs(divergence(delta) - delta @ metric @ delta / 2) for delta in deltas)

    length = 2.0**-8  # the next order then weighs 1/256, and rounding (1e-16) 1e-9 of what is left
    return abs(float(np.log2(remainder(length) / remainder(length / 2))) - order)


def third_order_error(i: SampledReadouts, curvature: float = 1.0) -> float:
    """Formula of the third order against the odd part of KL, extrapolated to length 0."""

    def odd(delta: np.ndarray, t: float) -> float:
        return (i.divergence(t * delta) - i.divergence(-t * delta)) / (2 * t**3)

    t = 2.0**-5
    found = np.array([(4 * odd(u, t / 2) - odd(u, t)) / 3 for u in directions(i)])
    claimed = np.array([_third_order(i, u, curvature) for u in directions(i)])
    return float(np.abs(found - claimed).max() / max(1.0, np.abs(claimed).max()))


def _third_order(i: SampledReadouts, delta: np.ndarray, curvature: float) -> float:
    """kappa_3(a)/6 + Cov(a, b)/2 with a = J delta, b = F''[delta, delta], averaged over prompts."""
    p, a = i.probabilities(i.origin), i.jacobians @ delta
    # The odd powers of these cubic readouts cancel: this is F''[delta, delta] exactly.
    b = i.outputs(delta) + i.outputs(-delta) - 2 * i.outputs(i.origin)
    centred = a - (p * a).sum(axis=1, keepdims=True)
    return float((p * (centred**3 / 6 + curvature * centred * b / 2)).sum() / i.prompts)


def kernel_error(i: SampledReadouts, kernel: np.ndarray) -> float:
    """Dimension of ``kernel`` (d, k) against the nullity over Q of the log-odds, and how far its
    logits do more than shift."""
    nullity = i.width - int(identifiability.exact_rank(i.log_odds_jacobian))
    spread = np.ptp(i.jacobians @ kernel, axis=1).max(initial=0.0)
    return float(max(abs(kernel.shape[1] - nullity), spread))


def count_error(i: SampledReadouts, factor: float = 1.0) -> float:
    """n_eps(R) against Jacobi's rule: the form delta^T G delta R^2/2 - eps has as many negative
    squares as its leading minors, beginning with 1, change sign."""
    spectrum = i.spectrum
    counted = spectrum.epsilon_null_dimension(factor * i.epsilon, i.radius)
    form = i.dense_metric * i.radius**2 / 2 - i.epsilon * np.eye(i.width)
    signs = np.sign([1.0, *(np.linalg.det(form[:k, :k]) for k in range(1, i.width + 1))])
    return abs(counted - int(np.sum(signs[1:] != signs[:-1])))


def subspace_error(i: SampledReadouts, extra: int = 0) -> float:
    """How far the lowest eigenspace exceeds eps, or a subspace one dimension larger does not.

    Tried are random subspaces, and the lowest eigenspace with one more dimension, ever less turned.
    """
    spectrum = i.spectrum
    count = min(i.width, spectrum.epsilon_null_dimension(i.epsilon, i.radius) + extra)
    lowest, rng = spectrum.eigenvectors[:, ::-1], np.random.default_rng(0)

    def largest(basis: np.ndarray) -> float:
        basis = np.linalg.qr(basis)[0]
        top = np.linalg.eigvalsh(basis.T @ i.dense_metric @ basis)[-1]
        return float(top) * i.radius**2 / 2 / i.epsilon

    inside = largest(lowest[:, :count]) - 1 if count else 0.0
    if count == i.width:
        return max(0.0, inside)
    wider = lowest[:, : count + 1]
    turned = [wider + s * rng.standard_normal(wider.shape) for s in (0, 1e-3, 0.1, 0.1, 10, 10)]
    return max(0.0, inside, *(1 - largest(basis) for basis in turned))


def decision_error(i: SampledReadouts, of_sum: float = 0.5, of_worst: float = 0.25) -> float:
    """How far the best test, over all outcomes of one draw for each prompt, beats the bounds."""
    beaten = 0.0
    for delta in (t * u for u in directions(i, 3) for t in (0.1, 0.3, 1.0)):
        before, after = i.law(i.origin), i.law(delta)
        n_kl = i.prompts * min(i.divergence(delta), i.divergence(delta, reverse=True))
        of_any_test = float(np.minimum(before, after).sum()), least_worst_error(before, after)
        bounds = of_sum * np.exp(-n_kl), of_worst * np.exp(-n_kl)
        beaten = max(beaten, bounds[0] - of_any_test[0], bounds[1] - of_any_test[1])
    return float(beaten)


def least_worst_error(before: np.ndarray, after: np.ndarray) -> float:
    """Least larger error of a test between two laws: both kinds equal, with randomisation.

    By Neyman and Pearson, tests that reject ``before`` where before/after is small are enough.
    """
    order = np.argsort(before / after)
    p, q = before[order], after[order]
    wrong, missed = np.cumsum(p), 1 - np.cumsum(q)
    k = int(np.argmax(wrong >= missed))  # outcome k is rejected with the probability ``share``
    share = ((missed[k] + q[k]) - (wrong[k] - p[k])) / (p[k] + q[k])
    return float(wrong[k] - (1 - share) * p[k])


def best_estimator(i: SampledReadouts, w: np.ndarray) -> tuple[float, float]:
    """Least distance of the gradient of an estimator's mean from w, and least variance there.

    Over every function T of one draw for each prompt, with mean 0 at this v without loss. Written
    as T = S/sqrt(P), the variance is |S|^2, and of all best S the shortest is taken.
    """
    root = np.sqrt(i.law(i.origin))
    rows = i.law_gradient() / root
    left, size, right = np.linalg.svd(rows, full_matrices=False)
    seen = size > 1e-9  # logits are of order 1: exact zeros come out near 1e-16, others above 1e-4
    S = right[seen].T @ ((left[:, seen].T @ w) / size[seen])
    return float(np.linalg.norm(rows @ S - w)), float(S @ S)


def range_error(i: SampledReadouts) -> float:
    """The part of w that no estimator's gradient reaches, against the part of w in ker G."""
    w = directions(i, 1)[0]
    kernel = i.spectrum.null_space
    return abs(best_estimator(i, w)[0] - float(np.linalg.norm(kernel.T @ w)))


def variance_error(i: SampledReadouts, power: int = 2) -> float:
    """w^T G^+ w/(n alpha^2), for w in range G and n = N, against the least variance."""
    odds = i.log_odds_jacobian
    w = odds.T @ np.random.default_rng(0).standard_normal(len(odds))
    spectrum = i.spectrum
    along = spectrum.row_space.T @ w
    claimed = along @ (along / spectrum.eigenvalues[: spectrum.rank()])
    claimed /= i.prompts * abs(i.strength) ** power
    return abs(float(claimed) / best_estimator(i, w)[1] - 1)
