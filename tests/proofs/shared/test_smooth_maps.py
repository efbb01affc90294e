"""tanh networks: derivatives against automatic differentiation, and a bound that is reached."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from proofs.shared.smooth_maps import orthonormal, tanh_network


def layers(shapes: list[tuple[int, int]], seed: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    weights = [rng.standard_normal(shape) for shape in shapes]
    return weights, [rng.standard_normal(len(w)) for w in weights[:-1]]


@pytest.mark.parametrize("shapes", [[(3, 4), (2, 3)], [(4, 4), (2, 4), (5, 2)], [(2, 3)]])
def test_derivatives_are_those_of_automatic_differentiation(shapes: list[tuple[int, int]]) -> None:
    weights, biases = layers(shapes, seed=len(shapes))
    network = tanh_network(weights, biases)

    def reference(h: torch.Tensor) -> torch.Tensor:
        for w, b in zip(weights[:-1], biases, strict=True):
            h = torch.tanh(torch.from_numpy(w) @ h + torch.from_numpy(b))
        return torch.from_numpy(weights[-1]) @ h

    rng = np.random.default_rng(0)
    h, n = rng.standard_normal((2, shapes[0][1]))
    state = torch.from_numpy(h)
    np.testing.assert_allclose(network.value(h), reference(state), rtol=1e-13)
    jacobian = torch.func.jacrev(reference)(state)
    np.testing.assert_allclose(network.jacobian(h), jacobian, rtol=1e-12, atol=1e-14)
    hessian = torch.func.hessian(reference)(state).numpy()
    np.testing.assert_allclose(
        network.second(h, n), np.einsum("mij,i,j->m", hessian, n, n), rtol=1e-11, atol=1e-13
    )
    columns = np.column_stack([h, n])
    np.testing.assert_allclose(network.value(columns)[:, 1], network.value(n), rtol=1e-14)


def test_the_curvature_bound_is_reached_by_one_unit_and_never_passed() -> None:
    unit = tanh_network([np.array([[2.0]]), np.array([[3.0]])])
    at = np.array([np.arctanh(1 / np.sqrt(3)) / 2])
    reached = abs(unit.second(at, np.ones(1))[0])
    assert reached == pytest.approx(unit.curvature_bound, rel=1e-14)

    weights, biases = layers([(4, 4), (3, 4), (2, 3)], seed=7)
    network = tanh_network(weights, biases)
    rng = np.random.default_rng(1)
    for _ in range(200):
        h, n = rng.standard_normal((2, 4))
        assert np.linalg.norm(network.second(h, n)) <= network.curvature_bound * (n @ n)


@pytest.mark.parametrize("shape", [(2, 5), (5, 2), (3, 3)])
def test_orthonormal_frames(shape: tuple[int, int]) -> None:
    frame = orthonormal(np.random.default_rng(0), *shape)
    assert frame.shape == shape
    small = frame @ frame.T if shape[0] <= shape[1] else frame.T @ frame
    np.testing.assert_allclose(small, np.eye(min(shape)), atol=1e-14)
