"""Small results of the toy models, with known numbers and one that is not as predicted."""

from typing import Any

from identifiability.results import SCHEMA


def toy() -> dict[str, Any]:
    """A recovery, a predicted failure, one that is not as predicted, a map and curves."""
    kernel = "kernel: 3 of 8 dimensions"
    return {
        "version": "0",
        "schema": SCHEMA,
        "seed": 0,
        "seconds": 1.0,
        "runs": [
            _recovery(),
            _recovery(holds=False, predicted="fails", observed="fails", score=0.6)
            | {"failure_mode": {"predicted": kernel, "observed": kernel}},
            _recovery(observed="fails", agrees=False, score=0.5)
            | {"failure_mode": {"predicted": None, "observed": "another <way>"}},
        ],
        "diagrams": [phase_map(), phase_curves()],
    }


def phase_map(**changes: Any) -> dict[str, Any]:
    """Two panels of shares recovered under one boundary; a point was not measured."""
    panel = {"role": "ours", "x": [1, 2, 4], "y": [1, 2], "values": [[0.0, 0.5, 1.0], [0, 0, None]]}
    return {
        "method": "sparse",
        "name": "a map",
        "title": "Where it recovers",
        "x": {"label": "equations", "scale": "log"},
        "y": {"label": "atoms", "scale": "linear"},
        "panels": [panel | {"label": "ours"}, panel | {"label": "least norm", "role": "baseline"}],
        "curves": [_curve("boundary", "theory")],
        "checks": [_check("half are back on the boundary", 0.5, True)],
        "trials": 10,
        "note": "nothing else varies",
    } | changes


def phase_curves() -> dict[str, Any]:
    """Ours, a baseline and theory against one another; one check fails."""
    curves = [_curve("ours", "ours"), _curve("mean", "baseline"), _curve("boundary", "theory")]
    checks = [_check("it comes back", 0.9, True), _check("it never comes back", None, False)]
    name = {"name": "curves", "title": "How much it needs", "panels": []}
    return phase_map(curves=curves, checks=checks, **name)


def _recovery(**changes: Any) -> dict[str, Any]:
    return {
        "method": "sparse",
        "model": "Superposition(n=8)",
        "condition": "few atoms",
        "holds": True,
        "predicted": "recovers",
        "observed": "recovers",
        "agrees": True,
        "failure_mode": {"predicted": None, "observed": None},
        "score": 1.0,
        "score_min": 1.0,
        "interval": [1.0, 1.0],
        "chance": 0.1,
        "n": 12,
        "d": 8,
        "seed": 3,
        "seconds": 0.1,
    } | changes


def _curve(label: str, role: str) -> dict[str, Any]:
    band = [[0.0, 0.4, 0.9], [0.2, 0.6, 1.0]] if role == "ours" else [[], []]
    return {
        "label": label,
        "role": role,
        "x": [1, 2, 4],
        "y": [0.1, 0.5, 0.95],
        "low": band[0],
        "high": band[1],
    }


def _check(statement: str, measured: float | None, agrees: bool) -> dict[str, Any]:
    bounds = {"at_least": 0.4, "at_most": 1.0}
    return {"statement": statement, "measured": measured, "agrees": agrees} | bounds
