"""Projection on the axis between labelled opposites, with the embedded encoder."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from identifiability.errors import InvalidInput
from llm_validation.dataset import LabelledCompletion, Trait, load_trait
from llm_validation.scoring.embedding import EmbeddingProjection
from llm_validation.scoring.validity import text_validity
from llm_validation.sentence_encoder import SentenceEncoder, embed, load_encoder


@pytest.fixture(scope="module")
def minilm() -> SentenceEncoder:
    return load_encoder()


def weather(split_of_last: str = "held_out") -> Trait:
    """Opposites that nobody could miss."""
    subjects = ["morning", "walk", "harbour", "journey", "garden", "holiday"]
    completions = [
        LabelledCompletion(
            f"How was the {subject}?",
            f"The {subject} had bright sunshine and clear blue skies.",
            f"The {subject} had a violent storm with thunder and rain.",
            "choose" if index < 3 else split_of_last,
        )
        for index, subject in enumerate(subjects)
    ]
    return Trait("sunny", "sun against storm", "Apache-2.0", (), tuple(completions))


def test_it_is_the_projection_on_the_difference_of_the_means(minilm):
    trait = weather()
    scorer = EmbeddingProjection.of(trait, minilm)
    chosen = [c for c in trait.completions if c.split == "choose"]
    positive, negative = (
        np.array([embed(minilm, [text])[0] for text in texts], dtype=np.float64)
        for texts in ([c.positive for c in chosen], [c.negative for c in chosen])
    )
    axis = (positive - negative).sum(axis=0)
    axis /= np.sqrt(axis @ axis)
    assert scorer.axis == pytest.approx(axis, abs=1e-6)
    assert scorer.axis @ scorer.axis == pytest.approx(1.0, abs=1e-12)
    texts = ["A calm and sunny day.", "Rain all day long."]
    along = embed(minilm, texts).astype(np.float64) @ axis
    both = np.concatenate([positive, negative]) @ axis
    # float32 embeddings: rounding of 1e-7, divided by a spread of about 0.2.
    assert scorer.score(texts) == pytest.approx((along - both.mean()) / both.std(), abs=1e-5)
    assert scorer.score(texts)[0] > scorer.score(texts)[1]


def test_the_score_is_standard_on_what_it_was_chosen_on(minilm):
    trait = weather()
    scorer = EmbeddingProjection.of(trait, minilm)
    chosen = [c for c in trait.completions if c.split == "choose"]
    scores = scorer.score([c.positive for c in chosen] + [c.negative for c in chosen])
    assert (scores.mean(), scores.std()) == pytest.approx((0.0, 1.0), abs=1e-6)


def test_held_out_texts_prompts_and_pairs_choose_nothing(minilm):
    trait = weather()
    completions = [
        c if c.split == "choose" else replace(c, positive="Stocks fell.", negative="Two cats.")
        for c in trait.completions
    ]
    changed = replace(trait, completions=tuple(replace(c, prompt="Other?") for c in completions))
    one, other = (EmbeddingProjection.of(t, minilm) for t in (trait, changed))
    assert np.array_equal(one.axis, other.axis)
    assert (one.centre, one.spread) == (other.centre, other.spread)


def test_swapped_labels_turn_it_round(minilm):
    trait = weather()
    swapped = replace(
        trait,
        completions=tuple(
            replace(c, positive=c.negative, negative=c.positive) for c in trait.completions
        ),
    )
    texts = [c.positive for c in trait.completions]
    one, other = (EmbeddingProjection.of(t, minilm).score(texts) for t in (trait, swapped))
    assert one == pytest.approx(-other, abs=1e-9)
    assert np.abs(one).min() > 0.1


def test_an_axis_between_labels_that_mean_nothing_is_not_let_through(minilm):
    """Every other choosing pair with its labels swapped: the gate can close."""
    trait = load_trait("formality")
    mixed = tuple(
        replace(c, positive=c.negative, negative=c.positive)
        if c.split == "choose" and index % 2
        else c
        for index, c in enumerate(trait.completions)
    )
    scorer = EmbeddingProjection.of(replace(trait, completions=mixed), minilm)
    assert not text_validity(scorer, trait).valid


def test_too_few_completions_to_choose_on_are_one_sentence(minilm):
    trait = weather()
    only_held_out = replace(trait, completions=trait.completions[3:])
    with pytest.raises(InvalidInput, match=r"completions of split 'choose' .* got 0; add some"):
        EmbeddingProjection.of(only_held_out, minilm)


def test_labels_that_look_the_same_are_refused(minilm):
    same = replace(
        weather(),
        completions=tuple(replace(c, negative=c.positive) for c in weather().completions),
    )
    with pytest.raises(InvalidInput, match="must differ in the embedding of all-minilm-l6-v2"):
        EmbeddingProjection.of(same, minilm)
