"""Vectors of few known atoms from few outputs (R2), by the package's own estimators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from identifiability.recovery import LeastSquaresRecovery, SparseRecovery
from identifiability.sparsity import unit_columns
from llm_validation.claims.judgement import RECOVERED
from llm_validation.claims.planted.foreseen import counted

ROW_CUT = 1e-4
"""Of the singular values of M gradients: a float32 gradient is good to 1e-6 of the largest."""

SEARCH_LIMIT = 2000
"""Every single atom is looked at, no pair of them: of more than one atom bounds alone decide."""


@dataclass(frozen=True)
class Pursuit:
    """What was found of some codes, and what the estimator had said of every code."""

    recovered: np.ndarray  # (n,) bool
    said: str


@dataclass(frozen=True)
class Equations:
    """What M outputs of one prompt identify of a vector: orthonormal ``rows`` (r, d).

    ``responses`` (n, r) are theirs, made of those of the outputs.
    """

    rows: np.ndarray
    responses: np.ndarray

    @classmethod
    def of(cls, gradients: np.ndarray, responses: np.ndarray) -> Equations:
        """From M gradients (M, d) and the responses (n, M) to n vectors."""
        recovery = LeastSquaresRecovery(cut=ROW_CUT).fit(gradients, responses[0])
        rows = recovery.report_.identified_functionals
        return cls(rows, recovery.recover(responses) @ rows.T)

    def columns(self, atoms: np.ndarray) -> np.ndarray:
        """(r, K) what is seen of each atom, of length 1."""
        return unit_columns(self.rows @ atoms)[0]

    def pursue(
        self, atoms: np.ndarray, sparsity: int, places: slice, planted: np.ndarray
    ) -> Pursuit:
        """Seek vectors that are ``planted`` (n, d), some of all, as so many of the atoms (d, K)."""
        responses = self.responses[places]
        recovery = SparseRecovery(
            dictionary=atoms, sparsity=sparsity, method="omp", search_limit=SEARCH_LIMIT
        ).fit(self.rows, responses[0])
        found = recovery.recover(responses) @ atoms.T  # (n, d)
        sizes = np.linalg.norm(found, axis=1) * np.linalg.norm(planted, axis=1)
        cosines = np.sum(found * planted, axis=1) / np.where(sizes > 0, sizes, 1.0)
        said = recovery.prediction_for_every_code_.failure_mode or "it is recovered"
        return Pursuit(cosines >= RECOVERED, said)


def in_words(found: Sequence[Pursuit]) -> str:
    """What was said of every code, with the number of prompts."""
    return counted([one.said for one in found])
