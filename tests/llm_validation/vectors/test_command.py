"""The ``extract`` command on a tiny model in a folder, from the options to the file."""

from __future__ import annotations

import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from identifiability.errors import InvalidInput
from llm_validation.contrast import METHODS
from llm_validation.dataset import load_trait
from llm_validation.extraction import extract_vector
from llm_validation.models import LanguageModel, load_model
from llm_validation.vectors import read_vectors
from llm_validation.vectors.command import extract
from tests.llm_validation.tiny_language_model import tiny_language_model

app = typer.Typer()
app.command()(extract)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("tiny")
    tiny = tiny_language_model()
    tiny.model.save_pretrained(path)
    tiny.tokenizer.save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def model(folder) -> LanguageModel:
    return load_model(str(folder))


@pytest.fixture(autouse=True)
def four_pairs(monkeypatch):
    """Trait prompts are longer than the tiny context and unknown to its words."""
    from dataclasses import replace

    from llm_validation import dataset
    from tests.llm_validation.test_extraction import random_pairs

    whole = load_trait("formality")
    short = replace(whole, pairs=tuple(random_pairs(4)))
    monkeypatch.setattr(dataset, "load_trait", lambda name: short if name == "formality" else whole)


def run(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize("method", METHODS)
def test_the_file_holds_what_the_function_gives(folder, model, tmp_path, method):
    path = tmp_path / "v.safetensors"
    done = run("--model", folder, "--trait", "formality", "--layer", 2, "--layer", -1,
               "--method", method, "--to", path)  # fmt: skip
    assert done.exit_code == 0, done.output
    found = read_vectors(path, model=model)
    assert [vector.layer for vector in found] == [2, 3]
    from llm_validation.dataset import load_trait as shortened

    for vector in found:
        expected = extract_vector(
            model, shortened("formality").pairs, vector.layer, method=method, trait="formality"
        )
        assert (vector.vector == expected.vector).all()
        assert {k: v for k, v in vars(vector).items() if k != "vector"} == {
            k: v for k, v in vars(expected).items() if k != "vector"
        }
    lines = done.output.splitlines()
    assert lines[0].startswith(f"formality, {method} of 4 pairs")
    assert lines[2].split()[:2] == ["2", f"{found[0].norm:.4g}"]
    assert lines[-1] == f"written: {path}"


@pytest.mark.parametrize(
    ("name", "layers"), [("v.gguf", [1, 2, 3]), ("v.pt", [0, 1, 2, 3]), ("v.json", [0, 1, 2, 3])]
)
def test_all_is_every_layer_that_the_format_holds(folder, tmp_path, name, layers):
    done = run("--model", folder, "--trait", "formality", "--layer", "all", "--quiet",
               "--to", tmp_path / name)  # fmt: skip
    assert (done.exit_code, done.output) == (0, "")
    assert [vector.layer for vector in read_vectors(tmp_path / name)] == layers


def test_the_middle_layer_is_the_default_and_the_seed_changes_nothing(folder, tmp_path):
    contents = set()
    for seed in (0, 7):
        path = tmp_path / "v.npy"
        done = run("--model", folder, "--trait", "formality", "--to", path, "--seed", seed)
        assert done.exit_code == 0
        contents.add(path.read_bytes())
    assert len(contents) == 1
    done = run("--model", folder, "--trait", "formality", "--to", tmp_path / "v.json",
               "--json", "-")  # fmt: skip
    (written,) = read_vectors(tmp_path / "v.json")
    assert written.layer == 2
    said = json.loads(done.stdout)
    (entry,) = said.pop("vectors")
    assert entry == {"layer": 2, "norm": written.norm, "state_norm": written.state_norm}
    assert said["file"] == str(tmp_path / "v.json")
    assert (said["trait"], said["method"]) == ("formality", "mean")
    assert np.isfinite(np.load(tmp_path / "v.npy")).all()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--layer", "two"), "layer must be an integer or \"all\", got 'two'"),
        (("--method", "PCA"), "unknown method 'PCA'; did you mean 'pca'"),
        (("--to", "v.bin"), "must end in .safetensors"),
        (("--to", "v.gguf", "--layer", "0"), "got layer 0; leave it out"),
        (("--to", "v.npy", "--layer", "all"), "a .npy file holds one vector"),
        (("--to", "none/v.pt"), "cannot write none/v.pt"),
    ],
)
def test_misuse_is_told_before_a_model_is_loaded(monkeypatch, arguments, sentence):
    monkeypatch.setattr("llm_validation.models.load_model", pytest.fail)
    done = run("--trait", "formality", "--to", "v.pt", *arguments)
    assert isinstance(done.exception, InvalidInput)
    assert sentence in str(done.exception)
