r"""Least squares on every toy readout: rank decides what comes back (theory.md N1, N2b, N3, R6).

Non-linear models are solved by Gauss--Newton, one ``LeastSquaresRecovery`` a step. Many vectors are
planted in one instance, and the *rank of the errors* counts the dimensions that were lost: it is
read off the estimates, not off the method's own kernel, which must agree with it.

* reach ``global``: vectors of several directions, each recovered from the start 0;
* reach ``local``: the class is a manifold and only its neighbourhood of v is predicted; the one
  vector is recovered from several starts near it, and the errors span the tangent space.

Score: the share of the start's error that is gone, 1 - ||estimate - v|| / ||start - v||: 1 for v,
0 for learning nothing, and negative for an estimate worse than none.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from identifiability.operators import JacobianOperator
from identifiability.recovery import LeastSquaresRecovery
from identifiability.statistics import cluster_bootstrap
from toy_models.blocks import TransformerBlocks
from toy_models.bottleneck import BottleneckMLP
from toy_models.cells.gauss_newton import recover
from toy_models.cells.planted_vectors import (
    LOST,
    RECOVERED,
    WRONG,
    chance,
    kernel_lost,
    undecided,
    undecided_and,
)
from toy_models.matrix import Measurement, Outcome, Row, row
from toy_models.planted import Planted
from toy_models.readouts import AffineReadout, SoftmaxReadout, SpectrumName, TanhReadout
from toy_models.tiny_transformer import NORMS, TinyTransformer

# Local starts, relative to ||v||: 1000 times RECOVERED, so that standing still is no recovery, and
# near enough for curvature, which enters once more times NEAR, to stay below LOST.
NEAR = 1e-5
_MOST_LOST = 12
# Relative to ||v||: another vector by what is promised, and near enough for curvature, 1e-14 of the
# outputs' change, to drown in their rounding.
RIVAL = 10 * RECOVERED
# What justifies an undecided recovery, and what does not.
SAME = "not v, and another vector has the same outputs"
OTHER = "not v, though no other vector has the same outputs"
_GAP = "the spectrum has a gap above the noise floor"


def measure(model: Any, seed: int) -> Measurement:
    """Recover many vectors from one instance, and read off what came back and what did not."""
    instance = model.sample(seed)
    draws, resampling = np.random.default_rng([seed, 1]), np.random.default_rng([seed, 2])
    starts, vectors = _trials(instance, draws)
    targets = [instance.observe(torch.from_numpy(vector)) for vector in vectors]
    found = [recover(instance, *trial) for trial in zip(targets, starts, strict=True)]
    errors = np.array([estimate for estimate, _ in found]) - vectors  # (trials, d)
    away = np.linalg.norm(starts - vectors, axis=1)
    scores = 1 - np.linalg.norm(errors, axis=1) / away
    interval = cluster_bootstrap(lambda x: x.mean(axis=1), [scores], rng=resampling)
    return Measurement(
        outcome=_outcome(instance, [fitted for _, fitted in found], errors, vectors, away),
        score=interval.estimate,
        score_min=float(scores.min()),
        interval=(interval.low, interval.high),
        chance=chance(instance.width),
        n=len(targets[0]),
        d=instance.width,
    )


def _has_rival(instance: Planted) -> bool:
    """Whether a vector RIVAL away from v has its outputs, to their rounding.

    It lies off the kernel, along the direction there that the outputs show least at v.
    """
    vector = torch.from_numpy(instance.vector)
    operator = JacobianOperator(instance.observe, vector)
    jacobian = operator.rmatmat(np.eye(len(operator.output))).T
    lost = instance.kernel.shape[1]
    seen = np.linalg.qr(instance.kernel, mode="complete")[0][:, lost:]
    least = seen @ np.linalg.svd(jacobian @ seen)[2][-1]
    size = float(np.linalg.norm(instance.vector))
    rival = torch.from_numpy(instance.vector + RIVAL * size * least)
    moved = float((instance.observe(rival) - operator.output).norm())
    largest = float(operator.output.norm()) + float(np.linalg.norm(jacobian)) * size
    return moved <= np.finfo(np.float64).eps * len(jacobian) * largest


def _trials(instance: Planted, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Starts and vectors, (trials, d) each: enough directions to count the lost ones.

    No row predicts more than ``_MOST_LOST``; what is lost beyond is seen by the four more.
    """
    trials = min(instance.width, _MOST_LOST) + 4
    directions = rng.standard_normal((trials, instance.width))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    size = np.linalg.norm(instance.vector)
    if instance.reach == "global":
        return np.zeros_like(directions), size * directions
    vectors = np.tile(instance.vector, (len(directions), 1))
    return vectors + NEAR * size * directions, vectors


