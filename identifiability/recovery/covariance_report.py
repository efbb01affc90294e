"""The verdict of second-order recovery, with what it rests on and a witness."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from identifiability.gauge import Gauge
from identifiability.joint_diagonalisation import JointDiagonalisation, divergence
from identifiability.regime import SEVERAL_ENVIRONMENTS
from identifiability.verdict import (
    Certificate,
    CertificateKind,
    Condition,
    Prediction,
    Report,
    Verdict,
    Witness,
)


def report(
    found: JointDiagonalisation,
    covariances: np.ndarray,
    sizes: np.ndarray,
    separation: np.ndarray,
    conditions: Sequence[Condition],
    predicted: Prediction,
    gauge: Gauge,
    *,
    margin: float,
    level: float,
) -> Report:
    """The verdict on the set of columns; the functionals are those of columns that stay."""
    modelled = all(c.holds is not False for c in conditions if c.name != "distinct profiles")
    verdict, dimension, witness = Verdict.UNDETERMINED, None, None
    if modelled and predicted.recovers:
        verdict, dimension = Verdict.GLOBALLY_IDENTIFIABLE, 0
    elif modelled and predicted.recovers is False:
        verdict, dimension = Verdict.EPSILON_NON_IDENTIFIABLE, gauge.dimension
        witness = turned_column(found, covariances, sizes, closest(separation))
    turned = {column for group in predicted.affected for column in group}
    kept = [i for i in range(len(found.profiles)) if i not in turned]
    rows = np.linalg.qr(found.unmixing[kept].T)[0].T if modelled else found.unmixing[:0]
    statement = (
        f"sample covariances; separations of profiles hold together at level {level} (to first "
        "order in 1/sqrt(n))"
    )
    for condition in conditions:
        if condition.assumed:
            tested = "not tested" if condition.holds is None else f"not rejected at level {level}"
            statement += f", under the assumption that {condition.statement} ({tested})"
    return Report(
        verdict=verdict,
        certificate=Certificate(CertificateKind.NUMERIC, statement, bound=level),
        class_dimension=dimension,
        identified_functionals=rows,
        tolerance=margin,
        unit="difference of log variance ratios",
        gap=None,
        regime=SEVERAL_ENVIRONMENTS,
        observable=f"covariances of the states in {len(sizes)} environments",
        witness=witness,
        conditions=tuple(conditions),
    )


def closest(separation: np.ndarray) -> tuple[int, int]:
    """The pair of columns with the smallest separation."""
    apart = separation + np.diag(np.full(len(separation), np.inf))
    i, j = np.unravel_index(int(np.argmin(apart)), apart.shape)
    return int(i), int(j)


def turned_column(
    found: JointDiagonalisation,
    covariances: np.ndarray,
    sizes: np.ndarray,
    pair: tuple[int, int],
) -> Witness:
    """The first column of the closest pair after a turn by 45 degrees, the farthest there is."""
    turn = np.eye(len(found.profiles))
    turn[np.ix_(pair, pair)] = np.array([[1.0, -1.0], [1.0, 1.0]]) / np.sqrt(2)
    column, turned = found.mixing[:, pair[0]], (found.mixing @ turn)[:, pair[0]]
    weights = sizes / sizes.sum()
    lost = divergence(turn.T @ found.unmixing, covariances, weights) - found.divergence
    return Witness(
        vector=turned,
        cosine=float(column @ turned / np.linalg.norm(column) / np.linalg.norm(turned)),
        distance=float(np.linalg.norm(turned - column)),
        output_difference=max(0.0, float(lost)),
        unit="nats per sample between Gaussians of these covariances, measured",
    )
