"""What an audit writes: results.json, the witness, the representative, what a proof allows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from identifiability.results import output_directory, provenance, write_json
from llm_validation.audit.answer import Audit
from llm_validation.vectors import write_vectors

NEGLIGIBLE = 1e-9
"""Of ||v||: a representative below it is 0 to rounding, and no vector."""


def write_audit(audit: Audit, out: Path, command: list[str]) -> list[Path]:
    """Write everything; the paths, results.json first.

    ``command`` goes into the provenance, without what may differ between equal runs.
    """
    output_directory(out)
    vectors = {}
    if audit.witness is not None:
        vectors["witness"] = audit.witness.vector
    if np.linalg.norm(audit.representative) > NEGLIGIBLE * audit.vector.norm:
        vectors["representative"] = audit.representative
    if audit.symmetry is not None and audit.symmetry.holds:
        # The proof's own witness: v + c 1, c as large as v's entries are.
        size = audit.vector.norm / np.sqrt(audit.vector.vector.size)
        vectors["shifted"] = audit.vector.vector + size
    written = [out / "results.json"]
    for name, values in vectors.items():
        derived = replace(
            audit.vector,
            vector=values,
            model=audit.model["name"],
            weights_sha256=audit.model["weights_sha256"],
            dtype=audit.model["dtype"],
            method=f"audit {name} of {audit.source}",
            n_pairs=None,
        )
        # llama.cpp has no direction after block 0.
        suffixes = (".safetensors", ".gguf") if audit.layer > 0 else (".safetensors",)
        for suffix in suffixes:
            path = out / f"{name}{suffix}"
            write_vectors(path, derived)
            written.append(path)
    document = audit.to_dict() | {"provenance": provenance(audit.seed, command)}
    document["vector"]["files"] = [path.name for path in written[1:]]
    write_json(written[0], document)
    return written
