"""Worst relative error of each property on each architecture, as a Markdown table.

``python -m tests.llm_validation.architecture_table``. The tests hold these errors to bounds; this
prints how far below the bounds they are. Each is relative to the largest entry expected.
"""

from __future__ import annotations

import numpy as np
import torch

from llm_validation.batches import pad
from llm_validation.continuation import Continuation
from llm_validation.hooks import read_states, steer
from tests.llm_validation.architectures import ARCHITECTURES, BLOCKS, prompt, tiny
from tests.llm_validation.full_forward import full_logits, relative_error
from tests.llm_validation.test_batches import PROMPTS, VECTOR, logits
from tests.llm_validation.test_continuation import PLACES, dense_fisher, dense_jacobian, displaced
from tests.llm_validation.test_positions import COLUMNS, LENGTH, generated, teacher_forced


def states(name: str) -> float:
    """float32, against the hidden states that transformers returns (all but the normed last)."""
    model = tiny(name, torch.float32)
    own = model(input_ids=prompt(), output_hidden_states=True).hidden_states
    found = read_states(model, prompt(), range(BLOCKS))
    return max(relative_error(found[i], own[i + 1][0]) for i in range(BLOCKS - 1))


def steering(name: str, use_cache: bool) -> float:
    """Generation in float64, against a teacher-forced pass with those columns displaced."""
    model, worst = tiny(name), 0.0
    for positions, columns in COLUMNS.items():
        with steer(model, VECTOR, 1, 0.8, positions):
            ids, found = generated(model, prompt(LENGTH), use_cache=use_cache)
        worst = max(worst, relative_error(found[0], teacher_forced(model, ids, columns)))
    return worst


def padding(name: str, side: str) -> float:
    """A batch in float64, read and steered, against its prompts one by one."""
    model, errors = tiny(name), []
    batch = pad(model, PROMPTS, side)  # pyright: ignore[reportArgumentType]
    read = read_states(model, batch, range(BLOCKS))
    for row, alone in enumerate(PROMPTS):
        own = read_states(model, alone, range(BLOCKS))
        errors += [relative_error(batch.rows(read[i])[row], own[i]) for i in range(BLOCKS)]
    for positions in ("all", "last"):
        with steer(model, VECTOR, 1, 0.7, positions):
            found = batch.last(logits(model, **batch.inputs))
            own = [logits(model, input_ids=alone)[0, -1] for alone in PROMPTS]
        errors += [relative_error(*pair) for pair in zip(found, own, strict=True)]
    return max(errors)


def continuation(name: str, dtype: torch.dtype) -> float:
    """Logits at displaced states, against the full forward pass."""
    model, worst = tiny(name, dtype), 0.0
    for layer, position in PLACES:
        suffix = Continuation(model, prompt(), layer, position)
        at = displaced(suffix.state, 3)
        for found, state in zip(suffix(at), at, strict=True):
            expected = full_logits(model, prompt(), layer, position, state)
            worst = max(worst, relative_error(found, expected))
    return worst


def fisher(name: str) -> float:
    """In float64, against the dense Jacobian of all logits (Frobenius norm)."""
    model, errors = tiny(name), []
    for position in (-1, 5):
        suffix = Continuation(model, prompt(), 1, position)
        jacobian = dense_jacobian(model, prompt(), 1, position, suffix.state)
        expected = dense_fisher(jacobian, suffix.logits)
        errors.append(np.linalg.norm(suffix.fisher() - expected) / np.linalg.norm(expected))
    return float(max(errors))


PROPERTIES = {
    "states f32": states,
    "steer, cache": lambda name: steering(name, True),
    "steer, no cache": lambda name: steering(name, False),
    "padded left": lambda name: padding(name, "left"),
    "padded right": lambda name: padding(name, "right"),
    "continuation f32": lambda name: continuation(name, torch.float32),
    "continuation f64": lambda name: continuation(name, torch.float64),
    "Fisher": fisher,
}


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    print("| architecture |", " | ".join(PROPERTIES), "|")
    print("|---" * (len(PROPERTIES) + 1) + "|")
    for name in ARCHITECTURES:
        cells = [f"{measure(name):.0e}" for measure in PROPERTIES.values()]
        print(f"| {name} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
