"""The language of the trained transformers: its posterior against brute force and counts."""

import numpy as np
import pytest

from toy_models.concept_task import START, RegisterGrammar

GRAMMAR = RegisterGrammar()
SMALL = RegisterGrammar(paired=2, neutral=1, slip=0.2, seed=3)


def _joint(grammar, tokens, register):
    """P(tokens, register) of one sequence, word by word from the definition."""
    probability, before = 0.5, None
    for token in tokens[1:]:
        meaning = grammar.meaning_of[token]
        chain = 1 / grammar.meanings if before is None else grammar.transition[before, meaning]
        form = grammar.register_of[token]
        spelling = 1.0 if form == 0 else (1 - grammar.slip if form == register else grammar.slip)
        probability, before = probability * chain * spelling, meaning
    return probability


def test_the_posterior_is_that_of_the_definition():
    for tokens in SMALL.sample(np.random.default_rng(0), count=20, length=6).tokens:
        for t in range(6):
            a, b = (_joint(SMALL, tokens[: t + 1], r) for r in (1, -1))
            assert SMALL.log_odds(tokens[None])[0, t] == pytest.approx(np.log(a / b), abs=1e-12)


def test_the_predictive_distribution_is_that_of_the_definition():
    for tokens in SMALL.sample(np.random.default_rng(1), count=20, length=6).tokens:
        predictive = SMALL.predictive(tokens[None])[0]
        for t in range(6):
            prefix = tokens[: t + 1]
            whole = sum(_joint(SMALL, prefix, r) for r in (1, -1))
            for token in range(1, SMALL.vocabulary):
                longer = sum(_joint(SMALL, [*prefix, token], r) for r in (1, -1))
                assert predictive[t, token] == pytest.approx(longer / whole, abs=1e-13)
            assert predictive[t, START] == 0


def test_samples_follow_the_predictive_distribution():
    """Observed surprise against its own expectation, five standard errors; fails for a wrong slip
    or chain in either."""
    sequences = GRAMMAR.sample(np.random.default_rng(2), count=4000, length=10)
    probabilities = GRAMMAR.predictive(sequences.tokens)[:, :-1]
    following = sequences.tokens[:, 1:, None]
    surprise = -np.log(np.take_along_axis(probabilities, following, axis=-1)[..., 0])
    words = probabilities[..., 1:]
    excess = (surprise + (words * np.log(words)).sum(axis=-1)).mean(axis=1)
    assert abs(excess.mean()) < 5 * excess.std() / np.sqrt(len(excess))


def test_registers_and_slips_have_their_rates():
    sequences = GRAMMAR.sample(np.random.default_rng(3), count=4000, length=10)
    assert abs(sequences.registers.mean()) < 5 / np.sqrt(4000)
    forms = GRAMMAR.register_of[sequences.tokens]
    slipped = (forms == -sequences.registers[:, None])[forms != 0]
    assert abs(slipped.mean() - 0.1) < 5 * np.sqrt(0.1 * 0.9 / slipped.size)
    assert np.all(sequences.tokens[:, 0] == START)
    assert not np.any(sequences.tokens[:, 1:] == START)


@pytest.mark.parametrize("form", [1, -1])
def test_spelling_keeps_the_meaning_and_shows_the_register(form):
    meanings = GRAMMAR.sample_meanings(np.random.default_rng(4), count=50, words=9)
    words = GRAMMAR.spell(meanings, form)[:, 1:]
    np.testing.assert_array_equal(GRAMMAR.meaning_of[words], meanings)
    expected = np.where(meanings < GRAMMAR.paired, form, 0)
    np.testing.assert_array_equal(GRAMMAR.register_of[words], expected)
    assert len(set(words.ravel())) == GRAMMAR.meanings


def test_the_functional_is_the_mean_log_odds_of_forms():
    logits = np.random.default_rng(5).standard_normal(GRAMMAR.vocabulary)
    pairs = [logits[1 + m] - logits[1 + GRAMMAR.paired + m] for m in range(GRAMMAR.paired)]
    assert GRAMMAR.functional @ logits == pytest.approx(np.mean(pairs), abs=1e-12)


@pytest.mark.parametrize("choices", [{"paired": 0}, {"neutral": -1}, {"slip": 0.5}, {"slip": 0.0}])
def test_a_language_without_a_register_is_refused(choices):
    with pytest.raises(ValueError, match="at least one paired meaning"):
        RegisterGrammar(**choices)


def test_a_sequence_without_words_is_refused():
    with pytest.raises(ValueError, match="a word after START"):
        GRAMMAR.sample(np.random.default_rng(0), count=1, length=1)
