"""A user's own file is read in its order, and a wrong one is told where it is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from identifiability.errors import InvalidInput
from llm_validation.dataset import ContrastivePair, load_prompts, load_trait
from tests.llm_validation.dataset.trait_files import (
    EVERY_WRONG,
    TRAITS,
    complaint,
    good_trait,
    whole_trait,
    write,
)


@pytest.mark.parametrize("as_given", [Path, str])
def test_a_users_file_is_read_in_its_order(tmp_path: Path, as_given: type) -> None:
    trait = load_trait(as_given(write(tmp_path, good_trait())))
    assert (trait.name, trait.license) == ("brevity", "CC0-1.0")
    assert [pair.context for pair in trait.pairs] == ["topic 0", "topic 1", "topic 2"]
    assert (trait.pairs[2].positive, trait.pairs[2].negative) == ("Short 2.", "Rather long 2.")
    second = trait.completions[1]
    assert (second.prompt, second.positive, second.negative) == ("Ask 1.", "Yes 1.", "Well 1.")
    assert [completion.split for completion in trait.completions] == ["choose", "held_out"]


def test_what_may_be_left_out_is_none_and_empty(tmp_path: Path) -> None:
    trait = load_trait(write(tmp_path, good_trait()))
    assert trait.instructions is None
    assert trait.environments == {}


def test_instructions_and_environments_are_read_in_their_order(tmp_path: Path) -> None:
    trait = load_trait(write(tmp_path, {**whole_trait(), "$schema": "trait.schema.json"}))
    assert trait.instructions is not None
    assert trait.instructions.positive == "Be brief."
    assert trait.instructions.negative == "Take your time."
    assert list(trait.environments) == ["law", "sea salt"]
    second = ContrastivePair("sea salt 1", "sea salt 1.", "No sea salt 1.")
    assert trait.environments["sea salt"][1] == second
    assert len(trait.pairs) == 3, "the environments are not among the pairs"


def test_a_file_in_the_working_directory_is_found_by_its_bare_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, good_trait(), "brevity")
    write(tmp_path, good_trait(), "formality")
    monkeypatch.chdir(tmp_path)
    assert load_trait("brevity").name == "brevity"
    assert load_trait("formality").name == "formality", "a shipped name comes first"
    assert load_trait(Path("formality")).name == "brevity", "a Path is a path"


def test_a_byte_order_mark_and_a_file_without_completions_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({**good_trait(), "completions": []}), encoding="utf-8-sig")
    assert load_trait(path).completions == ()


def test_a_topic_may_read_like_a_prompt(tmp_path: Path) -> None:
    content = good_trait()
    content["pairs"][0]["context"] = content["pairs"][0]["positive"]
    assert load_trait(write(tmp_path, content)).pairs[0].context == "Short 0."


@pytest.mark.parametrize(("edit", "expected"), EVERY_WRONG, ids=[e for _, e in EVERY_WRONG])
def test_a_wrong_entry_is_named_with_its_line(tmp_path: Path, edit, expected: str) -> None:
    content = whole_trait()
    edit(content)
    path = write(tmp_path, content)
    assert complaint(path).startswith(f"{path}, line {expected}")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"trait":\n "caf\xe9"}', ", line 2: expected UTF-8, got byte 0xe9; save the file as"),
        (b'{"trait": "a",\n}', " must be JSON: "),
        (b"", " must be JSON: Expecting value: line 1 column 1 (char 0)"),
        (b"[" * 100_000, " must be JSON: maximum recursion depth exceeded"),
        (b'{"pairs": [], "pairs": []}', " must be JSON: an object has the field 'pairs' more than"),
        (b"\n[]", ", line 2: the file must be an object, got a list"),
    ],
    ids=["latin-1", "comma", "empty", "deep", "field twice", "list"],
)
def test_what_is_no_json_object_in_utf8_is_refused(
    tmp_path: Path, content: bytes, expected: str
) -> None:
    path = tmp_path / "mine.json"
    path.write_bytes(content)
    assert complaint(path).startswith(f"{path}{expected}")


def test_the_line_is_right_in_a_file_laid_out_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    pair = '{"context": "a [", "positive":\n "}, \\" {",\n\t"negative" :\r\n\n 3 }'
    texts = '"trait": "a", "description": "b", "license": "c", "completions": [[], {}, "]"]'
    path.write_bytes(f'{{ {texts}, "pairs":\n[ {pair} , {{}} ]}}'.encode())
    expected = f"{path}, line 6: pairs[0].negative must be a string, got 3"
    assert complaint(path) == expected


def test_an_unreadable_path_is_refused(tmp_path: Path) -> None:
    assert complaint(tmp_path).startswith(f"cannot read {tmp_path}: ")
    assert complaint(tmp_path / "none.json").startswith(f"cannot read {tmp_path / 'none.json'}: ")


@pytest.mark.parametrize(
    ("load", "name", "nearest"),
    [
        (load_trait, "formalty", "formality"),
        (load_trait, "Sentiment", "sentiment"),
        (load_prompts, "neutral-prompts", "neutral_prompts"),
    ],
)
def test_an_unknown_name_gets_the_nearest_and_the_known(load, name: str, nearest: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        load(name)
    assert f"{name!r}; did you mean {nearest!r}?" in str(caught.value)
    known = TRAITS if load is load_trait else ["neutral_prompts"]
    assert f"shipped are {', '.join(known)}, and your own" in str(caught.value)


@pytest.mark.parametrize("name", ["neutral_prompts", "", "tests"])
def test_neither_a_prompt_set_nor_nothing_nor_a_folder_is_a_trait(name: str) -> None:
    with pytest.raises(InvalidInput, match="unknown trait"):
        load_trait(name)


def test_a_users_prompts_are_read_in_their_order(tmp_path: Path) -> None:
    assert load_prompts(write(tmp_path, {"prompts": ["b c", "a"]})) == ("b c", "a")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"prompts": []}, "2: prompts must have 1 or more entries, got 0"),
        (
            {"prompts": ["a", "b", "a "]},
            "5: prompts[2] must occur once, got the text of prompts[0]",
        ),
        ({"prompts": ["a", {}]}, "4: prompts[1] must be a string, got an object"),
        ({"prompt": ["a"]}, "1: the file needs the field 'prompts' (a list), got none; add it"),
    ],
)
def test_wrong_prompts_are_named_with_their_line(
    tmp_path: Path, content: dict, expected: str
) -> None:
    path = write(tmp_path, content)
    assert complaint(path, load_prompts).startswith(f"{path}, line {expected}")
