"""A small audit in the shape that the command writes, with known numbers."""

from typing import Any

from identifiability.results import SCHEMA, provenance
from tests.identifiability.reporting.examples import row, spectrum


def audit() -> dict[str, Any]:
    """An audit with a witness and no score."""
    rungs = [
        {"size": size, "measured": size**2 * 1e-3, "second_order": size**2 * 1.1e-3}
        for size in (0.5, 1.0, 2.0)
    ]
    return {
        "version": "0",
        "schema": SCHEMA,
        "seed": 0,
        "model": {"name": "tiny", "width": 3, "weights_sha256": "1" * 64},
        "settings": {
            "source": "my <vector>.npy",
            "layer": 1,
            "position": "last prompt token",
            "alpha": 1.0,
            "epsilon": 0.01,
            "observable": "distribution of the next token",
            "counts_outputs": True,
            "regime": "white box, single layer",
            "prompts": {"choosing": 8, "measuring": 9},
        },
        "vector": {
            "norm": 2.0,
            "state_norm": 10.0,
            "energy_below_epsilon": 0.5,
            "verdict": "epsilon_non_identifiable",
            "reason": "a witness was measured within epsilon",
            "certificate": {"kind": "numeric", "statement": "spectrum of width 3", "bound": 1e-7},
            "class_dimension": {
                "estimate": 1,
                "another_sample": [0, 2],
                "level": 0.95,
                "prompts": 8,
                "endless_prompts_at_most": 1.0,
            },
            "flips_at_epsilon": [1e-5, 2e-5],
            "witness": {
                "cosine": 0.123,
                "same_norm": True,
                "predicted": 0.004,
                "predicted_interval": [0.002, 0.006],
                "measured": 0.005,
                "interval": [0.004, 0.007],
                "as_predicted": True,
                "random_predicted": 0.016,
                "random_measured": 0.015,
                "random_interval": [0.012, 0.019],
                "telling": True,
                "along_its_step": rungs,
            },
            "representative_norm": 1.4,
            "comparisons": [
                {"name": "other.npy", "euclidean": 0.2, "behavioural": None, "interval": None}
            ],
            "recovery": [
                {
                    "assumption": "prompts",
                    "theorem": "N3",
                    "condition": "endless prompts close the class",
                    "condition_holds": None,
                    "statistic": 0.5,
                    "interval": [0.0, 1.0],
                    "threshold": 0.0,
                    "if_held": None,
                    "class_dimension_after": 0.5,
                    "after_interval": [0.0, 1.0],
                    "needs": "8 more prompts",
                    "applied": False,
                }
            ],
            "power": {"outputs": [322, 403, 230], "score": None},
            "strength_range": {"largest_alpha": 2.0, "rungs": []},
            "score": None,
            "completions": [
                {
                    "prompt": "Hi",
                    "unsteered": "a <b>",
                    "vector": "under v it",
                    "witness": "the same",
                }
            ],
        },
        "claims": [row("witness_within_epsilon", arm="witness")],
        "spectrum": [
            spectrum() | {"epsilon_null": [{"epsilon": 0.01, "radius": 2.0, "dimension": 1}]}
        ],
        "cells": {"done": 1, "missing": []},
        "provenance": provenance(0, ["identifiability", "audit"]),
    }
