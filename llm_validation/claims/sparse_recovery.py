r"""Few outputs are enough for a vector of few known atoms, in the basis that it is sparse in (R2).

Vectors of k atoms are planted, from a dictionary of token unembeddings or from the standard basis,
and seen through the logits of M tokens of one prompt. What the M equations identify of a vector, in
orthonormal rows (``LeastSquaresRecovery``), is explained by k atoms, greedily (``SparseRecovery``).
What the latter said of every code beforehand stands beside each row. Predictions:

* **boundary**: for every k and M the share of codes recovered is what the same pursuit finds with
  the Jacobian rows of as many other prompts and exact linear responses, within a quarter. At M <= k
  no method can find a generic code;
* **condition**: where Tropp's exact recovery condition holds for nine codes in ten on other
  prompts, nine in ten at least are recovered;
* **gauge**: the same codes of the standard basis, sought in the standard basis of a rotated
  residual stream, an equal description of the same model (N6d), are not found. True of any rows,
  and so a check of the code.

The codes are the sample. They are the same on every prompt, which makes no new ones of them: a code
counts as recovered if it is from each prompt alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from identifiability.cells import Cell
from identifiability.sparse_codes import exact_recovery_coefficient
from llm_validation.claims.claim import Arm, ClaimResult, Prediction, result
from llm_validation.claims.judgement import share
from llm_validation.claims.planted.few_atoms import Equations, Pursuit, in_words
from llm_validation.claims.planted.foreseen import beside
from llm_validation.claims.ranges import share_interval
from llm_validation.scale import Scale
from llm_validation.setting import Setting

NAME = "sparse_recovery"
NUMBER = 13
THEOREM = "R2"
TITLE = "few outputs are enough for vectors of few known atoms"
SCALES = frozenset({Scale.THIN, Scale.FULL})

SPARSITIES = (1, 2, 4, 8, 16)
OUTPUTS = {Scale.THIN: (8, 32, 128), Scale.FULL: (8, 16, 32, 64, 128, 256)}
CODES = {Scale.THIN: 13, Scale.FULL: 36}
"""The fewest of which all must be recovered to tell the share from 1 - 0.25, and from 0.9, at 2.5 %
(0.75 ** 13, 0.9 ** 36)."""

PROMPTS = {Scale.THIN: 6, Scale.FULL: 12}
"""Predicting and measuring, as many of each: from all of more prompts fewer codes are recovered."""

ATOMS = 1024
"""Tokens in the dictionary, fewer where the vocabulary is smaller."""

SHARE = 0.01
"""Length of the planted vectors relative to the state: the third order is far below the rest."""

MARGIN = 0.25
"""The share falls from all to none within a factor of two or so of k or M: a quarter tells on which
side of the boundary a point is, not where on the slope."""

HOLDS = 0.9
"""Share of codes for which the condition must hold to promise as much recovery."""

TOKENS, STANDARD, ROTATED = "tokens", "standard basis", "standard basis, rotated"

Point = tuple[str, int, int]  # dictionary, k and M


@dataclass(frozen=True)
class Sought:
    """``Arm.data``: what is sought where, and what the estimator said of the predicting prompts."""

    point: Point
    foreseen: str


def preparation(setting: Setting) -> list[Cell]:
    """The atoms, and gradients on the predicting prompts."""
    nothing = np.zeros((0, setting.width))
    cells = [_atoms_cell(setting)]
    for layer in setting.layers:
        cells += [_cell(setting, ids, layer, nothing) for ids in _predicting(setting)]
    return cells


def predict(setting: Setting) -> list[Arm]:
    """State the shares recovered from exact linear responses of the predicting prompts."""
    directions = np.concatenate(list(_planted(setting).values()))
    arms = []
    for layer in setting.layers:
        nothing = np.zeros((0, setting.width))
        known = [setting.of(_cell(setting, x, layer, nothing)) for x in _predicting(setting)]
        exact = [{**one, "responses": directions @ one["gradients"].T} for one in known]
        prompts = setting.prompts.measuring[: PROMPTS[setting.scale]]
        cells = tuple(_cell(setting, ids, layer, directions) for ids in prompts)
        equations = _equations(setting, exact)
        for point in _grid(setting):
            found = _pursued(setting, point, equations[point[2]])
            data = Sought(point, in_words(found))
            name = "{}, k = {}, M = {}".format(*point)
            stated = _prediction(layer, name, _share(found), MARGIN)
            arms.append(Arm(replace(stated, identity=point[0] == ROTATED), cells, data))
            holds = [_condition(setting, point, one) for one in equations[point[2]]]
            promised = np.all(holds, axis=0).mean()
            if promised >= HOLDS:
                prediction = _prediction(layer, f"{name}, condition", float(promised), HOLDS)
                arms.append(Arm(prediction, cells, data))
    return arms


def judge(setting: Setting, arms: Sequence[Arm]) -> list[ClaimResult]:
    """Seek the planted vectors in the responses of the measuring prompts."""
    rows = []
    for layer in setting.layers:
        here = [arm for arm in arms if arm.prediction.layer == layer]
        cells = dict.fromkeys(cell for arm in here for cell in arm.cells)
        equations = _equations(setting, [setting.of(cell) for cell in cells])
        points = dict.fromkeys(arm.data.point for arm in here)
        found = {point: _pursued(setting, point, equations[point[2]]) for point in points}
        rows += [_judged(setting, arm, found[arm.data.point]) for arm in here]
    return rows


def _grid(setting: Setting) -> list[Point]:
    """Every point; a rotated basis at the most outputs only."""
    every = OUTPUTS[setting.scale]
    points = [(d, k, m) for d in (TOKENS, STANDARD) for k in SPARSITIES for m in every]
    return points + [(ROTATED, k, every[-1]) for k in SPARSITIES]


def _equations(setting: Setting, found: Sequence[Mapping[str, Any]]) -> dict[int, list[Equations]]:
    """Of each prompt, for each number of outputs."""
    return {
        m: [Equations.of(one["gradients"][:m], one["responses"][:, :m]) for one in found]
        for m in OUTPUTS[setting.scale]
    }


def _share(found: Sequence[Pursuit]) -> float:
    """Of the codes, those recovered on every prompt."""
    return float(np.all([one.recovered for one in found], axis=0).mean())


def _planted(setting: Setting) -> dict[tuple[str, int], np.ndarray]:
    """(codes, d) of length 1 for each dictionary and k: normal entries on random supports."""
    found = {}
    for dictionary in (TOKENS, STANDARD):
        atoms = _dictionary(setting, dictionary)
        for sparsity in SPARSITIES:
            rng = setting.rng(NAME, dictionary, sparsity)
            rows = []
            for _ in range(CODES[setting.scale]):
                chosen = rng.choice(atoms.shape[1], sparsity, replace=False)
                vector = atoms[:, chosen] @ rng.standard_normal(sparsity)
                rows.append(vector / np.linalg.norm(vector))
            found[dictionary, sparsity] = np.array(rows)
    return found


def _dictionary(setting: Setting, name: str) -> np.ndarray:
    """(d, K) unit columns."""
    if name == TOKENS:
        return setting.of(_atoms_cell(setting))["atoms"]
    if name == STANDARD:
        return np.eye(setting.width)
    entries = setting.rng(NAME, "rotation").standard_normal((setting.width, setting.width))
    return np.linalg.qr(entries)[0]


def _pursued(setting: Setting, point: Point, equations: Sequence[Equations]) -> list[Pursuit]:
    """What is found of the codes of a point on each prompt."""
    dictionary, sparsity, _ = point
    source = STANDARD if dictionary == ROTATED else dictionary
    planted = _planted(setting)
    count, place = CODES[setting.scale], list(planted).index((source, sparsity))
    places = slice(count * place, count * (place + 1))
    atoms = _dictionary(setting, dictionary)
    return [one.pursue(atoms, sparsity, places, planted[source, sparsity]) for one in equations]


def _condition(setting: Setting, point: Point, equations: Equations) -> np.ndarray:
    """(codes,) whether pursuit finds every code on supports of the planted codes' size."""
    dictionary, sparsity, _ = point
    atoms = _dictionary(setting, dictionary)
    count = CODES[setting.scale]
    if dictionary == ROTATED or sparsity > len(equations.rows):
        return np.zeros(count, dtype=bool)
    rng = setting.rng(NAME, dictionary, sparsity, "supports")
    sets = [rng.choice(atoms.shape[1], sparsity, replace=False) for _ in range(count)]
    return exact_recovery_coefficient(equations.columns(atoms), np.array(sets)) < 1


