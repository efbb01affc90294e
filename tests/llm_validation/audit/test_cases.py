"""Cases: completions that choose a score's class never measure it; each prompt has its noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from identifiability.errors import InvalidInput
from identifiability.store import Store
from llm_validation.audit.bench import Bench
from llm_validation.audit.cases import Prompt, cases_of, score_cases
from llm_validation.audit.observable import Observable
from llm_validation.dataset import Instructions, LabelledCompletion, Trait
from llm_validation.measurements.completion_log_likelihoods import measure
from llm_validation.scoring.log_odds import settings
from tests.llm_validation.architectures import WIDTH
from tests.llm_validation.audit.small_model import prompts, saved

TEXTS = prompts(60, seed=3)
PAIRS = tuple(
    LabelledCompletion(*TEXTS[3 * i : 3 * i + 3], split)
    for i, split in enumerate(["held_out"] * 5 + ["choose"] * 6 + ["held_out"] * 3)
)
TRAIT = Trait("planted", "", "", (), PAIRS, Instructions("w3", "w4"), {})


@pytest.fixture
def bench(tmp_path):
    model = saved(tmp_path / "model", "llama")
    with Store(tmp_path / "cells") as store:
        yield Bench(model, 1, store, workers=1)


@pytest.mark.parametrize("count", [8, 32])
def test_each_split_has_a_half_of_its_own(bench, count):
    halves, variance = score_cases(bench, TRAIT, count, seed=0)
    asked = {
        split: [settings(bench.model, pair) for pair in PAIRS if pair.split == split]
        for split in ("choose", "held_out")
    }
    for split, cases in (("choose", halves.choosing), ("held_out", halves.measuring)):
        assert len(cases) == min(count // 2, len(asked[split]))
        own = [tuple(one["prompt_ids"]) for one in asked[split]]
        assert {tuple(case.ids) for case in cases} <= set(own)
    chosen = {tuple(case.ids) for case in halves.choosing}
    scores = []
    for one in asked["choose"]:
        if tuple(one["prompt_ids"]) in chosen:
            found = measure(bench.model, **one, layer=1, displacements=np.zeros((1, WIDTH)))
            means = found["log_likelihood"][0] / found["tokens"]
            scores.append(means[0] - means[1])
    assert variance == pytest.approx(np.var(scores, ddof=1))
    assert {case.observe["variance"] for case in halves.choosing + halves.measuring} == {variance}


def test_fewer_than_four_of_a_split_are_refused(bench):
    few = replace(TRAIT, completions=PAIRS[:8])
    with pytest.raises(InvalidInput, match="at least 4 completions of split 'choose'"):
        score_cases(bench, few, 32, seed=0)


def test_completions_of_different_prompts_have_different_noise(bench, monkeypatch):
    """With one noise for all of them their divergences would move together."""
    seeds = []

    def written(_bench, cells):
        seeds.extend(cell.arguments()["seed"] for cell in cells)
        return [{"token_ids": [[3]]} for _ in cells]

    monkeypatch.setattr(Bench, "results", written)
    asked = [Prompt("", ids) for ids in ([5, 9], [5, 9, 9], [40, 3])]
    for seed in (0, 1):
        cases_of(bench, Observable.parse("completion"), asked, seed)
    assert len(set(seeds)) == 6
