"""From prompts to cases: what each observable has to know of a prompt before it is measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from identifiability.errors import InvalidInput
from llm_validation.audit.behaviour import TOKENS
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


class Prompt(NamedTuple):
    """As it was given, and as the model reads it: in the chat template, where there is one."""

    text: str
    ids: list[int]


def encoded(
    model: LanguageModel, prompts: Sequence[str], *, chat: bool, more: int = 0
) -> list[Prompt]:
    """Prompts with token ids, which have to leave room in the context for ``more``.

    Raises
    ------
    InvalidInput
        If a prompt cannot be used, or two are the same tokens.
    """
    decoder = decoder_of(model)
    ids = [token_ids(decoder, encode(model, text, chat=chat))[0].tolist() for text in prompts]
    longest = max(map(len, ids), default=0)
    if decoder.context is not None and longest + more > decoder.context:
        raise InvalidInput(
            f"prompts must leave room for {more} more of {decoder.context} tokens, got one of "
            f"{longest}; shorten it"
        )
    if len({tuple(one) for one in ids}) < len(ids):
        raise InvalidInput(
            "prompts must differ in their tokens, two of them are equal; remove one, since one "
            "half chooses what the other measures"
        )
    return [Prompt(*both) for both in zip(prompts, ids, strict=True)]


def cases_of(
    bench: Bench, observable: Observable, prompts: Sequence[Prompt], seed: int
) -> list[Case]:
    """Cases of prompts under any observable but a score, which has prompts of its own."""
    if observable.kind == "next-token":
        return [Case(ids, {"kind": "next-token"}, text) for text, ids in prompts]
    if observable.kind == "topk":
        return [Case(ids, {"kind": "topk", "k": observable.k}, text) for text, ids in prompts]
    cells = [
        bench.cell(
            f"{MEASUREMENTS}.generated_text:measure",
            "completion of the unsteered model",
            prompt_ids=ids,
            layer=bench.layer,
            displacements=np.zeros((1, bench.model.width)),
            max_tokens=COMPLETION_TOKENS,
            temperature=1.0,
            # The law of a completion is that of a sample; the greedy one is no sample of it. Each
            # prompt has its own noise: intervals are over independent prompts.
            seed=_noise(ids, seed),
        )
        for _, ids in prompts
    ]
    return [
        Case(ids, {"kind": "completion", "completion": found["token_ids"][0]}, text)
        for (text, ids), found in zip(prompts, bench.results(cells), strict=True)
    ]


def _noise(ids: Sequence[int], seed: int) -> int:
    return int(np.random.SeedSequence([seed, *ids]).generate_state(1)[0])


def score_cases(bench: Bench, trait: Trait, count: int, seed: int) -> tuple[Halves[Case], float]:
    """A case for each pair of completions, and the variance of the unsteered score.

    Completions of split ``choose`` choose, the variance included, and those held out measure.

    Raises
    ------
    InvalidInput
        If the trait has fewer than four pairs of a split, or the score does not vary.
    """
    choosing, measuring = (
        [(pair.prompt, settings(bench.model, pair)) for pair in pairs]
        for pairs in (_of_split(trait, split, count // 2, seed) for split in SPLITS)
    )
    cells = [
        bench.cell(
            f"{MEASUREMENTS}.completion_log_likelihoods:measure",
            "score of the unsteered model",
            **one,
            layer=bench.layer,
            displacements=np.zeros((1, bench.model.width)),
        )
        for _, one in choosing
    ]
    scores = [LogOdds.of(found).per_token[0] for found in bench.results(cells)]
    variance = float(np.var(scores, ddof=1))
    if variance == 0:
        raise InvalidInput(f"the score of {trait.name!r} must vary over prompts to be read so")

    def case(asked: tuple[str, dict[str, Any]]) -> Case:
        text, one = asked
        seen = {"kind": "score", "completions": one["completions"], "variance": variance}
        return Case(one["prompt_ids"], seen, text)

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
) -> list[list[int]]:
    """Refuse, before anything is measured, prompts that could not be; those that would choose."""
    if trait is None:
        found = encoded(model, prompts, chat=chat, more=max(COMPLETION_TOKENS, TOKENS))
        return [one.ids for one in Halves.of(found, count, seed).choosing]
    parts = [_of_split(trait, split, count // 2, seed) for split in SPLITS]
    return [settings(model, pair)["prompt_ids"] for pair in parts[0]]


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
