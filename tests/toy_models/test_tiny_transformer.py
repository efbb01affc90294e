"""The trained transformers: shipped weights, what they learned, and what their norms hide."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from toy_models import tiny_transformer
from toy_models import tiny_transformer_training as training
from toy_models.cells import gauss_newton
from toy_models.cells.gauss_newton import recover
from toy_models.matrix import run_cell, select
from toy_models.tiny_transformer import (
    GRAMMAR,
    HEADS,
    HIDDEN,
    NORMS,
    WEIGHTS,
    WIDTH,
    TinyTransformer,
    checksum,
    pulled_back,
    trained,
    training_record,
)

norms = pytest.mark.parametrize("norm", NORMS)
ROWS = [row for row in select(["least_squares"]) if "TinyTransformer" in row.model]


@pytest.fixture(scope="module")
def fresh():
    """Scores on sequences from a seed that neither training nor its record has used."""
    return {norm: training.describe(trained(norm), 987) for norm in NORMS}


def _arrays(norm):
    with np.load(WEIGHTS / f"{norm}.npz") as stored:
        return {name: stored[name] for name in stored.files}


# --- the weights ---------------------------------------------------------------------------------


def test_all_that_ships_is_under_a_megabyte():
    files = [*WEIGHTS.iterdir()]
    assert {path.name for path in files} == {"layer.npz", "rms.npz", "training.json"}
    assert sum(path.stat().st_size for path in files) < 1_000_000


@norms
def test_weights_that_are_not_those_of_the_record_are_refused(norm, tmp_path, monkeypatch):
    arrays = _arrays(norm)
    assert checksum(arrays) == training_record()[norm]["checksum"]
    arrays["0.up.offset"][3] = np.nextafter(arrays["0.up.offset"][3], 1, dtype=np.float32)
    np.savez_compressed(tmp_path / f"{norm}.npz", **arrays)
    (tmp_path / "training.json").write_bytes((WEIGHTS / "training.json").read_bytes())
    monkeypatch.setattr(tiny_transformer, "WEIGHTS", tmp_path)
    with pytest.raises(ValueError, match=r"not the file that weights/training\.json describes"):
        trained.__wrapped__(norm)


def test_the_checksum_depends_on_names_and_shapes():
    numbers = np.arange(6, dtype=np.float32)
    seen = {checksum({"a": numbers}), checksum({"b": numbers}), checksum({"a": numbers[None]})}
    assert len(seen) == 3


def _torchs_own(arrays, norm, dtype):
    """The same model from torch.nn's layers, as a function of tokens (n, T)."""
    weight = {name: torch.from_numpy(array).to(dtype) for name, array in arrays.items()}

    def norm_layer(name):
        layer = (nn.LayerNorm if norm == "layer" else nn.RMSNorm)(WIDTH, eps=1e-5, dtype=dtype)
        layer.weight.data = weight[f"{name}.gain"]
        if norm == "layer":
            layer.bias.data = weight[f"{name}.shift"]
        return layer

    def block(i):
        layer = nn.TransformerEncoderLayer(
            WIDTH, HEADS, HIDDEN, 0.0, "gelu", batch_first=True, norm_first=True, dtype=dtype
        )
        layer.norm1, layer.norm2 = norm_layer(f"{i}.attention_norm"), norm_layer(f"{i}.mlp_norm")
        reads = [f"{i}.{name}" for name in ("query", "key", "value")]
        layer.self_attn.in_proj_weight.data = torch.cat([weight[f"{r}.matrix"] for r in reads])
        layer.self_attn.in_proj_bias.data = torch.cat([weight[f"{r}.offset"] for r in reads])
        layer.self_attn.out_proj.weight.data = weight[f"{i}.attention_write"]
        layer.linear1.weight.data = weight[f"{i}.up.matrix"]
        layer.linear1.bias.data = weight[f"{i}.up.offset"]
        layer.linear2.weight.data = weight[f"{i}.mlp_write"]
        for linear in (layer.self_attn.out_proj, layer.linear2):
            linear.bias.data.zero_()
        return layer

    blocks, final = [block(0), block(1)], norm_layer("final_norm")

    def forward(tokens):
        stream = weight["embedding"][tokens]
        mask = nn.Transformer.generate_square_subsequent_mask(tokens.shape[1], dtype=dtype)
        for layer in blocks:
            stream = layer(stream, src_mask=mask, is_causal=True)
        return final(stream) @ weight["unembedding.matrix"].T + weight["unembedding.offset"]

    return forward


