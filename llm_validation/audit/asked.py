"""What an audit was asked: read, and refused where it cannot be, before anything is measured."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from identifiability.errors import InvalidInput
from identifiability.validation import as_count, as_number
from llm_validation.audit.apply import Further
from llm_validation.audit.cases import check_prompts
from llm_validation.audit.observable import Observable
from llm_validation.audit.prompts import read_prompts
from llm_validation.audit.vector_input import Given, named, the_vector
from llm_validation.dataset import Trait, load_trait
from llm_validation.inputs import states
from llm_validation.models import LanguageModel, load_model
from llm_validation.scoring.positive_control import control_questions
from llm_validation.scoring.validity import held_out_completions
from llm_validation.structure import decoder_of
from llm_validation.vectors import SteeringVector


@dataclass(frozen=True, eq=False)
class Asked:
    """The question, in the parts that the answer is made from.

    Attributes
    ----------
    model, vector, others
        Loaded; the vector audited, and others to compare it with, by name.
    observable, observed_trait
        What is seen of the output, and the trait of it where that is a score.
    scored_trait
        On whose score the witness is compared with the vector, if on any.
    prompts, chat
        Texts, and whether they go into the chat template.
    further
        What to apply.
    """

    model: LanguageModel
    vector: SteeringVector
    others: tuple[tuple[str, SteeringVector], ...]
    observable: Observable
    observed_trait: Trait | None
    scored_trait: Trait | None
    prompts: Sequence[str]
    chat: bool
    further: tuple[Further, ...]

    @classmethod
    def of(
        cls,
        vector: Given,
        model: str | LanguageModel,
        layer: int | None,
        *,
        prompts: str | os.PathLike[str] | Sequence[str] | None,
        chat: bool,
        count: int,
        alpha: float,
        epsilon: float,
        observe: str,
        trait: str | None,
        compare: Sequence[Given],
        apply: Sequence[str],
        seed: int,
        workers: int,
    ) -> Asked:
        """From the arguments of ``audit``; raises InvalidInput where it does."""
        _positive("alpha", alpha)
        _positive("epsilon", epsilon)
        as_count(count, "count", at_least=1)
        as_count(seed, "seed", at_least=0)
        as_count(workers, "workers", at_least=1)
        observable = Observable.parse(observe)
        further = tuple(Further.parse(text) for text in apply)
        if observable.kind == "score" and prompts is not None:
            raise InvalidInput(
                "a score is observed on its trait's own prompts; leave prompts out, or observe "
                "next-token"
            )
        observed_trait = load_trait(observable.trait) if observable.trait is not None else None
        scored_trait = load_trait(trait) if trait is not None else observed_trait
        texts = read_prompts(prompts) if isinstance(prompts, str | os.PathLike | None) else prompts
        loaded = load_model(model) if isinstance(model, str) else model
        decoder = decoder_of(loaded)
        observable.check_words(decoder.head.out_features)
        audited = the_vector(vector, loaded, layer)
        states(decoder, alpha * audited.vector, "alpha * vector")
        others = tuple((named(one), the_vector(one, loaded, audited.layer)) for one in compare)
        if scored_trait is None:
            scored_trait = _shipped(audited.trait)
        if scored_trait is not None:
            control_questions(loaded, scored_trait)
            held_out_completions(scored_trait)
        choosing = check_prompts(loaded, observed_trait, texts, chat, count, seed)
        for one in further:
            one.check(loaded, audited.layer, observable, choosing, chat=chat)
        return cls(
            loaded,
            audited,
            others,
            observable,
            observed_trait,
            scored_trait,
            texts,
            chat,
            further,
        )


def _shipped(name: str | None) -> Trait | None:
    """The trait that a vector's file names, if it is one of ours."""
    if name is None or not name.isidentifier():
        return None
    try:
        return load_trait(name)
    except InvalidInput:
        return None  # a trait of the user's own: its file is given with trait=


def _positive(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < np.inf:
        raise InvalidInput(f"{name} must be a positive finite number, got {value!r}; mend it")
    as_number(value, name)
