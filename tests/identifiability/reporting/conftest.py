"""A page of everything, opened in a real browser."""

import copy

import pytest

from identifiability.reporting.page import render
from proofs.ledger import select
from proofs.running import run
from tests.identifiability.reporting import audit_examples, chromium, examples, toy_examples

MEASURED = [0.05, 0.011, None, 1e-7, 12.0, 0.3]


def _theorems():
    """One real theorem, and others made of it that the ledger can sort and search."""
    proofs = run(select(["N1"]), seed=0)
    (first,) = proofs["theorems"]
    others = [("N2", "Second", 7), ("N10", "Tenth", 300), ("R1", "First recovery", 40)]
    for name, title, instances in [*others, ("R2", "Second recovery", 9), ("R3", "Third", 11)]:
        one = copy.deepcopy(first) | {"id": name, "title": title, "depends_on": ["N1"]}
        one["numeric"]["instances"] = instances
        proofs["theorems"].append(one)
    proofs["theorems"][2]["statement"] = "A statement that mentions a zeppelin."
    return proofs


def _results():
    judged = [
        examples.row(arm=f"decile {i}", measured=value, verdict="refuted" if i % 2 else "confirmed")
        for i, value in enumerate(MEASURED)
    ]
    curves = {
        "orthogonal_efficacy": examples.efficacy_draws(),
        "strength_sweep": examples.doses(),
        "observation_ladder": examples.ladder(),
    }
    return examples.whole(
        proofs=_theorems(),
        toy=toy_examples.toy(),
        llm=examples.llm(claims=judged, curves=curves),
        audits={"audit": audit_examples.audit()},
    )


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    with chromium.Browser(chromium.needed(), tmp_path_factory.mktemp("profile")) as one:
        yield one


@pytest.fixture(scope="session")
def address(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "index.html"
    path.write_text(render(_results()), encoding="utf-8")
    assert path.stat().st_size < 5_000_000
    return path.as_uri()


@pytest.fixture
def page(browser, address):
    """The page as a reader opens it. Whatever a test does, nothing may complain or leave."""
    opened = chromium.Page(browser, address)
    opened.width(1280)
    yield opened
    assert opened.complaints() == []
    assert opened.requests() == [address]
    opened.close()
