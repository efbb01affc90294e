r"""Several layers: what each read of a later layer adds about a vector at layer 0.

.. math::
    r_k = C_k \Phi_{0 \to k}\, v, \qquad
    O = [C_0;\ C_1 \Phi_{0 \to 1};\ \dots;\ C_K \Phi_{0 \to K}], \qquad [v] = v + \ker O

State means the state at all positions. Reading further layers never enlarges the class; what one
layer map loses no later read finds again; and imposing v_{k+1} = Phi_k v_k while reading nothing
new adds no rank (theory.md R4).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import structural_rank
from sklearn.utils.validation import check_is_fitted

from identifiability.disjoint_paths import most_disjoint_paths
from identifiability.recovery.layers import Layers, Observability
from identifiability.recovery.linear import LinearRecovery, joined_groups
from identifiability.recovery.stability import Stability
from identifiability.recovery.stack import Solution, dimension_path, predict
from identifiability.regime import MULTI_LAYER
from identifiability.spectrum import Spectrum
from identifiability.verdict import Condition


class CrossLayerRecovery(LinearRecovery):
    r"""One vector at layer 0 from reads of several layers.

    Parameters
    ----------
    affine
        Whether the layers are known to be affine; if not, the class is one of first order.
    accuracy
        Largest relative error of the row-space part that errors of the stack may cause.
    jacobian_error, response_error
        Known bounds on the norm of the error of the whole stack O (spectral norm) and of all
        responses together. The rounding of the products in O is measured and added.
    cut
        As that of ``LeastSquaresRecovery``, of the whole stack.

    Attributes
    ----------
    vector_ : (d,) array
        The least-norm solution; nothing of the unobservable part.
    kernel_ : (d, k) array
        Orthonormal basis of the unobservable subspace ker O.
    lost_ : (d, j) array
        Of that, what is zero at the last layer given: no read of any later layer can see it. None
        of it is known (j = 0) where the maps are not given.
    dimension_path_ : (K + 1,) array
        Dimension of the class after the reads of layers 0..k; it never grows.
    disjoint_paths_ : int
        Most vertex-disjoint paths from coordinates of layer 0 to reads through entries that are not
        zero: the rank of O for almost all entries in those places.
    conditions_ : list of Condition
        ``enough disjoint paths``, ``gap``, ``full rank`` (of O: observability), ``consistent
        response``, and ``further layers can help``. The last one fails for one layer map repeated
        with one read as soon as a layer adds nothing (Cayley--Hamilton), and where all of the
        kernel is lost; otherwise it depends on the layers to come and is not decided.
    prediction_, report_ : Prediction, Report
        As those of ``LeastSquaresRecovery``.

    Raises
    ------
    InvalidInput
        From ``fit``: arrays that are not real, finite and non-empty, layers that do not fit
        together, a single layer, or no read at all.

    Examples
    --------
    >>> shift, read = [[0, 1], [0, 0]], [[1, 0]]
    >>> fitted = CrossLayerRecovery().fit([shift], [read, read], [[3], [4]])
    >>> fitted.vector_, fitted.dimension_path_
    (array([3., 4.]), array([1, 0]))
    """

    _regime = MULTI_LAYER
    dimension_path_: np.ndarray
    lost_: np.ndarray
    disjoint_paths_: int

    def fit(self, transports: Any, reads: Any, responses: Any) -> CrossLayerRecovery:
        """Recover what the reads of all layers together show.

        Parameters
        ----------
        transports
            K >= 1 arrays (d_{k+1}, d_k), the map from layer k to layer k + 1. Or None where the
            maps are not at hand and reads come pulled back to layer 0, as C_k Phi_{0->k}, which is
            what differentiating them backwards gives.
        reads
            K + 1 arrays (m_k, d_k); None where a layer is not read.
        responses
            K + 1 arrays (m_k,), the change that the vector makes in each read; None as there.
        """
        layers = Layers(transports, reads, responses)
        self._check_parameters()
        seen = layers.observability(balance=not (self.jacobian_error or self.response_error))
        matrix = np.vstack(seen.blocks)
        solution = self._solve(matrix, seen.values, rounding=seen.rounding)
        self._sizes = seen.sizes
        self.dimension_path_ = dimension_path(seen.blocks, solution.spectrum.resolution)
        self.lost_ = _lost(seen, solution)
        self.disjoint_paths_ = _paths(layers, matrix, solution)
        paths, lost = self.disjoint_paths_, self.lost_.shape[1]
        conditions = [
            _enough_paths(paths, layers, solution),
            solution.gap,
            replace(solution.full_rank, statement="ker O = {0} down to the noise floor"),
            solution.consistent,
        ]
        if solution.hidden > 0:
            conditions.append(_further(layers, self.dimension_path_, lost, solution))
        detail = f"; {lost} lost to all later layers" if layers.transports else ""
        detail += f"; {paths} disjoint paths"
        read = f"reads of {sum(len(read) > 0 for read in layers.reads)} layers"
        prediction = predict(solution, detail)
        self._learn(matrix, solution, conditions, prediction, seen=read, computed=True)
        return self

    def recover(self, responses: Any) -> np.ndarray:
        """What ``fit`` makes of other responses of the same reads, its conditions aside.

        Parameters
        ----------
        responses
            (..., M), those of all layers that are read, one after the other.

        Returns
        -------
        numpy.ndarray
            (..., d) vectors, without unobservable part.

        Raises
        ------
        InvalidInput
            If they are not real and finite, or not as many as the reads.
        sklearn.exceptions.NotFittedError
            Before ``fit``.
        """
        check_is_fitted(self)
        return self._recover(responses, self._sizes)

    def stability(
        self,
        transports: Any,
        reads: Any,
        responses: Any,
        *,
        groups: Any = None,
        splits: int = 10,
        seed: int = 0,
    ) -> Stability:
        """Whether halves of the reads give the same vector, where both can see.

        Parameters
        ----------
        transports, reads, responses
            As for ``fit``.
        groups
            One array (m_k,) for each layer, None where nothing is read: the prompt of every row;
            equal labels are one prompt at all layers. By default every row is its own.
        splits, seed
            Number of random splits, and their seed.

        Returns
        -------
        Stability
            As that of ``LeastSquaresRecovery``.

        Raises
        ------
        InvalidInput
            As ``fit``, and if halves have fewer than two dimensions in common.
        """
        layers = Layers(transports, reads, responses)
        self._check_parameters()
        seen = layers.observability(balance=not (self.jacobian_error or self.response_error))
        lengths = [len(block) for block in seen.blocks]
        if groups is None:
            groups = np.split(np.arange(sum(lengths)), np.cumsum(lengths)[:-1])
        groups = [[] if labels is None else labels for labels in groups]
        labels = joined_groups(groups, lengths, "reads")
        matrix = np.vstack(seen.blocks)
        return self._split(matrix, seen.values, labels, splits, seed, rounding=seen.rounding)


def _lost(seen: Observability, solution: Solution) -> np.ndarray:
    """(d, j) orthonormal basis of the part of the kernel that the map to the last layer kills."""
    kernel = solution.spectrum.null_space
    if kernel.shape[1] == 0 or seen.through is None:
        return kernel[:, :0]
    tilt = solution.kernel_angle_bound * float(np.linalg.norm(seen.through, 2))
    carried = Spectrum.of(seen.through @ kernel, error=tilt + seen.through_rounding, metric=False)
    return kernel @ carried.null_space


def _paths(layers: Layers, matrix: np.ndarray, solution: Solution) -> int:
    """Most disjoint paths; without a search where the rank proves them, which they bound."""
    most = min(matrix.shape)
    if solution.spectrum.rank() == most:
        return most
    if layers.transports:
        return most_disjoint_paths(layers.transports, layers.reads)
    # Of one layer they are a matching of coordinates and reads.
    return int(structural_rank(csr_array(matrix != 0)))


def _enough_paths(paths: int, layers: Layers, solution: Solution) -> Condition:
    most = min(layers.width, len(solution.factors[0]))
    search = "maximum flow" if layers.transports else "matching of coordinates and reads"
    return Condition(
        "enough disjoint paths",
        "every coordinate of layer 0 has a path of its own to a read",
        holds=paths >= layers.width,
        statistic=float(paths),
        threshold=float(layers.width),
        reason=(
            "the rank of O is at most the number of vertex-disjoint paths, and equal to it for "
            "almost all entries that do not depend on each other (theory.md R4)"
        ),
        decided_by="rank, which bounds the paths" if solution.spectrum.rank() == most else search,
    )


def _further(layers: Layers, path: np.ndarray, lost: int, solution: Solution) -> Condition:
    """Whether reads of layers beyond the last one given could see more."""
    holds = None
    reason = "it depends on maps and reads to come; what is lost on the way is not seen again"
    if solution.decided and lost == solution.hidden:
        holds = False
        reason = "nothing of the kernel is left in the last layer"
    elif solution.decided and layers.repeated and np.any(path[1:] == path[:-1]):
        holds = False
        reason = "one map repeated with one read: after a layer that adds nothing none does "
        reason += "(Cayley-Hamilton; theory.md R4)"
    return Condition(
        "further layers can help",
        "some of the kernel is within the reach of reads beyond the last layer given",
        holds=holds,
        statistic=float(lost) if layers.transports else None,
        threshold=float(solution.hidden),
        reason=reason,
    )
