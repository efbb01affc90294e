"""Defects of audits."""

from __future__ import annotations

from tools.mutants.defect import Defect

HOME = "llm_validation/audit/"
_TESTS = "tests/llm_validation/audit/"

DEFECTS = (
    Defect(
        "prompt-split-leaking-into-the-audit",
        f"{HOME}prompts.py",
        "return cls(tuple(dealt[: used // 2]), tuple(dealt[used // 2 :]))",
        "return cls(tuple(dealt[: used // 2]), tuple(dealt[used // 2 - 1 : used - 1]))",
        "a witness would be measured on a prompt that it was chosen on",
        (f"{_TESTS}test_prompts.py::test_halves_are_disjoint_repeat_and_depend_on_the_seed",),
    ),
    Defect(
        "energy-normalised-by-the-wrong-norm",
        f"{HOME}steered_class.py",
        "return float(hidden @ hidden) / self.radius**2",
        "return float(hidden @ hidden) / self.radius",
        "the invisible share of a vector would depend on its unit",
        (f"{_TESTS}test_steered_class.py::test_energy_is_what_was_planted",),
    ),
    Defect(
        "chosen-and-measured-on-the-same-prompts",
        f"{HOME}steered_class.py",
        "if i not in left_out])",
        "])",
        "the divergence predicted for new prompts would be that of the own ones",
        (
            f"{_TESTS}test_steered_class.py::"
            "test_left_out_divergences_predict_new_prompts_and_the_own_ones_do_not",
        ),
    ),
    Defect(
        "witness-near-v-where-little-is-hidden",
        f"{HOME}steered_class.py",
        "if 2 * size < limit or found.dimension < 2:",
        "if size < 1e-12 * limit or found.dimension < 2:",
        "a verdict about the model would hang on how much of this vector is hidden",
        (
            f"{_TESTS}test_steered_class.py::"
            "test_a_small_invisible_part_is_turned_as_far_as_it_goes_and_left_beyond",
        ),
    ),
    Defect(
        "class-extrapolated-where-prompts-show-one-number",
        f"{HOME}class_size.py",
        "return self.equations is None or self.equations * (self.prompts // 2) >= self.width",
        "return True",
        "a score's class would be said to stay open, which d prompts close",
        (
            f"{_TESTS}test_settle.py::test_where_each_prompt_shows_one_number_nothing_is_extrapolated",
        ),
    ),
    Defect(
        "endless-prompts-leave-what-few-do",
        f"{HOME}class_size.py",
        "most = self.dimension - self._fell + self._sampling",
        "most = self.dimension + self._sampling",
        "what prompts have already shown about more of them would be lost",
        (f"{_TESTS}test_settle.py::test_more_prompts_by_extrapolation",),
    ),
    Defect(
        "two-k-beyond-the-width",
        f"{HOME}settle.py",
        "wanted = min(2 * entries, size.width)",
        "wanted = 2 * entries",
        "more directions would have to be seen than there are",
        (f"{_TESTS}test_settle.py::test_no_more_than_everything_has_to_be_seen",),
    ),
    Defect(
        "pairs-needed-without-their-range",
        f"{HOME}record.py",
        "(mean, max(0, mean - reach), mean + reach)",
        "(mean, mean, mean)",
        "noise around no difference would be printed as a number of prompts",
        (f"{_TESTS}test_screen.py::test_pairs_by_the_score_come_with_their_range",),
    ),
)
