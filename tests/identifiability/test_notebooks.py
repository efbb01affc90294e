"""Notebooks are executed whole or not written; the same script gives the same notebook."""

import nbformat
import pytest

from identifiability.errors import InvalidInput
from identifiability.notebooks import NotebookFailed, build, command, execute, lessons

SCRIPT = """# %% [markdown]
# # A title

# %% tags=["parameters"]
seed = 0

# %%
print("seed is", seed)
"""


def _outputs(notebook):
    return [o.get("text", "") for c in notebook.cells for o in c.get("outputs", [])]


def test_a_script_becomes_cells_and_its_parameters_can_be_set():
    notebook = execute(build(SCRIPT, {"seed": 7}))
    assert [cell.cell_type for cell in notebook.cells] == ["markdown", "code", "code", "code"]
    assert _outputs(notebook) == ["seed is 7\n"]


def test_building_twice_gives_the_same_notebook():
    assert nbformat.writes(build(SCRIPT, {})) == nbformat.writes(build(SCRIPT, {}))


def test_unknown_parameters_are_refused():
    with pytest.raises(InvalidInput, match="did you mean 'seed'"):
        build(SCRIPT, {"sead": 1})


def test_a_failing_cell_is_shown_with_its_traceback():
    broken = build("# %%\nx = 1 / 0\n", {})
    with pytest.raises(NotebookFailed, match=r"(?s)1 / 0.*ZeroDivisionError"):
        execute(broken)


@pytest.mark.parametrize("name", lessons())
def test_every_lesson_executes_and_keeps_its_outputs(name, tmp_path, capsys):
    command([name], out=tmp_path, html=True, settings=None, quiet=True)
    notebook = nbformat.read(tmp_path / f"{name}.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert any(
        "image/png" in o.get("data", {}) for c in notebook.cells for o in c.get("outputs", [])
    )
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".html", ".ipynb"]
    assert str(tmp_path / f"{name}.ipynb") in capsys.readouterr().out


def test_lessons_are_found_without_the_package_file():
    assert "null_space_by_hand" in lessons()
    assert "__init__" not in lessons()
