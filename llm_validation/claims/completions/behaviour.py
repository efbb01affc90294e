"""Held-out completions under many displacements, and efficacies relative to v's own effect.

Every held-out pair of completions is scored after its own prompt and after as many neutral prompts
as go round, each of those with one pair only. So prompts are nested in pairs, and clustering by
pair allows for what prompts share and for what pairs share. Efficacy is the change of the score
from the unsteered arm, relative to v's (N9); 0 is no effect and 1 is v's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from identifiability.cells import Cell
from identifiability.statistics import Interval, cluster_bootstrap, tost_ratio
from llm_validation.claims.claim import Judgement, Outcome, Prediction
from llm_validation.claims.completions.gate import Gate, control_cells, gate, scored_pairs, validity
from llm_validation.claims.judgement import (
    EQUIVALENCE_FRACTION,
    FEWEST_CLUSTERS,
    TEST_LEVEL,
    within,
)
from llm_validation.scoring.log_odds import settings
from llm_validation.setting import Setting

OBSERVABLE = "log-odds of opposite completions"
UNIT = "share of v's effect"
_SIGNS = (1.0, -1.0)  # positive less negative completion


@dataclass(frozen=True, eq=False)
class Behaviour:
    """Cells that score a trait's held-out completions under displacements.

    Attributes
    ----------
    trait
        By name.
    controls
        What the scorer's validity is decided from.
    evaluation
        One for each prompt: pair after pair, each after its own prompt and then neutral ones. The
        first three displacements are zero, v and -v at the strength that was chosen.
    """

    trait: str
    controls: tuple[Cell, ...]
    evaluation: tuple[Cell, ...]

    @property
    def cells(self) -> tuple[Cell, ...]:
        """All of them."""
        return (*self.controls, *self.evaluation)


@dataclass(frozen=True, eq=False)
class Scored:
    """What was found: ``per_token`` (pairs, k, 2) log-likelihoods of positive and negative
    completions in nats, the mean over a pair's prompts, and the gate."""

    per_token: np.ndarray
    gate: Gate
    n_prompts: int

    @property
    def scores(self) -> np.ndarray:
        """(pairs, k) log-odds in nats per token."""
        return self.per_token @ _SIGNS

    @property
    def effects(self) -> np.ndarray:
        """(pairs, k) changes of the score from the unsteered arm."""
        return self.scores - self.scores[:, :1]


def behaviour(
    setting: Setting, trait: str, layer: int, displacements: np.ndarray, rounds: int
) -> Behaviour:
    """The cells of a trait at a layer.

    Parameters
    ----------
    displacements
        (k, d) strength included: zero, v, -v, and others.
    rounds
        Neutral prompts for each pair, where the measuring prompts are enough.
    """
    pairs = scored_pairs(setting, trait, "held_out")
    neutral = setting.prompts.measuring
    turns = min(rounds, len(neutral) // len(pairs))
    cells = []
    for place, pair in enumerate(pairs):
        own = settings(setting.model, pair)
        others = (neutral[turn * len(pairs) + place] for turn in range(turns))
        for prompt in (own["prompt_ids"], *others):
            cells.append(
                setting.cell(
                    "completion_log_likelihoods",
                    f"score {trait}, layer {layer}",
                    prompt_ids=list(prompt),
                    completions=own["completions"],
                    layer=layer,
                    displacements=displacements,
                )
            )
    return Behaviour(trait, tuple(control_cells(setting, trait)), tuple(cells))


def scored(setting: Setting, measured: Behaviour) -> Scored:
    """The log-likelihoods of a trait and its gate.

    Raises
    ------
    MissingCell
        If something has not been measured.
    """
    results = [setting.of(cell) for cell in measured.evaluation]
    stacked = np.array([found["log_likelihood"] / found["tokens"] for found in results])
    pairs = len(scored_pairs(setting, measured.trait, "held_out"))
    per_token = stacked.reshape(pairs, -1, *stacked.shape[1:]).mean(axis=1)
    opening = gate(
        validity(setting, measured.trait),
        *(per_token[:, column] for column in range(3)),
        rng=setting.rng("gate", measured.trait),
    )
    return Scored(per_token, opening, len(results))


def efficacy(effects: np.ndarray, reference: np.ndarray, rng: np.random.Generator) -> Interval:
    """Mean effect of an arm relative to v's.

    Parameters
    ----------
    effects
        (pairs, k) changes from the unsteered arm under k draws of the arm's vector.
    reference
        (pairs,) changes under v, whose mean the gate has told from 0.

    Returns
    -------
    Interval
        Over pairs and, where they are enough to be resampled, over draws; if not, it is about the
        vectors that were drawn and no others. What pairs and draws do together is counted in both,
        which errs to the wide side.
    """
    rows = np.column_stack([effects.mean(axis=1), reference])
    if effects.shape[1] < FEWEST_CLUSTERS:
        return cluster_bootstrap(lambda r: r[..., 0].mean(1) / r[..., 1].mean(1), [rows], rng=rng)
    shifts = effects.mean(axis=0) - effects.mean()
    return cluster_bootstrap(
        lambda r, s: (r[..., 0].mean(1) + s.mean(1)) / r[..., 1].mean(1), [rows, shifts], rng=rng
    )


def within_fifth(
    value: Interval, effects: np.ndarray, reference: np.ndarray, centre: float
) -> tuple[Judgement, float]:
    """Verdict on an efficacy that must lie within 20 % of v's effect of ``centre``, and its power.

    Confirmed only if the interval lies inside, draws counted, and Schuirmann's two tests with
    Fieller's treatment of the reference say so of these draws.
    """
    low, high = centre - EQUIVALENCE_FRACTION, centre + EQUIVALENCE_FRACTION
    verdict = within(value, low, high, "efficacy")
    moved = effects.mean(axis=1) + (1 - centre) * reference
    same = tost_ratio(moved, reference, fraction=EQUIVALENCE_FRACTION, alpha=TEST_LEVEL)
    p_confirm = same.p if verdict.p_confirm is None else max(same.p, verdict.p_confirm)
    outcome, reason = verdict.outcome, verdict.reason
    if outcome is Outcome.CONFIRMED and same.p > TEST_LEVEL:
        outcome, reason = Outcome.INCONCLUSIVE, f"{reason}; not by TOST (p = {same.p:.2g})"
    if outcome is Outcome.INCONCLUSIVE:
        reason = f"{reason}; power {same.power:.2f}"
    return Judgement(outcome, reason, p_confirm, verdict.p_refute), same.power


def raw_ratio(found: np.ndarray, of_vector: np.ndarray) -> float:
    """The paper's statistic, |mean score of an arm| / |mean score of v|, with no baseline."""
    return float(abs(found.mean()) / abs(of_vector.mean()))


def behaviour_prediction(
    claim: str,
    layer: int,
    trait: str,
    arm: str,
    alpha: float,
    value: float | None,
    ends: tuple[float, float] | None,
    *,
    margin: float = EQUIVALENCE_FRACTION,
    unit: str = UNIT,
) -> Prediction:
    """A prediction about the score of completions."""
    return Prediction(
        claim=claim,
        theorem="N8",
        layer=layer,
        trait=trait,
        arm=arm,
        alpha=alpha,
        prediction=value,
        prediction_interval=ends,
        margin=margin,
        unit=unit,
        observable=OBSERVABLE,
    )


def closed(reason: str, *, judged: bool) -> Judgement:
    """Where there is no effect of v to compare with."""
    return Judgement(Outcome.INCONCLUSIVE if judged else None, reason)
