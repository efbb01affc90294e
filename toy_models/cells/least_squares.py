r"""Least squares on every toy readout: rank decides what comes back (theory.md N1, N2b, N3, R6).

The outputs of a non-linear model are linearised again at each estimate (Gauss--Newton), each time
solved by ``LeastSquaresRecovery``. Many vectors are planted in one instance, and the *rank of the
errors* counts the dimensions that were lost: it is read off the estimates, not off the method's
own kernel, which must agree with it.

* reach ``global``: vectors of several directions, each recovered from the start 0;
* reach ``local``: the class is a manifold and only its neighbourhood of v is predicted; the one
  vector is recovered from several starts near it, and the errors span the tangent space.

Score: the share of the start's error that is gone, 1 - ||estimate - v|| / ||start - v||: 1 for v,
0 for learning nothing, and negative for an estimate worse than none.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch

from identifiability.operators import JacobianOperator
from identifiability.recovery import LeastSquaresRecovery
from identifiability.statistics import cluster_bootstrap
from toy_models.blocks import TransformerBlocks
from toy_models.bottleneck import BottleneckMLP
from toy_models.matrix import Measurement, Outcome, Row
from toy_models.planted import Planted
from toy_models.readouts import AffineReadout, SoftmaxReadout, SpectrumName, TanhReadout
from toy_models.tiny_transformer import NORMS, TinyTransformer

# Relative to ||v||. Float64 solves these problems to about 1e-16 times their condition number; the
# dials keep that below 1e5, and 1e-8 is what the method promises.
RECOVERED = 1e-8
# Local starts, relative to ||v||: 1000 times RECOVERED, so that standing still is no recovery, and
# near enough for curvature, which enters once more times NEAR, to stay below LOST.
NEAR = 1e-5
# Relative to the start's error: lost dimensions keep errors of order 1, the others of order NEAR
# (curvature) or RECOVERED/NEAR (rounding); this is a factor of 10 or more from either.
LOST = 1e-2
_MAX_STEPS, _MAX_HALVINGS = 50, 8
# Of the decrease that the linear model promises (Armijo; Nocedal and Wright 2006, section 3.1): a
# step into saturated units that gains next to nothing is shortened, for there is no way back.
_LEAST_GAIN = 0.1
_MOST_LOST = 12
_GAP = "the spectrum has a gap above the noise floor"


def recover(
    instance: Planted, target: torch.Tensor, start: np.ndarray
) -> tuple[np.ndarray, LeastSquaresRecovery]:
    """Gauss--Newton on ``observe(vector) = target``; where nothing is seen, the start stays.

    Steps are halved until they bring the outputs nearer by enough; where none does, rounding is
    reached (or a dead end, which the last fit reports as an inconsistent response). A step from
    where no more than rounding was missing is the last: those after it would follow rounding.
    """
    vector, fitted = torch.from_numpy(start), LeastSquaresRecovery()
    for _ in range(_MAX_STEPS):
        operator = JacobianOperator(instance.observe, vector)
        # Rows by reverse mode: torch's forward mode is several times slower on such small maps.
        jacobian = operator.rmatmat(np.eye(len(target))).T
        missing = target - operator.output
        # Both terms of the response are rounded at their own size, often larger than the sum.
        size = np.linalg.norm(operator.output) + np.linalg.norm(jacobian) * np.linalg.norm(vector)
        rounding = float(np.finfo(np.float64).eps * len(jacobian) * size)
        fitted = LeastSquaresRecovery(response_error=rounding)
        fitted.fit(jacobian, missing.numpy() + jacobian @ vector.numpy())
        unseen = fitted.kernel_ @ (fitted.kernel_.T @ vector.numpy())
        step = torch.from_numpy(fitted.vector_ + unseen) - vector
        nearer = _shortened(instance, target, vector, step)
        if nearer is None:
            break
        vector = nearer
        if missing.norm() <= rounding:
            break
    return vector.numpy(), fitted


def _shortened(
    instance: Planted, target: torch.Tensor, vector: torch.Tensor, step: torch.Tensor
) -> torch.Tensor | None:
    distance = (target - instance.observe(vector)).norm()
    for halving in range(_MAX_HALVINGS):
        share = 0.5**halving
        candidate = vector + share * step
        if (target - instance.observe(candidate)).norm() < (1 - _LEAST_GAIN * share) * distance:
            return candidate
    return None


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


def chance(width: int) -> float:
    """Expected score of a step of the right length in a uniformly random direction.

    From the start 0 that is a random vector of the norm of v. 1 - E||u - w|| for independent unit
    vectors u, w in R^d; the mean chord is 2^(d-1) Gamma(d/2)^2 / (sqrt(pi) Gamma(d - 1/2)).
    """
    gammas = 2 * math.lgamma(width / 2) - math.lgamma(width - 0.5)
    return 1 - math.exp((width - 1) * math.log(2) + gammas - math.log(math.pi) / 2)


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
        return Outcome(False, undecided(*broken))
    # The errors of random trials in k lost dimensions, four fewer than the trials or less, have k
    # singular values of order 1.
    kept = np.linalg.svd(errors / away[:, None], compute_uv=False)
    lost = int(np.sum(kept > LOST))
    visible = errors - errors @ instance.kernel @ instance.kernel.T
    # Off the kernel a global class allows rounding only, a local one its curvature as well.
    allowed = RECOVERED * sizes if instance.reach == "global" else LOST * away
    if np.any(np.linalg.norm(visible, axis=1) > allowed):
        return Outcome(False, "the row-space part is wrong")
    if claimed != {lost}:
        return Outcome(False, f"{lost} dimensions lost, the method says {sorted(claimed)}")
    return Outcome(False, kernel_lost(lost, instance.width))


def kernel_lost(dimension: int, width: int) -> str:
    """The failure that N1 predicts: the kernel part stays unknown, the rest comes back."""
    return f"kernel: {dimension} of {width} dimensions"


def undecided(*conditions: str) -> str:
    """The failure that the method itself announces: a condition does not hold."""
    return f"undecided: no {', no '.join(sorted(conditions))}"


def _row(
    model: Any, dials: str, lost: int, *, condition: str = "the stack of Jacobians has rank d"
) -> Row:
    """A row whose class has dimension ``lost`` by theory."""
    outcome = Outcome(False, kernel_lost(lost, model.width)) if lost else Outcome(True)
    return Row(
        method="least_squares",
        model=f"{type(model).__name__}({dials})",
        condition=condition,
        holds=lost == 0,
        predicted=outcome,
        measure=partial(measure, model),
    )


def _rank_rows() -> list[Row]:
    """d = 12 for the affine readout and the bottleneck, 8 for the others."""
    rows = []
    spectra: tuple[SpectrumName, ...] = "flat", "power_law", "integer"
    for spectrum in spectra:
        for rank in (12, 8):
            affine = AffineReadout(rank=rank, spectrum=spectrum)
            rows.append(_row(affine, f"rank={rank}, spectrum={spectrum!r}", 12 - rank))
    for vocabulary, rank in ((12, 8), (12, 5), (8, 7)):
        softmax = SoftmaxReadout(vocabulary=vocabulary, rank=rank)
        rows.append(_row(softmax, f"vocabulary={vocabulary}, rank={rank}", 8 - rank))
    for bottleneck, prompts in ((12, 1), (3, 1), (3, 4)):
        shared = BottleneckMLP(bottleneck=bottleneck, prompts=prompts)
        rows.append(_row(shared, f"bottleneck={bottleneck}, prompts={prompts}", 12 - bottleneck))
    for prompts in (1, 2, 3, 4):
        after = BottleneckMLP(prompts=prompts, placement="after_nonlinearity")
        dials = f"prompts={prompts}, placement='after_nonlinearity'"
        rows.append(_row(after, dials, max(0, 12 - 3 * prompts)))
    for strengths in (1, 2, 4, 8):
        tanh = TanhReadout(strengths=strengths)
        rows.append(_row(tanh, f"strengths={strengths}", max(0, 8 - strengths)))
    pre_ln, rms = TransformerBlocks(strength=0.25), TransformerBlocks(norm="rms", strength=0.25)
    rows.append(_row(pre_ln, "norm='layer', strength=0.25", 1))
    rows.append(_row(rms, "norm='rms', strength=0.25", 0))
    return rows


def _gap_rows() -> list[Row]:
    """The same rank d in exact arithmetic, above the noise floor or through it."""
    dials = "rank=12, spectrum={!r}".format
    resolved = AffineReadout(rank=12, spectrum="power_law")
    gapless = AffineReadout(rank=12, spectrum="gapless")
    through = _row(gapless, dials("gapless"), 0, condition=_GAP)
    lost = replace(through, holds=False, predicted=Outcome(False, undecided("gap")))
    return [_row(resolved, dials("power_law"), 0, condition=_GAP), lost]


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
        dials = f"norm={norm!r}, length=8, strength=0.25, prompts={{}}".format
        constant = int(norm == "layer")
        rows.append(_row(model(prompts=2), dials(2), constant))
        rows.append(_row(model(prompts=1, epsilon=0.0), f"{dials(1)}, epsilon=0.0", constant + 1))
        nearly = model(prompts=1, epsilon=1e-7)
        gap = _row(nearly, f"{dials(1)}, epsilon=1e-07", 0, condition=_GAP)
        rows.append(replace(gap, holds=False, predicted=Outcome(False, undecided("gap"))))
    return rows


ROWS = (*_rank_rows(), *_gap_rows(), *_trained_rows())
