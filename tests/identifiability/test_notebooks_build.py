"""Scripts become notebooks; parameters go into a cell of their own and are of the right kind."""

import nbformat
import pytest

from identifiability.errors import InvalidInput
from identifiability.notebooks import lessons
from identifiability.notebooks.build import build, defaults, reduced, setting

SCRIPT = """# %% [markdown]
# # A title

# %% tags=["parameters"] reduced={"draws": 2, "name": "b c"}
seed = 0
draws: int = 100
share = 0.5
name = "a"
sizes = [1, 2]
either = None
full = True
computed = 2 * draws

# %%
print("seed is", seed)
"""


def test_a_script_becomes_cells():
    notebook = build(SCRIPT, {})
    nbformat.validate(notebook)
    assert [cell.cell_type for cell in notebook.cells] == ["markdown", "code", "code"]
    assert notebook.cells[0].source == "# A title"


def test_values_go_into_a_cell_right_after_the_defaults():
    notebook = build(SCRIPT, {"seed": 7, "name": "x"})
    nbformat.validate(notebook)
    assert notebook.cells[1].metadata.tags == ["parameters"]
    assert notebook.cells[2].metadata.tags == ["injected-parameters"]
    assert notebook.cells[2].source == "seed = 7\nname = 'x'"
    assert len(notebook.cells) == 4


def test_building_twice_gives_the_same_notebook():
    first, second = (nbformat.writes(build(SCRIPT, {"seed": 1})) for _ in range(2))
    assert first == second


def test_defaults_are_the_literals_of_the_tagged_cell():
    assert defaults(SCRIPT) == {
        "seed": 0,
        "draws": 100,
        "share": 0.5,
        "name": "a",
        "sizes": [1, 2],
        "either": None,
        "full": True,
        "computed": ...,
    }
    assert defaults("# %%\nx = 1\n") == {}


def test_of_two_tagged_cells_the_first_one_counts():
    two = '# %% tags=["parameters"]\na = 1\n\n# %% tags=["parameters"]\nb = 2\n'
    assert defaults(two) == {"a": 1}
    assert "a = 5" in build(two, {"a": 5}).cells[1].source


def test_reduced_settings_are_in_the_metadata_and_few_lessons_need_them():
    assert reduced(SCRIPT) == {"draws": 2, "name": "b c"}
    assert reduced('# %% tags=["parameters"]\nseed = 0\n') == {}
    assert reduced("# %%\nx = 1\n") == {}


@pytest.mark.parametrize("name", lessons())
def test_every_lesson_has_a_seed_and_reduced_settings_that_it_knows(name):
    script = lessons()[name]
    assert defaults(script)["seed"] == 0
    build(script, reduced(script))


def test_an_unknown_parameter_is_refused_with_the_nearest():
    with pytest.raises(InvalidInput, match="parameter 'sead'; did you mean 'seed'"):
        build(SCRIPT, {"sead": 1})
    with pytest.raises(InvalidInput, match="this notebook has none"):
        build("# %%\nx = 1\n", {"seed": 1})


@pytest.mark.parametrize(
    ("key", "value"),
    [("seed", "one"), ("seed", 1.5), ("seed", True), ("full", 1), ("name", 3), ("sizes", 3)],
)
def test_a_value_of_another_kind_than_the_default_is_refused(key, value):
    with pytest.raises(InvalidInput, match=f"parameter {key} must be of the kind of its default"):
        build(SCRIPT, {key: value})


@pytest.mark.parametrize(
    ("key", "value"),
    [("share", 1), ("sizes", (3,)), ("either", "x"), ("either", 2), ("computed", "x")],
)
def test_numbers_lists_and_what_has_no_kind_pass(key, value):
    assert build(SCRIPT, {key: value}).cells[2].source == f"{key} = {value!r}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("seed=1", ("seed", 1)),
        ("model=smollm2-135m", ("model", "smollm2-135m")),
        ("sizes=[1, 2]", ("sizes", [1, 2])),
        ("full=False", ("full", False)),
        ("name=a=b", ("name", "a=b")),
        ("name=", ("name", "")),
    ],
)
def test_a_setting_is_read_as_python_and_else_as_a_word(text, expected):
    assert setting(text) == expected


@pytest.mark.parametrize("text", ["seed", "=1", "a b=1", "1a=1"])
def test_what_is_no_setting_is_refused(text):
    with pytest.raises(InvalidInput, match="--set must be KEY=VALUE"):
        setting(text)
