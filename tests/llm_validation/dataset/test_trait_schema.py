"""The schema says the same as the loader, where a schema can."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from tests.llm_validation.dataset.trait_files import (
    DATA,
    TRAITS,
    WRONG,
    WRONG_BEYOND_A_SCHEMA,
    good_trait,
    whole_trait,
)

SCHEMA = Draft202012Validator(json.loads((DATA / "trait.schema.json").read_text(encoding="utf-8")))


def test_the_schema_is_a_schema_and_takes_what_load_trait_takes() -> None:
    Draft202012Validator.check_schema(SCHEMA.schema)
    named = {**whole_trait(), "$schema": "trait.schema.json"}
    no_more = {**good_trait(), "completions": [], "environments": {}}
    for content in (good_trait(), whole_trait(), named, no_more):
        assert list(SCHEMA.iter_errors(content)) == []


@pytest.mark.parametrize("name", TRAITS)
def test_the_schema_takes_the_shipped_files(name: str) -> None:
    content = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    assert list(SCHEMA.iter_errors(content)) == []


@pytest.mark.parametrize(("edit", "expected"), WRONG, ids=[e for _, e in WRONG])
def test_the_schema_refuses_the_field_that_load_trait_names(edit, expected: str) -> None:
    content = whole_trait()
    edit(content)
    error, *others = SCHEMA.iter_errors(content)
    assert others == []
    steps = (f"[{s}]" if isinstance(s, int) else f".{s}" for s in error.absolute_path)
    place = "".join(steps).removeprefix(".") or "the file"
    sentence = expected.split(": ", 1)[1].replace("unknown field", "the file has the unknown field")
    assert sentence.startswith(f"{place} ")


@pytest.mark.parametrize(
    ("edit", "expected"), WRONG_BEYOND_A_SCHEMA, ids=[e for _, e in WRONG_BEYOND_A_SCHEMA]
)
def test_the_schema_is_not_stricter_than_it_says(edit, expected: str) -> None:
    content = whole_trait()
    edit(content)
    assert list(SCHEMA.iter_errors(content)) == [], expected
