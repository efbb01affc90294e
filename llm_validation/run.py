"""Runs claims: what they rest on, then every prediction, then the measurements, then verdicts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from identifiability.cells import Cell, run_cells
from identifiability.progress import Advance, silent
from identifiability.store import Store
from identifiability.verdict import plain
from llm_validation.cell_order import by_states
from llm_validation.claims.claim import Arm, Claim, ClaimResult
from llm_validation.claims.family import adjusted, claim_verdicts
from llm_validation.claims.registry import claims
from llm_validation.dataset import load_prompts, load_trait
from llm_validation.encoder_setting import EncoderSetting
from llm_validation.encoder_structure import encoder_of
from llm_validation.extraction import encode
from llm_validation.models import DEFAULT_MODEL, LanguageModel, load_model
from llm_validation.prompt_split import PromptSplit
from llm_validation.request import Request
from llm_validation.result_file import document
from llm_validation.scale import PROMPTS, QUARTERS, TRAITS
from llm_validation.sentence_encoder import SentenceEncoder, load_encoder, text_ids
from llm_validation.setting import MissingCell, Setting
from llm_validation.structure import decoder_of

GROWTH = 4 * 2**30
"""Bytes that a worker may grow by: a copy of the model in float64 is more than 300 MB, and would be
made again for every cell that asks for one."""


class Loaded(NamedTuple):
    """The model of a request, and what it takes to measure it."""

    setting: Any  # the class of its settings
    model: LanguageModel | SentenceEncoder
    ids_of: Callable[[str], list[int]]  # of a prompt
    layers: tuple[int, ...]  # counted from 0, each once


def load(request: Request) -> Loaded:
    """Load the model; nothing is written.

    Raises
    ------
    InvalidInput
        There is no such model, its files cannot be used, or one of the layers is not in it.
    """
    if request.encoder is None:
        model = load_model(request.model or DEFAULT_MODEL)
        layers = layers_of(model, decoder_of(model).layer_index, request)
        return Loaded(Setting, model, partial(encode, model), layers)
    encoder = load_encoder(request.encoder)
    parts = encoder_of(encoder)
    layers = layers_of(encoder, parts.layer_index, request)
    return Loaded(EncoderSetting, encoder, partial(text_ids, parts), layers)


def run(
    request: Request,
    store: Store,
    *,
    loaded: Loaded | None = None,
    workers: int = 2,
    cluster: str | None = None,
    advance: Advance = silent,
) -> dict[str, Any]:
    """Measure what the store does not hold yet and return what ``llm`` writes (interfaces.md).

    ``loaded`` is the request's model where it is at hand. Predictions and verdicts are computed on
    one thread, as the cells are: the order in which threads add up decides the last digits, and a
    prediction once stated may not change.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return _run(request, loaded or load(request), store, workers, cluster, advance)


def _run(
    request: Request,
    loaded: Loaded,
    store: Store,
    workers: int,
    cluster: str | None,
    advance: Advance,
) -> dict[str, Any]:
    chosen = claims(request.claims, request.scale, encoder=request.encoder)
    setting = setting_of(request, loaded, store)
    missing: dict[str, str] = {}

    def complete(cells: Iterable[Cell]) -> None:
        results = run_cells(
            by_states(cells),
            store,
            workers=workers,
            cluster=cluster,
            growth=GROWTH,
            advance=advance,
        )
        missing.update({cell.label: reason for cell, reason in results.missing.items()})

    complete(setting.vector_cells())
    complete(chain.from_iterable(claim.preparation(setting) for claim in chosen))
    predicted: list[tuple[Claim, list[Arm]]] = []
    for claim in chosen:
        try:
            predicted.append((claim, [_observed(setting, arm) for arm in claim.predict(setting)]))
        except MissingCell as error:
            missing[claim.NAME] = f"not predicted, because this is missing: {error}"
    every = [arm for _, arms in predicted for arm in arms]
    asked = _identity(setting)
    for arm in every:
        store.state_prediction(f"{asked}/{arm.prediction.key}", plain(asdict(arm.prediction)))
    complete(chain.from_iterable(arm.cells for arm in every))
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


def _observed(setting: Setting, arm: Arm) -> Arm:
    """The arm with its observable in the words of this setting's model."""
    observable = setting.observable(arm.prediction.observable)
    return replace(arm, prediction=replace(arm.prediction, observable=observable))


def setting_of(request: Request, loaded: Loaded, store: Store) -> Setting:
    """The setting of a request; its cells are read from the store."""
    traits = [load_trait(name) for name in request.traits or TRAITS[request.scale]]
    counts = PROMPTS[request.scale]
    sizes = (counts.choosing, counts.predicting, counts.measuring)
    prompts = [loaded.ids_of(text) for text in load_prompts()]
    return loaded.setting(
        loaded.model,
        loaded.layers,
        {trait.name: trait for trait in traits},
        PromptSplit.of(prompts, sizes, request.seed),
        request.scale,
        request.seed,
        lambda cell: store.get(cell.key),
    )


def layers_of(
    model: LanguageModel | SentenceEncoder, index: Callable[[int], int], request: Request
) -> tuple[int, ...]:
    """The layers asked for, or those of the scale; ``index`` counts from 0 or refuses."""
    if request.layers:
        return tuple(dict.fromkeys(index(layer) for layer in request.layers))
    return tuple(dict.fromkeys(part * model.layers // 4 for part in QUARTERS[request.scale]))


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
