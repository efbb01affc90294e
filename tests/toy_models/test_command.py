"""`identifiability toy`: streams, files, exit statuses and the printed matrix."""

import json
import math
from dataclasses import replace

import pytest
import typer
from typer.testing import CliRunner

from identifiability.errors import InvalidInput
from identifiability.reporting.build import build_report
from toy_models import command as module
from toy_models.command import command, table, verify_part
from toy_models.diagram import Axis, Check, Curve, Diagram, Drawing
from toy_models.matrix import Outcome, run, select

app = typer.Typer()
app.command("toy")(command)
QUICK = [row for row in select(["least_squares"]) if row.model.startswith("SoftmaxReadout")]


def _draw(trials):
    seen = [found["draw"] for _, found in trials]
    line = Curve("uniform draws", "ours", list(range(len(seen))), seen)
    check = Check("a uniform draw lies in [0, 1]", max(seen), 0.0, 1.0)
    return Drawing(Axis("trial"), Axis("draw"), [], [line], [check], 1, "nothing held fixed")


DIAGRAM = Diagram(
    method="least_squares",
    name="draws",
    title="Uniform draws",
    points=lambda full: [(i,) for i in range(8 if full else 2)],
    measure=lambda point, seed: {"draw": seed / 2**32},
    draw=_draw,
)


@pytest.fixture
def quick(monkeypatch):
    """Three rows are enough to see what the command does with any number of them."""

    def chosen(methods):
        select(methods)  # names are checked as ever
        return QUICK

    monkeypatch.setattr(module, "select", chosen)
    monkeypatch.setattr(module, "select_diagrams", lambda rows: [DIAGRAM])


@pytest.fixture
def wrong(monkeypatch):
    row = replace(QUICK[0], predicted=Outcome(False, "kernel: 1 of 8 dimensions"))
    monkeypatch.setattr(module, "select", lambda methods: [row, *QUICK[1:]])
    monkeypatch.setattr(module, "select_diagrams", lambda rows: [])


def _toy(*arguments):
    return CliRunner().invoke(app, ["--workers", "1", *arguments])


def test_json_to_stdout_is_json_and_nothing_else(quick):
    done = _toy("--seeds", "2", "--json", "-")
    results = json.loads(done.stdout)
    assert done.exit_code == 0
    assert done.stderr == ""
    assert len(results["runs"]) == 2 * len(QUICK)
    assert results["seed"] == 0


def test_the_same_object_goes_to_file_and_directory(quick, tmp_path):
    out = tmp_path / "new" / "run"
    done = _toy("least-squares", "--seeds", "1", "--out", str(out),
                "--json", str(tmp_path / "cells.json"), "--seed", "7")  # fmt: skip
    assert done.exit_code == 0
    written = json.loads((out / "results.json").read_text())
    assert written.pop("provenance")["seed"] == 7
    assert written == json.loads((tmp_path / "cells.json").read_text())
    assert written["seed"] == 7
    assert f"{len(QUICK)} of {len(QUICK)} cells and 1 of 1 checks" in done.stdout
    picture = (out / "figures" / "draws.svg").read_text()
    assert "Uniform draws" in picture
    # The report is made from this directory as from any other.
    assert "lies in [0, 1]" in build_report(out).read_text(encoding="utf-8")


def test_default_and_full_numbers_of_instances(quick, monkeypatch):
    asked = []

    def noted(rows, diagrams, *, seed, seeds, full, workers, advance):
        asked.append((seeds, full, len(diagrams[0].points(full))))
        return run(rows, seed=seed, seeds=1)

    monkeypatch.setattr(module, "run", noted)
    for arguments in ([], ["--full"], ["--full", "--seeds", "4"]):
        assert _toy(*arguments).exit_code == 0
    assert asked == [(3, False, 2), (25, True, 8), (4, True, 8)]


def test_a_cell_that_disagrees_is_printed_and_fails_the_run(wrong, tmp_path):
    done = _toy("--seeds", "2", "--json", str(tmp_path / "cells.json"))
    assert done.exit_code == 1
    assert "OTHER, 2/2: recovers" in done.stdout
    assert "4 of 6 cells and 0 of 0 checks" in done.stdout
    agree = [cell["agrees"] for cell in json.loads((tmp_path / "cells.json").read_text())["runs"]]
    assert agree == [False, False, True, True, True, True]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["least_squars"], "unknown method 'least_squars'; did you mean 'least_squares'"),
        (["--json", "/nowhere/at/all.json"], "cannot write"),
        (["--out", "/proc/nothing"], "--out must be a directory"),
    ],
)
def test_misuse_is_found_before_anything_runs(arguments, sentence, monkeypatch):
    monkeypatch.setattr(module, "run", None)
    done = _toy(*arguments)
    assert isinstance(done.exception, InvalidInput)
    assert sentence in str(done.exception)
    assert done.stdout == ""


