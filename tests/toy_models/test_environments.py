"""Truth of the structural causal models, against their own equations and exact moments."""

import networkx as nx
import numpy as np
import pytest

from toy_models.environments import (
    StructuralEnvironments,
    leaks,
    structural_model,
)


@pytest.mark.parametrize("seed", range(5))
def test_latents_solve_the_structural_equations(seed):
    graph, inverse = structural_model(np.random.default_rng(seed), 6)
    assert nx.is_directed_acyclic_graph(graph)
    noise = np.random.default_rng(seed).standard_normal(6)
    latent = {}
    for node in nx.topological_sort(graph):
        parents = graph.pred[node].items()
        latent[node] = noise[node] + sum(data["weight"] * latent[p] for p, data in parents)
    np.testing.assert_allclose(inverse @ noise, [latent[i] for i in range(6)])


def test_covariances_are_those_of_the_mixing_and_the_profiles():
    instance = StructuralEnvironments(samples=100_000, law="laplace").sample(0)
    for states, variances in zip(instance.states, instance.variances.T, strict=True):
        sources = states @ np.linalg.inv(instance.mixing).T
        np.testing.assert_allclose(np.mean(sources**2, axis=0), variances, rtol=0.06)
        correlation = np.corrcoef(sources.T)
        assert np.abs(correlation - np.eye(5)).max() < 5 / np.sqrt(100_000)


def _differences(variances):
    """(E - 1, d, d) differences of log ratios to the first environment."""
    ratios = np.log(variances[:, 1:] / variances[:, :1]).T
    return np.abs(ratios[:, :, None] - ratios[:, None, :])


@pytest.mark.parametrize("gaps", [(0.6,), (0.0,), (0.0, 0.6), (0.2, 0.1, 0.0)])
@pytest.mark.parametrize("width", [3, 5, 8])
def test_only_the_dialled_pair_is_close(gaps, width):
    model = StructuralEnvironments(width=width, gaps=gaps, pair=(0, 2), samples=10)
    apart = _differences(model.sample(1).variances)
    np.testing.assert_allclose(apart[:, 0, 2], gaps, atol=1e-12)
    apart[:, 0, 2] = apart[:, 2, 0] = np.inf
    assert apart[0][~np.eye(width, dtype=bool)].min() >= 0.9 - 1e-12


def test_untouched_nodes_keep_their_variance_and_silent_ones_have_none():
    model = StructuralEnvironments(gaps=(0.5, 0.5), untouched=(0, 4), silent=(2,), samples=10)
    variances = model.sample(0).variances
    np.testing.assert_array_equal(variances[[0, 4]].T, np.tile(variances[[0, 4], 0], (3, 1)))
    assert not variances[2].any()
    assert np.ptp(variances[1]) > 0.1


def test_null_directions_never_vary():
    instance = StructuralEnvironments(null_directions=2, samples=50).sample(0)
    assert instance.mixing.shape == (7, 5)
    assert [np.linalg.matrix_rank(x) for x in instance.states] == [5, 5]


def test_correlation_switches_on_after_the_first_environment():
    instance = StructuralEnvironments(correlation=0.5, samples=40_000).sample(0)
    unmixing = np.linalg.inv(instance.mixing)
    found = [np.corrcoef((x @ unmixing.T)[:, [1, 3]].T)[0, 1] for x in instance.states]
    np.testing.assert_allclose(found, [0.0, 0.5], atol=5 / np.sqrt(40_000))


def test_samples_depend_on_the_seed_alone():
    first, second, other = (StructuralEnvironments(samples=20).sample(s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first.states[1], second.states[1])
    assert not np.allclose(first.states[1], other.states[1])


def test_leaks_of_two_and_more_environments():
    two = np.exp([[0.0, 0.0], [0.0, 0.01], [0.0, 0.01]])
    found = leaks(two, 50)
    assert found[0, 1] == pytest.approx(np.sqrt(2 / 50) / 0.01, rel=0.02)
    assert np.isinf(found[1, 2])
    assert np.array_equal(np.diag(found), np.zeros(3))
    third = np.column_stack([two, np.exp([0.0, 0.0, 1.0])])
    assert np.isfinite(leaks(third, 50)[1, 2])
    assert np.all(leaks(third, 50)[0, 1:] <= found[0, 1:] * 1.5)


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (StructuralEnvironments(pair=(1, 1)), "pair and untouched must be different nodes"),
        (StructuralEnvironments(width=3), "different nodes below 3"),
        (StructuralEnvironments(untouched=(1,)), "different nodes below 5"),
        (StructuralEnvironments(silent=(1,)), "silent must be nodes below 5 outside the pair"),
        (StructuralEnvironments(gaps=()), "gaps must have one entry"),
        (StructuralEnvironments(correlation=1.0), r"correlation must lie in \(-1, 1\)"),
    ],
)
def test_dials_that_do_not_fit_are_refused(model, sentence):
    with pytest.raises(ValueError, match=sentence):
        model.sample(0)
