"""The folder of damaged and hostile files that all cases share."""

from __future__ import annotations

import os
from pathlib import Path

from llm_validation.vectors import SteeringVector, write_vectors
from tests.bad_input.model_folders import MODELS, build_model
from tests.bad_input.text_files import PROMPTS, RESULTS, TRAITS
from tests.bad_input.vector_files import VALUES, vector_files


def build(folder: Path) -> None:
    """Write all of them; the folder ``model`` is there already."""
    for name, content in (vector_files(folder) | TRAITS | PROMPTS).items():
        (folder / name).write_bytes(content)
    for suffix in (".npy", ".gguf", ".pt", ".safetensors", ".json"):
        write_vectors(folder / f"v{suffix}", SteeringVector(0.4 * VALUES, 1))
    two = [SteeringVector(0.4 * VALUES, layer) for layer in (1, 2)]
    write_vectors(folder / "two.gguf", two)
    with (folder / "large.npy").open("wb") as stream:
        stream.truncate(2**31)  # of which nothing is on the disk
    os.mkfifo(folder / "pipe.json")
    (folder / "pipe.npy").symlink_to("pipe.json")
    (folder / "loop.npy").symlink_to("loop.npy")
    (folder / "folder.npy").mkdir()
    for name, content in RESULTS.items():
        (folder / name).mkdir()
        (folder / name / "results.json").write_bytes(content)
    (folder / "pipe").mkdir()
    os.mkfifo(folder / "pipe" / "results.json")
    (folder / "nested" / "results.json").mkdir(parents=True)
    for name in MODELS:
        build_model(folder, name)
