r"""Sparse recovery: a steering vector made of few atoms of a known dictionary.

.. math::
    r = J v, \quad v = D z, \quad \|z\|_0 \le k

Far fewer rows than d may do (theory.md R2): l1 or greedy pursuit on JD, whose columns are brought
to one length first. What comes back is exact *within the vectors of k atoms*; without that
assumption the class is v + ker J as always.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from identifiability.errors import InvalidInput
from identifiability.gauge import Shift
from identifiability.recovery.base import as_system
from identifiability.recovery.sparse_conditions import every_code
from identifiability.recovery.sparse_problem import SparseProblem, as_dictionary, require_parameters
from identifiability.recovery.sparse_report import after, consistency, estimate, report
from identifiability.recovery.sparse_response import this_response
from identifiability.recovery.stability import (
    Stability,
    absolute_cosine,
    as_groups,
    halves,
    seeded,
    support_null,
)
from identifiability.spectrum import Spectrum
from identifiability.validation import as_matrix


class SparseRecovery(BaseEstimator):
    r"""The vector of few atoms that explains a response, and whether it is the only one.

    Parameters
    ----------
    dictionary
        (d, K) atoms in columns, K > d allowed; the standard basis if None.
    sparsity
        k, the largest number of atoms in the vector: the assumption under which it is identified.
    method
        ``"l1"``: least l1 norm (basis pursuit; with noise its constrained form). ``"omp"``:
        orthogonal matching pursuit for k steps.
    response_error
        Known bound on the norm of the response's error (noise, curvature).
    affine
        Whether the outputs are known to be affine in the state; if not, verdicts are local.
    normalise
        Whether to bring each column of JD to length 1 before solving, and the code back after. If
        not, all are divided by the longest.
    search_limit
        How many sets of columns may be looked at for any one NP-hard question: supports of k
        columns, sets of up to 2k. A linear program of the null-space property counts as 100 sets
        and one more for each 32 entries of JD. Beyond it bounds are given and the question may
        stay open.

    Attributes
    ----------
    codes_ : (K,) array
        The code found, in the scale of the dictionary.
    vector_ : (d,) array
        ``dictionary @ codes_``.
    kernel_ : (d, q) array
        Orthonormal basis of ker J: what the response leaves open without sparsity.
    gauge_ : Shift
        The group on the class that is left without sparsity: adding what is in the kernel.
    explanations_ : (n, K) array or None
        All codes of at most k entries (up to 8) that explain the response; None if too many
        supports would have to be looked at.
    error_bound_ : float
        No two codes of k entries that explain the response within ``response_error`` are farther
        apart, in the scale of unit columns of JD; infinite if that is not known.
    conditions_ : list of Condition
        Of every code, then of this response, each with ``decided_by``; checked before estimating.
    prediction_, prediction_for_every_code_ : Prediction
        What the conditions say of this response, and of the worst code of k entries. A response
        that no code explains within its error is a failure that was seen, not an open question.
    report_ : Report
        The verdict within the vectors of k atoms; its conditions end with those seen after. With
        noise a vector is identified, to ``error_bound_``, only where recovery is predicted.

    Raises
    ------
    InvalidInput
        From ``fit``, for arrays that are not real, finite and of fitting sizes, a dictionary with a
        zero atom or two collinear ones, or a parameter out of range.

    Examples
    --------
    >>> atoms = np.array([[1.0, 0.0, 0.6], [0.0, 1.0, 0.8]])
    >>> fitted = SparseRecovery(dictionary=atoms, affine=True).fit(np.eye(2), [1.2, 1.6])
    >>> fitted.codes_.round(9) + 0.0, str(fitted.report_.verdict)
    (array([0., 0., 2.]), 'globally_identifiable')
    """

    def __init__(
        self,
        *,
        dictionary: Any = None,
        sparsity: int = 1,
        method: str = "l1",
        response_error: float = 0.0,
        affine: bool = False,
        normalise: bool = True,
        search_limit: int = 20_000,
    ) -> None:
        self.dictionary = dictionary
        self.sparsity = sparsity
        self.method = method
        self.response_error = response_error
        self.affine = affine
        self.normalise = normalise
        self.search_limit = search_limit

    def fit(self, jacobian: Any, response: Any) -> SparseRecovery:
        """Find the code of the vector whose response this is.

        Parameters
        ----------
        jacobian
            (M, d) array or operator: rows over prompts, strengths and outputs, strength included.
        response
            (M,) change of the outputs that the vector makes.
        """
        matrix, values = as_system(jacobian, response)
        self.n_features_in_ = matrix.shape[1]
        atoms = self._checked_dictionary(matrix.shape[1])
        problem = self._problem = self.problem(matrix, values, atoms)
        uniform, self.prediction_for_every_code_ = every_code(problem)
        checks, self.prediction_ = this_response(problem, consistency(problem), uniform)
        self.conditions_ = [*uniform, *checks]
        self.explanations_ = problem.explanations
        apart = problem.separation
        self.error_bound_ = 2 * problem.allowed / apart if apart > 0 else np.inf

        code, complaint = estimate(problem)
        self.codes_ = code / problem.scale
        self.vector_ = atoms @ self.codes_
        spectrum = Spectrum.of(matrix, metric=False)
        self.kernel_ = spectrum.null_space
        self.gauge_ = Shift(self.kernel_)
        seen = after(problem, code, complaint)
        self.report_ = report(
            problem, spectrum, code, self.conditions_, self.prediction_, seen, affine=self.affine
        )
        return self

    def recover(self, responses: Any) -> np.ndarray:
        """Codes that ``fit`` would find for other responses of the same equations, unconditionally.

        Parameters
        ----------
        responses
            (n, M), entries in the order of the rows.

        Returns
        -------
        numpy.ndarray
            (n, K) codes, in the scale of the dictionary.

        Raises
        ------
        InvalidInput
            If they are not real and finite, or not as many as the rows.
        """
        check_is_fitted(self)
        rows, count = as_matrix(responses, "responses", shape="(n, M)"), len(self._problem.seen)
        if rows.shape[1] != count:
            raise InvalidInput(
                f"responses must have {count} entries each, one for each row that was fitted, got "
                f"{rows.shape[1]}"
            )
        found = [estimate(self._problem.answering(row))[0] for row in rows]
        return np.array(found) / self._problem.scale

    def stability(
        self, jacobian: Any, response: Any, *, groups: Any = None, splits: int = 10, seed: int = 0
    ) -> Stability:
        r"""\|cosine\| of the codes from disjoint halves of the rows, split by group (prompt).

        The null is that of two codes with k normal entries on random supports.

        Parameters
        ----------
        jacobian, response
            As in ``fit``.
        groups
            (M,) the prompt of every row; each row its own if None.
        splits
            How many times to halve the groups.
        seed
            Of the halves and the null.

        Raises
        ------
        InvalidInput
            As in ``fit``; if there are fewer than two groups or splits < 1; or if a half has fewer
            than k + 1 rows, which no code of k entries can be read from.
        """
        matrix, values = as_system(jacobian, response)
        atoms = self._checked_dictionary(matrix.shape[1])
        labels = as_groups(groups, len(matrix))
        rng, agreement = seeded(seed), []
        for pair in halves(labels, splits, rng):
            if min(map(len, pair)) <= self.sparsity:
                raise InvalidInput(
                    f"each half needs at least k + 1 = {self.sparsity + 1} rows, got "
                    f"{min(map(len, pair))}; add prompts or outputs"
                )
            codes = [self._code(matrix[rows], values[rows], atoms) for rows in pair]
            agreement.append([absolute_cosine(*codes)])
        null = support_null(atoms.shape[1], self.sparsity, splits, rng)
        vector = atoms @ self._code(matrix, values, atoms)
        gauge = f"random codes of {self.sparsity} entries"
        return Stability.of(np.array(agreement), null, gauge, vector[:, None])

    def _code(self, matrix: np.ndarray, values: np.ndarray, atoms: np.ndarray) -> np.ndarray:
        problem = self.problem(matrix, values, atoms)
        return estimate(problem)[0] / problem.scale

    def problem(self, matrix: np.ndarray, values: np.ndarray, atoms: np.ndarray) -> SparseProblem:
        """What is handed to the solver, of arrays that were checked."""
        return SparseProblem.of(
            matrix,
            values,
            atoms,
            sparsity=self.sparsity,
            method=self.method,
            error=self.response_error,
            limit=self.search_limit,
            normalise=self.normalise,
        )

    def _checked_dictionary(self, width: int) -> np.ndarray:
        atoms = as_dictionary(self.dictionary, width)
        parameters = self.get_params()
        parameters.pop("dictionary")
        require_parameters(atoms.shape[1], **parameters)
        return atoms

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
