r"""N5 — a black box fixes a steering vector up to an invertible map, so not even its cosines.

For every continuation F, state h, vectors v, w in R^d and invertible A, the triple
(F o A^{-1}, A h, A v) has the observations of (F, h, v) at every strength. To an observer who knows
nothing of F, every non-zero vector is therefore as good as v, and if v and w are linearly
independent every cosine in (-1, 1) is as good as theirs; +1 and -1 are not reached. The metric is
carried along, G -> A^{-T} G A^{-1}, so the behavioural inner product v^T G w is invariant.

.. math::
    (F \circ A^{-1},\, Ah,\, Av) \sim (F, h, v), \qquad
    \{\cos(Av, Aw) : A \in GL(d)\} = (-1, 1), \qquad
    (Av)^\top (A^{-\top} G A^{-1}) (Aw) = v^\top G w

The symbolic part covers every d for cosines, as a plane through v and w says it all, and all real
3 x 3 (2 x 2) gauges for the rest; the determinant lemma behind it holds in every dimension.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

import identifiability
from proofs.shared.categorical import divergence, measured_metric, softmax
from proofs.theorem import (
    Assumption,
    Conclusion,
    Counterexample,
    FalseVariant,
    Identity,
    SymbolicProof,
    Theorem,
)

Continuation = Callable[[np.ndarray], np.ndarray]  # (d,) -> (m,) logits


@dataclass(frozen=True)
class BlackBox:
    """A model with two steering vectors, a gauge, and what an observer knows beforehand."""

    continuation: Continuation
    state: np.ndarray  # (d,)
    vector: np.ndarray  # (d,) integers
    other: np.ndarray  # (d,) integers
    gauge: np.ndarray  # (d, d) integers
    cosine: float  # the one wanted between the two vectors after a change of gauge
    admits: Callable[[Continuation], bool]  # whether the observer thinks a continuation possible


def carried(continuation: Continuation, gauge: np.ndarray) -> Continuation:
    """F o A^{-1}; the pseudo-inverse is the nearest thing to it where A is singular."""
    inverse = np.linalg.pinv(gauge)
    return lambda h: continuation(inverse @ h)


def gauge_sending(v: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Invertible A with Av = w for non-zero integer v, w: I + (w - v) u^T, exact (fractions).

    u is chosen with u.v = 1 and u.w != 0, as det A = u.w.
    """
    u = v * Fraction(1, int(v @ v))
    if v @ w == 0:
        u = u + w * Fraction(1, int(w @ w))
    return np.eye(v.size, dtype=int) + np.outer(w - v, u)


def gauge_turning_to(cosine: float, v: np.ndarray, w: np.ndarray) -> np.ndarray:
    """A with Av = v, cos(Av, Aw) = cosine and |Aw| = |w|: I + (w' - w) u^T, u.v = 0, u.w = 1."""
    plane = np.linalg.svd(np.stack([v, w]))[2][:2]
    x, y = plane @ v / np.linalg.norm(v)
    across = plane.T @ np.array([-y, x])
    target = cosine * v / np.linalg.norm(v) + np.sqrt(1 - cosine**2) * across
    u = np.linalg.pinv(np.stack([v, w])) @ np.array([0.0, 1.0])
    return np.eye(v.size) + np.outer(np.linalg.norm(w) * target - w, u)


# --- assumptions --------------------------------------------------------------------------------


def _is_free(instance: BlackBox) -> bool:
    """Probed on the gauges that the theorem uses; what is refused there is all that matters."""
    turning = gauge_turning_to(instance.cosine, instance.vector, instance.other)
    return all(
        instance.admits(carried(instance.continuation, gauge))
        for gauge in (instance.gauge, turning)
    )


