"""Which pictures there are: those whose data are in the results, and no others."""

import pytest

from identifiability.reporting.gallery import (
    audit_pictures,
    every_picture,
    theorem_pictures,
    transformer_pictures,
)
from tests.identifiability.reporting import audit_examples, examples


def _names(llm):
    return {picture.name for picture in transformer_pictures(llm)}


def test_the_least_results_have_spectra_predictions_pipeline_and_geometry():
    assert _names(examples.llm()) == {"spectra", "predicted_measured", "pipeline", "geometry"}


@pytest.mark.parametrize(
    ("changes", "gone"),
    [
        ({"spectrum": []}, {"spectra", "geometry"}),
        ({"claims": []}, {"predicted_measured"}),
        ({"claims": [examples.row(measured=None, interval=None)]}, {"predicted_measured"}),
    ],
)
def test_missing_data_leave_their_picture_out(changes, gone):
    full = _names(examples.llm())
    assert _names(examples.llm(**changes)) == full - gone


def test_sweeps_and_growing_spectra_appear_with_their_data():
    sweep = examples.sweep() + examples.sweep(layer=0)
    llm = examples.llm(sweeps=sweep, curves={"null_space_dimension": examples.growing()})
    added = {"sweep_epsilon_null_1", "sweep_epsilon_null_0", "null_space_dimension"}
    assert _names(llm) == _names(examples.llm()) | added


def test_the_geometry_says_how_many_directions_are_lost_in_rounding():
    caption = {p.name: p.caption for p in transformer_pictures(examples.llm())}["geometry"]
    assert "1 of 3 directions are at the level of rounding" in caption
    assert "at least 1e+03 times" in caption  # sqrt(1 / 1e-6)


def test_results_of_nothing_have_no_pictures():
    assert every_picture(examples.whole()) == []


def test_theorems_that_rest_on_others_not_here_have_no_graph():
    theorem = {"id": "A", "depends_on": ["B"], "assumptions": [], "status": "verified"}
    assert theorem_pictures(examples.whole(proofs={"theorems": [theorem]})) == []
    alone = theorem | {"depends_on": []}
    assert len(theorem_pictures(examples.whole(proofs={"theorems": [alone]}))) == 1


def test_an_audit_has_its_spectrum_and_its_witness():
    audit = audit_examples.audit()
    assert [p.name for p in audit_pictures("run-1", audit)] == ["run-1_spectrum", "run-1_witness"]
    audit["vector"]["witness"] = None
    assert [p.name for p in audit_pictures("run-1", audit)] == ["run-1_spectrum"]


def test_every_picture_has_a_name_of_its_own_and_draws():
    llm = examples.llm(sweeps=examples.sweep(), curves={"null_space_dimension": examples.growing()})
    audits = {"one run": audit_examples.audit(), "one/run": audit_examples.audit()}
    pictures = every_picture(examples.whole(llm=llm, audits=audits))
    names = [picture.name for picture in pictures]
    assert len(set(names)) == len(names) == 10
    for picture in pictures:
        assert picture.svg().startswith("<svg")
        assert picture.caption.endswith(".")
