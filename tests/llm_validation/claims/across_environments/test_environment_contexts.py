"""Contexts for predicting and for measuring, and their prompts."""

from __future__ import annotations

import numpy as np

from llm_validation.claims.across_environments.environment_contexts import contexts, enough, prompts
from llm_validation.dataset import Trait
from tests.llm_validation.claims.known_environments import NAMES, KnownEnvironments


def test_halves_share_no_context_and_together_are_all():
    setting = KnownEnvironments()
    known, measured = (contexts(setting, "planted", half) for half in ("predicting", "measuring"))
    assert tuple(known) == tuple(measured) == NAMES
    for name in NAMES:
        assert (len(known[name]), len(measured[name])) == (4, 6)
        everything = setting.traits["planted"].environments[name]
        assert {*known[name], *measured[name]} == {*everything}


def test_small_environments_are_left_out():
    setting = KnownEnvironments()
    trait = setting.traits["planted"]
    sizes = dict(zip(NAMES, (10, 8, 9, 10), strict=True))
    some = {name: pairs[: sizes[name]] for name, pairs in trait.environments.items()}
    setting.traits = {"planted": Trait("planted", "", "", trait.pairs, (), None, some)}
    assert tuple(contexts(setting, "planted", "measuring")) == (NAMES[0], *NAMES[2:])
    assert enough(setting, "planted")
    del some[NAMES[0]]
    assert not enough(setting, "planted")


def test_prompts_take_every_context_once_before_its_other_side():
    setting = KnownEnvironments()
    pairs = setting.traits["planted"].environments["genre_shift"][:3]
    (row,) = prompts(setting, {"genre_shift": pairs}, 6)
    texts = [setting.texts[place] for (place,) in row]
    assert texts == [
        *("genre_shift 0 +", "genre_shift 1 -", "genre_shift 2 +"),
        *("genre_shift 0 -", "genre_shift 1 +", "genre_shift 2 -"),
    ]
    assert len(np.unique(row)) == 6
