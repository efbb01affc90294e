"""Behavioural cosines: predicted ones confirmed, Euclidean ones not, no basis matters."""

from __future__ import annotations

import numpy as np
import pytest

from llm_validation.claims import extraction_methods
from llm_validation.claims.claim import Outcome
from llm_validation.claims.displacement.displaced import Displaced
from llm_validation.contrast import METHODS
from tests.llm_validation.claims.known_readouts import KnownReadouts
from tests.llm_validation.claims.known_setting import LAYER


class ThreeVectors(KnownReadouts):
    """Nearly equal to the eye, but for a direction that all readouts see most."""

    false_metric = False

    def _vector(self, trait: str, layer: int, method: str = "mean") -> np.ndarray:
        rng = np.random.default_rng(8)
        common, own = rng.standard_normal(self.width), rng.standard_normal((3, self.width))
        common[:6], own[:, 6:] = 0.0, 0.0
        vector = common + 0.5 * own[METHODS.index(method)]
        return 0.3 * vector / np.linalg.norm(vector)

    def _known_metric(self, ids: list[int], layer: int) -> dict[str, np.ndarray]:
        if self.false_metric:
            return {"metric": np.eye(self.width)}
        return super()._known_metric(ids, layer)


def _rows(setting, polarised=True):
    arms = extraction_methods.predict(setting)
    chosen = [arm for arm in arms if isinstance(arm.data, Displaced) == polarised]
    return extraction_methods.judge(setting, chosen)


def test_predicted_cosines_are_measured_and_are_not_the_euclidean_ones():
    rows = _rows(ThreeVectors())
    assert [row.arm for row in rows] == ["mean / pca", "mean / logistic", "pca / logistic"]
    assert {row.verdict for row in rows} == {Outcome.CONFIRMED}
    assert max(abs(row.measured - row.paper_statistic) for row in rows) > 0.3


def test_the_euclidean_cosine_predicts_them_not():
    setting = ThreeVectors()
    setting.false_metric = True
    rows = _rows(setting)
    for row in rows:
        assert row.prediction == pytest.approx(row.paper_statistic)
    assert Outcome.CONFIRMED not in {row.verdict for row in rows}
    assert Outcome.REFUTED in {row.verdict for row in rows}


def test_a_cosine_does_not_depend_on_the_scale_of_the_metric():
    one, other = _rows(ThreeVectors()), _rows(ThreeVectors(metric_factor=1.5))
    for a, b in zip(one, other, strict=True):
        assert a.prediction == pytest.approx(b.prediction)
        assert a.measured == pytest.approx(b.measured, abs=0.02)


def test_displacements_stay_where_the_second_order_holds():
    setting = ThreeVectors()
    for arm in extraction_methods.predict(setting)[:3]:
        moved = arm.cells[0].settings["displacements"][arm.data.columns]
        np.testing.assert_allclose(moved[:4], -moved[4:])
        np.testing.assert_allclose(moved[2] + moved[3], 2 * moved[0])
        metrics = [*setting.metrics("choosing", LAYER), *setting.metrics("predicting", LAYER)]
        visible = 0.5 * np.einsum("ki,ij,kj->k", moved[:2], np.mean(metrics, axis=0), moved[:2])
        assert (visible <= 0.01 * (1 + 1e-9)).all()
        assert arm.prediction.alpha <= 0.5


def test_reparametrisations_leave_the_behavioural_cosine_and_no_other():
    rows = _rows(ThreeVectors(), polarised=False)
    assert {row.verdict for row in rows} == {Outcome.CONFIRMED}
    for row in rows:
        assert row.identity
        assert row.prediction == 0 <= row.measured < 1e-8
        assert abs(row.paper_statistic) > 0.3


def test_a_metric_that_is_not_transformed_with_the_vectors_is_refuted(monkeypatch):
    def vectors_alone(pair, metric, mapping):
        return pair @ mapping.T, metric

    monkeypatch.setattr(extraction_methods, "reparametrised", vectors_alone)
    rows = _rows(ThreeVectors(), polarised=False)
    assert {row.verdict for row in rows} == {Outcome.REFUTED}


@pytest.mark.parametrize("target", [-0.9, 0.0, 0.9])
def test_any_euclidean_cosine_can_be_had(target):
    pair = np.random.default_rng(3).standard_normal((2, 7))
    mapping = extraction_methods.mapping_to_cosine(pair, target)
    turned = pair @ mapping.T
    assert extraction_methods.cosine(turned, np.eye(7)) == pytest.approx(target, abs=1e-12)
    np.testing.assert_allclose(
        np.linalg.norm(turned, axis=1), np.linalg.norm(pair, axis=1), rtol=1e-10
    )
    outside = np.linalg.svd(pair)[2][2]  # orthogonal to both
    np.testing.assert_allclose(mapping @ outside, outside, atol=1e-12)


def test_a_random_mapping_has_the_condition_that_is_stated():
    mapping = extraction_methods.random_mapping(12, np.random.default_rng(0))
    assert np.linalg.cond(mapping) == pytest.approx(extraction_methods.CONDITION)


def test_pulled_back_products_are_those_of_the_inverse():
    rng = np.random.default_rng(4)
    pair, mapping, root = (rng.standard_normal(s) for s in ((2, 6), (6, 6), (9, 6)))
    turned, pulled = extraction_methods.reparametrised(pair, root.T @ root, mapping)
    inverse = np.linalg.inv(mapping)
    np.testing.assert_allclose(pulled, inverse.T @ root.T @ root @ inverse, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(turned, np.array([mapping @ pair[0], mapping @ pair[1]]))
