"""The report: self-contained, well-formed, and saying what the results say."""

import copy
import re
from html.parser import HTMLParser

import pytest

from identifiability.reporting.build import build_report, mathml, number, render
from identifiability.results import SCHEMA, provenance, write_json
from proofs.ledger import select
from proofs.running import run


def _row(arm, alpha, measured, verdict):
    return {
        "claim": "epsilon_null",
        "trait": "formality",
        "arm": arm,
        "alpha": alpha,
        "prediction": 0.01,
        "prediction_interval": [0.008, 0.012],
        "measured": measured,
        "interval": [measured * 0.8, measured * 1.25],
        "margin": 0.69,
        "unit": "nats",
        "verdict": verdict,
        "reason": "log(measured/predicted) <in> its band",
    }


def _ratio_row(alpha):
    return _row("random orthogonal / v", alpha, 0.3, "refuted") | {
        "claim": "orthogonal_not_invisible"
    }


@pytest.fixture(scope="module")
def results():
    claims = [
        _row("decile 1", 0.5, 0.011, "confirmed"),
        _row("decile 2", 0.5, 0.05, "refuted"),
        _ratio_row(0.5),
    ]
    return {
        "version": "0",
        "schema": SCHEMA,
        "proofs": run(select(["N1"]), seed=0),
        "toy": None,
        "llm": {
            "model": {
                "name": "a <model> & co",
                "layers": 2,
                "width": 3,
                "dtype": "float32",
                "weights_sha256": "0" * 64,
            },
            "settings": {"layer": 1, "position": "last prompt token"},
            "claims": claims,
            "sweeps": claims,
            "spectrum": [
                {
                    "layer": 1,
                    "prompts": 2,
                    "eigenvalues": [1.0, 0.1, 0.0],
                    "noise_floor": 1e-6,
                    "epsilon_null": [
                        {"epsilon": 0.01, "radius": 2.0, "trait": "formality", "dimension": 1}
                    ],
                }
            ],
        },
        "provenance": provenance(0, ["identifiability", "verify"]) | {"seconds": 1.0},
    }


class _Page(HTMLParser):
    """Open tags, to find those that are never closed, and everything that could be fetched."""

    VOID = frozenset({"meta", "br", "link", "img", "hr", "input"})

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in ("src", "href") and value]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data):
        self.words.append(data)


def test_the_page_is_well_formed_and_fetches_nothing(results):
    text = render(results)
    page = _Page(text)
    assert page.open == []
    assert all(link.startswith("#") for link in page.links)
    assert not re.search(r"url\((?!#|'#|\"#)|@import|<script", text)


def test_it_says_what_the_results_say(results):
    words = " ".join(" ".join(_Page(render(results)).words).split())
    assert "1 of 1 theorems verified" in words
    assert "1 / 2 / 0 predictions on a <model> & co confirmed / refuted / inconclusive" in words
    assert "0.05 (0.01) refuted" in words
    assert "0.011 (0.01) confirmed" in words


def test_a_failed_theorem_shows_as_failed(results):
    broken = copy.deepcopy(results)
    broken["proofs"]["theorems"][0]["status"] = "failed"
    text = render(broken)
    assert "0 of 1" in " ".join(" ".join(_Page(text).words).split())
    assert 'class="failed">failed' in text


def test_the_same_results_give_the_same_bytes(results):
    assert render(results) == render(copy.deepcopy(results))


def test_it_is_written_beside_its_results(results, tmp_path):
    write_json(tmp_path / "results.json", results)
    page = build_report(tmp_path)
    assert page == tmp_path / "report" / "index.html"
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [p.name for p in page.parent.iterdir()] == ["index.html"]


def test_a_directory_of_the_transformer_alone_has_a_report_too(results, tmp_path):
    alone = results["llm"] | {key: results[key] for key in ("version", "schema")}
    alone["provenance"] = provenance(0, ["identifiability", "llm"])
    write_json(tmp_path / "results.json", alone)
    text = build_report(tmp_path).read_text(encoding="utf-8")
    assert "On a transformer" in text
    assert "Theorems" not in text


def test_formulas_are_mathml_and_missing_numbers_are_dashes():
    assert "<mfrac>" in mathml(r"\frac{a}{b}")
    assert (number(None), number(0.012345)) == ("–", "0.0123")
