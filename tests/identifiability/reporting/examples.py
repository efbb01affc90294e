"""Small results of every part, in the shape that the commands write, with known numbers."""

from typing import Any

from identifiability.results import SCHEMA, provenance

RANDOM, NULL = "random ⊥", "ε-null ⊥"


def row(claim: str = "epsilon_null", **changes: Any) -> dict[str, Any]:
    """A judged row."""
    return {
        "claim": claim,
        "theorem": "N7",
        "layer": 1,
        "trait": "formality",
        "arm": "decile 1",
        "alpha": 0.5,
        "prediction": 0.01,
        "prediction_interval": [0.008, 0.012],
        "margin": 0.69,
        "unit": "nats",
        "observable": "next-token distribution",
        "regime": "white box, single layer",
        "measured": 0.011,
        "interval": [0.009, 0.014],
        "seeds": 3,
        "n_prompts": 12,
        "dtype": "float32",
        "verdict": "confirmed",
        "reason": "log(measured/predicted) <in> its band",
        "family": claim,
        "p_confirm": 0.01,
        "p_refute": 0.9,
        "p_adjusted": 0.02,
        "power": None,
        "paper_statistic": None,
    } | changes


def llm(**changes: Any) -> dict[str, Any]:
    """Two claims at one layer for one trait; no curves."""
    judged = [
        row(),
        row(arm="decile 2", measured=0.05, interval=[0.04, 0.06], verdict="refuted"),
        row("orthogonal_not_invisible", arm="random orthogonal / v", verdict="inconclusive"),
    ]
    return {
        "version": "0",
        "schema": SCHEMA,
        "seed": 0,
        "model": {
            "name": "a <model> & co",
            "layers": 2,
            "width": 3,
            "dtype": "float32",
            "weights_sha256": "0" * 64,
        },
        "settings": {
            "scale": "thin",
            "layers": [1],
            "position": "last prompt token",
            "prompts": {"choosing": 4, "predicting": 5, "measuring": 6},
            "traits": ["formality"],
        },
        "families": [
            _family("orthogonal_not_invisible", 2, "orthogonal is not invisible"),
            _family("epsilon_null", 1, "low information is invisible"),
        ],
        "verdicts": [
            _verdict("orthogonal_not_invisible", "inconclusive", 0.4, None),
            _verdict("epsilon_null", "refuted", 1.0, 0.001),
        ],
        "predictions": [],
        "claims": judged,
        "sweeps": judged,
        "curves": {},
        "spectrum": [spectrum()],
        "cells": {
            "done": 3,
            "missing": [{"key": "a cell", "reason": "was <cut> off"}],
            "unmeasurable": [{"key": "epsilon_null/1/x/null/1", "reason": "nothing is null"}],
        },
    } | changes


def spectrum(layer: int = 1) -> dict[str, Any]:
    """Of three directions, one of them epsilon-null."""
    null = {"epsilon": 0.01, "radius": 2.0, "trait": "formality", "dimension": 1}
    return {
        "layer": layer,
        "prompts": 2,
        "eigenvalues": [1.0, 0.1, 0.0],
        "noise_floor": 1e-6,
        "epsilon_null": [null],
    }


def growing() -> list[dict[str, Any]]:
    """Spectra over prompts: the third direction comes above rounding with the second prompt."""
    first = {"layer": 1, "prompts": 1, "eigenvalues": [1.0, 0.1, 0.0], "noise_floor": 1e-6}
    return [first, first | {"prompts": 2, "eigenvalues": [1.0, 0.1, 1e-3]}]


def sweep(**changes: Any) -> list[dict[str, Any]]:
    """One arm at three strengths, measured at twice what is predicted."""
    return [
        row(alpha=alpha, prediction=alpha**2, measured=2 * alpha**2, interval=None) | changes
        for alpha in (0.25, 0.5, 1.0)
    ]


def efficacy_draws(closed: bool = False) -> list[dict[str, Any]]:
    """Two draws each of the orthogonal direction alone and added, and v itself."""
    return [
        {
            "trait": "formality",
            "layer": 1,
            "alpha": 1.0,
            "arm": arm,
            "draw": draw,
            "effect": effect,
            "efficacy": None if closed else effect / 2,
            "raw_ratio": 1.0 + 0.01 * draw,
            "gate": "closed" if closed else "open",
        }
        for arm, effect in (("v", 2.0), (f"{RANDOM} alone", 0.1), (f"v + {RANDOM}", 2.2))
        for draw in range(2)
    ]


def efficacy_rows() -> list[dict[str, Any]]:
    """The judged rows of those draws."""
    shared = {"margin": 0.2, "unit": "share of v's effect", "alpha": 1.0, "paper_statistic": 1.005}
    return [
        row("orthogonal_efficacy", arm=arm, prediction=at, measured=at + 0.05, **shared)
        | {"interval": [at - 0.1, at + 0.15], "prediction_interval": None}
        for arm, at in ((f"{RANDOM} alone", 0.0), (f"v + {RANDOM}", 1.0))
    ]


def doses() -> list[dict[str, Any]]:
    """v and v + random ⊥ at three strengths, effect 2 and 1.8 a unit."""
    return [
        {
            "trait": "formality",
            "layer": 1,
            "arm": arm,
            "alpha": alpha,
            "effect": slope * alpha,
            "interval": [slope * alpha - 0.1, slope * alpha + 0.1],
            "draws": [slope * alpha],
            "score": 5 + slope * alpha,
            "perplexity_positive": 3.0,
            "perplexity_negative": 4.0,
            "gate": "open",
        }
        for arm, slope in ((f"v + {RANDOM}", 1.8), ("v", 2.0))
        for alpha in (1.0, 0.0, 0.5)
    ]


def slope_row() -> dict[str, Any]:
    """The predicted slope of v."""
    return row("strength_sweep", arm="slope of v", prediction=1.9)


def ladder() -> list[dict[str, Any]]:
    """Three rungs from 1 and 2 prompts, and the finest from 4: the score does not recover."""
    place = {"layer": 1, "trait": "formality", "alpha": 0.25}
    rungs = {"all logits, float32": 0.99, "top:20": 0.97, "score": 0.3}
    points = [
        place
        | {
            "rung": rung,
            "prompts": count,
            "quantity": quantity,
            "predicted": cosine if quantity == "cosine" else 3 - count,
            "measured": cosine - 0.01 if quantity == "cosine" else 3 - count,
            "fewest_prompts_to_close": 3,
        }
        for rung, cosine in rungs.items()
        for count in ((1, 2, 4) if "float32" in rung else (1, 2))
        for quantity in ("cosine", "dimensions")
    ]
    turn = place | {"quantity": "turning rung", "predicted": "score", "measured": None}
    return [*points, turn | {"prompts": 1}, turn | {"prompts": 2, "measured": "score"}]


def whole(**parts: Any) -> dict[str, Any]:
    """Joined results, of nothing but the parts given."""
    empty = {"proofs": None, "toy": None, "llm": None, "audits": {}}
    shared = {"version": "0", "schema": SCHEMA, "provenance": provenance(0, ["identifiability"])}
    return shared | empty | parts


def _family(claim: str, number: int, title: str) -> dict[str, Any]:
    return {"claim": claim, "number": number, "theorem": "N7", "title": title}


def _verdict(claim: str, verdict: str, confirm: float, refute: float | None) -> dict[str, Any]:
    counts = {"rows": 2, "confirmed": 1, "refuted": 1, "inconclusive": 0}
    place = {"claim": claim, "layer": 1, "trait": "formality", "verdict": verdict}
    return place | counts | {"p_confirm": confirm, "p_refute": refute}
