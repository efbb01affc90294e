r"""Which latents of an unknown sparse mixing are determined by its graph (theory.md R2).

Outputs and latents are the two sides of a bipartite graph, with an edge where an output depends on
a latent. The criterion holds for latent j if some outputs C_j meet in j alone. If it holds for
*all* latents and the Jacobian varies enough (span condition), they are determined up to order and
an invertible map of each (Zheng, Ng & Zhang 2022, arXiv:2206.07751). That is sufficient: a latent
for which it fails is not thereby shown to be lost, and one for which it holds beside others that
fail is not thereby determined. It is necessary too against rivals that differ by the same matrix
at all points (proofs/structural_sparsity.py). For a constant mixing it is not even sufficient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from identifiability.errors import InvalidInput


@dataclass(frozen=True)
class LatentVerdict:
    """What the graph says of one latent; see the module for what follows from it.

    Parameters
    ----------
    latent
        Its column.
    criterion_holds
        Whether some outputs share it and nothing else.
    outputs
        A smallest-by-inclusion set of such outputs; if there is none, all those with the latent.
    shared_with
        Latents that enter every output that this one enters: any multiple of theirs may hide in it.
    """

    latent: int
    criterion_holds: bool
    outputs: tuple[int, ...]
    shared_with: tuple[int, ...]


def support_graph(pattern: Any) -> Any:
    """The bipartite networkx graph of a support (m, n): nodes ("output", i) and ("latent", j)."""
    import networkx as nx

    support = _as_pattern(pattern)
    graph = nx.Graph()
    graph.add_nodes_from((("output", i) for i in range(support.shape[0])), bipartite=0)
    graph.add_nodes_from((("latent", j) for j in range(support.shape[1])), bipartite=1)
    graph.add_edges_from((("output", int(i)), ("latent", int(j))) for i, j in np.argwhere(support))
    return graph


def structural_sparsity(pattern: Any) -> tuple[LatentVerdict, ...]:
    """The graph criterion for each latent of a support (m, n), boolean or a Jacobian's non-zeros.

    It says something of the latents only where it holds for all of them.

    Raises
    ------
    InvalidInput
        If it is sparse or not two-dimensional, or has entries that are not finite numbers.

    Examples
    --------
    >>> from identifiability.structural_sparsity import structural_sparsity
    >>> [v.criterion_holds for v in structural_sparsity([[1, 1], [0, 1]])]
    [False, True]
    """
    graph = support_graph(pattern)
    latents = sorted(node for node in graph if node[0] == "latent")
    return tuple(_verdict(graph, latent) for latent in latents)


def criterion(pattern: Any) -> bool:
    """Whether the criterion holds for every latent of the support (m, n): then it is sufficient."""
    return all(latent.criterion_holds for latent in structural_sparsity(pattern))


def containments(pattern: Any) -> np.ndarray:
    """(n, n) bool: whether the outputs of latent j lie among those of latent k."""
    support = _as_pattern(pattern)
    return np.logical_not(np.any(support[:, :, None] & ~support[:, None, :], axis=0))


def _verdict(graph: Any, latent: tuple[str, int]) -> LatentVerdict:
    outputs = sorted(graph[latent])
    if not outputs:  # it enters nothing: any latent may be added to it
        others = {n for n in graph if n[0] == "latent" and n != latent}
        return LatentVerdict(latent[1], False, (), tuple(sorted(n[1] for n in others)))
    common = set.intersection(*(set(graph[output]) for output in outputs)) - {latent}
    kept = list(outputs)
    for output in outputs if not common else ():
        rest = [o for o in kept if o != output]
        if rest and set.intersection(*(set(graph[o]) for o in rest)) == {latent}:
            kept = rest
    return LatentVerdict(
        latent[1], not common, tuple(o[1] for o in kept), tuple(sorted(n[1] for n in common))
    )


def _as_pattern(pattern: Any) -> np.ndarray:
    if hasattr(pattern, "toarray"):
        raise InvalidInput("pattern must be dense, got a sparse matrix; pass pattern.toarray()")
    support = np.asarray(pattern)
    if support.ndim != 2 or 0 in support.shape:
        raise InvalidInput(
            f"pattern must be (m, n), outputs in rows and latents in columns, got {support.shape}"
        )
    if support.dtype.kind not in "fiub" or not np.isfinite(support).all():
        raise InvalidInput(
            f"pattern must hold finite real numbers or booleans, got dtype {support.dtype}; pass "
            "the support of the Jacobian"
        )
    return support != 0
