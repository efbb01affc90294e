"""What all estimators share: what ``fit`` leaves and refuses, and scikit-learn's rules."""

import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import estimator_checks_generator

from identifiability import recovery
from identifiability.errors import InvalidInput
from identifiability.gauge import Gauge, Shift
from identifiability.recovery import (
    CovarianceRecovery,
    CrossLayerRecovery,
    EnvironmentRecovery,
    ICARecovery,
    InvariantRecovery,
    LeastSquaresRecovery,
    SparseRecovery,
)
from identifiability.verdict import Condition, Prediction, Report

RNG = np.random.default_rng(0)
V = RNG.standard_normal(5)
MATRICES = list(RNG.standard_normal((3, 4, 5)))
RESPONSES = [matrix @ V for matrix in MATRICES]
MAP, VECTORS = RNG.standard_normal((5, 5)), RNG.standard_normal((4, 5))
STATES = RNG.laplace(size=(300, 2))

# Estimator, data of fit, parameters other than its own defaults.
ESTIMATORS: list[tuple[type, tuple[Any, ...], dict[str, Any]]] = [
    (LeastSquaresRecovery, (MATRICES[0], RESPONSES[0]), {"affine": True, "cut": 1e-3}),
    (SparseRecovery, (MATRICES[0], RESPONSES[0]), {"dictionary": MAP, "sparsity": 2}),
    (EnvironmentRecovery, (MATRICES, RESPONSES), {"affine": True, "response_error": 0.1}),
    (
        CrossLayerRecovery,
        ([MAP], MATRICES[:2], [RESPONSES[0], MATRICES[1] @ MAP @ V]),
        {"accuracy": 1e-6},
    ),
    (ICARecovery, (STATES,), {"fun": "cube", "level": 1e-3}),
    (InvariantRecovery, (VECTORS,), {"orthogonal": True, "vector_error": 0.1}),
    (CovarianceRecovery, ([STATES, STATES * [3.0, 1.0]],), {"margin": 0.3}),
]
each = pytest.mark.parametrize(
    ("estimator", "data", "parameters"), ESTIMATORS, ids=[e.__name__ for e, _, _ in ESTIMATORS]
)

# What is refused, and the start of the sentence, by the type of a parameter's default.
REFUSED: dict[type, tuple[list[Any], str]] = {
    bool: (["no", "True", "", 0, 1, 1.0, None], "must be True or False, got"),
    float: ([True, np.True_, "0.1", None, [0.1], 0.1j], "must be a number, got"),
    int: ([True, np.True_, "1", None, 1.5, np.nan], "must be an integer of at least"),
}
# None has a meaning of its own there, and what else is taken is no plain number.
NONE_IS_TAKEN = {"random_state"}


def _misused() -> Iterator[Any]:
    for estimator, data, _ in ESTIMATORS:
        for name, default in estimator().get_params().items():
            values, sentence = REFUSED.get(type(default), ([], ""))
            for value in values:
                if not (value is None and name in NONE_IS_TAKEN):
                    label = f"{estimator.__name__}-{name}-{value!r}"
                    yield pytest.param(estimator, data, name, value, sentence, id=label)


def test_every_estimator_is_here():
    assert sorted(estimator.__name__ for estimator, _, _ in ESTIMATORS) == recovery.__all__


@each
def test_fit_leaves_what_is_promised(estimator, data, parameters):
    fitted = estimator(**parameters)
    assert fitted.fit(*data) is fitted
    assert fitted.conditions_ and all(isinstance(c, Condition) for c in fitted.conditions_)
    assert isinstance(fitted.prediction_, Prediction)
    assert isinstance(fitted.report_, Report)
    assert fitted.report_.conditions[: len(fitted.conditions_)] == tuple(fitted.conditions_)
    assert fitted.n_features_in_ == (2 if hasattr(fitted, "mixing_") else 5)
    element = fitted.gauge_.random(np.random.default_rng(1))
    columns = fitted.vector_ if hasattr(fitted, "vector_") else _columns(fitted)
    moved = fitted.gauge_.act(element, columns)
    assert moved.shape == columns.shape
    np.testing.assert_allclose(
        fitted.gauge_.canonical(moved), fitted.gauge_.canonical(columns), atol=1e-9
    )


def _columns(fitted: Any) -> np.ndarray:
    return fitted.mixing_ if hasattr(fitted, "mixing_") else fitted.component_


@each
def test_a_gauge_that_shifts_is_that_of_the_kernel(estimator, data, parameters):
    fitted = estimator(**parameters).fit(*data)
    gauge: Gauge = fitted.gauge_
    assert isinstance(gauge, Shift) is hasattr(fitted, "kernel_")
    if isinstance(gauge, Shift):
        np.testing.assert_array_equal(gauge.directions, fitted.kernel_)


