"""All kinds of rows of the claim together."""

from __future__ import annotations

from llm_validation.claims import null_space_dimension
from tests.llm_validation.claims.known_readouts import KnownReadouts
from tests.llm_validation.claims.known_setting import LAYER


def test_every_arm_has_its_row():
    setting = KnownReadouts()
    arms = null_space_dimension.predict(setting)
    rows = null_space_dimension.judge(setting, arms)
    assert [row.key for row in rows] == [arm.prediction.key for arm in arms]
    kinds = ["rank", "probes", "effective rank", "epsilon-null"]
    assert list(dict.fromkeys(row.arm.split(",")[0] for row in rows)) == kinds
    assert {row.layer for row in rows} == {LAYER}


def test_nothing_is_predicted_from_measuring_prompts():
    one, other = KnownReadouts(), KnownReadouts()
    for ids in other.prompts.measuring:
        other.readouts[ids[0]][0][:] *= 2
    pairs = zip(null_space_dimension.predict(one), null_space_dimension.predict(other), strict=True)
    assert all(a.prediction == b.prediction for a, b in pairs)


def test_curves_grow_over_all_prompts():
    setting = KnownReadouts()
    curves = null_space_dimension.curves(setting, null_space_dimension.predict(setting))
    assert [curve["prompts"] for curve in curves] == [1, 2, 4, 8, 16, 32, 64]
    assert all(curve["eigenvalues"].shape == (20,) for curve in curves)
