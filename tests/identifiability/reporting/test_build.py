"""From a directory of results to the report and to files of its figures."""

import json

import pytest

from identifiability.errors import InvalidInput
from identifiability.reporting.build import build_report, joined
from identifiability.results import provenance, write_json
from tests.identifiability.reporting import audit_examples, examples


def _llm():
    return examples.llm() | {"provenance": provenance(0, ["identifiability", "llm"])}


def test_it_is_written_beside_its_results(tmp_path):
    whole = examples.whole(llm=examples.llm())
    del whole["audits"]
    write_json(tmp_path / "results.json", whole)
    page = build_report(tmp_path)
    assert page == tmp_path / "report" / "index.html"
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [p.name for p in page.parent.iterdir()] == ["index.html"]
    assert not (tmp_path / "figures").exists()


def test_a_directory_of_the_transformer_alone_has_a_report_too(tmp_path):
    write_json(tmp_path / "results.json", _llm())
    found = joined(tmp_path)
    assert found["llm"]["model"]["name"] == "a <model> & co"
    assert (found["proofs"], found["toy"], found["audits"]) == (None, None, {})
    text = build_report(tmp_path).read_text(encoding="utf-8")
    assert "Claims on a transformer" in text
    assert "<h2>Theorems" not in text


def test_an_audit_is_no_run_of_claims(tmp_path):
    write_json(tmp_path / "results.json", audit_examples.audit())
    found = joined(tmp_path)
    assert found["llm"] is None
    assert list(found["audits"]) == ["audit"]


def test_audits_in_folders_beneath_are_shown_and_other_results_are_not(tmp_path):
    write_json(tmp_path / "results.json", _llm())
    for name, content in (
        ("b", audit_examples.audit()),
        ("a", audit_examples.audit()),
        ("other", _llm()),
    ):
        (tmp_path / name).mkdir()
        write_json(tmp_path / name / "results.json", content)
    found = joined(tmp_path)
    assert list(found["audits"]) == ["a", "b"]
    assert found["llm"] is not None


def test_figures_in_each_format_asked_for(tmp_path):
    write_json(tmp_path / "results.json", audit_examples.audit())
    build_report(tmp_path, ["svg", "pdf", "svg"])
    names = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert names == [
        "audit_spectrum.pdf",
        "audit_spectrum.svg",
        "audit_witness.pdf",
        "audit_witness.svg",
    ]
    assert (tmp_path / "figures" / "audit_witness.pdf").read_bytes().startswith(b"%PDF")


def test_no_name_in_results_leads_a_figure_out_of_its_folder(tmp_path):
    odd = "../../away"
    swept = [row | {"claim": odd} for row in examples.sweep()]
    families = [*examples.llm()["families"], examples.llm()["families"][0] | {"claim": odd}]
    results = examples.llm(sweeps=swept, families=families) | {"provenance": provenance(0, [])}
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    write_json(folder / "results.json", results)
    build_report(folder, ["svg"])
    assert [path.parent for path in tmp_path.rglob("*away*")] == [folder / "figures"]


def test_an_unknown_format_is_one_sentence_and_nothing_is_written(tmp_path):
    write_json(tmp_path / "results.json", _llm())
    with pytest.raises(InvalidInput, match=r"--format must be of svg, pdf, png, got 'gif'"):
        build_report(tmp_path, ["png", "gif"])
    assert not (tmp_path / "report").exists()


def test_no_results_is_one_sentence(tmp_path):
    with pytest.raises(InvalidInput, match="no results at"):
        build_report(tmp_path)


def test_results_of_unknown_origin_are_refused_in_one_sentence(tmp_path):
    write_json(tmp_path / "results.json", examples.llm())
    with pytest.raises(InvalidInput, match="got no provenance; write it with --out"):
        build_report(tmp_path)


@pytest.mark.parametrize("change", [{"trait": "\ud83d"}, {"alpha": 10**400}])
def test_results_that_cannot_be_shown_are_one_sentence(tmp_path, change):
    odd = _llm() | {"claims": [examples.row(**change)]}
    (tmp_path / "results.json").write_text(json.dumps(odd))
    with pytest.raises(InvalidInput, match="are not as this version writes them"):
        build_report(tmp_path)
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize(
    "content", ['{"schema": 1, "provenance": {}}', '{"schema": 1, "provenance": {}, "runs": []}']
)
def test_results_that_lack_what_a_report_shows_are_one_sentence(tmp_path, content):
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(InvalidInput, match=r"are not as this version writes them .*; write them"):
        build_report(tmp_path)
    assert not (tmp_path / "report").exists()
