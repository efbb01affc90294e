r"""How many environments of rank r bring a vector in R^d back: measured, beside ceil(d/r) (R3a).

Environments are added one by one until the estimate is v. The baseline is what one would do first:
recover from each environment alone and average the estimates. Each is the projection of v on what
its environment sees, so their average shrinks to (r/d) v and never gets there.
"""

from __future__ import annotations

from math import ceil

import numpy as np

from identifiability.recovery import LeastSquaresRecovery
from identifiability.recovery.environments import EnvironmentRecovery
from toy_models.cells.planted_vectors import RECOVERED
from toy_models.diagram import Axis, Check, Curve, Diagram, Drawing, Found, Point, Role
from toy_models.environment_readouts import EnvironmentReadouts

_EXTRA = 2  # outputs beyond the rank, so that each environment is overdetermined
_SHARED = "shared"


def points(full: bool) -> list[Point]:
    """(width, rank, repeat, kind); kind ``shared``: all environments share a null direction."""
    widths = range(4, 41, 2) if full else (6, 10, 14, 18)
    ranks, repeats = ((1, 2, 3, 5), 10) if full else ((2, 3), 2)
    return [
        (width, rank, repeat, kind)
        for width in widths
        for rank in ranks
        if 2 * rank <= width
        for repeat in range(repeats)
        for kind in ("generic", _SHARED)
    ]


def measure(point: Point, seed: int) -> Found:
    """Add environments until v is back, or twice ceil(d/r) are used up."""
    width, rank, _, kind = point
    most = 2 * ceil(width / rank)
    shared = int(kind == _SHARED)
    model = EnvironmentReadouts(
        width=width, rank=rank, outputs=rank + _EXTRA, environments=most, shared=shared
    )
    instance = model.sample(seed)
    jacobians, responses = instance.jacobians, instance.responses()
    size = float(np.linalg.norm(instance.vector))

    def error(estimate: np.ndarray) -> float:
        return float(np.linalg.norm(estimate - instance.vector)) / size

    needed, foretold, dimension = most + 1, True, width
    for count in range(2, most + 1):
        fitted = EnvironmentRecovery().fit(jacobians[:count], responses[:count])
        back = error(fitted.vector_) <= RECOVERED
        foretold &= back == bool(fitted.prediction_.recovers)
        dimension = fitted.kernel_.shape[1]
        if back:
            needed = count
            break
    alone = [
        LeastSquaresRecovery().fit(jacobian, response).vector_
        for jacobian, response in zip(jacobians, responses, strict=True)
    ]
    averages = np.cumsum(alone, axis=0) / np.arange(1, most + 1)[:, None]
    reached = [k + 1 for k, average in enumerate(averages) if error(average) <= RECOVERED]
    return {
        "needed": needed,
        "foretold": float(foretold),
        "dimension": dimension,
        "average_needed": reached[0] if reached else most + 1,
        "average_error": error(averages[-1]),
    }


def draw(trials: list[tuple[Point, Found]]) -> Drawing:
    """Curves over d for each rank."""
    generic = [(point, found) for point, found in trials if point[3] != _SHARED]
    shared = [(point, found) for point, found in trials if point[3] == _SHARED]
    curves = []
    for rank in sorted({point[1] for point, _ in generic}):
        widths = sorted({point[0] for point, _ in generic if point[1] == rank})
        parts: tuple[tuple[Role, str, str], ...] = (
            ("ours", "needed", "all together"),
            ("baseline", "average_needed", "their average (never: drawn past the last tried)"),
        )
        for role, key, words in parts:
            groups = [
                [found[key] for point, found in generic if point[:2] == (width, rank)]
                for width in widths
            ]
            curves.append(Curve.of_groups(f"{words}, r = {rank}", role, widths, groups))
        theory = [ceil(width / rank) for width in widths]
        curves.append(Curve("theory: d/r, rounded up", "theory", widths, theory))
    excess = [found["needed"] - ceil(point[0] / point[1]) for point, found in generic]
    return Drawing(
        x=Axis("width d (dimensions)"),
        y=Axis("environments until v is back"),
        panels=(),
        curves=curves,
        checks=_checks(excess, generic, shared),
        trials=len({point[2] for point, _ in generic}),
        note=(
            f"float64, no noise, m = r + {_EXTRA} outputs; back: relative error <= {RECOVERED:g}; "
            "median with range; up to 2 ceil(d/r) environments tried"
        ),
    )


def _checks(
    excess: list[float], generic: list[tuple[Point, Found]], shared: list[tuple[Point, Found]]
) -> list[Check]:
    missed = [found["needed"] <= 2 * ceil(point[0] / point[1]) for point, found in shared]
    return [
        Check("with fewer than ceil(d/r) environments v never comes back", min(excess), 0, 0),
        Check("with ceil(d/r) it always does (almost every draw)", max(excess), 0, 0),
        Check(
            "share of trials in which recovery was foretold at every count",
            float(np.mean([found["foretold"] for _, found in generic + shared])),
            1,
            1,
        ),
        Check(
            "share back with 2 ceil(d/r) environments that share a null direction",
            float(np.mean(missed)),
            0,
            0,
        ),
        Check(
            "largest class that those environments leave (dimensions)",
            max(found["dimension"] for _, found in shared),
            1,
            1,
        ),
        Check(
            "share back by averaging the environments' own estimates",
            float(np.mean([f["average_needed"] <= 2 * ceil(p[0] / p[1]) for p, f in generic])),
            0,
            0,
        ),
        # At least 1 - r/d >= 1/2 in the mean, by convexity of the norm; half of that is a margin.
        Check(
            "mean relative error of the average of 2 ceil(d/r) estimates",
            float(np.mean([found["average_error"] for _, found in generic])),
            0.25,
            1,
        ),
    ]


DIAGRAM = Diagram(
    method="environment",
    name="environments_needed",
    title="Environments needed against the width of the vector",
    points=points,
    measure=measure,
    draw=draw,
)
