r"""R2c — an unknown mixing, sparse and varying enough, is known from its graph; a constant one not.

x = f(s) with Jacobians J^(1), ..., J^(L) (m, n) at some points; F is their joint support, rows(j)
the outputs that latent j enters. A rival parametrisation with Jacobians J^(l) T, T invertible and
the same at all points, must not be denser: |supp(JT)| <= |F|. If for every output i the rows
J^(l)_i span R^{F_i} (span condition), its support is F up to a permutation sigma of columns, and

.. math::
    T_{j\sigma(k)} \ne 0 \Rightarrow \operatorname{rows}(j) \subseteq \operatorname{rows}(k),

and every invertible T of this form is such a rival. So the latents are determined up to order and
scale iff no rows(j) lies in another rows(k), which is the criterion of Zheng et al. (2022): for
every latent j some outputs C_j have supports that meet in {j} only. For a constant (linear) mixing
the span condition fails for every output of two latents, and the criterion is not sufficient.

Symbolic part. Under the span condition supp(JT) is the Boolean product of F and supp(T) (shown for
two and three latents in a row; any number alike), so that the rest concerns supports only. Proof,
for every size: T is invertible, so its support contains a permutation sigma and supp(JT) contains F
permuted by sigma; as it is no larger it is equal, and a row i with j in F_i has
T_{j sigma(k)} != 0 only for k in F_i. Both are checked for all supports up to 4 x 3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, permutations, product

import numpy as np

import identifiability
from identifiability.structural_sparsity import containments, criterion
from proofs.theorem import (
    Assumption,
    Conclusion,
    Counterexample,
    FalseVariant,
    Identity,
    SymbolicProof,
    Theorem,
)

_ZERO = 1e-9  # share of the largest entry; integers of one digit mixed by null vectors of such
Pattern = np.ndarray  # F (m, n), bool


@dataclass(frozen=True)
class RivalMixings:
    """Jacobians of a mixing at some points, and a change of the latents there."""

    jacobians: np.ndarray  # (L, m, n), integers
    changes: np.ndarray  # T (L, n, n)

    @property
    def pattern(self) -> Pattern:
        return np.any(self.jacobians != 0, axis=0)

    @cached_property
    def rival_pattern(self) -> Pattern:
        return _support(self.jacobians @ self.changes)


def _support(stack: np.ndarray) -> Pattern:
    """Joint support of (L, m, n), relative to the largest entry of each column."""
    sizes = np.abs(stack).max(axis=0)
    return sizes > _ZERO * np.maximum(sizes.max(axis=0, keepdims=True), np.finfo(float).tiny)


# --- assumptions --------------------------------------------------------------------------------


def _spans(i: RivalMixings) -> bool:
    return all(
        not support.any()
        or int(identifiability.exact_rank(i.jacobians[:, row, support])) == support.sum()
        for row, support in enumerate(i.pattern)
    )


ASSUMPTIONS = (
    Assumption("span condition", "for every output i the rows J^(l)_i span R^{F_i}", _spans),
    Assumption(
        "one change of latents",
        "T is the same at all points",
        lambda i: bool(np.all(i.changes == i.changes[0])),
    ),
    Assumption(
        "invertible change",
        "T is invertible",
        lambda i: bool((np.linalg.cond(i.changes) < 1 / _ZERO).all()),
    ),
    Assumption(
        "no denser",
        "|supp(JT)| <= |F|",
        lambda i: int(i.rival_pattern.sum()) <= int(i.pattern.sum()),
    ),
)


# --- symbolic -----------------------------------------------------------------------------------


def _identities() -> Iterator[Identity]:
    import sympy as sp

    for size in (2, 3):
        rows = sp.Matrix(size, size, sp.symbols(f"j:{size * size}"))  # output i at `size` points
        column = sp.Matrix(sp.symbols(f"t:{size}"))
        seen = rows * column
        claim = f"{size} latents in a row that spans: J_i t = 0 at all points only if det t = 0"
        yield Identity(claim, rows.adjugate() * seen, rows.det() * column)

    a, b, c, d = sp.symbols("a b c d", nonzero=True)
    mixing, change = sp.Matrix([[a, 0], [0, b], [c, d]]), sp.Matrix([[1, 0], [-c / d, 1]])
    claim = "constant mixing with supports {1}, {2}, {1, 2}: for all entries a rival as sparse"
    yield Identity(claim, mixing * change, sp.Matrix([[a, 0], [-b * c / d, b], [0, d]]))

    for outputs, latents in ((3, 2), (4, 2), (3, 3), (4, 3)):
        of_form, no_denser, criteria, alone = _all_supports(outputs, latents)
        claim = f"all F of {outputs} x {latents} and all supports of T: no denser iff of that form"
        yield Identity(claim, bool(np.array_equal(of_form, no_denser)), True)
        claim = f"{outputs} x {latents}: outputs meeting in {{j}}, any C_j, iff rows(j) in no other"
        yield Identity(claim, bool(np.array_equal(criteria, alone)), True)
    claim = "3 x 3 supports that contain a permutation: 247 (OEIS A088672)"
    yield Identity(claim, len(_with_permutation(3)), 247)


def _with_permutation(latents: int) -> list[tuple[int, ...]]:
    """Supports of invertible matrices, each column a bit mask over the rows."""
    masks = product(range(2**latents), repeat=latents)
    orders = list(permutations(range(latents)))
    return [t for t in masks if any(all(t[c] >> j & 1 for j, c in enumerate(o)) for o in orders)]


def _all_supports(outputs: int, latents: int) -> tuple[np.ndarray, ...]:
    """Truth for all F (and T): of the form, no denser; criterion by all C_j, no containment."""
    columns = np.array(list(product(range(2**outputs), repeat=latents)))  # rows(k) as bit masks
    count = np.array([mask.bit_count() for mask in range(2**outputs)])
    of_form, no_denser = [], []
    for support in _with_permutation(latents):
        rival = np.zeros_like(columns)
        for j, c in product(range(latents), repeat=2):
            if support[c] >> j & 1:
                rival[:, c] |= columns[:, j]
        inside = [
            (rival[:, order] & ~columns == 0).all(axis=1)
            for order in map(list, permutations(range(latents)))
        ]
        of_form.append(np.any(inside, axis=0))
        no_denser.append(count[rival].sum(axis=1) <= count[columns].sum(axis=1))

    bits = columns[:, None, :] >> np.arange(outputs)[:, None] & 1  # (all F, m, n)
    choices = [list(c) for r in range(outputs) for c in combinations(range(outputs), r + 1)]
    common = np.stack([bits[:, c].all(axis=1) for c in choices])
    singled = (common & (common.sum(axis=2, keepdims=True) == 1)).any(axis=0)
    others = columns[:, :, None] & ~columns[:, None, :] == 0
    alone = others.sum(axis=(1, 2)) == latents
    return np.array(of_form), np.array(no_denser), singled.all(axis=1), alone


# --- numeric ------------------------------------------------------------------------------------


def sample(rng: np.random.Generator) -> RivalMixings:
    """Two to four latents, each in some output; points enough for the span condition."""
    while True:
        pattern = rng.random((int(rng.integers(3, 6)), int(rng.integers(2, 5)))) < 0.5
        points = int(pattern.sum(axis=1).max()) + int(rng.integers(0, 2))
        if pattern.any(axis=0).all() and (drawn := _mixing(pattern, points, rng)):
            return drawn


def _mixing(pattern: Pattern, points: int, rng: np.random.Generator) -> RivalMixings | None:
    """Random entries on the pattern and a sparsest rival; None if by accident they do not span."""
    entries = rng.integers(1, 10, (points, *pattern.shape))
    entries *= rng.choice([-1, 1], entries.shape) * pattern
    rival = np.repeat(sparsest_change(entries, rng)[None], points, axis=0)
    drawn = RivalMixings(entries, rival)
    return drawn if _spans(drawn) or points < pattern.sum(axis=1).max() else None


def sparsest_change(jacobians: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random T (n, n) among the invertible ones that make JT sparsest, by exhaustive search.

    The entries that one column t leaves are a weight on vectors, and bases of least total weight
    are those that a greedy choice finds. A vector of least weight is generic among those with its
    zeros, so random vectors of the null space of every set of outputs are the candidates.
    """
    _, outputs, latents = jacobians.shape
    candidates = []
    for size in range(outputs + 1):
        for zeros in map(list, combinations(range(outputs), size)):
            rows = jacobians[:, zeros].reshape(-1, latents).astype(float)
            _, singular, right = np.linalg.svd(np.vstack([rows, np.zeros((1, latents))]))
            null = right[int(np.sum(singular > _ZERO * max(1.0, singular.max()))) :]
            candidates += list(rng.uniform(-1, 1, (len(null), len(null))) @ null)
    weights = _support(jacobians @ np.array(candidates).T).sum(axis=0)
    chosen: list[np.ndarray] = []
    for index in np.lexsort((rng.random(len(candidates)), weights)):
        extended = np.array([*chosen, candidates[index] / np.linalg.norm(candidates[index])])
        if len(chosen) < latents and np.linalg.svd(extended, compute_uv=False)[-1] > 1e-6:
            chosen = list(extended)
    return np.array(chosen).T


