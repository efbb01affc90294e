"""Phase diagrams: what a map and curves show, and the same in words."""

import re

import numpy as np
import pytest

from identifiability.reporting.diagrams import _edges, phase_diagram, picture, summary
from tests.identifiability.reporting import toy_examples


def _texts(svg):
    """The words that a picture shows."""
    return [re.sub(r"<[^>]+>", "", t) for t in re.findall(r"<text.*?</text>", svg, flags=re.S)]


def test_a_map_has_a_panel_each_and_the_boundary_of_theory():
    svg = phase_diagram(toy_examples.phase_map())
    words = _texts(svg)
    for expected in ("ours", "least norm", "boundary", "share recovered", "equations", "atoms"):
        assert words.count(expected) == 1
    assert "<image" in svg  # the cells


def test_a_map_keeps_its_greys_in_the_dark_and_curves_follow_the_page():
    assert not picture(toy_examples.phase_map()).themed
    assert picture(toy_examples.phase_curves()).themed


def test_curves_name_theory_once_however_many_there_are():
    diagram = toy_examples.phase_curves()
    diagram["curves"] += [diagram["curves"][-1]]
    words = _texts(phase_diagram(diagram))
    assert [words.count(label) for label in ("ours", "mean", "boundary")] == [1, 1, 1]


def test_the_words_say_what_was_checked_and_what_failed():
    words = summary(toy_examples.phase_curves())
    assert words.startswith("How much it needs. 10 trials a point; nothing else varies.")
    assert "it comes back: measured 0.9, as predicted" in words
    assert "it never comes back: measured nothing, NOT as predicted" in words
    assert words in phase_diagram(toy_examples.phase_curves())


@pytest.mark.parametrize(
    ("scale", "edges"), [("linear", [0.5, 1.5, 3, 5]), ("log", [2**-0.5, 2**0.5, 2**1.5, 2**2.5])]
)
def test_cells_meet_half_way_on_the_axis_as_drawn(scale, edges):
    assert np.allclose(_edges([1, 2, 4], scale), edges)
