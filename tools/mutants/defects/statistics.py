"""Defects of tests, intervals and corrections."""

from __future__ import annotations

from tools.mutants.defect import Defect

HOME = "identifiability/statistics/"
_TESTS = "tests/identifiability/statistics/"

DEFECTS = (
    Defect(
        "holm-without-running-maximum",
        f"{HOME}multiplicity.py",
        "np.maximum.accumulate(stepped)",
        "stepped",
        "a larger p-value could be adjusted below a smaller one, and be rejected alone",
        (f"{_TESTS}test_multiplicity.py",),
    ),
    Defect(
        "holm-one-step-ahead",
        f"{HOME}multiplicity.py",
        "np.arange(given.size, 0, -1)",
        "np.maximum(np.arange(given.size, 0, -1) - 1, 1)",
        "the smallest p-value would be corrected for one test too few",
        (f"{_TESTS}test_multiplicity.py",),
    ),
    Defect(
        "tost-on-one-side-only",
        f"{HOME}equivalence.py",
        "distance = limit - np.abs(differences.mean(axis=-1))",
        "distance = limit - differences.mean(axis=-1)",
        "an effect far below the margin would be called equivalent",
        (
            f"{_TESTS}test_equivalence.py::test_p_is_that_of_statsmodels_on_paired_scores",
            "proofs/baseline_lemma.py",
        ),
    ),
    Defect(
        "tost-by-its-better-side",
        f"{HOME}equivalence.py",
        "max(float(one_sided.max()), reference_p)",
        "max(float(one_sided.min()), reference_p)",
        "of two one-sided tests the worse one decides",
        (f"{_TESTS}test_equivalence.py::test_the_p_of_a_ratio_is_the_largest_of_three_t_tests",),
    ),
    Defect(
        "tost-of-a-reference-without-effect",
        f"{HOME}equivalence.py",
        "p = min(1.0, max(float(one_sided.max()), reference_p))",
        "p = min(1.0, float(one_sided.max()))",
        "a ratio to what may be nothing would be within a fifth of one",
        (
            f"{_TESTS}test_equivalence.py::"
            "test_a_reference_in_doubt_decides_even_where_both_sides_are_surer",
        ),
    ),
    Defect(
        "wrong-degrees-of-freedom",
        f"{HOME}equivalence.py",
        "return stdtr(n - 1, -np.divide(",
        "return stdtr(n, -np.divide(",
        "p-values of few clusters would be too small",
        (f"{_TESTS}test_equivalence.py::test_p_is_that_of_statsmodels_on_paired_scores",),
    ),
    Defect(
        "deviation-divided-by-n",
        f"{HOME}equivalence.py",
        "error = values.std(axis=-1, ddof=1) / np.sqrt(n)",
        "error = values.std(axis=-1) / np.sqrt(n)",
        "the spread of few clusters would be too small",
        (f"{_TESTS}test_equivalence.py::test_p_is_that_of_statsmodels_on_paired_scores",),
    ),
    Defect(
        "equivalence-interval-of-two-sided-level",
        f"{HOME}equivalence.py",
        "half_width = stdtrit(n - 1, 1 - _checked(alpha)) * deviation / np.sqrt(n)",
        "half_width = stdtrit(n - 1, 1 - _checked(alpha) / 2) * deviation / np.sqrt(n)",
        "the interval printed would not be the one that the test inverts",
        (f"{_TESTS}test_equivalence.py::test_equivalence_is_an_interval_inside_the_margin",),
    ),
    Defect(
        "samples-counted-as-clusters",
        f"{HOME}clusters.py",
        "return array if array.ndim == 1 else array.mean(axis=1)",
        "return array.ravel()",
        "ten samples of one prompt would count as ten prompts",
        (
            f"{_TESTS}test_clusters.py::test_samples_of_a_cluster_are_averaged",
            f"{_TESTS}test_effect_size.py::test_repeating_samples_of_a_prompt_adds_no_evidence",
        ),
    ),
    Defect(
        "bootstrap-of-rows-and-not-of-clusters",
        f"{HOME}bootstrap.py",
        "    if not arrays:\n",
        "    arrays = [array.reshape(-1, 1) if array.ndim == 2 else array for array in arrays]\n"
        "    if not arrays:\n",
        "samples of one prompt would be drawn apart, and intervals be far too short",
        (f"{_TESTS}test_bootstrap.py::test_clusters_stay_whole",),
    ),
    Defect(
        "bootstrap-without-replacement",
        f"{HOME}bootstrap.py",
        "rng.integers(0, len(array), (resamples, len(array)))",
        "rng.permuted(np.tile(np.arange(len(array)), (resamples, 1)), axis=1)",
        "every resample would be the sample itself",
        (
            f"{_TESTS}test_bootstrap.py::"
            "test_ends_of_a_skewed_mean_are_those_of_the_textbooks_studentised_bootstrap",
        ),
    ),
    Defect(
        "bootstrap-not-studentised",
        f"{HOME}bootstrap.py",
        "errors = np.maximum(jackknife_errors(statistic, drawn), SMALLEST_ERROR * error)",
        "errors = np.full(resamples, error)",
        "intervals of skewed means would miss on the side of their tail",
        (
            f"{_TESTS}test_bootstrap.py::"
            "test_ends_of_a_skewed_mean_are_those_of_the_textbooks_studentised_bootstrap",
        ),
    ),
    Defect(
        "tails-of-the-bootstrap-exchanged",
        f"{HOME}bootstrap.py",
        "        below=max(float(last), normal),\n        above=max(-float(first), normal),",
        "        below=max(-float(first), normal),\n        above=max(float(last), normal),",
        "the long side of an interval would be the wrong one",
        (
            f"{_TESTS}test_bootstrap.py::"
            "test_ends_of_a_skewed_mean_are_those_of_the_textbooks_studentised_bootstrap",
        ),
    ),
    Defect(
        "jackknife-without-its-factor",
        f"{HOME}bootstrap.py",
        "variances = variances + (size - 1) * left_out.var(axis=0)",
        "variances = variances + left_out.var(axis=0)",
        "errors would be too small by the root of the number of clusters",
        (f"{_TESTS}test_bootstrap.py::test_the_jackknife_error_of_a_mean_is_its_standard_error",),
    ),
    Defect(
        "baseline-not-subtracted",
        f"{HOME}effect_ratio.py",
        "arm_effects, reference_effects = arm - baseline, reference - baseline",
        "arm_effects, reference_effects = arm, reference",
        "a ratio of raw scores goes to one whatever the effects are (N9)",
        (
            f"{_TESTS}test_effect_ratio.py::"
            "test_the_estimate_is_the_ratio_of_mean_effects_and_the_interval_holds_the_truth",
            f"{_TESTS}test_effect_ratio.py::test_a_baseline_far_from_zero_changes_nothing",
        ),
    ),
    Defect(
        "cohens-d-of-differences",
        f"{HOME}effect_size.py",
        "spread = np.sqrt(pairs.var(axis=1, ddof=1).mean(axis=1))",
        "spread = (pairs[..., 0] - pairs[..., 1]).std(axis=1, ddof=1)",
        "an effect would look large because its prompts are alike",
        (
            f"{_TESTS}test_effect_size.py::"
            "test_the_estimates_are_the_mean_difference_and_cohens_d_of_cluster_means",
        ),
    ),
    Defect(
        "one-tail-taken-for-both",
        f"{HOME}interval.py",
        "return (1 - self.level) / 2",
        "return 1 - self.level",
        "one-sided p-values would be twice what the interval says",
        (f"{_TESTS}test_interval.py::test_p_values_of_a_t_interval_are_those_of_scipys_t_test",),
    ),
    Defect(
        "normal-for-students-t",
        f"{HOME}interval.py",
        "if math.isinf(self.degrees):",
        "if self.degrees > 0:",
        "p-values of few clusters would be too small in the tails",
        (f"{_TESTS}test_interval.py::test_p_values_of_a_t_interval_are_those_of_scipys_t_test",),
    ),
    Defect(
        "covariance-of-the-wrong-sign",
        f"{HOME}fieller.py",
        "self.variance_arm - 2 * ratio * self.covariance",
        "self.variance_arm + 2 * ratio * self.covariance",
        "what arm and reference share would widen their ratio and not narrow it",
        (f"{_TESTS}test_fieller.py::test_studentised_is_the_t_statistic_of_the_contrast",),
    ),
    Defect(
        "power-of-one-tail",
        f"{HOME}power.py",
        "found = ndtr(centre - critical * spread) + ndtr(-centre - critical * spread)",
        "found = ndtr(centre - critical * spread)",
        "a two-sided test finds differences of either sign",
        (f"{_TESTS}test_power.py::test_power_of_a_difference_is_statsmodels",),
    ),
    Defect(
        "power-of-tost-at-the-two-sided-level",
        f"{HOME}power.py",
        "margin * np.sqrt(n) / deviation, stdtrit(n - 1, 1 - alpha)",
        "margin * np.sqrt(n) / deviation, stdtrit(n - 1, 1 - alpha / 2)",
        "more prompts would be asked for than equivalence needs",
        (
            f"{_TESTS}test_power.py::test_power_of_tost_is_the_simulated_rate",
            "proofs/baseline_lemma.py",
        ),
    ),
    Defect(
        "spread-of-the-deviation-ignored",
        f"{HOME}power.py",
        "spread, weights = _spread(n - 1)\n    if margin is None:",
        "spread, weights = np.ones(1), np.ones(1)\n    if margin is None:",
        "power at few clusters would be that of a known deviation",
        (f"{_TESTS}test_power.py::test_power_of_a_difference_is_statsmodels",),
    ),
)
