r"""A sparse recovery as the solver sees it: columns of JD in one scale, limits of the search."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from identifiability.errors import InvalidInput
from identifiability.spark import Spark, spark
from identifiability.sparse_codes import explanations
from identifiability.sparsity import DEPENDENT, TIE, most_coherent_pair, unit_columns
from identifiability.validation import as_count, as_error, as_flag, as_matrix, moderate

_METHODS = ("l1", "omp")
# Relative residual at which a code explains a response without stated noise: float64 solves for
# sets of columns conditioned to 1e6 this well, and a wrong set of them misses by far more.
_EXACT = 1e-9
# 1 - cosine of two atoms 1e-7 radians apart, and some units of rounding of a cosine.
_COLLINEAR = 1e-14
# Codes that explain a response within its error, no farther apart than this many errors, are one
# code moved by noise: their images are two apart at most, and more tells columns of condition 5.
_NEAR = 10.0


@dataclass(frozen=True, eq=False)
class SparseProblem:
    """Columns as the solver sees them, and the limits of the search.

    ``columns`` (M, K) is JD, of unit columns if normalised and else with a longest column of length
    1; a code in their scale is divided by ``scale`` (K,) to be one of the dictionary.
    """

    seen: np.ndarray  # J D (M, K)
    dictionary: np.ndarray  # D (d, K)
    response: np.ndarray  # (M,)
    sparsity: int
    method: str
    error: float
    allowed: float
    limit: int
    columns: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(
        cls,
        jacobian: np.ndarray,
        response: np.ndarray,
        atoms: np.ndarray,
        *,
        sparsity: int,
        method: str,
        error: float,
        limit: int,
        normalise: bool,
    ) -> SparseProblem:
        """From arrays (M, d), (M,) and (d, K) that were checked."""
        seen = jacobian @ atoms
        lengths = np.linalg.norm(seen, axis=0)
        # An atom in ker J leaves rounding only: nothing to bring to length 1.
        sizes = np.linalg.norm(jacobian) * np.linalg.norm(atoms, axis=0)
        lengths = np.where(lengths > DEPENDENT * sizes, lengths, 0.0)
        seen = np.where(lengths > 0, seen, 0.0)
        # The solvers' tolerances are absolute, so that the longest column has length 1 either way.
        scale = lengths if normalise else np.full(lengths.shape, lengths.max())
        scale = np.where(scale > 0, scale, 1.0)
        return cls(
            seen=seen,
            dictionary=atoms,
            response=response,
            sparsity=sparsity,
            method=method,
            error=error,
            allowed=_allowed(error, response),
            limit=limit,
            columns=seen / scale,
            scale=scale,
        )

    def answering(self, response: np.ndarray) -> SparseProblem:
        """The same columns for another response (M,)."""
        return replace(self, response=response, allowed=_allowed(self.error, response))

    @cached_property
    def lengths(self) -> np.ndarray:
        """(K,) of the columns of JD; of an atom in ker J, as if J saw it as well as the best."""
        lengths, atoms = (np.linalg.norm(m, axis=0) for m in (self.seen, self.dictionary))
        best = float((lengths / atoms).max()) or 1.0
        return np.where(lengths > 0, lengths, best * atoms)

    @cached_property
    def unit(self) -> np.ndarray:
        """(M, K) of length 1, whatever the solver uses."""
        return unit_columns(self.seen)[0]

    @cached_property
    def most_coherent(self) -> tuple[float, tuple[int, int]]:
        """Coherence of JD, and the pair of columns that has it."""
        return most_coherent_pair(self.unit)

    @cached_property
    def spark(self) -> Spark:
        """Of JD, as far as 2k; the vector is a kernel vector of JD."""
        return spark(self.seen, up_to=2 * self.sparsity, limit=self.limit)

    @cached_property
    def separation(self) -> float:
        """Smallest singular value of 2k unit columns of JD, or a lower bound; 0 if unknown."""
        columns = min(2 * self.sparsity, self.unit.shape[1])
        if not self.spark.exceeds(columns):
            return 0.0
        mu = self.most_coherent[0]
        by_coherence = float(np.sqrt(max(0.0, 1 - (columns - 1) * mu)))  # Gershgorin
        if np.isfinite(self.spark.margin):
            return max(by_coherence, self.spark.margin)
        if columns == self.unit.shape[1]:
            return float(np.linalg.svd(self.unit, compute_uv=False)[-1])
        return by_coherence

    @cached_property
    def explanations(self) -> np.ndarray | None:
        """Codes (n, K) in the scale of the dictionary; None if there are too many supports."""
        found = explanations(
            self.unit, self.response, self.sparsity, self.allowed, limit=self.limit
        )
        return None if found is None else found / self.lengths

    def within_error(self, codes: np.ndarray) -> bool:
        """Whether codes (n, K) of one response differ by no more than its stated error does."""
        apart = (codes - codes[0]) * self.lengths
        return self.error > 0 and bool(np.linalg.norm(apart, axis=1).max() <= _NEAR * self.error)

    def same_vector(self, codes: np.ndarray) -> bool:
        """Whether codes (n, K) stand for one vector, to the tolerance of the search."""
        vectors = codes @ self.dictionary.T
        apart = np.linalg.norm(vectors - vectors[0], axis=1).max()
        return bool(apart <= 10 * TIE * np.linalg.norm(vectors[0]))


def _allowed(error: float, response: np.ndarray) -> float:
    return error + _EXACT * float(np.linalg.norm(response))


def as_dictionary(given: Any, width: int) -> np.ndarray:
    """Atoms (d, K) of the dictionary that was given, checked; the standard basis for None.

    Raises
    ------
    InvalidInput
        If it is not a dense real matrix with d = ``width`` rows, or has a zero atom or two
        collinear ones.
    """
    if given is None:
        return np.eye(width)
    atoms = moderate(as_matrix(given, "dictionary", shape="(d, K)"), "dictionary")
    if len(atoms) != width:
        raise InvalidInput(
            f"dictionary must be (d, K) with d = {width} as the jacobian, got {atoms.shape}; "
            "take both from the same layer, atoms in columns"
        )
    _require_distinct(atoms)
    return atoms


def _require_distinct(atoms: np.ndarray) -> None:
    """Raise InvalidInput for a dictionary (d, K) with a zero atom or two collinear ones."""
    empty = np.flatnonzero(~np.any(atoms, axis=0))
    if empty.size:
        raise InvalidInput(f"dictionary must have no zero atom, got one at {empty[0]}; drop it")
    cosine, (first, second) = most_coherent_pair(atoms)
    if 1 - cosine < _COLLINEAR:
        raise InvalidInput(
            f"dictionary must have no collinear atoms, got {first} and {second}; drop one of them, "
            "which loses no vector"
        )


def require_parameters(
    count: int,
    *,
    sparsity: Any,
    method: Any,
    response_error: Any,
    search_limit: Any,
    affine: Any,
    normalise: Any,
) -> None:
    """Raise InvalidInput for a parameter of the wrong type or out of range, for K = ``count``."""
    if method not in _METHODS:
        raise InvalidInput(f"method must be 'l1' or 'omp', got {method!r}")
    if as_count(sparsity, "sparsity", at_least=1) > count:
        raise InvalidInput(f"sparsity must lie between 1 and K = {count} atoms, got {sparsity}")
    as_error(response_error, "response_error")
    as_count(search_limit, "search_limit", at_least=0)
    as_flag(affine, "affine")
    as_flag(normalise, "normalise")
