"""The page of a notebook: formulas drawn by the browser, nothing fetched, all readable."""

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import matplotlib.image
import nbformat
import numpy as np
import pytest

from identifiability.notebooks import lessons
from identifiability.notebooks.build import build
from identifiability.notebooks.page import markdown, page
from tests.identifiability.reporting import chromium

V4 = nbformat.v4
PHONE = 390  # px
OVERFLOW = Path(__file__).parent / "reporting" / "probes" / "overflow.js"


@pytest.fixture(scope="module")
def notebook():
    script = r"""# %% [markdown]
# # Kernels & classes
#
# Let $a < b$ and `$not maths$`, a price of \$5.
#
# $$\ker J = \{n : J n = 0\}$$
#
# | one | two |
# |---|---|
# | $x^2$ | **b** |

# %% tags=["parameters"]
seed = 0

# %% alt="A \"line\" that falls."
print("<b>&</b>")

# %%
1
"""
    made = build(script, {"seed": 3})
    printed = V4.new_output("stream", name="stdout", text="<b>&</b>\n")
    picture = V4.new_output(
        "display_data",
        data={"image/png": "aGFs\nbG8=\n", "text/plain": "<Figure>"},
        metadata={"image/png": {"width": 300, "height": 200}},
    )
    made.cells[3].outputs = [printed, picture]
    made.cells[4].outputs = [
        V4.new_output("display_data", data={"image/png": "aGFsbG8="}),
        V4.new_output("execute_result", data={"text/html": "<table></table>", "text/plain": "t"}),
        V4.new_output("execute_result", data={"text/plain": "x < 1"}),
        V4.new_output("error", ename="InvalidInput", evalue="must be <1>", traceback=[]),
    ]
    return made


@pytest.fixture(scope="module")
def text(notebook):
    return page(notebook)


class _Page(HTMLParser):
    """Elements that are never closed, and whatever a browser would fetch."""

    VOID = frozenset({"meta", "img", "br", "hr"})

    def __init__(self, text):
        super().__init__()
        self.open, self.fetched, self.images, self.scripts = [], [], [], 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.scripts += tag == "script"
        if tag == "img":
            self.images.append(given)
        for name in ("src", "href", "srcset", "data"):
            if name in given and not given[name].startswith(("data:", "#")):
                self.fetched.append(given[name])
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def _fetched(text):
    styles = re.findall(r"url\((?!['\"]?(?:data:|#))[^)]*\)|@import", text)
    return _Page(text).fetched + styles


def test_the_page_fetches_nothing_runs_nothing_and_closes_what_it_opens(text):
    read = _Page(text)
    assert read.open == []
    assert read.scripts == 0
    assert _fetched(text) == []
    assert "http" not in re.sub(r'xmlns="[^"]*"', "", text)


def test_formulas_are_mathml_and_dollars_in_code_are_not(text):
    formulas = re.findall(r"<math.*?</math>", text, re.DOTALL)
    assert [re.search('display="(.*?)"', f)[1] for f in formulas] == ["inline", "block", "inline"]
    for one in formulas:
        ElementTree.fromstring(one)  # a stray < would break the page
    assert "<code>$not maths$</code>" in text
    assert "$5" in text
    assert "<td><strong>b</strong></td>" in text


def test_environments_are_displayed():
    shown = markdown("\\begin{align}\na &= b\n\\end{align}")
    assert 'display="block"' in shown and "<mtable" in shown


def test_the_title_is_the_first_heading(text):
    assert "<title>Kernels &amp; classes</title>" in text
    assert "<title>Notebook</title>" in page(build("# %%\n1\n", {}))


def test_pictures_are_inside_with_their_size_and_words(text):
    described, other = _Page(text).images
    assert described["src"] == "data:image/png;base64,aGFsbG8="
    assert (described["width"], described["height"]) == ("300", "200")
    assert described["alt"] == 'A "line" that falls.'
    assert other["alt"] == "Figure drawn by the code above."


def test_printed_text_is_text_and_a_table_a_table(text):
    assert "&lt;b&gt;&amp;&lt;/b&gt;" in text
    assert "<b>" not in text
    assert "<table></table>" in text
    assert "x &lt; 1" in text
    assert "InvalidInput: must be &lt;1&gt;" in text
    assert 'aria-label="Code, with the values set for this run"' in text


@pytest.mark.parametrize("name", lessons())
def test_every_text_of_the_lessons_becomes_a_page(name):
    text = page(build(lessons()[name], {}))
    assert _fetched(text) == []
    for one in re.findall(r"<math.*?</math>", text, re.DOTALL):
        ElementTree.fromstring(one)
    prose = re.sub(r"(?s)<style>.*?</style>|<pre.*?</pre>|<code>.*?</code>", "", text)
    assert "$" not in prose


def _wide():
    """A picture, a line that was printed and a formula, each wider than a phone."""
    made = build("# %% [markdown]\n# $$" + "x + " * 60 + "x$$\n\n# %%\n1\n", {})
    stream = io.BytesIO()
    matplotlib.image.imsave(stream, np.zeros((20, 1200)), format="png")
    drawn = {"image/png": base64.b64encode(stream.getvalue()).decode()}
    printed = V4.new_output("stream", name="stdout", text="0123456789" * 20)
    made.cells[1].outputs = [V4.new_output("display_data", data=drawn), printed]
    return made


@pytest.mark.browser
def test_on_a_phone_no_page_is_wider_than_the_screen(tmp_path):
    texts = {name: page(build(script, {})) for name, script in lessons().items()}
    script = OVERFLOW.read_text(encoding="utf-8").partition("\n")[2]
    with chromium.Browser(chromium.needed(), tmp_path / "profile") as browser:
        for name, text in {**texts, "wide": page(_wide())}.items():
            path = tmp_path / f"{name}.html"
            path.write_text(text, encoding="utf-8")
            opened = chromium.Page(browser, path.as_uri())
            opened.width(PHONE, mobile=True)
            found = opened.value(f"({script})('.drawing, math, pre')")
            assert found == {"page": PHONE, "wide": PHONE, "out": []}, name
            assert opened.complaints() == []
            opened.close()
