"""A fresh kernel for each notebook; outputs are kept, and a failure names its cell."""

import base64
import os
import signal
import threading
import time

import nbformat
import pytest

from identifiability.notebooks import execute as notebooks_execute
from identifiability.notebooks.build import build
from identifiability.notebooks.execute import NotebookFailed, execute, subject

SCRIPT = """# %% [markdown]
# # A title

# %% tags=["parameters"]
seed = 0

# %% [markdown]
# **What is drawn.** Some words.

# %%
import sys, time
for part in range(3):
    print("seed is", seed, flush=True)
    time.sleep(0.3)
print("a remark", file=sys.stderr)

# %%
import matplotlib.pyplot as plt
fig, ax = plt.subplots(figsize=(3, 2))
plt.show()
seed + 1
"""


@pytest.fixture(scope="module")
def executed():
    steps = []
    notebook = execute(build(SCRIPT, {"seed": 7}), lambda *step: steps.append(step))
    return notebook, steps


def test_what_cells_print_draw_and_return_is_kept(executed):
    notebook, _ = executed
    nbformat.validate(notebook)
    printed = {o.name: o.text for o in notebook.cells[4].outputs}
    assert printed == {"stdout": "seed is 7\n" * 3, "stderr": "a remark\n"}
    figure, value = notebook.cells[5].outputs
    assert figure.data["image/png"]
    assert value.data["text/plain"] == "8"


def test_pictures_have_twice_the_pixels_of_their_size(executed):
    figure = executed[0].cells[5].outputs[0]
    pixels = int.from_bytes(base64.b64decode(figure.data["image/png"])[16:20], "big")
    assert pixels == pytest.approx(2 * figure.metadata["image/png"]["width"], abs=2)


def test_progress_tells_every_cell_and_what_it_is_about(executed):
    _, steps = executed
    assert [done for done, _, _ in steps] == [0, 1, 2, 3, 4, 5, 6]
    assert {total for _, total, _ in steps} == {6}
    assert steps[1][2] == "A title"
    assert steps[4][2] == "What is drawn"


def test_executing_twice_gives_the_same_file(executed):
    again = execute(build(SCRIPT, {"seed": 7}))
    assert nbformat.writes(again) == nbformat.writes(executed[0])


def test_each_notebook_has_a_kernel_of_its_own():
    execute(build("# %%\nleft_behind = 1\n", {}))
    with pytest.raises(NotebookFailed, match="NameError"):
        execute(build("# %%\nleft_behind\n", {}))


def test_a_bar_that_is_text_warns_of_nothing_and_other_warnings_stay(monkeypatch):
    monkeypatch.setenv("PYTHONWARNINGS", "ignore:as before")
    lines = ["import warnings", "from tqdm.auto import tqdm", "warnings.warn('heard')"]
    lines += ["warnings.warn('as before')"]
    notebook = execute(build("# %%\n" + "\n".join(lines) + "\n", {}))
    (said,) = notebook.cells[0].outputs
    assert "heard" in said.text
    assert "IProgress" not in said.text and "UserWarning: as before" not in said.text


def test_a_failing_cell_is_told_with_its_place_source_output_and_traceback():
    broken = "# %% [markdown]\n# ## Division\n\n# %%\nprint('so far')\nx = 1 / 0\n"
    with pytest.raises(NotebookFailed) as failure:
        execute(build(broken, {}))
    text = str(failure.value)
    assert text.startswith("cell 2 of 2 (Division) failed\n")
    for part in ("x = 1 / 0", "so far", "ZeroDivisionError: division by zero", "Traceback"):
        assert part in text
    assert "\x1b" not in text


def test_a_cell_that_hangs_is_a_failure(monkeypatch):
    monkeypatch.setattr(notebooks_execute, "CELL_TIMEOUT", 1)
    with pytest.raises(NotebookFailed, match=r"(?s)cell 1 of 1 failed.*timed out"):
        execute(build("# %%\nimport time\ntime.sleep(60)\n", {}))


def test_a_kernel_that_dies_is_a_failure():
    with pytest.raises(NotebookFailed, match=r"(?s)cell 1 of 1 ended its kernel.*os\._exit"):
        execute(build("# %%\nimport os\nos._exit(1)\n", {}))


def test_ctrl_c_ends_the_run_and_its_kernel(tmp_path):
    """A dead kernel would be a failure of this notebook, and the next one would run."""
    script = "# %%\nimport os, pathlib, time\nid = str(os.getpid())\n"
    script += f"pathlib.Path({str(tmp_path / 'id')!r}).write_text(id)\ntime.sleep(60)\n"

    def interrupt():
        while not (tmp_path / "id").exists():
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        execute(build(script, {}))
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "id").read_text()), 0)


def test_the_subject_of_a_cell_is_the_last_heading_or_bold_opening():
    script = """# %% [markdown]
# Words with **bold** in them, and no heading.

# %%
1

# %% [markdown]
# ## A heading
# with words

# %%
2

# %% [markdown]
# Plain words.

# %%
3

# %% [markdown]
# **Another one.** And words.

# %%
4
"""
    notebook = build(script, {})
    subjects = [subject(notebook, i) for i in (1, 3, 5, 7)]
    assert subjects == ["", "A heading", "A heading", "Another one"]
