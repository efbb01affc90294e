"""Prompts are dealt into three sets that share none."""

from __future__ import annotations

import pytest

from identifiability.errors import InvalidInput
from llm_validation.prompt_split import PromptSplit

PROMPTS = [[i] for i in range(12)]


def test_the_sets_are_disjoint_of_the_sizes_asked_for_and_follow_the_seed():
    found = PromptSplit.of(PROMPTS, (2, 3, 4), seed=0)
    sizes = [len(found.choosing), len(found.predicting), len(found.measuring)]
    assert sizes == [2, 3, 4]
    every = [ids[0] for part in vars(found).values() for ids in part]
    assert len(set(every)) == len(every) == 9
    assert found == PromptSplit.of(PROMPTS, (2, 3, 4), seed=0)
    assert found != PromptSplit.of(PROMPTS, (2, 3, 4), seed=1)


@pytest.mark.parametrize("sizes", [(1, 4, 4), (4, 4, 5)])
def test_too_few_prompts_are_refused(sizes):
    with pytest.raises(InvalidInput, match="at least two prompts in each of three sets"):
        PromptSplit.of(PROMPTS, sizes, seed=0)
