r"""Few outputs are enough for a vector of few known atoms, in the basis that it is sparse in (R2).

Vectors of k atoms are planted, from a dictionary of token unembeddings or from the standard basis,
and seen through the logits of M tokens of one prompt. Greedy pursuit on the M equations, brought to
orthonormal rows first, finds them or not. Predictions:

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
from identifiability.sparse_codes import exact_recovery_coefficient, matching_pursuit
from identifiability.sparsity import unit_columns
from llm_validation.claims.claim import Arm, ClaimResult, Prediction, result
from llm_validation.claims.judgement import share
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

RECOVERED = 0.95
"""Cosine from which on a vector counts as recovered, as in the observation ladder."""

MARGIN = 0.25
"""The share falls from all to none within a factor of two or so of k or M: a quarter tells on which
side of the boundary a point is, not where on the slope."""

HOLDS = 0.9
"""Share of codes for which the condition must hold to promise as much recovery."""

TOKENS, STANDARD, ROTATED = "tokens", "standard basis", "standard basis, rotated"
_ROW_CUT = 1e-4
"""Of the singular values of M gradients: a float32 gradient is good to 1e-6 of the largest."""


@dataclass(frozen=True)
class Pursuit:
    """``Arm.data``: what is sought where."""

    dictionary: str
    sparsity: int
    outputs: int


def preparation(setting: Setting) -> list[Cell]:
    """The atoms, and gradients on the predicting prompts."""
    nothing = np.zeros((0, setting.width))
    cells = [_atoms_cell(setting)]
    for layer in setting.layers:
        cells += [_cell(setting, ids, layer, nothing) for ids in _predicting(setting)]
    return cells


def predict(setting: Setting) -> list[Arm]:
    """State the shares recovered from exact linear responses of the predicting prompts."""
    planted = _planted(setting)
    directions = np.concatenate(list(planted.values()))
    arms = []
    for layer in setting.layers:
        nothing = np.zeros((0, setting.width))
        known = [setting.of(_cell(setting, x, layer, nothing)) for x in _predicting(setting)]
        exact = [{**one, "responses": directions @ one["gradients"].T} for one in known]
        prompts = setting.prompts.measuring[: PROMPTS[setting.scale]]
        cells = tuple(_cell(setting, ids, layer, directions) for ids in prompts)
        for dictionary, sparsity, outputs in _grid(setting):
            point = (setting, dictionary, sparsity, outputs)
            recovered = np.all([_recovered(*point, one) for one in exact], axis=0).mean()
            data = Pursuit(dictionary, sparsity, outputs)
            name = f"{dictionary}, k = {sparsity}, M = {outputs}"
            stated = _prediction(layer, name, float(recovered), MARGIN)
            arms.append(Arm(replace(stated, identity=dictionary == ROTATED), cells, data))
            promised = np.all([_condition(*point, one) for one in known], axis=0).mean()
            if promised >= HOLDS:
                prediction = _prediction(layer, f"{name}, condition", float(promised), HOLDS)
                arms.append(Arm(prediction, cells, data))
    return arms


def judge(setting: Setting, arms: Sequence[Arm]) -> list[ClaimResult]:
    """Seek the planted vectors in the responses of the measuring prompts."""
    return [_judged(setting, arm) for arm in arms]


def _grid(setting: Setting) -> list[tuple[str, int, int]]:
    """Dictionary, k and M of every point; a rotated basis at the most outputs only."""
    every = OUTPUTS[setting.scale]
    points = [(d, k, m) for d in (TOKENS, STANDARD) for k in SPARSITIES for m in every]
    return points + [(ROTATED, k, every[-1]) for k in SPARSITIES]


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


def _equations(outputs: int, gradients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormal rows (r, d) of the first M gradients, and what turns responses into theirs."""
    left, values, right = np.linalg.svd(gradients[:outputs], full_matrices=False)
    kept = values > _ROW_CUT * values[0]
    return right[kept], left[:, kept].T / values[kept][:, None]


def _recovered(
    setting: Setting, dictionary: str, sparsity: int, outputs: int, found: Mapping[str, Any]
) -> np.ndarray:
    """(codes,) whether each code of k atoms is recovered from M outputs of one prompt."""
    source = STANDARD if dictionary == ROTATED else dictionary
    planted = _planted(setting)
    keys = list(planted)
    start = CODES[setting.scale] * keys.index((source, sparsity))
    atoms = _dictionary(setting, dictionary)
    rows, turn = _equations(outputs, found["gradients"])
    columns, lengths = unit_columns(rows @ atoms)
    cosines = []
    for place, vector in enumerate(planted[source, sparsity]):
        response = turn @ found["responses"][start + place, :outputs]
        code, _ = matching_pursuit(columns, response, min(sparsity, len(rows)))
        estimate = atoms @ (code / lengths)
        size = float(np.linalg.norm(estimate))
        cosines.append(float(estimate @ vector) / size if size > 0 else 0.0)
    return np.array(cosines) >= RECOVERED


def _condition(
    setting: Setting, dictionary: str, sparsity: int, outputs: int, found: Mapping[str, Any]
) -> np.ndarray:
    """(codes,) whether pursuit finds every code on supports of the planted codes' size."""
    atoms = _dictionary(setting, dictionary)
    rows, _ = _equations(outputs, found["gradients"])
    count = CODES[setting.scale]
    if dictionary == ROTATED or sparsity > len(rows):
        return np.zeros(count, dtype=bool)
    columns, _ = unit_columns(rows @ atoms)
    rng = setting.rng(NAME, dictionary, sparsity, "supports")
    sets = [rng.choice(atoms.shape[1], sparsity, replace=False) for _ in range(count)]
    return exact_recovery_coefficient(columns, np.array(sets)) < 1


def _judged(setting: Setting, arm: Arm) -> ClaimResult:
    data: Pursuit = arm.data
    point = (setting, data.dictionary, data.sparsity, data.outputs)
    found = np.array([_recovered(*point, setting.of(cell)) for cell in arm.cells])
    successes, codes = int(found.all(axis=0).sum()), found.shape[1]
    expected = arm.prediction.prediction or 0.0
    low, high = max(0.0, expected - MARGIN), min(1.0, expected + MARGIN)
    if arm.prediction.arm.endswith("condition"):
        low, high = HOLDS, 1.0
    judgement = share(successes, codes, "codes recovered", low=low, high=high)
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
