"""The page: self-contained, well-formed, readable by all, and saying what the results say."""

import copy
import re
from html.parser import HTMLParser

import pytest

from identifiability.reporting.page import formula, interval, number, render, verdict_mark
from proofs.ledger import select
from proofs.running import run
from tests.identifiability.reporting import audit_examples, examples


@pytest.fixture(scope="module")
def results():
    curves = {
        "orthogonal_efficacy": examples.efficacy_draws(),
        "strength_sweep": examples.doses(),
        "observation_ladder": examples.ladder(),
    }
    return examples.whole(
        proofs=run(select(["N1"]), seed=0),
        llm=examples.llm(curves=curves),
        audits={"audit": audit_examples.audit()},
    )


@pytest.fixture(scope="module")
def text(results):
    return render(results)


class _Page(HTMLParser):
    """Open tags, to find those that are never closed, and everything that could be fetched."""

    VOID = frozenset({"meta", "br", "link", "img", "hr", "input"})

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.words, self.names, self.tags = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        known = dict(attrs)
        self.tags.append((tag, known))
        self.links += [known[name] for name in ("src", "href", "xlink:href") if known.get(name)]
        self.names += [known["id"]] if "id" in known else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.words.append(data)


def _words(text):
    return " ".join(" ".join(_Page(text).words).split())


def test_the_page_is_well_formed_and_fetches_nothing(text):
    page = _Page(text)
    assert page.open == []
    assert page.links
    assert all(link.startswith("#") for link in page.links)
    assert not re.search(
        r"url\((?!#|'#|\"#)|@import|<script [^>]*src|fetch\(|XMLHttp|import\(", text
    )


def test_names_are_unique_and_every_link_leads_somewhere(text):
    page = _Page(text)
    assert len(set(page.names)) == len(page.names)
    assert {link.removeprefix("#") for link in page.links} <= set(page.names)


def test_it_says_what_the_results_say(text):
    words = _words(text)
    assert "1 of 1 theorems verified" in words
    assert "0 / 1 / 1 claims on a <model> & co confirmed / refuted / inconclusive" in words
    assert "0.01 [0.008, 0.012] 0.05 [0.04, 0.06] ✗ refuted" in words
    assert "epsilon_null/1/x/null/1: nothing is null" in words
    assert "1 missing: the run is not complete" in words


def test_an_audit_says_verdict_class_witness_and_what_would_settle_it(text):
    words = _words(text)
    assert "Audit: my <vector>.npy" in words
    assert "the vector is ε-non-identifiable : a witness was measured within eps" in words
    assert "1 of 3 directions; another sample of 8 prompts would give [0, 2] (95 %)" in words
    assert "cosine 0.123 to v; divergence predicted 0.004 [0.002, 0.006], measured 0.005" in words
    assert "a <b> under v it the same" in words
    assert "close the class not decided 0.5 [0, 1] against 0 0.5 [0, 1] – 8 more prompts" in words
    assert "at least 322 [230, 403] outputs of prompts drawn like these" in words
    assert "random steps of its length 0.015 [0.012, 0.019] nats there Canonical" in words


def test_an_audit_says_what_decides_nothing_and_what_counts_no_outputs():
    undecided = audit_examples.audit()
    undecided["vector"]["witness"]["telling"] = False
    undecided["vector"]["power"]["outputs"] = [None, None, None]
    words = _words(render(examples.whole(audits={"audit": undecided})))
    assert "[0.012, 0.019] nats there: not shown above ε, so that the witness decides" in words
    assert "Power no number of samples was shown to be enough" in words
    undecided["settings"]["counts_outputs"] = False
    words = _words(render(examples.whole(audits={"audit": undecided})))
    assert "Power does not count outputs: distribution of the next token" in words


def test_completions_are_shown_whole(text):
    boxes = [known for _, known in _Page(text).tags if "whole" in (known.get("class") or "")]
    assert [known["aria-label"] for known in boxes] == ["Completions, a table that scrolls"]


def test_an_audit_without_a_witness_says_so(results):
    lone = audit_examples.audit()
    lone["vector"] |= {"witness": None, "power": None, "completions": []}
    words = _words(render(examples.whole(audits={"audit": lone})))
    assert "no other vector of the class was found" in words
    assert "What the model writes" not in words


def test_every_figure_and_table_has_a_text_alternative(text):
    page = _Page(text)
    pictures = [known for tag, known in page.tags if tag == "svg"]
    assert len(pictures) >= 9
    assert all(known["role"] == "img" and known["aria-label"] for known in pictures)
    described = {known["aria-describedby"] for known in pictures}
    assert described <= set(page.names)
    boxes = [known for _, known in page.tags if "scroll" in (known.get("class") or "").split()]
    assert sum(tag == "table" for tag, _ in page.tags) >= len(boxes) > 0
    # A box that scrolls can be reached and is named.
    data = [known for known in boxes if "role" in known]
    assert len(data) == sum(known.get("class") == "data" for _, known in page.tags)
    assert all(known["tabindex"] == "0" and known["aria-label"] for known in data)


def test_greys_of_the_figures_follow_the_page_into_the_dark(text):
    pictures = re.findall(r'<svg [^>]*class="themed".*?</svg>', text, flags=re.DOTALL)
    assert pictures
    assert not any(re.search("#222222|#555555|#e6e6e6|#ebebeb|#ffffff", one) for one in pictures)
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_a_failed_theorem_shows_as_failed(results):
    broken = examples.whole(proofs=copy.deepcopy(results["proofs"]))
    broken["proofs"]["theorems"][0]["status"] = "failed"
    text = render(broken)
    assert "0 of 1" in _words(text)
    assert 'class="failed">failed' in text


def test_the_same_results_give_the_same_bytes():
    first, second = (render(examples.whole(audits={"a": audit_examples.audit()})) for _ in range(2))
    assert first == second


def test_four_thousand_rows_stay_below_five_megabytes():
    reason = "log(measured/predicted) in [-0.2, +0.617], inside [-0.693, 0.693]; " * 2
    rows = [
        examples.row("null_space_dimension", arm=f"an arm, {i}", measured=i / 13, reason=reason)
        for i in range(4000)
    ]
    family = {"claim": "null_space_dimension", "number": 6, "theorem": "N3", "title": "a title"}
    claims = examples.llm(claims=rows, sweeps=[], families=[family], verdicts=[])
    large = examples.whole(llm=claims)
    assert len(render(large).encode()) < 5_000_000


def test_a_formula_is_typeset_or_shown_as_it_was_written():
    assert "<mfrac>" in formula(r"\frac{a}{b}")
    assert formula(r"\nosuch < x") == r"<pre>\nosuch &lt; x</pre>"


def test_numbers_for_reading():
    assert (number(None), number(0.012345), number(0.0)) == ("–", "0.0123", "0")
    assert (number(1234.5), number(-0.00001234)) == ("1234", "-1.23e-05")
    assert (interval(None), interval([0.5, None])) == ("", "[0.5, –]")
    assert [verdict_mark(v) for v in ("confirmed", "refuted", "inconclusive")] == ["✓", "✗", "?"]