@each
def test_directions_are_unit_columns_of_the_mixing(estimator, data, parameters):
    fitted = estimator(**parameters).fit(*data)
    assert hasattr(fitted, "directions_") is hasattr(fitted, "mixing_")
    if hasattr(fitted, "mixing_"):
        lengths = np.linalg.norm(fitted.mixing_, axis=0)
        assert np.abs(lengths - 1).max() > 0.1  # or the two could not be told apart
        np.testing.assert_allclose(fitted.directions_ * lengths, fitted.mixing_)
        np.testing.assert_allclose(np.linalg.norm(fitted.directions_, axis=0), 1.0)


@pytest.mark.parametrize(("estimator", "data", "name", "value", "sentence"), list(_misused()))
def test_flags_numbers_and_counts_are_not_taken_for_each_other(
    estimator, data, name, value, sentence
):
    for method in ("fit", "stability"):
        with pytest.raises(InvalidInput, match=f"^{name} {sentence}"):
            getattr(estimator(**{name: value}), method)(*data)


@each
def test_flags_and_numbers_of_numpy_are_taken(estimator, data, parameters):
    scalars = {bool: np.bool_, float: np.float64, int: np.int64}
    own = estimator(**parameters).get_params()
    given = {name: scalars.get(type(value), lambda v: v)(value) for name, value in own.items()}
    assert set(map(type, given.values())) & set(scalars.values())
    of_numpy, of_python = (estimator(**some).fit(*data) for some in (given, own))
    assert of_numpy.prediction_ == of_python.prediction_


@each
def test_parameters_are_stored_unchanged_and_cloned(estimator, data, parameters):
    made = estimator(**parameters)
    assert all(getattr(made, name) is value for name, value in parameters.items())
    assert not [name for name in vars(made) if name.endswith("_")]
    copied = clone(made).get_params()
    for name, value in made.get_params().items():
        np.testing.assert_array_equal(copied[name], value)


@each
def test_inputs_are_only_read_in_any_memory_order_and_a_fit_is_pickled(estimator, data, parameters):
    """scikit-learn checks this on one table (n, d); most of these take lists of them."""
    before = pickle.dumps(data)
    first = estimator(**parameters).fit(*_mapped(_read_only, data))
    assert pickle.dumps(data) == before
    again = clone(first).fit(*_mapped(np.asfortranarray, data))
    copied = pickle.loads(pickle.dumps(first))
    for name in ("vector_", "component_", "mixing_"):
        if hasattr(first, name):
            size = np.abs(getattr(first, name)).max()
            np.testing.assert_allclose(getattr(again, name), getattr(first, name), atol=1e-8 * size)
            np.testing.assert_array_equal(getattr(copied, name), getattr(first, name))


def _mapped(change: Any, data: Any) -> Any:
    if isinstance(data, list | tuple):
        return type(data)(_mapped(change, part) for part in data)
    return change(data)


def _read_only(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.setflags(write=False)
    return array


# Of scikit-learn's own checks, these call no fit; all others call fit(X, y) with one table (n, d),
# which is refused in one sentence by estimators that take lists of matrices.
WITHOUT_TABLE = {
    "check_estimator_cloneable",
    "check_estimator_tags_renamed",
    "check_valid_tag_types",
    "check_estimator_repr",
    "check_no_attributes_set_in_init",
    "check_estimators_unfitted",
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_mixin_order",
    "check_parameters_default_constructible",
    "check_get_params_invariance",
    "check_set_params",
}
# Sentences about bad input are the project's own, and arrays are numpy's.
OWN_SENTENCES = {
    "check_array_api_input",
    "check_complex_data",
    "check_dtype_object",
    "check_estimators_empty_data_messages",
}
# Arguments are named as in the field: ``response`` is no ``y``, ``states`` no ``X``.
OWN_NAMES = {
    LeastSquaresRecovery: {"check_fit_score_takes_y", "check_requires_y_none"},
    SparseRecovery: {"check_fit_score_takes_y", "check_requires_y_none"},
    ICARecovery: {
        "check_fit_score_takes_y",
        "check_n_features_in_after_fitting",
        "check_fit2d_predict1d",
    },
    InvariantRecovery: {"check_estimator_sparse_tag"},
}


def _checks(estimator: type) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for made, check in estimator_checks_generator(estimator()):
        name = getattr(check, "func", check).__name__
        found.setdefault(name, []).append((made, check))
    return found


def _expected() -> Iterator[Any]:
    for estimator, _, _ in ESTIMATORS:
        left_out = OWN_SENTENCES | OWN_NAMES.get(estimator, set())
        for name, some in _checks(estimator).items():
            taken = name not in left_out if estimator in OWN_NAMES else name in WITHOUT_TABLE
            for number, (made, check) in enumerate(some if taken else []):
                yield pytest.param(made, check, id=f"{estimator.__name__}-{name}-{number}")


@pytest.mark.parametrize(("made", "check"), list(_expected()))
def test_scikit_learn_conventions(made, check):
    check(made)


@each
def test_checks_that_are_named_exist(estimator, data, parameters):
    named = WITHOUT_TABLE | OWN_SENTENCES | OWN_NAMES.get(estimator, set())
    assert named <= set(_checks(estimator))
