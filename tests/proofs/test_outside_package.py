"""Equivalence classes against symident, a package that knows nothing of this one.

symident decides the structural identifiability of ODE models by Lie symmetries over finite fields
and proves each symmetry over Q. A steering vector is encoded as unknown initial values of states
at rest (v' = 0), and the outputs of the continuation as observables; its rank and its symmetries
are compared with the float64 spectra and exact ranks of this package.

What symident leaves open: it drops an unknown that nothing reads (``directions`` adds it), sees
continuous symmetries only (its "identifiable" is local), wants rational maps, and knows no
tolerance.
"""

import numpy as np
import pytest
import symident
import sympy as sp
import torch

from identifiability import EquivalenceClass, JacobianOperator, Verdict, exact_rank, stack
from tests.oracles import integer_matrix_of_rank

# Integers below 1000 in width <= 6: a computed null space is off by about 1e-16 times a condition
# number, and 1e-8 leaves room for one of 1e6. A wrong direction is off by about 1.
ROUNDING = 1e-8


def unknowns(width):
    return np.array(sp.symbols(f"v0:{width}"))


def symmetries(outputs, names, *, known=(), rates=None):
    """symident's result for unknown initial values, at rest unless there are rates.

    ``outputs`` is a list of expressions, or one such list for each environment.
    """
    environments = outputs if isinstance(outputs[0], list) else [outputs]
    rates = [0] * len(names) if rates is None else rates
    model = symident.Model(
        {str(name): str(rate) for name, rate in zip(names, rates, strict=True)},
        [{f"y{i}": str(y) for i, y in enumerate(each)} for each in environments],
        fixed=[str(name) for name in known],
        positive=False,
    )
    # The cap shortens the search for generators with few entries, and nothing else.
    control = symident.reconst_control(minsupport_cand_cap=200)
    result = symident.detect(model, reconstruct=True, control=control)
    assert result.info["rank_status"]["status"] == "proven"
    assert {symmetry.level for symmetry in result.symmetries} <= {"exact"}
    return result


def directions(result, names, point):
    """(d, k) rational: the generators at a point, and the unknowns that symident dropped."""
    values = {str(name): int(value) for name, value in zip(names, point, strict=True)}
    columns = []
    for field in (symmetry.sympy() for symmetry in result.symmetries):
        entries = [sp.sympify(field.get(str(name), 0)) for name in names]
        columns.append([e.subs({s: values[s.name] for s in e.free_symbols}) for e in entries])
    dropped = [name for name in names if str(name) not in result.info["coordinates"]]
    columns += [[int(name is other) for name in names] for other in dropped]
    return sp.Matrix(len(names), len(columns), lambda i, j: columns[j][i])


def identified(result):
    """The combinations that symident calls identifiable: invariants, and unknowns at rest."""
    moved = {name for symmetry in result.symmetries for name in symmetry.support}
    invariants = [text for block in result.reduce().blocks for text in block["invariants"]]
    rest = [name for name in result.info["coordinates"] if name not in moved]
    return [sp.sympify(text.replace("^", "**")) for text in invariants + rest]


def assert_same_directions(found, seen):
    """Equal dimensions, and every symmetry lies among the class's directions: equal spaces."""
    assert found.rank() == found.shape[1] == seen.dimension
    exact = np.array(found, dtype=float)
    outside = exact - seen.basis @ (seen.basis.T @ exact)
    assert np.linalg.norm(outside) <= ROUNDING * np.linalg.norm(exact)


@pytest.mark.parametrize(
    ("rows", "width", "rank"), [(1, 5, 1), (2, 4, 2), (3, 6, 2), (5, 4, 3), (3, 3, 3), (6, 4, 4)]
)
def test_symmetries_of_an_affine_readout_are_the_kernel(rows, width, rank):
    rng = np.random.default_rng([rows, width, rank])
    matrix, names = integer_matrix_of_rank(rng, rows, width, rank), unknowns(width)
    vector = rng.integers(1, 8, width)
    result = symmetries(list(matrix @ names + rng.integers(-9, 9, rows)), names)
    found = directions(result, names, vector)
    assert result.rank == int(exact_rank(matrix)) == rank
    assert sp.Matrix(matrix) * found == sp.zeros(rows, width - rank)
    seen = EquivalenceClass(matrix.astype(float), vector, affine=True)
    assert_same_directions(found, seen)
    globally = seen.report.verdict is Verdict.GLOBALLY_IDENTIFIABLE
    assert result.identifiable == globally == (rank == width)


def test_an_unknown_that_nothing_reads_is_dropped_by_symident_and_a_kernel_direction_here():
    names = unknowns(3)
    result = symmetries([names[0] + 2 * names[1]], names)
    assert (result.dim, result.rank, len(result.symmetries)) == (2, 1, 1)
    seen = EquivalenceClass(np.array([[1.0, 2.0, 0.0]]), np.ones(3), affine=True)
    assert_same_directions(directions(result, names, (1, 1, 1)), seen)


