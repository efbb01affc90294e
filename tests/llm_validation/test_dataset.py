"""The shipped prompts are what they claim to be, and a wrong file is told where it is wrong."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import llm_validation.dataset
from identifiability.errors import InvalidInput
from llm_validation.dataset import SPLITS, ContrastivePair, load_prompts, load_trait, main

DATA = Path(llm_validation.dataset.__file__).with_name("data")
FILES = sorted(file for file in DATA.glob("*.json") if not file.name.endswith(".schema.json"))
# From the folder, so that a trait that is added is tested.
TRAITS = [file.stem for file in FILES if file.stem != "neutral_prompts"]
ENVIRONMENTS = ["in_distribution", "topic_shift", "genre_shift", "safety_style"]
SCHEMA = Draft202012Validator(json.loads((DATA / "trait.schema.json").read_text(encoding="utf-8")))
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


# --- a user's own file -------------------------------------------------------------------------


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


@pytest.mark.parametrize(("edit", "expected"), EVERY_WRONG, ids=[e for _, e in EVERY_WRONG])
def test_a_wrong_entry_is_named_with_its_line(tmp_path: Path, edit, expected: str) -> None:
    content = whole_trait()
    edit(content)
    path = write(tmp_path, content)
    assert complaint(path).startswith(f"{path}, line {expected}")


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


# --- the checker -------------------------------------------------------------------------------


def test_the_checker_counts_what_a_good_file_holds(tmp_path: Path, capsys) -> None:
    bare = write(tmp_path, good_trait(), "bare.json")
    whole = write(tmp_path, whole_trait(), "whole.json")
    assert main([str(bare), str(whole)]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out.splitlines() == [
        f"{bare}: brevity; 3 pairs; completions: choose 1, held_out 1; environments: none; "
        "instructions: none",
        f"{whole}: brevity; 3 pairs; completions: choose 1, held_out 1; "
        "environments: law 2, sea salt 2; instructions: both",
    ]


def test_the_checker_goes_on_after_a_wrong_file_and_ends_with_status_2(tmp_path: Path) -> None:
    wrong = write(tmp_path, {**whole_trait(), "instructions": None}, "wrong.json")
    good = write(tmp_path, good_trait(), "good.json")
    arguments = [sys.executable, "-m", "llm_validation.dataset", str(wrong), str(good)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == f"{wrong}, line 36: instructions must be an object, got null\n"
    assert done.stdout.startswith(f"{good}: brevity; 3 pairs; ")
    assert done.stdout.count("\n") == 1


def test_the_checker_takes_a_shipped_name_for_a_path_and_nothing_for_wrong_use(
    tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["formality"]) == 2
    assert capsys.readouterr().err.startswith("cannot read formality: ")
    assert main([]) == 2
    assert capsys.readouterr().err == "give the trait files to check: FILE...\n"
