"""Defects of Jacobians, Fisher metrics and their spectra."""

from __future__ import annotations

from tools.mutants.defect import Defect

OPERATORS = "identifiability/operators.py"
SPECTRUM = "identifiability/spectrum.py"
EXACT = "identifiability/exact.py"
_OPERATORS = "tests/identifiability/test_operators.py::"
_SPECTRUM = "tests/identifiability/test_spectrum.py::"
_EXACT = "tests/identifiability/test_exact.py::"

DEFECTS = (
    Defect(
        "softmax-not-centred",
        OPERATORS,
        "return self.probabilities[:, None] * (columns - self.probabilities @ columns)",
        "return self.probabilities[:, None] * columns",
        "a shift of all logits, which no softmax shows, would count as seen",
        (f"{_OPERATORS}test_softmax_fisher_is_the_second_order_of_the_divergence",),
    ),
    Defect(
        "softmax-centred-by-the-plain-mean",
        OPERATORS,
        "(columns - self.probabilities @ columns)",
        "(columns - columns.mean(axis=0))",
        "words that are never said would weigh as much as the likely ones",
        (f"{_OPERATORS}test_softmax_fisher_is_the_second_order_of_the_divergence",),
    ),
    Defect(
        "strength-dropped-forwards",
        OPERATORS,
        "return self.strength * _mapped(push,",
        "return _mapped(push,",
        "every strength would weigh the same in the stack",
        (f"{_OPERATORS}test_jacobian_is_the_finite_difference_one",),
    ),
    Defect(
        "strength-dropped-backwards",
        OPERATORS,
        "return self.strength * _mapped(pull,",
        "return _mapped(pull,",
        "J and its transpose would be of two different maps",
        (
            f"{_OPERATORS}test_jacobian_is_the_finite_difference_one",
            f"{_OPERATORS}test_adjoint_and_products_agree",
        ),
    ),
    Defect(
        "products-rounded-to-float32",
        OPERATORS,
        "return result.detach().to(torch.float64).cpu().numpy().T",
        "return result.detach().to(torch.float32).to(torch.float64).cpu().numpy().T",
        "half of the digits, and with them small singular values, would be gone",
        (f"{_OPERATORS}test_adjoint_and_products_agree",),
    ),
    Defect(
        "prompts-summed-instead-of-averaged",
        OPERATORS,
        "return np.mean([metric.matmat(columns) for metric in self.metrics], axis=0)",
        "return np.sum([metric.matmat(columns) for metric in self.metrics], axis=0)",
        "divergences would grow with the number of prompts",
        (f"{_OPERATORS}test_stack_and_average_are_row_blocks_and_means",),
    ),
    Defect(
        "stack-in-the-wrong-order",
        OPERATORS,
        "return np.concatenate([block.matmat(columns) for block in self.blocks])",
        "return np.concatenate([block.matmat(columns) for block in self.blocks[::-1]])",
        "rows of a stack would belong to other prompts than its transpose has them",
        (
            f"{_OPERATORS}test_stack_and_average_are_row_blocks_and_means",
            f"{_OPERATORS}test_adjoint_and_products_agree",
        ),
    ),
    Defect(
        "transposed-singular-vectors",
        SPECTRUM,
        "return cls(padded, right.T, resolution, rectangular=True, error=error)",
        "return cls(padded, right, resolution, rectangular=True, error=error)",
        "null and row space would be spanned by rows for columns",
        (f"{_SPECTRUM}test_rank_is_the_exact_one", "proofs/null_space_ambiguity.py"),
    ),
    Defect(
        "null-space-of-the-wrong-end",
        SPECTRUM,
        "return self.eigenvectors[:, self.rank() :]",
        "return self.eigenvectors[:, : self.width - self.rank()]",
        "the best seen directions would be called invisible",
        (f"{_SPECTRUM}test_rank_is_the_exact_one",),
    ),
    Defect(
        "null-space-of-the-outputs",
        SPECTRUM,
        "_, singular, right = np.linalg.svd(matrix, full_matrices=rows < width)",
        "right, singular, _ = np.linalg.svd(matrix, full_matrices=rows < width)",
        "directions of the outputs would stand for directions of the state",
        (f"{_SPECTRUM}test_rank_is_the_exact_one", "proofs/null_space_ambiguity.py"),
    ),
    Defect(
        "singular-values-from-the-gram-matrix",
        SPECTRUM,
        "_, singular, right = np.linalg.svd(matrix, full_matrices=rows < width)",
        "_, singular, right = np.linalg.svd(matrix.T @ matrix)\n"
        "        singular = np.sqrt(singular)[: min(rows, width)]",
        "squares lose half of the digits: a small singular value would pass for zero",
        (f"{_SPECTRUM}test_a_jacobian_resolves_what_its_gram_matrix_loses",),
    ),
    Defect(
        "float32-metric",
        SPECTRUM,
        "values, vectors = np.linalg.eigh(matrix)",
        "values, vectors = np.linalg.eigh(matrix.astype(np.float32))",
        "eigenvalues below 1e-7 of the largest would be rounding",
        (f"{_SPECTRUM}test_a_metric_that_is_symmetric_only_to_rounding_is_still_one",),
    ),
    Defect(
        "noise-floor-of-zero",
        SPECTRUM,
        "resolution = error + max(_SAFETY * measured, _rounding(matrix, singular[0]))",
        "resolution = error",
        "rounding would count as signal, and every matrix would have full rank",
        (f"{_SPECTRUM}test_rank_is_the_exact_one", "proofs/null_space_ambiguity.py"),
    ),
    Defect(
        "known-error-ignored",
        SPECTRUM,
        "resolution = error + max(_SAFETY * measured, _rounding(matrix, singular[0]))",
        "resolution = max(_SAFETY * measured, _rounding(matrix, singular[0]))",
        "the rounding of float32 entries would count as signal",
        (f"{_SPECTRUM}test_known_error_of_the_entries_raises_the_floor",),
    ),
    Defect(
        "gap-below-the-first-value",
        SPECTRUM,
        "return float(self.values[rank - 1]) - below",
        "return float(self.values[0]) - below",
        "a spectrum without a gap would be called resolved",
        (f"{_SPECTRUM}test_without_a_gap_the_rank_is_not_resolved",),
    ),
    Defect(
        "epsilon-rank-off-by-one",
        SPECTRUM,
        "return self.width - int(epsilon_null_counts(self.eigenvalues, epsilon, radius))",
        "return self.width - 1 - int(epsilon_null_counts(self.eigenvalues, epsilon, radius))",
        "one visible direction would be called invisible at every tolerance",
        (
            f"{_SPECTRUM}test_epsilon_null_dimension_is_that_of_courant_and_fischer",
            "proofs/fisher_pullback.py",
        ),
    ),
    Defect(
        "divergence-without-its-half",
        SPECTRUM,
        "return np.sum(0.5 * np.asarray(eigenvalues) * radius**2 <= epsilon, axis=-1)",
        "return np.sum(np.asarray(eigenvalues) * radius**2 <= epsilon, axis=-1)",
        "a tolerance of 0.01 nats would be one of 0.005",
        ("proofs/fisher_pullback.py",),
    ),
    Defect(
        "radius-not-squared",
        SPECTRUM,
        "return np.sum(0.5 * np.asarray(eigenvalues) * radius**2 <= epsilon, axis=-1)",
        "return np.sum(0.5 * np.asarray(eigenvalues) * radius <= epsilon, axis=-1)",
        "far displacements would pass for small ones",
        (f"{_SPECTRUM}test_epsilon_null_dimension_is_that_of_courant_and_fischer",),
    ),
    Defect(
        "effective-rank-in-bits",
        SPECTRUM,
        "return float(np.exp(-np.sum(share * np.log(share))))",
        "return float(np.exp(-np.sum(share * np.log2(share))))",
        "an entropy in bits under an exponential of base e is no number of dimensions",
        (f"{_SPECTRUM}test_effective_rank_of_flat_and_single_spectra",),
    ),
    Defect(
        "denominators-not-cleared",
        EXACT,
        "return [int(f * common) for f in fractions]",
        "return [int(f) for f in fractions]",
        "fractions would be cut to integers before their rank is called exact",
        (f"{_EXACT}test_floats_are_the_dyadic_rationals_that_they_hold",),
    ),
    Defect(
        "deficient-rank-called-proved",
        EXACT,
        "if rank == min(len(rows), len(rows[0])):",
        "if rank <= min(len(rows), len(rows[0])):",
        "a rank modulo one prime bounds the rank from below only",
        (f"{_EXACT}test_certificates_say_what_is_proved",),
    ),
    Defect(
        "small-primes",
        EXACT,
        "_PRIME_LOW, _PRIME_HIGH = 2**61, 2**62",
        "_PRIME_LOW, _PRIME_HIGH = 2**3, 2**6",
        "small primes divide minors often, and a rank found modulo one would be too low",
        (f"{_EXACT}test_primes_are_prime_and_in_range",),
    ),
)
