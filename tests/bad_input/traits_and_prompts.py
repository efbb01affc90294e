"""Trait files, prompt files and results files."""

from __future__ import annotations

from identifiability.reporting.build import build_report
from identifiability.results import json_target, output_directory, read_json
from llm_validation.audit.apply import Further
from llm_validation.audit.observable import Observable
from llm_validation.audit.prompts import Halves, read_prompts
from llm_validation.dataset import load_prompts, load_trait
from tests.bad_input.case import Answered, Refused


def trait(name: str):
    return lambda room: load_trait(room.files / name)


def prompts(name: str):
    return lambda room: read_prompts(room.files / name)


def results(name: str):
    return lambda room: read_json(room.files / name / "results.json")


REFUSED = (
    Refused("an unknown trait", lambda _: load_trait("formalty"), "did you mean 'formality'?"),
    Refused("a trait of 100,000 characters", lambda _: load_trait("a" * 100_000), "shipped are"),
    Refused("a trait on another path", lambda _: load_trait("../formality"), "check the path"),
    Refused("no such trait file", trait("no.json"), "check the path"),
    Refused("a trait file that is a pipe", trait("pipe.json"), "must be a plain file"),
    Refused("a trait file that is a folder", trait("model"), "must be a plain file"),
    Refused("a trait file of 2 GiB", trait("large.npy"), "at most 256 MiB"),
    Refused("a trait file with a NUL in its name", trait("a\0.json"), "check the path"),
    Refused("a trait file 10,000 deep", trait("deep.json"), "must be JSON"),
    Refused("half a trait file", trait("half.json"), "must be JSON"),
    Refused("a trait file that is no UTF-8", trait("latin.trait.json"), "save the file as UTF-8"),
    Refused("a misspelt field", trait("misspelt.trait.json"), "did you mean 'pairs'?"),
    Refused("a field that is lacking", trait("lacking.trait.json"), "needs the field 'pairs'"),
    Refused("a field twice", trait("field.trait.json"), "more than once"),
    Refused("one pair", trait("one.trait.json"), "2 or more entries"),
    Refused("a prompt twice", trait("repeated.trait.json"), "must occur once"),
    Refused("a pair of equal texts of 100,000 characters", trait("long.trait.json"), "occur once"),
    Refused("a blank name", trait("blank.trait.json"), "must be text"),
    Refused("a number for a text", trait("number.trait.json"), "must be a string, got 3"),
    Refused("half of a surrogate pair", trait("surrogate.trait.json"), "surrogate pair; mend it"),
    Refused("a list for an object", trait("list.trait.json"), "must be an object"),
    Refused("an unknown split", trait("split.trait.json"), "choose or held_out"),
    Refused("an unknown set of prompts", lambda _: load_prompts("neutral"), "neutral_prompts"),
    Refused("a prompt of the set twice", prompts("repeated.prompts.json"), "must occur once"),
    Refused("an empty set of prompts", prompts("none.prompts.json"), "1 or more entries"),
    Refused("a set that is no list", prompts("words.prompts.json"), "must be a list"),
    Refused("no such prompts", prompts("none.txt"), "check the path"),
    Refused("prompts in a pipe", prompts("pipe.npy"), "must be a plain file"),
    Refused("prompts in a folder", prompts("model"), "must be a plain file"),
    Refused("blank lines", prompts("blank.txt"), "it is empty; add some"),
    Refused("prompts that are no UTF-8", prompts("bytes.txt"), "save it as UTF-8"),
    Refused("a line twice", prompts("repeated.txt"), "line 13: the prompt of line 1 again"),
    Refused("a line 10,000 deep", prompts("deep.jsonl"), "line 2: expected one JSON value"),
    Refused("an object without a prompt", prompts("object.jsonl"), "a 'prompt' or a 'text'"),
    Refused("half of a surrogate in a line", prompts("surrogate.jsonl"), "surrogate pair; mend it"),
    Refused("half a JSON line", prompts("half.jsonl"), "line 1: expected one JSON value"),
    Refused("seven prompts", lambda _: Halves.of(list("abcdefg"), 32, 0), "at least 8 prompts"),
    Refused("an unknown observable", lambda _: Observable.parse("tokens"), "next-token"),
    Refused("the 0 likeliest", lambda _: Observable.parse("topk:0"), "K from 1 up"),
    Refused("the 5,000 digits likeliest", lambda _: Observable.parse("topk:" + "9" * 5_000), "K"),
    Refused("a superscript", lambda _: Observable.parse("topk:²"), "K from 1 up"),
    Refused("a score of no trait", lambda _: Observable.parse("score:"), "score:formality"),
    Refused("no key to apply", lambda _: Further.parse("environments"), "KEY=VALUE"),
    Refused("an unknown key to apply", lambda _: Further.parse("layer=3"), "'layers'?"),
    Refused("no results", results("nowhere"), "--out of verify, toy, llm or audit"),
    Refused("results that are no JSON", results("not_json"), "write it with --out of"),
    Refused("results of no bytes", results("empty"), "write it with --out of"),
    Refused("results that are no UTF-8", results("latin"), "write it with --out of"),
    Refused("results 10,000 deep", results("deep"), "write it with --out of"),
    Refused("results with NaN", results("nan"), "a missing number is null"),
    Refused("results with 5,000 digits", results("number"), "write it with --out of"),
    Refused("results of another schema", results("schema"), "got 99; run its command again"),
    Refused("results that are a list", results("list"), "got list; run its command again"),
    Refused("results in a pipe", results("pipe"), "must be a plain file"),
    Refused("results in a folder", results("nested"), "must be a plain file"),
    Refused("results under a file", results("v.npy"), "check the path"),
    Refused(
        "a report of results without their origin",
        lambda room: build_report(room.files / "nameless"),
        "got no provenance",
    ),
    Refused("output to a file", lambda room: output_directory(room.out / "kept.txt"), "directory"),
    Refused("output to a NUL", lambda room: output_directory(room.out / "\0"), "choose another"),
    Refused(
        "output to a name too long",
        lambda room: output_directory(room.out / ("a" * 5_000)),
        "choose another",
    ),
    Refused("JSON to a folder", lambda room: json_target(room.out), "name a file"),
    Refused("JSON beyond a folder", lambda room: json_target(room.out / "a" / "b"), "name a file"),
    Refused("JSON to a NUL", lambda room: json_target(room.out / "a\0"), "name a file"),
    Refused(
        "JSON to a name too long",
        lambda room: json_target(room.out / ("a" * 250)),
        "name a file",
    ),
)

ANSWERED = (
    Answered(
        "a trait in unicode, with a byte order mark",
        trait("unicode.trait.json"),
        lambda found: found.name == "Höflichkeit ✨" and "\u202e" in found.description,
    ),
    Answered(
        "prompts of 100,000 characters",
        trait("long2.trait.json"),
        lambda found: found.pairs[-1].positive == "p" * 100_000,
    ),
    Answered(
        "prompts in unicode, two of them spelt alike",
        prompts("unicode.txt"),
        lambda found: len(found) == 4 and found[2] != found[3],
    ),
    Answered(
        "one prompt of 100,000 characters",
        prompts("one.txt"),
        lambda found: len(found[0]) == 100_000,
    ),
)
