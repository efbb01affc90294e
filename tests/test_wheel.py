"""The wheel holds everything, and runs where the checkout is not."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("identifiability", "proofs", "toy_models", "llm_validation")
LARGEST = 3_000_000  # bytes; a wheel without a model and without figures has no reason to be more

pytestmark = pytest.mark.slow


def clean_environment() -> dict[str, str]:
    """Without anything that would lead Python to the checkout."""
    return {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as a release is: a source distribution, and the wheel from that."""
    source, dist = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy2(ROOT / name, source)
    leave = shutil.ignore_patterns("__pycache__", "*.pyc")
    for folder in (*PACKAGES, "notebooks"):
        shutil.copytree(ROOT / folder, source / folder, ignore=leave)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", dist, source, cwd=source)
    (found,) = dist.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` of a fresh environment: the wheel, and the libraries of the one that tests."""
    home = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", home, cwd=home)
    names = {"base": str(home), "platbase": str(home)}
    site = Path(sysconfig.get_path("purelib", "venv", vars=names))
    libraries = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    # Added as plain folders: their own .pth files, an editable install of ours too, are not read.
    (site / "libraries.pth").write_text("\n".join(sorted(libraries)) + "\n")
    scripts = Path(sysconfig.get_path("scripts", "venv", vars=names))
    pip = [sys.executable, "-m", "pip", "--python", scripts / "python", "install"]
    run(*pip, "--quiet", "--no-deps", "--no-index", "--ignore-installed", wheel, cwd=home)
    return scripts


def test_every_file_of_the_packages_is_in_it(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    expected = set()
    for folder in (*PACKAGES, "notebooks"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                name = path.relative_to(ROOT).as_posix()
                expected.add(re.sub("^notebooks/", "identifiability/lessons/", name))
    assert expected - inside == set()
    for name in ("identifiability/py.typed", "toy_models/weights/rms.npz"):
        assert name in inside
    extra = {n for n in inside - expected if ".dist-info/" not in n}
    assert extra == set()


def test_it_stays_small(wheel: Path) -> None:
    assert wheel.stat().st_size < LARGEST


def test_it_runs_where_the_checkout_is_not(installed: Path, tmp_path: Path) -> None:
    said = run(installed / "identifiability", "--version", cwd=tmp_path)
    assert said.startswith("steering-identifiability ")
    assert str(installed.parent) in said
    checked = run(installed / "identifiability", "proofs", "N1", cwd=tmp_path)
    assert "1 of 1 theorems verified" in checked
    listed = run(installed / "identifiability", "--help", cwd=tmp_path)
    for command in ("verify", "toy", "llm", "audit", "extract", "report", "notebooks", "models"):
        assert command in listed


def test_its_data_are_found(installed: Path, tmp_path: Path) -> None:
    script = """
from importlib.resources import files
from identifiability.notebooks import lessons
from llm_validation import load_prompts, load_trait
from toy_models.tiny_transformer import training_record
assert "null_space_by_hand" in lessons()
assert load_trait("formality").completions and load_prompts()
assert training_record()
report = files("identifiability.reporting")
for name in ("report.html", "report.css", "report.js", "style.mplstyle"):
    assert report.joinpath(name).read_text(), name
print("found")
"""
    assert run(installed / "python", "-c", script, cwd=tmp_path) == "found\n"