@pytest.mark.parametrize(("rows", "width", "rank"), [(1, 4, 1), (3, 4, 2), (4, 4, 3)])
def test_identifiable_combinations_span_the_row_space(rows, width, rank):
    rng = np.random.default_rng([7, rows, width, rank])
    matrix, names = integer_matrix_of_rank(rng, rows, width, rank), unknowns(width)
    combinations = sp.Matrix(identified(symmetries(list(matrix @ names), names)))
    functionals = combinations.jacobian(list(names))
    assert not functionals.free_symbols  # the combinations are linear
    assert functionals.rank() == rank
    assert sp.Matrix.vstack(functionals, sp.Matrix(matrix)).rank() == rank
    seen = EquivalenceClass(matrix.astype(float), rng.integers(1, 8, width), affine=True)
    row_space, exact = seen.report.identified_functionals, np.array(functionals, dtype=float)
    assert row_space.shape == (rank, width)
    missed = exact - exact @ row_space.T @ row_space
    assert np.linalg.norm(missed) <= ROUNDING * np.linalg.norm(exact)


@pytest.mark.parametrize("seed", [0, 1])
def test_observing_the_missing_functionals_closes_the_class_and_seen_ones_do_not(seed):
    rng = np.random.default_rng(seed)
    matrix, names = integer_matrix_of_rank(rng, 4, 5, 3), unknowns(5)
    missing = [list(kernel) for kernel in sp.Matrix(matrix).nullspace()]
    seen_already = list(matrix[0] - 2 * matrix[1])
    for extra, left in [([seen_already], 2), (missing[:1], 1), (missing, 0)]:
        observed = sp.Matrix(matrix.tolist() + extra)
        result = symmetries(list(observed * sp.Matrix(names)), names)
        seen = EquivalenceClass(np.array(observed, float), rng.integers(1, 8, 5), affine=True)
        assert result.dim - result.rank == seen.dimension == left
        globally = seen.report.verdict is Verdict.GLOBALLY_IDENTIFIABLE
        assert result.identifiable == globally == (left == 0)


def test_environments_leave_the_intersection_of_their_kernels():
    rng = np.random.default_rng(3)
    shared = integer_matrix_of_rank(rng, 3, 5, 3)  # its kernel is null in every environment
    first, second = (rng.integers(-3, 4, (2, 3)) @ shared for _ in range(2))
    repaired = rng.integers(-3, 4, (2, 5))
    names, vector = unknowns(5), rng.integers(1, 8, 5)
    for matrices, left in [([first], 3), ([first, second], 2), ([first, second, repaired], 0)]:
        result = symmetries([list(matrix @ names) for matrix in matrices], names)
        seen = EquivalenceClass(np.concatenate(matrices).astype(float), vector, affine=True)
        assert seen.dimension == left
        assert_same_directions(directions(result, names, vector), seen)


def local_class(continuation, states, vector, strengths=(1,)):
    """The class of v to first order, from Jacobians at the steered states."""
    operators = [
        JacobianOperator(
            lambda h: torch.stack(continuation(h)),
            torch.as_tensor(state + a * vector, dtype=torch.float64),
            strength=a,
        )
        for state in states
        for a in strengths
    ]
    return EquivalenceClass(stack(operators), vector)


@pytest.mark.parametrize(("prompts", "left"), [(1, 3), (2, 2), (3, 2), (4, 2)])
def test_prompts_do_not_close_the_class_behind_a_linear_bottleneck(prompts, left):
    rng = np.random.default_rng(5)
    shared, names = integer_matrix_of_rank(rng, 2, 4, 2), unknowns(4)
    states, vector = rng.integers(-4, 5, (prompts, 4)), rng.integers(1, 8, 4)

    def continuation(h):
        first, second = (sum(int(p) * x for p, x in zip(row, h, strict=True)) for row in shared)
        return [first**2 + second]

    outputs = [y for state in states for y in continuation(state + names)]
    result = symmetries(outputs, names)
    found = directions(result, names, vector)
    assert_same_directions(found, local_class(continuation, states, vector))
    assert result.rank == min(prompts, int(exact_rank(shared)))
    # From two prompts on all that is left is ker P, the same at every v.
    generators = [entry for s in result.symmetries for entry in s.sympy().values()]
    constant = not any(entry.free_symbols for entry in generators)
    assert constant == (sp.Matrix(shared) * found == sp.zeros(2, left)) == (prompts >= 2)


@pytest.mark.parametrize(("prompts", "left"), [(1, 2), (2, 0)])
def test_a_narrow_layer_after_a_nonlinearity_bounds_each_prompt_only(prompts, left):
    rng = np.random.default_rng(6)
    narrow, names = integer_matrix_of_rank(rng, 2, 4, 2), unknowns(4)
    states, vector = rng.integers(-4, 5, (prompts, 4)), rng.integers(5, 9, 4)

    def continuation(h):
        return [sum(int(p) * x**2 for p, x in zip(row, h, strict=True)) for row in narrow]

    outputs = [y for state in states for y in continuation(state + names)]
    seen = local_class(continuation, states, vector)
    assert seen.dimension == left
    assert_same_directions(directions(symmetries(outputs, names), names, vector), seen)