@norms
# Rounding of logits of size 10 through two blocks: some hundred units in the last place.
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 2e-4)])
def test_the_forward_pass_is_that_of_torchs_own_layers(norm, dtype, tolerance):
    tokens = torch.from_numpy(GRAMMAR.sample(np.random.default_rng(0), count=8, length=15).tokens)
    with torch.no_grad():
        expected = _torchs_own(_arrays(norm), norm, dtype)(tokens)
        found = training.logits(trained(norm), tokens)
    torch.testing.assert_close(found, expected.double(), atol=tolerance, rtol=0)


# --- what they learned ---------------------------------------------------------------------------


@norms
def test_accuracy_is_the_recorded_one(norm, fresh):
    """Within four standard errors of a difference: false alarms once in 16 000 seeds."""
    recorded, found = training_record()[norm], fresh[norm]
    error = np.hypot(recorded["accuracy_standard_error"], found["accuracy_standard_error"])
    assert abs(found["accuracy"] - recorded["accuracy"]) < 4 * error
    binomial = np.sqrt(found["accuracy"] * (1 - found["accuracy"]) / (2000 * 15))
    assert found["accuracy_standard_error"] > binomial  # words of a sequence share its evidence


@norms
def test_the_register_is_predicted_about_as_well_as_can_be(norm, fresh):
    """A bigram model, which sees the last word only, is the bar that a latent has to clear."""
    found = fresh[norm]
    assert found["best_loss"] < found["loss"] < found["best_loss"] + 0.02
    assert found["best_meaning_loss"] < found["meaning_loss"] < found["best_meaning_loss"] + 0.02
    assert abs(found["accuracy"] - found["best_accuracy"]) < 4 * found["accuracy_standard_error"]
    assert found["log_odds_correlation"] > 0.95
    assert found["accuracy"] > _bigram_accuracy() + 0.05


def _bigram_accuracy():
    """Expected accuracy of the last word's form alone; half where it has none."""
    drawn = GRAMMAR.sample(np.random.default_rng(7), count=2000, length=16)
    forms = GRAMMAR.register_of[drawn.tokens]
    right = 0.5 + 0.5 * forms[:, :-1] * drawn.registers[:, None]
    return right[forms[:, 1:] != 0].mean()


@norms
def test_the_mean_difference_turns_the_register_and_nothing_else_does(norm, fresh):
    """Success with the unsteered share subtracted; a random direction of the same norm beside, with
    at most a fifth of the effect, the margin of theory.md section 4 for "no effect"."""
    arms = fresh[norm]["steering"]
    assert arms["unsteered"] < 0.05
    assert arms["steered"] > 0.95
    assert arms["success"] == arms["steered"] - arms["unsteered"]
    assert arms["random_success"] == arms["random"] - arms["unsteered"] < arms["success"] / 5
    # At the last token only, the words before still show the register.
    assert arms["random"] < arms["last_token"] < arms["steered"]


@norms
def test_prompts_carry_their_truth(norm):
    instance = TinyTransformer(norm=norm, prompts=50).sample(3)
    tokens = instance.tokens.numpy()
    counts = GRAMMAR.register_of[tokens].sum(axis=1)
    np.testing.assert_allclose(instance.log_odds, counts * np.log(9), rtol=1e-12)
    shown = [
        instance.functional @ logits(torch.from_numpy(state)).numpy()
        for logits, state in zip(instance.continuations, instance.states, strict=True)
    ]
    decided = np.abs(counts) >= 2
    assert decided.sum() > 25
    # 9 : 1 at each of two words net: 81 : 1 for the likelier register.
    assert np.mean(np.sign(shown) == np.sign(counts), where=decided) > 0.95
    assert np.mean(np.sign(counts) == instance.registers, where=decided) > 0.9