def _outcome(
    instance: Planted,
    fits: list[LeastSquaresRecovery],
    errors: np.ndarray,
    vectors: np.ndarray,
    away: np.ndarray,
) -> Outcome:
    sizes = np.linalg.norm(vectors, axis=1)
    recovered = np.all(np.linalg.norm(errors, axis=1) <= RECOVERED * sizes)
    claimed = {fit.kernel_.shape[1] for fit in fits}
    checked = [condition for fit in fits for condition in fit.conditions_]
    broken = {c.name for c in checked if c.holds is False and c.name != "full rank"}
    if recovered and not broken and claimed == {0}:
        return Outcome(True)
    if recovered:
        return Outcome(False, "recovered, but the method does not say so")
    if broken:
        return Outcome(
            False, undecided_and(undecided(*broken), SAME if _has_rival(instance) else OTHER)
        )
    # The errors of random trials in k lost dimensions, four fewer than the trials or less, have k
    # singular values of order 1.
    kept = np.linalg.svd(errors / away[:, None], compute_uv=False)
    lost = int(np.sum(kept > LOST))
    visible = errors - errors @ instance.kernel @ instance.kernel.T
    # Off the kernel a global class allows rounding only, a local one its curvature as well.
    allowed = RECOVERED * sizes if instance.reach == "global" else LOST * away
    if np.any(np.linalg.norm(visible, axis=1) > allowed):
        return Outcome(False, WRONG)
    if claimed != {lost}:
        return Outcome(False, f"{lost} dimensions lost, the method says {sorted(claimed)}")
    return Outcome(False, kernel_lost(lost, instance.width))


def _row(model: Any, lost: int, condition: str = "the stack of Jacobians has rank d") -> Row:
    """A row whose class has dimension ``lost`` by theory."""
    failure = kernel_lost(lost, model.width) if lost else None
    return row("least_squares", model, condition, failure, partial(measure, model))


def _rank_rows() -> list[Row]:
    """d = 12 for the affine readout and the bottleneck, 8 for the others."""
    rows = []
    spectra: tuple[SpectrumName, ...] = "flat", "power_law", "integer"
    for spectrum in spectra:
        for rank in (12, 8):
            rows.append(_row(AffineReadout(rank=rank, spectrum=spectrum), 12 - rank))
    for vocabulary, rank in ((12, 8), (12, 5), (8, 7)):
        rows.append(_row(SoftmaxReadout(vocabulary=vocabulary, rank=rank), 8 - rank))
    for bottleneck, prompts in ((12, 1), (3, 1), (3, 4)):
        shared = BottleneckMLP(bottleneck=bottleneck, prompts=prompts)
        rows.append(_row(shared, 12 - bottleneck))
    for prompts in (1, 2, 3, 4):
        after = BottleneckMLP(prompts=prompts, placement="after_nonlinearity")
        rows.append(_row(after, max(0, 12 - 3 * prompts)))
    for strengths in (1, 2, 4, 8):
        rows.append(_row(TanhReadout(strengths=strengths), max(0, 8 - strengths)))
    rows.append(_row(TransformerBlocks(norm="layer", strength=0.25), 1))
    rows.append(_row(TransformerBlocks(norm="rms", strength=0.25), 0))
    return rows


def _gap_row(model: Any) -> Row:
    """Rank d in exact arithmetic, through the noise floor."""
    failure = undecided_and(undecided("gap"), SAME)
    return row("least_squares", model, _GAP, failure, partial(measure, model))


def _gap_rows() -> list[Row]:
    """The same rank d in exact arithmetic, above the noise floor or through it."""
    resolved = _row(AffineReadout(rank=12, spectrum="power_law"), 0, _GAP)
    return [resolved, _gap_row(AffineReadout(rank=12, spectrum="gapless"))]


def _trained_rows() -> list[Row]:
    """The trained transformers: what N6 says of their norms, whatever they have learned.

    One prompt hides what the final norm forgets: exactly without its epsilon, and up to a factor of
    eps/(m + eps) with it (N6c). At eps = 1e-7 and states of mean square m = 10 that is 1e-8: not
    zero, and 100 times too little for least squares to decide at eight digits, which takes
    2 max(M, d) 2^-52 / 1e-8 = 1.5e-6 of the largest singular value.
    """
    rows = []
    for norm in NORMS:
        model = partial(TinyTransformer, norm=norm, length=8, strength=0.25)
        constant = int(norm == "layer")
        rows.append(_row(model(prompts=2), constant))
        rows.append(_row(model(prompts=1, epsilon=0.0), constant + 1))
        rows.append(_gap_row(model(prompts=1, epsilon=1e-7)))
    return rows


ROWS = (*_rank_rows(), *_gap_rows(), *_trained_rows())
