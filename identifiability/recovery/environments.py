r"""Several environments: each sees a part of the same vector, together perhaps all of it.

.. math::
    r_e = J_e v, \qquad [v] = v + \bigcap_e \ker J_e, \qquad
    \dim\,[v]_{1..k} \ge \max(0,\, d - kr)

An environment may be a prompt set, a template, a language: anything with a Jacobian of its own into
which the *same* v is added. At rank r each at least ceil(d/r) are needed, and generically that many
are enough, unless they share a null direction (theory.md R3a).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from typing import Any

import numpy as np

from identifiability.errors import InvalidInput
from identifiability.recovery.base import as_list, as_system
from identifiability.recovery.linear import LinearRecovery, joined_groups
from identifiability.recovery.stability import Stability
from identifiability.recovery.stack import (
    Solution,
    counted,
    dimension_path,
    near_power_of_two,
    predict,
)
from identifiability.regime import SEVERAL_ENVIRONMENTS
from identifiability.verdict import Condition, Prediction

Block = tuple[np.ndarray, np.ndarray]  # J_e (m_e, d) and r_e (m_e,)


class EnvironmentRecovery(LinearRecovery):
    r"""One vector from its responses in several environments.

    Parameters
    ----------
    affine
        Whether the outputs are known to be affine in the state; if not, the class is one of first
        order (theory.md N2).
    accuracy
        Largest relative error of the row-space part that errors of the Jacobians may cause.
    jacobian_error, response_error
        Known bounds on the norms of the errors of *each* environment's Jacobian (spectral norm) and
        response; the errors of E of them stacked are at most sqrt(E) times as large.
    cut
        As that of ``LeastSquaresRecovery``, of the whole stack.

    Attributes
    ----------
    vector_ : (d,) array
        The least-norm solution of all environments together; nothing of the common kernel.
    kernel_ : (d, k) array
        Orthonormal basis of the common kernel: the null directions that all environments share.
    dimension_path_ : (E,) array
        Dimension of the class after 1, 2, ..., E environments in the order given; it never grows.
    needed_ : int
        Fewest further environments, each of the largest rank seen here, that could complete the
        recovery: ceil(k/r); 0 when nothing is missing, -1 when no environment shows anything.
    conditions_ : list of Condition
        ``enough environments``, ``no shared null direction``, ``gap``, ``full rank``, ``consistent
        response`` (that there is one v for all environments).
    prediction_ : Prediction
        Where the responses have no common v, ``affected`` holds the environments (numbered from 0)
        of which one disagrees with the rest: one if the others still overdetermine v.
    report_ : Report
        The verdict on the vector.

    Raises
    ------
    InvalidInput
        From ``fit``: arrays that are not real, finite and non-empty, widths or lengths that differ,
        or a single environment.

    Examples
    --------
    >>> fitted = EnvironmentRecovery().fit([[[1, 0, 0]], [[0, 2, 0]]], [[3], [4]])
    >>> fitted.vector_, fitted.dimension_path_, fitted.needed_
    (array([3., 2., 0.]), array([2, 1]), 1)
    """

    _regime = SEVERAL_ENVIRONMENTS
    dimension_path_: np.ndarray
    needed_: int

    def fit(self, jacobians: Any, responses: Any) -> EnvironmentRecovery:
        """Recover what all environments together show.

        Parameters
        ----------
        jacobians
            E >= 2 arrays or operators (m_e, d), strength included.
        responses
            E arrays (m_e,): the change of the outputs that the vector makes in each environment.
        """
        blocks = as_environments(jacobians, responses)
        self._check_parameters()
        blocks = self._balanced(blocks)
        solution = self._solve_environments(blocks)
        floor = solution.spectrum.resolution
        matrices = [matrix for matrix, _ in blocks]
        ranks = [counted(matrix, floor) for matrix in matrices]
        self.dimension_path_ = dimension_path(matrices, floor)
        largest = max(ranks)
        self.needed_ = ceil(solution.hidden / largest) if largest else -1
        conditions = [
            _enough(ranks, solution),
            _nothing_shared(ranks, solution),
            solution.gap,
            solution.full_rank,
            _one_vector(ranks, solution),
        ]
        prediction = predict(solution, _detail(ranks, solution, self.needed_))
        if solution.gap.holds and not solution.consistent.holds:
            prediction = self._outliers(blocks)
        seen = f"outputs of {len(blocks)} environments"
        self._learn(np.vstack(matrices), solution, conditions, prediction, seen=seen)
        return self

    def stability(
        self,
        jacobians: Any,
        responses: Any,
        *,
        groups: Any = None,
        splits: int = 10,
        seed: int = 0,
    ) -> Stability:
        """Whether halves of the data give the same vector, where both can see.

        Parameters
        ----------
        jacobians, responses
            As for ``fit``.
        groups
            One array (m_e,) for each environment: the prompt of every row; equal labels are one
            prompt in all environments. By default the environments themselves are split.
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
        blocks = as_environments(jacobians, responses)
        self._check_parameters()
        blocks = self._balanced(blocks)
        if groups is None:
            groups = [np.full(len(values), e) for e, (_, values) in enumerate(blocks)]
        labels = joined_groups(groups, [len(values) for _, values in blocks], "jacobians")
        matrix, values = (np.concatenate(part) for part in zip(*blocks, strict=True))
        return self._split(matrix, values, labels, splits, seed, parts=len(blocks))

    def _balanced(self, blocks: Sequence[Block]) -> list[Block]:
        """Blocks of about one size; as they are where their errors are stated in their own unit."""
        if self.jacobian_error or self.response_error:
            return list(blocks)
        sizes = [near_power_of_two(float(np.linalg.norm(matrix))) for matrix, _ in blocks]
        return [
            (matrix / size, values / size)
            for (matrix, values), size in zip(blocks, sizes, strict=True)
        ]

    def _solve_environments(self, blocks: Sequence[Block]) -> Solution:
        matrix, values = (np.concatenate(part) for part in zip(*blocks, strict=True))
        return self._solve(matrix, values, parts=len(blocks))

    def _outliers(self, blocks: Sequence[Block]) -> Prediction:
        """Which environment contradicts the others: without it, the rest has one v."""
        without = [[*blocks[:e], *blocks[e + 1 :]] for e in range(len(blocks))]
        suspects = tuple(
            e for e, rest in enumerate(without) if self._solve_environments(rest).consistent.holds
        )
        words = f"responses[{', '.join(map(str, suspects))}] disagrees with the others"
        if not suspects:
            words = "no common vector, whichever response is left out"
        elif len(suspects) > 1:
            words = f"one of {words}"
        return Prediction(None, f"undecided: {words}", (suspects,) if suspects else ())


