"""One vector read at several layers: what each read adds, and what no further one finds (R4)."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from identifiability.disjoint_paths import most_disjoint_paths
from identifiability.recovery.cross_layer import CrossLayerRecovery
from toy_models.cells.planted_vectors import failed_and, kernel_lost, measure_kernel
from toy_models.layered import Layered, LayeredStack, SteeredLayers
from toy_models.matrix import Measurement, Row, row
from toy_models.sparse_layers import SparseLayers


def measure(model: Any, seed: int) -> Measurement:
    """Recover many vectors from the reads of all layers."""
    instance = model.sample(seed)

    def fit(vector: np.ndarray) -> CrossLayerRecovery:
        recovery = CrossLayerRecovery(affine=True)
        return recovery.fit(instance.transports, instance.reads, instance.responses(vector))

    return measure_kernel(fit, instance.kernel, equations=_equations(instance), seed=seed)


def _equations(instance: Layered) -> int:
    return sum(len(read) for read in instance.reads if read is not None)


def _row(model: Any, condition: str, *, hidden: int, paths: int, lost: int = 0) -> Row:
    """The class; and what the method is to say of it: disjoint paths, what later layers lose."""
    failure = None
    if hidden:
        found = kernel_lost(hidden, model.width)
        said = f"{found}; {lost} lost to all later layers; {paths} disjoint paths"
        failure = failed_and(found, said)
    return row("cross_layer", model, condition, failure, partial(measure, model))


def _stack_row(condition: str, *, lost: int = 0, **values: Any) -> Row:
    """Dense entries (or the identity): as many disjoint paths as rows, up to d."""
    model = LayeredStack(**values)
    rows = model.outputs * (model.layers + 1 - model.first_read)
    paths = min(model.width, rows)
    return _row(model, condition, hidden=model.lost, paths=paths, lost=lost)


def _observability_rows() -> list[Row]:
    """d = 8, two reads a layer: the fourth layer completes the rank, the third does not."""
    condition = "the stack of reads has rank d"
    return [
        _stack_row(condition, layers=3),
        _stack_row(condition, layers=2),
        _stack_row(condition, layers=3, maps="residual"),
        _stack_row(condition, layers=2, maps="residual"),
        _stack_row(condition, layers=3, same_read=True),
        _stack_row(condition, layers=3, maps="residual", same_read=True),
    ]


def _hidden_rows() -> list[Row]:
    """Phi n = n and C n = 0: no number of layers is enough; of one repeated layer neither."""
    condition = "no invariant subspace is hidden from all reads"
    repeated = {"same_read": True, "same_map": True}
    return [
        _stack_row(condition, layers=6),
        _stack_row(condition, layers=6, hidden=1),
        _stack_row(condition, layers=12, hidden=3),
        _stack_row(condition, layers=4, **repeated),
        _stack_row(condition, layers=4, hidden=2, **repeated),
        _stack_row(condition, layers=8, hidden=2, **repeated),
    ]


def _identity_rows() -> list[Row]:
    condition = "layers or reads change from layer to layer"
    return [
        _stack_row(condition, layers=7, outputs=1, maps="identity"),
        _stack_row(condition, layers=7, outputs=1, maps="identity", same_read=True),
        _stack_row(condition, layers=7, outputs=1, maps="residual", same_read=True),
    ]


def _rank_rows() -> list[Row]:
    """What the first map drops is seen below it or never: 4 + 2 or 6 + 2 of 8 dimensions."""
    condition = "what the layer maps drop is read before them"
    return [
        _stack_row(condition, layers=6, rank=6),
        _stack_row(condition, layers=6, rank=4, lost=2),
        _stack_row(condition, layers=6, rank=6, first_read=1, lost=2),
        _stack_row(condition, layers=6, rank=4, first_read=1, lost=4),
    ]


def _consistency_rows() -> list[Row]:
    """The paths count rows as if they were independent; transported vectors repeat one read."""
    condition = "the layers are steered with the same v, not with transported ones"
    models = SteeredLayers(vectors="same"), SteeredLayers(), SteeredLayers(layers=8)
    return [_row(model, condition, hidden=model.lost, paths=8) for model in models]


def _sparse_row(**values: Any) -> Row:
    """The class is what the pattern leaves, and lost what a read of all of layer K leaves."""
    model = SparseLayers(**values)
    maps, reads = model.patterns()
    paths = most_disjoint_paths(maps, reads)
    whole = np.vstack([reads[-1], np.eye(model.width, dtype=bool)])
    lost = model.width - most_disjoint_paths(maps, [*reads[:-1], whole])
    condition = "every coordinate has a path of its own to a read"
    return _row(model, condition, hidden=model.width - paths, paths=paths, lost=lost)


def _sparse_rows() -> list[Row]:
    random = {"pattern": "random", "outputs": 2}
    return [
        _sparse_row(pattern="chain", layers=5),
        _sparse_row(pattern="chain", layers=3),
        _sparse_row(pattern="hub", layers=3),
        _sparse_row(**random, layers=3, pattern_seed=1),
        _sparse_row(**random, layers=4, pattern_seed=0),
        _sparse_row(**random, layers=4, pattern_seed=0, density=0.6),
    ]


ROWS = (
    *_observability_rows(),
    *_hidden_rows(),
    *_identity_rows(),
    *_rank_rows(),
    *_consistency_rows(),
    *_sparse_rows(),
)
