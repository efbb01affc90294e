"""Recoveries from responses of the outputs: what ``fit`` and ``stability`` refuse, and odd data."""

from __future__ import annotations

import numpy as np

from identifiability.recovery import (
    CrossLayerRecovery,
    EnvironmentRecovery,
    LeastSquaresRecovery,
    SparseRecovery,
)
from tests.bad_input.case import Answered, Refused

EYE, ONES = np.eye(2), np.ones(2)


def least(jacobian, response, **options):
    return LeastSquaresRecovery(**options).fit(jacobian, response)


def sparse(**options):
    return SparseRecovery(**options).fit(EYE, [1.0, 0.0])


REFUSED = (
    Refused("response as a matrix", lambda _: least(EYE, EYE), "response must be (M,)"),
    Refused("response of another length", lambda _: least(EYE, [1.0]), "same prompts and"),
    Refused("empty response", lambda _: least(EYE, []), "response must be"),
    Refused("jacobian as a vector", lambda _: least(ONES, ONES), "stack prompts first"),
    Refused("jacobian with NaN", lambda _: least([[np.nan]], [1.0]), "jacobian must be finite"),
    Refused("response with inf", lambda _: least([[1.0]], [np.inf]), "response must be finite"),
    Refused("jacobian at 1e300", lambda _: least(1e300 * EYE, ONES), "choose another unit"),
    Refused("jacobian at 1e-300", lambda _: least(1e-300 * EYE, ONES), "choose another unit"),
    Refused("response at 1e300", lambda _: least(EYE, 1e300 * ONES), "choose another unit"),
    Refused(
        "response and jacobian far apart",
        lambda _: least(1e-100 * EYE, 1e100 * ONES),
        "of comparable size",
    ),
    Refused("accuracy of 0", lambda _: least(EYE, ONES, accuracy=0.0), "1e-8 is usual"),
    Refused("accuracy as text", lambda _: least(EYE, ONES, accuracy="high"), "must be a number"),
    Refused("negative error", lambda _: least(EYE, ONES, jacobian_error=-1), "0 if none"),
    Refused("error NaN", lambda _: least(EYE, ONES, response_error=np.nan), "0 if none"),
    Refused(
        "stability of too few rows",
        lambda _: LeastSquaresRecovery().stability(EYE, ONES),
        "add prompts",
    ),
    Refused(
        "stability in half a split",
        lambda _: LeastSquaresRecovery().stability(np.ones((4, 2)), np.ones(4), splits=0.5),
        "splits must be an integer of at least 1",
    ),
    Refused(
        "groups of another length",
        lambda _: LeastSquaresRecovery().stability(EYE, ONES, groups=[1]),
        "one label for each",
    ),
    Refused(
        "groups of two kinds",
        lambda _: LeastSquaresRecovery().stability(EYE, ONES, groups=[None, "b"]),
        "labels of one kind",
    ),
    Refused(
        "groups of unequal rows",
        lambda _: LeastSquaresRecovery().stability(EYE, ONES, groups=[[1], [1, 2]]),
        "one label for each",
    ),
    Refused(
        "a negative seed",
        lambda _: LeastSquaresRecovery().stability(np.eye(6), np.ones(6), seed=-1),
        "seed must be an integer",
    ),
    Refused(
        "sparsity of 0", lambda _: sparse(sparsity=0), "sparsity must be an integer of at least 1"
    ),
    Refused("sparsity of 1.5", lambda _: sparse(sparsity=1.5), "sparsity must be an integer"),
    Refused("sparsity beyond the atoms", lambda _: sparse(sparsity=3), "between 1 and K = 2"),
    Refused("unknown solver", lambda _: sparse(method="lasso"), "'l1' or 'omp'"),
    Refused("a zero atom", lambda _: sparse(dictionary=[[1, 0], [0, 0]]), "drop it"),
    Refused("collinear atoms", lambda _: sparse(dictionary=[[1, 2], [1, 2]]), "drop one"),
    Refused("atoms of another width", lambda _: sparse(dictionary=np.eye(3)), "atoms in columns"),
    Refused("atoms with NaN", lambda _: sparse(dictionary=[[1, np.nan], [0, 1]]), "finite"),
    Refused("atoms at 1e300", lambda _: sparse(dictionary=1e300 * EYE), "another unit"),
    Refused("a tolerance NaN", lambda _: sparse(response_error=np.nan), "0 if none"),
    Refused(
        "one environment",
        lambda _: EnvironmentRecovery().fit([EYE], [ONES]),
        "LeastSquaresRecovery",
    ),
    Refused(
        "environments of two widths",
        lambda _: EnvironmentRecovery().fit([EYE, np.eye(3)], [ONES, np.ones(3)]),
        "same model and layer",
    ),
    Refused(
        "an environment with NaN",
        lambda _: EnvironmentRecovery().fit([EYE, [[np.nan, 1.0]]], [ONES, [1.0]]),
        "environment 1: jacobian must be finite",
    ),
    Refused(
        "environments as a number",
        lambda _: EnvironmentRecovery().fit(3, 4),
        "jacobians must be a list",
    ),
    Refused("no further layer", lambda _: CrossLayerRecovery().fit([], [EYE], [ONES]), "one layer"),
    Refused(
        "layers that do not fit together",
        lambda _: CrossLayerRecovery().fit([np.eye(3)], [EYE, EYE], [ONES, ONES]),
        "got (2, 2)",
    ),
    Refused(
        "no read at all",
        lambda _: CrossLayerRecovery().fit([EYE], [None, None], [None, None]),
        "must not all be None",
    ),
    Refused(
        "maps that are too large together",
        lambda _: CrossLayerRecovery().fit(
            [1e100 * EYE] * 2, [None, None, EYE], [None, None, ONES]
        ),
        "together",
    ),
    Refused(
        "a map at 1e300",
        lambda _: CrossLayerRecovery().fit([1e300 * EYE], [EYE, EYE], [ONES, ONES]),
        "another unit",
    ),
)

ANSWERED = (
    Answered(
        "least squares at d = 1",
        lambda _: least([[2.0]], [6.0], affine=True),
        lambda f: f.vector_.tolist() == [3.0] and f.prediction_.recovers,
    ),
    Answered(
        "a Jacobian of zeros",
        lambda _: least(np.zeros((2, 2)), np.zeros(2)),
        lambda f: f.kernel_.shape == (2, 2) and not f.vector_.any(),
    ),
    Answered(
        "at 1e-130",
        lambda _: least(1e-130 * EYE, 1e-130 * ONES),
        lambda f: np.allclose(f.vector_, 1.0),
    ),
    Answered(
        "rows that repeat",
        lambda _: least(np.vstack([EYE, EYE]), [1.0, 2.0, 1.0, 2.0]),
        lambda f: np.allclose(f.vector_, [1.0, 2.0]),
    ),
    Answered(
        "a sparse response of zeros",
        lambda _: SparseRecovery().fit(EYE, [0.0, 0.0]),
        lambda f: not f.codes_.any(),
    ),
    Answered(
        "two environments that are the same",
        lambda _: EnvironmentRecovery().fit([[[1.0, 0.0]]] * 2, [[3.0]] * 2),
        lambda f: f.dimension_path_.tolist() == [1, 1] and np.allclose(f.vector_, [3.0, 0.0]),
    ),
    Answered(
        "layers at d = 1",
        lambda _: CrossLayerRecovery().fit([[[2.0]]], [None, [[1.0]]], [None, [6.0]]),
        lambda f: np.allclose(f.vector_, 3.0),
    ),
)
