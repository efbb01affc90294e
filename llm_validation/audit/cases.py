"""From prompts to cases: what each observable has to know of a prompt before it is measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from identifiability.errors import InvalidInput
from llm_validation.audit.bench import MEASUREMENTS, Bench, Case
from llm_validation.audit.observable import Observable
from llm_validation.audit.prompts import FEWEST, Halves
from llm_validation.dataset import SPLITS, LabelledCompletion, Trait
from llm_validation.extraction import encode
from llm_validation.inputs import token_ids
from llm_validation.models import LanguageModel
from llm_validation.scoring.log_odds import LogOdds, settings
from llm_validation.structure import decoder_of

COMPLETION_TOKENS = 20


def encoded(model: LanguageModel, prompts: Sequence[str], *, chat: bool) -> list[list[int]]:
    """Token ids of each prompt.

    Raises
    ------
    InvalidInput
        If a prompt cannot be used, or two are the same tokens.
    """
    decoder = decoder_of(model)
    ids = [token_ids(decoder, encode(model, text, chat=chat))[0].tolist() for text in prompts]
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


def score_cases(bench: Bench, trait: Trait, count: int, seed: int) -> tuple[Halves[Case], float]:
    """A case for each pair of completions, and the variance of the unsteered score.

    Completions of split ``choose`` choose, the variance included, and those held out measure.

    Raises
    ------
    InvalidInput
        If the trait has fewer than four pairs of a split, or the score does not vary.
    """
    choosing, measuring = (
        [settings(bench.model, pair) for pair in _of_split(trait, split, count // 2, seed)]
        for split in SPLITS
    )
    cells = [
        bench.cell(
            f"{MEASUREMENTS}.completion_log_likelihoods:measure",
            "score of the unsteered model",
            **one,
            layer=bench.layer,
            displacements=np.zeros((1, bench.model.width)),
        )
        for one in choosing
    ]
    scores = [LogOdds.of(found).per_token[0] for found in bench.results(cells)]
    variance = float(np.var(scores, ddof=1))
    if variance == 0:
        raise InvalidInput(f"the score of {trait.name!r} must vary over prompts to be read so")

    def case(one: dict[str, Any]) -> Case:
        seen = {"kind": "score", "completions": one["completions"], "variance": variance}
        return Case(one["prompt_ids"], seen)

    return Halves(tuple(map(case, choosing)), tuple(map(case, measuring))), variance


def _of_split(trait: Trait, split: str, most: int, seed: int) -> list[LabelledCompletion]:
    """Pairs of a split, at random where there are more."""
    found = [pair for pair in trait.completions if pair.split == split]
    used = min(most, len(found))
    if used < FEWEST // 2:
        raise InvalidInput(
            f"trait {trait.name!r} must have at least {FEWEST // 2} completions of split "
            f"{split!r} to observe their score, got {used}; add some"
        )
    order = np.random.default_rng(seed).permutation(len(found))[:used]
    return [found[i] for i in order]


def check_prompts(
    model: LanguageModel,
    trait: Trait | None,
    prompts: Sequence[str],
    chat: bool,
    count: int,
    seed: int,
) -> None:
    """Refuse, before anything is measured, prompts that ``dealt`` would refuse."""
    if trait is None:
        Halves.of(encoded(model, prompts, chat=chat), count, seed)
        return
    for split in SPLITS:
        _of_split(trait, split, count // 2, seed)


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
        return score_cases(bench, trait, count, seed)
    halves = Halves.of(encoded(bench.model, prompts, chat=chat), count, seed)
    return Halves(
        tuple(cases_of(bench, observable, halves.choosing, seed)),
        tuple(cases_of(bench, observable, halves.measuring, seed)),
    ), None
