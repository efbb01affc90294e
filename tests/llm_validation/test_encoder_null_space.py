"""What an embedding cannot show of a state: the shift, its own length, dead outputs."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch

from identifiability import Spectrum
from identifiability.errors import InvalidInput
from llm_validation.encoder import EncoderContinuation
from llm_validation.output_covariance import OutputCovariance
from llm_validation.sentence_encoder import load_encoder
from tests.llm_validation.encoders import (
    BLOCKS,
    CONFIGURATIONS,
    WIDTH,
    full_output,
    tiny_encoder,
    words,
)
from tests.llm_validation.full_forward import relative_error

POST_LN = tuple(name for name in CONFIGURATIONS if name != "modernbert")


@pytest.mark.parametrize("architecture", CONFIGURATIONS)
def test_the_shift_is_seen_after_post_ln_blocks_and_not_after_pre_ln_ones(architecture):
    """theory.md N6b: after a post-LN block the next attention reads h + c·1 as it is."""
    model = tiny_encoder(architecture)
    for layer in range(BLOCKS):
        found = EncoderContinuation(model, words(), layer)
        moved = (found(found.state + 3) - found.output).norm().item()
        # float64 leaves 1e-15; a shift of the size of the state that is seen moves y by its order.
        assert moved > 1e-2 if architecture in POST_LN else moved < 1e-12, (layer, moved)


@pytest.mark.parametrize("architecture", POST_LN)
def test_the_residual_path_alone_hides_the_shift(architecture, monkeypatch):
    """With attention cut off and the MLP too, only the norm's residual is left, and it is blind.

    So it is the reads that show the shift, as the docstring of the module says.
    """
    model = tiny_encoder(architecture)
    found = EncoderContinuation(model, words(), BLOCKS - 2)
    last = found._encoder.blocks[BLOCKS - 1]
    blind = [part for part in last.modules() if isinstance(part, torch.nn.Linear)]
    with monkeypatch.context() as patch:
        for part in blind:
            patch.setattr(part.weight, "data", torch.zeros_like(part.weight))
        silent = EncoderContinuation(model, words(), BLOCKS - 2)
        assert (silent(silent.state + 3) - silent.output).norm() < 1e-12
        assert (silent(-silent.state) - silent.output).norm() > 1e-2


@pytest.mark.parametrize("architecture", CONFIGURATIONS)
@pytest.mark.parametrize("layer", range(BLOCKS))
def test_unit_length_takes_the_pooled_state_out_of_the_range(architecture, layer):
    """yᵀJ = 0, and rank J = rank [K | z] - 1, K being the derivative of the pooled state z."""
    model, ids = tiny_encoder(architecture), words()
    found = EncoderContinuation(model, ids, layer)
    jacobian = found.jacobian()
    values = torch.linalg.svdvals(jacobian)
    assert (found.output @ jacobian).norm() < 1e-14 * WIDTH * values[0]

    def pooled(state):
        return full_output(model, ids, layer, 0, state, normalise=False)

    inner = torch.func.jacfwd(pooled)(found.state)
    joined = torch.cat([inner, pooled(found.state)[:, None]], dim=1)
    # Rounding is 1e-16 of the largest; the smallest value of these random models is 1e-7 of it.
    expected = int(torch.linalg.matrix_rank(joined, rtol=1e-12)) - 1
    assert int((values > 1e-12 * values[0]).sum()) == expected
    # Post-LN: a full pooled state, less its length. Pre-LN: the shift too.
    assert expected == (WIDTH - 1 if architecture in POST_LN else WIDTH - 2)


@pytest.mark.parametrize("architecture", POST_LN)
def test_after_the_last_post_ln_block_the_pooled_state_is_null_at_every_amplitude(architecture):
    model, ids = tiny_encoder(architecture), words()
    found = EncoderContinuation(model, ids, -1)
    pooled = full_output(model, ids, BLOCKS - 1, 0, normalise=False)
    for factor in (0.1, 1.5, 40.0):
        moved = found(found.state + (factor - 1) * ids.shape[1] * pooled)
        assert relative_error(moved, found.output) < 1e-13
    turned = found(found.state - 2 * ids.shape[1] * pooled)
    assert relative_error(turned, -found.output) < 1e-13


def test_one_text_hides_one_direction_and_a_second_text_shows_it():
    model = tiny_encoder("bert")
    for layer in range(BLOCKS):
        stack = [EncoderContinuation(model, words(seed=s), layer).jacobian() for s in (5, 6)]
        assert Spectrum.of(stack[0].numpy()).rank() == WIDTH - 1
        assert Spectrum.of(torch.cat(stack).numpy()).rank() == WIDTH


def test_the_last_norm_lets_pooled_states_fill_a_hyperplane_only():
    """LN(x) = γ∘u + β with Σu = 0, so Σ (z − β)/γ = 0 for every text: a Σ of them is singular."""
    model = tiny_encoder("bert")
    norm = model.encoder.layer[-1].output.LayerNorm
    pooled = torch.stack(
        [full_output(model, words(seed=s), 0, 0, normalise=False) for s in range(3 * WIDTH)]
    )
    assert ((pooled - norm.bias) / norm.weight).sum(-1).abs().max() < 1e-12
    with pytest.raises(InvalidInput, match=f"has rank {WIDTH - 1} of {WIDTH}, expected full rank"):
        OutputCovariance.of(pooled.numpy())
    unit = pooled / pooled.norm(dim=-1, keepdim=True)
    assert len(OutputCovariance.of(unit.numpy()).matrix) == WIDTH


@pytest.mark.parametrize("dead", [0, 1, 2])
@pytest.mark.parametrize("constant", [True, False])
def test_length_costs_a_rank_only_where_the_pooled_state_is_in_the_range(dead, constant):
    """rank J is m - 1 at k = 0 and m - k beyond; one less if biases of dead gains vanish."""
    model = deepcopy(tiny_encoder("bert"))  # it is shared between tests
    norm = model.encoder.layer[-1].output.LayerNorm
    with torch.no_grad():
        norm.weight[:dead] = 0.0
        norm.bias.copy_(torch.linspace(1.0, 2.0, WIDTH).to(norm.bias))
        if not constant and dead:
            norm.bias[:dead] = 0.0
        elif not constant:  # on the hyperplane Σ z/γ = 0 through 0
            normal = 1 / norm.weight
            norm.bias -= normal * (norm.bias @ normal) / (normal @ normal)
    values = torch.linalg.svdvals(EncoderContinuation(model, words(), 0).jacobian())
    expected = WIDTH - max(dead, 1) - (not constant)
    # As above: rounding is 1e-16 of the largest value, the smallest of these models 1e-7 of it.
    assert int((values > 1e-12 * values[0]).sum()) == expected


def test_minilm_hides_its_dead_outputs_and_the_radius_at_one_text_and_nothing_at_two():
    """Predicted from the weights alone: one direction for each gain of the last norm that was
    trained to zero, one for unit length (pooled states lie in that subspace, so it is not lost)."""
    minilm64 = load_encoder(dtype="float64")
    gains = minilm64.model.encoder.layer[-1].output.LayerNorm.weight.abs()
    # Dead: far below the gains that are not (the next one is 0.25), whatever the exact size.
    dead = int((gains < 1e-6).sum())
    assert dead == 3
    texts = ("This is an example sentence", "Send the invoice today, please.")
    one, two = (EncoderContinuation(minilm64, text, 2).jacobian() for text in texts)
    values = torch.linalg.svdvals(one)
    # The gain of 1.5e-9 leaves a value of 1e-10 of the largest; all others here are above 1e-6.
    assert int((values > 1e-8 * values[0]).sum()) == 384 - dead - 1
    both = torch.linalg.svdvals(torch.cat([one, two]))
    assert both[-1] > 1e-4 * both[0]
    last = torch.linalg.svdvals(EncoderContinuation(minilm64, texts[0], -1).jacobian())
    assert int((last > 1e-8 * last[0]).sum()) == 383
