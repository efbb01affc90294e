"""From judged rows to the object that ``llm`` writes (docs/interfaces.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from identifiability.results import SCHEMA, version
from identifiability.verdict import plain
from llm_validation.claims.claim import Arm, Claim, ClaimResult
from llm_validation.claims.family import ClaimVerdict
from llm_validation.claims.judgement import EPSILONS
from llm_validation.claims.on_encoders import NOT_APPLICABLE
from llm_validation.claims.registry import not_applicable
from llm_validation.request import Request
from llm_validation.scale import PROMPTS
from llm_validation.setting import MissingCell, Setting

_SWEPT = (
    "claim",
    "layer",
    "trait",
    "arm",
    "alpha",
    "prediction",
    "prediction_interval",
    "measured",
    "paper_statistic",
)


def document(
    setting: Setting,
    request: Request,
    chosen: Sequence[Claim],
    arms: Sequence[Arm],
    rows: Sequence[ClaimResult],
    verdicts: Sequence[ClaimVerdict],
    curves: Mapping[str, Sequence[Mapping[str, Any]]],
    missing: Mapping[str, str],
) -> dict[str, Any]:
    """Everything that a reader or the report needs, plain."""
    return {
        "version": version(),
        "schema": SCHEMA,
        "seed": request.seed,
        "model": setting.model.info(),
        "settings": {
            "scale": request.scale.value,
            "layers": list(setting.layers),
            "layer_convention": "after block i, counted from 0",
            "position": setting.position,
            "prompts": asdict(PROMPTS[request.scale]),
            "traits": list(setting.traits),
            **setting.reading,
        },
        "families": [
            {
                "claim": claim.NAME,
                "number": claim.NUMBER,
                "theorem": claim.THEOREM,
                "title": setting.titles.get(claim.NAME, claim.TITLE),
            }
            for claim in chosen
        ],
        "not_applicable": [
            {"claim": claim.NAME, "number": claim.NUMBER, "reason": NOT_APPLICABLE[claim.NAME]}
            for claim in not_applicable(request.claims, request.scale, request.encoder)
        ],
        "verdicts": [plain(asdict(verdict)) for verdict in verdicts],
        "predictions": [plain(asdict(arm.prediction)) for arm in arms],
        "claims": [plain(row) for row in rows if row.verdict is not None],
        "sweeps": [_sweep(row) for row in rows],
        "curves": dict(curves),
        "spectrum": _spectra(setting),
        "cells": {
            "done": len(rows),
            "missing": [{"key": key, "reason": reason} for key, reason in missing.items()],
            "unmeasurable": [
                {"key": arm.prediction.key, "reason": arm.unmeasurable}
                for arm in arms
                if arm.unmeasurable is not None
            ],
        },
    }


def _sweep(row: ClaimResult) -> dict[str, Any]:
    return plain({key: getattr(row, key) for key in (*_SWEPT, "interval", "margin", "unit")})


def _spectra(setting: Setting) -> list[dict[str, Any]]:
    """The spectrum at each layer where a claim needed one."""
    found = []
    for layer in setting.layers:
        try:
            found.append(_spectrum(setting, layer))
        except MissingCell:
            continue  # no claim of this run rests on it
    return found


def _spectrum(setting: Setting, layer: int) -> dict[str, Any]:
    spectrum = setting.spectrum(layer)
    vectors = {trait: setting.vector(trait, layer) for trait in setting.traits}
    return {
        "layer": layer,
        "prompts": len(setting.prompts.choosing),
        "eigenvalues": spectrum.eigenvalues,
        "noise_floor": spectrum.noise_floor,
        "rank": spectrum.rank(),
        "effective_rank": spectrum.effective_rank,
        "energy": {
            trait: (spectrum.eigenvectors.T @ vector) ** 2 / (vector @ vector)
            for trait, vector in vectors.items()
        },
        "epsilon_null": [
            {
                "epsilon": epsilon,
                "radius": float((vector @ vector) ** 0.5),
                "trait": trait,
                "dimension": spectrum.epsilon_null_dimension(
                    epsilon, float((vector @ vector) ** 0.5)
                ),
            }
            for trait, vector in vectors.items()
            for epsilon in EPSILONS
        ],
    }


def summary(results: dict[str, Any]) -> str:
    """The claims in a few lines for the terminal."""
    layers = ", ".join(str(layer) for layer in results["settings"]["layers"])
    lines = [f"{results['model']['name']}, after block {layers}, {results['settings']['position']}"]
    number = {family["claim"]: family["number"] for family in results["families"]}
    for of in results["verdicts"]:
        counts = ", ".join(f"{of[key]} {key}" for key in ("confirmed", "refuted", "inconclusive"))
        place = f"{of['claim']:<26} {of['layer']:>3} {of['trait']:<14}"
        lines.append(f"  {number[of['claim']]:>2} {place} {of['verdict']:<13} rows: {counts}")
    for of in results.get("not_applicable", ()):  # earlier versions wrote none
        lines.append(f"  {of['number']:>2} {of['claim']:<26} not applicable: {of['reason']}")
    if covariance := results["settings"].get("output_covariance"):
        lines.append(f"  nats of a Gaussian with the {covariance['described']}, and of that alone")
    if missing := results["cells"]["missing"]:
        lines.append(f"  {len(missing)} missing, the first: {missing[0]['reason']}")
    return "\n".join(lines)
