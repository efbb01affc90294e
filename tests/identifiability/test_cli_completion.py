"""Completion as bash asks for it, without waiting for what computes."""

import os
import shutil
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from identifiability.cli import app
from tests.identifiability.cell_functions import ROOT

HEAVY = ("torch", "sympy", "scipy", "sklearn", "transformers", "matplotlib", "pandas")


def _completions(*words):
    """What may come in place of the last word."""
    environment = {
        "_ROOT_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(["root", *words]),
        "COMP_CWORD": str(len(words)),
    }
    done = CliRunner().invoke(app, [], env=environment, prog_name="root")
    assert done.exit_code == 0
    assert done.stderr == ""
    return done.stdout.split()


def test_commands():
    assert _completions("pro") == ["proofs"]
    assert _completions("") == [
        "verify", "proofs", "toy", "llm", "extract", "audit", "notebooks", "report", "models",
    ]  # fmt: skip


def test_options_of_a_command():
    assert _completions("proofs", "--l") == ["--list"]
    assert {"--json", "--quiet", "--seed"} <= set(_completions("toy", "--"))


def test_names_that_a_command_takes():
    assert _completions("proofs", "N2") == ["N2", "N2b", "N2c"]
    assert _completions("toy", "s") == ["sparse"]


def test_an_unknown_command_in_the_middle_of_a_line_is_no_error():
    assert "--version" in _completions("nonsense", "--")


def test_completing_loads_nothing_heavy():
    """A shell waits for it at every press of the key."""
    script = (
        "import atexit, sys; from identifiability.cli import main;"
        f"atexit.register(lambda: print(sorted(set({HEAVY}) & set(sys.modules)), file=sys.stderr));"
        "main()"
    )
    asked = {
        "_IDENTIFIABILITY_COMPLETE": "complete_bash",
        "COMP_WORDS": "identifiability ",
        "COMP_CWORD": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | asked,
        check=True,
    )
    assert "models" in done.stdout.split()
    assert done.stderr.strip() == "[]"


INSTALL = """
set -e
identifiability --install-completion > installed
source "$HOME/.bashrc"
COMP_WORDS=(identifiability rep) COMP_CWORD=1
"$(complete -p identifiability | sed 's/.*-F \\([^ ]*\\).*/\\1/')" identifiability
echo "${COMPREPLY[@]}"
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_it_installs_into_bash_and_works_there(tmp_path):
    program = tmp_path / "bin" / "identifiability"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m identifiability "$@"\n')
    program.chmod(0o755)
    environment = os.environ | {
        "HOME": str(tmp_path),
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        ["bash", "-c", INSTALL],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["report"]
    assert "completion installed" in (tmp_path / "installed").read_text()
