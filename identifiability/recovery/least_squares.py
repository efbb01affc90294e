r"""Least squares: what a linear response says about a steering vector, and what it cannot say.

.. math::
    r = J v, \quad v = a + b,\ a \in \mathrm{row}(J),\ b \in \ker J, \qquad \hat v = J^{+} r = a

The row-space part a comes back to rounding; of b the response holds nothing (theory.md N1, R6), so
the estimate has none and the kernel is returned beside it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from identifiability.recovery.base import as_system
from identifiability.recovery.linear import LinearRecovery
from identifiability.recovery.stability import Stability, as_groups
from identifiability.recovery.stack import predict


class LeastSquaresRecovery(LinearRecovery):
    r"""The row-space part of a vector from the response of linear (or linearised) outputs.

    Parameters
    ----------
    affine
        Whether the outputs are known to be affine in the state. If not, the class reported is one
        of first order: a kernel of J shows no more (theory.md N2).
    accuracy
        Largest relative error of the row-space part that errors of J may cause (a ratio of norms;
        ``InvariantRecovery`` is asked for the ``sine`` of an angle instead). The gap condition
        fails where the smallest singular value counted does not stand that clear of the floor.
    jacobian_error
        Known bound on the spectral norm of the error of J, beyond float64 rounding.
    response_error
        Known bound on the norm of the error of the response: noise, curvature, rounding of outputs
        much larger than their change. It moves ``vector_`` by at most itself over the smallest
        singular value counted.
    cut
        Share of the largest singular value at or below which a direction is given up: not read,
        though it is seen, because errors of the response divided by so little would drown what is
        read elsewhere. It counts with the kernel, and the verdict is one to a tolerance.

    Attributes
    ----------
    vector_ : (d,) array
        The solution of least norm: the row-space part. It claims nothing about the kernel part.
    kernel_ : (d, k) array
        Orthonormal basis of the directions about which the response says nothing.
    gauge_ : Shift
        The group that acts on the class: adding what is in the kernel.
    conditions_ : list of Condition
        ``gap``, ``full rank`` and ``consistent response``, checked with their statistics. Where gap
        or consistent response fails, ``vector_`` is a least-squares fit and no more, and the
        verdict is ``undetermined``.
    prediction_ : Prediction
        What the conditions say of the estimate: it recovers v, the kernel's dimensions stay unknown
        (``kernel: 4 of 12 dimensions``), or a condition that is missing leaves it undecided.
    report_ : Report
        The verdict on the vector, with witness and certificate.

    Raises
    ------
    InvalidInput
        From ``fit``, if the arrays are not real, finite and non-empty or their lengths differ, or
        if a parameter is out of its range.

    Examples
    --------
    >>> fitted = LeastSquaresRecovery(affine=True).fit([[2.0, 0.0]], [6.0])
    >>> fitted.vector_, fitted.kernel_.shape, str(fitted.report_.verdict)
    (array([3., 0.]), (2, 1), 'non_identifiable')
    """

    def fit(self, jacobian: Any, response: Any) -> LeastSquaresRecovery:
        """Recover the row-space part of the vector whose response this is.

        Parameters
        ----------
        jacobian
            (M, d) array or operator: rows over prompts, strengths and outputs, strength included.
        response
            (M,) change of the outputs that the vector makes.
        """
        matrix, values = as_system(jacobian, response)
        self._check_parameters()
        solution = self._solve(matrix, values)
        conditions = [solution.gap, solution.full_rank, solution.consistent]
        self._learn(matrix, solution, conditions, predict(solution))
        return self

    def recover(self, responses: Any) -> np.ndarray:
        """What ``fit`` makes of other responses of the same Jacobian, its conditions aside.

        Noise in a response moves the estimate by what this makes of the noise.

        Parameters
        ----------
        responses
            (..., M), entries in the order of the rows.

        Returns
        -------
        numpy.ndarray
            (..., d) vectors, without kernel part.

        Raises
        ------
        InvalidInput
            If they are not real and finite, or not as many as the rows.
        sklearn.exceptions.NotFittedError
            Before ``fit``.
        """
        check_is_fitted(self)
        return self._recover(responses)

    def stability(
        self,
        jacobian: Any,
        response: Any,
        *,
        groups: Any = None,
        splits: int = 10,
        seed: int = 0,
    ) -> Stability:
        """Whether halves of the prompts give the same vector, where both can see.

        Parameters
        ----------
        jacobian, response
            As for ``fit``.
        groups
            (M,) the prompt of every row; by default every row is a prompt of its own.
        splits, seed
            Number of random splits, and their seed.

        Returns
        -------
        Stability
            One component: |cosine| of the halves' estimates, both projected on the intersection of
            the halves' row spaces, against that of random directions there.

        Raises
        ------
        InvalidInput
            As ``fit``, and if halves have fewer than two dimensions in common.
        """
        matrix, values = as_system(jacobian, response)
        self._check_parameters()
        return self._split(matrix, values, as_groups(groups, len(matrix)), splits, seed)
