"""Pictures: words for those who do not see them, the same bytes every time, any format."""

import re
from functools import partial
from xml.etree import ElementTree

import pytest
from matplotlib.figure import Figure

from identifiability.reporting.drawing import (
    FORMATS,
    Picture,
    on_axes,
    panel_size,
    panels,
    plain_name,
)


def _draw(axes, y=(1, 2)):
    axes.plot([0, 1], y, label="a line")
    axes.legend()


PICTURE = Picture("a_name", "Title & more", "What it <shows>.", on_axes(_draw))


def test_the_svg_has_a_title_a_description_and_a_label():
    root = ElementTree.fromstring(PICTURE.svg())
    spaces = {"s": "http://www.w3.org/2000/svg"}
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == "Title & more"
    assert root.findtext("s:title", namespaces=spaces) == "Title & more"
    words = root.find("s:desc", spaces)
    assert words.text == "What it <shows>."
    assert root.attrib["aria-describedby"] == words.attrib["id"]


def test_every_reference_is_to_a_part_of_the_same_picture():
    text = PICTURE.svg()
    names = re.findall(r'\bid="([^"]+)"', text)
    assert len(set(names)) == len(names)
    assert all(name.startswith("a_name-") for name in names)
    references = re.findall(r'(?:href="|url\()#([^")]+)', text)
    assert references
    assert set(references) <= set(names)


def test_the_same_results_give_the_same_bytes_in_every_format():
    starts = {"svg": b"<?xml", "pdf": b"%PDF", "png": b"\x89PNG"}
    for kind in FORMATS:
        content = PICTURE.written(kind)
        assert content.startswith(starts[kind])
        assert content == PICTURE.written(kind)


@pytest.mark.parametrize(("count", "shape"), [(1, (1, 1)), (2, (1, 2)), (3, (2, 2))])
def test_panels_fill_rows_and_hide_what_is_left(count, shape):
    figure = Figure()
    panels([partial(_draw, y=(i, i)) for i in range(count)])(figure)
    assert len(figure.axes) == shape[0] * shape[1]
    assert [axes.get_visible() for axes in figure.axes].count(True) == count
    assert [axes.lines[0].get_ydata()[0] for axes in figure.axes[:count]] == list(range(count))
    assert panel_size(count)[1] == pytest.approx(3.6 * shape[0])


def test_a_plain_name_stays_and_any_other_becomes_one_that_no_folder_minds():
    assert plain_name("sweep_epsilon_null-15") == "sweep_epsilon_null-15"
    odd = [
        "../../index",
        "..",
        "a/b",
        "a b",
        "a\\b",
        "a_b/",
        "",
        "é",
        "\ud800",
        "x" * 300,
        "x" * 301,
    ]
    plain = [plain_name(name) for name in odd]
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,120}", name) for name in plain)
    assert len({*plain, "a_b"}) == len(odd) + 1
    assert Picture("a/b", "", "", on_axes(_draw)).name == plain_name("a/b")
