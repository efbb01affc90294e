r"""N3 — N prompts with m outputs each leave a class of dimension max(0, d - Nm), generically.

A network F_x(h) = K B phi(W h), the same for all prompts x = 1..N, reads a state of width d through
a linear layer W (q, d), coordinatewise phi, a layer B (w, q) behind it, and a readout K (m, w). If
phi is analytic and not affine, then for almost all weights and states the first-order class of any
v, which is v plus the kernel of the stacked Jacobians, has dimension

.. math::
    d - \min\bigl(d,\; q,\; N \min(w, m)\bigr), \qquad
    J_x = K B\, \mathrm{diag}\,\phi'(W h_x)\, W .

So a linear layer that all prompts share keeps d - q dimensions hidden for all weights and any
number of prompts; a narrow layer behind a non-linearity bounds each prompt only; and with neither
(q >= d, w >= m) the class is max(0, d - Nm): a point from N = d/m prompts on. Where the outputs are
softmax logits of which only the probabilities are seen, m - 1 stands for m: what is seen are
differences of logits, and differences of the rows of K are as free as its rows.

The symbolic part covers every size and every such phi. Minors of the stack are analytic in weights
and states, and an analytic function that is non-zero once is non-zero almost everywhere (Mityagin
2015), so one network of full rank proves the rank for almost all. That network: K, B and W partial
identities (B repeats I_k, k = min(w, m)), prompt x with slope phi' = s on its own k units and t on
the others. The minor splits into k blocks (s - t) I + t 11^T, whose determinants are checked for
up to five prompts; they hold for any number, 11^T having eigenvalues n and 0. It is also a stack
of N m rows, so almost all stacks of free rows have that rank as well (Leibniz: diagonal monomial).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations, product
from typing import Any

import numpy as np

import identifiability
from proofs.shared.integer_networks import (
    CUBIC,
    IDENTITY,
    RELU,
    SQUARE,
    IntegerNetwork,
    Sizes,
    generic_stack_rank,
    network,
    without_repetition,
)
from proofs.theorem import (
    Assumption,
    Conclusion,
    Counterexample,
    FalseVariant,
    Identity,
    SymbolicProof,
    Theorem,
)

# --- assumptions --------------------------------------------------------------------------------


def _no_value_twice(values: np.ndarray) -> bool:
    return len(set(values.ravel().tolist())) == values.size


ASSUMPTIONS = (
    Assumption(
        "analytic activation", "phi is real analytic", lambda i: i.activation.looks_analytic
    ),
    Assumption(
        "activation not affine",
        "phi is not affine",
        lambda i: not i.activation.is_affine,
    ),
    Assumption(
        "linear first layer",
        "nothing but a linear map comes before the activation",
        lambda i: all(np.array_equal(i.before.slope(h), i.before.slope(h * 0)) for h in i.states),
    ),
    Assumption(
        "weights with a density",
        "no weight occurs twice, as is almost sure where they have a joint density",
        lambda i: _no_value_twice(i.weights),
    ),
    Assumption(
        "states with a density",
        "no coordinate occurs twice, as is almost sure where they have one; so no prompt does",
        lambda i: _no_value_twice(i.states),
    ),
)


# --- symbolic -----------------------------------------------------------------------------------


def _identities() -> Iterator[Identity]:
    import sympy as sp

    for rows, width in ((2, 4), (4, 3)):
        size = min(rows, width)
        minor = sp.Matrix(size, size, sp.symbols(f"j:{size * size}"))
        found = minor.det().expand().coeff(sp.prod(minor.diagonal()))
        claim = f"free {rows} x {width} stack: diagonal monomial of the leading minor"
        yield Identity(claim, found, sp.Integer(1))

    s, t = sp.symbols("s t")
    for prompts in range(1, 6):
        block = (s - t) * sp.eye(prompts) + t * sp.ones(prompts)
        expected = (s - t) ** (prompts - 1) * (s + (prompts - 1) * t)
        yield Identity(f"det of a block, {prompts} prompts", block.det(), expected)
    for units, k in ((3, 1), (4, 2), (5, 2), (7, 3)):
        per_block = [len(range(i, units, k)) for i in range(k)]
        expected = sp.prod([(s - t) ** (n - 1) * (s + (n - 1) * t) for n in per_block])
        claim = f"a minor of the witness network, min(d, q) = {units}, {k} rows a prompt"
        yield Identity(claim, _witness(units, k, s, t).det(method="berkowitz"), expected)

    K, P = sp.Matrix(4, 2, sp.symbols("k:8")), sp.Matrix(2, 3, sp.symbols("p:6"))
    stack = K * P  # two prompts with readouts K_1 and K_2 of their own, and a shared P
    minors = [stack.extract(list(rows), [0, 1, 2]).det() for rows in combinations(range(4), 3)]
    claim = "shared P of rank 2: every minor of size 3 vanishes, for all weights (Cauchy-Binet)"
    yield Identity(claim, sp.Matrix(minors), sp.zeros(4, 1))
    claim = "and one of size 2 does not vanish identically"
    yield Identity(claim, stack[1:3, 1:].det(), K[1:3, :].det() * P[:, 1:].det())

    rng = np.random.default_rng(0)
    # Not above 3 for each prompt (a factor of that width); not below, by one instance.
    ranks = [generic_stack_rank((12, 12, 3, 5), prompts, rng) for prompts in (1, 2, 3, 4)]
    claim = "width 3 behind the activation, d = 12: ranks for 1 to 4 prompts (prime field)"
    yield Identity(claim, ranks, [3, 6, 9, 12])
    claim = "d = 60, m = 25: 3 prompts reach rank 60 (prime field)"
    yield Identity(claim, generic_stack_rank((60, 64, 40, 25), 3, rng), 60)
    for p in (2, 3, 5):
        singular = sum((a * d - b * c) % p == 0 for a, b, c, d in product(range(p), repeat=4))
        claim = f"quantised: p^3 + p^2 - p of the {p**4} 2 x 2 matrices modulo {p} are singular"
        yield Identity(claim, singular, p**3 + p**2 - p)


def _witness(units: int, k: int, s: Any, t: Any) -> Any:
    """(units, units) rows of [B diag(slopes_1); B diag(slopes_2); ...] in the witness network."""
    import sympy as sp

    def entry(row: int, unit: int) -> Any:
        read = row % k == unit % k  # B = [I_k I_k ...]
        return (s if row // k == unit // k else t) if read else 0

    return sp.Matrix(units, units, entry)


# --- numeric ------------------------------------------------------------------------------------


def sample(rng: np.random.Generator) -> IntegerNetwork:
    """Widths from 1 on, and up to one prompt more than could close the class."""
    d, q, w, m = (int(rng.integers(low, 9)) for low in (2, 1, 1, 2))
    prompts = int(rng.integers(1, 3 - (-d // min(w, m))))
    activation = (SQUARE, CUBIC)[rng.integers(2)]
    return network((d, q, w, m), prompts, without_repetition(rng), activation)


def _sample_without_bottleneck(rng: np.random.Generator) -> IntegerNetwork:
    """No narrow layer, and prompts enough to close the class."""
    m = int(rng.integers(2, 5))
    d = m + int(rng.integers(1, 5))
    return network((d, d + 1, m + 1, m), -(-d // (m - 1)), without_repetition(rng))


def _claimed(sizes: Sizes, prompts: int) -> int:
    """The theorem's formula for the dimension of the class."""
    d, q, w, m = sizes
    return d - min(d, q, prompts * min(w, m))