# --- what the norms hide -------------------------------------------------------------------------


def _largest_change(instance, direction):
    changes = [
        (logits(torch.from_numpy(state) + c * direction) - logits(torch.from_numpy(state)))
        .abs()
        .max()
        for logits, state in zip(instance.continuations, instance.states, strict=True)
        for c in (-100.0, 0.5, 30.0)
    ]
    return float(max(changes))


@pytest.mark.parametrize("layer", [-1, 0, 1])
def test_the_constant_direction_is_invisible_at_any_amplitude_with_layernorm_only(layer):
    ones = torch.ones(WIDTH, dtype=torch.float64)
    assert _largest_change(TinyTransformer(norm="layer", layer=layer).sample(0), ones) < 1e-11
    assert _largest_change(TinyTransformer(norm="rms", layer=layer).sample(0), ones) > 0.1
    other = torch.from_numpy(np.resize([1.0, -1.0], WIDTH))
    assert _largest_change(TinyTransformer(norm="layer", layer=layer).sample(0), other) > 0.1


@norms
@pytest.mark.parametrize("layer", [0, 1])
def test_one_prompt_hides_the_pulled_back_radial_direction_up_to_the_epsilon(norm, layer):
    """N6c as trained: which direction, and the size of its image, from the formula."""
    instance = TinyTransformer(norm=norm, prompts=1, layer=layer).sample(0)
    planted = torch.from_numpy(instance.vector)
    jacobian = torch.func.jacrev(instance.observe)(planted).numpy()
    direction = pulled_back(instance)
    direction -= instance.kernel @ (instance.kernel.T @ direction)
    direction /= np.linalg.norm(direction)
    _, values, right = np.linalg.svd(jacobian)
    hidden = WIDTH - 1 - instance.kernel.shape[1]
    assert 1e-12 < values[hidden] / values[0] < 1e-5 < values[hidden - 1] / values[0]
    assert abs(direction @ right[hidden]) > 1 - 1e-9

    state = torch.from_numpy(instance.states[0] + instance.vector)
    inner = torch.func.jacrev(lambda s: instance.last_state(0, s))(state)
    last, final = instance.last_state(0, state), instance.decoder.final_norm
    centred = last - last.mean() if norm == "layer" else last
    square = (centred**2).mean()
    image = instance.decoder.unembedding.matrix @ (final.gain * centred)
    image *= final.epsilon / (square + final.epsilon) ** 1.5
    found = jacobian @ torch.linalg.solve(inner, last).numpy()
    np.testing.assert_allclose(found, image.numpy(), atol=1e-6 * float(image.abs().max()))


@norms
def test_without_epsilon_that_direction_is_planted_as_null(norm):
    model = TinyTransformer(norm=norm, prompts=1, epsilon=0.0)
    instance = model.sample(0)
    lost = 2 if norm == "layer" else 1
    assert (instance.kernel.shape, instance.reach) == ((WIDTH, lost), "local")
    jacobian = torch.func.jacrev(instance.observe)(torch.from_numpy(instance.vector)).numpy()
    values = np.linalg.svd(jacobian, compute_uv=False)
    assert np.abs(jacobian @ instance.kernel).max() < 1e-13 * values[0]
    assert values[WIDTH - lost - 1] > 1e-4 * values[0]
    assert replace(model, prompts=2).sample(0).reach == "global"


@norms
@pytest.mark.parametrize("seed", range(5))
def test_the_concept_vector_comes_back_but_for_the_constant_part(norm, seed):
    """From all logits at two prompts and a strength of 0.25, starting from nothing."""
    instance = TinyTransformer(norm=norm, prompts=2, length=8, strength=0.25).sample(seed)
    target = instance.observe(torch.from_numpy(instance.vector))
    estimate, fitted = recover(instance, target, np.zeros(WIDTH))
    error = np.linalg.norm(estimate - instance.row_space_part)
    assert error < 1e-8 * np.linalg.norm(instance.vector)
    assert fitted.kernel_.shape[1] == (1 if norm == "layer" else 0)


