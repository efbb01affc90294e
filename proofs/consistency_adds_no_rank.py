r"""R4c — consistency across layers says nothing new as long as only the outputs are seen.

Affine layers h_{k+1} = Phi_k h_k + c_k of the full state, outputs W h_K, J_k = W Phi_{k->K} and
J = J_0. Impose that the vector v_k of layer k is the transported v_{k+1} = Phi_k v_k, and see what
v_0 does at layer 0, v_1 at layer 1, ..., v_K at layer K. All these outputs are the same, and

.. math::
    \operatorname{rank} [J_0; J_1 \Phi_{0\to1}; \dots; J_K \Phi_{0\to K}] = \operatorname{rank} J,
    \qquad
    \{(v_k) : v_{k+1} = \Phi_k v_k,\ W v_K = 0\} \cong \ker J ,

so the class of v_0 is v_0 + ker J with or without consistency, and new reads are what helps (R4a).
What does add rank is the *same* v at several layers, one at a time: the class is
v + ker J_0 n ... n ker J_K, for one layer Phi repeated that of reading W at all layers. Added to
all layers at once, v is seen through the sum of the J_k only: no more than m rows.

The symbolic part covers every size (the letters are blocks that do not commute), K = 3 shown; any
K alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

import identifiability
from proofs.shared.integer_networks import CUBIC, IDENTITY, Coordinatewise
from proofs.shared.layered_reads import LayeredReads, without_bypass
from proofs.theorem import (
    Assumption,
    Conclusion,
    Counterexample,
    FalseVariant,
    Identity,
    SymbolicProof,
    Theorem,
)


@dataclass(frozen=True, eq=False)
class ConsistentSteering:
    """Layers of one width, the vector at layer 0, and what it is said to be at layer k: T_k v."""

    layers: LayeredReads
    imposed: tuple[np.ndarray, ...]  # T_k (d, d), k = 0, ..., K
    vector: np.ndarray  # v (d,)

    @property
    def jacobians(self) -> list[np.ndarray]:
        """J_k = W Phi_{k->K} (m, d) for k = 0, ..., K."""
        found = [self.layers.reads[-1]]
        for transport in reversed(self.layers.transports):
            found.insert(0, found[0] @ transport)
        return found

    def outputs(self, vectors: list[np.ndarray]) -> list[np.ndarray]:
        """All that is read when ``vectors[k]`` (d, n) is added at layer k, for each k alone."""
        return [np.vstack(self.layers.responses(v, k)) for k, v in enumerate(vectors)]


# --- assumptions --------------------------------------------------------------------------------


def _is_transported(i: ConsistentSteering) -> bool:
    carried = [np.eye(i.vector.size, dtype=int)]
    for transport in i.layers.transports:
        carried.append(transport @ carried[-1])
    return all(np.array_equal(t, c) for t, c in zip(i.imposed, carried, strict=True))


ASSUMPTIONS = (
    Assumption(
        "affine layers",
        "h_{k+1} = Phi_k h_k + c_k",
        lambda i: not np.diff(i.layers.activation.value(np.arange(-6, 7)), n=2).any(),
    ),
    Assumption(
        "full state",
        "layer k + 1 sees layer 0 through the state of layer k only, all positions included",
        lambda i: not any(bypass.any() for bypass in i.layers.bypasses),
    ),
    Assumption(
        "the model's own transports",
        "what is imposed at layer k is Phi_{0->k} v",
        _is_transported,
    ),
    Assumption(
        "only outputs are seen",
        "nothing is read before layer K",
        lambda i: not any(len(read) for read in i.layers.reads[:-1]),
    ),
)


# --- symbolic -----------------------------------------------------------------------------------


def _identities() -> Iterator[Identity]:
    import sympy as sp

    P, Q, R, W = sp.symbols("Phi_0 Phi_1 Phi_2 W", commutative=False)
    J = W * R * Q * P
    system = sp.Matrix([[-P, 1, 0, 0], [0, -Q, 1, 0], [0, 0, -R, 1], [0, 0, 0, W]])
    change = sp.Matrix([[1, 0, 0, 0], [P, 1, 0, 0], [Q * P, Q, 1, 0], [R * Q * P, R * Q, R, 1]])
    reduced = sp.Matrix([[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [J, W * R * Q, W * R, W]])
    claim = "constraints and output, in coordinates changed by a unit triangle: 3d + rank J"
    yield Identity(claim, system * change, reduced)
    inverse = sp.Matrix([[1, 0, 0, 0], [-P, 1, 0, 0], [0, -Q, 1, 0], [0, 0, -R, 1]])
    yield Identity("the change of coordinates is invertible", inverse * change, sp.eye(4))

    jacobians = sp.Matrix([J, W * R * Q, W * R, W])
    transports = change[:, 0]
    stacked = sp.Matrix([j * t for j, t in zip(jacobians, transports, strict=True)])
    yield Identity("transported vectors: each layer shows J v again", stacked, J * sp.ones(4, 1))
    same = jacobians.subs({P: R, Q: R})
    powers = sp.Matrix([W * R**3, W * R**2, W * R, W])
    claim = "the same v, one layer repeated: the rows of reading W at all layers"
    yield Identity(claim, same, powers)

    Phi, read = sp.Matrix(2, 2, sp.symbols("f:4")), sp.Matrix([sp.symbols("w0 w1")])
    hidden = sp.Matrix([-read[1], read[0]])
    claim = "d = 2, the same v at both layers: rank 2 unless Phi maps ker W into itself"
    both = (read * Phi).col_join(read)
    yield Identity(claim, both.det(), sp.Matrix.hstack(hidden, Phi * hidden).det())


# --- numeric ------------------------------------------------------------------------------------


def sample(rng: np.random.Generator) -> ConsistentSteering:
    """Layers of random rank and few outputs, so that J hides something."""
    width, depth = int(rng.integers(3, 6)), int(rng.integers(1, 4))
    ranks = rng.integers(2, width + 1, depth)
    transports = [rng.integers(-2, 3, (width, r)) @ rng.integers(-2, 3, (r, width)) for r in ranks]
    return _steering(transports, rng.integers(-3, 4, (int(rng.integers(1, 3)), width)), rng)


def _steering(
    transports: list[np.ndarray],
    outputs: np.ndarray,
    rng: np.random.Generator,
    activation: Coordinatewise = IDENTITY,
) -> ConsistentSteering:
    width = outputs.shape[1]
    reads = [np.zeros((0, width), int)] * len(transports) + [outputs]
    imposed = [np.eye(width, dtype=int)]
    for transport in transports:
        imposed.append(transport @ imposed[-1])
    layers = replace(without_bypass(transports, reads), activation=activation)
    return ConsistentSteering(layers, tuple(imposed), rng.integers(1, 6, width))


def _rank(matrix: np.ndarray) -> int:
    return int(identifiability.exact_rank(matrix))


def _class_dimension(i: ConsistentSteering, jacobian: np.ndarray) -> int:
    """As the code under test finds it."""
    return identifiability.EquivalenceClass(jacobian, i.vector, affine=True).dimension


def _consistent_error(i: ConsistentSteering, claimed: int) -> float:
    """Against the rank over Q of all simulated responses to consistent unit vectors."""
    return abs(claimed - (i.vector.size - _rank(np.vstack(i.outputs(list(i.imposed))))))


def _differing_outputs(i: ConsistentSteering) -> float:
    """Largest difference between the outputs of v at layer 0 and of T_k v at layer k."""
    at_zero, *others = i.outputs([t @ i.vector[:, None] for t in i.imposed])
    last = len(i.layers.reads[-1])
    scale = max(1.0, float(np.abs(at_zero).max()))
    return max(float(np.abs(o[-last:] - at_zero[-last:]).max()) / scale for o in others)


def _constrained_error(i: ConsistentSteering) -> float:
    """Class dimension of J against the nullity over Q of constraints and outputs together."""
    width, depth = i.vector.size, len(i.layers.transports)
    system = np.eye(depth * width, (depth + 1) * width, k=width, dtype=int)
    for k, transport in enumerate(i.layers.transports):
        block = slice(k * width, (k + 1) * width)
        system[block, block] -= transport
    outputs = i.layers.reads[-1]
    seen = np.hstack([np.zeros((len(outputs), depth * width), int), outputs])
    nullity = system.shape[1] - _rank(np.vstack([system, seen]))
    return abs(_class_dimension(i, i.jacobians[0]) - nullity)


def _same_vector_error(i: ConsistentSteering, claimed: int) -> float:
    """Against the rank over Q of the simulated outputs of unit vectors, at each layer alone."""
    units = [np.eye(i.vector.size, dtype=int)] * len(i.imposed)
    last = len(i.layers.reads[-1])
    return abs(claimed - (i.vector.size - _rank(np.vstack([o[-last:] for o in i.outputs(units)]))))


def _at_once_error(i: ConsistentSteering, claimed: int) -> float:
    """Against the rank over Q of the final outputs, a unit vector added to every layer's state."""
    unit = np.eye(i.vector.size, dtype=int)
    state = unit
    for transport in i.layers.transports:
        state = i.layers.activation.value(transport @ state) + unit
    return abs(claimed - (i.vector.size - _rank(i.layers.reads[-1] @ state)))


