"""Contrastive prompts, labelled completions and neutral prompts, read from JSON and checked.

A trait file is an object of this form (UTF-8; ``data/formality.json`` is a whole one)::

    {"trait": "formality", "description": "…", "license": "Apache-2.0",
     "pairs": [{"context": "moving a meeting", "positive": "…", "negative": "…"}, …],
     "completions": [{"prompt": "…", "positive": "…", "negative": "…", "split": "choose"}, …]}

``pairs`` are prompts that differ in the trait: the vector is extracted from them. ``completions``
answer a neutral prompt in both ways: a scorer is chosen on the split ``choose`` and has to separate
the split ``held_out`` before it is used. A file without completions has an empty list. A prompt
file is ``{"prompts": ["…", …]}``. A text that occurs twice is refused, because one copy could be
used to extract and the other to evaluate.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from identifiability.choose import unknown
from identifiability.errors import InvalidInput
from llm_validation.json_document import JsonDocument

SPLITS = ("choose", "held_out")
_SIDES = ("positive", "negative")
_DATA = Path(__file__).with_name("data")


@dataclass(frozen=True)
class ContrastivePair:
    """Two prompts on one topic, with the trait (positive) and with its opposite (negative)."""

    context: str
    positive: str
    negative: str


@dataclass(frozen=True)
class LabelledCompletion:
    """A neutral prompt with one completion of each label; ``split`` is one of ``SPLITS``."""

    prompt: str
    positive: str
    negative: str
    split: str


@dataclass(frozen=True)
class Trait:
    """A behavioural trait: what to extract a vector from, and what to score it by."""

    name: str
    description: str
    license: str
    pairs: tuple[ContrastivePair, ...]
    completions: tuple[LabelledCompletion, ...]


def load_trait(name_or_path: str | os.PathLike[str]) -> Trait:
    """The shipped trait of that name, or the trait in the user's JSON file at that path.

    Raises
    ------
    InvalidInput
        For an unknown name (with the nearest known one), and for a file that is not in the format
        of this module's docstring (with its line, entry and field).
    """
    file = JsonDocument(_source("trait", name_or_path))
    pairs = []
    for at in file.entries("pairs", at_least=2):
        context = file.text(at, "context", once_among="contexts")
        positive, negative = (file.text(at, side, once_among="prompts") for side in _SIDES)
        pairs.append(ContrastivePair(context, positive, negative))
    completions = []
    for at in file.entries("completions"):
        prompt = file.text(at, "prompt", once_among="prompts")
        positive, negative = (file.text(at, side, once_among="completions") for side in _SIDES)
        split = file.text(at, "split")
        if split not in SPLITS:
            sentence = f"must be {' or '.join(SPLITS)}, got {split!r}; pick one"
            raise file.wrong((*at, "split"), sentence)
        completions.append(LabelledCompletion(prompt, positive, negative, split))
    name, description, licence = (file.text((), k) for k in ("trait", "description", "license"))
    return Trait(name, description, licence, tuple(pairs), tuple(completions))


def load_prompts(name_or_path: str | os.PathLike[str] = "neutral_prompts") -> tuple[str, ...]:
    """The prompts of a shipped set, or of the user's JSON file at that path.

    Raises
    ------
    InvalidInput
        As `load_trait`.
    """
    file = JsonDocument(_source("prompt set", name_or_path))
    places = file.entries("prompts", at_least=1)
    return tuple(file.text(at[:-1], at[-1], once_among="prompts") for at in places)


def _source(kind: str, name_or_path: str | os.PathLike[str]) -> Path:
    """Where the file lies: a bare word is a shipped name first and a path second."""
    stems = sorted(file.stem for file in _DATA.glob("*.json"))
    names = [stem for stem in stems if stem.endswith("_prompts") == (kind == "prompt set")]
    path = Path(name_or_path)
    if name_or_path in names:
        return _DATA / f"{name_or_path}.json"
    is_word = isinstance(name_or_path, str) and path.name == name_or_path and not path.suffix
    if is_word and not path.is_file():
        known = f"shipped are {', '.join(names)}, and your own is given as the path of a JSON file"
        raise InvalidInput(f"{unknown(kind, str(name_or_path), names)} ({known})")
    return path
