"""Contrastive prompts, labelled completions and neutral prompts, read from JSON and checked.

A trait file is an object of this form (UTF-8; ``data/formality.json`` is a whole one)::

    {"trait": "formality", "description": "…", "license": "Apache-2.0",
     "instructions": {"positive": "Answer in a formal register.", "negative": "…"},
     "pairs": [{"context": "moving a meeting", "positive": "…", "negative": "…"}, …],
     "completions": [{"prompt": "…", "positive": "…", "negative": "…", "split": "choose"}, …],
     "environments": {"topic_shift": [{"context": "…", "positive": "…", "negative": "…"}, …], …}}

``pairs`` are prompts that differ in the trait: the vector is extracted from them. ``completions``
answer a neutral prompt in both ways: a scorer is chosen on the split ``choose`` and has to separate
the split ``held_out`` before it is used. A file without completions has an empty list. Two fields
may be left out: ``instructions`` ask outright for one side (whoever follows them shows the trait,
so a scorer has to see it), and ``environments`` are pairs under changed conditions, by name, at
least two in each. A prompt file is ``{"prompts": ["…", …]}``. A text that occurs twice is refused,
because one copy could be used to extract and the other to evaluate.

``data/trait.schema.json`` is the form of a trait file as a JSON Schema, for editors; give its path
as the field ``$schema`` if yours looks for that. ``python -m llm_validation.dataset FILE...``
checks files of your own, and finds what a schema cannot say, such as a text that occurs twice.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from identifiability.choose import unknown
from identifiability.errors import InvalidInput
from identifiability.plain_file import plain_file
from llm_validation.json_document import JsonDocument

SPLITS = ("choose", "held_out")
_SIDES = ("positive", "negative")
_FIELDS = ("trait", "description", "license", "pairs", "completions")
_OPTIONAL = ("instructions", "environments")
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
class Instructions:
    """What to tell a model so that it shows the trait (positive) or its opposite (negative)."""

    positive: str
    negative: str


@dataclass(frozen=True)
class Trait:
    """A behavioural trait: what to extract a vector from, and what to score it by.

    ``environments`` holds pairs under changed conditions, by name in the order of the file.
    """

    name: str
    description: str
    license: str
    pairs: tuple[ContrastivePair, ...]
    completions: tuple[LabelledCompletion, ...]
    instructions: Instructions | None = None
    environments: Mapping[str, tuple[ContrastivePair, ...]] = field(default_factory=dict)


def load_trait(name_or_path: str | os.PathLike[str]) -> Trait:
    """The shipped trait of that name, or the trait in the user's JSON file at that path.

    Raises
    ------
    InvalidInput
        For an unknown name (with the nearest known one), and for a file that is not in the format
        of this module's docstring (with its line, entry and field).
    """
    file = JsonDocument(_source("trait", name_or_path))
    file.only(*_FIELDS, *_OPTIONAL, "$schema")
    optional = set(_OPTIONAL).intersection(file.fields())
    name, description, licence = (file.text((), k) for k in ("trait", "description", "license"))
    return Trait(
        name,
        description,
        licence,
        _pairs(file, "pairs"),
        _completions(file),
        _instructions(file) if "instructions" in optional else None,
        _environments(file) if "environments" in optional else {},
    )


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


def _pairs(file: JsonDocument, *at: str) -> tuple[ContrastivePair, ...]:
    pairs = []
    for entry in file.entries(*at, at_least=2):
        context = file.text(entry, "context", once_among="contexts")
        positive, negative = (file.text(entry, side, once_among="prompts") for side in _SIDES)
        pairs.append(ContrastivePair(context, positive, negative))
    return tuple(pairs)


def _completions(file: JsonDocument) -> tuple[LabelledCompletion, ...]:
    completions = []
    for at in file.entries("completions"):
        prompt = file.text(at, "prompt", once_among="prompts")
        positive, negative = (file.text(at, side, once_among="completions") for side in _SIDES)
        split = file.text(at, "split")
        if split not in SPLITS:
            sentence = f"must be {' or '.join(SPLITS)}, got {split!r}; pick one"
            raise file.wrong((*at, "split"), sentence)
        completions.append(LabelledCompletion(prompt, positive, negative, split))
    return tuple(completions)


def _instructions(file: JsonDocument) -> Instructions:
    at = ("instructions",)
    return Instructions(*(file.text(at, side, once_among="instructions") for side in _SIDES))


def _environments(file: JsonDocument) -> dict[str, tuple[ContrastivePair, ...]]:
    environments = {}
    for name in file.fields("environments"):
        if not name.strip() or not name.isprintable():
            sentence = f"must have printable names, got {name!r}; rename it"
            raise file.wrong(("environments",), sentence)
        environments[name] = _pairs(file, "environments", name)
    return environments


def _source(kind: str, name_or_path: str | os.PathLike[str]) -> Path:
    """Where the file lies: a bare word is a shipped name first and a path second."""
    # A second suffix, as in trait.schema.json, is about the format and no data.
    stems = sorted(file.stem for file in _DATA.glob("*.json") if "." not in file.stem)
    names = [stem for stem in stems if stem.endswith("_prompts") == (kind == "prompt set")]
    path = Path(name_or_path)
    if name_or_path in names:
        return _DATA / f"{name_or_path}.json"
    is_word = isinstance(name_or_path, str) and path.name == name_or_path and not path.suffix
    if is_word and not os.path.isfile(path):  # Path.is_file fails on a name that is too long
        known = f"shipped are {', '.join(names)}, and your own is given as the path of a JSON file"
        raise InvalidInput(f"{unknown(kind, str(name_or_path), names)} ({known})")
    return plain_file(path)


def main(arguments: Sequence[str]) -> int:
    """Say of each trait file what it holds, or what is wrong with it and where.

    Returns
    -------
    int
        The exit status: 0, or 2 if a file is wrong or none is given.
    """
    if not arguments:
        print("give the trait files to check: FILE...", file=sys.stderr)
        return 2
    status = 0
    for argument in arguments:
        try:
            print(f"{argument}: {_counts(load_trait(Path(argument)))}")
        except InvalidInput as error:
            print(error, file=sys.stderr)
            status = 2
    return status


def _counts(trait: Trait) -> str:
    splits = Counter(completion.split for completion in trait.completions)
    environments = (f"{name} {len(pairs)}" for name, pairs in trait.environments.items())
    return "; ".join(
        (
            trait.name,
            f"{len(trait.pairs)} pairs",
            "completions: " + ", ".join(f"{split} {splits[split]}" for split in SPLITS),
            "environments: " + (", ".join(environments) or "none"),
            f"instructions: {'none' if trait.instructions is None else 'both'}",
        )
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
