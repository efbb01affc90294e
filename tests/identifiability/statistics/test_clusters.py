"""Samples of one prompt are averaged; arms must match prompt by prompt."""

import numpy as np
import pytest

from identifiability.errors import InvalidInput
from identifiability.statistics.clusters import cluster_means, paired_means


def test_samples_of_a_cluster_are_averaged():
    assert cluster_means("arm", [[1.0, 3.0], [5.0, 5.0]]).tolist() == [2.0, 5.0]
    assert cluster_means("arm", [1.0, 3.0]).tolist() == [1.0, 3.0]


def test_arms_may_differ_in_samples_but_not_in_clusters():
    arm, baseline = paired_means(arm=[[1.0, 3.0], [0.0, 0.0]], baseline=[4.0, 5.0])
    assert (arm.tolist(), baseline.tolist()) == ([2.0, 0.0], [4.0, 5.0])
    with pytest.raises(InvalidInput, match=r"same clusters, got \{'arm': 3, 'baseline': 2\}"):
        paired_means(arm=[1.0, 2.0, 3.0], baseline=[1.0, 2.0])


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ([1.0], "at least two clusters, got \\(1,\\)"),
        (np.zeros((3, 0)), "got \\(3, 0\\)"),
        (np.zeros((3, 2, 2)), "got \\(3, 2, 2\\)"),
        ([1.0, np.inf], "scores must be finite"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(values, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        cluster_means("scores", values)
