"""From an audit to the object in results.json (docs/interfaces.md)."""

from __future__ import annotations

from typing import Any

import numpy as np

from identifiability.results import SCHEMA, version
from identifiability.statistics import Interval
from identifiability.verdict import plain
from llm_validation.audit.random_step import STEPS
from llm_validation.audit.record import AuditRecord
from llm_validation.vectors import LAYER_CONVENTION


def document(audit: AuditRecord) -> dict[str, Any]:
    """Everything that the report needs, plain; no times, so that equal audits are equal files."""
    return plain(
        {
            "version": version(),
            "schema": SCHEMA,
            "seed": audit.seed,
            "model": audit.model,
            "settings": _settings(audit),
            "vector": _vector(audit),
            "claims": list(audit.rows),
            "spectrum": [_spectrum(audit)],
            "cells": {"done": audit.cells, "missing": []},
        }
    )


def _settings(audit: AuditRecord) -> dict[str, Any]:
    return {
        "source": audit.source,
        "layer": audit.layer,
        "layer_convention": LAYER_CONVENTION,
        "position": "last prompt token",
        "alpha": audit.alpha,
        "epsilon": audit.epsilon,
        "observe": audit.observable.text,
        "observable": audit.observable.words,
        "counts_outputs": audit.observable.counts_outputs,
        "score_variance": audit.score_variance,
        "regime": "white box, single layer",
        "prompts": {"choosing": audit.chosen_on, "measuring": audit.measured_on},
        "chat_template": audit.chat,
    }


def _vector(audit: AuditRecord) -> dict[str, Any]:
    witness, size, given = audit.witness, audit.class_size, audit.vector
    return {
        "norm": given.norm,
        "trait": given.trait,
        "method": given.method,
        "state_norm": given.state_norm,
        "radius": audit.radius,
        "energy_below_epsilon": audit.energy_below_epsilon,
        "verdict": audit.verdict,
        "reason": audit.reason,
        "certificate": audit.certificate,
        "class_dimension": {
            "estimate": size.dimension,
            "another_sample": [size.low, size.high],
            "level": size.level,
            "prompts": size.prompts,
            "endless_prompts_at_most": size.endless,
            "rounding_leaves": list(
                audit.steered.spectrum.epsilon_null_dimension_bounds(audit.epsilon, audit.radius)
            ),
        },
        "flips_at_epsilon": list(audit.flips_at),
        "symmetry": audit.symmetry,
        "witness_cosine": None if witness is None else witness.cosine,
        "witness_kl": None if witness is None else witness.measured.estimate,
        "witness": None if witness is None else _witness(audit),
        "representative_norm": float(np.linalg.norm(audit.representative)),
        "comparisons": list(audit.comparisons),
        "recovery": [
            {"needs": way.needs, **{k: v for k, v in plain(way).items() if k != "needs"}}
            for way in audit.ways_out
        ],
        "power": audit.power,
        "strength_range": {
            "largest_alpha": audit.strength_range.largest,
            "rungs": list(audit.strength_range.rungs),
        },
        "score": _score(audit),
        "completions": list(audit.texts),
    }


def _witness(audit: AuditRecord) -> dict[str, Any]:
    found = audit.witness
    assert found is not None
    return {
        "cosine": found.cosine,
        "same_norm": found.same_norm,
        "fraction_of_radius": found.fraction,
        "predicted": found.predicted,
        "predicted_interval": [found.predicted_low, found.predicted_high],
        "measured": found.measured.estimate,
        "interval": _ends(found.measured),
        "as_predicted": found.as_predicted,
        "second_order_held_when_chosen": found.in_range,
        "random_predicted": found.random_step,
        "random_measured": found.random_measured.estimate,
        "random_interval": _ends(found.random_measured),
        "random_steps_a_prompt": STEPS,
        "telling": found.telling(audit.epsilon),
        "along_its_step": list(found.range.rungs),
        "by_prompt": found.divergences,
    }


def _score(audit: AuditRecord) -> dict[str, Any] | None:
    scored = audit.scored
    if scored is None:
        return None
    return {
        "trait": scored.trait,
        "validity": scored.validity,
        "effect": _interval(scored.effect),
        "witness_effect": _interval(scored.witness_effect),
        "equivalence": scored.equivalence,
    }


def _interval(value: Interval | None) -> dict[str, Any] | None:
    return None if value is None else {"estimate": value.estimate, "interval": _ends(value)}


def _ends(value: Interval) -> list[float]:
    return [value.low, value.high]


def _spectrum(audit: AuditRecord) -> dict[str, Any]:
    spectrum, vector = audit.steered.spectrum, audit.vector.vector
    return {
        "layer": audit.layer,
        "prompts": audit.chosen_on,
        "at": f"states steered by {audit.alpha:g} v",
        "eigenvalues": spectrum.eigenvalues,
        "noise_floor": spectrum.noise_floor,
        "rank": spectrum.rank(),
        "effective_rank": spectrum.effective_rank,
        "energy": {"vector": (spectrum.eigenvectors.T @ vector) ** 2 / (vector @ vector)},
        "epsilon_null": [
            {
                "epsilon": epsilon,
                "radius": audit.radius,
                "dimension": spectrum.epsilon_null_dimension(epsilon, audit.radius),
            }
            for epsilon in (10 * audit.epsilon, audit.epsilon, audit.epsilon / 10)
        ],
    }