def _form_error(i: RivalMixings) -> float:
    """Largest entry of T where the form has none, relative to its column, for the best sigma."""
    forbidden = ~containments(i.pattern)
    sizes = np.abs(i.changes) / np.abs(i.changes).max(axis=1, keepdims=True)
    orders = permutations(range(len(forbidden)))
    return min(float(np.max(sizes[:, :, list(order)] * forbidden)) for order in orders)


def _criterion_error(i: RivalMixings, claimed: Callable[[Pattern], bool]) -> float:
    """Against whether the rival is a permutation and scaling of the latents, as searched for."""
    sizes = np.abs(i.changes) / np.abs(i.changes).max(axis=1, keepdims=True)
    only_scaled = bool(np.all((sizes > 1e-6).sum(axis=1) == 1))
    return abs(float(claimed(i.pattern)) - float(only_scaled))


def _freedom_error(i: RivalMixings) -> float:
    """Pairs with rows(j) in rows(k), against the dimension over Q of {T: supp(JT) within F}."""
    latents = i.pattern.shape[1]
    free = 0
    for column in i.pattern.T:
        equations = i.jacobians[:, ~column].reshape(-1, latents)
        rank = int(identifiability.exact_rank(equations)) if len(equations) else 0
        free += latents - rank
    return abs(float(containments(i.pattern).sum()) - free)