ASSUMPTIONS = (
    Assumption(
        "invertible gauge",
        "det A != 0",
        lambda i: int(identifiability.exact_rank(i.gauge)) == len(i.gauge),
    ),
    Assumption(
        "linearly independent vectors",
        "v and w are linearly independent (for cosines)",
        lambda i: int(identifiability.exact_rank(np.stack([i.vector, i.other]))) == 2,
    ),
    Assumption(
        "free continuation",
        "the observer holds F o A^{-1} possible for every invertible A (for cosines)",
        _is_free,
    ),
)


# --- symbolic -----------------------------------------------------------------------------------


def _identities() -> Iterator[Identity]:
    import sympy as sp

    A = sp.Matrix(3, 3, sp.symbols("a:9"))
    h, v, w = (sp.Matrix(sp.symbols(f"{name}1:4")) for name in "hvw")
    strength = sp.Symbol("alpha")
    met = A.adjugate() * (A * h + strength * A * v) / A.det()
    yield Identity("A^{-1}(Ah + alpha Av) = h + alpha v", met, h + strength * v)

    # One orbit: u with u.v = 1, solved for its first entry.
    u2, u3 = sp.symbols("u2 u3")
    u = sp.Matrix([(1 - u2 * v[1] - u3 * v[2]) / v[0], u2, u3])
    sending = sp.eye(3) + (w - v) * u.T
    yield Identity("I + (w - v)u^T sends v to w", sending * v, w)
    yield Identity("its determinant is u.w", sending.det(), u.dot(w))
    along = v / v.dot(v)
    both = along + w / w.dot(w)
    perpendicular = {w[0]: -(v[1] * w[1] + v[2] * w[2]) / v[0]}
    yield Identity("if v.w = 0, adding w/|w|^2 keeps u.v = 1", both.dot(v).subs(perpendicular), 1)
    yield Identity("and makes u.w = 1", both.dot(w).subs(perpendicular), 1)

    # Cosines, in the plane of v = (p, 0) and w = (s, t), t != 0; c = cos(phi), phi in (0, pi).
    p, t, phi = sp.symbols("p t phi", positive=True)
    s = sp.Symbol("s", real=True)
    first, second = sp.Matrix([p, 0]), sp.Matrix([s, t])
    target = sp.Matrix([sp.cos(phi), sp.sin(phi)])
    turning = sp.eye(2) + (target - second) * sp.Matrix([[0, 1 / t]])
    yield Identity("the turning gauge keeps v", turning * first, first)
    yield Identity("and puts w at angle phi to it", turning * second, target)
    yield Identity("with determinant sin(phi)/t != 0", turning.det(), sp.sin(phi) / t)
    B = sp.Matrix(2, 2, sp.symbols("b:4"))
    x, y = B * first, B * second
    gram = x.dot(x) * y.dot(y) - x.dot(y) ** 2
    yield Identity("Gram determinant after B: det(B)^2 (pt)^2", gram, (B.det() * p * t) ** 2)

    # The metric, for a quadratic F: any C^1 map agrees with one to first order at the state.
    coefficients = iter(sp.symbols("c:12"))
    X, Y = sp.symbols("X Y")
    monomials = (X, Y, X**2, X * Y)
    F = sp.Matrix([sum(next(coefficients) * m for m in monomials) for _ in range(3)])
    J = F.jacobian([X, Y])
    back = B.adjugate() * sp.Matrix([X, Y]) / B.det()
    place = {X: back[0], Y: back[1]}
    moved = F.subs(place, simultaneous=True).jacobian([X, Y])
    there = J.subs(place, simultaneous=True)
    yield Identity("the Jacobian of F o A^{-1} is J A^{-1}", moved * B, there)
    K = sp.Matrix(3, 2, sp.symbols("k:6"))
    M = sp.Matrix(3, 3, lambda i, j: sp.Symbol(f"m{min(i, j)}{max(i, j)}"))
    inverse = B.adjugate() / B.det()
    metric = (K * inverse).T * M * (K * inverse)
    behavioural = ((B * v[:2, :]).T * metric * (B * w[:2, :]))[0]
    yield Identity("v^T G w is invariant", behavioural, (v[:2, :].T * K.T * M * K * w[:2, :])[0])


