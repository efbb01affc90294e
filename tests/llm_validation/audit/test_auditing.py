"""Audits whose answer is known, on a GPT-2-like model in float64 and one with RMSNorm."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from identifiability.errors import InvalidInput
from identifiability.verdict import CertificateKind, Verdict
from llm_validation.audit import audit
from llm_validation.audit.files import write_audit
from llm_validation.audit.prompts import Halves
from llm_validation.continuation import Continuation
from llm_validation.extraction import encode
from llm_validation.models import load_model
from tests.llm_validation.architectures import BLOCKS, WIDTH
from tests.llm_validation.audit.small_model import prompts, saved

PROMPTS, COUNT = prompts(10), 8
# Small, so that the metric at h + alpha v is the metric at h, from which the test plants.
ALPHA = 1e-4


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("gpt2"), "gpt2")


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("llama"), "llama")


def _metric(model, layer, seed):
    """Mean over the choosing half at the unsteered states, by the dense metric of each prompt."""
    ids = [encode(model, text) for text in PROMPTS]
    chosen = Halves.of(ids, COUNT, seed).choosing
    return np.mean([Continuation(model, one, layer).fisher() for one in chosen], axis=0)


def _audit(model, vector, layer, **settings):
    settings = {"prompts": PROMPTS, "count": COUNT, "workers": 1} | settings
    return audit(vector, model, layer, **settings)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("layer", [0, 1, 2])
def test_the_mean_direction_of_a_layer_norm_model_is_non_identifiable(gpt2, layer, seed):
    found = _audit(gpt2, np.full(WIDTH, 0.3), layer, seed=seed)
    assert found.verdict is Verdict.NON_IDENTIFIABLE
    assert found.certificate.kind is CertificateKind.PROOF
    assert found.energy_below_epsilon == pytest.approx(1, abs=1e-9)
    assert np.linalg.norm(found.representative) < 1e-6 * found.vector.norm
    assert found.symmetry.shift < 1e-20 < found.symmetry.random


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("layer", [0, 1, 2])
def test_a_top_eigenvector_is_its_own_representative(gpt2, layer, seed):
    values, vectors = np.linalg.eigh(_metric(gpt2, layer, seed))
    # Epsilon between the first and the last eigenvalue at this radius.
    epsilon = 0.5 * ALPHA**2 * values[WIDTH // 2]
    found = _audit(gpt2, vectors[:, -1], layer, seed=seed, alpha=ALPHA, epsilon=epsilon)
    assert found.verdict is Verdict.NON_IDENTIFIABLE  # the model's, whatever the vector
    assert found.energy_below_epsilon < 1e-6
    np.testing.assert_allclose(found.representative, vectors[:, -1], atol=1e-3)
    # At equal norm cos = 1 - 2 energy: no member but v itself.
    assert not found.witness.same_norm or found.witness.cosine > 1 - 1e-5


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("layer", [0, 1, 2])
@pytest.mark.parametrize("share", [0.3, 0.8])
def test_a_planted_mixture_has_the_energy_planted(llama, layer, seed, share):
    values, vectors = np.linalg.eigh(_metric(llama, layer, seed))
    vector = np.sqrt(share) * vectors[:, 2] + np.sqrt(1 - share) * vectors[:, -2]
    # Halfway, on the log scale, across the widest gap in the middle of the spectrum.
    middle = np.log(values[8:24])
    gap = 8 + int(np.argmax(np.diff(middle)))
    epsilon = 0.5 * ALPHA**2 * np.sqrt(values[gap] * values[gap + 1])
    found = _audit(llama, vector, layer, seed=seed, alpha=ALPHA, epsilon=epsilon)
    assert found.energy_below_epsilon == pytest.approx(share, abs=1e-3)
    assert found.class_size.dimension == gap + 1
    assert found.symmetry is None


@pytest.fixture(scope="module")
def ordinary(llama):
    """A vector of no distinction at full strength, and the settings it was audited with."""
    vector = 0.4 * np.random.default_rng(0).standard_normal(WIDTH)
    return vector, _audit(llama, vector, 1, prompts=prompts(16), count=16)


def test_an_ordinary_vector(ordinary):
    vector, found = ordinary
    witness = found.witness
    assert witness.same_norm
    assert np.linalg.norm(witness.vector) == pytest.approx(np.linalg.norm(vector))
    assert witness.measured.high <= found.epsilon
    assert witness.as_predicted
    assert [row.claim for row in found.rows] == ["witness_within_epsilon", "witness_second_order"]
    assert {row.verdict.value for row in found.rows} == {"confirmed"}
    low, _ = found.flips_at
    assert 0 < low < found.epsilon
    assert len(found.texts) == 3


def test_a_step_that_any_direction_passes_decides_nothing(ordinary):
    """This model sees all directions nearly alike: what stays within epsilon is a short step."""
    _, found = ordinary
    step = found.witness.vector - found.vector.vector
    random = np.random.default_rng(1).standard_normal((4000, WIDTH))
    random *= np.linalg.norm(step) / np.linalg.norm(random, axis=1, keepdims=True)
    nats = 0.5 * np.einsum("ki,ij,kj->k", random, found.steered.metric, random)
    assert found.witness.random_step == pytest.approx(nats.mean(), rel=0.03)
    assert found.witness.random_step < found.epsilon
    assert found.verdict is Verdict.UNDETERMINED
    assert "so would a random step" in str(found)


def test_a_model_blind_to_half_of_its_state_has_a_telling_witness(tmp_path):
    """After the last block, with a head that reads half of the coordinates at a twentieth."""
    model = saved(tmp_path, "llama")
    with torch.no_grad():
        model.model.lm_head.weight[:, WIDTH // 2 :] *= 0.05
    model.model.save_pretrained(tmp_path)
    model = load_model(str(tmp_path), dtype="float64")
    layer, vector = BLOCKS - 1, 0.4 * np.random.default_rng(0).standard_normal(WIDTH)
    values = np.linalg.eigvalsh(_metric(model, layer, 0))
    edge = np.sqrt(values[WIDTH // 2 - 1] * values[WIDTH // 2])
    epsilon = 0.5 * (vector @ vector) * edge
    found = _audit(model, vector, layer, epsilon=epsilon, prompts=prompts(16), count=16)
    assert found.class_size.dimension == WIDTH // 2
    assert found.witness.predicted_high <= epsilon / 2
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
    below = _audit(llama, vector, 1, epsilon=found.flips_at[0] / 2, **settings)
    assert below.verdict is Verdict.LOCALLY_IDENTIFIABLE
    assert below.class_size.dimension == 0
    assert below.witness is None and below.power is None
    assert below.energy_below_epsilon == 0
    np.testing.assert_allclose(below.representative, vector, rtol=1e-10)
    assert "Witness: none" in str(below)


def test_same_seed_same_file_bit_for_bit(llama, ordinary, tmp_path):
    vector, found = ordinary
    again = _audit(llama, vector, 1, prompts=prompts(16), count=16, out=tmp_path / "cells")
    files = [
        write_audit(one, tmp_path / name, ["audit"]) for one, name in ((found, "a"), (again, "b"))
    ]
    assert [path.name for path in files[0]] == [path.name for path in files[1]]
    for one, other in zip(*files, strict=True):
        assert one.read_bytes() == other.read_bytes()
    json.loads(files[0][0].read_text())


@pytest.mark.parametrize("observe", ["topk:3", "completion"])
def test_a_coarser_observable_leaves_a_class_at_least_as_large(llama, ordinary, observe):
    """topk sees less of a token; a completion sees more tokens."""
    vector, found = ordinary
    other = _audit(llama, vector, 1, prompts=prompts(16), count=16, observe=observe)
    compare = np.less_equal if observe == "topk:3" else np.greater_equal
    assert compare(found.class_size.dimension, other.class_size.dimension)
    assert other.observable.text == observe


@pytest.fixture
def trait_file(tmp_path):
    texts = prompts(40, seed=8)
    completions = [
        {
            "prompt": texts[4 * i],
            "positive": texts[4 * i + 1],
            "negative": texts[4 * i + 2],
            "split": "choose" if i < 4 else "held_out",
        }
        for i in range(9)
    ]
    pairs = [
        {"context": f"c{i}", "positive": texts[4 * i + 3], "negative": texts[37 + i]}
        for i in range(2)
    ]
    trait = {
        "trait": "planted",
        "description": "d",
        "license": "l",
        "instructions": {"positive": "w3", "negative": "w4"},
        "pairs": pairs,
        "completions": completions,
    }
    path = tmp_path / "planted.json"
    path.write_text(json.dumps(trait))
    return path


def test_a_score_sees_one_direction_a_prompt(llama, ordinary, trait_file):
    """Four choosing pairs: rank 4 at most, so that the class has dimension d - 4 or more."""
    vector, _ = ordinary
    found = audit(vector, llama, 1, observe=f"score:{trait_file}", workers=1)
    assert (found.chosen_on, found.measured_on) == (4, 5)
    assert found.class_size.dimension >= WIDTH - 4
    assert found.steered.spectrum.rank() == 4
    assert found.score_variance > 0
    assert "score variance" in str(found)
    assert found.scored.trait == "planted"
    assert not found.scored.validity.valid and "not scored" in str(found)
    assert set(found.power.outputs) == {None}
    assert "no number of outputs" in str(found) and "samples" not in str(found)


@pytest.mark.parametrize(
    ("spoiled", "said"),
    [({"instructions": None}, "must have instructions"), ({"completions": []}, "split 'choose'")],
)
def test_a_trait_that_cannot_be_scored_is_refused_before_anything_is_measured(
    llama, trait_file, tmp_path, spoiled, said
):
    trait = json.loads(trait_file.read_text()) | spoiled
    trait_file.write_text(json.dumps({k: v for k, v in trait.items() if v is not None}))
    with pytest.raises(InvalidInput, match=said):
        _audit(llama, np.ones(WIDTH), 1, trait=str(trait_file), out=tmp_path / "cells")
    assert not (tmp_path / "cells").exists()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"vector": np.zeros(WIDTH)}, "must not be zero"),
        ({"vector": np.ones(WIDTH + 1)}, "vector"),
        ({"alpha": 0.0}, "alpha must be a positive"),
        ({"epsilon": -1.0}, "epsilon must be a positive"),
        ({"layer": 4}, "layer must be between"),
        ({"layer": None}, "does not say its layer"),
        ({"prompts": PROMPTS[:5]}, "at least 8 prompts"),
        ({"prompts": [*PROMPTS[:8], PROMPTS[0]]}, "differ in their tokens"),
        ({"observe": "topk"}, "topk:20"),
        ({"observe": "topk:67"}, "between 1 and 66"),
        ({"apply": ["layer=2"]}, "layers"),
        ({"observe": "score:formality"}, "leave prompts out"),
    ],
)
def test_bad_input_is_told(llama, settings, said):
    given = {"vector": np.ones(WIDTH), "layer": 1} | settings
    with pytest.raises(InvalidInput, match=said):
        _audit(llama, given.pop("vector"), given.pop("layer"), **given)
