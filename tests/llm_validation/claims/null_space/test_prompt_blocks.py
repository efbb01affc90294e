"""Blocks are disjoint, whole, and as many as there can be."""

from __future__ import annotations

import pytest

from llm_validation.claims.null_space.prompt_blocks import blocks, prompts_in_words


@pytest.mark.parametrize(
    ("total", "size", "count"), [(12, 1, 12), (12, 5, 2), (8, 8, 1), (3, 4, 0)]
)
def test_blocks(total, size, count):
    found = [block.tolist() for block in blocks(total, size)]
    assert [len(block) for block in found] == [size] * count
    assert [i for block in found for i in block] == list(range(size * count))


def test_words():
    assert (prompts_in_words(1), prompts_in_words(8)) == ("1 prompt", "8 prompts")