@pytest.mark.parametrize(("strengths", "left"), [((1,), 2), ((1, 2), 1), ((1, 2, 3), 1)])
def test_strengths_are_environments_up_to_the_degree(strengths, left):
    names, state, vector = unknowns(3), np.array([1, -2, 3]), np.array([2, 5, 3])

    def continuation(h):
        return [h[0] ** 2 + 2 * h[1] * h[2] - h[2] ** 2 + h[0]]

    outputs = [y for a in strengths for y in continuation(state + a * names)]
    seen = local_class(continuation, [state], vector, strengths)
    assert seen.dimension == left
    assert_same_directions(directions(symmetries(outputs, names), names, vector), seen)


def test_without_affinity_the_class_follows_the_kernel_at_the_steered_state():
    names, vector = unknowns(2), np.array([1, 1])

    def continuation(h):  # N1's example: e2 is null at h = 0, and no member of the class
        return [h[0] + h[0] * h[1]]

    found = directions(symmetries(continuation(names), names), names, vector)
    assert_same_directions(found, local_class(continuation, [np.zeros(2)], vector))
    assert found[0] / found[1] == sp.Rational(-1, 2)
    unsteered = local_class(continuation, [np.zeros(2)], np.zeros(2))
    assert np.abs(unsteered.basis[:, 0]) == pytest.approx([0, 1])


@pytest.mark.parametrize(("rows", "width", "rank"), [(3, 3, 3), (5, 4, 4), (3, 4, 2)])
def test_an_unknown_strength_adds_one_scaling_to_the_class(rows, width, rank):
    rng = np.random.default_rng([11, rows, width])
    matrix, names = integer_matrix_of_rank(rng, rows, width, rank), unknowns(width)
    strength, vector = sp.Symbol("a"), rng.integers(1, 8, width)
    outputs = list(matrix @ (rng.integers(-5, 6, width) + strength * names))
    result = symmetries(outputs, [strength, *names])
    seen = EquivalenceClass(matrix.astype(float), vector, affine=True)
    assert result.dim - result.rank == seen.dimension + 1
    (gauge,) = (s for s in result.symmetries if s.type == "scaling")
    assert {name: int(w) * int(gauge.weights["a"]) for name, w in gauge.weights.items()} == {
        "a": 1,
        **{str(name): -1 for name in names},
    }
    # As a class of (a, v): of the first-order map [J v | a J], here at a = 2.
    joint = np.column_stack([matrix @ vector, 2 * matrix])
    found = directions(result, [strength, *names], [2, *vector])
    assert_same_directions(found, EquivalenceClass(joint.astype(float), [2, *vector]))
    known = symmetries(outputs, names, known=[strength])
    assert_same_directions(directions(known, names, vector), seen)


def test_two_unknown_strengths_and_a_cubic_continuation_leave_one_scaling():
    names, (weak, strong) = unknowns(2), sp.symbols("a b")
    everything = [weak, strong, *names]

    def continuation(h):
        return [(h[0] + 2 * h[1]) ** 3 + h[0], h[0] * h[1]]

    state = np.array([1, 2])
    outputs = [y for a in (weak, strong) for y in continuation(state + a * names)]
    result = symmetries(outputs, everything)
    (gauge,) = result.symmetries
    assert gauge.type == "scaling"
    found = directions(result, everything, (1, 2, 3, 5))
    assert list(found / found[0]) == [1, 2, -3, -5]  # a d/da + b d/db - v d/dv
    scaled = {weak: 3 * weak, strong: 3 * strong, **{name: name / 3 for name in names}}
    combinations = identified(result)
    assert len(combinations) == sp.Matrix(combinations).jacobian(everything).rank() == 3
    assert all(sp.simplify(c.subs(scaled, simultaneous=True) - c) == 0 for c in combinations)
    assert symmetries(outputs, [strong, *names], known=[weak]).identifiable


@pytest.mark.parametrize(("width", "observable"), [(4, 2), (4, 3), (3, 3)])
def test_symmetries_of_linear_dynamics_are_the_kernel_of_the_observability_matrix(
    width, observable
):
    """R4a with a repeated layer map: v' = A v and reads C see what [C; CA; CA^2; ...] sees."""
    rng = np.random.default_rng([13, width, observable])
    change = np.tril(rng.integers(-2, 3, (width, width)), -1) + np.eye(width, dtype=int)
    inverse = np.array(sp.Matrix(change).inv(), dtype=int)
    # The first coordinates form a chain read at its start, the others feed into none of them.
    layer = np.tril(rng.integers(-2, 3, (width, width)), 1)
    layer[range(observable - 1), range(1, observable)] = 1
    layer[:observable, observable:] = 0
    layer, read = change @ layer @ inverse, np.eye(1, width, dtype=int) @ inverse
    names, vector = unknowns(width), rng.integers(1, 8, width)
    result = symmetries(list(read @ names), names, rates=list(layer @ names))
    reads = np.concatenate([read @ np.linalg.matrix_power(layer, k) for k in range(width)])
    assert result.rank == int(exact_rank(reads)) == observable
    seen = EquivalenceClass(reads.astype(float), vector, affine=True)
    assert_same_directions(directions(result, names, vector), seen)
