"""Runs the claims on one model and layer: every prediction before any measurement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from identifiability.progress import Advance, silent
from identifiability.results import SCHEMA, version
from identifiability.verdict import plain
from llm_validation.claims import epsilon_null, orthogonal_not_invisible
from llm_validation.claims.claim import EPSILON, ClaimResult
from llm_validation.dataset import load_prompts, load_trait
from llm_validation.extraction import encode, extract_vector
from llm_validation.models import DEFAULT_MODEL, LanguageModel, load_model
from llm_validation.setting import METRICS_COMPARED, PromptSplit, Setting
from llm_validation.structure import decoder_of

CLAIMS = (epsilon_null, orthogonal_not_invisible)
EPSILONS = (0.1, EPSILON, 0.001)  # nats: the tolerance of the claims and a factor of ten each way


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    choosing: int
    predicting: int
    measuring: int
    spectrum_directions: int
    random_directions: int


QUICK = Size(12, 12, 12, spectrum_directions=3, random_directions=10)
FULL = Size(24, 24, 32, spectrum_directions=10, random_directions=20)


def run(
    model_name: str | None,
    layer: int | None,
    traits: Sequence[str],
    size: Size,
    seed: int,
    advance: Advance = silent,
) -> dict[str, Any]:
    """Extract, predict, measure; return the object that ``llm`` writes (interfaces.md).

    Parameters
    ----------
    model_name
        As ``load_model`` takes it; None is the embedded one.
    layer
        "After block i", counted from 0, negative from the end; None is the middle one.
    """
    name = DEFAULT_MODEL if model_name is None else model_name
    advance(0, 1, f"loading {name}")
    model = load_model(name)
    layer = model.layers // 2 if layer is None else decoder_of(model).layer_index(layer)
    steps = _Steps(advance, _count(size, len(traits)))
    setting = _setting(model, layer, traits, size, seed, steps)
    predicted = [claim.predict(setting, _directions(claim, size)) for claim in CLAIMS]
    stated = [plain(asdict(arm.prediction)) for arms in predicted for arm in arms]
    rows = [
        row
        for claim, arms in zip(CLAIMS, predicted, strict=True)
        for row in claim.measure(setting, arms)
    ]
    done = [row for row in rows if row.measured is not None]
    return {
        "version": version(),
        "schema": SCHEMA,
        "seed": seed,
        "model": model.info(),
        "settings": {
            "layer": layer,
            "layer_convention": "after block i, counted from 0",
            "position": "last prompt token",
            "size": asdict(size),
            "divergence_floor": setting.divergence_floor,
            "vectors": {name: _vector(v) for name, v in setting.vectors.items()},
        },
        "predictions": stated,
        "claims": [plain(row) for row in done if row.verdict is not None],
        "sweeps": [_sweep(row) for row in done],
        "spectrum": [_spectrum(setting)],
        "cells": {
            "done": len(done),
            "missing": [{"key": r.key, "reason": r.reason} for r in rows if r.measured is None],
        },
    }


class _Steps:
    def __init__(self, advance: Advance, total: int) -> None:
        self.advance, self.total, self.done = advance, total, 0

    def __call__(self, what: str) -> None:
        self.done += 1
        self.advance(self.done, self.total, what)


def _count(size: Size, traits: int) -> int:
    random_arms = traits * len(orthogonal_not_invisible.STRENGTHS)
    metrics = size.choosing + size.predicting + METRICS_COMPARED
    return traits + metrics + size.measuring * (1 + random_arms)


def _directions(claim: Any, size: Size) -> int:
    return size.spectrum_directions if claim is epsilon_null else size.random_directions


def _setting(
    model: LanguageModel, layer: int, traits: Sequence[str], size: Size, seed: int, steps: _Steps
) -> Setting:
    vectors = {}
    for name in traits:
        steps(f"extracting {name}")
        vectors[name] = extract_vector(model, load_trait(name).pairs, layer)
    prompts = [encode(model, text) for text in load_prompts()]
    split = PromptSplit.of(prompts, (size.choosing, size.predicting, size.measuring), seed)
    return Setting(model, layer, vectors, split, seed, steps)


def _vector(vector: Any) -> dict[str, Any]:
    return {"norm": vector.norm, "state_norm": vector.state_norm, "pairs": vector.n_pairs}


def _spectrum(setting: Setting) -> dict[str, Any]:
    spectrum = setting.choosing_spectrum
    norms = {name: vector.norm for name, vector in setting.vectors.items()}
    return {
        "layer": setting.layer,
        "prompts": len(setting.prompts.choosing),
        "eigenvalues": spectrum.eigenvalues,
        "noise_floor": spectrum.noise_floor,
        "rank": spectrum.rank(),
        "effective_rank": spectrum.effective_rank,
        "energy": {name: _energy(setting, name) for name in setting.vectors},
        "epsilon_null": [
            {
                "epsilon": epsilon,
                "radius": norm,
                "trait": name,
                "dimension": spectrum.epsilon_null_dimension(epsilon, norm),
            }
            for name, norm in norms.items()
            for epsilon in EPSILONS
        ],
    }


def _energy(setting: Setting, trait: str) -> np.ndarray:
    """(d,) share of the vector's squared norm along each eigenvector."""
    vector = setting.vectors[trait].vector
    return (setting.choosing_spectrum.eigenvectors.T @ vector) ** 2 / (vector @ vector)


def _sweep(row: ClaimResult) -> dict[str, Any]:
    keys = ("claim", "trait", "arm", "alpha", "prediction", "prediction_interval", "measured")
    return plain({key: getattr(row, key) for key in (*keys, "interval", "margin", "unit")})


def summary(results: dict[str, Any]) -> str:
    """The claims in a few lines for the terminal."""
    rows = results["claims"]
    lines = [
        f"{results['model']['name']}, after block {results['settings']['layer']}, last prompt token"
    ]
    for claim, trait in _unique((row["claim"], row["trait"]) for row in rows):
        of = [row for row in rows if (row["claim"], row["trait"]) == (claim, trait)]
        counts = {
            v: sum(row["verdict"] == v for row in of)
            for v in ("confirmed", "refuted", "inconclusive")
        }
        lines.append(
            f"  {claim:<26} {trait:<12} " + ", ".join(f"{n} {v}" for v, n in counts.items())
        )
    return "\n".join(lines)


def _unique(items: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return list(dict.fromkeys(items))
