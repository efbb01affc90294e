"""N2b: ranks by strengths from automatic differentiation, and where strengths stop helping."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from identifiability import JacobianOperator, Spectrum, stack
from identifiability.spectrum import dense
from proofs.checking import check
from proofs.shared.exact_activations import SCALE, power, tanh
from proofs.shared.steered_readouts import SteeredReadout, stack_rank, taylor_rank
from proofs.strengths_are_environments import THEOREM

STRENGTHS = (1, -2, 3, -1, 2, -3, 4, -4, 5)


def discrepancy(name: str, instance: SteeredReadout) -> float:
    return THEOREM.conclusion(name).discrepancy(instance)


def readout(activation, width: int = 8, prompts: int = 1, seed: int = 0) -> SteeredReadout:
    rng = np.random.default_rng(seed)
    return SteeredReadout(
        units=rng.integers(-2, 3, (width, width)),
        biases=rng.integers(-4, 5, width),
        outputs=rng.choice([-2, -1, 1, 2], width),
        activation=activation,
        states=rng.integers(-2, 3, (prompts, width)),
        vector=rng.integers(-2, 3, width),
        strengths=STRENGTHS,
    )


def operators(instance: SteeredReadout, function) -> list[JacobianOperator]:
    return [
        JacobianOperator(
            function, torch.tensor(h + a * instance.vector, dtype=torch.float64), strength=a
        )
        for a in instance.strengths
        for h in instance.states
    ]


def test_theorem_holds_on_other_draws() -> None:
    assert check(THEOREM, seed=5).status == "verified"


@pytest.mark.parametrize("prompts", [1, 2])
def test_the_stack_is_what_automatic_differentiation_gives(prompts: int) -> None:
    instance = readout(tanh(), prompts=prompts)
    W, b, c = (
        torch.tensor(x, dtype=torch.float64)
        for x in (instance.units, instance.biases, instance.outputs)
    )

    def function(h: torch.Tensor) -> torch.Tensor:
        return (c @ torch.tanh((W @ h + b) / SCALE))[None]

    found = dense(stack(operators(instance, function)))
    np.testing.assert_allclose(found, instance.stack(instance.vector), rtol=1e-11, atol=1e-13)


def test_ranks_1_2_8_at_1_2_8_strengths() -> None:
    instance = readout(tanh())
    assert taylor_rank(instance) == 8
    for count in (1, 2, 8, 9):
        seen = instance.at(STRENGTHS[:count])
        exact = stack_rank(seen)
        assert exact == min(count, 8)
        assert Spectrum.of(seen.stack(instance.vector)).rank() == exact


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_a_polynomial_stops_at_its_degree(degree: int) -> None:
    instance = readout(power(degree))
    ranks = [stack_rank(instance.at(STRENGTHS[:k])) for k in range(1, 9)]
    assert ranks == [min(k, degree) for k in range(1, 9)]


def test_a_function_of_the_norm_stops_at_two_without_any_linear_factor() -> None:
    instance = readout(tanh())

    def function(h: torch.Tensor) -> torch.Tensor:
        return torch.sin(h @ h / 50)[None]

    assert Spectrum.of(stack(operators(instance, function))).rank() == 2


def test_a_narrow_linear_layer_caps_every_number_of_strengths() -> None:
    instance = readout(tanh())
    narrow = replace(instance, units=instance.units[:, :3] @ instance.units[:3])
    assert taylor_rank(narrow) == 3
    assert stack_rank(narrow) == 3
    assert discrepancy("rank by strengths", narrow) == 0


def test_opposite_strengths_on_an_even_readout_are_an_exception() -> None:
    """Almost every A, not every: D is 4 here, and 1 and -1 give one row."""
    units, biases = np.eye(4, dtype=int), np.arange(1, 5)
    folded = SteeredReadout(
        units=np.vstack([units, -units]),
        biases=np.concatenate([biases, biases]),
        outputs=np.ones(8, int),
        activation=tanh(),
        states=np.zeros((1, 4), int),
        vector=np.array([1, 2, 1, -1]),
        strengths=(1, -1),
    )
    assert taylor_rank(folded) == 4
    assert stack_rank(folded) == 1
    assert discrepancy("rank by strengths", folded) == 1
    assert stack_rank(folded.at((1, 2))) == 2


@pytest.mark.parametrize("strengths", [(0, 1), (2, 2)])
def test_zero_and_repeated_strengths_add_nothing(strengths: tuple[int, ...]) -> None:
    assert discrepancy("rank by strengths", readout(tanh(), width=5).at(strengths)) == 1


def test_a_stack_without_its_strengths_or_at_the_wrong_states_is_found_out() -> None:
    """alpha J matters only at 0, the place where J is taken everywhere."""
    instance = readout(tanh(), width=4).at((1, 0))

    class Unscaled(SteeredReadout):
        def stack(self, vector: np.ndarray) -> np.ndarray:
            slopes = self.outputs * self.activation.slope(
                self.unsteered + np.outer(self.strengths, self.units @ vector)
            )
            return slopes @ self.units

    wrong = Unscaled(**{f: getattr(instance, f) for f in instance.__dataclass_fields__})
    assert discrepancy("dimension", instance) == 0
    assert discrepancy("dimension", wrong) == 1


def test_q_strengths_determine_a_polynomial_and_fewer_do_not() -> None:
    instance = readout(power(3), width=5)
    assert discrepancy("polynomials", instance) < 1e-9
    lower = replace(instance, activation=replace(power(3), degree=2))
    assert discrepancy("polynomials", lower) > 1e-6
