"""The audit of one vector, from the model to the answer."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from identifiability.progress import Advance, silent
from identifiability.store import Store
from identifiability.verdict import Verdict
from llm_validation.audit.answer import Audit
from llm_validation.audit.apply import Audited, Further, applied
from llm_validation.audit.asked import Asked
from llm_validation.audit.behaviour import control_cells, scored, side_by_side, text_cells
from llm_validation.audit.bench import Bench, Case
from llm_validation.audit.cases import dealt
from llm_validation.audit.class_size import ClassSize
from llm_validation.audit.comparison import compared
from llm_validation.audit.judged import rows_of, verdict_of
from llm_validation.audit.prompts import COUNT, Halves
from llm_validation.audit.quietest import quietest_step
from llm_validation.audit.record import Power
from llm_validation.audit.settle import ways_out
from llm_validation.audit.steered_class import SteeredClass
from llm_validation.audit.strength_range import FirstOrderRange
from llm_validation.audit.symmetry import shift_symmetry
from llm_validation.audit.vector_input import Given, named
from llm_validation.audit.witness import find_witness
from llm_validation.models import DEFAULT_MODEL, LanguageModel

EPSILON = 0.01
"""Nats: fewer than 269 samples cannot tell on any test whose errors sum to 0.05 (theory.md N7 with
the constant of its section 6); as many need not be enough."""
STRENGTHS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0)
"""At which the divergence of alpha v itself is compared with its second order."""


def audit(
    vector: Given,
    model: str | LanguageModel = DEFAULT_MODEL,
    layer: int | None = None,
    *,
    prompts: str | os.PathLike[str] | Sequence[str] | None = None,
    chat: bool = True,
    count: int = COUNT,
    alpha: float = 1.0,
    epsilon: float = EPSILON,
    observe: str = "next-token",
    trait: str | None = None,
    compare: Sequence[Given] = (),
    apply: Sequence[str] = (),
    out: str | os.PathLike[str] | None = None,
    seed: int = 0,
    workers: int = 2,
    advance: Advance = silent,
) -> Audit:
    """Is this steering vector identifiable from behaviour?

    Parameters
    ----------
    vector
        A file of any format that ``read_vector`` takes, a ``SteeringVector`` or (d,) numbers.
    model
        A name or path for ``load_model``, or what it returned.
    layer
        "After block i", counted from 0; not needed where the vector says it.
    prompts
        A file (``read_prompts``) or the prompts; the built-in neutral ones by default.
    chat
        Put prompts into the model's chat template, where it has one.
    count
        Prompts used, at random; one half chooses, the other measures.
    alpha
        Steering strength; the class is that of alpha v, at radius alpha ||v||.
    epsilon
        Tolerance in nats.
    observe
        ``next-token``, ``completion``, ``topk:K`` or ``score:TRAIT``.
    trait
        Whose score the witness is compared with v on; by default the one that the vector's file
        names, if it is shipped.
    compare
        Other vectors of the same layer.
    apply
        ``environments=FILE``, ``layers=K`` or ``prompts=FILE``: the class with these data.
    out
        Where cells are kept, so that the same call goes on; nothing is kept without it. Results,
        vectors and page are written by the command.
    seed, workers, advance
        Of everything random; local processes; told of the progress.

    Raises
    ------
    InvalidInput
        If something given cannot be used, or something could not be measured.
    """
    asked = Asked.of(
        vector,
        model,
        layer,
        prompts=prompts,
        chat=chat,
        count=count,
        alpha=alpha,
        epsilon=epsilon,
        observe=observe,
        trait=trait,
        compare=compare,
        apply=apply,
        seed=seed,
        workers=workers,
    )
    loaded, audited, observable = asked.model, asked.vector, asked.observable
    wanted = asked.scored_trait
    from threadpoolctl import threadpool_limits

    # One thread: the order in which threads add up decides the last digits of the answer.
    with (
        tempfile.TemporaryDirectory() as folder,
        threadpool_limits(1),
        Store(Path(out if out is not None else folder), seed=seed) as store,
    ):
        bench = Bench(loaded, audited.layer, store, workers, advance)
        halves, variance = dealt(
            bench, observable, asked.observed_trait, asked.prompts, chat, count, seed
        )
        base = alpha * audited.vector
        metrics, found, size = _class(bench, halves, base, epsilon, observable.equations, seed)
        witness = None
        if found.whole.dimension > 0:
            witness = find_witness(bench, halves, metrics, found, alpha, _rng(seed, "witness"))
        quietest = None
        if found.whole.report.verdict is Verdict.LOCALLY_IDENTIFIABLE:
            quietest = quietest_step(bench, halves.measuring, found, _rng(seed, "quietest"))
        symmetry = shift_symmetry(bench, halves.measuring, base, _rng(seed, "symmetry"))
        verdict, certificate, reason = verdict_of(found, witness, quietest, symmetry)
        ranged = _strengths(bench, halves.measuring, audited.vector, _rng(seed, "strength"))
        shown, score = (), None
        if witness is not None:
            other = alpha * witness.vector
            both = text_cells(bench, halves.measuring, base, other)
            if wanted is not None:
                both += control_cells(bench, wanted)
            bench.results(both)  # together, so that no process waits for the other
            shown = tuple(side_by_side(bench, halves.measuring, base, other))
            if wanted is not None:
                score = scored(bench, wanted, base, other, _rng(seed, "score"))
        data = Audited(bench, observable, halves.choosing, metrics, base, epsilon, size, chat, seed)
        done = [applied(one, data) for one in asked.further]
        ways = [w for w in ways_out(audited.vector, size) if _open(w.assumption, asked.further)]
        rows = rows_of(
            layer=audited.layer,
            alpha=alpha,
            epsilon=epsilon,
            observable=observable,
            trait=audited.trait,
            dtype=loaded.dtype,
            witness=witness,
            scored=score,
            rng=_rng(seed, "rows"),
        )
        return Audit(
            source=named(vector),
            vector=audited,
            model=loaded.info(),
            layer=audited.layer,
            alpha=alpha,
            epsilon=epsilon,
            observable=observable,
            chosen_on=len(halves.choosing),
            measured_on=len(halves.measuring),
            chat=chat and bool(loaded.tokenizer.chat_template),
            seed=seed,
            verdict=verdict,
            reason=reason,
            certificate=certificate,
            class_size=size,
            steered=found,
            energy_below_epsilon=found.energy_below,
            flips_at=found.flips_at,
            witness=witness,
            representative=found.whole.representative / alpha,
            comparisons=tuple(
                compared(name, audited.vector, one.vector, metrics, _rng(seed, "compare"))
                for name, one in asked.others
            ),
            ways_out=tuple(done + ways),
            power=None if witness is None else Power.of(witness, score, observable),
            strength_range=ranged,
            symmetry=symmetry,
            texts=shown,
            scored=score,
            score_variance=variance,
            rows=tuple(rows),
            cells=len(bench.done),
        )


def _class(
    bench: Bench,
    halves: Halves[Case],
    base: np.ndarray,
    epsilon: float,
    equations: int | None,
    seed: int,
) -> tuple[list[np.ndarray], SteeredClass, ClassSize]:
    metrics, error = bench.metrics_and_rounding(halves.choosing, base)
    found = SteeredClass.of(metrics, base, epsilon, error)
    size = ClassSize.of(metrics, epsilon, found.radius, _rng(seed, "class"), equations)
    return metrics, found, size


def _strengths(
    bench: Bench, cases: Sequence[Case], vector: np.ndarray, rng: np.random.Generator
) -> FirstOrderRange:
    """Along v from the unsteered model, by alpha."""
    steps = np.array(STRENGTHS)[:, None] * vector
    found = bench.divergences(cases, np.zeros_like(vector), steps)
    return FirstOrderRange.of(STRENGTHS, found.measured, found.second_order, found.floor, rng)


def _open(assumption: str, further: Sequence[Further]) -> bool:
    return assumption not in {one.key for one in further}


def _rng(seed: int, name: str) -> np.random.Generator:
    """A stream for each use, whatever else was drawn."""
    return np.random.default_rng([seed, int.from_bytes(name.encode(), "little")])