def _size_error(i: RivalMixings) -> float:
    return abs(float(i.rival_pattern.sum()) - float(i.pattern.sum()))


_INTEGERS = {"tolerance": 0.0, "because": "integers", "broken_above": 0.5}

CONCLUSIONS = (
    Conclusion(
        "form",
        "T_{j sigma(k)} != 0 only where rows(j) lies in rows(k), for some permutation sigma",
        _form_error,
        tolerance=1e-9,
        because="null vectors of integers of one digit, to rounding; T is conditioned to 1e-6",
        broken_above=1e-2,
    ),
    Conclusion(
        "size",
        "the sparsest rival has |F| entries, not fewer",
        _size_error,
        **_INTEGERS,
    ),
    Conclusion(
        "criterion",
        "the sparsest rivals are permutations and scalings iff the graph criterion holds",
        lambda i: _criterion_error(i, criterion),
        **_INTEGERS,
    ),
    Conclusion(
        "freedom",
        "{T: supp(JT) within F} has a dimension for each pair with rows(j) in rows(k), j = k too",
        _freedom_error,
        **_INTEGERS,
    ),
)


# --- what breaks without each assumption --------------------------------------------------------

_CYCLE = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 1]], bool)
_TWO_ALONE = np.array([[1, 0], [0, 1], [1, 1]], bool)


def _constant_mixing(rng: np.random.Generator) -> RivalMixings:
    mixing = np.array([[[1, 0], [0, 1], [1, 1]]])
    return RivalMixings(mixing, np.array([[[1.0, 0.0], [-1.0, 1.0]]]))


def _cycle(rng: np.random.Generator, *changes: np.ndarray) -> RivalMixings:
    jacobians = np.array([[[2, 1, 0], [0, 3, 1], [1, 0, 4]], [[1, 2, 0], [0, 1, -1], [3, 0, 2]]])
    return RivalMixings(jacobians, np.array(changes) if changes else np.linalg.inv(jacobians))


