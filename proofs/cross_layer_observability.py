r"""R4a — a vector at layer 0 is known from reads of several layers up to the kernel of their stack.

State means the state at all positions. Layers h_{k+1} = Phi_k h_k + c_k, reads C_k h_k at layers
k = 0, ..., K, v added to h_0, Phi_{0->k} = Phi_{k-1} ... Phi_0. The vectors with the reads of v are

.. math::
    v + \ker O, \qquad O = [C_0;\ C_1 \Phi_{0 \to 1};\ \dots;\ C_K \Phi_{0 \to K}],

so v is identified iff rank O = d, and reading more layers never enlarges the class. What one layer
loses is lost: ker Phi_{0->1} is in ker Phi_{0->k} for all k, and changes nothing read after it.

One layer repeated with one read (Phi_k = Phi, C_k = C: Kalman): reads beyond layer d - 1 add
nothing (Cayley--Hamilton), ker O is the largest Phi-invariant subspace of ker C, and if Phi has d
different eigenvalues its dimension is the number of eigenvectors w of Phi with Cw = 0 (Popov,
Belevitch, Hautus).

Symbolic part. In the eigenbasis of Phi one read gives a Vandermonde determinant times the read's
entries: every Phi with different eigenvalues, d <= 4 shown (every d: Vandermonde). All real 2 x 2
Phi, whatever their eigenvalues. Cayley--Hamilton: all real Phi of size 2 and 3, and by the theorem
all. An invariant subspace of a Phi with different eigenvalues is spanned by eigenvectors.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np

import identifiability
from proofs.shared.integer_networks import CUBIC
from proofs.shared.layered_reads import LayeredReads, observability, without_bypass
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


def _eigenvalues_differ(i: LayeredReads) -> bool:
    values = np.linalg.eigvals(i.transports[0].astype(float))
    apart = np.abs(values[:, None] - values) + np.diag(np.full(values.size, np.inf))
    return bool(apart.min() > 1e-6 * max(1.0, float(np.abs(values).max())))


ASSUMPTIONS = (
    Assumption(
        "affine layers",
        "h_{k+1} = Phi_k h_k + c_k",
        lambda i: not np.diff(i.activation.value(np.arange(-6, 7)), n=2).any(),
    ),
    Assumption(
        "full state",
        "layer k + 1 sees layer 0 through the state of layer k only, all positions included",
        lambda i: not any(bypass.any() for bypass in i.bypasses),
    ),
    Assumption(
        "different eigenvalues",
        "Phi_0 has d different eigenvalues (for the repeated layer only)",
        _eigenvalues_differ,
    ),
)


# --- symbolic -----------------------------------------------------------------------------------


def _identities() -> Iterator[Identity]:
    import sympy as sp

    for width in (2, 3, 4):
        eigenvalues, read = sp.symbols(f"l:{width}"), sp.symbols(f"c:{width}")
        powers = sp.Matrix(width, width, lambda k, i, e=eigenvalues, c=read: c[i] * e[i] ** k)
        differences = [eigenvalues[j] - eigenvalues[i] for j in range(width) for i in range(j)]
        claim = f"d = {width}, in the eigenbasis: det O = product of c_i and of differences"
        yield Identity(claim, powers.det(method="berkowitz"), sp.prod([*read, *differences]))

    Phi, C = sp.Matrix(2, 2, sp.symbols("f:4")), sp.Matrix([sp.symbols("c0 c1")])
    hidden = sp.Matrix([-C[1], C[0]])  # spans ker C
    claim = "every 2 x 2 Phi: det O = 0 iff Phi maps ker C into itself (det [n, Phi n] = 0)"
    stack = C.col_join(C * Phi)
    yield Identity(claim, stack.det(), -sp.Matrix.hstack(hidden, Phi * hidden).det())

    for width in (2, 3):
        Phi = sp.Matrix(width, width, sp.symbols(f"f:{width**2}"))
        C = sp.Matrix([sp.symbols(f"c:{width}")])
        coefficients = Phi.charpoly().all_coeffs()
        rows = [C * Phi ** (width - k) for k in range(width + 1)]
        relation = sum((a * row for a, row in zip(coefficients, rows, strict=True)), 0 * C)
        claim = f"every {width} x {width} Phi: C Phi^{width} is a combination of the reads before"
        yield Identity(claim, relation, sp.zeros(1, width))

    u, w = sp.Matrix(sp.symbols("u:2")), sp.Matrix([sp.symbols("w:2")])
    later, read = sp.Matrix(2, 2, sp.symbols("p:4")), sp.Matrix(2, 2, sp.symbols("q:4"))
    lost = sp.Matrix([-w[1], w[0]])
    claim = "the kernel of Phi_0 = u w^T is invisible to every later layer and read"
    yield Identity(claim, read * (later * (u * (w * lost))), sp.zeros(2, 1))


# --- numeric ------------------------------------------------------------------------------------


def sample(rng: np.random.Generator) -> LayeredReads:
    """A first layer with known eigenvalues, of which the first read sees some; others at random."""
    width, layers = int(rng.integers(2, 6)), int(rng.integers(1, 5))
    hidden = int(rng.integers(0, width))
    first, read = _pair(width, hidden, int(rng.integers(1, 3)), rng)
    transports, reads = [first], [read if rng.random() < 0.5 else read[:0]]
    for _ in range(layers):
        below, above = len(transports[-1]), int(rng.integers(2, 6))
        rank = int(rng.integers(1, min(below, above) + 1))
        transports.append(rng.integers(-2, 3, (above, rank)) @ rng.integers(-2, 3, (rank, below)))
        reads.append(rng.integers(-2, 3, (int(rng.integers(0, 3)), below)))
    reads.append(rng.integers(-2, 3, (1, len(transports[-1]))))
    return without_bypass(transports, reads)


def _pair(
    width: int, hidden: int, rows: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Integer Phi with different eigenvalues, and C that kills ``hidden`` of its eigenvectors."""
    lower = np.tril(rng.integers(-1, 2, (width, width)), -1) + np.eye(width, dtype=int)
    upper = np.triu(rng.integers(-1, 2, (width, width)), 1) + np.eye(width, dtype=int)
    vectors = lower @ upper
    inverse = np.rint(np.linalg.inv(vectors)).astype(int)  # determinant 1
    values = rng.choice(np.arange(-4, 5), width, replace=False)
    seen = rng.integers(1, 4, (rows, width)) * rng.choice([-1, 1], (rows, width))
    seen[:, :hidden] = 0
    return vectors @ np.diag(values) @ inverse, seen @ inverse