# --- numeric ------------------------------------------------------------------------------------

_WELL_CONDITIONED = 20  # keeps the carried model's derivatives within reach of finite differences


def sample(rng: np.random.Generator) -> BlackBox:
    """A small random network, integer vectors, an integer gauge."""
    width, outputs, hidden = int(rng.integers(2, 6)), int(rng.integers(3, 7)), 6
    inner = rng.standard_normal((hidden, width)) / np.sqrt(width)
    outer, bias = rng.standard_normal((outputs, hidden)), rng.standard_normal(hidden)
    gauge = np.zeros((width, width), int)
    while np.linalg.matrix_rank(gauge) < width or np.linalg.cond(gauge) > _WELL_CONDITIONED:
        gauge = rng.integers(-3, 4, (width, width))
    pair = np.zeros((2, width), int)
    while np.linalg.matrix_rank(pair) < 2:
        pair = rng.integers(-3, 4, (2, width))
    return BlackBox(
        continuation=lambda h: outer @ np.tanh(inner @ h + bias),
        state=rng.standard_normal(width),
        vector=pair[0],
        other=pair[1],
        gauge=gauge,
        cosine=float(rng.uniform(-0.99, 0.99)),
        admits=lambda continuation: True,
    )


def _observation_error(instance: BlackBox, carrier: np.ndarray) -> float:
    """Largest change of the logits when A carries the model and ``carrier`` the vectors."""
    A, F = instance.gauge, instance.continuation
    moved = carried(F, A)
    return max(
        float(np.abs(moved(A @ instance.state + s * carrier @ v) - F(instance.state + s * v)).max())
        for v in (instance.vector, instance.other)
        for s in (-2.0, 0.5, 1.0, 3.0)
    )


def _orbit_error(instance: BlackBox, gauge: np.ndarray) -> float:
    """Distance of A v from w, and what A lacks of full rank over Q."""
    missed = max(abs(x) for x in gauge @ instance.vector - instance.other)
    return float(missed) + len(gauge) - int(identifiability.exact_rank(gauge))


def _cosine_error(instance: BlackBox, candidates: list[np.ndarray]) -> float:
    """How near to the wanted cosine the candidates come that are gauges and that are admitted."""
    v, w, F = instance.vector, instance.other, instance.continuation
    return min(
        abs(_cosine(g @ v, g @ w) - instance.cosine)
        for g in candidates
        if np.linalg.matrix_rank(g) == v.size and instance.admits(carried(F, g))
    )


def _turning_gauges(instance: BlackBox) -> list[np.ndarray]:
    """The theorem's gauge; rotations stand by for an observer who refuses it."""
    turning = gauge_turning_to(instance.cosine, instance.vector, instance.other)
    return [turning, *_rotations(instance)]


def _rotations(instance: BlackBox) -> list[np.ndarray]:
    gaussian = np.random.default_rng(0).standard_normal((20, *instance.gauge.shape))
    return list(np.linalg.qr(gaussian)[0])


def _cosine(x: np.ndarray, y: np.ndarray) -> float:
    return float(x @ y / (np.linalg.norm(x) * np.linalg.norm(y)))


def _metric(instance: BlackBox, gauge: np.ndarray) -> np.ndarray:
    F = carried(instance.continuation, gauge)
    return measured_metric(lambda h: softmax(F(h)), gauge @ instance.state)


def _inner_product_error(instance: BlackBox, metric: np.ndarray) -> float:
    """(Av)^T ``metric`` (Aw) against v^T G w from divergences in nats at finite amplitude.

    Relative to the length |v|_G |w|_G; second differences of KL, symmetrised in the displacement.
    """
    F = instance.continuation
    p = softmax(F(instance.state))

    def second_difference(u: np.ndarray) -> float:
        ways = (softmax(F(instance.state + s * u)) for s in (1, -1))
        return float(sum(divergence(p, q) for q in ways))

    def quadratic(u: np.ndarray, step: float = 1e-3) -> float:
        near, far = second_difference(step * u), second_difference(2 * step * u)
        return (16 * near - far) / (12 * step**2)

    v, w = (u / np.linalg.norm(u) for u in (instance.vector, instance.other))
    observed = (quadratic(v + w) - quadratic(v - w)) / 4
    found = float((instance.gauge @ v) @ metric @ (instance.gauge @ w))
    return abs(found - observed) / np.sqrt(quadratic(v) * quadratic(w))