_INTEGERS = {"tolerance": 0.0, "because": "integers", "broken_above": 0.5}

CONCLUSIONS = (
    Conclusion(
        "no rank added",
        "consistent vectors at layers 0, ..., K leave the class v + ker J",
        lambda i: _consistent_error(i, _class_dimension(i, i.jacobians[0])),
        **_INTEGERS,
    ),
    Conclusion(
        "same outputs",
        "v at layer 0 and Phi_{0->k} v at layer k have the same outputs",
        _differing_outputs,
        tolerance=0.0,
        because="integers",
        broken_above=1e-2,
    ),
    Conclusion(
        "constraints",
        "the constraints and W v_K = 0 leave as many dimensions as ker J has",
        _constrained_error,
        **_INTEGERS,
    ),
    Conclusion(
        "same vector at several layers",
        "the same v at layers 0, ..., K, one at a time, leaves v + the intersection of all ker J_k",
        lambda i: _same_vector_error(i, _class_dimension(i, np.vstack(i.jacobians))),
        **_INTEGERS,
    ),
    Conclusion(
        "all layers at once",
        "v added to all layers at once leaves v + ker(J_0 + ... + J_K)",
        lambda i: _at_once_error(i, _class_dimension(i, np.sum(i.jacobians, axis=0))),
        **_INTEGERS,
    ),
)


