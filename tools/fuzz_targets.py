"""The readers that are fuzzed: vectors in every format, traits, prompts, results, the report."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from identifiability.reporting.build import build_report
from identifiability.results import SCHEMA, provenance, read_json, write_json
from llm_validation.audit.prompts import read_prompts
from llm_validation.dataset import load_prompts, load_trait
from llm_validation.vectors import SteeringVector, read_vectors, write_vectors
from tests.identifiability.reporting import audit_examples, examples, toy_examples
from tools import fuzz_edits as edits
from tools.fuzz import Target


def _vectors(path: Path) -> list[float]:
    found = read_vectors(path, layer=1)
    return [number for vector in found for number in (*vector.vector, vector.state_norm or 0.0)]


def _write_vectors(path: Path, layers: tuple[int, ...] = (1, 3)) -> None:
    rng = np.random.default_rng(0)
    record = {"model": "tiny", "trait": "formality", "method": "mean", "weights_sha256": "ab" * 32}
    vectors = [
        SteeringVector(rng.standard_normal(8), layer, n_pairs=3, state_norm=9.0, **record)
        for layer in layers
    ]
    write_vectors(path, vectors)


def _trait(path: Path) -> list[float]:
    trait = load_trait(path)
    texts = [text for pair in trait.pairs for text in (pair.context, pair.positive, pair.negative)]
    return [len(text.encode()) for text in (trait.name, trait.description, *texts)]


def _write_trait(path: Path) -> None:
    pairs = [
        {"context": f"c{i}", "positive": f"polite é {i}", "negative": f"rude {i}"} for i in range(3)
    ]
    completions = [
        {"prompt": f"p{i}", "positive": f"yes {i}", "negative": f"no {i}", "split": split}
        for i, split in enumerate(("choose", "held_out"))
    ]
    whole: dict[str, Any] = {"trait": "mine", "description": "d", "license": "Apache-2.0"}
    sides = {"positive": "Be polite.", "negative": "Be rude."}
    moved = [pair | {key: f"{pair[key]} there" for key in pair} for pair in pairs]
    whole |= {"pairs": pairs, "completions": completions, "instructions": sides}
    path.write_text(json.dumps(whole | {"environments": {"there": moved}}))


def _prompts(path: Path) -> list[float]:
    return [len(text.encode()) for text in read_prompts(path)]


def _prompt_set(path: Path) -> list[float]:
    return [len(text.encode()) for text in load_prompts(path)]


def _results(path: Path) -> list[float]:
    content = read_json(path)
    json.dumps(content, allow_nan=False)  # raises where a number is missing otherwise than as null
    return [float(content["schema"])]


def _write_results(path: Path) -> None:
    row = {"claim": "epsilon_null", "layer": 1, "prediction": 0.1, "interval": [0.0, None]}
    path.write_text(json.dumps({"schema": SCHEMA, "claims": [row], "provenance": {"seed": 0}}))


def _report(path: Path) -> list[float]:
    folder = path.parent / "reported"
    folder.mkdir(exist_ok=True)
    path.replace(folder / "results.json")
    return [build_report(folder).stat().st_size]


def _write_claims(path: Path) -> None:
    rows = [examples.row(), *examples.efficacy_rows()]
    curves = {"orthogonal_efficacy": examples.efficacy_draws(), "strength_sweep": examples.doses()}
    results = examples.llm(claims=rows, sweeps=examples.sweep(), curves=curves)
    write_json(path, results | {"provenance": provenance(0, [])})


def _write_toy(path: Path) -> None:
    write_json(path, toy_examples.toy() | {"provenance": provenance(0, [])})


def _write_audit(path: Path) -> None:
    write_json(path, audit_examples.audit())


_ONE_VECTOR = partial(_write_vectors, layers=(1,))
_TREE = (edits.spoiled_json,)

TARGETS = {
    "npy": Target(".npy", _vectors, _ONE_VECTOR, (edits.spoiled_npy, edits.spoiled_lengths)),
    "safetensors": Target(
        ".safetensors", _vectors, _write_vectors, (edits.spoiled_safetensors, edits.spoiled_lengths)
    ),
    "gguf": Target(".gguf", _vectors, _write_vectors, (edits.spoiled_lengths,)),
    "pt": Target(".pt", _vectors, _write_vectors, (edits.spoiled_archive,)),
    "json": Target(".json", _vectors, _write_vectors, _TREE),
    "trait": Target(".json", _trait, _write_trait, _TREE),
    "prompts": Target(
        ".json", _prompt_set, lambda p: _lines(p, {"prompts": ["one", "two é"]}), _TREE
    ),
    "jsonl": Target(
        ".jsonl", _prompts, lambda p: _lines(p, "one", {"prompt": "two"}), (edits.spoiled_lines,)
    ),
    "txt": Target(".txt", _prompts, lambda p: _lines(p, "one", "two"), (edits.spoiled_lines,)),
    "results": Target(".json", _results, _write_results, _TREE),
    "claims page": Target(".json", _report, _write_claims, _TREE),
    "audit page": Target(".json", _report, _write_audit, _TREE),
    "toys page": Target(".json", _report, _write_toy, _TREE),
}


def _lines(path: Path, *values: Any) -> None:
    path.write_text("\n".join(json.dumps(value, ensure_ascii=False) for value in values))
