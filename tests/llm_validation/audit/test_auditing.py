"""A whole audit of a vector of no distinction: its witness, its verdict, its flip."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from identifiability.verdict import Verdict
from llm_validation.audit.prompts import Halves
from llm_validation.continuation import Continuation
from llm_validation.extraction import encode
from llm_validation.models import load_model
from tests.llm_validation.architectures import BLOCKS, WIDTH
from tests.llm_validation.audit.small_model import COUNT, PROMPTS, audited, prompts, saved


@pytest.fixture(scope="module")
def ordinary(llama):
    """A vector of no distinction at full strength, and the settings it was audited with."""
    vector = 0.4 * np.random.default_rng(0).standard_normal(WIDTH)
    return vector, audited(llama, vector, 1, prompts=prompts(16), count=16)


def test_an_ordinary_vector(ordinary):
    vector, found = ordinary
    witness = found.witness
    assert witness.same_norm
    assert np.linalg.norm(witness.vector) == pytest.approx(np.linalg.norm(vector))
    assert witness.measured.high <= found.epsilon
    assert witness.as_predicted
    # Within epsilon, but on so short a step that random ones are not shown to leave it either.
    assert [(row.claim, row.verdict.value) for row in found.rows] == [
        ("witness_within_epsilon", "inconclusive"),
        ("witness_second_order", "confirmed"),
    ]
    low, _ = found.flips_at
    assert 0 < low < found.epsilon
    assert len({text.prompt for text in found.texts} & set(prompts(16))) == 3


def test_a_step_that_any_direction_passes_decides_nothing(ordinary):
    """This model sees all directions nearly alike: what stays within epsilon is a short step."""
    _, found = ordinary
    step = found.witness.vector - found.vector.vector
    random = np.random.default_rng(1).standard_normal((4000, WIDTH))
    random *= np.linalg.norm(step) / np.linalg.norm(random, axis=1, keepdims=True)
    nats = 0.5 * np.einsum("ki,ij,kj->k", random, found.steered.metric, random)
    assert found.witness.random_step == pytest.approx(nats.mean(), rel=0.03)
    assert found.witness.random_measured.low < found.epsilon
    assert found.verdict is Verdict.UNDETERMINED
    assert "random steps as long were not shown to leave it" in str(found)
    assert "not shown above epsilon" in str(found)


def test_random_steps_are_measured_at_the_witness_s_length_on_its_prompts(llama, ordinary):
    """Their mean by full distributions of 400 other steps on the measuring prompts."""
    vector, found = ordinary
    length = np.linalg.norm(found.witness.vector - vector)
    steps = np.random.default_rng(2).standard_normal((400, WIDTH))
    steps -= np.outer(steps @ vector, vector) / (vector @ vector)
    steps *= length / np.linalg.norm(steps, axis=1, keepdims=True)
    ids = [encode(llama, text) for text in prompts(16)]
    means = []
    for one in Halves.of(ids, 16, 0).measuring:
        there = Continuation(llama, one, 1)
        states = there.state + there.state.new_tensor(np.vstack([vector, vector + steps]))
        log_p, *log_q = np.asarray(there(states).double().log_softmax(-1))
        means.append(np.mean(np.sum(np.exp(log_p) * (log_p - np.array(log_q)), axis=1)))
    random = found.witness.random_measured
    assert random.low <= np.mean(means) <= random.high
    # 64 steps of 8 prompts: with an effective rank of ten or more their mean is known to a tenth.
    assert random.estimate == pytest.approx(np.mean(means), rel=0.2)


def test_a_model_blind_to_half_of_its_state_has_a_telling_witness(tmp_path):
    """After the last block, with a head that reads half of the coordinates at a twentieth."""
    model = saved(tmp_path, "llama")
    with torch.no_grad():
        model.model.lm_head.weight[:, WIDTH // 2 :] *= 0.05
    model.model.save_pretrained(tmp_path)
    model = load_model(str(tmp_path), dtype="float64")
    layer, vector = BLOCKS - 1, 0.4 * np.random.default_rng(0).standard_normal(WIDTH)
    ids = [encode(model, text) for text in PROMPTS]
    chosen = Halves.of(ids, COUNT, 0).choosing
    metrics = [Continuation(model, one, layer).fisher() for one in chosen]
    values = np.linalg.eigvalsh(np.mean(metrics, axis=0))
    edge = np.sqrt(values[WIDTH // 2 - 1] * values[WIDTH // 2])
    epsilon = 0.5 * (vector @ vector) * edge
    found = audited(model, vector, layer, epsilon=epsilon, prompts=prompts(16), count=16)
    assert found.class_size.dimension == WIDTH // 2
    assert found.witness.predicted_high <= epsilon / 2
    assert found.witness.random_measured.low > epsilon
    assert found.witness.telling(epsilon)
    assert found.verdict is Verdict.EPSILON_NON_IDENTIFIABLE
    assert found.reason.startswith("a witness at cosine")


def test_the_witness_is_measured_where_it_was_not_chosen(llama, ordinary):
    """Its divergence on the measuring prompts, by a full forward pass of the model."""
    vector, found = ordinary
    ids = [encode(llama, text) for text in prompts(16)]
    measuring = Halves.of(ids, 16, 0).measuring
    expected = []
    for one in measuring:
        there = Continuation(llama, one, 1)
        log_p, log_q = (
            np.asarray(there(there.state + there.state.new_tensor(x)).double().log_softmax(-1))
            for x in (vector, found.witness.vector)
        )
        expected.append(np.sum(np.exp(log_p) * (log_p - log_q)))
    np.testing.assert_allclose(found.witness.divergences, expected, rtol=1e-6)


def test_below_the_flip_the_class_is_the_vector_alone(llama, ordinary):
    vector, found = ordinary
    settings = {"prompts": prompts(16), "count": 16}
    below = audited(llama, vector, 1, epsilon=found.flips_at[0] / 2, **settings)
    assert below.verdict is Verdict.LOCALLY_IDENTIFIABLE
    assert below.class_size.dimension == 0
    assert below.witness is None and below.power is None
    assert below.energy_below_epsilon == 0
    np.testing.assert_allclose(below.representative, vector, rtol=1e-10)
    assert "Witness: none" in str(below)
