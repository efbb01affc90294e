"""The main job: parts in order, one file, one report, and a status that says what came out."""

import json

import pytest
import typer
from typer.testing import CliRunner

from identifiability import verify
from identifiability.endings import Interrupted
from identifiability.errors import InvalidInput
from identifiability.verify import VerifyPart, command, installed_parts

app = typer.Typer()
app.command("verify")(command)


@pytest.fixture
def parts(monkeypatch):
    """Three parts that note what was asked of them; each can be made to fail."""
    asked, failing = [], {}

    def part(name):
        def run(*, seed, full, workers, out, advance):
            asked.append((name, seed, full, workers))
            advance(1, 1, name)
            if isinstance(failing.get(name), BaseException):
                raise failing[name]
            return {"good": name not in failing}

        def prepare():
            if name in failing and isinstance(failing[name], InvalidInput):
                raise failing[name]

        return VerifyPart(
            name, name, run, lambda r: f"{name}: {r['good']}", lambda r: r["good"], prepare
        )

    def report(directory):
        assert (directory / "results.json").exists()
        return directory / "report" / "index.html"

    monkeypatch.setattr(verify, "installed_parts", lambda: [part(n) for n in verify._ORDER])
    monkeypatch.setattr("identifiability.reporting.build.build_report", report)
    return asked, failing


def _verify(*arguments):
    return CliRunner().invoke(app, [str(one) for one in arguments])


def test_parts_run_in_order_and_their_results_are_one_file(parts, tmp_path):
    done = _verify("--out", tmp_path, "--seed", 7, "--workers", 1, "--full")
    assert done.exit_code == 0
    assert [ask[0] for ask in parts[0]] == ["proofs", "toy", "llm"]
    assert {ask[1:] for ask in parts[0]} == {(7, True, 1)}
    written = json.loads((tmp_path / "results.json").read_text())
    assert list(written)[:5] == ["version", "schema", "proofs", "toy", "llm"]
    assert written["provenance"]["seed"] == 7
    lines = [line for line in done.stdout.splitlines() if line]
    assert lines[:3] == ["proofs: True", "toy: True", "llm: True"]
    assert lines[3:] == [f"report: {tmp_path / 'report' / 'index.html'}"]


def test_json_to_stdout_is_the_file_and_nothing_else(parts, tmp_path):
    done = _verify("--out", tmp_path, "--json", "-")
    assert done.stdout == (tmp_path / "results.json").read_text()
    done = _verify("--out", tmp_path, "--json", tmp_path / "copy.json")
    assert "proofs: True" in done.stdout
    assert (tmp_path / "copy.json").read_bytes() == (tmp_path / "results.json").read_bytes()


@pytest.mark.parametrize("name", ["proofs", "toy", "llm"])
def test_one_part_that_is_not_as_predicted_is_status_1_and_still_reported(parts, tmp_path, name):
    parts[1][name] = "not as predicted"
    done = _verify("--out", tmp_path)
    assert done.exit_code == 1
    assert f"{name}: False" in done.stdout
    assert "report: " in done.stdout


def test_what_cannot_run_here_is_told_before_anything_runs(parts, tmp_path):
    parts[1]["llm"] = InvalidInput("no model")
    done = _verify("--out", tmp_path)
    assert isinstance(done.exception, InvalidInput)
    del parts[1]["llm"]
    done = _verify("--out", tmp_path, "--json", tmp_path / "none" / "a.json")
    assert isinstance(done.exception, InvalidInput)
    assert parts[0] == []


def test_an_interrupted_run_names_its_directory_and_writes_no_results(parts, tmp_path):
    parts[1]["toy"] = KeyboardInterrupt()
    done = _verify("--out", tmp_path)
    assert isinstance(done.exception, Interrupted)
    assert str(tmp_path) in str(done.exception)
    assert "run the same command again" in str(done.exception)
    assert not (tmp_path / "results.json").exists()


def test_it_goes_on_with_what_was_not_finished(parts, tmp_path):
    asked, failing = parts
    failing["llm"] = KeyboardInterrupt()
    _verify("--out", tmp_path)
    assert [ask[0] for ask in asked] == ["proofs", "toy", "llm"]
    asked.clear()
    failing.clear()
    done = _verify("--out", tmp_path)
    assert [ask[0] for ask in asked] == ["llm"]
    assert done.exit_code == 0
    assert "proofs: found by a run that was cut short, and not computed again" in done.stdout
    written = json.loads((tmp_path / "results.json").read_text())
    assert [written[name] for name in ("proofs", "toy", "llm")] == [{"good": True}] * 3
    # Once the whole is there the next run checks everything.
    asked.clear()
    _verify("--out", tmp_path)
    assert len(asked) == 3


@pytest.mark.parametrize("other", [["--seed", 1], ["--full"]])
def test_another_run_starts_anew(parts, tmp_path, other):
    asked, failing = parts
    failing["llm"] = KeyboardInterrupt()
    _verify("--out", tmp_path)
    asked.clear()
    failing.clear()
    _verify("--out", tmp_path, *other)
    assert len(asked) == 3


def test_a_kept_failure_is_still_status_1(parts, tmp_path):
    parts[1].update(proofs="not as predicted", llm=KeyboardInterrupt())
    _verify("--out", tmp_path)
    parts[1].clear()
    assert _verify("--out", tmp_path).exit_code == 1


def test_the_parts_that_the_folders_contribute():
    found = installed_parts()
    assert [part.name for part in found] == ["proofs", "toy", "llm"]


def test_a_part_that_is_not_installed_is_one_sentence(monkeypatch):
    monkeypatch.setattr(verify, "entry_points", lambda group: [])
    with pytest.raises(InvalidInput, match="the parts proofs, toy, llm are not installed"):
        installed_parts()
