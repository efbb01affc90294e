"""The command: lessons executed whole or not written, misuse told before anything runs."""

import os
import subprocess
import sys
from contextlib import contextmanager

import nbformat
import pytest
import typer

from identifiability.errors import InvalidInput
from identifiability.notebooks import command as notebooks
from identifiability.notebooks.build import defaults
from identifiability.notebooks.command import command, lessons

GOOD = """# %% [markdown]
# # Good

# %% tags=["parameters"] reduced={"draws": 2}
seed = 0
draws = 10

# %%
print(seed, draws)
"""
BAD = '# %% tags=["parameters"]\nseed = 0\n\n# %%\nraise RuntimeError("broken on purpose")\n'
PLAIN = "# %%\nprint('nothing to set')\n"


@pytest.fixture
def three(monkeypatch):
    monkeypatch.setattr(notebooks, "lessons", lambda: {"good": GOOD, "bad": BAD, "plain": PLAIN})


def _printed(path):
    notebook = nbformat.read(path, as_version=4)
    return [o.text for cell in notebook.cells for o in cell.get("outputs", [])]


def _files(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", lessons())
def test_every_lesson_executes_and_draws(name, tmp_path, capsys):
    command([name], out=tmp_path, html=True, small=True, quiet=True)
    notebook = nbformat.read(tmp_path / f"{name}.ipynb", as_version=4)
    nbformat.validate(notebook)
    drawn = [
        cell
        for cell in notebook.cells
        if any("image/png" in output.get("data", {}) for output in cell.get("outputs", []))
    ]
    assert drawn
    assert all(cell.metadata.get("alt") for cell in drawn), "a figure without words"
    assert not any(
        output.get("name") == "stderr" for c in notebook.cells for output in c.get("outputs", [])
    )
    assert any("assert" in cell.source for cell in notebook.cells)
    assert _files(tmp_path) == [f"{name}.html", f"{name}.ipynb"]
    written = capsys.readouterr()
    assert written.out == (f"notebook: {tmp_path / name}.ipynb\npage: {tmp_path / name}.html\n")
    assert written.err == ""


def test_lessons_are_the_nine_without_the_package_file():
    assert list(lessons()) == [
        "a_real_transformer",
        "audit_your_own_vector",
        "environments",
        "gauges",
        "ica_and_its_gaussian_failure",
        "local_global_epsilon",
        "null_space_by_hand",
        "observability_across_layers",
        "sparsity_and_its_phase_diagram",
    ]


@pytest.mark.usefixtures("three")
def test_a_failure_leaves_no_file_and_does_not_stop_the_others(tmp_path, capsys):
    with pytest.raises(typer.Exit) as end:
        command(["bad", "good"], out=tmp_path, quiet=True)
    assert end.value.exit_code == 1
    assert _files(tmp_path) == ["good.ipynb"]
    written = capsys.readouterr()
    assert written.out == f"notebook: {tmp_path / 'good.ipynb'}\n"
    assert written.err.startswith("notebook bad: cell 2 of 2 failed\n")
    assert "RuntimeError: broken on purpose" in written.err
    assert "Traceback" in written.err


@pytest.mark.usefixtures("three")
def test_an_older_file_stays_whole_when_a_run_fails(tmp_path):
    (tmp_path / "bad.ipynb").write_text("as it was")
    with pytest.raises(typer.Exit):
        command(["bad"], out=tmp_path, quiet=True)
    assert (tmp_path / "bad.ipynb").read_text() == "as it was"
    assert _files(tmp_path) == ["bad.ipynb"]


@pytest.mark.usefixtures("three")
def test_a_page_that_cannot_be_made_leaves_no_notebook_either(tmp_path, monkeypatch):
    from identifiability.notebooks import page as notebooks_page

    def broken(_notebook):
        raise InvalidInput("no page")

    monkeypatch.setattr(notebooks_page, "page", broken)
    with pytest.raises(InvalidInput, match="no page"):
        command(["good"], out=tmp_path, html=True, quiet=True)
    assert _files(tmp_path) == []


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "0 10\n"),
        ({"settings": ["seed=4"]}, "4 10\n"),
        ({"seed": 4}, "4 10\n"),
        ({"seed": 4, "settings": ["seed=4"]}, "4 10\n"),
        ({"small": True}, "0 2\n"),
        ({"small": True, "settings": ["draws=3"]}, "0 3\n"),
    ],
)
def test_settings_reach_the_notebook(given, expected, tmp_path):
    command(["good"], out=tmp_path, quiet=True, **given)
    assert _printed(tmp_path / "good.ipynb") == [expected]


@pytest.mark.usefixtures("three")
def test_a_setting_goes_to_the_notebooks_that_have_it(tmp_path):
    command(["good", "plain", "good"], out=tmp_path, settings=["seed=5"], quiet=True)
    assert _printed(tmp_path / "good.ipynb") == ["5 10\n"]
    assert _printed(tmp_path / "plain.ipynb") == ["nothing to set\n"]


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("names", "given", "sentence"),
    [
        (["god"], {}, "unknown notebook 'god'; did you mean 'good'"),
        (["good"], {"settings": ["sead=1"]}, "unknown notebook parameter 'sead'; did you mean"),
        (["plain"], {"settings": ["seed=1"]}, r"unknown notebook parameter 'seed'.*\(there are"),
        (["good"], {"settings": ["seed=one"]}, "seed must be of the kind of its default 0"),
        (["good"], {"settings": ["seed"]}, "--set must be KEY=VALUE"),
        (["good"], {"seed": 1, "settings": ["seed=2"]}, "--seed 1 and --set seed=2 differ"),
    ],
)
def test_misuse_is_told_before_anything_runs_or_is_made(names, given, sentence, tmp_path):
    with pytest.raises(InvalidInput, match=sentence):
        command(names, out=tmp_path / "new", quiet=True, **given)
    assert not (tmp_path / "new").exists()


def test_a_missing_package_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(
        notebooks, "find_spec", lambda name: None if name == "nbclient" else object()
    )
    with pytest.raises(InvalidInput, match=r'need the package nbclient.*\[notebooks\]"'):
        command(["null_space_by_hand"], out=tmp_path, quiet=True)


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize("quiet", [True, False])
def test_each_notebook_has_a_bar_of_its_cells(quiet, tmp_path, monkeypatch):
    told = []

    @contextmanager
    def bar(title, *, quiet):
        yield lambda done, total, what: told.append((title, quiet, done, total, what))

    monkeypatch.setattr(notebooks, "progress_bar", bar)
    command(["good"], out=tmp_path, quiet=quiet)
    assert told == [("good", quiet, done, 3, "Good" if done < 3 else "") for done in range(4)]


def test_on_the_command_line_stderr_is_empty_and_a_second_run_gives_the_same_bytes(tmp_path):
    """What the kernel says about its transport, or the debugger about frozen modules, included."""
    written = []
    for place in ("one", "two"):
        words = ["notebooks", "null_space_by_hand", "--html", "--seed", "3", "--out", place]
        done = subprocess.run(
            [sys.executable, "-m", "identifiability", *words],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=os.environ | {"COLUMNS": "100"},
            check=True,
        )
        assert done.stderr == ""
        folder = tmp_path / place
        assert _files(folder) == ["null_space_by_hand.html", "null_space_by_hand.ipynb"]
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert written[0] == written[1]
    assert defaults(lessons()["null_space_by_hand"])["seed"] == 0