COUNTEREXAMPLES = (
    Counterexample(
        "span condition",
        _constant_mixing,
        breaks="form",
        story="x = (s1, s2, s1 + s2) satisfies the criterion; with s2 = s2' - s1 it is "
        "(s1, s2' - s1, s2'), as sparse",
    ),
    Counterexample(
        "one change of latents",
        _cycle,
        breaks="size",
        story="T = J^-1 at each point, that is s' = x: 3 entries where the cyclic mixing has 6",
    ),
    Counterexample(
        "invertible change",
        lambda rng: _cycle(rng, *[np.array([[1.0, 1, 0], [0, 0, 1], [0, 0, 0]])] * 2),
        breaks="form",
        story="the first latent twice, the third not at all: as sparse, and no parametrisation",
    ),
    Counterexample(
        "no denser",
        lambda rng: _cycle(rng, *[np.eye(3) + rng.uniform(0.1, 0.3, (3, 3))] * 2),
        breaks="form",
        story="any invertible T will do, if its mixing may be dense",
    ),
)


# --- false variants -----------------------------------------------------------------------------


def _sampled(pattern: Pattern, points: int) -> Callable[[np.random.Generator], RivalMixings]:
    def draw(rng: np.random.Generator) -> RivalMixings:
        while not (drawn := _mixing(pattern, points, rng)):
            pass
        return drawn

    return draw


def _has_pure_outputs(pattern: Pattern) -> bool:
    return bool(pattern[pattern.sum(axis=1) == 1].any(axis=0).all())


FALSE_VARIANTS = (
    FalseVariant(
        "the graph criterion suffices for a constant mixing as well (one point)",
        instead_of="criterion",
        discrepancy=lambda i: _criterion_error(i, criterion),
        sample=_sampled(_TWO_ALONE, 1),
    ),
    FalseVariant(
        "each latent needs an output of its own",
        instead_of="criterion",
        discrepancy=lambda i: _criterion_error(i, _has_pure_outputs),
        sample=_sampled(_CYCLE, 2),
    ),
    FalseVariant(
        "it is enough that no two latents enter the same outputs",
        instead_of="criterion",
        discrepancy=lambda i: _criterion_error(
            i, lambda pattern: len(set(map(tuple, pattern.T))) == pattern.shape[1]
        ),
        sample=_sampled(np.array([[1, 1], [0, 1]], bool), 2),
    ),
)


THEOREM = Theorem(
    id="R2c",
    name="structural_sparsity",
    title="Structural sparsity",
    statement=(
        "Let the Jacobians J^(l) of a mixing at L points have joint support F, with rows that span "
        "R^{F_i} for every output i, and let T be invertible, the same at all points, with "
        "|supp(JT)| <= |F|. Then for some permutation sigma T_{j sigma(k)} != 0 only where rows(j) "
        "lies in rows(k). So the latents are determined up to order and scale iff for every "
        "latent j some outputs have supports that meet in {j} only. For a constant mixing this "
        "is not sufficient."
    ),
    latex=(
        r"\forall j\ \exists C_j: \bigcap_{i \in C_j} F_i = \{j\} \iff "
        r"\bigl(|\operatorname{supp}(JT)| \le |F| \Rightarrow T \text{ permutes and scales}\bigr)"
    ),
    regime="black box for the mixing: J known up to a change of the latents",
    observable="supports of the mixing's Jacobian at several points",
    estimand="the latents, and so the columns of the mixing, up to order and scale",
    assumptions=ASSUMPTIONS,
    symbolic=SymbolicProof(
        "all real Jacobians with two or three latents in a row (any number alike), and all "
        "supports up to 4 x 3; every size by the argument above",
        _identities,
    ),
    sample=sample,
    oracle="exhaustive search for the sparsest change of latents; dimensions over Q",
    conclusions=CONCLUSIONS,
    counterexamples=COUNTEREXAMPLES,
    false_variants=FALSE_VARIANTS,
    sources=("Zheng, Ng & Zhang 2022, arXiv:2206.07751 (Theorem 1)", "theory.md R2"),
    scope=(
        "Zheng et al. assume one matrix with the support of the change of latents that keeps the "
        "rival's pattern at the chosen points: that assumption is what "
        "excludes changes that vary freely, of which s' = x is sparser than any mixing."
    ),
    instances=40,
)

if __name__ == "__main__":
    from proofs.script import main

    main(THEOREM)
