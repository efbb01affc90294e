"""The room of each case, and a guard against running anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest
import torch

from llm_validation.models import LanguageModel
from tests.bad_input.case import Room
from tests.bad_input.files import build
from tests.llm_validation.audit.small_model import saved


@pytest.fixture(scope="session")
def furniture(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, LanguageModel]:
    """The shared files, and the model among them."""
    folder = tmp_path_factory.mktemp("bad_input")
    model = saved(folder / "model", "llama", "float32")
    build(folder)
    return folder, model


@pytest.fixture
def room(furniture: tuple[Path, LanguageModel], tmp_path: Path) -> Room:
    """A room with a file and a folder in ``out``, which have to stay as they are."""
    files, model = furniture
    out = tmp_path / "out"
    (out / "kept.npy").mkdir(parents=True)
    (out / "kept.txt").write_text("kept")
    return Room(files, out, model)


@pytest.fixture
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where a theorem, a toy, a cell, a notebook or a model would be run."""
    for place in (
        "joblib.Parallel.__call__",
        "identifiability.cells.run.computed_locally",
        "nbclient.NotebookClient.execute",
        "transformers.LlamaForCausalLM.forward",
    ):
        monkeypatch.setattr(place, _refuse(place))


def _refuse(place: str) -> Callable[..., Any]:
    @wraps(resolve_name(place))  # what is asked for its parameters still says them
    def refuse(*_arguments: Any, **_options: Any) -> Any:
        raise AssertionError(f"{place} was called")

    return refuse


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test asks the network, whatever the environment of the run says."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny models lose more to threads than they gain."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
