"""What the vector and its witness make the model write, and how a trait's score takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from identifiability.cells import Cell
from identifiability.statistics import Equivalence, Interval, cluster_bootstrap, tost_ratio
from llm_validation.audit.bench import MEASUREMENTS, Bench, Case
from llm_validation.claims.judgement import EQUIVALENCE_FRACTION, TEST_LEVEL
from llm_validation.dataset import LabelledCompletion, Trait
from llm_validation.scoring.log_odds import LogOdds, settings
from llm_validation.scoring.positive_control import control_questions, control_validity
from llm_validation.scoring.validity import Validity, held_out_completions

SHOWN = 3
TOKENS = 24


@dataclass(frozen=True)
class Texts:
    """Greedy completions of one held-out prompt, as it was given: unsteered, under v, under v'."""

    prompt: str
    unsteered: str
    vector: str
    witness: str


def text_cells(
    bench: Bench, cases: Sequence[Case], base: np.ndarray, other: np.ndarray
) -> list[Cell]:
    """Of the first few cases."""
    rows = np.stack([np.zeros_like(base), base, other])
    return [
        bench.cell(
            f"{MEASUREMENTS}.generated_text:measure",
            "completions",
            prompt_ids=case.ids,
            layer=bench.layer,
            displacements=rows,
            max_tokens=TOKENS,
        )
        for case in cases[:SHOWN]
    ]


def side_by_side(
    bench: Bench, cases: Sequence[Case], base: np.ndarray, other: np.ndarray
) -> list[Texts]:
    """Of the first few cases."""
    cells = text_cells(bench, cases, base, other)
    return [
        Texts(case.text, *found["texts"])
        for case, found in zip(cases[:SHOWN], bench.results(cells), strict=True)
    ]


@dataclass(frozen=True, eq=False)
class Scored:
    """A trait's score of the vector and of its witness.

    Attributes
    ----------
    trait
        Its name.
    validity
        Of the score, on opposites; nothing was scored if it is not valid.
    effect, witness_effect
        Mean change of the score from the unsteered model's, nats per token; None if not valid.
    equivalence
        TOST of the witness's effect against the vector's, within a fifth of it, at 2.5 % a side.
    differences
        (n,) witness less vector, by prompt.
    """

    trait: str
    validity: Validity
    effect: Interval | None = None
    witness_effect: Interval | None = None
    equivalence: Equivalence | None = None
    differences: np.ndarray | None = None


def control_cells(bench: Bench, trait: Trait) -> list[Cell]:
    """What validates the log-odds of a trait."""
    return [
        bench.cell(f"{MEASUREMENTS}.unsteered_log_likelihoods:measure", "control", **question)
        for question in control_questions(bench.model, trait)
    ]


def scored(
    bench: Bench, trait: Trait, base: np.ndarray, other: np.ndarray, rng: np.random.Generator
) -> Scored:
    """Validate the log-odds of a trait; if they are valid, score both vectors with them.

    Raises
    ------
    InvalidInput
        If the trait has no instructions, or fewer than two completions of a split.
    """
    validity = control_validity(trait, bench.results(control_cells(bench, trait)))
    if not validity.valid:
        return Scored(trait.name, validity)
    found = _log_odds(bench, held_out_completions(trait), np.stack([0 * base, base, other]))
    effect, witness = found[:, 1] - found[:, 0], found[:, 2] - found[:, 0]

    def mean(values: np.ndarray) -> Interval:
        return cluster_bootstrap(lambda x: x.mean(axis=1), [values], rng=rng)

    return Scored(
        trait.name,
        validity,
        mean(effect),
        mean(witness),
        tost_ratio(witness, effect, fraction=EQUIVALENCE_FRACTION, alpha=TEST_LEVEL),
        witness - effect,
    )


def _log_odds(
    bench: Bench,
    pairs: Sequence[LabelledCompletion],
    displacements: np.ndarray,
) -> np.ndarray:
    """(pairs, k) nats per token."""
    cells = [
        bench.cell(
            f"{MEASUREMENTS}.completion_log_likelihoods:measure",
            "score",
            **settings(bench.model, pair),
            layer=bench.layer,
            displacements=displacements,
        )
        for pair in pairs
    ]
    return np.array([LogOdds.of(found).per_token for found in bench.results(cells)])
