r"""Rank without rounding: over the rationals, over a random prime field, and of a generic instance.

A minor that is non-zero modulo a prime is non-zero, so rank r modulo p *proves* rank >= r. Only a
deficiency is probabilistic: rank over Q can exceed the rank modulo p when p divides every maximal
minor. With Hadamard's bound H on a minor, at most log(H)/log(p_min) primes of the range can do
that, which bounds the failure probability (cf. Schwartz 1980, doi:10.1145/322217.322225).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from identifiability.errors import InvalidInput
from identifiability.validation import as_count
from identifiability.verdict import Certificate, CertificateKind

# Primes are drawn from [2^61, 2^62): products of residues stay inside flint's 64-bit limbs. By
# the prime number theorem with Dusart's explicit bounds there are more than 2^61/43 of them.
_PRIME_LOW, _PRIME_HIGH = 2**61, 2**62
_PRIMES_AT_LEAST = _PRIME_LOW // 44


@dataclass(frozen=True)
class ExactRank:
    """A rank and what certifies it; ``int()`` gives the rank."""

    rank: int
    certificate: Certificate

    def __int__(self) -> int:
        return self.rank


def exact_rank(
    matrix: Any, *, method: str = "rational", rng: np.random.Generator | None = None
) -> ExactRank:
    """Rank of an integer or rational matrix.

    Parameters
    ----------
    matrix
        (m, d) nested sequence, sympy matrix or array of integers, fractions or floats; a float is
        the dyadic rational that it holds.
    method
        ``"rational"``: over Q, a proof. ``"modular"``: over a random prime field, a proof of the
        lower bound and probabilistic in the upper one.
    rng
        Draws the prime; needed for ``"modular"`` only.

    Raises
    ------
    InvalidInput
        For an entry that is no rational number, an unknown method, or no ``rng``.

    Examples
    --------
    >>> int(exact_rank([[1, 2], [2, 4]]))
    1
    """
    rows = _integer_rows(matrix)
    if method == "rational":
        import flint

        return ExactRank(
            flint.fmpz_mat(rows).rank(), Certificate(CertificateKind.PROOF, "rank over Q, exact")
        )
    if method != "modular":
        raise InvalidInput(f"method must be 'rational' or 'modular', got {method!r}")
    if rng is None:
        raise InvalidInput("a modular rank draws a random prime; pass rng=np.random.default_rng(…)")
    prime = random_prime(rng)
    rank = modular_rank(rows, prime)
    if rank == min(len(rows), len(rows[0])):
        return ExactRank(rank, Certificate(CertificateKind.PROOF, f"full rank modulo {prime}"))
    bound = _hadamard_log2(rows) / math.log2(_PRIME_LOW) / _PRIMES_AT_LEAST
    statement = f"rank >= {rank} proved modulo {prime}; equality up to the failure bound"
    return ExactRank(rank, Certificate(CertificateKind.PROBABILISTIC, statement, bound))


def generic_rank(
    instance: Callable[[Callable[[], int], int], list[list[int]]],
    *,
    degree: int,
    rng: np.random.Generator,
    trials: int = 2,
) -> ExactRank:
    r"""Rank that a matrix of polynomials has for almost every value of its parameters.

    Parameters
    ----------
    instance
        ``instance(draw, prime)`` returns the matrix as nested lists of integers (taken modulo
        ``prime``), every parameter obtained by one call of ``draw()``.
    degree
        Bound on the degree of an entry in the parameters.
    rng
        Draws primes and parameters.
    trials
        Independent primes and parameter draws; the largest rank counts.

    Returns
    -------
    ExactRank
        One instance of rank r proves that the generic rank is at least r. If the generic rank were
        larger, every trial hit a zero of a non-zero (r+1)-minor, which by Schwartz--Zippel has
        probability at most ((r+1)·degree/p)^trials; the bound is for polynomials that do not
        vanish modulo p.
    """
    as_count(trials, "trials", at_least=1)
    as_count(degree, "degree", at_least=0)
    ranks, shape = [], (0, 0)
    for _ in range(trials):
        prime = random_prime(rng)
        rows = instance(lambda p=prime: int(rng.integers(0, p)), prime)
        if not rows or not rows[0]:
            raise InvalidInput(
                "instance must return the rows of a matrix, got an empty one; return lists of "
                "integers"
            )
        shape = (len(rows), len(rows[0]))
        ranks.append(modular_rank(rows, prime))
    rank = max(ranks)
    if rank == min(shape):
        return ExactRank(rank, Certificate(CertificateKind.PROOF, "full rank at one instance"))
    bound = ((rank + 1) * degree / _PRIME_LOW) ** trials
    statement = f"generic rank >= {rank} proved; equality up to the failure bound"
    return ExactRank(rank, Certificate(CertificateKind.PROBABILISTIC, statement, bound))


def modular_rank(rows: list[list[int]], prime: int) -> int:
    """Rank of an integer matrix over the field with ``prime`` elements."""
    import flint

    return flint.nmod_mat([[int(x) % prime for x in row] for row in rows], prime).rank()


def random_prime(rng: np.random.Generator) -> int:
    """A prime uniform among those between 2^61 and 2^62."""
    import flint

    while True:
        candidate = int(rng.integers(_PRIME_LOW, _PRIME_HIGH)) | 1
        if flint.fmpz(candidate).is_prime():
            return candidate


def _integer_rows(matrix: Any) -> list[list[int]]:
    """The matrix with each row multiplied by its common denominator: same rank, integers only."""
    rows = matrix.tolist() if hasattr(matrix, "tolist") else matrix
    if (
        not isinstance(rows, list | tuple)
        or not rows
        or not all(isinstance(row, list | tuple) and row for row in rows)
    ):
        raise InvalidInput(
            "matrix must be (m, d) with at least one entry, got an empty or flat one; pass a list "
            "of rows"
        )
    if len({len(row) for row in rows}) != 1:
        raise InvalidInput("matrix must be (m, d), its rows have different lengths; pad them")
    return [_cleared(row) for row in rows]


def _cleared(row: Sequence[Any]) -> list[int]:
    try:
        fractions = [Fraction(str(x)) if _is_sympy(x) else Fraction(x) for x in row]
    except (TypeError, ValueError, ArithmeticError) as error:
        raise InvalidInput(
            f"matrix entries must be integers, fractions or finite floats ({error}); mend them"
        ) from error
    common = math.lcm(*(f.denominator for f in fractions))
    return [int(f * common) for f in fractions]


def _is_sympy(x: Any) -> bool:
    return type(x).__module__.startswith("sympy")


def _hadamard_log2(rows: list[list[int]]) -> float:
    """log2 of Hadamard's bound on any minor: the product of the rows' Euclidean norms >= 1."""
    return sum(max(0.0, math.log2(max(1, sum(x * x for x in row))) / 2) for row in rows)
