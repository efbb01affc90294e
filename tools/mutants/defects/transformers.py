"""Defects of what runs through a transformer: hooks, positions, derivatives, divergences."""

from __future__ import annotations

from tools.mutants.defect import Defect

HOME = "llm_validation/"
_TESTS = "tests/llm_validation/"
_HOOKS = f"{_TESTS}test_hooks.py::"
_FISHER = f"{_TESTS}test_fisher.py::"
_CONTINUATION = f"{_TESTS}test_continuation.py::"

DEFECTS = (
    Defect(
        "hook-not-removed",
        f"{HOME}hooks.py",
        "    finally:\n        handle.remove()",
        "    finally:\n        pass",
        "a model would stay steered after the experiment",
        (
            f"{_HOOKS}test_hooks_are_gone_after_an_exception",
            f"{_HOOKS}test_reading_stops_after_the_last_layer_asked",
        ),
    ),
    Defect(
        "steered-one-layer-early",
        f"{HOME}hooks.py",
        "edit_output(decoder.blocks[index], adder(shift))",
        "edit_output(decoder.blocks[index - 1], adder(shift))",
        "the vector would be added where it was not extracted",
        (f"{_HOOKS}test_exactly_the_positions_asked_are_displaced",),
    ),
    Defect(
        "read-one-layer-early",
        f"{HOME}hooks.py",
        "edit_output(decoder.blocks[layer], reader(layer))",
        "edit_output(decoder.blocks[max(layer - 1, 0)], reader(layer))",
        "states would be those before the block",
        (f"{_HOOKS}test_states_are_those_after_the_block_and_not_one_off[llama]",),
    ),
    Defect(
        "strength-dropped-in-steering",
        f"{HOME}hooks.py",
        "float(alpha) * direction.double()",
        "direction.double()",
        "every strength would give the same outputs",
        (f"{_HOOKS}test_exactly_the_positions_asked_are_displaced",),
    ),
    Defect(
        "block-output-edited-in-place",
        f"{HOME}hooks.py",
        "return hidden + where.of(hidden)[..., None].to(hidden) * shift.to(hidden)",
        "return hidden.add_(where.of(hidden)[..., None].to(hidden) * shift.to(hidden))",
        "what a block keeps for its gradient would be changed behind its back",
        (f"{_HOOKS}test_the_block_output_is_never_edited_in_place",),
    ),
    Defect(
        "last-column-taken-for-the-last-token",
        f"{HOME}positions.py",
        "return new - 1 - real[:, :new].flip(1).long().argmax(1, keepdim=True)",
        "return new - 1",
        "of a batch padded on the right, padding would be steered",
        (f"{_TESTS}test_positions.py::test_the_last_token_is_the_last_real_one",),
    ),
    Defect(
        "prompt-steered-with-its-answer",
        f"{HOME}positions.py",
        "meant = meant | (column >= new)",
        "meant = meant | (column >= 0)",
        "steering of the answer would steer the prompt too",
        (f"{_TESTS}test_positions.py::test_generation_is_steered_exactly_where_asked",),
    ),
    Defect(
        "positions-shifted-by-padding",
        f"{HOME}batches.py",
        "positions = (mask.cumsum(1) - 1).clamp(min=0)",
        "positions = torch.arange(length, device=mask.device).expand(shape)",
        "a prompt would give other states in a batch than alone",
        (
            f"{_TESTS}test_batches.py::test_the_three_tensors_for_either_side",
            f"{_TESTS}test_batches.py::test_a_batch_is_its_prompts_one_by_one",
        ),
    ),
    Defect(
        "padding-read-as-the-last-token",
        f"{HOME}batches.py",
        "return torch.stack([row[-1] for row in self.rows(padded)])",
        "return padded[:, -1]",
        "vectors of short prompts would be extracted from padding",
        (f"{_TESTS}test_batches.py::test_a_batch_is_its_prompts_one_by_one",),
    ),
    Defect(
        "float32-under-a-float64-model",
        f"{HOME}precision.py",
        "            func = torch.Tensor.double\n",
        "            func = torch.Tensor.float\n",
        "norms computed in float32 hide the null direction of LayerNorm behind 3e-8",
        (f"{_TESTS}test_precision.py::test_every_request_for_float32_gets_float64_while_entered",),
    ),
    Defect(
        "transposed-jacobian",
        f"{HOME}fisher.py",
        "metric += one.T @ head.dense().to(one.device) @ one",
        "metric += one @ head.dense().to(one.device) @ one.T",
        "a square Jacobian hides that it is transposed: the metric would be another's",
        (f"{_CONTINUATION}test_fisher_equals_the_dense_one_through_the_full_forward_pass",),
    ),
    Defect(
        "head-not-centred",
        f"{HOME}fisher.py",
        "return own - self._mean",
        "return own",
        "what all words have in common, which softmax hides, would count as seen",
        (f"{_FISHER}test_the_folded_head_is_the_definition",),
    ),
    Defect(
        "float32-gram",
        f"{HOME}fisher.py",
        "self._work = torch.promote_types(weight.dtype, torch.float32)",
        "self._work = torch.float32",
        "the metric of a float64 model would be good to seven digits",
        (f"{_FISHER}test_the_folded_head_is_the_definition",),
    ),
    Defect(
        "diagonal-of-the-gram-matrix-twice",
        f"{HOME}fisher.py",
        "return upper.triu() + upper.triu(1).T",
        "return upper.triu() + upper.triu().T",
        "each coordinate's own information would be doubled",
        (f"{_FISHER}test_the_folded_head_is_the_definition",),
    ),
    Defect(
        "soft-cap-forgotten",
        f"{HOME}linearisation.py",
        "@ self.weight.T * self.slopes",
        "@ self.weight.T",
        "logits that are bent after the head would have the slope of plain ones",
        (f"{_FISHER}test_products_with_the_jacobian_are_those_of_the_full_forward_pass[gemma2]",),
    ),
    Defect(
        "kl-in-the-other-direction",
        f"{HOME}suffix_function.py",
        "return kl_of(log_p, torch.log_softmax(logits, -1)).sum(-1)",
        "return kl_of(torch.log_softmax(logits, -1), log_p).sum(-1)",
        "KL is not symmetric: the unsteered distribution comes first",
        (f"{_CONTINUATION}test_kl_is_the_definition_and_its_quadratic_part_is_the_fisher_metric",),
    ),
    Defect(
        "kl-by-cancellation",
        f"{HOME}divergence.py",
        "return (gained - p * ratio).sum(-1)",
        "return (-p * ratio).sum(-1)",
        "small divergences would be the rounding of two normalisers",
        (f"{_CONTINUATION}test_kl_stays_accurate_far_below_the_rounding_of_the_normalisers",),
    ),
    Defect(
        "rest-of-the-words-forgotten",
        f"{HOME}observables.py",
        "metric = (gradients.T * np.exp(log_q)) @ gradients",
        "metric = (gradients[:-1].T * np.exp(log_q[:-1])) @ gradients[:-1]",
        "that no listed word was said is an observation too",
        (f"{_TESTS}test_observables.py::test_it_is_the_curvature_of_the_merged_divergence",),
    ),
    Defect(
        "covariance-for-its-inverse",
        f"{HOME}output_covariance.py",
        "return solve_triangular(self._factor, columns.astype(float), lower=True)",
        "return self._factor.T @ columns.astype(float)",
        "the noisiest outputs would count as the best seen",
        (f"{_TESTS}test_output_covariance.py::test_whitened_columns_have_the_norm_of_the_inverse",),
    ),
    Defect(
        "cache-key-without-dtype",
        f"{HOME}metric_store.py",
        "identity = [_FORMAT, model.weights_sha256, model.dtype, list(ids), layer, position]",
        "identity = [_FORMAT, model.weights_sha256, list(ids), layer, position]",
        "a float32 metric would be read where a float64 one was asked for",
        (
            f"{_TESTS}test_prompt_fisher.py::"
            "test_a_metric_is_taken_for_another_only_if_everything_is_equal",
        ),
    ),
)
