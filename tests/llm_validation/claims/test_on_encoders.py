"""Claims that do not apply to an encoder are refused by name, listed otherwise, never dropped."""

from __future__ import annotations

import pytest

from identifiability.errors import InvalidInput
from llm_validation.claims.on_encoders import NOT_APPLICABLE, refusal
from llm_validation.claims.registry import NAMES, claims, not_applicable
from llm_validation.scale import Scale

ENCODER = "all-minilm-l6-v2"


@pytest.mark.parametrize("scale", Scale)
def test_each_claim_of_a_scale_is_asked_or_listed(scale):
    asked = {claim.NAME for claim in claims((), scale, encoder=ENCODER)}
    listed = {claim.NAME for claim in not_applicable((), scale, ENCODER)}
    assert asked | listed == {claim.NAME for claim in claims((), scale)}
    assert not asked & listed
    assert listed <= set(NOT_APPLICABLE) <= set(NAMES)
    assert not_applicable((), scale, None) == []


@pytest.mark.parametrize("word", ["15", "observation_ladder"])
def test_one_that_does_not_apply_is_refused_in_one_sentence(word):
    with pytest.raises(InvalidInput, match="'observation_ladder' does not apply to") as raised:
        claims(["epsilon_null", word], encoder=ENCODER)
    assert "next-token distribution" in str(raised.value)
    assert ENCODER in str(raised.value) and "\n" not in str(raised.value)
    assert [claim.NUMBER for claim in claims(["epsilon_null", word])] == [1, 15]


def test_the_others_are_not_refused():
    assert refusal([name for name in NAMES if name not in NOT_APPLICABLE], ENCODER) == ""
    with pytest.raises(InvalidInput, match="epsilon_null"):
        claims(["epsilon_nul"], encoder=ENCODER)
