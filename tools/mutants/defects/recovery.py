"""Defects of the recoveries: what they solve, and what they let pass."""

from __future__ import annotations

from tools.mutants.defect import Defect

CORE = "identifiability/"
HOME = "identifiability/recovery/"
_CORE = "tests/identifiability/"
_TESTS = "tests/identifiability/recovery/"

DEFECTS = (
    Defect(
        "inconsistent-responses-let-pass",
        f"{HOME}stack.py",
        "holds=residual <= allowed if decidable else None",
        "holds=True if decidable else None",
        "a response that no vector explains would be given one",
        (
            f"{_TESTS}test_least_squares.py::"
            "test_inconsistent_responses_are_reported_and_decide_nothing",
        ),
    ),
    Defect(
        "accuracy-threshold-loosened",
        f"{HOME}stack.py",
        "holds=bound <= accuracy,",
        "holds=True,",
        "a spectrum without a gap would decide what is recovered",
        (
            f"{_TESTS}test_least_squares.py::"
            "test_a_spectrum_that_runs_through_the_floor_is_undetermined",
        ),
    ),
    Defect(
        "error-bound-a-hundred-times-too-small",
        f"{HOME}stack.py",
        "return float(2 * floor / slack) if slack > 0 else np.inf",
        "return float(0.02 * floor / slack) if slack > 0 else np.inf",
        "the error stated for a solution would be smaller than its own",
        (
            f"{_TESTS}test_least_squares.py::"
            "test_the_gap_statistic_bounds_the_error_that_an_error_of_j_causes",
        ),
    ),
    Defect(
        "responses-of-another-unit",
        f"{HOME}environments.py",
        "(matrix / size, values / size)",
        "(matrix / size, values)",
        "each environment would be asked for a vector of its own length",
        (f"{_TESTS}test_environments.py::test_it_is_least_squares_on_the_stack",),
    ),
    Defect(
        "enforced-dimensions-blamed-on-sharing",
        f"{HOME}environments.py",
        "return solution.hidden - max(0, solution.spectrum.width - sum(ranks))",
        "return solution.hidden",
        "too few environments would be taken for a null direction that all share",
        (
            f"{_TESTS}test_environments.py::"
            "test_missing_environments_are_counted_beforehand_and_suffice",
        ),
    ),
    Defect(
        "transports-in-the-wrong-order",
        f"{HOME}layers.py",
        "carried = transport @ carried",
        "carried = carried @ transport",
        "a later map would act before an earlier one",
        (f"{_TESTS}test_cross_layer.py::test_path_kernel_and_lost_part_against_exact_arithmetic",),
    ),
    Defect(
        "reads-off-by-one-layer",
        f"{HOME}layers.py",
        "for transport, read in zip(transports, reads[1:], strict=True):",
        "for transport, read in zip(transports, reads[:-1], strict=True):",
        "each layer would be read with the head of the one before",
        (f"{_TESTS}test_cross_layer.py::test_path_kernel_and_lost_part_against_exact_arithmetic",),
    ),
    Defect(
        "invariant-part-of-what-varies",
        f"{HOME}invariant.py",
        "unseen = spectrum.null_space\n",
        "unseen = spectrum.row_space\n",
        "what changes between environments would be kept, and what stays thrown away",
        (f"{_TESTS}test_invariant.py::test_against_projection_over_the_rationals",),
    ),
    Defect(
        "differences-not-taken",
        f"{HOME}invariant_conditions.py",
        "Spectrum.of(vectors - vectors.mean(axis=0), error=error, metric=False)",
        "Spectrum.of(vectors, error=error, metric=False)",
        "the common part itself would count as spurious",
        (f"{_TESTS}test_invariant.py::test_against_projection_over_the_rationals",),
    ),
    Defect(
        "environments-not-centred",
        f"{HOME}covariance_input.py",
        "centred = states - states.mean(axis=0)",
        "centred = states",
        "the mean of an environment would count as its variance",
        (
            f"{_TESTS}test_covariance.py::"
            "test_two_environments_are_the_inverse_transpose_of_generalised_eigenvectors",
        ),
    ),
    Defect(
        "newton-step-uphill",
        f"{CORE}joint_diagonalisation.py",
        "return -(second * gradient - gradient.T) / determinant",
        "return (second * gradient - gradient.T) / determinant",
        "the joint diagonaliser would stay where it starts",
        (f"{_CORE}test_joint_diagonalisation.py::test_the_minimum_is_that_of_pyriemanns_pham",),
    ),
    Defect(
        "curvature-transposed",
        f"{CORE}joint_diagonalisation.py",
        "return (weights / profiles) @ profiles.T",
        "return profiles @ (weights / profiles).T",
        "errors of columns would be those of the opposite leak",
        (
            f"{_CORE}test_joint_diagonalisation.py::"
            "test_curvature_is_the_second_derivative_of_the_criterion",
        ),
    ),
    Defect(
        "profiles-compared-without-logarithm",
        f"{CORE}variance_profiles.py",
        "logs = np.log(profiles)",
        "logs = profiles",
        "proportional variances, which turn freely, would be told apart by their units",
        (
            f"{_CORE}test_variance_profiles.py::"
            "test_separation_is_blind_to_the_units_of_sources_and_zero_for_proportional_ones",
        ),
    ),
    Defect(
        "copies-counted-as-samples",
        f"{CORE}variance_profiles.py",
        "products += (members.T @ members - len(members) * correlation) ** 2",
        "products += (members**2).T @ members**2 - len(members) * correlation**2",
        "tokens of one prompt would count as independent samples",
        (f"{_CORE}test_variance_profiles.py::test_copies_in_a_group_count_once",),
    ),
    Defect(
        "sources-not-of-unit-variance",
        f"{HOME}ica_whitening.py",
        "return Whitened(left * np.sqrt(count), scales,",
        "return Whitened(left, scales,",
        "contrasts and tests of whitened samples would be of numbers near zero",
        (
            f"{_TESTS}test_ica.py::test_what_is_learned_fits_together",
            f"{_TESTS}test_ica.py::test_columns_come_back_up_to_order_and_sign",
        ),
    ),
    Defect(
        "fourth-cumulant-not-subtracted",
        f"{HOME}ica_rotation.py",
        "fourth[0], fourth[2], fourth[4] = fourth[0] - 3, fourth[2] - 1, fourth[4] - 3",
        "fourth[0], fourth[2], fourth[4] = fourth[0], fourth[2], fourth[4]",
        "fourth moments of Gaussians are not zero: every direction would look non-Gaussian",
        (f"{_TESTS}test_ica_rotation.py::test_cumulants_find_the_turn_of_two_sources",),
    ),
    Defect(
        "halves-that-share-samples",
        f"{HOME}stability.py",
        "yield np.flatnonzero(first), np.flatnonzero(~first)",
        "yield np.flatnonzero(first), np.arange(len(labels))",
        "two halves that hold the same samples agree on anything",
        (f"{_TESTS}test_stability.py::test_halves_are_disjoint_whole_groups_and_cover_everything",),
    ),
    Defect(
        "stability-judged-by-its-mean",
        f"{HOME}stability.py",
        "return self.minimum > self.threshold",
        "return self.mean > self.threshold",
        "one component that turns freely would hide among stable ones",
        (f"{_TESTS}test_stability.py::test_only_components_beyond_chance_count_as_stable",),
    ),
    Defect(
        "spark-off-by-one",
        f"{CORE}spark.py",
        "if self.at_least > size:",
        "if self.at_least >= size:",
        "2k columns that are dependent would be said to fix a code of k",
        (f"{_CORE}test_sparsity.py::test_a_spark_exceeds_what_is_less_and_not_itself",),
    ),
    Defect(
        "coherence-of-a-column-with-itself",
        f"{CORE}sparsity.py",
        "cosines = np.abs(unit.T @ unit - np.diag(np.sum(unit**2, axis=0)))",
        "cosines = np.abs(unit.T @ unit)",
        "every dictionary would have coherence one, and no bound",
        (
            f"{_CORE}test_sparsity.py::test_the_most_coherent_pair_and_zero_columns",
            "proofs/sparse_l1.py",
        ),
    ),
    Defect(
        "paths-that-share-coordinates",
        f"{CORE}disjoint_paths.py",
        'graph.add_edge(("in", "state", k, i), ("out", "state", k, i), capacity=1)',
        'graph.add_edge(("in", "state", k, i), ("out", "state", k, i))',
        "paths through one coordinate would count as several, above the rank",
        ("proofs/generic_rank_disjoint_paths.py",),
    ),
    Defect(
        "criterion-of-any-latent",
        f"{CORE}structural_sparsity.py",
        "return all(latent.criterion_holds for latent in structural_sparsity(pattern))",
        "return any(latent.criterion_holds for latent in structural_sparsity(pattern))",
        "one latent that is identified would vouch for all",
        (f"{_CORE}test_structural_sparsity.py", "proofs/structural_sparsity.py"),
    ),
    Defect(
        "largest-eigenvalues-for-the-smallest",
        f"{CORE}null_end.py",
        "found, weights = values[:count], weights[:, :count]",
        "found, weights = values[-count:], weights[:, -count:]",
        "the best seen directions would be returned as the null end",
        (f"{_CORE}test_null_end.py::test_smallest_eigenpairs_are_those_of_dense_eigh",),
    ),
    Defect(
        "dependence-at-an-uncorrected-level",
        f"{CORE}independence.py",
        "quantile = float(norm.isf(level / (width * (width - 1))) / np.sqrt(count - 1))",
        "quantile = float(norm.isf(level / 2) / np.sqrt(count - 1))",
        "of many pairs one exceeds an uncorrected quantile by chance",
        (f"{_CORE}test_independence.py::test_the_quantile_is_for_the_largest_of_all_pairs",),
    ),
)
