"""The diagram of layers: its checks agree, and a wrong count fails them."""

import json

import pytest

from toy_models.diagram import as_json
from toy_models.diagrams.layers_needed import DIAGRAM, draw, measure


@pytest.fixture(scope="module")
def thin():
    points = [point for point in DIAGRAM.points(False) if point[-1] == 0]  # one repeat is enough
    return [(point, measure(point, 5 + i)) for i, point in enumerate(points)]


def test_checks_agree_and_the_drawing_is_plain(thin):
    drawn = as_json(DIAGRAM, thin)
    assert all(check["agrees"] for check in drawn["checks"]), drawn["checks"]
    json.dumps(drawn, allow_nan=False)
    assert {curve["role"] for curve in drawn["curves"]} == {"ours", "theory", "baseline"}
    for ours, last, theory in zip(*[iter(drawn["curves"])] * 3, strict=True):
        assert ours["y"] == theory["y"]
        assert len(set(last["y"])) == 1


@pytest.mark.parametrize(
    ("point", "back"),
    [
        ((3, 0, "random", 2, 0), 6),
        ((3, 0, "random", 4, 0), 12),
        ((3, 3, "random", 4, 0), 9),
        ((1, 0, "identity", 6, 0), 1),
    ],
)
def test_one_trial_counts_what_is_back(point, back):
    found = measure(point, 3)
    assert found["back"] == back
    assert found["last"] == point[0]
    assert found["foretold"] == 1


@pytest.mark.parametrize(
    ("key", "value"), [("back", 0.0), ("foretold", 0.0), ("last", 0.0), ("grows", 1.0)]
)
def test_a_number_that_is_off_fails_a_check(thin, key, value):
    spoiled = [(point, {**found, key: value}) for point, found in thin]
    assert not all(check.agrees for check in draw(spoiled).checks)


def test_full_is_denser():
    assert len(DIAGRAM.points(True)) > 10 * len(DIAGRAM.points(False))