def _repeated(rng: np.random.Generator, hidden: int) -> LayeredReads:
    """One layer and one read, d - 1 times after the first; ``hidden`` eigenvectors unseen."""
    width = int(rng.integers(3, 6))
    transport, read = _pair(width, hidden, 1, rng)
    return without_bypass([transport] * (width - 1), [read] * width)


def _dimension_error(i: LayeredReads, claimed: dict[int, int]) -> float:
    """Against the nullity over Q of the simulated responses to unit vectors, read up to layer k."""
    responses = i.responses(np.eye(i.width, dtype=int))
    nullities = {
        k: i.width - int(identifiability.exact_rank(np.vstack(responses[: k + 1]))) for k in claimed
    }
    return max(float(abs(claimed[k] - nullities[k])) for k in claimed)


def _read_layers(i: LayeredReads) -> list[int]:
    """Layers up to which something has been read."""
    return [k for k in range(len(i.reads)) if sum(map(len, i.reads[: k + 1]))]


def _classes(i: LayeredReads) -> dict[int, identifiability.EquivalenceClass]:
    """The class after reading layers 0, ..., k, for each k."""
    v = np.arange(1, i.width + 1)
    found = identifiability.EquivalenceClass
    return {k: found(i.observability(k), v, affine=True) for k in _read_layers(i)}


