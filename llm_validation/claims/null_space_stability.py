r"""Whether two halves of the prompts agree on the null space, against the bound of R5.

With G_a, G_b the mean metrics of two disjoint halves, E = G_b - G_a and g the gap of G_a after its
r-th eigenvalue, the sine of the largest angle between their spaces of the last d - r eigenvectors
is at most ||E||/(g - ||E||) where g > ||E||. The bound is predicted on splits of the choosing and
predicting prompts, the angle measured on splits of the measuring ones. Where the gap does not
exceed the error nothing is known and the row says ``undetermined``; a bound above a half says so
little that its row is reported and not judged.

* **epsilon-null space**: r where the quadratic divergence at the trait's radius passes epsilon;
* **widest gap near epsilon**: r after which the spectrum of the choosing prompts falls by the
  largest factor, of those where the divergence passes epsilon within a factor of two;
* **..., own bound**: the sine of each measured split against R5's bound for that split. A theorem,
  and so a check of the code;
* **share in common** and **seen by the other half**, reported beside the first, without a verdict:
  the mean squared cosine of the two spaces (chance is (d - r)/d), and the quadratic divergence, on
  the other half, of a random direction of the space at that radius. A space may turn much and stay
  invisible: what turns is within it or at its edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from identifiability.cells import Cell
from identifiability.spectrum import Spectrum
from llm_validation.claims.claim import Arm, ClaimResult, Judgement, Prediction, result
from llm_validation.claims.judgement import EPSILON, on_every
from llm_validation.claims.ranges import spread
from llm_validation.scale import Scale
from llm_validation.setting import Setting

NAME = "null_space_stability"
NUMBER = 17
THEOREM = "R5"
TITLE = "an empirical null space is as stable as its gap allows"
SCALES = frozenset({Scale.THIN, Scale.FULL})

SPLITS = {Scale.QUICK: 3, Scale.THIN: 4, Scale.FULL: 8}
"""Random splits, of which the worst counts: they share prompts and are no independent sample."""

INFORMATIVE = 0.5
"""Largest bound on the sine that is judged: beyond 30 degrees a space need not be the same in any
sense that a reader would mean, and hardly a measurement could contradict the bound."""

NEIGHBOURHOOD = 2.0
"""Factor on epsilon within which the gap is sought: the band of a predicted divergence."""

SINE, OWN = "sine", "own bound"


@dataclass(frozen=True)
class Halves:
    """Eigenvalues and eigenvectors of two halves' mean metrics, and the norm of the difference."""

    values: np.ndarray  # (d,) of the first half, descending
    vectors: tuple[np.ndarray, np.ndarray]  # (d, d) each
    metrics: tuple[np.ndarray, np.ndarray]
    error: float

    @classmethod
    def of(cls, first: np.ndarray, second: np.ndarray, rounding: float) -> Halves:
        """From metrics (N, d, d) of the prompts of each half, each known to ``rounding``."""
        means = first.mean(axis=0), second.mean(axis=0)
        decomposed = [np.linalg.eigh(mean) for mean in means]
        vectors = decomposed[0][1][:, ::-1], decomposed[1][1][:, ::-1]
        error = float(np.linalg.norm(means[1] - means[0], 2)) + 2 * rounding
        return cls(decomposed[0][0][::-1], vectors, means, error)

    def gap(self, rank: int) -> float:
        """Of the first half, after its eigenvalue number ``rank``, from 1."""
        return float(self.values[rank - 1] - self.values[rank])

    def bound(self, rank: int) -> float:
        """R5's, on the sine; 1 where it says nothing."""
        slack = self.gap(rank) - self.error
        return min(1.0, self.error / slack) if slack > 0 else 1.0

    def sine(self, rank: int) -> float:
        """Of the largest principal angle between the two null spaces."""
        first, second = self.vectors
        return float(np.linalg.norm(first[:, :rank].T @ second[:, rank:], 2))

    def in_common(self, rank: int) -> float:
        """Mean squared cosine of the principal angles."""
        first, second = self.vectors
        return float(np.mean(np.sum((first[:, rank:].T @ second[:, rank:]) ** 2, axis=1)))

    def seen(self, rank: int, radius: float) -> float:
        """Mean quadratic divergence on the second half over the first one's null sphere, nats."""
        null = self.vectors[0][:, rank:]
        return 0.5 * radius**2 * float(np.mean(np.sum(null * (self.metrics[1] @ null), axis=0)))


@dataclass(frozen=True)
class Cut:
    """Where the space is parted, and what of it an arm is about."""

    rank: int
    what: str  # "sine", "own bound", "in_common" or "seen"
    radius: float = 0.0

    def of(self, halves: Halves) -> float:
        """The quantity on one split."""
        if self.what == "seen":
            return halves.seen(self.rank, self.radius)
        return halves.in_common(self.rank) if self.what == "in_common" else halves.sine(self.rank)


def preparation(setting: Setting) -> list[Cell]:
    """Vectors, and metrics of prompts on which no angle is measured."""
    cells = setting.vector_cells()
    for layer in setting.layers:
        cells += setting.spectrum_cells(layer) + setting.metric_cells("predicting", layer)
    return cells


