r"""How many dimensions of a vector at layer 0 the reads of K + 1 layers bring back (R4).

Generic layers with m reads each: min(d, m(K + 1)), less what an invariant subspace hides from all
of them. Identity layers with one read never show more than m. The baseline is what one would do
first: least squares on the last layer's read alone.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np

from identifiability.recovery import LeastSquaresRecovery
from identifiability.recovery.cross_layer import CrossLayerRecovery
from identifiability.recovery.linear import LinearRecovery
from toy_models.cells.planted_vectors import LOST
from toy_models.diagram import Axis, Check, Curve, Diagram, Drawing, Found, Point, Role
from toy_models.layered import Layered, LayeredStack

_WIDTH = 12


def points(full: bool) -> list[Point]:
    """(reads a layer, hidden dimensions, maps, layers read, repeat)."""
    read = range(2, 17) if full else (2, 4, 6, 9, 13)
    kinds = [(m, hidden, "random") for m in (1, 2, 3) for hidden in (0, 3)]
    if not full:
        kinds = [(1, 0, "random"), (2, 0, "random"), (2, 3, "random")]
    kinds += [(1, 0, "identity")]
    repeats = 8 if full else 2
    return [(*kind, count, repeat) for kind in kinds for count in read for repeat in range(repeats)]


def measure(point: Point, seed: int) -> Found:
    """Count the dimensions that come back in the errors of d random vectors."""
    outputs, hidden, maps, count, _ = point
    model = LayeredStack(
        width=_WIDTH,
        layers=count - 1,
        outputs=outputs,
        hidden=hidden,
        maps=maps,
        same_read=maps == "identity",
    )
    instance = model.sample(seed)
    vectors = np.random.default_rng([seed, 1]).standard_normal((_WIDTH, _WIDTH))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ours = [_fitted(instance, vector) for vector in vectors]
    last = [
        LeastSquaresRecovery().fit(_last_block(instance), instance.responses(vector)[-1])
        for vector in vectors
    ]
    claimed = {_WIDTH - fit.kernel_.shape[1] for fit in ours}
    back = _back(ours, vectors)
    return {
        "back": back,
        "foretold": float(
            claimed == {back} and {f.prediction_.recovers for f in ours} == {back == _WIDTH}
        ),
        "last": _back(last, vectors),
        "grows": _growth(instance, vectors[0], ours[0].kernel_.shape[1]),
    }


def _fitted(instance: Layered, vector: np.ndarray) -> CrossLayerRecovery:
    return CrossLayerRecovery().fit(instance.transports, instance.reads, instance.responses(vector))


def _growth(instance: Layered, vector: np.ndarray, hidden: int) -> int:
    """Dimensions by which the class exceeds that of one layer fewer, fitted by itself."""
    maps, reads = instance.transports[:-1], instance.reads[:-1]
    if not maps:  # a single layer is no case for this method: it hides all but its reads
        return hidden - (_WIDTH - len(np.asarray(reads[0])))
    fewer = CrossLayerRecovery().fit(maps, reads, instance.responses(vector)[:-1])
    return hidden - fewer.kernel_.shape[1]


def _last_block(instance: Layered) -> np.ndarray:
    """C_K Phi_{0->K}, multiplied from the top."""
    last = np.asarray(instance.reads[-1])
    return functools.reduce(np.matmul, reversed(instance.transports), last)


def _back(fits: Sequence[LinearRecovery], vectors: np.ndarray) -> int:
    """d less the rank of the errors: a random d x d matrix restricted to what was lost."""
    errors = np.array([fit.vector_ for fit in fits]) - vectors
    return _WIDTH - int(np.sum(np.linalg.svd(errors, compute_uv=False) > LOST * LOST))


def _theory(outputs: int, hidden: int, maps: str, count: int) -> int:
    return outputs if maps == "identity" else min(_WIDTH - hidden, outputs * count)


def draw(trials: list[tuple[Point, Found]]) -> Drawing:
    """Curves over the number of layers read, for each kind of stack."""
    curves = []
    for kind in dict.fromkeys(point[:3] for point, _ in trials):
        outputs, hidden, maps = kind
        read = sorted({point[3] for point, _ in trials if point[:3] == kind})
        hides = f", {hidden} hidden" if hidden else ""
        parts: tuple[tuple[Role, str, str], ...] = (
            ("ours", "back", f"{maps} maps, m = {outputs}{hides}"),
            ("baseline", "last", f"last read alone, m = {outputs}"),
        )
        for role, key, label in parts:
            groups = [
                [f[key] for p, f in trials if p[:3] == kind and p[3] == count] for count in read
            ]
            curves.append(Curve.of_groups(label, role, read, groups))
        theory = [_theory(outputs, hidden, maps, count) for count in read]
        curves.append(Curve("theory", "theory", read, theory))
    return Drawing(
        x=Axis("layers read, K + 1"),
        y=Axis("dimensions of v that come back"),
        panels=(),
        curves=curves,
        checks=_checks(trials),
        trials=len({point[4] for point, _ in trials}),
        note=f"d = {_WIDTH}, float64, no noise, the same m at every layer; median with range",
    )


def _checks(trials: list[tuple[Point, Found]]) -> list[Check]:
    off = [found["back"] - _theory(*point[:4]) for point, found in trials]
    enough = [f["back"] for p, f in trials if _theory(*p[:4]) == _WIDTH]
    hidden = [f["back"] for p, f in trials if p[1] > 0 and p[0] * p[3] >= _WIDTH]
    identity = [f["back"] for p, f in trials if p[2] == "identity" and p[3] >= _WIDTH]
    return [
        Check("never more dimensions than theory counts", max(off), 0, 0),
        Check("never fewer (almost every draw)", min(off), 0, 0),
        Check("from m(K + 1) >= d on, all of v is back", min(enough), _WIDTH, _WIDTH),
        Check(
            "three hidden dimensions stay hidden, with reads enough for all",
            max(hidden),
            _WIDTH - 3,
            _WIDTH - 3,
        ),
        Check("identity layers with one read show 1 dimension at d layers", max(identity), 1, 1),
        Check(
            "share of trials in which the method foretold the dimension",
            float(np.mean([found["foretold"] for _, found in trials])),
            1,
            1,
        ),
        Check(
            "the class grew with a further layer (dimensions)",
            max(found["grows"] for _, found in trials),
            -math.inf,
            0,
        ),
        # More than its m rows no read can show: the other side could not fail.
        Check(
            "rows of the last read that add no dimension, read alone",
            max(point[0] - found["last"] for point, found in trials),
            -math.inf,
            0,
        ),
    ]


DIAGRAM = Diagram(
    method="cross_layer",
    name="layers_needed",
    title="Dimensions recovered against the number of layers read",
    points=points,
    measure=measure,
    draw=draw,
)
