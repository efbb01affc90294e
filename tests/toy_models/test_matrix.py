"""The matrix itself: reproducible cells, honest agreement, and rows that test both directions."""

import json
import math
from dataclasses import replace
from functools import partial

import pytest

import toy_models
from identifiability.errors import InvalidInput
from toy_models.matrix import (
    DIAGRAMS,
    METHODS,
    Measurement,
    Outcome,
    Row,
    all_agree,
    cell_seed,
    described,
    point_seed,
    run,
    run_cell,
    select,
    select_diagrams,
)

# interfaces.md, `toy --json FILE`.
KEYS = {
    "method", "model", "condition", "holds", "predicted", "observed", "agrees", "failure_mode",
    "score", "score_min", "interval", "chance", "n", "d", "seed", "seconds",
}  # fmt: skip


def _measure_good(seed):
    return Measurement(Outcome(True), 1.0, 0.9, (0.95, 1.0), -0.4, 10, 3)


def _measure_raising(seed):
    raise ArithmeticError("no convergence")


ROW = Row("method", "Model()", "condition", Outcome(True), _measure_good)


def _without_seconds(results):
    cells = [{k: v for k, v in cell.items() if k != "seconds"} for cell in results["runs"]]
    return {**results, "runs": cells, "seconds": None}


def test_cells_have_exactly_the_published_keys():
    results = run([ROW], seed=0, seeds=2)
    assert results.keys() == {"version", "schema", "seed", "seconds", "runs", "diagrams"}
    assert len(results["runs"]) == 2
    assert all(cell.keys() == KEYS for cell in results["runs"])
    json.dumps(results, allow_nan=False)


def test_a_cell_agrees_only_if_outcome_and_failure_mode_are_those_predicted():
    assert run_cell(ROW, 0)["agrees"]
    fails = replace(ROW, predicted=Outcome(False, "kernel: 1 of 3 dimensions"))
    assert not run_cell(fails, 0)["agrees"]

    def measure(seed):
        return replace(_measure_good(seed), outcome=Outcome(False, "kernel: 2 of 3 dimensions"))

    other_mode = run_cell(replace(fails, measure=measure), 0)
    assert other_mode["predicted"] == other_mode["observed"] == "fails"
    assert not other_mode["agrees"]


def test_all_agree_needs_cells():
    assert all_agree(run([ROW], seed=0, seeds=1))
    assert not all_agree({"runs": [], "diagrams": []})
    assert not all_agree(run([ROW, replace(ROW, predicted=Outcome(False, "x"))], seed=0, seeds=1))


def test_an_exception_in_a_cell_is_not_swallowed():
    with pytest.raises(ArithmeticError, match="no convergence"):
        run([replace(ROW, measure=_measure_raising)], seed=0, seeds=1)


def test_an_outcome_fails_in_some_way_or_recovers():
    with pytest.raises(ValueError, match="failure mode"):
        Outcome(False)
    with pytest.raises(ValueError, match="failure mode"):
        Outcome(True, "kernel")


def test_a_cell_does_not_depend_on_workers_or_on_other_rows():
    # Without torch: the worker has nothing but numpy to import.
    rows = select(["environment"])[2:4]
    alone = _without_seconds(run(rows[:1], seed=5, seeds=2))
    one = _without_seconds(run(rows, seed=5, seeds=2))
    two = _without_seconds(run(rows, seed=5, seeds=2, workers=2))
    assert one == two
    assert one["runs"][:2] == alone["runs"]


def test_seeds_differ_between_rows_repeats_and_runs():
    rows = select([])
    drawn = [cell_seed(s, row, i) for s in (0, 1) for row in rows for i in range(25)]
    assert len(set(drawn)) == len(drawn)


def test_diagrams_go_with_their_methods():
    every = select_diagrams(select([]))
    assert [diagram.name for diagram in every] == list(DIAGRAMS)
    for method in METHODS:
        chosen = select_diagrams(select([method]))
        assert chosen == [diagram for diagram in every if diagram.method == method]
    points = [(d.name, point) for d in every for full in (False, True) for point in d.points(full)]
    seeds = {point_seed(s, d, p) for s in (0, 1) for d in every for p in d.points(True)}
    assert len(seeds) == 2 * sum(len(d.points(True)) for d in every)
    assert len(points) > 2000


def test_rows_are_distinct_and_every_condition_is_tested_on_and_off():
    rows = select([])
    assert len({row.key for row in rows}) == len(rows)
    for method in METHODS:
        conditions = {row.condition for row in rows if row.method == method}
        for condition in conditions:
            holds = {row.holds for row in rows if row.condition == condition}
            assert holds == {True, False}, condition


def test_a_models_name_builds_it_again():
    names = {name: getattr(toy_models, name) for name in toy_models.__all__} | {"inf": math.inf}
    for row in select([]):
        assert isinstance(row.measure, partial)
        assert eval(row.model.split("; ")[0], names) == row.measure.args[0]


def test_a_name_shows_the_dials_that_are_turned_in_short_form():
    model = toy_models.EnvironmentReadouts(environments=1_200, noise=1e-4)
    assert described(model) == "EnvironmentReadouts(environments=1_200, noise=0.0001)"
    assert described(toy_models.LinearMixing(shape=1 / 3)) == f"LinearMixing(shape={1 / 3!r})"


def test_select_takes_hyphens_and_capitals_and_names_the_nearest():
    assert select(["Least-Squares"]) == select(["least_squares"])
    assert {row.method for row in select(["ICA", "cross-layer"])} == {"ica", "cross_layer"}
    assert {row.method for row in select([])} == set(METHODS)
    with pytest.raises(InvalidInput, match="did you mean 'least_squares'"):
        select(["leastsquare"])
