"""Independent sources are found, Gaussian and dependent ones never called so."""

from __future__ import annotations

import numpy as np
import pytest

from llm_validation.claims import independent_activations as claim
from llm_validation.claims.activations import half_agreement
from llm_validation.claims.activations.half_agreement import TURNING
from llm_validation.claims.claim import ClaimResult, Outcome
from tests.llm_validation.claims.known_tokens import KnownTokens, mixing

WIDTH = 5
A = mixing(WIDTH)


@pytest.fixture(autouse=True)
def fewer_surrogates(monkeypatch):
    monkeypatch.setattr(half_agreement, "SURROGATES", 12)


def laplace(rng: np.random.Generator, source: str, count: int) -> np.ndarray:
    return rng.laplace(size=(count, WIDTH)) @ A.T


def gaussian(rng: np.random.Generator, source: str, count: int) -> np.ndarray:
    return rng.standard_normal((count, WIDTH)) @ A.T


def spherical(rng: np.random.Generator, source: str, count: int) -> np.ndarray:
    """Heavy tails that all sources share: uncorrelated, dependent, the same in every rotation."""
    return rng.standard_normal((count, WIDTH)) * rng.gamma(1.0, size=(count, 1)) @ A.T


def rows(draw, **options) -> dict[str, ClaimResult]:
    setting = KnownTokens(draw, width=WIDTH, **options)
    for cell in claim.preparation(setting):
        setting.of(cell)
    found = claim.judge(setting, claim.predict(setting))
    assert len(found) == 6
    return {row.arm: row for row in found}


def test_independent_sources_are_confirmed_in_every_row():
    found = rows(laplace, along=A[:, 2])
    assert {row.verdict for row in found.values()} == {Outcome.CONFIRMED}
    least = found["columns, minimum"]
    assert least.measured is not None and least.measured > 0.97
    assert least.prediction == pytest.approx(least.measured, abs=0.03)
    assert "all hold" in least.reason


def test_two_runs_on_the_same_data_agree_more_than_its_halves_do():
    """Runs differ by where they stop, 1e-5 at most; halves by what sampling adds, 1e-3 or so.

    Of Laplace sources: on Gaussian ones it is the arithmetic that decides which runs agree.
    """
    setting = KnownTokens(laplace, width=WIDTH)
    (curve,) = claim.curves(setting, claim.predict(setting))
    assert all(len(curve[name]) == WIDTH for name in ("halves", "same_data", "surrogate"))
    assert (np.diff(curve["halves"]) <= 0).all()
    # Two runs, and not one twice.
    assert 0 < (1 - curve["same_data"]).max() < 1e-4 < (1 - curve["halves"]).min()


def test_a_vector_between_columns_is_aligned_with_none():
    found = rows(laplace, along=A.sum(axis=1))
    assert found["along a column"].verdict is Outcome.REFUTED
    assert found["aligned"].verdict is not Outcome.CONFIRMED
    # In white coordinates the columns are orthonormal: each is at 1/sqrt(k) from their sum.
    assert found["along a column"].measured == pytest.approx(WIDTH**-0.5, abs=0.1)


def test_gaussian_sources_are_not_found_and_nothing_follows():
    found = rows(gaussian)
    least = found["columns, minimum"]
    assert least.measured is not None and least.measured < TURNING
    assert least.verdict is Outcome.INCONCLUSIVE
    assert found["columns, mean"].verdict is not Outcome.CONFIRMED
    assert found["most dependent pair"].verdict is Outcome.CONFIRMED


def test_dependent_sources_refute_the_premise():
    found = rows(spherical)
    pair = found["most dependent pair, independent"]
    assert pair.verdict is Outcome.REFUTED
    assert pair.measured is not None and pair.measured > 0.2
    assert found["columns, minimum"].verdict is not Outcome.CONFIRMED


def test_nothing_that_is_measured_is_known_to_the_predictions():
    setting = KnownTokens(laplace, width=WIDTH)
    before = {cell.key for cell in claim.preparation(setting)}
    for arm in claim.predict(setting):
        assert arm.cells and not before & {cell.key for cell in arm.cells}


@pytest.mark.parametrize(
    ("tokens", "groups", "expected"),
    [(10_000, 1000, 10), (10_000, 35, 7), (279, 1000, 6), (5, 5, 2)],
)
def test_components_by_tokens_and_groups(tokens, groups, expected):
    """10 k (k + 1)/2 tokens: 280 for seven."""
    setting = KnownTokens(laplace, width=WIDTH)
    assert claim.components(setting, tokens, groups) == expected


def test_surrogates_keep_what_they_say():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(400), 5)
    states = laplace(rng, "", 2000)
    ((drawn, _),) = claim.gaussian(rng, [(states, labels)])
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(states.T), atol=0.12)
    assert np.abs(((drawn / drawn.std(axis=0)) ** 4).mean(axis=0) - 3).max() < 0.5
    # Sources of one group stay together, and their marginals stay: sorted they are the same values.
    ((again, _),) = claim.independent(rng, (states, labels), A)
    sources, before = (x @ np.linalg.inv(A).T for x in (again, states))
    for column in range(WIDTH):
        assert np.isin(sources[:, column].round(8), before[:, column].round(8)).all()
        kurtosis = [((x / x.std()) ** 4).mean() for x in (sources[:, column], before[:, column])]
        assert kurtosis[0] == pytest.approx(kurtosis[1], rel=0.25)
    assert np.abs(np.corrcoef(sources.T) - np.eye(WIDTH)).max() < 0.1
    # What sources shared is gone.
    dependent = spherical(rng, "", 2000)
    ((again, _),) = claim.independent(rng, (dependent, labels), A)
    sizes = [np.abs(x @ np.linalg.inv(A).T) for x in (again, dependent)]
    after, before = (np.corrcoef(size.T)[0, 1] for size in sizes)
    assert before > 0.3 > 0.1 > abs(after)
