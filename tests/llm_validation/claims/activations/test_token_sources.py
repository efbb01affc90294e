"""Which tokens, which half, which group: against prompts whose states name them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from llm_validation.claims.activations.token_sources import (
    beginnings,
    members,
    neutral_source,
    pair_source,
    shared_ends,
    token_cells,
    token_states,
)
from tests.llm_validation.claims.known_setting import LAYER
from tests.llm_validation.claims.known_tokens import KnownTokens


class NamedTokens(KnownTokens):
    """States are the number of the prompt and of the token; prompts have one to three tokens."""

    def _token_states(self, prompts: Any) -> dict[str, np.ndarray]:
        states = [[place, token] for (place,) in prompts for token in range(place % 3 + 1)]
        owners = [i for i, (place,) in enumerate(prompts) for _ in range(place % 3 + 1)]
        return {"states": np.array(states, float)[:, None], "prompt": np.array(owners)}


@pytest.fixture
def setting() -> NamedTokens:
    return NamedTokens(lambda rng, source, count: np.zeros((count, 2)), width=2)


def test_labels_are_those_of_pairs_and_both_halves_are_everything(setting):
    pairs = pair_source(setting, "planted", setting.traits["planted"].pairs)
    sources = [pairs, neutral_source(setting)]
    seen = []
    for half in ("predicting", "measuring"):
        states, labels = token_states(setting, sources, half, LAYER)
        assert states.shape == (len(labels), 2)
        for label in np.unique(labels):
            group = {int(place) for place in states[labels == label, 0]}
            texts = sorted(setting.texts.get(place, "neutral") for place in group)
            if texts == ["neutral"]:
                assert len(group) == 1
            else:  # the two sides of one pair, and nothing else
                assert len(texts) == 2 and texts[0][:-1] == texts[1][:-1]
            assert int((labels == label).sum()) == sum(place % 3 + 1 for place in group)
            seen += [*group]
    assert len(seen) == len(set(seen)) == 2 * len(pairs.groups) + len(sources[1].groups)


def test_halves_are_as_large_and_the_same_for_every_claim(setting):
    pairs = setting.traits["planted"].pairs[:7]
    source = pair_source(setting, "planted", pairs)
    first, second = (members(setting, source, half) for half in ("predicting", "measuring"))
    assert (len(first), len(second)) == (4, 3)
    assert sorted([*first, *second]) == list(range(7))
    again = token_cells(setting, pair_source(setting, "planted", pairs), "predicting")
    assert [c.key for c in again] == [c.key for c in token_cells(setting, source, "predicting")]


@pytest.mark.parametrize(
    ("prompts", "ends"),
    [
        ([[1, 2, 3, 9], [1, 2, 4, 5, 9]], (2, 1)),
        ([[1, 2, 3], [4, 5, 6]], (1, 0)),  # the first token is left out at any rate
        ([[1, 2], [1, 2]], (2, 0)),  # no token counts for both ends
    ],
)
def test_shared_ends(prompts, ends):
    assert shared_ends([prompts]) == ends
    assert shared_ends([[ids] for ids in prompts]) == ends


def test_what_two_sides_share_is_taken_once():
    assert beginnings([[1, 2, 3, 4, 9], [1, 2, 3, 5, 6, 9]], first=1, last=1) == [1, 3]
    assert beginnings([[1, 2, 3, 9], [1, 5, 3, 9]], first=2, last=1) == [2, 2]
    # One says all that the other says: a single token is left of it.
    assert beginnings([[1, 2, 3, 4, 9], [1, 2, 3, 9]], first=1, last=1) == [1, 2]