# --- what breaks without each assumption --------------------------------------------------------


def _three_layers(
    rng: np.random.Generator, activation: Coordinatewise = IDENTITY
) -> ConsistentSteering:
    return _steering(
        [np.diag([1, 2, 3]), np.diag([3, 1, 2])], np.array([[1, 1, 1]]), rng, activation
    )


def _with_bypass(rng: np.random.Generator) -> ConsistentSteering:
    i = _three_layers(rng)
    bypasses = (np.zeros((3, 3), int), np.diag([0, 0, 1]))
    return replace(i, layers=replace(i.layers, bypasses=bypasses))


def _not_transported(rng: np.random.Generator) -> ConsistentSteering:
    i = _three_layers(rng)
    return replace(i, imposed=(i.imposed[0],) * 3)


def _read_before(rng: np.random.Generator) -> ConsistentSteering:
    i = _three_layers(rng)
    reads = (i.layers.reads[0], np.array([[1, 0, 0]]), i.layers.reads[2])
    return replace(i, layers=replace(i.layers, reads=reads))


COUNTEREXAMPLES = (
    Counterexample(
        "affine layers",
        lambda rng: _three_layers(rng, CUBIC),
        breaks="same outputs",
        story="layers z + z^3: carried on by its Jacobian at 0, v does at layer 1 what it does "
        "not do at layer 0",
    ),
    Counterexample(
        "full state",
        _with_bypass,
        breaks="no rank added",
        story="a later token reads e3 of layer 0: added at layer 0 v is seen along this way as "
        "well, at layer 1 it is not",
    ),
    Counterexample(
        "the model's own transports",
        _not_transported,
        breaks="no rank added",
        story="the same v at layers 0, 1, 2 is another experiment: rank 3, not 1",
    ),
    Counterexample(
        "only outputs are seen",
        _read_before,
        breaks="no rank added",
        story="one read of layer 1 adds a row, with or without consistency",
    ),
)


# --- false variants -----------------------------------------------------------------------------

FALSE_VARIANTS = (
    FalseVariant(
        "every consistent layer adds its m rows: max(0, d - (K + 1) m)",
        instead_of="no rank added",
        discrepancy=lambda i: _consistent_error(
            i, max(0, i.vector.size - len(i.imposed) * len(i.layers.reads[-1]))
        ),
        sample=_three_layers,
    ),
    FalseVariant(
        "the same v at several layers adds no rank either",
        instead_of="same vector at several layers",
        discrepancy=lambda i: _same_vector_error(i, _class_dimension(i, i.jacobians[0])),
        sample=_three_layers,
    ),
    FalseVariant(
        "added to all layers at once, v is seen as in each of them alone",
        instead_of="all layers at once",
        discrepancy=lambda i: _at_once_error(i, _class_dimension(i, np.vstack(i.jacobians))),
        sample=_three_layers,
    ),
)


THEOREM = Theorem(
    id="R4c",
    name="consistency_adds_no_rank",
    title="Consistency adds no rank",
    statement=(
        "For affine layers of the full state with outputs W h_K, imposing v_{k+1} = Phi_k v_k and "
        "seeing the outputs of v_k added at layer k, for k = 0, ..., K, leaves the class "
        "v_0 + ker J, as layer 0 alone does. The same v added at several layers, one at a time, "
        "leaves v + the intersection of all ker J_k; at once, v + ker(J_0 + ... + J_K)."
    ),
    latex=(
        r"\operatorname{rank}[J_k \Phi_{0 \to k}]_k = \operatorname{rank} J; \qquad "
        r"\text{same } v: [v] = v + \textstyle\bigcap_k \ker J_k"
    ),
    regime="white box; vectors added at several layers",
    observable="all final outputs, nothing else",
    estimand="v at layer 0",
    assumptions=ASSUMPTIONS,
    symbolic=SymbolicProof(
        "every size, as products of blocks that do not commute; K = 3 shown, any K alike",
        _identities,
    ),
    sample=sample,
    oracle="simulation layer by layer, and its rank over Q",
    conclusions=CONCLUSIONS,
    counterexamples=COUNTEREXAMPLES,
    false_variants=FALSE_VARIANTS,
    sources=("arXiv:2602.06801", "theory.md R4"),
    scope=(
        "'Cross-layer consistency' (arXiv:2602.06801) restores identifiability through new reads "
        "or through the same v at several layers one at a time, not as a constraint."
    ),
    depends_on=("N1", "R4a"),
)

if __name__ == "__main__":
    from proofs.script import main

    main(THEOREM)
