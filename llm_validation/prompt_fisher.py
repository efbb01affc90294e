r"""Fisher metrics of many prompts: one at a time, kept on disk if wished, and their mean.

Prompts are not computed together. A metric takes d rows of reverse mode and one product with the
head for each prompt, which fill the machine already. Measured for four prompts of one length on
SmolLM2, one batch of all takes as long as one after the other, the checks at construction left out
on both sides (docs/performance.md, ``benchmarks/bench_batching.py``). One at a time, an interrupted
run loses one prompt at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from identifiability.errors import InvalidInput
from identifiability.progress import Advance, silent
from llm_validation.continuation import Continuation
from llm_validation.inputs import position_index, token_ids
from llm_validation.metric_store import MetricStore
from llm_validation.models import LanguageModel
from llm_validation.structure import decoder_of


def fisher_metrics(
    model: Any,
    prompts: Sequence[Any],
    layer: int,
    position: int = -1,
    *,
    advance: Advance = silent,
    store: MetricStore | None = None,
) -> Iterator[np.ndarray]:
    """Fisher metrics (d, d) of prompts in their order, each as soon as it is known.

    Parameters
    ----------
    model
        A ``LanguageModel`` or a Hugging Face decoder; with a store a ``LanguageModel``, which
        knows its identity.
    prompts
        Token ids, (T,) or (1, T) each.
    layer, position
        As for ``Continuation``: "after block i", and the last token by default.
    advance
        Told after each prompt.
    store
        Where metrics are kept; those that are there are not computed again.

    Raises
    ------
    InvalidInput
        As ``Continuation``; if a store is given and the model has no identity, or a file in it is
        damaged.
    """
    if store is not None and not isinstance(model, LanguageModel):
        raise InvalidInput(
            f"a store needs a LanguageModel, got {type(model).__name__}; load it with load_model"
        )
    decoder = decoder_of(model)
    index = decoder.layer_index(layer)
    for done, prompt in enumerate(prompts, start=1):
        ids = token_ids(decoder, prompt)
        place = position_index(ids.shape[1], position)
        if store is None:
            metric = Continuation(model, ids, index, place).fisher()
        else:
            path = store.path(model, ids[0].tolist(), index, place)
            known = store.read(path, decoder.width)
            metric = Continuation(model, ids, index, place).fisher() if known is None else known
            if known is None:
                store.write(path, metric)
        advance(done, len(prompts), "Fisher metrics")
        yield metric


def mean_fisher(
    model: Any,
    prompts: Sequence[Any],
    layer: int,
    position: int = -1,
    *,
    advance: Advance = silent,
    store: MetricStore | None = None,
) -> np.ndarray:
    """The mean (d, d) of ``fisher_metrics``; two of them are in memory at a time.

    Raises
    ------
    InvalidInput
        If there are no prompts, or as ``fisher_metrics``.
    """
    if not len(prompts):
        raise InvalidInput("prompts must hold at least one prompt, got none")
    return mean_of(fisher_metrics(model, prompts, layer, position, advance=advance, store=store))


def mean_of(metrics: Iterable[np.ndarray]) -> np.ndarray:
    """(d, d) mean of one or more, added up in their order; they may be read one after another."""
    waiting = iter(metrics)
    total, count = next(waiting).copy(), 1
    for metric in waiting:
        total += metric
        count += 1
    return total / count


def metric_error(
    model: LanguageModel,
    prompts: Sequence[Any],
    layer: int,
    position: int = -1,
    *,
    reference: LanguageModel | None = None,
    advance: Advance = silent,
) -> float:
    """Largest ‖G − G_ref‖₂ over prompts: what rounding does to a metric in the model's dtype.

    Both metrics are taken at the state that the model has in its own dtype. By Weyl's inequality no
    eigenvalue of G is off by more, so that one below it must not be called zero or anything else;
    pass it to ``Spectrum.of(..., error=...)``. The error of a mean is at most the mean of the
    errors, and a few prompts stand for all.

    Parameters
    ----------
    model
        In the dtype whose error is asked for.
    prompts
        A subset of those in use, token ids; each costs about as much as four metrics.
    layer, position
        As for ``Continuation``.
    reference
        The same weights in a wider dtype; by default ``model.to_dtype("float64")``, which takes
        twice (from bfloat16 four times) the memory of the model once more. A bfloat16 model too
        large for that may be compared with its float32 copy.
    advance
        Told after each prompt.

    Raises
    ------
    InvalidInput
        If there are no prompts, or the reference is no wider than the model.
    """
    if not len(prompts):
        raise InvalidInput("prompts must hold at least one prompt, got none")
    wide = model.to_dtype("float64") if reference is None else reference
    decoder, other = decoder_of(model).model, decoder_of(wide).model
    if other.dtype.itemsize <= decoder.dtype.itemsize:
        raise InvalidInput(
            f"reference must be in a wider dtype than the model's {decoder.dtype}, "
            f"got {other.dtype}; a float64 metric has the rounding that Spectrum measures"
        )
    found = []
    for done, prompt in enumerate(prompts, start=1):
        here = Continuation(model, prompt, layer, position)
        exact = Continuation(wide, prompt, layer, position).fisher(here.state.to(other.dtype))
        found.append(float(np.linalg.norm(here.fisher() - exact, 2)))
        advance(done, len(prompts), "Fisher metrics in a wider dtype")
    return max(found)
