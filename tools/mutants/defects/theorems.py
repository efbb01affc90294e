"""Defects of the toys, of the oracles that theorems rest on, and of the way they are checked."""

from __future__ import annotations

from tools.mutants.defect import Defect

_CHECKING = "tests/proofs/test_checking.py::test_each_part_can_fail_and_fails_the_theorem"

DEFECTS = (
    Defect(
        "readout-not-centred",
        "toy_models/readouts.py",
        "return weights - probabilities @ weights",
        "return weights",
        "the toy's own Jacobian would be that of logits, not of log-probabilities",
        (
            "tests/toy_models/test_planted.py::"
            "test_jacobian_by_finite_differences_closed_form_and_both_modes",
        ),
    ),
    Defect(
        "attention-that-sees-the-next-token",
        "toy_models/decoder.py",
        "dtype=torch.bool).triu(1)",
        "dtype=torch.bool).triu(2)",
        "a state would depend on what comes after it",
        ("tests/toy_models/test_decoder.py::test_no_state_depends_on_later_tokens",),
    ),
    Defect(
        "structural-equations-transposed",
        "toy_models/environments.py",
        'weights = nx.to_numpy_array(graph, nodelist=range(width), weight="weight").T',
        'weights = nx.to_numpy_array(graph, nodelist=range(width), weight="weight")',
        "causes would be effects",
        ("tests/toy_models/test_environments.py::test_latents_solve_the_structural_equations",),
    ),
    Defect(
        "planted-kernel-of-the-visible-part",
        "toy_models/readouts.py",
        "            kernel = basis[:, self.rank :]\n        offsets",
        "            kernel = basis[:, : self.width - self.rank]\n        offsets",
        "a toy whose truth is wrong would call right answers wrong",
        ("tests/toy_models/test_planted.py::test_kernel_is_the_null_space_found_by_svd",),
    ),
    Defect(
        "metric-without-its-outer-product",
        "proofs/shared/categorical.py",
        "metric = jacobian.T @ weighted - np.outer(mean, mean)",
        "metric = jacobian.T @ weighted",
        "theorems on the Fisher metric would be checked against another matrix",
        (
            "tests/proofs/shared/test_categorical.py::"
            "test_pulled_back_metric_is_the_covariance_of_slopes_and_exactly_symmetric",
            "proofs/orthogonal_not_invisible.py",
        ),
    ),
    Defect(
        "real-part-of-the-complex-step",
        "proofs/shared/fibres.py",
        "return np.imag(observe(",
        "return np.real(observe(",
        "a complex step carries its derivative in the imaginary part",
        ("tests/proofs/shared/test_fibres.py::test_the_complex_step_is_exact",),
    ),
    Defect(
        "residual-path-counted-twice",
        "proofs/shared/layered_reads.py",
        "stacked = np.vstack([read, stacked @ transport])",
        "stacked = np.vstack([read, stacked @ (transport + np.eye(*transport.shape, dtype=int))])",
        "the stack of theorem R4a would be that of other layers",
        ("proofs/cross_layer_observability.py",),
    ),
    Defect(
        "false-identity-let-pass",
        "proofs/checking.py",
        "for identity in identities if not is_identity(identity))",
        "for identity in identities if identity is None)",
        "a symbolic proof could not fail",
        (_CHECKING,),
    ),
    Defect(
        "counterexample-not-measured",
        "proofs/checking.py",
        "elif not measured > conclusion.refutation_threshold:",
        "elif measured != measured:",
        "an assumption that nothing needs would be listed as needed",
        (
            "tests/proofs/test_checking.py::"
            "test_a_counterexample_that_breaks_nothing_fails_the_theorem",
        ),
    ),
    Defect(
        "nan-taken-for-agreement",
        "proofs/checking.py",
        "return found if np.isnan(found) or found > so_far else so_far",
        "return found if found > so_far else so_far",
        "what could not be computed would count as a discrepancy of zero",
        (_CHECKING,),
    ),
    Defect(
        "false-variant-not-refuted",
        "proofs/checking.py",
        '"refuted" if measured > threshold else "not_refuted"',
        '"not_refuted" if measured <= threshold else "refuted"',
        "a variant that was never measured would count as refuted",
        (_CHECKING,),
    ),
    Defect(
        "array-key-without-dtype",
        "identifiability/cell.py",
        'return {"dtype": array.dtype.str, "shape": list(array.shape), "sha256": digest}',
        'return {"shape": list(array.shape), "sha256": digest}',
        "equal bytes of two dtypes are different settings under one key",
        ("tests/identifiability/test_cell.py::test_equal_bytes_of_another_dtype_are_another_cell",),
    ),
    Defect(
        "shape-left-out-of-the-key",
        "identifiability/cell.py",
        'return {"dtype": array.dtype.str, "shape": list(array.shape), "sha256": digest}',
        'return {"dtype": array.dtype.str, "sha256": digest}',
        "a row and a column of the same numbers would be one cell",
        (
            "tests/identifiability/test_cell.py::"
            "test_the_key_is_of_everything_but_the_label_and_of_no_order",
        ),
    ),
    Defect(
        "one-seed-for-every-cell",
        "identifiability/cell.py",
        "return int(self.key[:8], 16)",
        "return 0",
        "cells meant to be independent draws would all be the same one",
        ("tests/identifiability/test_cells.py::test_a_seed_of_none_is_the_cells_own",),
    ),
)
