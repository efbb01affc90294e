"""Planted vectors are v and a random one as long, in the order in which they are named."""

from __future__ import annotations

import numpy as np

from llm_validation.claims.planted.planted_vectors import names, planted_vectors
from tests.llm_validation.claims.known_setting import LAYER, KnownSetting


def test_every_trait_has_its_vector_and_a_random_one_as_long():
    setting = KnownSetting()
    found = planted_vectors(setting, "claim", LAYER)
    assert len(found) == len(names(setting)) == 2 * len(setting.traits)
    for place, (trait, kind) in enumerate(names(setting)):
        vector = setting.vector(trait, LAYER)
        assert np.isclose(np.linalg.norm(found[place]), np.linalg.norm(vector))
        assert np.array_equal(found[place], vector) == (kind == "v")
    np.testing.assert_array_equal(found, planted_vectors(setting, "claim", LAYER))
