"""Another package adds a theorem: installed beside ours, found, listed and checked like our own."""

import os
import subprocess
import sys

SOURCE = """
import dataclasses

from proofs.null_space_ambiguity import THEOREM as OURS

THEOREM = dataclasses.replace(OURS, id="X1", name="their_theorem", title="Theirs", instances=2)
"""


def _installed(tmp_path):
    """A folder as pip would leave it: a module, and the metadata that names its entry point."""
    (tmp_path / "their_theorems.py").write_text(SOURCE)
    metadata = tmp_path / "their_theorems-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: their-theorems\nVersion: 1.0\n"
    )
    (metadata / "entry_points.txt").write_text(
        "[identifiability.theorems]\ntheirs = their_theorems:THEOREM\n"
    )
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    return os.environ | {"PYTHONPATH": path}


def _run(environment, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "identifiability", "proofs", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )


def test_it_is_listed_last_and_checked_by_its_identifier(tmp_path):
    environment = _installed(tmp_path)
    listing = _run(environment, "--list")
    assert listing.stdout.splitlines()[-1].split() == ["X1", "their_theorem", "Theirs"]
    checked = _run(environment, "X1")
    assert checked.returncode == 0, checked.stderr
    assert "1 of 1 theorems verified" in checked.stdout
    # Workers are new processes: they must find it as well.
    assert _run(environment, "X1", "--workers", "2").returncode == 0
