r"""R2a — a steering vector that is sparse in a known dictionary is seen with far fewer than d rows.

Let v = Dz for a known dictionary D (d, K), ||z||_0 <= k, and y = JDz with J (M, d). spark(B) is the
least number of dependent columns of B, K + 1 if none are (Donoho & Elad 2003). Let k < K.

.. math::
    \text{every k-sparse z is the only k-sparse solution} &\iff \operatorname{spark}(JD) > 2k, \\
    \text{so is every } v \in D\Sigma_k &\iff \ker J \cap D\Sigma_{2k} = \{0\}, \\
    \text{on every support almost every z is} &\iff \operatorname{spark}(JD) > k + 1, \\
    \text{for almost every J: } \operatorname{spark}(JD) &= \min(\operatorname{spark} D,\ M + 1) .

So where spark(D) > 2k, M = 2k generic rows serve every code and M = k + 1 serve almost every one,
instead of d; what then fails is half of a kernel vector with 2k entries: the other half, with
opposite sign, is a second k-sparse explanation of the same y.

Symbolic part: all real matrices of the sizes shown, k = 1 and 2. The general case is the same:
if spark > 2k, some minor of each 2k columns is not 0, and adj(B)B = det(B)I; Cramer's kernel vector
of 2k columns with 2k - 1 rows; multilinearity of det[B_T | y] in y (a z that gives 0 for some T is
in one of finitely many proper subspaces); and Cauchy--Binet, by which a minor of J D_S is a
polynomial in J whose coefficients are the minors of D_S. Only if, at k + 1: of k + 1 columns that
depend on each other and no fewer, any k span the same space; and k that do have no unique code.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

import numpy as np

import identifiability
from proofs.shared.integer_networks import without_repetition
from proofs.shared.sparse_kernels import elementary_vectors, spark
from proofs.theorem import (
    Assumption,
    Conclusion,
    Counterexample,
    FalseVariant,
    Identity,
    SymbolicProof,
    Theorem,
)


@dataclass(frozen=True)
class SparseSteering:
    """What is seen of a vector that has a sparse code; integers throughout."""

    jacobian: np.ndarray  # J (M, d)
    dictionary: np.ndarray  # D (d, K), which the decoder knows
    coded_in: np.ndarray  # (d, K), in which the vector really is sparse
    code: np.ndarray  # z (K,)
    sparsity: int  # k

    @property
    def seen(self) -> np.ndarray:
        """JD (M, K)."""
        return self.jacobian @ self.dictionary

    @cached_property
    def spark(self) -> int:
        """spark(JD), by ranks over Q."""
        return spark(self.seen)

    @cached_property
    def kernel_vectors(self) -> np.ndarray:
        """(n, K) of minimal support in ker JD, from a basis of it."""
        return elementary_vectors(self.seen)

    @property
    def response(self) -> np.ndarray:
        """y = J v."""
        return self.jacobian @ self.coded_in @ self.code


# --- assumptions --------------------------------------------------------------------------------


def _no_value_twice(values: np.ndarray) -> bool:
    sizes = np.abs(values[values != 0])
    return len(set(sizes.tolist())) == sizes.size


ASSUMPTIONS = (
    Assumption(
        "known dictionary",
        "v is sparse in the dictionary that the decoder uses",
        lambda i: np.array_equal(i.coded_in, i.dictionary),
    ),
    Assumption("k-sparse", "||z||_0 <= k", lambda i: np.count_nonzero(i.code) <= i.sparsity),
    Assumption("rows", "M >= k + 1", lambda i: len(i.jacobian) > i.sparsity),
    Assumption(
        "dictionary of spark above k + 1",
        "every k + 1 columns of D are independent",
        lambda i: spark(i.dictionary) > i.sparsity + 1,
    ),
    Assumption(
        "Jacobian with a density",
        "no entry of J occurs twice, as is almost sure where they have a joint density",
        lambda i: _no_value_twice(i.jacobian),
    ),
    Assumption(
        "code with a density",
        "spark(JD) > 2k; or no entry of z occurs twice, as is almost sure where they have one",
        lambda i: i.spark > 2 * i.sparsity or _no_value_twice(i.code),
    ),
)


# --- symbolic -----------------------------------------------------------------------------------


def _identities() -> Iterator[Identity]:
    import sympy as sp

    for k in (1, 2):
        size = 2 * k
        B = sp.Matrix(size, size, sp.symbols(f"b:{size * size}"))
        determinant = B.det(method="berkowitz")
        n = sp.Matrix(sp.symbols(f"n:{size}"))
        claim = f"k = {k}: Bn = 0 forces det(B) n = 0, so 2k independent columns share no kernel"
        yield Identity(claim, B.adjugate() * (B * n), determinant * n)

        wide = B[:-1, :]  # 2k - 1 rows
        minors = [wide[:, [j for j in range(size) if j != i]].det() for i in range(size)]
        cramer = sp.Matrix([(-1) ** i * minor for i, minor in enumerate(minors)])
        first = sp.Matrix([*cramer[:k], *[0] * k])
        second = sp.Matrix([*[0] * k, *(-cramer[k:, :])])
        claim = f"k = {k}: with 2k - 1 rows two k-sparse codes, half by half, have the same y"
        yield Identity(claim, wide * first, wide * second)

    B, z = sp.Matrix(3, 4, sp.symbols("b:12")), sp.symbols("z1 z2")
    b = [B[:, i] for i in range(4)]
    y = z[0] * b[0] + z[1] * b[1]

    def minor(*columns: sp.Matrix) -> sp.Expr:
        return sp.Matrix.hstack(*columns).det()

    claim = "k = 2, M = 3: y is in the span of columns 3, 4 only on a line of codes (z1, z2)"
    line = z[0] * minor(b[2], b[3], b[0]) + z[1] * minor(b[2], b[3], b[1])
    yield Identity(claim, minor(b[2], b[3], y), line)
    claim = "and in that of columns 1, 3 only for z2 = 0, if columns 1, 2, 3 are independent"
    yield Identity(claim, minor(b[0], b[2], y), z[1] * minor(b[0], b[2], b[1]))
    p, q = sp.symbols("p q")
    claim = "3 dependent columns, b3 = p b1 + q b2: every y in their span has a code on 1, 3 too"
    on_13 = (z[0] - p * z[1] / q) * b[0] + z[1] / q * (p * b[0] + q * b[1])
    yield Identity(claim, on_13, y)

    for rows, width in ((1, 3), (2, 3), (2, 4), (3, 4)):
        J = sp.Matrix(rows, width, sp.symbols(f"j:{rows * width}"))
        D = sp.Matrix(width, rows, sp.symbols(f"d:{rows * width}"))
        found = sp.Poly((J * D).det(method="berkowitz"), *J)
        chosen = [list(c) for c in combinations(range(width), rows)]
        monomials = [sp.prod([J[r, column] for r, column in enumerate(c)]) for c in chosen]
        coefficients = sp.Matrix([found.coeff_monomial(m) for m in monomials])
        expected = sp.Matrix([D[c, :].det(method="berkowitz") for c in chosen])
        claim = f"M = {rows}, d = {width}: det(J D_S) has the minors of D_S for coefficients"
        yield Identity(claim, coefficients, expected)


# --- numeric ------------------------------------------------------------------------------------


def sample(rng: np.random.Generator) -> SparseSteering:
    """From k + 1 to 2k + 1 rows; half of the dictionaries have k + 2 dependent columns."""
    k = int(rng.integers(1, 4))
    rows = int(rng.integers(k + 1, 2 * k + 2))
    dependent = k + 2 if rng.random() < 0.5 else 0
    while True:  # integers this small are dependent by accident now and then
        drawn = _steering(k, rows, rng, dependent)
        if spark(drawn.dictionary) > k + 1:
            return drawn


def _steering(k: int, rows: int, rng: np.random.Generator, dependent: int = 0) -> SparseSteering:
    """d = 2k + 1 or more; ``dependent`` columns of the dictionary add up to 0 if signed rightly."""
    width = 2 * k + int(rng.integers(1, 3))
    columns = width + int(rng.integers(0, 2))
    dictionary = rng.integers(-9, 10, (width, columns))
    if dependent:
        signs = rng.choice([-1, 1], dependent - 1)
        dictionary[:, -1] = dictionary[:, : dependent - 1] @ signs
    jacobian = without_repetition(rng)(rows * width).astype(int).reshape(rows, width)
    code = np.zeros(columns, int)
    code[rng.choice(columns, k, replace=False)] = without_repetition(rng)(k)
    return SparseSteering(jacobian, dictionary, dictionary, code, k)


def _supports(columns: int, size: int) -> np.ndarray:
    return np.array(list(combinations(range(columns), size)))


def _two_explanations(i: SparseSteering) -> np.ndarray:
    """(n, 2, K): pairs of k-sparse codes with the same y, the halves of kernel vectors of JD."""
    kernel = i.kernel_vectors
    first_half = np.cumsum(kernel != 0, axis=1) <= i.sparsity
    pairs = np.stack([kernel * first_half, -kernel * ~first_half], axis=1)
    pairs = pairs[(np.count_nonzero(pairs, axis=2) <= i.sparsity).all(axis=1)]
    responses = pairs @ i.seen.T
    scale = np.abs(i.seen).max()
    if not np.allclose(responses[:, 0], responses[:, 1], rtol=0, atol=1e-9 * scale):
        raise ArithmeticError("a kernel vector of JD does not lie in its kernel")
    return pairs


def _every_code_error(i: SparseSteering, claimed: bool) -> float:
    return abs(float(claimed) - float(len(_two_explanations(i)) == 0))


def _every_vector_error(i: SparseSteering) -> float:
    """ker J meets D Sigma_2k in 0 iff J keeps the ranks of 2k columns of D."""
    size = min(2 * i.sparsity, i.dictionary.shape[1])
    kept = all(
        int(identifiability.exact_rank(i.seen[:, s]))
        == int(identifiability.exact_rank(i.dictionary[:, s]))
        for s in _supports(i.dictionary.shape[1], size)
    )
    pairs = _two_explanations(i)
    apart = np.abs((pairs[:, 0] - pairs[:, 1]) @ i.dictionary.T).max(initial=0.0)
    return abs(float(kept) - float(apart <= 1e-9))


def _rows_error(i: SparseSteering, claimed: int) -> float:
    """Against the entries of the sparsest kernel vector of JD."""
    counts = np.count_nonzero(i.kernel_vectors, axis=1)
    return abs(claimed - counts.min(initial=i.dictionary.shape[1] + 1))


def _almost_every_code_error(i: SparseSteering, needed: int) -> float:
    """[spark(JD) > k + needed] against random codes on every support, for k = 1, 2, ..., M."""
    columns, least = i.seen.shape[1], i.spark
    sizes = range(1, min(len(i.jacobian) + 1, columns))
    return max(abs(float(least > k + needed) - float(_random_codes_unique(i, k))) for k in sizes)


def _random_codes_unique(i: SparseSteering, k: int) -> bool:
    """Whether no random y = B_S z is also in the span of another B_T, or B_S hides some z."""
    supports = _supports(i.seen.shape[1], k)
    parts = np.moveaxis(i.seen[:, supports].astype(float), 1, 0)  # (n, M, k)
    parts /= np.abs(i.seen).max()
    if np.linalg.svd(parts, compute_uv=False)[:, -1].min() < 1e-9:
        return False
    codes = np.random.default_rng(0).uniform(1, 2, (len(supports), k, 1))
    responses = (parts @ codes)[..., 0]
    responses /= np.linalg.norm(responses, axis=1, keepdims=True)
    spans = parts @ np.linalg.pinv(parts)
    missed = np.linalg.norm(responses[None] - responses @ spans.transpose(0, 2, 1), axis=2)
    np.fill_diagonal(missed, np.inf)
    return bool(missed.min() > 1e-9)


def _recovery_error(i: SparseSteering) -> float:
    """||z' - z||/||z|| for the farthest z' among the k-sparse codes that fit y best."""
    supports = _supports(i.dictionary.shape[1], i.sparsity)
    parts = np.moveaxis(i.seen[:, supports].astype(float), 1, 0)
    found = (np.linalg.pinv(parts) @ i.response)[..., None]
    missed = np.linalg.norm((parts @ found)[..., 0] - i.response, axis=1)
    fitting = missed <= max(missed.min(), 1e-9 * np.linalg.norm(i.response))
    codes = np.zeros((len(supports), i.code.size))
    np.put_along_axis(codes, supports, found[..., 0], axis=1)
    apart = np.linalg.norm(codes[fitting] - i.code, axis=1)
    return float(apart.max() / np.linalg.norm(i.code))


def _generic_spark(i: SparseSteering) -> int:
    return min(spark(i.dictionary), len(i.jacobian) + 1)


_YES_OR_NO = {"tolerance": 0.0, "because": "yes or no", "broken_above": 0.5}

CONCLUSIONS = (
    Conclusion(
        "every code",
        "every k-sparse z is the only k-sparse solution iff spark(JD) > 2k",
        lambda i: _every_code_error(i, i.spark > 2 * i.sparsity),
        **_YES_OR_NO,
    ),
    Conclusion(
        "every vector",
        "every v in D Sigma_k is the only one iff ker J and D Sigma_2k meet in 0 only",
        _every_vector_error,
        **_YES_OR_NO,
    ),
    Conclusion(
        "almost every code",
        "on every support almost every z is the only k-sparse solution iff spark(JD) > k + 1",
        lambda i: _almost_every_code_error(i, 1),
        **_YES_OR_NO,
    ),
    Conclusion(
        "rows",
        "spark(JD) = min(spark D, M + 1)",
        lambda i: _rows_error(i, _generic_spark(i)),
        tolerance=0.0,
        because="integers",
        broken_above=0.5,
    ),
    Conclusion(
        "recovery",
        "the planted code is the only one of k entries that explains y",
        _recovery_error,
        tolerance=1e-8,
        because="rounding, times the condition of k columns of integers below 1e5 (1e6 at worst)",
        broken_above=1e-2,
    ),
)


# --- what breaks without each assumption --------------------------------------------------------

_HADAMARD = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])


def _rotated_basis(rng: np.random.Generator) -> SparseSteering:
    jacobian = without_repetition(rng)(12).astype(int).reshape(3, 4)
    code, basis = np.array([3, 0, 0, 0]), np.eye(4, dtype=int)
    return SparseSteering(jacobian, 2 * basis, _HADAMARD, code, 1)


def _not_sparse(rng: np.random.Generator) -> SparseSteering:
    i = _steering(2, 4, rng)
    return replace(i, code=np.array([7, 5, 3, *[0] * (i.code.size - 3)]))


def _too_few_rows(rng: np.random.Generator) -> SparseSteering:
    return _steering(2, 2, rng)


def _dependent_dictionary(rng: np.random.Generator) -> SparseSteering:
    i = _steering(2, 4, rng, dependent=3)
    return replace(i, code=np.array([7, 5, *[0] * (i.code.size - 2)]))


def _same_prompt_twice(rng: np.random.Generator) -> SparseSteering:
    i = _steering(1, 2, rng)
    return replace(i, jacobian=np.vstack([i.jacobian, i.jacobian[:1]]))


def _half_of_a_kernel_vector(rng: np.random.Generator) -> SparseSteering:
    jacobian = np.array([[2, 7, 4, 5], [3, 8, 1, 10], [12, 9, -6, 27]])
    basis = np.eye(4, dtype=int)
    return SparseSteering(jacobian, basis, basis, np.array([1, 1, 0, 0]), 2)


COUNTEREXAMPLES = (
    Counterexample(
        "known dictionary",
        _rotated_basis,
        breaks="recovery",
        story="v is one column of a rotated basis (N6d), decoded as one of the standard basis",
    ),
    Counterexample(
        "k-sparse",
        _not_sparse,
        breaks="recovery",
        story="three entries, decoded with two: the best fit is another vector",
    ),
    Counterexample(
        "rows",
        _too_few_rows,
        breaks="recovery",
        story="k = 2 rows for k = 2: every pair of columns explains y",
    ),
    Counterexample(
        "dictionary of spark above k + 1",
        _dependent_dictionary,
        breaks="recovery",
        story="d_K = +-d_1 +- d_2: v comes back, but as a code on (1, K) or (2, K) as well",
    ),
    Counterexample(
        "Jacobian with a density",
        _same_prompt_twice,
        breaks="rows",
        story="the first of two rows once more: three rows, but the spark is that of two",
    ),
    Counterexample(
        "code with a density",
        _half_of_a_kernel_vector,
        breaks="recovery",
        story=(
            "J = [[2, 7, 4, 5], [3, 8, 1, 10], [12, 9, -6, 27]]: y = (9, 11, 21) is J(e1 + e2) and "
            "J(e3 + e4), as J(1, 1, -1, -1) = 0; almost every other pair has one explanation"
        ),
    ),
)


# --- false variants -----------------------------------------------------------------------------

FALSE_VARIANTS = (
    FalseVariant(
        "every k-sparse z is the only one iff spark(JD) >= 2k",
        instead_of="every code",
        discrepancy=lambda i: _every_code_error(i, i.spark >= 2 * i.sparsity),
        sample=lambda rng: _steering(2, 3, rng),
    ),
    FalseVariant(
        "every k-sparse z is the only one iff spark(JD) > k + 1 (rows for a generic z serve all)",
        instead_of="every code",
        discrepancy=lambda i: _every_code_error(i, i.spark > i.sparsity + 1),
        sample=lambda rng: _steering(2, 3, rng),
    ),
    FalseVariant(
        "almost every k-sparse z is the only one iff spark(JD) > k (as many rows as entries)",
        instead_of="almost every code",
        discrepancy=lambda i: _almost_every_code_error(i, 0),
    ),
    FalseVariant(
        "generic rows keep the spark of the dictionary, however few",
        instead_of="rows",
        discrepancy=lambda i: _rows_error(i, spark(i.dictionary)),
        sample=lambda rng: _steering(2, 3, rng),
    ),
)


THEOREM = Theorem(
    id="R2a",
    name="sparse_dictionary",
    title="Sparse in a known dictionary",
    statement=(
        "Let v = Dz with D known and ||z||_0 <= k < K. Every such z is the only k-sparse solution "
        "of y = JDz iff spark(JD) > 2k; every such v is iff ker J and D Sigma_2k meet in 0 only; "
        "on every support almost every z is iff spark(JD) > k + 1. For almost every J with M rows "
        "spark(JD) = min(spark D, M + 1), so 2k rows (k + 1 for almost every z) do instead of d "
        "if spark D > 2k (k + 1)."
    ),
    latex=(
        r"\operatorname{spark}(JD) > 2k \iff \text{every } k\text{-sparse } z \text{ is unique}, "
        r"\qquad \operatorname{spark}(JD) = \min(\operatorname{spark} D, M + 1) \text{ a.e.}"
    ),
    regime="white box, single layer; affine, or first order",
    observable="M rows of J v: outputs, stacked over prompts",
    estimand="the code z and the vector v = Dz",
    assumptions=ASSUMPTIONS,
    symbolic=SymbolicProof(
        "all real matrices with the rows shown, k = 1 and 2; every size by the same identities",
        _identities,
    ),
    sample=sample,
    oracle="kernel vectors of JD from a kernel basis; brute force over supports; planted codes",
    conclusions=CONCLUSIONS,
    counterexamples=COUNTEREXAMPLES,
    false_variants=FALSE_VARIANTS,
    sources=(
        "Donoho & Elad 2003, doi:10.1073/pnas.0437847100",
        "Rockafellar 1969, The elementary vectors of a subspace of R^N",
        "theory.md R2",
    ),
    scope=(
        "Sparsity helps only in a dictionary fixed beforehand: a rotation of the residual basis is "
        "a gauge (N6d) that turns it. With spark D <= 2k it may bring back v and not z."
    ),
    depends_on=("N1",),
    instances=30,
)

if __name__ == "__main__":
    from proofs.script import main

    main(THEOREM)