def _judged(setting: Setting, arm: Arm, found: Sequence[Pursuit]) -> ClaimResult:
    data, expected = arm.data, arm.prediction.prediction or 0.0
    codes, successes = len(found[0].recovered), round(_share(found) * len(found[0].recovered))
    low, high = max(0.0, expected - MARGIN), min(1.0, expected + MARGIN)
    low, high = (HOLDS, 1.0) if arm.prediction.arm.endswith("condition") else (low, high)
    judgement = share(successes, codes, "codes recovered", low=low, high=high)
    about = f" of every code of {data.point[1]} of these atoms"
    about += ", of which these are none" if data.point[0] == ROTATED else ""
    judgement = beside(judgement, data.foreseen, in_words(found), about)
    value = share_interval(successes, codes)
    return result(setting, arm.prediction, value, judgement, seeds=codes, n_prompts=len(found))


def _prediction(layer: int, arm: str, value: float, margin: float) -> Prediction:
    return Prediction(
        claim=NAME,
        theorem=THEOREM,
        layer=layer,
        trait="planted codes",
        arm=arm,
        alpha=SHARE,
        prediction=value,
        prediction_interval=None,
        margin=margin,
        unit="share recovered",
        observable="logits of M tokens",
    )


def _predicting(setting: Setting) -> tuple[list[int], ...]:
    return setting.prompts.predicting[: PROMPTS[setting.scale]]


def _tokens(setting: Setting, name: str, count: int) -> list[int]:
    """Different ids, drawn from the whole vocabulary."""
    words = len(setting.model.tokenizer)
    drawn = setting.rng(NAME, name).choice(words, min(count, words), replace=False)
    return [int(token) for token in drawn]


def _atoms_cell(setting: Setting) -> Cell:
    tokens = _tokens(setting, "atoms", ATOMS)
    return setting.cell("unembedding_atoms", "token unembeddings", tokens=tokens)


def _cell(setting: Setting, ids: list[int], layer: int, directions: np.ndarray) -> Cell:
    return setting.cell(
        "output_responses",
        f"logits of some tokens, layer {layer}",
        ids=ids,
        layer=layer,
        tokens=_tokens(setting, "outputs", OUTPUTS[setting.scale][-1]),
        directions=directions,
        share=SHARE,
    )
