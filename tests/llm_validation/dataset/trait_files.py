"""A good trait file, what spoils it, and the sentence each spoiling must get."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import llm_validation.dataset
from identifiability.errors import InvalidInput
from llm_validation.dataset import SPLITS, load_trait

DATA = Path(llm_validation.dataset.__file__).with_name("data")
FILES = sorted(file for file in DATA.glob("*.json") if not file.name.endswith(".schema.json"))
# From the folder, so that a trait that is added is tested.
TRAITS = [file.stem for file in FILES if file.stem != "neutral_prompts"]


def good_trait() -> dict:
    """Without what may be left out; `whole_trait` has that after it, so the lines are the same."""
    return {
        "trait": "brevity",
        "description": "Short against long.",
        "license": "CC0-1.0",
        "pairs": [
            {"context": f"topic {i}", "positive": f"Short {i}.", "negative": f"Rather long {i}."}
            for i in range(3)
        ],
        "completions": [
            {"prompt": f"Ask {i}.", "positive": f"Yes {i}.", "negative": f"Well {i}.", "split": s}
            for i, s in enumerate(SPLITS)
        ],
    }


def whole_trait() -> dict:
    return {
        **good_trait(),
        "instructions": {"positive": "Be brief.", "negative": "Take your time."},
        "environments": {
            name: [
                {
                    "context": f"{name} {i}",
                    "positive": f"{name} {i}.",
                    "negative": f"No {name} {i}.",
                }
                for i in range(2)
            ]
            for name in ("law", "sea salt")
        },
    }


def write(folder: Path, content: object, name: str = "mine.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return path


def complaint(path: Path, load=load_trait) -> str:
    with pytest.raises(InvalidInput) as caught:
        load(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def change(place: str, value: object):
    """An edit of the good file: ``place`` is dotted, and ``value`` replaces what is there."""

    def edit(content: dict) -> None:
        *holders, last = (int(step) if step.isdigit() else step for step in place.split("."))
        for step in holders:
            content = content[step]
        content[last] = value

    return edit


def remove(field: str):
    return lambda content: content["pairs"][1].pop(field)


# What a schema can say too.
WRONG = [
    (change("pairs.1.negative", " "), "14: pairs[1].negative must be text, got an empty string"),
    (change("pairs.1.negative", 7), "14: pairs[1].negative must be a string, got 7"),
    (change("pairs.1.negative", None), "14: pairs[1].negative must be a string, got null"),
    (change("pairs.1.context", ["a"]), "12: pairs[1].context must be a string, got a list"),
    (remove("positive"), "11: pairs[1] needs the field 'positive' (a string), got none; add it"),
    (change("pairs.2", "x"), "16: pairs[2] must be an object, got a string"),
    (change("pairs", {}), "5: pairs must be a list, got an object"),
    (change("pairs", [good_trait()["pairs"][0]]), "5: pairs must have 2 or more entries, got 1"),
    (
        change("completions.1.split", "test"),
        "33: completions[1].split must be choose or held_out, got 'test'; pick one",
    ),
    (change("completions", None), "22: completions must be a list, got null"),
    (change("trait", ""), "2: trait must be text, got an empty string"),
    (lambda content: content.pop("license"), "1: the file needs the field 'license' (a string)"),
    (
        lambda content: content.update(enviroments={}),
        "66: unknown field 'enviroments'; did you mean",
    ),
    (change("instructions", None), "36: instructions must be an object, got null"),
    (change("instructions", "Be brief."), "36: instructions must be an object, got a string"),
    (
        change("instructions", {"positive": "Be brief."}),
        "36: instructions needs the field 'negative'",
    ),
    (change("instructions.negative", ""), "38: instructions.negative must be text, got an empty"),
    (change("environments", []), "40: environments must be an object, got a list"),
    (
        change("environments", {" ": good_trait()["pairs"]}),
        "40: environments must have printable names, got ' '",
    ),
    (change("environments.law", {}), "41: environments.law must be a list, got an object"),
    (change("environments.law", []), "41: environments.law must have 2 or more entries, got 0"),
    (change("environments.law.1", "x"), "47: environments.law[1] must be an object, got a string"),
    (
        lambda content: content["environments"]["sea salt"][1].pop("context"),
        "59: environments.sea salt[1] needs the field 'context' (a string), got none; add it",
    ),
    (
        change("environments.sea salt.1.negative", 3),
        "62: environments.sea salt[1].negative must be a string, got 3",
    ),
]
# What it cannot say: it is looser there than the loader.
WRONG_BEYOND_A_SCHEMA = [
    (change("pairs.0.positive", "\ud83d"), "8: pairs[0].positive must be Unicode text"),
    (
        change("pairs.2.positive", "Rather  long 0."),
        "18: pairs[2].positive must occur once, got the text of pairs[0].negative",
    ),
    (
        change("pairs.1.negative", "Short 1."),
        "14: pairs[1].negative must occur once, got the text of pairs[1].positive",
    ),
    (
        change("pairs.2.context", "topic 0"),
        "17: pairs[2].context must occur once, got the text of pairs[0].context",
    ),
    (
        change("completions.1.prompt", "Ask 0."),
        "30: completions[1].prompt must occur once, got the text of completions[0].prompt",
    ),
    (
        change("completions.0.prompt", "Short 0."),
        "24: completions[0].prompt must occur once, got the text of pairs[0].positive",
    ),
    (
        change("completions.1.negative", "Yes 0."),
        "32: completions[1].negative must occur once, got the text of completions[0].positive",
    ),
    (
        change("environments.law.1.context", "topic 2"),
        "48: environments.law[1].context must occur once, got the text of pairs[2].context",
    ),
    (
        change("environments.sea salt.0.positive", "No law 1."),
        "56: environments.sea salt[0].positive must occur once, got the text of "
        "environments.law[1].negative",
    ),
    (
        change("environments.sea salt.0.positive", "Short 1."),
        "56: environments.sea salt[0].positive must occur once, got the text of pairs[1].positive",
    ),
    (
        change("environments.law.0.negative", "Ask 1."),
        "45: environments.law[0].negative must occur once, got the text of completions[1].prompt",
    ),
    (
        change("instructions.negative", "Be brief."),
        "38: instructions.negative must occur once, got the text of instructions.positive",
    ),
    (
        change("environments", {"a\nb": good_trait()["pairs"]}),
        "40: environments must have printable names, got 'a\\nb'; rename it",
    ),
]
EVERY_WRONG = WRONG + WRONG_BEYOND_A_SCHEMA
