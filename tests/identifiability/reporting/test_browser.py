"""The report in a real browser: sorting, filtering, folding, paper, the dark, a screen reader."""

import base64
from itertools import pairwise
from pathlib import Path

import pytest

from tests.identifiability.reporting import chromium

pytestmark = pytest.mark.browser

LEDGER = "document.querySelector('table[data-name=theorems]')"
ROWS = "document.querySelector('table[data-name=\"rows of claim 1\"]')"
PHONE, TABLET, DESK = 390, 768, 1280  # px
SHEET = 718  # px: A4 within the margins that a browser leaves
PROBES = Path(__file__).parent / "probes"


def _column(page, table, heading):
    """What the cells of a column say, in the order on the screen, without what is hidden."""
    return page.value(
        f"(() => {{ const t = {table};"
        " const i = [...t.tHead.rows[0].cells].findIndex("
        f"   c => c.textContent.trim() === '{heading}');"
        " return [...t.tBodies[0].rows].filter(r => r.checkVisibility())"
        "   .map(r => r.cells[i].textContent.trim()); })()"
    )


def _heading(table, heading):
    buttons = f"[...{table}.tHead.querySelectorAll('button')]"
    return f"{buttons}.find(b => b.textContent.trim() === '{heading}')"


@pytest.mark.parametrize(
    ("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)]
)
def test_without_a_browser_it_says_so_and_fails_where_it_has_to_run(monkeypatch, ci, outcome):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="there is no Chromium on the PATH"):
        chromium.needed()


def test_a_complaint_and_a_request_would_be_noticed(browser, tmp_path):
    path = tmp_path / "bad.html"
    path.write_text(
        "<!doctype html><title>bad</title><img src='beside.png'>"
        "<script>console.error('told'); nothing.at.all</script>"
    )
    bad = chromium.Page(browser, path.as_uri())
    assert any("told" in words for words in bad.complaints())
    assert any("Uncaught" in words for words in bad.complaints())
    assert bad.requests() == [path.as_uri(), (tmp_path / "beside.png").as_uri()]
    bad.close()


def test_a_click_sorts_by_number_up_and_down_with_what_is_missing_last(page):
    page.value(f"{ROWS}.closest('details').open = true")
    assert _column(page, ROWS, "arm") == [f"decile {i}" for i in range(6)]
    up = [3, 1, 0, 5, 4, 2]
    page.click(_heading(ROWS, "measured"))
    assert _column(page, ROWS, "arm") == [f"decile {i}" for i in up]
    page.click(_heading(ROWS, "measured"))
    assert _column(page, ROWS, "arm") == [f"decile {i}" for i in [*up[-2::-1], 2]]
    order = f"{_heading(ROWS, 'measured')}.closest('th').getAttribute('aria-sort')"
    assert page.value(order) == "descending"
    page.click(_heading(ROWS, "arm"))
    assert page.value(order) is None


def test_the_keyboard_sorts_too(page):
    page.value(f"{_heading(LEDGER, 'random instances')}.focus()")
    page.press("Enter", 13, "\r")
    assert _column(page, LEDGER, "id") == ["N2", "R2", "R3", "N1", "R1", "N10"]
    page.value(f"{_heading(LEDGER, 'id')}.focus()")
    page.press(" ", 32, " ")
    assert _column(page, LEDGER, "id") == ["N1", "N2", "N10", "R1", "R2", "R3"]


def _type(page, table, words):
    page.click(f"{table}.closest('.scroll').previousElementSibling.querySelector('input')")
    page.call("Input.insertText", text=words)


def test_words_filter_rows_and_say_how_many_are_left(page):
    page.value(f"{ROWS}.closest('details').open = true")
    _type(page, ROWS, "Refuted decile")
    assert _column(page, ROWS, "arm") == ["decile 1", "decile 3", "decile 5"]
    status = f"{ROWS}.closest('.scroll').previousElementSibling.querySelector('[role=status]')"
    assert page.value(f"{status}.textContent") == "3 of 6"
    for _ in "Refuted decile":
        page.press("Backspace", 8)
    assert len(_column(page, ROWS, "arm")) == 6
    assert page.value(f"{status}.textContent") == ""


