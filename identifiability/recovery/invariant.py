r"""The part of a vector that is the same in every environment, and what varies with it.

.. math::
    v_e = c + S a_e, \qquad S' = \mathrm{span}\{v_e - v_1\}, \qquad
    P_{S'^\perp} v_e = P_{S'^\perp} c \ \text{for every } e

If the environments vary all of col(S), c is determined up to S', and exactly if it is orthogonal to
S as well (theory.md R3c). Neither is in the data: a spurious part that never varied passes for the
trait. More environments than needed make the first plausible; the second is the user's to assume.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from identifiability.errors import InvalidInput
from identifiability.gauge import Shift
from identifiability.recovery.invariant_conditions import (
    differences,
    gap,
    orthogonal,
    prediction,
    something_invariant,
    spanning,
)
from identifiability.recovery.stability import Stability, as_groups, direction_null, halves, seeded
from identifiability.regime import SEVERAL_ENVIRONMENTS
from identifiability.spectrum import Spectrum
from identifiability.validation import as_error, as_flag, as_matrix, as_number, moderate
from identifiability.verdict import (
    Certificate,
    CertificateKind,
    Report,
    Verdict,
    Witness,
)


class InvariantRecovery(BaseEstimator):
    r"""The common part of vectors from several environments, up to what varies.

    Parameters
    ----------
    orthogonal
        Whether the common part is assumed orthogonal to everything spurious. It cannot be checked:
        what lies in the span of the differences looks spurious.
    vector_error
        Known bound on the norm of the error of each vector. Differences below it have no direction.
    sine
        Largest sine of the angle by which that error may turn the span of the differences. The
        ``accuracy`` of the estimators of a vector is another number: a relative error of its norm.

    Attributes
    ----------
    component_ : (d,) array
        Mean of the vectors less its part in the span of their differences.
    spurious_ : (d, r) array
        Orthonormal basis of that span, S'.
    kernel_ : (d, k) array
        What remains open: ``spurious_``, or nothing where ``orthogonal`` is assumed.
    gauge_ : Shift
        The group that acts on the class: adding what is in the kernel.
    conditions_ : list of Condition
        ``gap``, ``something invariant``, ``spanning environments``, ``orthogonal``.
    prediction_ : Prediction
        From the conditions; ``affected`` is empty, since no single environment is at fault.
    report_ : Report
        Verdict on c, the class c + S', and a witness from it.

    Raises
    ------
    InvalidInput
        From ``fit``, if the array is not real and finite or has fewer than two rows, or if a
        parameter is out of its range.

    Examples
    --------
    >>> fitted = InvariantRecovery().fit([[0.0, 1.0, 0.0], [2.0, 1.0, 0.0], [5.0, 1.0, 0.0]])
    >>> np.round(fitted.component_, 12), fitted.spurious_.shape, fitted.report_.class_dimension
    (array([0., 1., 0.]), (3, 1), 1)
    """

    def __init__(
        self, *, orthogonal: bool = False, vector_error: float = 0.0, sine: float = 0.1
    ) -> None:
        self.orthogonal = orthogonal
        self.vector_error = vector_error
        self.sine = sine

    def fit(self, vectors: Any, y: None = None) -> InvariantRecovery:
        """Split the vectors (E, d), one for each environment, into what varies and what does not.

        ``y`` is not used; scikit-learn's pipelines pass it.
        """
        matrix = _as_vectors(vectors)
        self._check_parameters()
        self.n_features_in_ = matrix.shape[1]
        spectrum = differences(matrix, self.vector_error)
        rank = spectrum.rank()
        self.conditions_ = [
            gap(spectrum, self.sine, exact=self.vector_error == 0),
            something_invariant(rank, matrix.shape[1]),
            spanning(matrix, rank, self.vector_error),
            orthogonal(assumed=self.orthogonal),
        ]
        self.prediction_ = prediction(self.conditions_, rank, matrix.shape[1])
        self.spurious_ = spectrum.row_space
        self.component_ = invariant_part(matrix, spectrum)
        self.kernel_ = self.spurious_[:, :0] if self.orthogonal else self.spurious_
        self.gauge_ = Shift(self.kernel_)
        self.report_ = self._report(matrix, spectrum)
        return self

    def stability(
        self, vectors: Any, *, groups: Any = None, splits: int = 10, seed: int = 0
    ) -> Stability:
        """The common part from disjoint halves of the environments, against each other.

        ``groups``, (E,) labels, keeps environments of one label together.

        Raises
        ------
        InvalidInput
            As ``fit``; for groups that do not fit, or fewer than two environments in a half.
        """
        matrix = _as_vectors(vectors)
        self._check_parameters()
        labels = as_groups(groups, len(matrix))
        counts = np.sort(np.bincount(labels))
        if counts[: len(counts) // 2].sum() < 2:
            raise InvalidInput(
                "stability needs two environments or more in each half, got "
                f"{len(matrix)} in {len(counts)} groups; add environments"
            )
        rng = seeded(seed)
        agreement = []
        for parts in halves(labels, splits, rng):
            found = [
                invariant_part(matrix[part], differences(matrix[part], self.vector_error))
                for part in parts
            ]
            lengths = np.prod([np.linalg.norm(component) for component in found])
            # Both zero agree: neither half has anything invariant.
            same = float(not found[0].any() and not found[1].any())
            cosine = abs(found[0] @ found[1]) / lengths if lengths > 0 else same
            agreement.append([min(1.0, cosine)])
        whole = differences(matrix, self.vector_error)
        open_dimensions = max(1, matrix.shape[1] - whole.rank())
        return Stability.of(
            np.array(agreement),
            direction_null(open_dimensions, splits, rng),
            "any direction orthogonal to the differences",
            invariant_part(matrix, whole)[:, None],
        )

    def _check_parameters(self) -> None:
        as_flag(self.orthogonal, "orthogonal")
        as_error(self.vector_error, "vector_error")
        as_number(self.sine, "sine", low=0, high=1, closed="neither", mend="0.1 is usual")

    def _report(self, matrix: np.ndarray, spectrum: Spectrum) -> Report:
        clear, something, spanning, _ = self.conditions_
        decided = bool(clear.holds and something.holds and spanning.holds)
        dimension, verdict, witness = None, Verdict.UNDETERMINED, None
        if decided:
            dimension, verdict = self.kernel_.shape[1], Verdict.GLOBALLY_IDENTIFIABLE
        if decided and dimension:
            exact = self.vector_error == 0
            verdict = Verdict.NON_IDENTIFIABLE if exact else Verdict.EPSILON_NON_IDENTIFIABLE
            witness = _witness(matrix, self.component_, self.spurious_)
        statement = f"span of the differences to a sine of {clear.statistic:.2g}, under the "
        statement += "assumption that c is the same in every environment and S' is all of col(S)"
        if self.orthogonal:
            statement += ", to which c is orthogonal"
        return Report(
            verdict=verdict,
            certificate=Certificate(CertificateKind.NUMERIC, statement, spectrum.resolution),
            class_dimension=dimension,
            identified_functionals=spectrum.null_space.T
            if not self.orthogonal
            else np.eye(matrix.shape[1]),
            tolerance=spectrum.resolution,
            unit="norm of a difference of vectors (noise floor)",
            gap=spectrum.gap,
            regime=SEVERAL_ENVIRONMENTS,
            observable=f"vectors extracted in {len(matrix)} environments",
            witness=witness,
            conditions=tuple(self.conditions_),
        )


def invariant_part(vectors: np.ndarray, spectrum: Spectrum) -> np.ndarray:
    """(d,) the mean, less its part in the span of the differences."""
    unseen = spectrum.null_space
    return unseen @ (unseen.T @ vectors.mean(axis=0))


def _as_vectors(vectors: Any) -> np.ndarray:
    matrix = moderate(as_matrix(vectors, "vectors", shape="(E, d)"), "vectors")
    if len(matrix) < 2:
        raise InvalidInput(
            "invariance needs vectors of two environments or more, got 1 sample; extract one "
            "vector in each of several sets of prompts"
        )
    return matrix


def _witness(matrix: np.ndarray, component: np.ndarray, spurious: np.ndarray) -> Witness:
    """The mean itself where it has a spurious part; else one as long as the component.

    Both explain every vector: what is added to c is taken off the spurious parts.
    """
    shift = spurious @ (spurious.T @ matrix.mean(axis=0))
    size = float(np.linalg.norm(component))
    if np.linalg.norm(shift) <= np.sqrt(np.finfo(np.float64).eps) * size:
        shift = max(size, 1.0) * spurious[:, 0]
    other = component + shift
    residual = (matrix - other) - (matrix - other) @ spurious @ spurious.T
    norms = size * np.linalg.norm(other)
    return Witness(
        vector=other,
        cosine=float(component @ other / norms) if norms > 0 else 0.0,
        distance=float(np.linalg.norm(shift)),
        output_difference=float(np.linalg.norm(residual, axis=1).max()),
        unit="largest norm of a vector's part that c' and S' do not explain, measured",
    )
