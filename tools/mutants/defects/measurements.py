"""Defects of what is extracted, scored, measured and judged."""

from __future__ import annotations

from tools.mutants.defect import Defect

HOME = "llm_validation/"
MEASURED = "llm_validation/measurements/"
_TESTS = "tests/llm_validation/"
_MEASURED = "tests/llm_validation/measurements/"

DEFECTS = (
    Defect(
        "pca-of-centred-differences",
        f"{HOME}contrast.py",
        "direction = _principal(positive - negative) if method",
        "direction = _principal(positive - negative - mean) if method",
        "centred, the differences have lost the very mean that is looked for",
        (
            f"{_TESTS}test_contrast.py::"
            "test_pca_is_the_top_eigenvector_of_the_uncentred_second_moment",
        ),
    ),
    Defect(
        "sign-of-the-vector-left-free",
        f"{HOME}contrast.py",
        "return along * direction",
        "return abs(along) * direction",
        "a vector would push away from its trait as often as towards it",
        (f"{_TESTS}test_contrast.py::test_the_vector_points_from_negative_to_positive",),
    ),
    Defect(
        "longer-completion-less-likely",
        f"{HOME}scoring/log_odds.py",
        "means = self.log_likelihood / self.tokens",
        "means = self.log_likelihood",
        "the longer of two answers would lose by its length alone",
        (f"{_TESTS}scoring/test_log_odds.py::test_it_is_the_difference_of_the_means_over_tokens",),
    ),
    Defect(
        "gradient-of-another-score",
        f"{HOME}completion_likelihood.py",
        "return positive / n - negative / m, along_positive / n - along_negative / m",
        "return positive / n - negative / m, along_positive - along_negative",
        "slopes would belong to a score that nobody measures",
        (
            f"{_TESTS}test_completion_likelihood.py::"
            "test_the_score_is_the_difference_of_means_over_tokens",
            f"{_MEASURED}test_score_gradient.py",
        ),
    ),
    Defect(
        "prompt-split-leaking-into-the-scorer",
        f"{HOME}scoring/embedding.py",
        'chosen = [pair for pair in trait.completions if pair.split == "choose"]',
        "chosen = list(trait.completions)",
        "a scorer would be validated on texts that it was fitted to",
        (
            f"{_TESTS}scoring/test_embedding.py::"
            "test_held_out_texts_prompts_and_pairs_choose_nothing",
        ),
    ),
    Defect(
        "scorer-validated-on-its-own-texts",
        f"{HOME}scoring/validity.py",
        'found = [pair for pair in trait.completions if pair.split == "held_out"]',
        "found = list(trait.completions)",
        "any scorer separates the texts that it was fitted to",
        (
            f"{_TESTS}scoring/test_validity.py::"
            "test_a_text_scorer_sees_held_out_completions_and_nothing_else",
        ),
    ),
    Defect(
        "ties-counted-as-right",
        f"{HOME}scoring/validity.py",
        "ordered = (np.sign(positive[:, None] - negative) + 1) / 2",
        "ordered = (positive[:, None] >= negative).astype(float)",
        "a scorer that gives every text the same would look perfect",
        (f"{_TESTS}scoring/test_validity.py::test_the_auc_is_scikit_learns_over_all_combinations",),
    ),
    Defect(
        "jensen-shannon-without-its-half",
        f"{HOME}divergence.py",
        "return _kl(ratio, p, q, lost), -0.5 * terms.sum(-1)",
        "return _kl(ratio, p, q, lost), -terms.sum(-1)",
        "it would end at 2 log 2 and not at log 2",
        (f"{_MEASURED}test_divergences.py::test_each_is_scipys_on_a_full_forward_pass",),
    ),
    Defect(
        "shift-of-all-logits-counted-as-distance",
        f"{MEASURED}divergences.py",
        "centred = change - change.mean(-1, keepdim=True)",
        "centred = change",
        "a change that no probability shows would count",
        (
            f"{_MEASURED}test_divergences.py::"
            "test_a_shift_of_all_logits_is_no_change_of_the_distribution",
        ),
    ),
    Defect(
        "value-on-the-edge-of-its-band-refutes",
        f"{HOME}claims/judgement.py",
        "if value.low == value.high and not (value.high < below or value.low > above):",
        "if False:",
        "a claim all of whose rows are confirmed would fail",
        (
            f"{_TESTS}claims/test_judgement.py::"
            "test_values_that_all_lie_on_an_edge_are_inside_and_refute_nothing",
        ),
    ),
    Defect(
        "logits-of-few-rows-in-their-own-precision",
        f"{HOME}memory.py",
        "torch.cat([function(some.double()) for",
        "torch.cat([function(some) for",
        "a small divergence would be the rounding of float32",
        (f"{_TESTS}test_memory.py::test_few_rows_at_a_time_are_all_of_them_in_float64",),
    ),
    Defect(
        "continuation-of-another-model",
        f"{MEASURED}kept_continuation.py",
        "kept = _KEPT.get(model)",
        "kept = next(iter(_KEPT.values()), None)",
        "what is kept of one model would be measured for every other",
        (
            f"{_MEASURED}test_kept_continuation.py::"
            "test_the_same_prompt_and_layer_are_built_once_and_others_are_others",
        ),
    ),
    Defect(
        "odd-difference-of-the-whole-step",
        f"{MEASURED}odd_differences.py",
        "(up.double() - down.double()) / 2)",
        "up.double() - down.double())",
        "the response to v would be that to 2 v",
        (f"{_MEASURED}test_odd_differences.py::test_they_are_those_of_full_forward_passes",),
    ),
    Defect(
        "temperature-upside-down",
        f"{MEASURED}generated_text.py",
        "scores = scores / temperature -",
        "scores = scores * temperature -",
        "hot samples would be cold",
        (
            f"{_MEASURED}test_generated_text.py::"
            "test_samples_follow_the_distribution_of_the_model_at_the_temperature",
        ),
    ),
    Defect(
        "perplexity-of-the-whole-text",
        f"{MEASURED}generated_text.py",
        "return float(torch.exp(-chosen.mean()))",
        "return float(torch.exp(-chosen.sum()))",
        "longer texts would be called more broken",
        (
            f"{_MEASURED}test_generated_text.py::"
            "test_perplexity_is_that_of_the_unsteered_model[llama]",
        ),
    ),
    Defect(
        "gauss-newton-away-from-the-prior",
        f"{MEASURED}posterior.py",
        "/ inflation - precision * vector",
        "/ inflation + precision * vector",
        "what is not seen would grow with every step",
        (f"{_MEASURED}test_posterior.py",),
    ),
    Defect(
        "gauss-newton-uphill",
        f"{MEASURED}posterior.py",
        "direction = np.linalg.solve(information",
        "direction = -np.linalg.solve(information",
        "the search would go away from the vector that explains the outputs",
        (f"{_MEASURED}test_posterior.py::test_linear_observations_give_ridge_regression_at_once",),
    ),
    Defect(
        "logits-observed-without-their-error",
        f"{MEASURED}observations.py",
        "noise is None else drawn",
        "noise is None else 0 * drawn",
        "what is observed in float32 would be known exactly, by rounding alike on both sides",
        (
            f"{_MEASURED}test_observations.py::"
            "test_float32_logits_have_an_error_of_the_size_that_the_rung_is_said_to_have",
        ),
    ),
    Defect(
        "old-linearisation-of-few-values",
        f"{MEASURED}posterior.py",
        "anew, before = few or share < 1, size",
        "anew, before = share < 1, size",
        "gradients would be computed for steps that are refused",
        (f"{_MEASURED}test_posterior.py::test_few_values_are_linearised_at_every_step",),
    ),
    Defect(
        "long-step-by-an-old-linearisation",
        f"{MEASURED}posterior.py",
        "size > _CONTRACTION * before",
        "size > np.inf",
        "steps by a linearisation of another place would lead away from the vector",
        (f"{_MEASURED}test_posterior.py::test_a_kept_linearisation_makes_short_steps_or_none",),
    ),
    Defect(
        "information-of-one-sample",
        f"{MEASURED}observations.py",
        "return self._n * self._there.fisher(_at(self._there, vector))",
        "return self._there.fisher(_at(self._there, vector))",
        "a thousand sampled tokens would tell as much as one",
        (
            f"{_MEASURED}test_observations.py::"
            "test_samples_have_n_times_the_fisher_metric_and_come_from_the_steered_model",
        ),
    ),
    Defect(
        "gain-not-folded-before-turning",
        f"{MEASURED}rotated_basis.py",
        "linear.weight = _fixed((linear.weight.detach() * gain) @ q.T)",
        "linear.weight = _fixed(linear.weight.detach() @ q.T)",
        "a norm with gains does not commute with rotations: the gauge would not be one",
        (
            f"{_MEASURED}test_rotated_basis.py::"
            "test_the_outputs_are_the_same_and_the_states_are_turned",
        ),
    ),
    Defect(
        "row-confirmed-by-its-estimate",
        f"{HOME}claims/judgement.py",
        "if low <= value.low and value.high <= high:",
        "if low <= value.estimate <= high:",
        "an interval that reaches far outside would confirm",
        (
            f"{_TESTS}claims/test_judgement.py::"
            "test_the_band_needs_the_whole_interval_inside_or_outside",
        ),
    ),
    Defect(
        "claim-confirmed-by-its-best-row",
        f"{HOME}claims/family.py",
        "    return max(\n        1.0\n",
        "    return min(\n        1.0\n",
        "one row that holds would confirm a claim of many",
        (
            f"{_TESTS}claims/test_family.py::"
            "test_the_largest_p_confirms_without_correction_and_the_smallest_refutes_with_it",
        ),
    ),
)
