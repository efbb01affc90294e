"""Tables: verdicts in the order of the claims with the p-value that decided, and recoveries."""

from identifiability.reporting.tables import claims, recoveries, summary
from tests.identifiability.reporting import examples, toy_examples


def test_a_line_a_verdict_in_the_order_of_the_claims():
    lines = summary(examples.llm())
    assert [(line["number"], line["verdict"]) for line in lines] == [
        (1, "refuted"),
        (2, "inconclusive"),
    ]
    # A refuted claim by the p-value that refutes; an open one by what there is, and of what.
    assert [(line["p_adjusted"], line["p_of"]) for line in lines] == [
        (0.001, ""),
        (0.4, "of confirmed"),
    ]


def test_an_exact_claim_has_no_p_value():
    verdicts = [v | {"p_confirm": None, "p_refute": None} for v in examples.llm()["verdicts"]]
    lines = summary(examples.llm(verdicts=verdicts))
    assert [(line["p_adjusted"], line["p_of"]) for line in lines] == [(None, "")] * 2


def test_each_claim_has_its_rows_and_what_could_not_be_measured():
    first, second = claims(examples.llm())
    assert [row["arm"] for row in first["rows"]] == ["decile 1", "decile 2"]
    assert [entry["reason"] for entry in first["unmeasurable"]] == ["nothing is null"]
    assert second["unmeasurable"] == []
    assert [len(second["verdicts"]), second["paper"]] == [1, False]


def test_the_papers_statistic_is_shown_where_there_is_one():
    rows = examples.efficacy_rows()
    families = [{"claim": "orthogonal_efficacy", "number": 3, "theorem": "N8", "title": "t"}]
    (claim,) = claims(examples.llm(claims=rows, families=families, verdicts=[]))
    assert claim["paper"]
    assert claim["verdicts"] == []


def test_instances_of_one_setting_are_one_row():
    toy = toy_examples.toy()
    toy["runs"] += [toy["runs"][0] | {"score": 0.8, "score_min": 0.2}]
    first, second = recoveries(toy)
    # Two recovered, one did not though it should have.
    assert (first["agreeing"], first["instances"]) == (2, 3)
    assert first["predicted"] == "recovers"
    assert first["otherwise"] == ["fails: another <way>"]
    assert abs(first["score"] - (1.0 + 0.5 + 0.8) / 3) < 1e-12
    assert first["worst"] == 0.2
    assert second["predicted"] == "fails: kernel: 3 of 8 dimensions"
    assert (second["agreeing"], second["instances"], second["otherwise"]) == (1, 1, [])


def test_a_score_that_is_missing_is_no_number():
    toy = toy_examples.toy()
    toy["runs"] = [run | {"score": None, "score_min": None} for run in toy["runs"]]
    assert {(row["score"], row["worst"]) for row in recoveries(toy)} == {(None, None)}
