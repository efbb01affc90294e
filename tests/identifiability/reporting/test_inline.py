"""Pictures in a page: less to read for a browser, and nothing else to see."""

import base64
import io
from dataclasses import replace
from xml.etree import ElementTree

import matplotlib.image
import numpy as np
import pytest

from identifiability.reporting import gallery
from identifiability.reporting.drawing import Picture, on_axes
from identifiability.reporting.inline import inline
from tests.identifiability.reporting import audit_examples, chromium, examples, toy_examples

# In shades of 255, where rounding moves an edge within a pixel. Set before looking; with paths to a
# hundredth of a point, and text too, one pixel was 66 apart, and so they are to a thousandth.
SHADES = 24


def _draw(axes):
    axes.plot([1, 2, 3], [1, 100, 20], "o-", label="a line")
    axes.fill_between([1, 2, 3], [1, 2, 3], [2, 20, 30], alpha=0.3)
    axes.scatter([1.5, 2.5], [5, 50], c=["r", "g"], alpha=0.5)
    axes.errorbar([1.2], [30], yerr=[[10], [20]], capsize=3)
    axes.set(yscale="log", xlabel="x₁", ylabel="$10^x$", title="Title & more")
    axes.legend()


PICTURE = Picture("a_name", "Title & more", "What it <shows>.", on_axes(_draw))


def _pictures():
    curves = {
        "orthogonal_efficacy": examples.efficacy_draws(),
        "strength_sweep": examples.doses(),
        "observation_ladder": examples.ladder(),
        "null_space_dimension": examples.growing(),
    }
    whole = examples.whole(
        llm=examples.llm(sweeps=examples.sweep(), curves=curves),
        toy=toy_examples.toy(),
        audits={"audit": audit_examples.audit()},
    )
    return [PICTURE, *gallery.every_picture(whole)]


@pytest.fixture(scope="module")
def root():
    return ElementTree.fromstring(inline(PICTURE))


def test_it_has_its_words_and_its_place_in_the_dark(root):
    assert (root.tag, root.get("role"), root.get("class")) == ("svg", "img", "themed")
    assert root.findtext("title") == "Title & more"
    words = root.find("desc")
    assert (words.get("id"), words.text) == (root.get("aria-describedby"), "What it <shows>.")
    light = ElementTree.fromstring(inline(Picture("b", "", "", on_axes(_draw), themed=False)))
    assert light.get("class") is None
    assert "var(--" in inline(PICTURE) and "var(--" not in ElementTree.tostring(light).decode()


def test_nothing_in_it_is_idle(root):
    tags = [element.tag for element in root.iter()]
    assert not {"style", "use", "metadata"} & set(tags)
    text = ElementTree.tostring(root, encoding="unicode")
    names = {element.get("id") for element in root.iter()} - {None}
    assert len(names) == 2  # the words, and the frame that clips what is drawn
    assert all(f"#{name})" in text or name == root.get("aria-describedby") for name in names)
    groups = [element for element in root.iter() if element.tag in ("g", "defs")]
    assert all(len(group) and (group.attrib or group.tag == "defs") for group in groups)
    # Without names of fonts, which the page has once.
    assert "DejaVu" not in text


def test_it_is_much_shorter_and_says_the_same_words(root):
    whole = ElementTree.fromstring(PICTURE.svg())
    assert len(inline(PICTURE)) < len(PICTURE.svg()) * 2 / 3
    assert len(list(root.iter())) < len(list(whole.iter())) * 2 / 3

    def words(picture):
        parts = (one for one in picture.iter() if one.tag.endswith("text"))
        return ["".join("".join(one.itertext()).split()) for one in parts]

    assert words(root) == words(whole)


@pytest.mark.browser
def test_a_browser_draws_the_same(browser, tmp_path):
    """The page's picture beside the file that matplotlib wrote, pixel by pixel, in one light."""
    fonts = "'DejaVu Sans', 'Bitstream Vera Sans', sans-serif"
    sheet = (
        f"svg {{display: block; stroke-linejoin: round; font-family: {fonts}}} body {{margin: 0}}"
    )
    for picture in [replace(one, themed=False) for one in _pictures()]:
        shots = []
        for name, svg in (("whole", picture.svg()), ("inline", inline(picture))):
            path = tmp_path / f"{picture.name}_{name}.html"
            path.write_text(
                f"<!doctype html><meta charset=utf-8><style>{sheet}</style>{svg}",
                encoding="utf-8",
            )
            page = chromium.Page(browser, path.as_uri())
            page.width(1300, 700)
            shot = base64.b64decode(page.call("Page.captureScreenshot", format="png")["data"])
            shots.append(matplotlib.image.imread(io.BytesIO(shot)))
            page.close()
        assert np.ptp(shots[0]) > 0.5, picture.name
        apart = 255 * np.abs(shots[0] - shots[1]).max()
        assert apart <= SHADES, (picture.name, apart)
