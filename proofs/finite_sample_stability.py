r"""R5 — how far an estimated null space is from the true one, from what was measured alone.

A Jacobian J (m x d) is measured as J^ = J + E, ||E|| <= eta (spectral norms), and the last d - r
right singular vectors of J^ are taken for those of J. If rank J = r, so that the latter span ker J,

.. math::
    \sin\angle \le \frac{\eta}{\sigma_r(\hat J)}; \qquad\text{for every } J \text{ with }
    \hat g = \sigma_r(\hat J) - \sigma_{r+1}(\hat J) > \eta: \quad
    \sin\angle \le \frac{\eta}{\hat g - \eta}

where the angle is the largest principal one. Both need only measured singular values. The first is
attained for small eta, by E = eta u_r n^T with n in ker J (checked at one eta); the second in the
limit eta/g -> 0.
With sigma_r(J) in place of sigma_r(J^) the first is false: J = diag(1, 0), ||E|| = 0.4 reaches
1/sqrt(5) = 0.447.

The symbolic part covers every m, d and r: the two lines of Wedin's proof in the bases in which J^
is diagonal, one coordinate of each block standing for the rest; Weyl's inequality is cited.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

import identifiability
from proofs.theorem import (
    Assumption,
    Conclusion,
    Counterexample,
    FalseVariant,
    Identity,
    SymbolicProof,
    Theorem,
)


@dataclass(frozen=True)
class MeasuredJacobians:
    """A Jacobian with planted singular vectors, and many errors of measurement."""

    left: np.ndarray  # (m, m) orthogonal
    right: np.ndarray  # (d, d) orthogonal
    values: np.ndarray  # singular values of J for the first bound, descending, all positive
    tail: np.ndarray  # further, smaller ones that J has for the second bound
    rank: int  # r
    errors: np.ndarray  # (n, m, d)
    bounds: np.ndarray  # (n,) eta, what is known of the norms of the errors

    @property
    def jacobian(self) -> np.ndarray:
        """(m, d), for the first bound."""
        return self._from(self.values)

    @property
    def with_tail(self) -> np.ndarray:
        """(m, d), for the second bound."""
        return self._from(np.concatenate([self.values, self.tail]))

    def _from(self, values: np.ndarray) -> np.ndarray:
        return self.left[:, : values.size] * values @ self.right[:, : values.size].T

    def sines(self, measured: np.ndarray) -> np.ndarray:
        """(n,) largest principal angles of the estimated null spaces from the planted one."""
        _, _, rows = np.linalg.svd(measured, full_matrices=False)
        return _norms(rows[:, : self.rank] @ self.right[:, self.rank :])


def _norms(errors: np.ndarray) -> np.ndarray:
    return np.linalg.norm(errors, ord=2, axis=(1, 2))


def _measured_values(measured: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """sigma_r and sigma_{r+1} (0 beyond the last) of measured (n, m, d)."""
    values = np.linalg.svd(measured, compute_uv=False)
    values = np.hstack([values, np.zeros((len(values), 1))])
    return values[:, rank - 1], values[:, rank]


def _gaps(instance: MeasuredJacobians) -> np.ndarray:
    """(n,) sigma_r - sigma_{r+1} of the measured Jacobians with tail."""
    last, next_one = _measured_values(instance.with_tail + instance.errors, instance.rank)
    return last - next_one


# --- assumptions --------------------------------------------------------------------------------


def _has_rank(instance: MeasuredJacobians) -> bool:
    values = np.linalg.svd(instance.jacobian, compute_uv=False)
    return int(np.sum(values > 1e-12 * values[0])) == instance.rank


ASSUMPTIONS = (
    Assumption("rank r", "rank J = r (for the first bound)", _has_rank),
    Assumption(
        "gap above the error",
        "sigma_r(J^) - sigma_{r+1}(J^) > eta (for the second bound)",
        lambda i: bool(np.all(_gaps(i) > i.bounds)),
    ),
    Assumption(
        "error bound",
        "||E|| <= eta in the spectral norm",
        # Equality is meant to pass, whatever way the norm was rounded.
        lambda i: bool(np.all(_norms(i.errors) <= i.bounds * (1 + 1e-12))),
    ),
)


# --- symbolic -----------------------------------------------------------------------------------


def _identities() -> Iterator[Identity]:
    import sympy as sp

    # Rank r. For x in ker J, Ex = J^x; in the singular bases of J^ (r = 2, d = 4):
    s = sp.symbols("s1:5", positive=True)
    x = sp.Matrix(sp.symbols("x1:5"))
    excess = (s[0] ** 2 - s[1] ** 2) * x[0] ** 2 + s[2] ** 2 * x[2] ** 2 + s[3] ** 2 * x[3] ** 2
    image = sp.diag(*s) * x
    yield Identity(
        "||Ex||^2 = ||J^x||^2 = s_r^2 (x_1^2 + .. + x_r^2) + squares, so sin <= ||E||/s_r",
        image.dot(image),
        s[1] ** 2 * (x[0] ** 2 + x[1] ** 2) + excess,
    )

    # In general: J = U diag(p1, p2) V^T against J^ = diag(s1, s2), U and V any rotations.
    p1, p2, a, b = sp.symbols("p1 p2 a b")
    U, V = (sp.Matrix([[1 - w**2, -2 * w], [2 * w, 1 - w**2]]) / (1 + w**2) for w in (a, b))
    E = sp.diag(s[0], s[1]) - U * sp.diag(p1, p2) * V.T
    X, Y = V[0, 1], U[0, 1]  # components of the last singular vectors of J on the first of J^
    yield Identity("u^_1^T E v_2 = s_1 X - p_2 Y", (E * V)[0, 1], s[0] * X - p2 * Y)
    yield Identity("v^_1^T E^T u_2 = s_1 Y - p_2 X", (E.T * U)[0, 1], s[0] * Y - p2 * X)
    sine, other, eta, top, low = sp.symbols("X Y eta s p", positive=True)
    worst = sp.solve(
        [top * sine - low * other - eta, top * other - low * sine - eta], [sine, other]
    )
    yield Identity("both at most eta: X <= eta/(s_r - p_{r+1})", worst[sine], eta / (top - low))
    measured = sp.symbols("q", positive=True)
    yield Identity(
        "p_{r+1} <= q_{r+1} + eta (Weyl) gives eta/(gap - eta)",
        worst[sine].subs(low, measured + eta),
        eta / ((top - measured) - eta),
    )

    # The first is attained: J = diag(s, 0), E = eta e_1 e_2^T.
    hat = sp.Matrix([[top, eta], [0, 0]])
    null = hat.nullspace()[0]
    squared_sine = null[0] ** 2 / null.dot(null)
    largest = max((hat * hat.T).eigenvals(), key=lambda value: value.subs({top: 1, eta: 1}))
    yield Identity("E = eta u_r n^T: sin^2 = eta^2/sigma_r(J^)^2", squared_sine, eta**2 / largest)
    # The second in the limit: diag(s, p) + eta (e_1 e_2^T + e_2 e_1^T), turned by theta with
    # w = tan theta, tan 2 theta = 2 eta/(s - p).
    w, distance = sp.symbols("w g", positive=True)
    swap = distance * w / (1 - w**2)  # eta
    swapped = sp.Matrix([[low + distance, swap], [swap, low]])
    axes = sp.Matrix([[1, -w], [w, 1]])
    hats = sp.diag(low + distance + swap * w, low - swap * w)
    yield Identity(
        "E = eta (u_r n^T + u_{r+1} v_r^T) turns n by theta, tan 2 theta = 2 eta/(s - p)",
        swapped * axes,
        axes * hats,
    )
    share = w / sp.sqrt(1 + w**2) * (hats[0, 0] - hats[1, 1] - swap) / swap
    yield Identity("there sin/bound -> 1 as eta -> 0", sp.limit(share, w, 0, "+"), sp.Integer(1))

    # False with sigma_r(J): J = diag(1, 0), E = eta [[-c, s], [s, c]] with c^2 + s^2 = 1.
    c = sp.symbols("c")
    squared_tangent = 4 * eta**2 * (1 - c**2) / (1 - 2 * eta * c) ** 2  # of 2 theta
    stationary = sp.numer(sp.together(sp.diff(squared_tangent, c)))
    yield Identity("the largest turn is at c = 2 eta", stationary.subs(c, 2 * eta), sp.Integer(0))
    worst_case = squared_tangent.subs(c, 2 * eta)
    yield Identity("where sin 2 theta = 2 eta", worst_case / (1 + worst_case), 4 * eta**2)
    wrong = sp.Matrix([[1, 0], [0, 0]]) + sp.Rational(2, 5) * sp.Matrix([[-4, 3], [3, 4]]) / 5
    values = {value: vectors[0] for value, _, vectors in wrong.eigenvects()}
    null = values[min(values)]
    yield Identity(
        "eta = 2/5: sin^2 = 1/5 > eta^2", null[0] ** 2 / null.dot(null), sp.Rational(1, 5)
    )
    yield Identity(
        "eta/sigma_1(J^) = 1/2 covers it", sp.Rational(2, 5) / max(values), sp.Rational(1, 2)
    )


# --- numeric ------------------------------------------------------------------------------------

DRAWS = 100


def sample(rng: np.random.Generator) -> MeasuredJacobians:
    """Planted singular vectors and values; errors random and adversarial in turn."""
    width, rows = int(rng.integers(2, 8)), int(rng.integers(1, 10))
    rank = int(rng.integers(1, min(rows, width - 1) + 1))
    left = np.linalg.qr(rng.standard_normal((rows, rows)))[0]
    right = np.linalg.qr(rng.standard_normal((width, width)))[0]
    values = np.sort(rng.uniform(1, 3, rank))[::-1]
    tail = np.sort(rng.uniform(0, 0.5, min(rows, width) - rank))[::-1]
    room = values[-1] - tail.max(initial=0.0)
    errors = np.array([_error(rng, left, right, rank, draw % 4) for draw in range(DRAWS)])
    # With a third of the room at most, Weyl's inequality keeps the measured gap above the error.
    errors *= (rng.uniform(0.01, 0.33, DRAWS) * room / _norms(errors))[:, None, None]
    return MeasuredJacobians(left, right, values, tail, rank, errors, _norms(errors))


def _error(
    rng: np.random.Generator, left: np.ndarray, right: np.ndarray, rank: int, kind: int
) -> np.ndarray:
    """Gaussian, or one that turns n = v_{r+1} towards v_r: one-sided, a swap or a reflection."""
    if kind == 0:
        return rng.standard_normal((len(left), len(right)))
    seen, null = right[:, rank - 1], right[:, rank]
    one_sided = np.outer(left[:, rank - 1], null)
    if kind == 1 or rank == len(left):
        return one_sided
    swap = one_sided + np.outer(left[:, rank], seen)
    if kind == 2:
        return swap
    angle = rng.uniform(0, np.pi)
    stretch = np.outer(left[:, rank], null) - np.outer(left[:, rank - 1], seen)
    return np.cos(angle) * stretch + np.sin(angle) * swap


def rank_bounds(instance: MeasuredJacobians) -> np.ndarray:
    """(n,) eta/sigma_r(J^)."""
    last, _ = _measured_values(instance.jacobian + instance.errors, instance.rank)
    return instance.bounds / last


def gap_bounds(instance: MeasuredJacobians) -> np.ndarray:
    """(n,) eta/(gap - eta)."""
    return instance.bounds / (_gaps(instance) - instance.bounds)


def _rank_excess(instance: MeasuredJacobians, bounds: np.ndarray) -> float:
    sines = instance.sines(instance.jacobian + instance.errors)
    return float(np.max(sines - bounds).clip(0))


def _gap_excess(instance: MeasuredJacobians, bounds: np.ndarray) -> float:
    sines = instance.sines(instance.with_tail + instance.errors)
    return float(np.max(sines - bounds).clip(0))


def _attained_error(instance: MeasuredJacobians) -> float:
    """The first bound against the angle reached by E = eta u_r n^T."""
    values, r = instance.values, instance.rank
    # Beyond this eta another singular value is the r-th.
    limit = np.sqrt(values[r - 2] ** 2 - values[r - 1] ** 2) if r > 1 else values[0]
    error = 0.5 * limit * np.outer(instance.left[:, r - 1], instance.right[:, r])
    measured = (instance.jacobian + error)[None]
    last, _ = _measured_values(measured, r)
    return float(abs(instance.sines(measured)[0] - 0.5 * limit / last[0]))


def _reported_excess(instance: MeasuredJacobians) -> float:
    """The bound that a Spectrum prints, on every tenth draw, against the angle there."""
    worst = 0.0
    for error, eta in list(zip(instance.errors, instance.bounds, strict=True))[::10]:
        spectrum = identifiability.Spectrum.of(instance.jacobian + error, error=eta)
        planted = instance.right[:, spectrum.rank() :]
        apart = spectrum.row_space.T @ planted
        sine = float(np.linalg.norm(apart, ord=2)) if apart.size else 0.0
        worst = max(worst, sine - spectrum.null_space_angle_bound)
    return worst


ROUNDING = "float64 singular vectors of Jacobians with gaps above 0.1"

CONCLUSIONS = (
    Conclusion(
        "rank bound",
        f"rank J = r: sin <= eta/sigma_r(J^), in each of {DRAWS} draws (largest excess)",
        lambda i: _rank_excess(i, rank_bounds(i)),
        tolerance=1e-13,
        because=ROUNDING,
    ),
    Conclusion(
        "gap bound",
        f"any rank: sin <= eta/(gap - eta), in each of {DRAWS} draws (largest excess)",
        lambda i: _gap_excess(i, gap_bounds(i)),
        tolerance=1e-13,
        because=ROUNDING,
    ),
    Conclusion(
        "attained",
        "the first bound is an equality at E = eta u_r n^T",
        _attained_error,
        tolerance=1e-13,
        because=ROUNDING,
    ),
    Conclusion(
        "reported",
        "the angle bound of a Spectrum with known error holds (largest excess)",
        _reported_excess,
        tolerance=1e-13,
        because=ROUNDING,
    ),
)


# --- what breaks without each assumption --------------------------------------------------------


def _in_the_plane(
    values: list[float], tail: list[float], error: np.ndarray, eta: float
) -> MeasuredJacobians:
    """J diagonal in R^2, r = 1, one error."""
    axes = np.eye(2)
    return MeasuredJacobians(
        axes, axes, np.array(values), np.array(tail), 1, error[None], np.array([eta])
    )


_SWAP = np.array([[0.0, 1.0], [1.0, 0.0]])
_REFLECTION = np.array([[-0.8, 0.6], [0.6, 0.8]])


def _higher_rank(rng: np.random.Generator) -> MeasuredJacobians:
    return _in_the_plane([1.0, 0.9], [], 0.05 * _SWAP, 0.05)


def _no_gap(rng: np.random.Generator) -> MeasuredJacobians:
    return _in_the_plane([1.0], [0.95], np.diag([-0.1, 0.0]), 0.1)


def _error_understated(rng: np.random.Generator) -> MeasuredJacobians:
    return _in_the_plane([1.0], [0.0], 0.2 * np.array([[0.0, 1.0], [0.0, 0.0]]), 0.1)


COUNTEREXAMPLES = (
    Counterexample(
        "rank r",
        _higher_rank,
        breaks="rank bound",
        story="singular values 1 and 0.9 taken for rank 1: an error of 0.05 turns by 22.5 degrees",
    ),
    Counterexample(
        "gap above the error",
        _no_gap,
        breaks="gap bound",
        story="values 1 and 0.95, error 0.1: they change places, sin = 1; the formula says -2",
    ),
    Counterexample(
        "error bound",
        _error_understated,
        breaks="rank bound",
        story="an error of 0.2 declared as 0.1: the angle is nearly twice what is promised",
    ),
)


# --- false variants -----------------------------------------------------------------------------


def _reflected(rng: np.random.Generator) -> MeasuredJacobians:
    """J = diag(1, 0), ||E|| = 0.4: the worst error of that norm."""
    return _in_the_plane([1.0], [0.0], 0.4 * _REFLECTION, 0.4)


def _reflected_back(rng: np.random.Generator) -> MeasuredJacobians:
    """The same pair with the roles of J and J^ exchanged: J^ = diag(1, 0), J of rank 2."""
    values, axes = np.linalg.eigh(np.diag([1.0, 0.0]) + 0.4 * _REFLECTION)
    axes = axes[:, ::-1]
    error = -0.4 * _REFLECTION
    bounds = np.array([0.4])
    return MeasuredJacobians(axes, axes, values[1:], values[:1], 1, error[None], bounds)


def _by_true_value(instance: MeasuredJacobians) -> float:
    return _rank_excess(instance, instance.bounds / instance.values[instance.rank - 1])


def _by_largest_entry(instance: MeasuredJacobians) -> float:
    entries = np.abs(instance.errors).max(axis=(1, 2))
    return _rank_excess(instance, entries / instance.bounds * rank_bounds(instance))


FALSE_VARIANTS = (
    FalseVariant(
        "sin <= ||E||/sigma_r(J), with the true singular value (diag(1, 0), 0.4: 0.447)",
        instead_of="rank bound",
        discrepancy=_by_true_value,
        sample=_reflected,
    ),
    FalseVariant(
        "any rank: sin <= ||E||/gap, without taking the error off the measured gap",
        instead_of="gap bound",
        discrepancy=lambda i: _gap_excess(i, i.bounds / _gaps(i)),
        sample=_reflected_back,
    ),
    FalseVariant(
        "the largest entry of E may stand for its norm",
        instead_of="rank bound",
        discrepancy=_by_largest_entry,
    ),
)


THEOREM = Theorem(
    id="R5",
    name="finite_sample_stability",
    title="Stability of an estimated null space",
    statement=(
        "For all J (m x d), J^ = J + E with ||E|| <= eta, and r < d: the largest angle between the "
        "last d - r right singular vectors of J^ and those of J has sin <= eta/sigma_r(J^) if "
        "rank J = r, and sin <= eta/(g - eta) whenever g = sigma_r(J^) - sigma_{r+1}(J^) > eta. "
        "The first is attained by small eta, the second as eta/g -> 0."
    ),
    latex=(
        r"\sin\angle \le \frac{\eta}{\sigma_r(\hat J)} \ (\mathrm{rank}\,J = r), \qquad "
        r"\sin\angle \le \frac{\eta}{\hat g - \eta} \ (\hat g = \sigma_r(\hat J) - "
        r"\sigma_{r+1}(\hat J) > \eta)"
    ),
    regime="white box, single layer",
    observable="a Jacobian with an error of known norm",
    estimand="the null space of the Jacobian",
    assumptions=ASSUMPTIONS,
    symbolic=SymbolicProof(
        "every m, d and r: Wedin's two lines in singular bases, one coordinate of each block "
        "standing for the rest; Weyl's inequality is cited",
        _identities,
    ),
    sample=sample,
    oracle=f"planted null spaces; {DRAWS} errors an instance, three in four of them adversarial",
    conclusions=CONCLUSIONS,
    counterexamples=COUNTEREXAMPLES,
    false_variants=FALSE_VARIANTS,
    sources=(
        "Wedin 1972, doi:10.1007/BF01932678",
        "Davis & Kahan 1970, doi:10.1137/0707001",
        "theory.md R5",
    ),
    scope=(
        "A null space found without a gap above the error is no finding: singular values closer "
        "than that can change places, and the verdict is 'undetermined'."
    ),
)

if __name__ == "__main__":
    from proofs.script import main

    main(THEOREM)