def _claimed_softmax(sizes: Sizes, prompts: int) -> int:
    d, q, w, m = sizes
    return _claimed((d, q, w, m - 1), prompts)


def _formula_error(
    net: IntegerNetwork, claimed: Callable[[Sizes, int], int], softmax: bool = False
) -> float:
    """Against the nullity over Q, for 1, 2, ..., N prompts."""

    def error(prompts: int) -> int:
        rank = int(identifiability.exact_rank(net.stack(prompts, softmax)))
        return abs(claimed(net.sizes, prompts) - (net.sizes[0] - rank))

    return max(error(prompts) for prompts in range(1, net.prompts + 1))


def _computed_error(net: IntegerNetwork, softmax: bool = False) -> float:
    """The class found in floating point against the nullity over Q."""
    exact = net.stack(net.prompts, softmax)
    seen, error = net.fisher_factor() if softmax else (exact.astype(float), 0.0)
    spectrum = identifiability.Spectrum.of(seen, error=error)
    found = identifiability.EquivalenceClass(spectrum, np.ones(net.sizes[0])).dimension
    return abs(found - (net.sizes[0] - int(identifiability.exact_rank(exact))))


def _genericity_error(net: IntegerNetwork) -> float:
    """Rank over Q of this very network against that of another one, over a prime field."""
    generic = generic_stack_rank(net.sizes, net.prompts, np.random.default_rng(0))
    return abs(generic - int(identifiability.exact_rank(net.stack(net.prompts))))


