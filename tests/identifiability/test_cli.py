"""The command line as a user meets it: one sentence for misuse, clean streams, exit statuses."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import typer.main

from identifiability.cli import app

ROOT = Path(__file__).parents[2]


def run(*arguments, cwd=None):
    environment = os.environ | {"COLUMNS": "100", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "identifiability", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
        check=False,
    )


def test_version_names_distribution_and_folder():
    done = run("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("steering-identifiability 0")
    assert "identifiability)" in done.stdout


@pytest.mark.parametrize("arguments", [["--help"], []])
def test_help_lists_every_command_and_is_there_without_one(arguments):
    done = run(*arguments)
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.split()[:2] == ["Usage:", "identifiability"]
    for name in ("verify", "proofs", "toy", "notebooks", "report", "models"):
        assert name in done.stdout


def _promised():
    """The commands of the table in docs/interfaces.md, and the options that it names for each."""
    page = (ROOT / "docs" / "interfaces.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z]+)([^`]*)`", page, re.MULTILINE)
    return {name: set(re.findall(r"--[a-z]+", rest)) for name, rest in rows}


def _taken(name):
    context = typer.Context(typer.main.get_command(app))
    command = context.command.get_command(context, name)
    return {option for parameter in command.params for option in parameter.opts}


def test_the_promise_names_every_command():
    context = typer.Context(typer.main.get_command(app))
    assert list(_promised()) == context.command.list_commands(context)
    assert {"--cluster", "--claim"} <= _promised()["llm"]


@pytest.mark.parametrize("name", _promised())
def test_every_command_takes_what_is_promised_of_it(name):
    assert _promised()[name] | {"--quiet", "--seed"} <= _taken(name)
    assert ("--json" in _taken(name)) == (name not in ("notebooks", "report"))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["proof"], "unknown command 'proof'; did you mean 'proofs'?"),
        (["proofs", "N77"], "unknown theorem 'N77'; did you mean 'N"),
        (["proofs", "--seed", "-1"], "greater than or equal to"),
        (["proofs", "--workers", "0"], "greater than or equal to"),
        (["proofs", "--nonsense"], "No such option"),
        (["proofs", "N1", "--json", "/nowhere/at/all.json"], "cannot write"),
        (["proofs", "--list", "--json", "-"], "leave out --list"),
        (["report", "/nowhere"], "write it with --out of verify, toy, llm or audit"),
        (["models", "--seed", "-1"], "greater than or equal to"),
        (["verify", "--out", "/proc/nothing"], "--out must be a directory that can be written"),
        (["notebooks", "null_space"], "unknown notebook 'null_space'; did you mean"),
        (["notebooks", "--set", "seed"], "KEY=VALUE"),
        (["notebooks", "--set", "sed=1"], "unknown notebook parameter 'sed'; did you mean 'seed'"),
    ],
)
def test_misuse_is_one_sentence_on_stderr_and_status_2(arguments, sentence, tmp_path):
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("identifiability: ")
    assert done.stderr.count("\n") == 1
    assert sentence in done.stderr
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize("arguments", [["proofs", "--list"], ["--help"]])
def test_output_that_nobody_reads_is_no_failed_check(arguments):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "identifiability", *arguments],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_json_to_stdout_is_json_and_nothing_else():
    done = run("proofs", "N1", "--json", "-")
    assert done.returncode == 0
    results = json.loads(done.stdout)
    (entry,) = results["theorems"]
    assert {"id", "name", "title", "statement", "regime", "assumptions", "depends_on"} <= set(entry)
    assert {"symbolic", "numeric", "necessity", "refuted_variants", "certificate"} <= set(entry)
    assert entry["status"] == "verified"
    assert entry["symbolic"].keys() >= {"status", "quantifier", "identities"}
    assert entry["numeric"].keys() >= {"status", "instances", "worst", "tolerance", "oracle"}
    assert done.stderr == ""


def test_a_theorem_runs_as_a_script_and_as_part_of_the_table():
    script = subprocess.run(
        [sys.executable, "-m", "proofs.null_space_ambiguity"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "N1 — Null-space ambiguity" in script.stdout
    assert "\x1b" not in script.stdout
    table = run("proofs", "N1")
    assert "1 of 1 theorems verified" in table.stdout