@pytest.mark.parametrize("arguments", [["--seeds", "0"], ["--workers", "0"], ["--seed", "-1"]])
def test_numbers_out_of_range_are_wrong_use(arguments):
    assert _toy(*arguments).exit_code == 2


def test_table_groups_rows_under_method_and_condition():
    results = run(QUICK, seed=0, seeds=2)
    lines = table(results).splitlines()
    start = lines.index("least_squares: the stack of Jacobians has rank d")
    head = ["agree", "predicted", "score", "worst", "chance", "n", "d"]
    assert lines[start + 1].split() == head
    assert lines[start + 2].split() == ["2/2", "recovers", "1.000", "1.000", "-0.389", "12", "8"]
    assert lines[start + 3].strip() == "SoftmaxReadout(rank=8)"
    assert lines[start + 4].split()[:2] == ["2/2", "fails"]
    assert lines[start + 6].strip() == "as predicted: kernel: 3 of 8 dimensions"
    assert len(lines[start + 2]) == len(lines[start + 1])
    assert lines[-1].startswith("6 of 6 cells and 0 of 0 checks of diagrams as predicted in ")


def test_every_name_of_a_model_fits_the_line():
    cell = run(QUICK[:1], seed=0, seeds=1)["runs"][0]
    results = {"runs": [{**cell, "model": row.model} for row in select([])], "diagrams": [],
               "seconds": 1.0, "seed": 0}  # fmt: skip
    printed = table(results)
    assert max(map(len, printed.splitlines())) <= 100
    whole = " ".join(printed.split())
    assert all(" ".join(row.model.split()) in whole for row in select([]))


def test_a_method_that_cannot_tell_is_undecided_and_not_failing():
    mode = {"predicted": "undecided: no gap; found: x", "observed": "undecided: no gap; found: y"}
    cell = run(QUICK[1:2], seed=0, seeds=1)["runs"][0] | {"failure_mode": mode, "agrees": False}
    lines = table({"runs": [cell], "diagrams": [], "seconds": 1.0, "seed": 0}).splitlines()
    assert [line.split()[:2] for line in lines if "0/1" in line] == [["0/1", "undecided"]]
    assert [line.strip() for line in lines[-4:-2]] == [
        "predicted: undecided: no gap; found: x",
        "OTHER, 1/1: undecided, undecided: no gap; found: y",
    ]


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.0, 0.0, "= 0"),
        (0.0, math.inf, ">= 0"),
        (-math.inf, 0.5, "<= 0.5"),
        (0.25, 1.0, "in [0.25, 1]"),
    ],
)
def test_ends_that_bound_nothing_are_not_shown(low, high, words, monkeypatch):
    def draw(trials):
        return replace(_draw(trials), checks=[Check("a number", 0.0833, low, high)])

    results = run([], [replace(DIAGRAM, draw=draw)], seed=0, seeds=1)
    assert f"a number: measured 0.0833, needs {words}: " in table(results)


def test_the_part_of_verify_is_the_same_run(quick, tmp_path):
    steps = []
    results = verify_part.run(
        seed=3,
        full=False,
        workers=1,
        out=tmp_path,
        advance=lambda done, total, what: steps.append((done, total)),
    )
    assert [cell["model"] for cell in results["runs"][::3]] == [row.model for row in QUICK]
    assert len(results["runs"]) == 3 * len(QUICK)
    assert [diagram["name"] for diagram in results["diagrams"]] == ["draws"]
    total = 3 * len(QUICK) + len(DIAGRAM.points(False))
    assert steps == [(i, total) for i in range(total + 1)]
    assert verify_part.name == "toy"
    assert verify_part.good(results)
    assert verify_part.summary(results) == table(results)


def test_a_check_of_a_diagram_that_disagrees_is_printed_and_fails_the_run(quick, monkeypatch):
    def off(trials):
        drawing = _draw(trials)
        return replace(drawing, checks=[*drawing.checks, Check("never", float("nan"), 0.0, 1.0)])

    monkeypatch.setattr(module, "select_diagrams", lambda rows: [replace(DIAGRAM, draw=off)])
    done = _toy("--seeds", "1")
    assert done.exit_code == 1
    assert "never: measured –, needs in [0, 1]: OTHER" in done.stdout
    assert "1 of 2 checks" in done.stdout
