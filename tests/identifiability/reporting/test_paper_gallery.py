"""The twins of the paper's figures: there when their claims ran, and saying the numbers."""

from identifiability.reporting.paper_gallery import paper_pictures
from tests.identifiability.reporting import examples


def _pictures(sweeps=(), **curves):
    llm = examples.llm(sweeps=list(sweeps), curves=curves)
    return {picture.name: picture for picture in paper_pictures(llm)}


def test_without_their_claims_there_are_none():
    assert _pictures() == {}
    assert _pictures(orthogonal_efficacy=[], strength_sweep=[], observation_ladder=[]) == {}


def test_efficacies_need_draws_of_an_orthogonal_arm():
    draws = examples.efficacy_draws()
    (picture,) = _pictures(examples.efficacy_rows(), orthogonal_efficacy=draws).values()
    assert "v + random ⊥" in picture.svg()
    assert _pictures(orthogonal_efficacy=[d for d in draws if d["arm"] == "v"]) == {}


def test_raw_and_corrected_scores_are_side_by_side():
    (picture,) = _pictures([examples.slope_row()], strength_sweep=examples.doses()).values()
    text = picture.svg()
    assert "formality: raw" in text
    assert "formality: baseline subtracted" in text
    without = _pictures(strength_sweep=examples.doses())["strength"].svg()
    assert len(text) > len(without)  # the predicted slope is drawn only where it was predicted


def test_the_ladder_says_where_the_sentence_turns():
    found = _pictures(observation_ladder=examples.ladder())
    assert set(found) == {"ladder_1_0_25", "ladder_prompts_1_0_25"}
    turn = "is lost. formality: predicted, a log-odds score; measured, a log-odds score."
    assert turn in found["ladder_1_0_25"].caption
    assert all("top 20 log-probabilities" in picture.svg() for picture in found.values())


def test_traits_that_turn_together_are_named_together():
    first = examples.ladder()
    second = [point | {"trait": "politeness"} for point in first if point["prompts"] == 2]
    found = _pictures(observation_ladder=first + second)
    assert "formality, politeness: predicted, a log-odds" in found["ladder_1_0_25"].caption
    # No line can be drawn through one number of prompts.
    assert "politeness" in found["ladder_1_0_25"].svg()
    assert "politeness" not in found["ladder_prompts_1_0_25"].svg()
    assert set(_pictures(observation_ladder=second)) == {"ladder_1_0_25"}


def test_a_ladder_of_the_greedy_token_alone_is_none():
    points = [p | {"quantity": "share unchanged"} for p in examples.ladder()]
    assert _pictures(observation_ladder=points) == {}