_INTEGERS = {"tolerance": 0.0, "because": "integers", "broken_above": 0.5}

CONCLUSIONS = (
    Conclusion(
        "dimension",
        "the class has dimension d - min(d, q, N min(w, m)), for 1, 2, ... N prompts",
        lambda i: _formula_error(i, _claimed),
        **_INTEGERS,
    ),
    Conclusion(
        "softmax dimension",
        "with only softmax probabilities seen, m - 1 stands for m",
        lambda i: _formula_error(i, _claimed_softmax, softmax=True),
        **_INTEGERS,
    ),
    Conclusion(
        "computed dimension",
        "EquivalenceClass finds that dimension in float64, from logits and from probabilities",
        lambda i: max(_computed_error(i), _computed_error(i, softmax=True)),
        **_INTEGERS,
    ),
    Conclusion(
        "one instance for almost all",
        "these weights have the rank of random weights over a prime field, where phi(z) = z^2",
        _genericity_error,
        **_INTEGERS,
    ),
)


# --- what breaks without each assumption --------------------------------------------------------


def _dead_relu(rng: np.random.Generator) -> IntegerNetwork:
    net = network((4, 4, 4, 4), 1, without_repetition(rng), RELU)
    return replace(net, first=abs(net.first), states=-abs(net.states))


def _affine_network(rng: np.random.Generator) -> IntegerNetwork:
    return network((6, 6, 2, 2), 3, without_repetition(rng), IDENTITY)


def _narrow_but_not_linear(rng: np.random.Generator) -> IntegerNetwork:
    return network((12, 3, 3, 3), 4, without_repetition(rng), SQUARE, before=SQUARE)


def _one_bit(rng: np.random.Generator) -> IntegerNetwork:
    net = network((2, 2, 2, 2), 1, without_repetition(rng))
    return replace(net, first=np.sign(np.array([[3, 1], [1, 3]], object)))


def _same_prompt_again(rng: np.random.Generator) -> IntegerNetwork:
    net = network((6, 6, 3, 3), 1, without_repetition(rng))
    return replace(net, states=net.states.repeat(3, axis=0))


