"""The vector of an audit, given in each way."""

import numpy as np
import pytest

from identifiability.errors import InvalidInput
from llm_validation.audit.vector_input import named, the_vector
from llm_validation.vectors import SteeringVector, write_vectors
from tests.llm_validation.architectures import WIDTH
from tests.llm_validation.audit.small_model import saved

VALUES = np.arange(1.0, WIDTH + 1)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("llama"), "llama")


@pytest.mark.parametrize("suffix", [".safetensors", ".gguf", ".json", ".pt"])
def test_a_file_that_says_its_layer_needs_none(tmp_path, model, suffix):
    path = tmp_path / f"v{suffix}"
    write_vectors(path, SteeringVector(VALUES, 2))
    found = the_vector(path, model, None)
    assert found.layer == 2
    np.testing.assert_array_equal(found.vector, VALUES)
    assert named(path) == path.name


def test_of_many_layers_one_is_chosen(tmp_path, model):
    path = tmp_path / "v.gguf"
    write_vectors(path, [SteeringVector(layer * VALUES, layer) for layer in (1, 3)])
    np.testing.assert_array_equal(the_vector(path, model, -1).vector, 3 * VALUES)
    with pytest.raises(InvalidInput, match="layers 1, 3; choose one with --layer"):
        the_vector(path, model, None)


def test_arrays_lists_and_steering_vectors(model):
    for given in (VALUES, VALUES.tolist()):
        found = the_vector(given, model, -1)
        assert found.layer == 3
        np.testing.assert_array_equal(found.vector, VALUES)
    given = SteeringVector(VALUES, 1, trait="calm")
    assert the_vector(given, model, None) is given
    assert (named(given), named(VALUES)) == ("calm", "vector")


@pytest.mark.parametrize(
    ("given", "layer", "said"),
    [
        (VALUES, None, "give layer="),
        (0 * VALUES, 1, "must not be zero"),
        (VALUES[:-1], 1, "vector"),
        (SteeringVector(VALUES, 1), 2, "is for layer 1, got layer 2"),
        (SteeringVector(VALUES, 7), None, "layer must be between"),
        (SteeringVector(0 * VALUES, 1), None, "must not be zero"),
    ],
)
def test_what_does_not_fit(model, given, layer, said):
    with pytest.raises(InvalidInput, match=said):
        the_vector(given, model, layer)
