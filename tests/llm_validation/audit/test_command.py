"""The command: what it prints, writes and refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from identifiability.endings import Interrupted
from identifiability.errors import InvalidInput
from llm_validation.audit.command import command
from llm_validation.vectors import SteeringVector, read_vector, write_vectors
from tests.llm_validation.architectures import WIDTH
from tests.llm_validation.audit.small_model import prompts, saved

app = typer.Typer()
app.command()(command)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A model in float32, as the command loads it, a vector and prompts for it."""
    folder = tmp_path_factory.mktemp("files")
    model = saved(folder / "model", "llama", "float32")
    values = 0.4 * np.random.default_rng(0).standard_normal(WIDTH)
    write_vectors(folder / "v.gguf", [SteeringVector(values, layer) for layer in (1, 2)])
    (folder / "p.txt").write_text("\n".join(prompts(8)))
    return folder, model


def _run(folder, *more):
    given = [str(folder / "v.gguf"), "--model", str(folder / "model")]
    given += ["--prompts", str(folder / "p.txt"), "--workers", "1", "--quiet", *more]
    return CliRunner().invoke(app, given)


def test_it_prints_the_screen_and_writes_what_it_says(files, tmp_path):
    folder, model = files
    out = tmp_path / "out"
    result = _run(folder, "--layer", "2", "--out", str(out))
    assert result.exit_code == 0, result.exception
    assert result.stdout.startswith("v.gguf on ")
    assert len(result.stdout.splitlines()) <= 45
    page = out / "report/index.html"
    assert result.stdout.splitlines()[-1] == f"report: {page}"
    found = json.loads((out / "results.json").read_text())
    vector = found["vector"]
    assert f"{vector['witness_cosine']:.3g}" in page.read_text()
    assert found["model"]["weights_sha256"] == model.weights_sha256
    assert vector["verdict"] in result.stdout
    for name in ("norm", "energy_below_epsilon", "verdict", "witness_cosine", "witness_kl"):
        assert name in vector
    for row in vector["recovery"]:
        assert {"assumption", "condition_holds", "class_dimension_after", "needs"} <= set(row)
    random = vector["witness"]
    assert random["random_interval"][0] <= random["random_measured"] <= random["random_interval"][1]
    assert random["telling"] is (random["random_interval"][0] > found["settings"]["epsilon"])
    # Rounding, four metrics, four prompts four times over, three completions.
    assert found["cells"] == {"done": 24, "missing": []}
    for name in vector["files"]:
        assert read_vector(out / name, layer=2, model=model).layer == 2
    witness = read_vector(out / "witness.safetensors", layer=2).vector
    given = read_vector(folder / "v.gguf", layer=2).vector
    cosine = witness @ given / np.linalg.norm(witness) / np.linalg.norm(given)
    assert cosine == pytest.approx(vector["witness_cosine"])
    eigenvalues = found["spectrum"][0]["eigenvalues"]
    assert len(eigenvalues) == WIDTH


def test_a_second_run_measures_nothing_and_writes_the_same(files, tmp_path, monkeypatch):
    folder, _ = files
    out = tmp_path / "out"
    assert _run(folder, "--layer", "1", "--out", str(out)).exit_code == 0
    first = (out / "results.json").read_bytes()

    def refuse(cell, key):
        raise AssertionError(f"{cell.label} is measured again")

    monkeypatch.setattr("identifiability.cells.local.execute", refuse)
    result = _run(folder, "--layer", "1", "--out", str(out), "--json", "-")
    assert result.exit_code == 0, result.exception
    assert (out / "results.json").read_bytes() == first
    # With --json - that is all that stdout has.
    assert result.stdout.encode() == first


def test_an_interrupted_audit_says_where_it_goes_on(files, tmp_path, monkeypatch):
    def stop(*arguments, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr("llm_validation.audit.auditing.audit", stop)
    result = _run(files[0], "--layer", "1", "--out", str(tmp_path / "out"))
    assert isinstance(result.exception, Interrupted)
    assert f"kept in {tmp_path / 'out'}: run the same command again" in str(result.exception)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([], "layers 1, 2; choose one with --layer"),
        (["--layer", "3"], "no vector for layer 3"),
        (["--layer", "1", "--observe", "top"], "top"),
        (["--layer", "1", "--epsilon", "0"], "epsilon must be a positive"),
        (["--layer", "1", "--observe", "topk:67"], "K between 1 and 66"),
        (["--layer", "1", "--model", "no-such-model"], "no-such-model"),
        (["--layer", "1", "--trait", "formalty"], "did you mean 'formality'"),
        (["--layer", "1", "--apply", "layers=9"], "layer must be between"),
    ],
)
def test_wrong_use_leaves_no_folder_behind(files, tmp_path, more, said):
    result = _run(files[0], *more, "--out", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()
    assert isinstance(result.exception, InvalidInput)
    assert said in str(result.exception)
