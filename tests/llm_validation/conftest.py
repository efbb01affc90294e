"""The real model, loaded once for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from llm_validation.extraction import encode
from llm_validation.models import DEFAULT_MODEL, LanguageModel, load_model
from tests.llm_validation import devices


@pytest.fixture(scope="session")
def smollm() -> LanguageModel:
    """SmolLM2-135M in float32; converted from its package if this machine has not done so."""
    return load_model(DEFAULT_MODEL)


@pytest.fixture(scope="session")
def smollm64(smollm: LanguageModel) -> LanguageModel:
    """The same weights in float64."""
    return smollm.to_dtype("float64")


@pytest.fixture(scope="session")
def smollm_ids(smollm: LanguageModel) -> list[int]:
    """A plain prompt of a few dozen tokens."""
    text = "The committee reviewed the whole application, and its members decided it should be"
    return encode(smollm, text, chat=False)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests that ask for ``device`` run on each that is there; the real model is on the CPU."""
    names = metafunc.fixturenames
    if "device" in names and len(devices.DEVICES) > 1 and not {"smollm", "minilm"} & {*names}:
        metafunc.parametrize("device", devices.DEVICES, indirect=True)


@pytest.fixture
def device(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where tiny models and their prompts are during the test."""
    devices.use(getattr(request, "param", "cpu"))
    yield devices.current()
    devices.use("cpu")


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test asks the network, whatever the environment of the run says."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny models lose more to threads than they gain, and results repeat to the last digit."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
