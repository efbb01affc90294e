"""`identifiability toy`: streams, files, exit statuses and the printed matrix."""

import json
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
    assert lines[0].split()[:3] == ["model", "condition", "predicted"]
    assert lines[2] == "least_squares: the stack of Jacobians has rank d"
    assert lines[3].startswith("SoftmaxReadout(vocabulary=12, rank=8)")
    assert lines[3].split()[-4:] == ["1.000", "-0.389", "12", "8"]
    assert "fails, kernel: 3 of 8 dimensions  the same, 2/2" in lines[4]
    assert "score" in lines[0]


def test_the_part_of_verify_is_the_same_run(quick):
    steps = []
    results = verify_part.run(
        seed=3, full=False, workers=1, advance=lambda done, total, what: steps.append((done, total))
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
    assert "never: predicted in [0, 1], measured –: OTHER" in done.stdout
    assert "1 of 2 checks" in done.stdout