CONCLUSIONS = (
    Conclusion(
        "observations",
        "(F o A^{-1}, Ah, Av) gives the logits of (F, h, v) at four strengths",
        lambda i: _observation_error(i, i.gauge),
        tolerance=1e-11,
        because="rounding times the condition number of A, at most 20, in a Lipschitz network",
    ),
    Conclusion(
        "one orbit",
        "some invertible A has Av = w",
        lambda i: _orbit_error(i, gauge_sending(i.vector, i.other)),
        tolerance=0.0,
        because="fractions",
        broken_above=0.5,
    ),
    Conclusion(
        "any cosine",
        "some admitted A has cos(Av, Aw) = c",
        lambda i: _cosine_error(i, _turning_gauges(i)),
        tolerance=1e-11,
        because="rounding; vectors of norm below 10, independent integers",
    ),
    Conclusion(
        "behavioural inner product",
        "(Av)^T G' (Aw) in the new coordinates is what divergences show of v^T G w in the old",
        lambda i: _inner_product_error(i, _metric(i, i.gauge)),
        tolerance=1e-6,
        because="differences of fourth order at step 1e-3, in a network of derivatives below 10",
    ),
)


# --- what breaks without each assumption --------------------------------------------------------


def _singular_gauge(rng: np.random.Generator) -> BlackBox:
    instance = sample(rng)
    gauge = instance.gauge.copy()
    gauge[:, -1] = gauge[:, 0]
    return replace(instance, gauge=gauge)


def _parallel_vectors(rng: np.random.Generator) -> BlackBox:
    instance = sample(rng)
    return replace(instance, other=-2 * instance.vector, cosine=0.5)


def _known_norm(rng: np.random.Generator) -> BlackBox:
    """The observer knows that the model is an RMS-like norm and a linear read, F(h) = Kh/|h|."""
    read, probes = rng.standard_normal((4, 3)), rng.standard_normal((4, 3))

    def is_norm_and_read(f: Continuation) -> bool:
        linear = [np.linalg.norm(x) * f(x) for x in (*probes, probes.sum(axis=0))]
        return bool(np.abs(linear[-1] - sum(linear[:-1])).max() < 1e-9)

    return replace(
        sample(rng),
        continuation=lambda h: read @ h / np.linalg.norm(h),
        state=np.array([1.0, 2.0, -1.0]),
        vector=np.array([1, 0, 0]),
        other=np.array([1, 1, 0]),
        gauge=np.array([[2, 1, 0], [0, 1, 0], [0, 0, 1]]),
        cosine=0.0,
        admits=is_norm_and_read,
    )


COUNTEREXAMPLES = (
    Counterexample(
        "invertible gauge",
        _singular_gauge,
        breaks="observations",
        story="two equal columns: A forgets a direction that F reads, and no F' can restore it",
    ),
    Counterexample(
        "linearly independent vectors",
        _parallel_vectors,
        breaks="any cosine",
        story="w = -2v: Aw = -2Av in every gauge, so the cosine stays at -1",
    ),
    Counterexample(
        "free continuation",
        _known_norm,
        breaks="any cosine",
        story=(
            "F(h) = Kh/|h|, known to be of that form: Kh/|A^{-1}h| is so for rotations only (times "
            "a factor), and they leave the cosine of v = (1, 0, 0) and w = (1, 1, 0) at 0.71"
        ),
    ),
)


# --- false variants -----------------------------------------------------------------------------


def _perpendicular(rng: np.random.Generator) -> BlackBox:
    instance = replace(sample(rng), vector=np.array([1, 2]), other=np.array([-2, 1]))
    return replace(instance, gauge=np.eye(2, dtype=int))


