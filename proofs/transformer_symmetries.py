r"""N6 — what a transformer cannot see because of its norms and its softmax.

A decoder adds attention and MLP updates to a residual stream of width d; h_l is the state after
block l at one position, h_L the last one, m(h) = ||h||^2/d. RMSNorm is n(h) = h/sqrt(m(h) + eps),
LayerNorm the same of h minus its mean; both then take gains (and shifts).

(a) softmax(z + c 1) = softmax(z). So dim ker G_x = dim ker J_x + [1 in col J_x]: the shift hides a
    direction of h only if some direction changes all logits alike.
(b) LayerNorm(h + c 1) = LayerNorm(h), eps included. If all blocks after l are pre-LN and the final
    norm is a LayerNorm, c 1 at layer l is invisible for all c, at every position; for almost all
    weights and two prompts or more nothing else is.
(c) A final norm without eps has degree 0: ker J is what M = dh_L/dh_l takes to multiples of h_L
    (plus 1, if LayerNorm). So at one prompt, strength and position M^-1 h_L is null where M is
    invertible; for almost all weights this line (and 1 in case (b)) is the whole kernel, tangent to
    the curve of states with h_L on one ray, on which the logits are constant. A second prompt or
    strength has another line. At the last position M is generically invertible; at an earlier one
    it kills 1 under LayerNorm, and h_l where only one block is left. With eps the image is not 0:

    .. math:: J M^{-1} h_L = \frac{\varepsilon}{m + \varepsilon}\;
              W \, \frac{\gamma \odot h_L}{\sqrt{m + \varepsilon}}

(d) Q n(h) = n(Q h) for RMSNorm and orthogonal Q. With gains folded into all reads, none on the
    write side, untied embeddings and one Q for all layers, turning the basis and v changes no
    output: coordinates, and being sparse in them, are no property of behaviour.

The symbolic part covers every d in (c) and (d), which involve a coordinate, the mean square and a
plane at a time; (a) and (b) are shown for three logits and d = 4. Blocks and compositions follow
since every update is a function of what the norms return.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from proofs.shared.decoder_symmetries import (
    TINY,
    DecoderSymmetries,
    constant_shift_error,
    curve_error,
    epsilon_error,
    logit_shift_error,
    norms,
    planted_decoder,
    radial_dimension_error,
    radial_direction_error,
    random_rotations,
    rotation_error,
    shifted_dimension_error,
    turned,
    with_shift_in_reach,
)
from proofs.theorem import (
    Assumption,
    Conclusion,
    Counterexample,
    FalseVariant,
    Identity,
    Sampler,
    SymbolicProof,
    Theorem,
)

# --- assumptions --------------------------------------------------------------------------------


def _unit_gains(instance: DecoderSymmetries) -> bool:
    return all(bool((norm.gain == 1).all()) for norm in norms(instance.turned))


def _writes_freely(instance: DecoderSymmetries) -> bool:
    written = [block.write_norm for block in instance.turned.blocks]
    return all(norm is None or bool((norm.gain == norm.gain[0]).all()) for norm in written)


def _rotations_agree(instance: DecoderSymmetries) -> bool:
    return all(bool((instance.rotations[0] == Q).all()) for Q in instance.rotations)


ASSUMPTIONS = (
    Assumption(
        "pre-LN",
        "(b) blocks read the stream through their norms and add to it",
        lambda i: all(block.placement == "pre" for block in i.shifted.decoder.blocks),
    ),
    Assumption(
        "LayerNorm",
        "(b) the norms subtract the mean",
        lambda i: all(norm.kind == "layer" for norm in norms(i.shifted.decoder)),
    ),
    Assumption(
        "final norm",
        "(b), (c) a norm stands before the unembedding",
        lambda i: None not in (i.shifted.decoder.final_norm, i.radial.decoder.final_norm),
    ),
    Assumption(
        "no epsilon",
        "(c) the final norm divides by the exact size",
        lambda i: i.radial.decoder.final_norm.epsilon == 0,
    ),
    Assumption(
        "one observation",
        "(c) one prompt and one strength",
        lambda i: len(i.radial.continuations) * len(i.radial.strengths) == 1,
    ),
    Assumption(
        "RMSNorm",
        "(d) no norm subtracts the mean",
        lambda i: all(norm.kind == "rms" for norm in norms(i.original)),
    ),
    Assumption("gains folded", "(d) gains are inside the reads before turning", _unit_gains),
    Assumption("no gain on writes", "(d) updates enter the stream without gain", _writes_freely),
    Assumption(
        "untied embeddings",
        "(d) unembedding and embedding are two matrices",
        lambda i: i.turned.unembedding.matrix is not i.turned.embedding,
    ),
    Assumption("one rotation", "(d) all layers turn by the same Q", _rotations_agree),
)


# --- symbolic -----------------------------------------------------------------------------------


def _identities() -> Iterator[Identity]:
    import sympy as sp

    c, (eps, s) = sp.symbols("c", real=True), sp.symbols("epsilon s", positive=True)
    z = sp.symbols("z:3", real=True)
    moved, still = (sp.exp(z[0] + x) / sum(sp.exp(w + x) for w in z) for x in (c, 0))
    yield Identity("(a) softmax(z + c 1) = softmax(z)", moved, still)

    h = sp.Matrix(sp.symbols("h:4", real=True))
    ones = sp.ones(4, 1)
    claim = "(b) LayerNorm(h + c 1) = LayerNorm(h), eps included"
    yield Identity(claim, _norm(h + c * ones, eps, centre=True), _norm(h, eps, centre=True))
    along_ones = _norm(h, eps).jacobian(h) * ones
    mean, square = sum(h) / 4, h.dot(h) / 4
    expected = (ones - h * mean / (square + eps)) / sp.sqrt(square + eps)
    claim = "(b) RMSNorm moves along 1, unless h is along 1 and eps = 0"
    yield Identity(claim, along_ones, expected)

    x, m = sp.symbols("x m", positive=True)  # one coordinate, and the mean square
    scaled = s * x / sp.sqrt(s**2 * m + eps)
    factor = eps / (m + eps) * x / sp.sqrt(m + eps)
    yield Identity("(c) d n(s h)/ds at s = 1, every d", sp.diff(scaled, s).subs(s, 1), factor)
    yield Identity("(c) so n(s h) = n(h) without eps", scaled.subs(eps, 0), x / sp.sqrt(m))
    yield from _pull_back()
    yield from _rotations()


def _norm(h: Any, eps: Any, centre: bool = False) -> Any:
    import sympy as sp

    inner = h - sp.ones(len(h), 1) * sum(h) / len(h) if centre else h
    return inner / sp.sqrt(inner.dot(inner) / len(h) + eps)


def _pull_back() -> Iterator[Identity]:
    import sympy as sp

    h, M = sp.Matrix(sp.symbols("h:3", positive=True)), sp.Matrix(3, 3, sp.symbols("M:9"))
    slope = _norm(h, 0).jacobian(h)
    projector = sp.eye(3) - h * h.T / h.dot(h)
    claim = "(c) dn = (I - hh^T/||h||^2)/sqrt(m), which kills h only"
    yield Identity(claim, slope, projector / sp.sqrt(h.dot(h) / 3))
    # M^-1 = adj(M)/det(M); the adjugate keeps the entries polynomials.
    claim = "(c) J M^-1 h = 0 for J = W dn M and every invertible M"
    yield Identity(claim, projector * M * M.adjugate() * h, sp.zeros(3, 1))
    A, B = sp.Matrix(2, 2, sp.symbols("A:4")), sp.Matrix(2, 2, sp.symbols("B:4"))
    x, y = sp.Matrix(sp.symbols("x:2")), sp.Matrix(sp.symbols("y:2"))
    meeting = sp.Matrix.hstack(A.adjugate() * x, B.adjugate() * y).det()
    special = dict(zip([*A, *B, *x, *y], [1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1], strict=True))
    claim = "(c) two prompts' lines coincide on a zero set only: det is 1 at M = I, h = e1, e2"
    yield Identity(claim, meeting.subs(special), sp.Integer(1))


def _rotations() -> Iterator[Identity]:
    import sympy as sp

    theta, rest, x, y, g1, g2 = sp.symbols("theta rest x y g1 g2", real=True)
    turn = sp.Matrix([[sp.cos(theta), -sp.sin(theta)], [sp.sin(theta), sp.cos(theta)]])
    u, v = turn * sp.Matrix([x, y])
    claim = "(d) a turn in one plane keeps the mean square, so Q n(h) = n(Q h), every d"
    yield Identity(claim, u**2 + v**2 + rest, x**2 + y**2 + rest)
    commutator = sp.diag(g1, g2) * turn - turn * sp.diag(g1, g2)
    expected = (g2 - g1) * sp.sin(theta) * sp.Matrix([[0, 1], [1, 0]])
    yield Identity("(d) gains commute with it iff equal in its plane", commutator, expected)
    centre = sp.eye(2) - sp.ones(2) / 2
    expected = sp.sin(theta) * sp.diag(-1, 1)
    claim = "(d) d = 2: subtracting the mean commutes iff sin(theta) = 0"
    yield Identity(claim, centre * turn - turn * centre, expected)


# --- numeric ------------------------------------------------------------------------------------


_NORMS: tuple[Literal["layer", "rms"], ...] = ("layer", "rms")


def sample(rng: np.random.Generator) -> DecoderSymmetries:
    """Half of the time the shift of all logits is within reach of the state."""
    layers, positions = rng.integers(-1, 1, 2).tolist(), rng.integers(TINY["length"], size=2)
    shifted = planted_decoder(rng, "layer", layer=layers[0], position=int(positions[0]))
    norm = _NORMS[rng.integers(2)]
    # Elsewhere M is singular (see (c) above).
    earlier = norm == "rms" and layers[1] == -1
    place = {"layer": layers[1], "position": int(positions[1]) if earlier else -1}
    radial = planted_decoder(rng, norm, prompts=1, epsilon=0.0, **place)
    if rng.integers(2):
        radial = with_shift_in_reach(radial, rng)
    base = planted_decoder(rng, "rms")
    rotations = random_rotations(rng, TINY["width"], 1) * (TINY["layers"] + 2)
    other = turned(base.decoder.folded(), rotations)
    vector = base.decoder.embedding[0] * 0
    vector[0] = 1.0
    return DecoderSymmetries(shifted, radial, base.decoder, other, rotations, base.tokens, vector)


CONCLUSIONS = (
    Conclusion(
        "logit shift",
        "(a) dim ker G = dim ker J + [1 in col J]",
        logit_shift_error,
        tolerance=0.0,
        because="integers",
        broken_above=0.5,
    ),
    Conclusion(
        "constant direction",
        "(b) adding c 1 to the stream changes no logit, |c| up to 100",
        constant_shift_error,
        tolerance=1e-10,
        because="float64 rounding at 100 times the states' size, through two blocks",
        broken_above=1e-3,
    ),
    Conclusion(
        "nothing but the constant direction",
        "(b) the first-order class at two prompts has dimension 1",
        shifted_dimension_error,
        tolerance=0.0,
        because="integers",
        broken_above=0.5,
    ),
    Conclusion(
        "radial dimension",
        "(c) one prompt at one strength hides one dimension (and the constant one, if LayerNorm)",
        radial_dimension_error,
        tolerance=0.0,
        because="integers",
        broken_above=0.5,
    ),
    Conclusion(
        "radial direction",
        "(c) M^-1 h_L is in that class",
        lambda i: radial_direction_error(i, i.pulled_back),
        tolerance=1e-7,
        because="sine of an angle, rounding times the condition of M and J (up to 1e6)",
        broken_above=1e-2,
    ),
    Conclusion(
        "radial curve",
        "(c) states with h_L on one ray have the same logits, at finite distance",
        curve_error,
        tolerance=1e-10,
        because="float64 rounding, after chord steps have converged",
        broken_above=1e-6,
    ),
    Conclusion(
        "size of the epsilon",
        "(c) with eps, J M^-1 h_L = eps/(m + eps) W (gain h_L)/sqrt(m + eps)",
        epsilon_error,
        tolerance=1e-10,
        because="float64 rounding",
        broken_above=1e-4,
    ),
    Conclusion(
        "rotation",
        "(d) turning the residual basis, and v with it, changes no logit",
        rotation_error,
        tolerance=1e-10,
        because="float64 rounding through two blocks",
        broken_above=1e-3,
    ),
)


# --- what breaks without each assumption --------------------------------------------------------


def _with_shifted(norm: Literal["layer", "rms"], **choices: Any) -> Sampler:
    return lambda rng: replace(sample(rng), shifted=planted_decoder(rng, norm, **choices))


def _with_radial(**choices: Any) -> Sampler:
    return lambda rng: replace(sample(rng), radial=planted_decoder(rng, "rms", **choices))


def _two_strengths(rng: np.random.Generator) -> DecoderSymmetries:
    instance = sample(rng)
    return replace(instance, radial=replace(instance.radial, strengths=np.array([1.0, 0.5])))


def _with_original(norm: Literal["layer", "rms"], **choices: Any) -> Sampler:
    def build(rng: np.random.Generator) -> DecoderSymmetries:
        instance, original = sample(rng), planted_decoder(rng, norm, **choices).decoder
        other = turned(original.folded(), instance.rotations)
        return replace(instance, original=original, turned=other)

    return build


def _gains_left_in_norms(rng: np.random.Generator) -> DecoderSymmetries:
    instance = sample(rng)
    return replace(instance, turned=turned(instance.original, instance.rotations))


def _tied(rng: np.random.Generator) -> DecoderSymmetries:
    instance = sample(rng)
    read = replace(instance.original.unembedding, matrix=instance.original.embedding)
    original = replace(instance.original, unembedding=read)
    other = turned(original.folded(), instance.rotations)
    return replace(
        instance,
        original=original,
        turned=replace(other, unembedding=replace(other.unembedding, matrix=other.embedding)),
    )


def _rotated_apart(rng: np.random.Generator) -> DecoderSymmetries:
    instance = sample(rng)
    (another,) = random_rotations(rng, TINY["width"], 1)
    rotations = (*instance.rotations[:2], another, instance.rotations[-1])
    return replace(
        instance, rotations=rotations, turned=turned(instance.original.folded(), rotations)
    )


COUNTEREXAMPLES = (
    Counterexample(
        "pre-LN",
        _with_shifted("layer", placement="post"),
        breaks="constant direction",
        story="post-LN blocks (OPT-350m, BERT): attention reads the stream itself",
    ),
    Counterexample(
        "LayerNorm",
        _with_shifted("rms"),
        breaks="constant direction",
        story="RMSNorm (Llama) keeps the mean",
    ),
    Counterexample(
        "final norm",
        _with_shifted("layer", final_norm=False),
        breaks="constant direction",
        story="the unembedding reads c 1 off the stream",
    ),
    Counterexample(
        "no epsilon",
        _with_radial(prompts=1, epsilon=1e-2),
        breaks="radial dimension",
        story="eps = 0.01 in the norms: the radial direction is small, and not null",
    ),
    Counterexample(
        "one observation",
        _with_radial(prompts=2, epsilon=0.0),
        breaks="radial dimension",
        story="a second prompt forgets another direction: together they hide none",
    ),
    Counterexample(
        "RMSNorm",
        _with_original("layer"),
        breaks="rotation",
        story="LayerNorm subtracts the mean, which a rotation moves",
    ),
    Counterexample(
        "gains folded",
        _gains_left_in_norms,
        breaks="rotation",
        story="gains left in the norms weight the old coordinates",
    ),
    Counterexample(
        "no gain on writes",
        _with_original("rms", write_gain=True),
        breaks="rotation",
        story="a norm with gain on the updates (Gemma 2, OLMo 2) has no read to be folded into",
    ),
    Counterexample(
        "untied embeddings",
        _tied,
        breaks="rotation",
        story="the one matrix cannot hold the final gain on its reading side only",
    ),
    Counterexample(
        "one rotation",
        _rotated_apart,
        breaks="rotation",
        story="the second block reads and writes in a basis of its own",
    ),
)


# --- false variants -----------------------------------------------------------------------------

FALSE_VARIANTS = (
    FalseVariant(
        "softmax always hides one direction of the state",
        instead_of="logit shift",
        discrepancy=lambda i: logit_shift_error(i, hidden=1),
    ),
    FalseVariant(
        "LayerNorm hides two dimensions at every prompt: mean and size",
        instead_of="nothing but the constant direction",
        discrepancy=lambda i: shifted_dimension_error(i, claimed=2),
    ),
    FalseVariant(
        "the radial direction is null at every strength",
        instead_of="radial dimension",
        discrepancy=radial_dimension_error,
        sample=_two_strengths,
    ),
    FalseVariant(
        "h_L itself, not pulled back, is null at layer l",
        instead_of="radial direction",
        discrepancy=lambda i: radial_direction_error(i, i.last / np.linalg.norm(i.last)),
    ),
    FalseVariant(
        "the line along M^-1 h_L is in the class, not only a curve",
        instead_of="radial curve",
        discrepancy=lambda i: curve_error(i, straight=True),
    ),
    FalseVariant(
        "the radial direction is null whatever the epsilon",
        instead_of="size of the epsilon",
        discrepancy=lambda i: epsilon_error(i, factor=0.0),
    ),
)


THEOREM = Theorem(
    id="N6",
    name="transformer_symmetries",
    title="Transformer symmetries",
    statement=(
        "(a) Softmax is blind to a shift of all logits, which hides a direction of the state iff 1 "
        "is in col J. (b) With pre-LN blocks and a final LayerNorm, c 1 added to the stream at any "
        "layer and position is invisible for all c. (c) With a final norm of degree 0, M^-1 h_L, M "
        "= dh_L/dh_l, is null at one prompt, strength and position, and generically not at two; "
        "with an epsilon its image is eps/(m + eps) W (gain h_L)/sqrt(m + eps). (d) With RMSNorm, "
        "gains folded into all reads, none on writes, and untied embeddings, every rotation of the "
        "residual basis, one for all layers, leaves all outputs."
    ),
    latex=(
        r"\mathrm{LN}(h + c\mathbf{1}) = \mathrm{LN}(h), \quad "
        r"J \Bigl(\frac{\partial h_L}{\partial h_\ell}\Bigr)^{-1} h_L = "
        r"\frac{\varepsilon}{m + \varepsilon} W \frac{\gamma \odot h_L}{\sqrt{m + \varepsilon}}, "
        r"\quad \mathrm{RMS}(Qh) = Q\,\mathrm{RMS}(h)"
    ),
    regime="white box, single layer",
    observable="all logits at the last position (probabilities for (a))",
    estimand="v to first order; (b), (d) and the curve of (c) at every amplitude",
    assumptions=ASSUMPTIONS,
    symbolic=SymbolicProof(
        "every d and epsilon for (c)'s image and (d)'s plane turns (which generate all rotations); "
        "three logits for (a), d = 4 for (b), d = 3 for (c)'s kernel",
        _identities,
    ),
    sample=sample,
    oracle="forward passes at finite amplitude, closed forms of the parameters, SVD of [J 1]",
    conclusions=CONCLUSIONS,
    counterexamples=COUNTEREXAMPLES,
    false_variants=FALSE_VARIANTS,
    sources=(
        "arXiv:2602.06801",
        "Ashkboos et al. 2024, arXiv:2401.15024 (rotations of RMSNorm transformers)",
        "theory.md N6",
    ),
    scope=(
        "Only (b) is an exact null space for all prompts, and of dimension 1; (c) is gone with a "
        "second prompt. Both need norms computed in float64: float32 inside a norm puts (b) under "
        "3e-8 of rounding, bfloat16 breaks it. Gains on writes, or tied embeddings, break (d) "
        "unless the gains there are constant."
    ),
    depends_on=("N7",),
    instances=6,
)

if __name__ == "__main__":
    from proofs.script import main

    main(THEOREM)
