r"""Fisher metrics of many prompts: one at a time, kept on disk if wished, and their mean.

Prompts are not computed together. A metric takes d rows of reverse mode and one product with the
head for each prompt, which fill the machine already. Measured for four prompts of one length on
SmolLM2, one batch of all takes as long as one after the other, the checks at construction left out
on both sides (docs/performance.md, ``benchmarks/bench_batching.py``). One at a time, an interrupted
run loses one prompt at most.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from identifiability.errors import InvalidInput
from identifiability.progress import Advance, silent
from identifiability.results import replacing
from llm_validation.continuation import Continuation
from llm_validation.inputs import position_index, token_ids
from llm_validation.models import LanguageModel
from llm_validation.structure import decoder_of

_FORMAT = 1  # of what a stored metric means; a change of it makes all of them again


class MetricStore:
    """A folder of metrics (d, d), one file for each prompt, found by what they were computed from.

    That is the SHA-256 of the weights as they were loaded, the dtype, the token ids, the layer and
    the position: weights changed in memory are not noticed. Files are replaced in one step.

    Parameters
    ----------
    folder
        Made if it is not there. A file takes 8 d² bytes: 2.7 MB at d = 576, 134 MB at d = 4096.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidInput(
                f"store must be a folder that can be made, got {self.folder} ({error.strerror}); "
                "choose another"
            ) from error

    def path(self, model: LanguageModel, ids: Sequence[int], layer: int, position: int) -> Path:
        """Where the metric of this prompt is or will be; layer and position counted from 0."""
        identity = [_FORMAT, model.weights_sha256, model.dtype, list(ids), layer, position]
        name = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:32]
        return self.folder / f"fisher-{name}.npy"

    def read(self, path: Path, width: int) -> np.ndarray | None:
        """The metric in this file, None if there is none.

        Raises
        ------
        InvalidInput
            If the file is not a metric of this width.
        """
        try:
            metric = np.load(path, allow_pickle=False)
        except FileNotFoundError:
            return None
        except (ValueError, EOFError, OSError) as error:
            raise InvalidInput(f"{path} is damaged ({error}); delete it") from error
        if metric.shape != (width, width) or metric.dtype != np.float64:
            raise InvalidInput(
                f"{path} must hold a ({width}, {width}) float64 metric, "
                f"got {metric.shape} {metric.dtype}; delete it"
            )
        return metric

    def write(self, path: Path, metric: np.ndarray) -> None:
        """Keep a metric; a reader meets the whole file or none."""
        with replacing(path) as stream:
            np.save(stream, metric, allow_pickle=False)


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
    metrics = fisher_metrics(model, prompts, layer, position, advance=advance, store=store)
    total = next(metrics).copy()
    for metric in metrics:
        total += metric
    return total / len(prompts)


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