def _plainest(instance: BlackBox) -> np.ndarray:
    v, w = instance.vector, instance.other
    return np.eye(v.size, dtype=int) + np.outer(w - v, v * Fraction(1, int(v @ v)))


def _conjugated_metric(instance: BlackBox) -> np.ndarray:
    A = instance.gauge
    return A @ _metric(instance, np.eye(len(A))) @ np.linalg.inv(A)


def _euclidean_change(instance: BlackBox) -> float:
    A, v, w = instance.gauge, instance.vector, instance.other
    return abs(_cosine(A @ v, A @ w) - _cosine(v, w))


FALSE_VARIANTS = (
    FalseVariant(
        "steering vectors are carried by A^{-T}, as gradients are",
        instead_of="observations",
        discrepancy=lambda i: _observation_error(i, np.linalg.inv(i.gauge).T),
    ),
    FalseVariant(
        "I + (w - v)v^T/|v|^2 is always invertible (v orthogonal to w)",
        instead_of="one orbit",
        discrepancy=lambda i: _orbit_error(i, _plainest(i)),
        sample=_perpendicular,
    ),
    FalseVariant(
        "the cosine 1 is reached as well",
        instead_of="any cosine",
        discrepancy=lambda i: _cosine_error(i, _turning_gauges(i)),
        sample=lambda rng: replace(sample(rng), cosine=1.0),
    ),
    FalseVariant(
        "rotations reach every cosine",
        instead_of="any cosine",
        discrepancy=lambda i: _cosine_error(i, _rotations(i)),
    ),
    FalseVariant(
        "G is carried to A G A^{-1}, as a linear map is",
        instead_of="behavioural inner product",
        discrepancy=lambda i: _inner_product_error(i, _conjugated_metric(i)),
    ),
    FalseVariant(
        "the Euclidean cosine is invariant too",
        instead_of="behavioural inner product",
        discrepancy=_euclidean_change,
    ),
)


THEOREM = Theorem(
    id="N5",
    name="reparametrisation_gauge",
    title="Reparametrisation gauge",
    statement=(
        "For every F, h, v and every invertible A, (F o A^{-1}, Ah, Av) has the observations of "
        "(F, h, v) at every strength. With F unrestricted no property of v alone but 'zero or not' "
        "is identified, and for linearly independent v, w the cosines cos(Av, Aw) fill (-1, 1). "
        "The metric G becomes A^{-T} G A^{-1}, so v^T G w is invariant."
    ),
    latex=(
        r"(F \circ A^{-1}, Ah, Av) \sim (F, h, v), \quad \{\cos(Av, Aw)\}_{A \in GL(d)} = (-1, 1), "
        r"\quad (Av)^\top A^{-\top} G A^{-1} (Aw) = v^\top G w"
    ),
    regime="black box",
    observable="all outputs, at every strength",
    estimand="lengths and angles of steering vectors",
    assumptions=ASSUMPTIONS,
    symbolic=SymbolicProof(
        "every d for cosines (the plane of v and w); all real 3 x 3 gauges for the orbit and "
        "2 x 2 for the metric, where det(I + xu^T) = 1 + u.x and the chain rule give every d",
        _identities,
    ),
    sample=sample,
    oracle="logits of the carried model; rank over Q; metrics and KL observed at finite amplitude",
    conclusions=CONCLUSIONS,
    counterexamples=COUNTEREXAMPLES,
    false_variants=FALSE_VARIANTS,
    sources=("arXiv:2602.06801", "Amari & Nagaoka 2000, ISBN 978-0821843024", "theory.md N5"),
    scope=(
        "A black-box result: with F known (white box) A must be a symmetry of F. A known "
        "architecture shrinks the gauge; under RMSNorm it is orthogonal (N6d) and keeps cosines."
    ),
)

if __name__ == "__main__":
    from proofs.script import main

    main(THEOREM)