def _visible_change(i: LayeredReads) -> float:
    """Largest change of the reads of layers 0, ..., k over the class after layer k."""
    worst = 0.0
    for layer, seen in _classes(i).items():
        v = seen.vector[:, None]
        before = np.vstack(i.responses(v)[: layer + 1])
        after = np.vstack(i.responses(v + 10 * seen.basis)[: layer + 1])
        scale = np.linalg.norm(before) + np.linalg.norm(i.observability(layer))
        worst = max(worst, float(np.abs(after - before).max(initial=0.0) / max(1.0, scale)))
    return worst


def _resurfacing(i: LayeredReads) -> float:
    """Largest change of any state above layer 0 by what Phi_0 maps to 0."""
    _, singular, right = np.linalg.svd(i.transports[0].astype(float))
    lost = right[int(np.sum(singular > 1e-9 * singular.max())) :].T
    changes = [np.abs(h).max(initial=0.0) for h in i.states(lost)[1:]]
    scale = prod(max(1.0, float(np.linalg.norm(t, 2))) for t in i.transports)
    return float(max(changes) / scale)


def _hidden_eigenvectors(i: LayeredReads) -> int:
    """Eigenvectors w of Phi_0 with Cw = 0, for the read C that the first layer has or is given."""
    vectors = np.linalg.eig(i.transports[0].astype(float))[1]
    seen = np.abs(_first_read(i) @ vectors).max(axis=0)
    return int(np.sum(seen < 1e-8 * np.abs(_first_read(i)).max()))


def _first_read(i: LayeredReads) -> np.ndarray:
    return i.reads[0] if len(i.reads[0]) else np.eye(i.width, dtype=int)[:1]


def _repeated_error(i: LayeredReads, claimed: int, lengths: tuple[int, ...]) -> float:
    """Against the nullity over Q with Phi_0 and its read repeated, for that many reads."""
    return max(
        float(abs(claimed - (i.width - _repeated_rank(i.transports[0], _first_read(i), n))))
        for n in lengths
    )


def _repeated_rank(transport: np.ndarray, read: np.ndarray, reads: int) -> int:
    exact = transport.astype(object), read.astype(object)  # powers outgrow 64 bits
    stack = observability([exact[0]] * (reads - 1), [exact[1]] * reads)
    return int(identifiability.exact_rank(stack))


_INTEGERS = {"tolerance": 0.0, "because": "integers", "broken_above": 0.5}

CONCLUSIONS = (
    Conclusion(
        "dimension",
        "reads of layers 0, ..., k leave a class of dimension d - rank O_k, for every k",
        lambda i: _dimension_error(i, {k: c.dimension for k, c in _classes(i).items()}),
        **_INTEGERS,
    ),
    Conclusion(
        "members",
        "v + n has the reads of v for n in ker O_k, ||n|| = 10, up to layer k",
        _visible_change,
        tolerance=1e-11,
        because="rounding of up to five layers of width five",
    ),
    Conclusion(
        "what is lost stays lost",
        "ker Phi_{0->1} changes no state above layer 0, so no final output",
        _resurfacing,
        tolerance=1e-12,
        because="rounding, relative to the product of the layers' norms",
        broken_above=1e-2,
    ),
    Conclusion(
        "repeated layer",
        "dim ker O = eigenvectors of Phi in ker C, for d reads and for 2d",
        lambda i: _repeated_error(i, _hidden_eigenvectors(i), (i.width, 2 * i.width)),
        **_INTEGERS,
    ),
)


# --- what breaks without each assumption --------------------------------------------------------


def _bent(rng: np.random.Generator) -> LayeredReads:
    first, reads = np.diag([1, 2]), (np.zeros((0, 2), int), np.array([[2, -1]]))
    return LayeredReads((first,), reads, (np.zeros((2, 2), int),), CUBIC)


def _read_by_later_tokens(rng: np.random.Generator) -> LayeredReads:
    layers = np.diag([1, 2, 0]), np.eye(3, dtype=int)
    reads = np.zeros((0, 3), int), np.zeros((0, 3), int), np.array([[1, 1, 1]])
    return LayeredReads(layers, reads, (np.zeros((3, 3), int), np.diag([0, 0, 1])))


