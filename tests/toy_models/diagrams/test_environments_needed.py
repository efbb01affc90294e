"""The diagram of environments: its checks agree, and a wrong boundary fails them."""

import json
from math import ceil

import pytest

from toy_models.diagram import as_json
from toy_models.diagrams import environments_needed
from toy_models.diagrams.environments_needed import DIAGRAM, draw, measure


def _trials(points):
    return [(point, DIAGRAM.measure(point, 7 + i)) for i, point in enumerate(points)]


@pytest.fixture(scope="module")
def thin():
    return _trials(DIAGRAM.points(False))


def test_checks_agree_and_the_drawing_is_plain(thin):
    drawn = as_json(DIAGRAM, thin)
    assert all(check["agrees"] for check in drawn["checks"]), drawn["checks"]
    assert len(drawn["checks"]) >= 3
    json.dumps(drawn, allow_nan=False)
    assert {curve["role"] for curve in drawn["curves"]} == {"ours", "theory", "baseline"}
    for ours, _, theory in zip(*[iter(drawn["curves"])] * 3, strict=True):
        assert ours["y"] == theory["y"]


@pytest.mark.parametrize(("width", "rank"), [(6, 2), (7, 3), (10, 5)])
def test_one_trial_counts_to_the_ceiling(width, rank):
    found = measure((width, rank, 0, "generic"), 1)
    assert found["needed"] == ceil(width / rank)
    assert found["dimension"] == 0
    assert found["average_needed"] > 2 * ceil(width / rank)
    shared = measure((width, rank, 0, "shared"), 1)
    assert shared["needed"] == 2 * ceil(width / rank) + 1
    assert shared["dimension"] == 1


@pytest.mark.parametrize("key", ["needed", "foretold", "dimension", "average_error"])
def test_a_number_that_is_off_fails_a_check(thin, key):
    spoiled = [(point, {**found, key: 0.0}) for point, found in thin]
    assert not all(check.agrees for check in draw(spoiled).checks)


def test_full_is_denser():
    assert len(DIAGRAM.points(True)) > 10 * len(DIAGRAM.points(False))
    assert environments_needed.DIAGRAM.method == "environment"
