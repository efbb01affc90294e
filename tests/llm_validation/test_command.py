"""The ``llm`` and ``models`` commands: streams, files and statuses."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from identifiability.endings import Interrupted
from identifiability.errors import InvalidInput
from llm_validation.catalogue import AvailableModel
from llm_validation.command import command, models
from llm_validation.scale import Scale
from tests.identifiability.reporting import examples

app = typer.Typer()
app.command("llm")(command)
app.command("models")(models)


@pytest.fixture
def unloaded(monkeypatch):
    """No model is loaded."""
    monkeypatch.setattr("llm_validation.run.load", lambda request: None)


@pytest.fixture
def asked(monkeypatch):
    """What the run was asked for; it finds nothing missing unless told so."""
    noted = {"missing": []}

    def run(request, store, *, loaded, workers, cluster, advance):
        noted.update(request=request, workers=workers, cluster=cluster)
        cells = {"done": 3, "missing": noted["missing"], "unmeasurable": []}
        return examples.llm(cells=cells)

    monkeypatch.setattr("llm_validation.run.run", run)
    return noted


def _llm(*arguments):
    return CliRunner().invoke(app, ["llm", *[str(one) for one in arguments]])


def test_what_is_asked_for_is_what_runs(unloaded, asked, tmp_path):
    wanted = ["--layer", 1, "--layer", -1, "--trait", "formality", "--claim", "symmetries"]
    done = _llm(*wanted, "--full", "--workers", 1, "--cluster", "tcp://host:1", "--out", tmp_path)
    assert done.exit_code == 0
    request = asked["request"]
    assert (request.layers, request.traits, request.claims) == (
        (1, -1),
        ("formality",),
        ("symmetries",),
    )
    assert (request.scale, request.model) == (Scale.FULL, None)
    assert (asked["workers"], asked["cluster"]) == (1, "tcp://host:1")
    assert "results: " in done.stdout
    assert "a <model> & co, after block 1" in done.stdout


def test_json_to_stdout_is_the_file_and_nothing_else(unloaded, asked, tmp_path):
    done = _llm("--out", tmp_path, "--json", "-", "--seed", 3)
    assert done.stdout == (tmp_path / "results.json").read_text()
    assert json.loads(done.stdout)["provenance"]["seed"] == 3
    assert done.stderr == ""


def test_a_cell_that_is_missing_is_status_1_and_a_refuted_claim_is_not(unloaded, asked, tmp_path):
    assert _llm("--out", tmp_path).exit_code == 0
    asked["missing"].append({"key": "a cell", "reason": "no memory"})
    done = _llm("--out", tmp_path)
    assert done.exit_code == 1
    assert "1 missing, the first: no memory" in done.stdout


def test_an_interrupted_run_says_where_it_goes_on(unloaded, asked, monkeypatch, tmp_path):
    def stop(*arguments, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr("llm_validation.run.run", stop)
    done = _llm("--out", tmp_path)
    assert isinstance(done.exception, Interrupted)
    assert f"kept in {tmp_path}: run the same command again" in str(done.exception)
    assert not (tmp_path / "results.json").exists()


def test_a_target_that_cannot_be_written_is_told_before_anything_runs(asked, tmp_path):
    done = _llm("--out", tmp_path, "--json", tmp_path / "none" / "a.json")
    assert isinstance(done.exception, InvalidInput)
    assert "request" not in asked


def test_models_as_lines_and_as_json(monkeypatch):
    known = [AvailableModel("small", True, "here"), AvailableModel("large", False, "not here")]
    monkeypatch.setattr("llm_validation.models.available_models", lambda: known)
    lines = CliRunner().invoke(app, ["models"]).stdout.splitlines()
    assert [line.split(maxsplit=2) for line in lines] == [
        ["small", "ready", "here"],
        ["large", "missing", "not here"],
    ]
    done = CliRunner().invoke(app, ["models", "--quiet", "--json", "-"])
    assert json.loads(done.stdout)["models"] == [vars(model) for model in known]
    assert CliRunner().invoke(app, ["models", "--quiet"]).stdout == ""


@pytest.mark.parametrize(
    ("option", "fragment"),
    [
        (["--claim", "epsilon_nul"], "epsilon_null"),
        (["--trait", "formalty"], "formality"),
        (["--model", "smolm2-135m"], "did you mean 'smollm2-135m'"),
        (["--layer", "1", "--layer", "30"], "between -30 and 29 for this model of 30 blocks"),
        (["--layer", "-31"], "got -31"),
        (["--model", "all-minilm-l6-v2", "--claim", "15"], "'observation_ladder' does not apply"),
        (
            ["--model", "all-minilm-l6-v2", "--layer", "6"],
            "between -6 and 5 for this model of 6 blocks",
        ),
    ],
)
def test_a_misspelt_name_is_said_before_anything_is_made(asked, tmp_path, option, fragment):
    out = tmp_path / "out"
    done = _llm(*option, "--out", out)
    assert isinstance(done.exception, InvalidInput)
    assert fragment in str(done.exception)
    assert not out.exists() and "request" not in asked
