"""Where the tests with tiny models run: on the CPU, and again on CUDA when it is there."""

from __future__ import annotations

from typing import Any

import torch

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]

_current = ["cpu"]


def use(device: str) -> None:
    """From here on, tiny models and their prompts are on this device."""
    _current[0] = device


def current() -> str:
    """The device of the test that runs."""
    return _current[0]


def here(values: Any) -> torch.Tensor:
    """A tensor on the device of the test that runs."""
    return torch.as_tensor(values).to(current())
