r"""How many directions are invisible within epsilon nats, over the noise of the outputs (N7, R5).

Outputs y = Jh + noise of standard deviation tau in each: a displacement of norm R is seen with
KL = ||J delta||^2/(2 tau^2). With singular values 1/i of J, theory counts

.. math:: n_\varepsilon = \#\{i : \sigma_i^2 R^2 / (2 \tau^2) \le \varepsilon\}
          = d - \#\{i : i < R / (\tau \sqrt{2 \varepsilon})\}

though J has full rank and no null space at all. J is measured by central differences of repeated
noisy outputs, whose error is known in norm but for one draw in 250,000. The baseline calls null
what falls below 5 % of the largest singular value of that estimate: a null space for a map that has
none, of a size that has nothing to do with what the noise hides.
"""

from __future__ import annotations

import math

import numpy as np

from identifiability import Spectrum
from toy_models.diagram import Axis, Check, Curve, Diagram, Drawing, Found, Point
from toy_models.readouts import AffineReadout

_WIDTH, _OUTPUTS = 24, 48
_EPSILON, _RADIUS = 0.01, 1.0  # nats (theory.md section 4), and the norm of the displacement
_SAMPLES = 100_000  # outputs drawn at each end of each difference
_RELATIVE = 0.05
# ||G|| <= sqrt(M) + sqrt(d) + t for a standard Gaussian matrix but for exp(-t^2/2), 4e-6 at t = 5
# (Davidson & Szarek 2001).
_TAIL = 5.0
_QUIET, _LOUD = 0.1, 10.0  # tau at which theory counts 0 and 24 of 24 directions


def points(full: bool) -> list[Point]:
    """(tau, repeat)."""
    taus = np.logspace(np.log10(_QUIET), np.log10(_LOUD), 81 if full else 21)
    repeats = 40 if full else 4
    return [(float(tau), repeat) for tau in taus for repeat in range(repeats)]


def theory(tau: float) -> int:
    """The closed form for singular values 1/i."""
    return int(np.sum(np.arange(1, _WIDTH + 1) >= _RADIUS / (tau * np.sqrt(2 * _EPSILON))))


def measure(point: Point, seed: int) -> Found:
    """Count on the exact Jacobian, on a measured one, and by a relative threshold."""
    tau, _ = point
    model = AffineReadout(width=_WIDTH, outputs=_OUTPUTS, rank=_WIDTH, spectrum="power_law")
    jacobian = model.sample(seed).jacobian()
    # The mean of n outputs at each end, one difference of them for each column.
    spread = tau / (_RADIUS * np.sqrt(2 * _SAMPLES))
    noise = np.random.default_rng([seed, 1]).standard_normal(jacobian.shape)
    measured = jacobian + spread * noise
    error = spread * (np.sqrt(_OUTPUTS) + np.sqrt(_WIDTH) + _TAIL)
    spectrum = Spectrum.of(measured / tau, error=error / tau, metric=False)
    surely, at_most = spectrum.epsilon_null_dimension_bounds(_EPSILON, _RADIUS)
    exact = Spectrum.of(jacobian / tau, metric=False)
    # What the claimed subspace really shows at that radius: the worst direction inside it.
    claimed = spectrum.eigenvectors[:, _WIDTH - surely :]
    seen = np.linalg.norm(jacobian @ claimed, 2) if surely else 0.0
    values = np.linalg.svd(measured, compute_uv=False)
    return {
        "exact": exact.epsilon_null_dimension(_EPSILON, _RADIUS),
        "measured": spectrum.epsilon_null_dimension(_EPSILON, _RADIUS),
        "surely": surely,
        "at_most": at_most,
        "worst_kl": float((seen * _RADIUS / tau) ** 2 / 2),
        "relative": int(np.sum(values < _RELATIVE * values[0])),
        "kernel": int(_WIDTH - exact.rank()),
    }


def draw(trials: list[tuple[Point, Found]]) -> Drawing:
    """Curves over the noise."""
    taus = sorted({point[0] for point, _ in trials})

    def mean(key: str) -> list[float]:
        return [float(np.mean([f[key] for p, f in trials if p[0] == tau])) for tau in taus]

    curves = [
        Curve("closed form", "theory", taus, [theory(tau) for tau in taus]),
        Curve("from the exact Jacobian", "ours", taus, mean("exact")),
        Curve(
            "from a measured Jacobian, with its bounds",
            "ours",
            taus,
            mean("measured"),
            mean("surely"),
            mean("at_most"),
        ),
        Curve(
            f"singular values below {_RELATIVE:.0%} of the largest",
            "baseline",
            taus,
            mean("relative"),
        ),
    ]
    return Drawing(
        x=Axis("noise of each output, tau (units of the outputs)", "log"),
        y=Axis("epsilon-null dimension"),
        panels=(),
        curves=curves,
        checks=_checks(trials),
        trials=len({point[1] for point, _ in trials}),
        note=(
            f"d = {_WIDTH}, {_OUTPUTS} outputs, singular values 1/i (rank d), epsilon = {_EPSILON} "
            f"nats, R = {_RADIUS:g}, central differences of {_SAMPLES:.0e} outputs, float64"
        ),
    )


def _checks(trials: list[tuple[Point, Found]]) -> list[Check]:
    quiet = [found for point, found in trials if point[0] <= _QUIET * 1.001]
    loud = [found for point, found in trials if point[0] >= _LOUD * 0.999]
    inside = [f["surely"] <= theory(p[0]) <= f["at_most"] for p, f in trials]
    return [
        Check(
            "largest distance of the count on the exact Jacobian from the closed form",
            max(abs(found["exact"] - theory(point[0])) for point, found in trials),
            0,
            0,
        ),
        Check(
            "share of trials in which the bounds from a measured Jacobian hold the closed form",
            float(np.mean(inside)),
            1,
            1,
        ),
        Check(
            "largest true KL inside a subspace that is surely within epsilon (nats)",
            max(found["worst_kl"] for _, found in trials),
            -math.inf,
            _EPSILON,
        ),
        Check(
            "kernel of the map itself, by the noise floor (dimensions)",
            max(found["kernel"] for _, found in trials),
            0,
            0,
        ),
        Check(
            "bounds at the least noise: at most so many directions",
            max(found["at_most"] for found in quiet),
            0,
            0,
        ),
        # 1/21, ..., 1/24 lie below 5 %, 1/20 is a tie; typical noise of a value is 2e-4 there.
        Check(
            "baseline at the least noise: a null space that is not there (mean dimension)",
            float(np.mean([found["relative"] for found in quiet])),
            3.5,
            5,
        ),
        Check(
            "bounds at the most noise: at least so many directions",
            min(found["surely"] for found in loud),
            _WIDTH - 3,
            math.inf,
        ),
        # ||E|| <= 0.38 there, and by Weyl a value counted has sigma_i < 0.05 (1 + 0.38) + 0.38.
        Check(
            "baseline at the most noise, where all 24 directions are invisible: it counts fewer",
            max(found["relative"] for found in loud),
            -math.inf,
            _WIDTH - 2,
        ),
    ]


DIAGRAM = Diagram(
    method="least_squares",
    name="epsilon_null_dimension",
    title="Directions invisible within 0.01 nats, over the noise of the outputs",
    points=points,
    measure=measure,
    draw=draw,
)
