"""The graph of theorems."""

import pytest
from matplotlib.figure import Figure

from identifiability.reporting.figures.theorems import _to_the_edge, dependency_graph


def _theorem(name, *needs):
    return {"id": name, "depends_on": list(needs), "assumptions": [1, 2], "status": "verified"}


def test_arrows_lead_left_to_what_a_theorem_rests_on():
    axes = Figure().subplots()
    dependency_graph(axes, [_theorem("C", "A", "B"), _theorem("A"), _theorem("B", "A")])
    place = {t.get_text(): t.get_position() for t in axes.texts if t.get_text()}
    assert place["A (2)"][0] < place["B (2)"][0] < place["C (2)"][0]
    arrows = [text for text in axes.texts if not text.get_text()]
    assert len(arrows) == 3
    assert all(arrow.xy[0] < arrow.get_position()[0] for arrow in arrows)


@pytest.mark.parametrize(
    ("step", "points"),
    [((-100, 0), 24), ((0, 50), 12), ((-30, 30), 12 * 2**0.5), ((48, -12), 24.7)],
)
def test_arrows_begin_and_end_at_the_edge_of_a_box(step, points):
    """Of 48 by 24 points: through a side, the top, and near a corner."""
    assert _to_the_edge(step) == pytest.approx(points, abs=0.1)
