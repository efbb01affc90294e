"""A claim gets from an encoder what it asked of a decoder, under the same names."""

from __future__ import annotations

import inspect
from importlib import import_module

import numpy as np
import pytest

from identifiability.errors import InvalidInput
from llm_validation.claims.registry import claims
from llm_validation.encoder import EncoderContinuation
from llm_validation.encoder_setting import ON_AN_ENCODER, POSITION
from tests.llm_validation.claims.encoder_running_setting import EncoderRunningSetting
from tests.llm_validation.claims.running_setting import RunningSetting


def function(name: str):
    module, _, inside = name.partition(":")
    return getattr(import_module(f"llm_validation.measurements.{module}"), inside)


@pytest.mark.parametrize("name", ON_AN_ENCODER)
def test_each_takes_the_settings_that_the_decoders_takes(name):
    theirs, ours = (
        dict(list(inspect.signature(function(of)).parameters.items())[1:])
        for of in (name, ON_AN_ENCODER[name])
    )
    assert set(ours) <= set(theirs)
    needed = {key for key, one in theirs.items() if one.default is one.empty}
    assert needed <= set(ours)


SETTINGS = {
    "last_states:measure": {"prompts": [[1, 5, 6, 2]], "layers": [1]},
    "token_states:measure": {
        "prompts": [[1, 5, 6, 2]],
        "layers": [1],
        "first": [1],
        "last": 1,
        "tokens": 2,
        "seed": 0,
    },
    "fisher_metric:measure": {"ids": [1, 5, 6, 2], "layer": 1},
    "fisher_metric:rounding": {"ids": [1, 5, 6, 2], "layer": 1},
    "rounding_divergence:measure": {"ids": [1, 5, 6, 2], "layer": 1, "seed": 0},
    "logit_jacobian:measure": {"ids": [1, 5, 6, 2], "layer": 1},
    "probed_null_space:measure": {
        "ids": [1, 5, 6, 2],
        "layer": 1,
        "probes": 3,
        "step": 0.1,
        "seed": 0,
    },
    "radial_direction:measure": {"ids": [1, 5, 6, 2], "layer": 1},
    "symmetry_group:measure": {},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_each_answers_with_names_that_the_decoders_answers_with(name):
    measurement, inside = name.split(":")
    found = []
    for setting in (RunningSetting(), EncoderRunningSetting()):
        cell = setting.cell(measurement, "", function=inside, **SETTINGS[name])
        found.append(dict(setting.of(cell)))
    shapes = [{key: np.ndim(value) for key, value in one.items()} for one in found]
    shapes[1].pop("lost", None)  # an encoder alone says how many
    assert shapes[0] == shapes[1]


def test_divergences_and_odd_differences_answer_with_what_claims_read():
    setting = EncoderRunningSetting()
    rows = np.ones((2, setting.width))
    ids = setting.prompts.measuring[0]
    for measurement in ("divergences", "exact_divergences"):
        cell = setting.cell(measurement, "", ids=ids, layer=1, displacements=rows)
        assert setting.of(cell)["kl"].shape == (2,)


def test_a_cell_is_made_on_the_encoder_and_on_its_reading():
    setting = EncoderRunningSetting()
    cell = setting.metric_cell(setting.prompts.measuring[0], 1)
    assert cell.function == "llm_validation.measurements.embedding_metric:measure"
    assert cell.context["factory"].endswith("encoder_context:gaussian_encoder")
    # Σ belongs to the cell: other choosing texts are another reading.
    assert cell.context["texts"] == list(setting.prompts.choosing)
    assert cell.context["position"] == POSITION
    assert cell.key != EncoderRunningSetting(prompts=7).metric_cell([1, 5, 2], 1).key


def test_what_no_encoder_has_is_refused_in_one_sentence():
    with pytest.raises(InvalidInput, match="softmax shift is measured on decoders only") as raised:
        EncoderRunningSetting().cell("softmax_shift", "", ids=[1, 2], shift=1.0)
    assert "\n" not in str(raised.value)


def test_texts_are_plain_and_states_are_those_that_are_displaced():
    setting = EncoderRunningSetting()
    assert setting.encode("w5 w9") == [1, 5, 9, 2]
    states = setting.pair_states(setting.traits["random"].pairs, 1)
    assert states.shape == (6, 2, setting.width)
    ids = setting.encode(setting.traits["random"].pairs[2].negative)
    expected = EncoderContinuation(setting.encoder, ids, 1, POSITION).state.numpy()
    np.testing.assert_allclose(states[2, 1], expected, atol=1e-13)
    difference = (states[:, 0] - states[:, 1]).mean(axis=0)
    np.testing.assert_allclose(setting.vector("random", 1), difference, atol=1e-14)


def test_rows_say_under_which_reading_they_are_nats():
    setting = EncoderRunningSetting()
    words = setting.observable("next-token distribution")
    assert "covariance over 6 texts, noise 0.25" in words and "that reading alone" in words
    assert setting.observable("all logits") == "all coordinates of the embedding"
    assert setting.observable("states at many tokens") == "states at many tokens"
    assert setting.reading["output_covariance"]["texts"] == 6
    decoder = RunningSetting()
    assert decoder.observable("next-token distribution") == "next-token distribution"
    assert decoder.reading == {}


@pytest.mark.parametrize("claim", claims((), encoder="tiny"), ids=lambda claim: claim.NAME)
def test_all_that_a_claim_is_prepared_with_is_measured_on_encoders(claim):
    cells = claim.preparation(EncoderRunningSetting())
    functions = {cell.function.removeprefix("llm_validation.measurements.") for cell in cells}
    assert functions <= set(ON_AN_ENCODER.values())
