r"""The arms of a steering experiment, always together and at equal norm.

For a vector v each arm is one vector or several, all of length ||v||:

=================== ============================================================================
zero                nothing is added; a ratio without it is none
v, -v               the steering vector and its opposite
random ⊥            uniform on the sphere of v's complement
ε-null ⊥            in the epsilon-null space at radius alpha ||v||, orthogonal to v
observable ⊥        in the most visible twentieth of the spectrum, orthogonal to v
covariance-matched  normal with the covariance of the states that v was extracted from
other trait         the vector of another trait
shuffled labels     extracted with the labels of half of the pairs exchanged
=================== ============================================================================

Each orthogonal direction comes alone and added to v; the sum is longer than v by √2, as in the
paper, because it is the perturbation whose norm is matched.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from llm_validation.claims.displacement.directions import random_in_span, random_orthogonal
from llm_validation.setting import Setting

OBSERVABLE = 0.05
"""Share of the spectrum's directions that counts as its top."""

RANDOM, NULL, VISIBLE = ORTHOGONAL = ("random ⊥", "ε-null ⊥", "observable ⊥")
ZERO, VECTOR, OPPOSITE = "zero", "v", "-v"
COVARIANCE, OTHER, SHUFFLED = "covariance-matched", "other trait", "shuffled labels"
_NAME = "arms"  # of the streams of random numbers


@dataclass(frozen=True)
class Draws:
    """How many vectors random arms have: the random orthogonal one, and each other one."""

    orthogonal: int
    other: int


@dataclass(frozen=True, eq=False)
class SteeringArm:
    """Vectors (k, d) to be steered by at strength alpha; none where an arm cannot be formed."""

    name: str
    vectors: np.ndarray

    @property
    def draws(self) -> int:
        """k."""
        return len(self.vectors)


def alone(name: str) -> str:
    """Name of the arm of an orthogonal direction alone."""
    return f"{name} alone"


def added(name: str) -> str:
    """Name of the arm of v and an orthogonal direction."""
    return f"v + {name}"


def as_drawn(name: str, draws: int) -> str:
    """The name of an arm of orthogonal directions, which says so where it is one draw alone."""
    if draws == 1:
        for kind in ORTHOGONAL:
            name = name.replace(kind, f"one random {kind.removeprefix('random ')}")
    return name


def orthogonal_directions(
    setting: Setting, layer: int, trait: str, epsilon: float, radius: float, draws: Draws
) -> dict[str, np.ndarray]:
    """(k, d) vectors of length ||v||, orthogonal to v, by the names of ``ORTHOGONAL``.

    Parameters
    ----------
    epsilon, radius
        What the epsilon-null space is taken at, in nats and in units of the state.

    Returns
    -------
    dict
        Where fewer than two dimensions are epsilon-null, nothing is left orthogonal to v, and k is
        0.
    """
    vector, spectrum = setting.vector(trait, layer), setting.spectrum(layer)
    norm = float(np.linalg.norm(vector))
    rank = spectrum.epsilon_rank(epsilon, radius)
    null = spectrum.eigenvectors[:, rank:]
    top = spectrum.eigenvectors[:, : max(2, round(OBSERVABLE * vector.size))]

    def in_span(span: np.ndarray, name: str) -> np.ndarray:
        if span.shape[1] < 2:
            return np.zeros((0, vector.size))
        rng = setting.rng(_NAME, layer, trait, name)
        return norm * random_in_span(span, vector, draws.other, rng)

    uniform = random_orthogonal(vector, draws.orthogonal, setting.rng(_NAME, layer, trait, RANDOM))
    return {RANDOM: norm * uniform, NULL: in_span(null, NULL), VISIBLE: in_span(top, VISIBLE)}


def steering_arms(
    setting: Setting, layer: int, trait: str, *, epsilon: float, alpha: float, draws: Draws
) -> list[SteeringArm]:
    """All arms of a trait at a layer.

    Parameters
    ----------
    epsilon, alpha
        The epsilon-null space is taken in nats at this strength.
    draws
        How many vectors random arms have.
    """
    vector = setting.vector(trait, layer)
    norm = float(np.linalg.norm(vector))
    arms = [
        SteeringArm(ZERO, np.zeros((1, vector.size))),
        SteeringArm(VECTOR, vector[None]),
        SteeringArm(OPPOSITE, -vector[None]),
    ]
    directions = orthogonal_directions(setting, layer, trait, epsilon, alpha * norm, draws)
    for name, vectors in directions.items():
        arms += [SteeringArm(alone(name), vectors), SteeringArm(added(name), vector + vectors)]
    states = setting.pair_states(setting.traits[trait].pairs, layer)
    rng = setting.rng(_NAME, layer, trait, "controls")
    controls = {
        COVARIANCE: _covariance_matched(states, draws.other, rng),
        OTHER: _of_another_trait(setting, layer, trait),
        SHUFFLED: _with_shuffled_labels(states, draws.other, rng),
    }
    arms += [SteeringArm(name, _of_length(norm, rows)) for name, rows in controls.items()]
    return arms


def _covariance_matched(states: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """(count, d) normal with the covariance of the states (n, 2, d) within either side.

    Within: what lies between the sides is v itself, which the control must not hold by design.
    """
    centred = (states - states.mean(axis=0)).reshape(-1, states.shape[2])
    return rng.standard_normal((count, len(centred))) @ centred


def _of_another_trait(setting: Setting, layer: int, trait: str) -> np.ndarray:
    """(1, d) of the next trait of the setting, (0, d) if there is no other."""
    names = list(setting.traits)
    other = names[(names.index(trait) + 1) % len(names)]
    if other == trait:
        return np.zeros((0, setting.width))
    return setting.vector(other, layer)[None]


def _with_shuffled_labels(states: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """(count, d) mean differences with every other pair's labels exchanged, in random order."""
    differences = states[:, 0] - states[:, 1]
    balanced = np.where(np.arange(len(differences)) % 2, -1.0, 1.0)
    return np.array([rng.permutation(balanced) @ differences for _ in range(count)])


def _of_length(norm: float, rows: np.ndarray) -> np.ndarray:
    return norm * rows / np.linalg.norm(rows, axis=1, keepdims=True)