def predict(setting: Setting) -> list[Arm]:
    """State the bound, or that there is none."""
    arms = []
    for layer in setting.layers:
        pool = np.concatenate([setting.metrics(p, layer) for p in ("choosing", "predicting")])
        cells = tuple(setting.metric_cells("measuring", layer))
        half = min(len(pool), len(cells)) // 2
        splits = _splits(setting, layer, "predicted", pool, half)
        spectrum = setting.spectrum(layer)
        for trait in setting.traits:
            radius = float(np.linalg.norm(setting.vector(trait, layer)))
            rank = spectrum.epsilon_rank(EPSILON, radius)
            if not 0 < rank < setting.width:
                stated = _prediction(layer, trait, "epsilon-null space", 0.0, 0.0, "sine")
                why = "all directions are epsilon-null" if rank == 0 else "no direction is"
                arms.append(Arm(stated, (), None, why))
                continue
            places = {
                "epsilon-null space": rank,
                "widest gap near epsilon": _widest(spectrum, radius, setting.metric_error(layer)),
            }
            for arm, place in places.items():
                bound = max(halves.bound(place) for halves in splits)
                stated = _prediction(layer, trait, arm, bound, 0.0, "sine")
                arms.append(Arm(stated, cells, Cut(place, SINE)))
                stated = _prediction(layer, trait, f"{arm}, {OWN}", 0.0, 0.0, "sine less its bound")
                arms.append(Arm(replace(stated, identity=True), cells, Cut(place, OWN)))
            for what, arm, unit in (
                ("in_common", "share in common", "squared cosine"),
                ("seen", "seen by the other half", "nats"),
            ):
                cut = Cut(rank, what, radius)
                value = float(np.mean([cut.of(halves) for halves in splits]))
                stated = _prediction(layer, trait, arm, value, 0.0, unit)
                arms.append(Arm(stated, cells, cut))
    return arms


def judge(setting: Setting, arms: Sequence[Arm]) -> list[ClaimResult]:
    """Measure on splits of the measuring prompts; the interval is their range."""
    splits: dict[int, list[Halves]] = {}
    rows = []
    for arm in arms:
        layer, cut = arm.prediction.layer, arm.data
        if layer not in splits:
            metrics = np.array([setting.of(cell)["metric"] for cell in arm.cells])
            splits[layer] = _splits(setting, layer, "measured", metrics, len(metrics) // 2)
        values = np.array([cut.of(halves) for halves in splits[layer]])
        judgement = Judgement(None, "no theorem says what it is")
        if cut.what == SINE:
            judgement = _judgement(arm, cut.rank, values, splits[layer])
        elif cut.what == OWN:
            values = values - [halves.bound(cut.rank) for halves in splits[layer]]
            judgement = on_every(values, -np.inf, 0.0, "sine less its bound")
        value = spread(values, values.max() if cut.what in (SINE, OWN) else values.mean())
        rows.append(
            result(
                setting,
                arm.prediction,
                value,
                judgement,
                seeds=len(values),
                n_prompts=len(arm.cells),
            )
        )
    return rows


def _judgement(arm: Arm, rank: int, sines: np.ndarray, splits: Sequence[Halves]) -> Judgement:
    bound = arm.prediction.prediction or 0.0
    if bound >= 1.0:
        gap = max(halves.gap(rank) for halves in splits)
        error = min(halves.error for halves in splits)
        found = f"gap {gap:.2g} after dimension {rank}, halves differ by {error:.2g}"
        return Judgement(None, f"undetermined, no gap was predicted: {found}")
    if bound > INFORMATIVE:
        reason = f"sine {sines.max():.3g}; a bound of {bound:.3g} > {INFORMATIVE:g} says too little"
        return Judgement(None, reason)
    return on_every(sines, -np.inf, bound, "sine of the largest angle")


def _splits(setting: Setting, layer: int, use: str, metrics: np.ndarray, half: int) -> list[Halves]:
    rng = setting.rng(NAME, use, layer)
    found = []
    for _ in range(SPLITS[setting.scale]):
        order = rng.permutation(len(metrics))
        first, second = metrics[order[:half]], metrics[order[half : 2 * half]]
        found.append(Halves.of(first, second, setting.metric_error(layer)))
    return found


def _widest(spectrum: Spectrum, radius: float, error: float) -> int:
    """r of the largest lambda_r / lambda_(r + 1) near epsilon; below ``error`` all count alike."""
    values = np.maximum(spectrum.eigenvalues, max(error, np.finfo(float).tiny))
    first, last = (
        spectrum.epsilon_rank(EPSILON * factor, radius)
        for factor in (NEIGHBOURHOOD, 1 / NEIGHBOURHOOD)
    )
    ranks = np.arange(max(first, 1), min(last, len(values) - 1) + 1)
    return int(ranks[np.argmax(values[ranks - 1] / values[ranks])])


def _prediction(
    layer: int, trait: str, arm: str, value: float, margin: float, unit: str
) -> Prediction:
    return Prediction(
        claim=NAME,
        theorem=THEOREM,
        layer=layer,
        trait=trait,
        arm=arm,
        alpha=1.0,
        prediction=value,
        prediction_interval=None,
        margin=margin,
        unit=unit,
    )
