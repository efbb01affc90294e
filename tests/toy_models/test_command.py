"""`identifiability toy`: streams, files, exit statuses and the printed matrix."""

import json
from dataclasses import replace

import pytest
import typer
from typer.testing import CliRunner

from identifiability.errors import InvalidInput
from toy_models import command as module
from toy_models.command import command, table, verify_part
from toy_models.matrix import Outcome, run, select

app = typer.Typer()
app.command("toy")(command)
QUICK = [row for row in select([]) if row.model.startswith("SoftmaxReadout")]


@pytest.fixture
def quick(monkeypatch):
    """Three rows are enough to see what the command does with any number of them."""

    def chosen(methods):
        select(methods)  # names are checked as ever
        return QUICK

    monkeypatch.setattr(module, "select", chosen)


@pytest.fixture
def wrong(monkeypatch):
    row = replace(QUICK[0], predicted=Outcome(False, "kernel: 1 of 8 dimensions"))
    monkeypatch.setattr(module, "select", lambda methods: [row, *QUICK[1:]])


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
    done = _toy("least-squares", "--seeds", "1", "--out", str(tmp_path / "new" / "run"),
                "--json", str(tmp_path / "cells.json"), "--seed", "7")  # fmt: skip
    assert done.exit_code == 0
    written = json.loads((tmp_path / "new" / "run" / "toy.json").read_text())
    assert written == json.loads((tmp_path / "cells.json").read_text())
    assert written["seed"] == 7
    assert f"{len(QUICK)} of {len(QUICK)} cells as predicted" in done.stdout


def test_default_and_full_numbers_of_instances(quick, monkeypatch):
    asked = []

    def noted(rows, *, seed, seeds, workers, advance):
        asked.append(seeds)
        return run(rows, seed=seed, seeds=1)

    monkeypatch.setattr(module, "run", noted)
    for arguments in ([], ["--full"], ["--full", "--seeds", "4"]):
        assert _toy(*arguments).exit_code == 0
    assert asked == [3, 25, 4]


def test_a_cell_that_disagrees_is_printed_and_fails_the_run(wrong, tmp_path):
    done = _toy("--seeds", "2", "--json", str(tmp_path / "cells.json"))
    assert done.exit_code == 1
    assert "OTHER, 2/2: recovers" in done.stdout
    assert "4 of 6 cells as predicted" in done.stdout
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
    assert steps == [(i, 3 * len(QUICK)) for i in range(3 * len(QUICK) + 1)]
    assert verify_part.name == "toy"
    assert verify_part.good(results)
    assert verify_part.summary(results) == table(results)