def _identity_layers(rng: np.random.Generator) -> LayeredReads:
    return without_bypass([np.eye(4, dtype=int)] * 3, [np.array([[1, 2, 3, 4]])] * 4)


COUNTEREXAMPLES = (
    Counterexample(
        "affine layers",
        _bent,
        breaks="members",
        story="h -> z + z^3 with z = diag(1, 2)h, read as (2, -1): (1, 1) is in ker O and seen",
    ),
    Counterexample(
        "full state",
        _read_by_later_tokens,
        breaks="what is lost stays lost",
        story="the steered token's next state drops e3, but a later token reads its keys and "
        "values of layer 0 and brings e3 back at layer 2",
    ),
    Counterexample(
        "different eigenvalues",
        _identity_layers,
        breaks="repeated layer",
        story="Phi = I: no e_i is in the kernel of (1, 2, 3, 4), but all four reads are the same "
        "and three dimensions stay hidden",
    ),
)


# --- false variants -----------------------------------------------------------------------------

FALSE_VARIANTS = (
    FalseVariant(
        "each row read removes one dimension: max(0, d - M)",
        instead_of="dimension",
        discrepancy=lambda i: _dimension_error(
            i, {k: max(0, i.width - len(i.observability(k))) for k in _read_layers(i)}
        ),
        sample=lambda rng: _repeated(rng, hidden=1),
    ),
    FalseVariant(
        "only the last layer read counts",
        instead_of="dimension",
        discrepancy=lambda i: _dimension_error(
            i,
            {
                k: i.width - np.linalg.matrix_rank(i.observability(k)[-len(i.reads[k]) :])
                for k in range(len(i.reads))
            },
        ),
        sample=lambda rng: _repeated(rng, hidden=0),
    ),
    FalseVariant(
        "d - 1 reads of a repeated layer say all that there is",
        instead_of="repeated layer",
        discrepancy=lambda i: _repeated_error(i, _hidden_eigenvectors(i), (i.width - 1,)),
        sample=lambda rng: _repeated(rng, hidden=0),
    ),
)


THEOREM = Theorem(
    id="R4a",
    name="cross_layer_observability",
    title="Observability across layers",
    statement=(
        "For affine layers with transports Phi_k and reads C_k of the full state at layers "
        "0, ..., K, the vectors at layer 0 with the reads of v are v + ker O, "
        "O = [C_0; C_1 Phi_{0->1}; ...; C_K Phi_{0->K}]; v is identified iff rank O = d. For one "
        "layer Phi with d different eigenvalues and one read C, d reads suffice for all that more "
        "could say, and dim ker O is the number of eigenvectors of Phi in ker C."
    ),
    latex=(
        r"[v] = v + \ker O, \quad O = [C_0; C_1\Phi_{0\to1}; \dots; C_K\Phi_{0\to K}]; \qquad "
        r"\ker\Phi_{0\to1} \subseteq \ker\Phi_{0\to k} \subseteq \ker J"
    ),
    regime="white box, multi-layer",
    observable="reads C_k of the states at layers 0, ..., K, all positions",
    estimand="v at layer 0",
    assumptions=ASSUMPTIONS,
    symbolic=SymbolicProof(
        "every Phi with different eigenvalues and one read, d <= 4 (every d: Vandermonde); all "
        "real Phi of size 2 and 3 for Cayley-Hamilton",
        _identities,
    ),
    sample=sample,
    oracle="layer-by-layer simulation and its rank over Q; eigenvectors against ranks over Q",
    conclusions=CONCLUSIONS,
    counterexamples=COUNTEREXAMPLES,
    false_variants=FALSE_VARIANTS,
    sources=(
        "Kalman 1963, doi:10.1137/0301010",
        "Hautus 1969, Indag. Math. 31, 443-448 (controllability and observability conditions)",
        "theory.md R4",
    ),
    scope=(
        "Cross-layer consistency helps through what is read, not by itself (R4c). A layer's state "
        "is that of all positions: of the steered token alone, kernels do not nest."
    ),
    depends_on=("N1",),
)

if __name__ == "__main__":
    from proofs.script import main

    main(THEOREM)
