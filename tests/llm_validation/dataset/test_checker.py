"""The checker of trait files, as a command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from llm_validation.dataset import main
from tests.llm_validation.dataset.trait_files import good_trait, whole_trait, write


def test_the_checker_counts_what_a_good_file_holds(tmp_path: Path, capsys) -> None:
    bare = write(tmp_path, good_trait(), "bare.json")
    whole = write(tmp_path, whole_trait(), "whole.json")
    assert main([str(bare), str(whole)]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out.splitlines() == [
        f"{bare}: brevity; 3 pairs; completions: choose 1, held_out 1; environments: none; "
        "instructions: none",
        f"{whole}: brevity; 3 pairs; completions: choose 1, held_out 1; "
        "environments: law 2, sea salt 2; instructions: both",
    ]


def test_the_checker_goes_on_after_a_wrong_file_and_ends_with_status_2(tmp_path: Path) -> None:
    wrong = write(tmp_path, {**whole_trait(), "instructions": None}, "wrong.json")
    good = write(tmp_path, good_trait(), "good.json")
    arguments = [sys.executable, "-m", "llm_validation.dataset", str(wrong), str(good)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == f"{wrong}, line 36: instructions must be an object, got null\n"
    assert done.stdout.startswith(f"{good}: brevity; 3 pairs; ")
    assert done.stdout.count("\n") == 1


def test_the_checker_takes_a_shipped_name_for_a_path_and_nothing_for_wrong_use(
    tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["formality"]) == 2
    assert capsys.readouterr().err.startswith("cannot read formality: ")
    assert main([]) == 2
    assert capsys.readouterr().err == "give the trait files to check: FILE...\n"