COUNTEREXAMPLES = (
    Counterexample(
        "analytic activation",
        _dead_relu,
        breaks="dimension",
        story="ReLU, and every unit dead: on this open set of weights and states J = 0",
    ),
    Counterexample(
        "activation not affine",
        _affine_network,
        breaks="dimension",
        story="an affine network has one Jacobian: prompts 2 and 3 add no rank to the first's 2",
    ),
    Counterexample(
        "linear first layer",
        _narrow_but_not_linear,
        breaks="dimension",
        story="width 3 in d = 12, but behind squares: ranks 3, 6, 9, 12, so nothing stays hidden",
    ),
    Counterexample(
        "weights with a density",
        _one_bit,
        breaks="dimension",
        story="[[3, 1], [1, 3]] quantised to its signs is all ones, and hides e1 - e2",
    ),
    Counterexample(
        "states with a density",
        _same_prompt_again,
        breaks="dimension",
        story="one prompt three times: rank 3 of 6, not 6",
    ),
)


# --- false variants -----------------------------------------------------------------------------

FALSE_VARIANTS = (
    FalseVariant(
        "steering vectors are generically non-identifiable: the class has dimension 1 at least",
        instead_of="dimension",
        discrepancy=lambda i: _formula_error(i, lambda sizes, n: max(1, _claimed(sizes, n))),
        sample=_sample_without_bottleneck,
    ),
    FalseVariant(
        "any narrow layer hides as a shared linear one does: rank min(d, q, w, Nm)",
        instead_of="dimension",
        discrepancy=lambda i: _formula_error(
            i, lambda sizes, n: _claimed((sizes[0], min(sizes[1:3]), *sizes[2:]), n)
        ),
        sample=lambda rng: network((12, 12, 3, 5), 4, without_repetition(rng)),
    ),
    FalseVariant(
        "the class has dimension d - m, whatever the number of prompts",
        instead_of="dimension",
        discrepancy=lambda i: _formula_error(i, lambda sizes, n: max(0, sizes[0] - sizes[3])),
        sample=_sample_without_bottleneck,
    ),
    FalseVariant(
        "softmax probabilities show as much as logits",
        instead_of="softmax dimension",
        discrepancy=lambda i: _formula_error(i, _claimed, softmax=True),
        sample=_sample_without_bottleneck,
    ),
)


THEOREM = Theorem(
    id="N3",
    name="generic_class_dimension",
    title="Generic dimension of the class",
    statement=(
        "For every size d, q, w, m, number N of prompts and analytic, not affine phi: for almost "
        "all weights and states of F(h) = K B phi(W h), with W (q, d), B (w, q), K (m, w), the "
        "first-order class of every v has dimension d - min(d, q, N min(w, m)), and at least d - q "
        "for all weights and any N. For softmax probabilities m - 1 stands for m."
    ),
    latex=(
        r"\dim [v] = d - \min\bigl(d, q, N \min(w, m)\bigr) \text{ a.e.}, \qquad "
        r"J_x = K_x P,\ P \in \mathbb{R}^{q \times d} \Rightarrow \dim [v] \ge d - q"
    ),
    regime="white box, single layer",
    observable="all logits (or probabilities) at N prompts",
    estimand="v to first order at the steered states (exactly, where F_x is affine)",
    assumptions=ASSUMPTIONS,
    symbolic=SymbolicProof(
        "every size and every analytic phi that is not affine, almost all weights and states",
        _identities,
    ),
    sample=sample,
    oracle="rank over Q of integer networks, and rank of other ones over a random prime field",
    conclusions=CONCLUSIONS,
    counterexamples=COUNTEREXAMPLES,
    false_variants=FALSE_VARIANTS,
    sources=(
        "arXiv:2602.06801",
        "Mityagin 2015, arXiv:1512.07276 (zero sets of analytic functions)",
        "Schwartz 1980, doi:10.1145/322217.322225",
        "theory.md N3",
    ),
    scope=(
        "'Generically non-identifiable' (arXiv:2602.06801) holds with fewer rows than d, with a "
        "linear layer or symmetry shared by all prompts, or at a tolerance (N7). With logits of "
        "m >= d outputs, or N >= d/m prompts, and none of these, the generic class is a point."
    ),
    depends_on=("N1", "N7"),
)

if __name__ == "__main__":
    from proofs.script import main

    main(THEOREM)
