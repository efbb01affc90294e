"""A report with everything in it: how long a browser is busy until it is there."""

import copy

import pytest

from identifiability.reporting.page import render
from proofs.ledger import select
from proofs.running import run
from tests.identifiability.reporting import audit_examples, chromium, examples, toy_examples

pytestmark = pytest.mark.browser

# The sizes of a full run: theorems, instances of toy truth, claims at layers for traits.
THEOREMS, RECOVERIES, CLAIMS, LAYERS, ROWS = 24, 450, 15, 4, 40
BUSY = 1.0  # s: what a reader waits for at most, were the machine theirs alone


def _results():
    proofs = run(select(["N1"]), seed=0)
    (first,) = proofs["theorems"]
    names = [f"N{i}" for i in range(1, THEOREMS + 1)]
    proofs["theorems"] = [copy.deepcopy(first) | {"id": n, "depends_on": []} for n in names]
    toy = toy_examples.toy()
    some = toy["runs"][0]
    toy["runs"] = [some | {"condition": f"condition {i}"} for i in range(RECOVERIES)]
    claims = [f"claim_{i}" for i in range(CLAIMS)]
    judged = [
        examples.row(claim, layer=layer, arm=f"arm {i}", measured=i / 7)
        for claim in claims
        for layer in range(LAYERS)
        for i in range(ROWS)
    ]
    kinds = [
        {"claim": claim, "number": i, "theorem": "N7", "title": f"a title, {i}"}
        for i, claim in enumerate(claims)
    ]
    return examples.whole(
        proofs=proofs,
        toy=toy,
        llm=examples.llm(
            claims=judged,
            sweeps=[row for claim in claims for row in examples.sweep(claim=claim)],
            families=kinds,
            verdicts=[],
            spectrum=[examples.spectrum(layer) for layer in range(LAYERS)],
        ),
        audits={name: audit_examples.audit() for name in ("one", "two", "three")},
    )


@pytest.fixture(scope="module")
def heavy(tmp_path_factory):
    path = tmp_path_factory.mktemp("heavy") / "index.html"
    path.write_text(render(_results()), encoding="utf-8")
    assert 1_000_000 < path.stat().st_size < 5_000_000
    return path.as_uri()


def test_it_is_there_within_a_second_of_work(browser, heavy):
    """Of the page's own thread: what others do on the machine is not the page's fault."""
    page = chromium.Page(browser, "about:blank")
    page.call("Performance.setTimeDomain", timeDomain="threadTicks")
    page.call("Performance.enable")
    page.width(1280)
    browser.events.clear()
    page.call("Page.navigate", url=heavy)
    browser.wait_for("Page.loadEventFired")
    page.value("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
    measured = {m["name"]: m["value"] for m in page.call("Performance.getMetrics")["metrics"]}
    assert 0 < measured["ThreadTime"] < BUSY
    assert page.value("document.querySelectorAll('tbody tr').length") > 2800
    page.close()


def test_what_is_not_on_the_screen_waits_until_it_is(browser, heavy):
    page = chromium.Page(browser, heavy)
    page.width(1280)
    last = "[...document.querySelectorAll('.drawing svg')].at(-1)"
    drawn = f"{last}.checkVisibility({{contentVisibilityAuto: true}})"
    assert page.value(drawn) is False
    page.value(f"{last}.closest('figure').scrollIntoView(); null")
    page.until(drawn)
    page.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_moves_when_it_comes_to_the_screen(browser, heavy, width):
    page = chromium.Page(browser, heavy)
    page.width(width, mobile=width < 600)
    heights = "[...document.querySelectorAll('.drawing, .tall')].map(one => one.offsetHeight)"
    before = page.value(heights)
    rule = "<style>.drawing, .tall { content-visibility: visible !important }</style>"
    page.value(f"document.head.insertAdjacentHTML('beforeend', '{rule}'); null")
    assert len(before) > 20
    assert page.value(heights) == before
    page.close()