def as_environments(jacobians: Any, responses: Any) -> list[Block]:
    """Checked pairs (J_e, r_e) of one width; errors name the environment, counted from 0."""
    jacobians = as_list(jacobians, "jacobians", "environment")
    responses = as_list(responses, "responses", "environment")
    if len(jacobians) != len(responses):
        raise InvalidInput(
            "jacobians and responses must have one entry for each environment, got "
            f"{len(jacobians)} and {len(responses)}"
        )
    if len(jacobians) < 2:
        raise InvalidInput(
            f"environments must be two or more, got {len(jacobians)}; for one use "
            "LeastSquaresRecovery"
        )
    blocks = []
    for e, (jacobian, response) in enumerate(zip(jacobians, responses, strict=True)):
        try:
            blocks.append(as_system(jacobian, response))
        except InvalidInput as error:
            raise InvalidInput(f"environment {e}: {error}") from None
    widths = [matrix.shape[1] for matrix, _ in blocks]
    if len(set(widths)) > 1:
        raise InvalidInput(
            f"jacobians must have one width, got {', '.join(map(str, widths))}; take all "
            "environments from the same model and layer"
        )
    return blocks


def _enough(ranks: Sequence[int], solution: Solution) -> Condition:
    total, width = sum(ranks), solution.spectrum.width
    return Condition(
        "enough environments",
        "the ranks of the environments add up to d",
        holds=total >= width if solution.gap.holds else None,
        statistic=float(total),
        threshold=float(width),
        reason="rank of a stack <= sum of ranks: ceil(d/r) environments at rank r (theory.md R3a)",
    )


def _excess(ranks: Sequence[int], solution: Solution) -> int:
    """Dimensions of the common kernel beyond those that the ranks alone leave."""
    return solution.hidden - max(0, solution.spectrum.width - sum(ranks))


def _nothing_shared(ranks: Sequence[int], solution: Solution) -> Condition:
    excess = _excess(ranks, solution)
    return Condition(
        "no shared null direction",
        "the kernels have no more in common than their dimensions enforce",
        holds=excess == 0 if solution.gap.holds else None,
        statistic=float(excess),
        threshold=0.0,
        reason=(
            "generic Jacobians leave max(0, d - sum of ranks) dimensions (theory.md R3a); more is "
            "a direction that all share, or an environment that repeats others"
        ),
    )


def _one_vector(ranks: Sequence[int], solution: Solution) -> Condition:
    """The stack's consistency, which says whether one v explains all environments."""
    reason = solution.consistent.reason
    assumed = sum(ranks) == solution.spectrum.rank()
    if assumed:
        reason += "; ranks add up to that of the stack: a common v is assumed here, not tested"
    statement = "one vector explains the responses of all environments, relative to their norm"
    return replace(solution.consistent, statement=statement, reason=reason, assumed=assumed)


def _detail(ranks: Sequence[int], solution: Solution, needed: int) -> str:
    excess = _excess(ranks, solution)
    if max(ranks) == 0:
        return "; no environment shows anything"
    more = f"; at least {needed} more of rank {max(ranks)} needed"
    return more if excess == 0 else f", {excess} of them shared beyond what ranks enforce{more}"