def test_steps_stop_at_rounding(monkeypatch):
    """Newton's method: at most one fit a halving of the digits and one more."""
    fits = []

    class Counted(gauss_newton.LeastSquaresRecovery):
        def fit(self, jacobian, response):
            fits.append(1)
            return super().fit(jacobian, response)

    monkeypatch.setattr(gauss_newton, "LeastSquaresRecovery", Counted)
    instance = TinyTransformer(prompts=2, length=8, strength=0.25).sample(0)
    recover(instance, instance.observe(torch.from_numpy(instance.vector)), np.zeros(WIDTH))
    assert 4 <= len(fits) <= 7


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.model)
def test_rows_come_out_as_predicted_over_five_seeds(row):
    cells = [run_cell(row, 30_000 + seed) for seed in range(5)]
    assert all(cell["agrees"] for cell in cells), cells


def test_there_are_rows_on_both_sides_of_each_dial():
    found = {(("rms" if "rms" in row.model else "layer"), row.holds) for row in ROWS}
    assert found == {("layer", False), ("rms", True), ("rms", False)}
    assert len(ROWS) == 6


# --- training ------------------------------------------------------------------------------------


@norms
def test_training_is_deterministic_and_leaves_torch_as_it_was(norm):
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    first, second = (training.train(norm, steps=3) for _ in range(2))
    assert checksum(first) == checksum(second)
    assert checksum(training.train(norm, seed=1, steps=3)) != checksum(first)
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before
    assert {name: array.shape for name, array in first.items()} == {
        name: array.shape for name, array in _arrays(norm).items()
    }


@pytest.mark.slow
def test_retraining_gives_the_shipped_models(tmp_path, monkeypatch, capsys):
    """Scores and outputs, not bits: another BLAS rounds differently, and training amplifies that.

    So the bound on outputs is that of two models which learned the language separately.
    """
    monkeypatch.setattr(training, "WEIGHTS", tmp_path)
    training.main()
    written = json.loads((tmp_path / "training.json").read_text())
    assert json.loads(capsys.readouterr().out.partition("{")[2].join(["{", ""])) == written
    tokens = torch.from_numpy(GRAMMAR.sample(np.random.default_rng(9), count=200, length=12).tokens)
    for norm in NORMS:
        recorded, again = training_record()[norm], written[norm]
        assert (recorded["seed"], recorded["steps"]) == (again["seed"], again["steps"])
        # The same held-out sequences: what differs is the model alone.
        assert again["accuracy"] == pytest.approx(recorded["accuracy"], abs=0.005)
        assert again["loss"] == pytest.approx(recorded["loss"], abs=0.005)
        assert again["steering"]["success"] == pytest.approx(
            recorded["steering"]["success"], abs=0.05
        )
        with np.load(tmp_path / f"{norm}.npz") as stored:
            tensors = {n: torch.from_numpy(stored[n].astype(np.float64)) for n in stored.files}
        shipped = training.logits(trained(norm), tokens)[:, -1].log_softmax(dim=-1)
        retrained = training.logits(tiny_transformer.assemble(tensors, norm), tokens)[:, -1]
        divergence = (shipped.exp() * (shipped - retrained.log_softmax(dim=-1))).sum(dim=-1)
        # Each within 0.005 nats of the exact distribution, errors independent, and half to spare.
        assert float(divergence.mean()) < 0.02


# --- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choices", "sentence"),
    [
        ({"norm": "batch"}, "norm must be one of layer, rms"),
        ({"prompts": 0}, "prompts must be at least 1"),
        ({"length": 1}, "length in"),
        ({"length": 16}, "trained on no longer ones"),
        ({"layer": 2}, "layer must lie in"),
        ({"epsilon": -1.0}, "epsilon must be"),
        ({"strength": 0.0}, "strength must be"),
    ],
)
def test_bad_dials_are_refused_in_a_sentence(choices, sentence):
    with pytest.raises(ValueError, match=sentence):
        TinyTransformer(**choices).sample(0)
