r"""The small end of the spectrum of a metric that is only known through products G v.

Which way when:

* **dense** ``eigh`` (``Spectrum``), while (d, d) fits, d up to about 16 000: all of it, exact.
* ``smallest_eigenpairs``: some invisible *directions* in larger spaces. Lanczos finds both ends of
  a spectrum, the small one slowly when eigenvalues crowd there: after m steps the error falls as
  exp(−4m √((λ_next − λ_small)/(λ_max − λ_small))). A shift to λ_max I − G changes nothing about
  it, the Krylov space is the same; shift and invert would, and needs solves with G that products
  alone give no faster. What helps is to take the known top of the spectrum out (``deflate``).
* ``SpectralQuadrature``: *how many* eigenvalues lie below a cut, with its error, in a few dozen
  products a probe whatever d is, and no directions.

A randomised SVD is none of these: it finds the top of the spectrum, and the complement of what it
found is not the null space but everything else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from scipy.sparse.linalg import LinearOperator

from identifiability.errors import InvalidInput
from identifiability.lanczos import lanczos, orthogonalised, symmetric_operator


@dataclass(frozen=True)
class NullEnd:
    """Approximate eigenpairs at the small end, smallest first.

    By Courant–Fischer the i-th smallest eigenvalue of G is at most ``eigenvalues[i]``, converged or
    not, to rounding: the number of these below a cut is a lower bound on that of G. An eigenvalue
    of G lies within ``residuals[i]`` of each.

    Attributes
    ----------
    eigenvalues
        (k,) Ritz values, ascending; unclipped, so that rounding shows as negative ones.
    eigenvectors
        (d, k) orthonormal.
    residuals
        (k,) ‖G x − λ x‖.
    floor
        Rounding of products with G: eigenvalues at or below it cannot be told from zero.
    converged
        Whether every residual is at most the tolerance.
    products
        Products with G that it took.
    """

    eigenvalues: np.ndarray
    eigenvectors: np.ndarray
    residuals: np.ndarray
    floor: float
    converged: bool
    products: int


def smallest_eigenpairs(
    operator: LinearOperator,
    count: int,
    *,
    rng: np.random.Generator,
    tolerance: float | None = None,
    max_products: int = 2000,
    deflate: np.ndarray | None = None,
) -> NullEnd:
    """Block Lanczos with full reorthogonalisation, for the ``count`` smallest eigenpairs.

    Blocks of ``count`` vectors find an eigenvalue with its multiplicity, which single vectors
    cannot; no restarts, so that the large eigenvalues, found on the way, stay out of the way. In a
    space that the products exhaust the answer is exact.

    Parameters
    ----------
    operator
        Symmetric (d, d).
    count
        k, how many are wanted.
    rng
        For the starting block.
    tolerance
        Residual at which a pair counts as found; by default ten times the floor.
    max_products
        Where to stop, converged or not; at least ``count``. Memory: twice 8 d max_products bytes.
    deflate
        (d, r) orthonormal eigenvectors of the top, known from elsewhere, for instance from
        ``scipy.sparse.linalg.eigsh(operator, r)``: the search stays orthogonal to them. Inexact
        ones cost accuracy that the residuals show; the upper bounds hold all the same.

    Raises
    ------
    InvalidInput
        If the operator is not square or numbers do not fit.
    """
    width = symmetric_operator(operator)
    away = np.zeros((width, 0)) if deflate is None else _checked_deflation(deflate, width)
    room = width - away.shape[1]
    if not 1 <= count <= room:
        raise InvalidInput(f"count must be between 1 and {room}, got {count}; ask for fewer")
    if max_products < count:
        raise InvalidInput(f"max_products must be at least {count}, got {max_products}")
    limit = min(max_products, room)
    basis, images = np.empty((width, limit)), np.empty((width, limit))
    projected = np.zeros((limit, limit))
    block = orthogonalised(rng.standard_normal((width, count)), [away], rng)
    size = due = 0
    while True:
        new = slice(size, size + block.shape[1])
        size = new.stop
        basis[:, new], images[:, new] = block, operator.matmat(block)
        projected[new, :size] = images[:, new].T @ basis[:, :size]
        if size >= due or size == limit:
            # Every tenth of growth is soon enough: decomposing after every block costs more.
            due = int(1.1 * size)
            values, weights = scipy.linalg.eigh(projected[:size, :size], lower=True)
            found, weights = values[:count], weights[:, :count]
            vectors = basis[:, :size] @ weights
            residuals = np.linalg.norm(images[:, :size] @ weights - vectors * found, axis=0)
            floor = rounding_floor(operator, float(np.max(np.abs(values))))
            converged = residuals.max() <= (10 * floor if tolerance is None else tolerance)
            if converged or size == limit:
                return NullEnd(found, vectors, residuals, floor, bool(converged), size)
        block = orthogonalised(images[:, new][:, : limit - size], [away, basis[:, :size]], rng)


@dataclass(frozen=True)
class Count:
    """How many eigenvalues are at or below a cut.

    Attributes
    ----------
    cut
        In the units of the eigenvalues.
    estimate
        The middle of ``quadrature``.
    quadrature
        (low, high): means over the probes of the sharp bounds of Chebyshev, Markov and Stieltjes;
        the true value for *these probes* is in between, whatever the spectrum. Half their distance
        is the largest bias that too few steps can cause.
    standard_error
        Of the mean over the probes, √(2 N (d − N)/((d + 2) probes)) at N = ``estimate``: the
        variance on the sphere is known and need not be estimated.
    interval
        The counts N that differ from ``quadrature`` by no more than normal errors of the size that
        N itself implies allow, at the level asked for. (Student's interval from the spread between
        probes covers small counts too rarely: 84 % instead of 95 % at N = 1 with 8 probes.)
    """

    cut: float
    estimate: float
    quadrature: tuple[float, float]
    standard_error: float
    interval: tuple[float, float]


class SpectralQuadrature:
    """Stochastic Lanczos quadrature: how eigenvalues are distributed, from a few random probes.

    For z uniform on the sphere, d Σ_i (zᵀu_i)² 1[λ_i ≤ c] has the number of eigenvalues at or below
    c for its mean, and m steps of Lanczos from z bracket it (Golub & Meurant 2010, ISBN
    978-0691143413; Ubaru, Chen & Saad 2017, doi:10.1137/16M1104974). Two errors, both stated: that
    of the probes falls as 1/√probes and is at most about √(2 N / probes) for a count N; that of the
    quadrature falls with the steps, and is large where the cut lies in a crowd of eigenvalues.

    Parameters
    ----------
    operator
        Symmetric (d, d).
    probes
        How many random vectors.
    steps
        Products for each probe; fewer where the Krylov space ends before.
    rng
        For the probes.

    Attributes
    ----------
    width : int
        d.
    floor : float
        Rounding of products with G, below which nothing can be counted.

    Raises
    ------
    InvalidInput
        If the operator is not square or numbers do not fit.
    """

    def __init__(
        self, operator: LinearOperator, *, probes: int, steps: int, rng: np.random.Generator
    ) -> None:
        self.width = symmetric_operator(operator)
        if probes < 1 or steps < 1:
            raise InvalidInput(
                f"probes and steps must be at least 1, got {probes} and {steps}; use more"
            )
        runs = [
            lanczos(operator, rng.standard_normal(self.width), min(steps, self.width))
            for _ in range(probes)
        ]
        self._runs = runs
        largest = max(float(np.max(np.abs(run.ritz_values()))) for run in runs)
        self.floor = rounding_floor(operator, largest)

    def count_below(self, cut: float, *, level: float = 0.95) -> Count:
        """The number of eigenvalues at or below a cut, with its errors; takes no product.

        Raises
        ------
        InvalidInput
            If the cut is at or below the floor, where zero and not zero look the same.
        """
        from scipy.stats import norm

        if not np.isfinite(cut) or cut <= self.floor:
            raise InvalidInput(
                f"cut must be above the rounding of the products, {self.floor:.1e}, got {cut}; "
                "below it no eigenvalue can be told from zero"
            )
        bounds = self.width * np.array([run.mass_below(cut) for run in self._runs])  # (probes, 2)
        low, high = (float(bound) for bound in bounds.mean(axis=0))
        unit = 2 / ((self.width + 2) * len(bounds))
        reach = unit * float(norm.ppf((1 + level) / 2)) ** 2
        middle = (low + high) / 2
        return Count(
            cut=float(cut),
            estimate=middle,
            quadrature=(low, high),
            standard_error=float(np.sqrt(unit * max(0.0, middle * (self.width - middle)))),
            interval=(self._differing(low, reach, -1), self._differing(high, reach, 1)),
        )

    def _differing(self, mean: float, reach: float, side: int) -> float:
        """The root of (mean − N)² = reach · N (d − N) on one side of the mean."""
        half = mean + reach * self.width / 2
        root = np.sqrt(max(0.0, half**2 - (1 + reach) * mean**2))
        return float(np.clip((half + side * root) / (1 + reach), 0.0, self.width))


def rounding_floor(operator: LinearOperator, largest: float) -> float:
    """What rounding may do to an eigenvalue: √d units of the products' dtype, of the largest."""
    unit = max(getattr(operator, "entry_rounding", 0.0), np.finfo(np.float64).eps)
    return float(np.sqrt(operator.shape[0]) * unit * largest)


def _checked_deflation(vectors: np.ndarray, width: int) -> np.ndarray:
    vectors = np.asarray(vectors, dtype=np.float64)
    if vectors.ndim != 2 or vectors.shape[0] != width:
        raise InvalidInput(
            f"deflate must be ({width}, r), got {vectors.shape}; one column a vector"
        )
    if np.abs(vectors.T @ vectors - np.eye(vectors.shape[1])).max() > 1e-8:
        raise InvalidInput("deflate must have orthonormal columns; take them from an eigensolver")
    return vectors
