"""Runs claims: what they rest on, then every prediction, then the measurements, then verdicts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import chain
from typing import Any

from identifiability.cells import Cell, run_cells
from identifiability.progress import Advance, silent
from identifiability.store import Store
from identifiability.verdict import plain
from llm_validation.claims.claim import Arm, Claim, ClaimResult
from llm_validation.claims.family import adjusted, claim_verdicts
from llm_validation.claims.registry import claims
from llm_validation.dataset import load_prompts, load_trait
from llm_validation.extraction import encode
from llm_validation.models import DEFAULT_MODEL, LanguageModel, load_model
from llm_validation.request import Request
from llm_validation.result_file import document
from llm_validation.scale import PROMPTS, TRAITS, Scale
from llm_validation.setting import MissingCell, PromptSplit, Setting
from llm_validation.structure import decoder_of


def run(
    request: Request,
    store: Store,
    *,
    workers: int = 2,
    cluster: str | None = None,
    advance: Advance = silent,
) -> dict[str, Any]:
    """Measure what the store does not hold yet and return what ``llm`` writes (interfaces.md).

    Predictions and verdicts are computed on one thread, as the cells are: the order in which
    threads add up decides the last digits, and a prediction once stated may not change.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return _run(request, store, workers, cluster, advance)


def _run(
    request: Request, store: Store, workers: int, cluster: str | None, advance: Advance
) -> dict[str, Any]:
    chosen = claims(request.claims, request.scale)
    advance(0, 1, f"loading {request.model or DEFAULT_MODEL}")
    setting = setting_of(request, store)
    missing: dict[str, str] = {}

    def complete(cells: Sequence[Cell]) -> None:
        results = run_cells(cells, store, workers=workers, cluster=cluster, advance=advance)
        missing.update({cell.label: reason for cell, reason in results.missing.items()})

    complete(setting.vector_cells())
    complete(list(chain.from_iterable(claim.preparation(setting) for claim in chosen)))
    predicted: list[tuple[Claim, list[Arm]]] = []
    for claim in chosen:
        try:
            predicted.append((claim, claim.predict(setting)))
        except MissingCell as error:
            missing[claim.NAME] = f"not predicted, because this is missing: {error}"
    every = [arm for _, arms in predicted for arm in arms]
    asked = _identity(setting)
    for arm in every:
        store.state_prediction(f"{asked}/{arm.prediction.key}", plain(asdict(arm.prediction)))
    complete(list(chain.from_iterable(arm.cells for arm in every)))
    rows: list[ClaimResult] = []
    curves: dict[str, list[dict[str, Any]]] = {}
    for claim, arms in predicted:
        measured = _measured(setting, arms, missing)
        if measured:
            rows += claim.judge(setting, measured)
            drawn = getattr(claim, "curves", None)  # not every claim has some
            if drawn is not None:
                curves[claim.NAME] = plain(drawn(setting, measured))
    lost = [arm.prediction for arm in every if arm.prediction.key in missing]
    verdicts = claim_verdicts(rows, lost)
    return document(setting, request, chosen, every, adjusted(rows), verdicts, curves, missing)


def _identity(setting: Setting) -> str:
    """Of all that predictions may depend on, so that other runs into the directory state theirs."""
    described = [
        setting.model.weights_sha256,
        setting.dtype,
        setting.scale.value,
        setting.seed,
        list(setting.layers),
        {name: plain(asdict(trait)) for name, trait in setting.traits.items()},
        asdict(setting.prompts),
    ]
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:16]


def setting_of(request: Request, store: Store) -> Setting:
    """The setting of a request; its cells are read from the store."""
    model = load_model(request.model or DEFAULT_MODEL)
    traits = [load_trait(name) for name in request.traits or TRAITS[request.scale]]
    prompts = [encode(model, text) for text in load_prompts()]
    counts = PROMPTS[request.scale]
    sizes = (counts.choosing, counts.predicting, counts.measuring)
    return Setting(
        model,
        layers_of(model, request),
        {trait.name: trait for trait in traits},
        PromptSplit.of(prompts, sizes, request.seed),
        request.scale,
        request.seed,
        lambda cell: store.get(cell.key),
    )


def layers_of(model: LanguageModel, request: Request) -> tuple[int, ...]:
    """The layers asked for, counted from 0, each once."""
    decoder = decoder_of(model)
    if request.layers:
        return tuple(dict.fromkeys(decoder.layer_index(layer) for layer in request.layers))
    quarters = (1, 2, 3) if request.scale is Scale.FULL else (2,)
    return tuple(dict.fromkeys(quarter * model.layers // 4 for quarter in quarters))


def _measured(setting: Setting, arms: Sequence[Arm], missing: dict[str, str]) -> list[Arm]:
    """The arms all of whose cells are there; of the others, those to be measured go missing."""
    measured = []
    for arm in arms:
        if arm.unmeasurable is not None:
            continue
        try:
            for cell in arm.cells:
                setting.of(cell)
        except MissingCell as error:
            missing[arm.prediction.key] = f"not measured: {error}"
            continue
        measured.append(arm)
    return measured