def test_the_ledger_is_searched_down_to_statements_and_proofs(page):
    _type(page, LEDGER, "zeppelin")
    assert _column(page, LEDGER, "id") == ["N10"]
    folded = "[...document.querySelectorAll('#theorems details')]"
    assert page.value(f"{folded}.filter(d => d.checkVisibility()).map(d => d.id)") == ["N10"]


def test_a_theorem_unfolds_by_click_key_and_link(page):
    inside = "document.querySelector('#N2 ol').checkVisibility({visibilityProperty: true})"
    opened = "document.getElementById('N2').open"
    assert not page.value(opened)
    assert not page.value(inside)
    page.click("document.querySelector('#N2 summary')")
    assert page.value(opened)
    assert page.value(inside)
    page.press("Enter", 13, "\r")
    assert not page.value(opened)
    page.click(f"[...{LEDGER}.querySelectorAll('a')].find(a => a.textContent === 'N2')")
    page.until(opened)  # a link is followed in the page's own time
    page.until("Math.abs(document.getElementById('N2').getBoundingClientRect().top - 450) < 451")


def test_formulas_are_typeset_without_a_script(page):
    page.click("document.querySelector('#N1 summary')")
    box = "document.querySelector('#N1 mfrac').getBoundingClientRect()"
    assert page.value(f"{box}.height") > page.value(
        "document.querySelector('#N1 mfrac mi').getBoundingClientRect().height"
    )


def _probe(page, name, *arguments):
    script = (PROBES / f"{name}.js").read_text(encoding="utf-8").partition("\n")[2]
    return page.value(f"({script})({', '.join(map(repr, arguments))})")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, TABLET, DESK])
def test_nothing_overflows_to_the_side(page, width, scheme):
    page.width(width, mobile=True)  # without a scroll bar, and wider if something overflows
    page.media(scheme=scheme)
    found = _probe(page, "overflow", ".scroll, math, .drawing")
    assert found == {"page": width, "wide": width, "out": []}


def test_paper_shows_everything_within_its_width(page):
    page.width(SHEET, mobile=True)
    page.media("print")
    assert _probe(page, "overflow", "svg") == {"page": SHEET, "wide": SHEET, "out": []}
    shown = "e => e.checkVisibility()"
    assert not page.value(f"[...document.querySelectorAll('nav, .filter, .skip')].some({shown})")


def test_printing_unfolds_and_folds_again(page):
    page.click("document.querySelector('#N1 summary')")
    page.value(
        "addEventListener('beforeprint', () => { window.folded ="
        " document.querySelectorAll('details:not([open])').length; }); null"
    )
    paper = base64.b64decode(page.call("Page.printToPDF")["data"])
    assert paper.startswith(b"%PDF")
    assert page.value("window.folded") == 0
    opened = "[...document.querySelectorAll('details[open]')].map(d => d.id)"
    assert page.value(opened) == ["N1"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_the_light_and_in_the_dark(page, scheme):
    page.media(scheme=scheme)
    dark = "getComputedStyle(document.body).backgroundColor"
    assert page.value(dark) == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(21, 23, 26)")
    found = _probe(page, "contrast")
    assert found["seen"] > 300
    assert found["pale"] == []


def test_a_screen_reader_finds_its_way(page):
    page.value("for (const one of document.querySelectorAll('details')) one.open = true; null")
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    named = [
        (node["role"]["value"], node.get("name", {}).get("value", ""), node)
        for node in nodes
        if not node["ignored"] and "role" in node
    ]
    roles = {role for role, _, _ in named}
    assert {"main", "navigation", "banner", "contentinfo", "MathMLMath"} <= roles
    for wanted in ("image", "table", "region", "button", "link", "searchbox", "columnheader"):
        names = [name for role, name, _ in named if role == wanted]
        assert names, f"there is no {wanted}"
        assert all(name.strip() for name in names), f"a {wanted} has no name"
    levels = [
        next(p["value"]["value"] for p in node["properties"] if p["name"] == "level")
        for role, _, node in named
        if role == "heading"
    ]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert page.value("document.documentElement.lang") == "en"
