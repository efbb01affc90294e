"""The shipped prompts are what they claim to be."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from llm_validation.dataset import SPLITS, ContrastivePair, load_prompts, load_trait
from tests.llm_validation.dataset.trait_files import FILES, TRAITS

ENVIRONMENTS = ["in_distribution", "topic_shift", "genre_shift", "safety_style"]
# A text that names its own label would let a direction or a scorer read the label, not the trait.
LABEL_WORDS = re.compile(
    r"\b(in)?formal|\bcasual|\b(im)?polite|\bsentiment|\bpositive|\bnegative|\b(un)?truthful"
    r"|\b(dis)?agreeab",
    re.I,
)


def pieces(text: str) -> list[str]:
    """Words and punctuation marks: near a tokenizer's count, without the model."""
    return re.findall(r"[^\W_]+|[^\w\s]", text)


def environment_pairs(name: str) -> list[ContrastivePair]:
    return [pair for pairs in load_trait(name).environments.values() for pair in pairs]


def entries_of(name: str, part: str) -> list:
    return environment_pairs(name) if part == "environments" else getattr(load_trait(name), part)


def evaluation_and_extraction_prompts(name: str) -> list[str]:
    trait = load_trait(name)
    pairs = [*trait.pairs, *environment_pairs(name)]
    sides = [text for pair in pairs for text in (pair.positive, pair.negative)]
    return sides + [completion.prompt for completion in trait.completions]


# --- the shipped files -------------------------------------------------------------------------


def test_five_traits_and_one_set_of_prompts_are_shipped() -> None:
    five = {"formality", "politeness", "sentiment", "truthfulness", "agreeableness"}
    assert {file.stem for file in FILES} == {*five, "neutral_prompts"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_shipped_file_has_the_licence_of_the_package(file: Path) -> None:
    assert json.loads(file.read_text(encoding="utf-8"))["license"] == "Apache-2.0"


@pytest.mark.parametrize("name", TRAITS)
def test_a_shipped_trait_has_all_it_needs(name: str) -> None:
    trait = load_trait(name)
    assert (trait.name, trait.license) == (name, "Apache-2.0")
    assert len(trait.pairs) >= 50
    splits = Counter(completion.split for completion in trait.completions)
    assert set(splits) == set(SPLITS)
    assert splits["choose"] == splits["held_out"] >= 12
    assert list(trait.environments) == ENVIRONMENTS
    assert {e: len(pairs) for e, pairs in trait.environments.items() if len(pairs) < 9} == {}
    assert trait.instructions is not None


@pytest.mark.parametrize("part", ["pairs", "completions", "environments"])
@pytest.mark.parametrize("name", TRAITS)
def test_length_does_not_give_the_label_away(name: str, part: str) -> None:
    entries = entries_of(name, part)
    positive = [len(pieces(entry.positive)) for entry in entries]
    negative = [len(pieces(entry.negative)) for entry in entries]
    # 15 % was set when the prompts were commissioned, before any was written.
    assert sum(positive) == pytest.approx(sum(negative), rel=0.15)
    # Equal means may hide a side that is nearly always the longer one.
    longer = sum(p > n for p, n in zip(positive, negative, strict=True))
    shorter = sum(p < n for p, n in zip(positive, negative, strict=True))
    assert max(longer, shorter) <= 2 / 3 * len(entries)


@pytest.mark.parametrize("part", ["pairs", "completions"])
@pytest.mark.parametrize("name", TRAITS)
def test_the_last_character_does_not_give_the_label_away(name: str, part: str) -> None:
    # The vector is read at the last token: a full stop against a question mark would be all of it.
    for entry in getattr(load_trait(name), part):
        assert entry.positive[-1] == entry.negative[-1], entry


@pytest.mark.parametrize("name", TRAITS)
def test_closing_punctuation_does_not_give_the_label_away(name: str) -> None:
    # A headline or a line of code may end in a word: what closes a text then is nothing.
    for pair in environment_pairs(name):
        positive, negative = (text[-1] for text in (pair.positive, pair.negative))
        assert positive == negative or (positive + negative).isalnum(), pair


@pytest.mark.parametrize("side", ["positive", "negative"])
@pytest.mark.parametrize("name", TRAITS)
def test_no_opening_word_stands_for_a_side(name: str, side: str) -> None:
    for pairs in (load_trait(name).pairs, environment_pairs(name)):
        openings = Counter(pieces(getattr(pair, side))[0].lower() for pair in pairs)
        assert openings.total() > 0
        assert openings.most_common(1)[0][1] <= len(pairs) / 4, openings


@pytest.mark.parametrize("name", TRAITS)
def test_no_text_names_its_own_label(name: str) -> None:
    texts = evaluation_and_extraction_prompts(name)
    texts += [c.positive for c in load_trait(name).completions]
    texts += [c.negative for c in load_trait(name).completions]
    assert [text for text in texts if LABEL_WORDS.search(text)] == []


def test_neutral_prompts_are_many_of_the_promised_length_and_of_several_genres() -> None:
    prompts = load_prompts("neutral_prompts")
    assert len(prompts) >= 80
    assert [p for p in prompts if not 8 <= len(p.split()) <= 40] == []
    assert [p for p in prompts if LABEL_WORDS.search(p)] == []
    endings = Counter("?" if p[-1] == "?" else "." if p[-1] == "." else "open" for p in prompts)
    assert endings["?"] >= 20 and endings["."] >= 20 and endings["open"] >= 5, endings


def test_no_prompt_occurs_in_two_shipped_places() -> None:
    prompts = [text for name in TRAITS for text in evaluation_and_extraction_prompts(name)]
    counts = Counter(" ".join(p.lower().split()) for p in [*prompts, *load_prompts()])
    assert [prompt for prompt, count in counts.items() if count > 1] == []
