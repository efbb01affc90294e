"""From prompts to cases: what each observable has to know of a prompt before it is measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from identifiability.errors import InvalidInput
from llm_validation.audit.bench import MEASUREMENTS, Bench, Case
from llm_validation.audit.observable import Observable
from llm_validation.audit.prompts import Halves
from llm_validation.dataset import Trait
from llm_validation.extraction import encode
from llm_validation.scoring.log_odds import LogOdds, settings

COMPLETION_TOKENS = 20


def encoded(bench: Bench, prompts: Sequence[str], *, chat: bool) -> list[list[int]]:
    """Token ids of each prompt.

    Raises
    ------
    InvalidInput
        If two prompts are the same tokens.
    """
    ids = [encode(bench.model, text, chat=chat) for text in prompts]
    if len({tuple(one) for one in ids}) < len(ids):
        raise InvalidInput(
            "prompts must differ in their tokens, two of them are equal; remove one, since one "
            "half chooses what the other measures"
        )
    return ids


def cases_of(
    bench: Bench, observable: Observable, prompts: Sequence[list[int]], seed: int
) -> list[Case]:
    """Cases of prompts under any observable but a score."""
    if observable.kind == "next-token":
        return [Case(ids, {"kind": "next-token"}) for ids in prompts]
    if observable.kind == "topk":
        return [Case(ids, {"kind": "topk", "k": observable.k}) for ids in prompts]
    if observable.kind == "score":
        raise InvalidInput(
            "a score is observed on its trait's own prompts, got others; leave them out, or "
            "observe next-token"
        )
    cells = [
        bench.cell(
            f"{MEASUREMENTS}.generated_text:measure",
            "completion of the unsteered model",
            prompt_ids=ids,
            layer=bench.layer,
            displacements=np.zeros((1, bench.model.width)),
            max_tokens=COMPLETION_TOKENS,
            temperature=1.0,
            # The law of a completion is that of a sample; the greedy one is no sample of it.
            seed=seed,
        )
        for ids in prompts
    ]
    return [
        Case(ids, {"kind": "completion", "completion": found["token_ids"][0]})
        for ids, found in zip(prompts, bench.results(cells), strict=True)
    ]


def score_cases(bench: Bench, trait: Trait) -> tuple[list[Case], float]:
    """A case for each pair of completions, and the variance of the unsteered score over them.

    Raises
    ------
    InvalidInput
        If the trait has fewer than two pairs of completions, or the score does not vary.
    """
    if len(trait.completions) < 2:
        raise InvalidInput(
            f"trait {trait.name!r} must have labelled completions to observe their score, got "
            f"{len(trait.completions)}; add some"
        )
    asked = [settings(bench.model, pair) for pair in trait.completions]
    cells = [
        bench.cell(
            f"{MEASUREMENTS}.completion_log_likelihoods:measure",
            "score of the unsteered model",
            **one,
            layer=bench.layer,
            displacements=np.zeros((1, bench.model.width)),
        )
        for one in asked
    ]
    scores = [LogOdds.of(found).per_token[0] for found in bench.results(cells)]
    variance = float(np.var(scores, ddof=1))
    if variance == 0:
        raise InvalidInput(f"the score of {trait.name!r} must vary over prompts to be read so")
    cases = [
        Case(
            one["prompt_ids"],
            {"kind": "score", "completions": one["completions"], "variance": variance},
        )
        for one in asked
    ]
    return cases, variance


def dealt(
    bench: Bench,
    observable: Observable,
    trait: Trait | None,
    prompts: Sequence[str],
    chat: bool,
    count: int,
    seed: int,
) -> tuple[Halves[Case], float | None]:
    """Cases in two halves; of a score, its variance as well."""
    if trait is not None:
        cases, variance = score_cases(bench, trait)
        return Halves.of(cases, count, seed), variance
    halves = Halves.of(encoded(bench, prompts, chat=chat), count, seed)
    return Halves(
        tuple(cases_of(bench, observable, halves.choosing, seed)),
        tuple(cases_of(bench, observable, halves.measuring, seed)),
    ), None
