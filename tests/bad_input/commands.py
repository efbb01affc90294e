"""Command lines: what each command refuses before it runs or writes anything."""

from __future__ import annotations

from tests.bad_input.case import Misused
from tests.bad_input.text_files import LONG_NUMBER

_AUDIT = ("--model", "{model}", "--layer", "1", "--prompts", "{files}/prompts.txt", "--out")
_EXTRACT = ("extract", "--model", "{model}", "--trait", "{files}/trait.json")


def audit(vector: str, *more: str) -> tuple[str, ...]:
    """An audit on the small model into a new folder, where later options win."""
    return ("audit", f"{{files}}/{vector}", *_AUDIT, "{out}/new", *more)


def extract(*more: str) -> tuple[str, ...]:
    """An extraction on the small model."""
    return (*_EXTRACT, *more)


def claims(*more: str) -> tuple[str, ...]:
    """Claims on the small model into a new folder, where later options win."""
    return ("llm", "--model", "{model}", "--out", "{out}/new", *more)


ROOT = (
    Misused("an unknown command", ("audt",), "did you mean 'audit'?"),
    Misused("a command of 100,000 characters", ("a" * 100_000,), "unknown command"),
    Misused("an unknown option", ("--verbose",), "No such option"),
    Misused("a command on another path", ("../verify",), "unknown command"),
)

THEOREMS_AND_TOYS = (
    Misused("verify into a file", ("verify", "--out", "{out}/kept.txt"), "must be a directory"),
    Misused("verify with no worker", ("verify", "--workers", "0"), "greater than or equal"),
    Misused("verify with a seed of -1", ("verify", "--seed", "-1"), "greater than or equal"),
    Misused("verify with a word for a seed", ("verify", "--seed", "one"), "a valid integer"),
    Misused("verify with an argument too many", ("verify", "now"), "unexpected extra argument"),
    Misused("an unknown theorem", ("proofs", "N77"), "did you mean 'N"),
    Misused("a theorem on another path", ("proofs", "../../N1"), "unknown theorem"),
    Misused("a theorem of 100,000 characters", ("proofs", "N" * 100_000), "unknown theorem"),
    Misused("the beginning of several", ("proofs", "environments"), "write more of it"),
    Misused("proofs into a folder", ("proofs", "N1", "--json", "{out}"), "name a file"),
    Misused("proofs beyond a folder", ("proofs", "N1", "--json", "{out}/a/b"), "name a file"),
    Misused("proofs of seed -1", ("proofs", "N1", "--seed", "-1"), "greater than or equal"),
    Misused("an unknown method", ("toy", "icaa"), "did you mean 'ica'?"),
    Misused("no seeds", ("toy", "ica", "--seeds", "0"), "greater than or equal"),
    Misused("a toy into a file", ("toy", "ica", "--out", "{out}/kept.txt"), "must be a directory"),
    Misused(
        "a toy to a name too long",
        ("toy", "ica", "--json", "{out}/" + "a" * 250),
        "name a file",
    ),
)

EXTRACTION = (
    Misused("an unknown recipe", extract("--to", "{out}/a.pt", "--method", "sum"), "method 'sum'"),
    Misused("an unknown format", extract("--to", "{out}/a.zip"), "in one of these formats"),
    Misused("a vector beyond a folder", extract("--to", "{out}/a/b.pt"), "name a file"),
    Misused("a vector over a folder", extract("--to", "{out}/kept.npy"), "name a file"),
    Misused("a layer as a word", extract("--to", "{out}/a.pt", "--layer", "last"), 'or "all"'),
    Misused(
        "a layer that is not there",
        extract("--to", "{out}/a.pt", "--layer", "4"),
        "between -4 and 3",
    ),
    Misused(
        "a layer of 5,000 digits",
        extract("--to", "{out}/a.pt", "--layer", LONG_NUMBER),
        "layer must be",
    ),
    Misused(
        "layer 0 to GGUF", extract("--to", "{out}/a.gguf", "--layer", "0"), "choose .safetensors"
    ),
    Misused(
        "all layers to npy", extract("--to", "{out}/a.npy", "--layer", "all"), "holds one vector"
    ),
    Misused(
        "a trait that is broken",
        extract("--to", "{out}/a.pt", "--trait", "{files}/one.trait.json"),
        "2 or more entries",
    ),
    Misused(
        "a trait that is a pipe",
        extract("--to", "{out}/a.pt", "--trait", "{files}/pipe.json"),
        "must be a plain file",
    ),
    Misused(
        "an unknown trait", extract("--to", "{out}/a.pt", "--trait", "formalty"), "did you mean"
    ),
    Misused(
        "prompts of 100,000 characters",
        extract("--to", "{out}/a.pt", "--trait", "{files}/long.trait.json"),
        "must occur once",
    ),
    Misused("no trait", ("extract", "--to", "{out}/a.pt"), "Missing option '--trait'"),
    Misused(
        "a model that brings code",
        extract("--to", "{out}/a.pt", "--model", "{files}/own_code"),
        "never run",
    ),
    Misused(
        "weights that run code",
        extract("--to", "{out}/a.pt", "--model", "{files}/trapped_weights"),
        "whole weights",
    ),
)

AUDITS = (
    Misused("no such vector", audit("nothing.npy"), "check the path"),
    Misused("a vector that runs code", audit("trap.pt"), "it was not run"),
    Misused("a pickle in npy", audit("pickled.npy"), "never read"),
    Misused("a zip bomb", audit("bomb.npz"), "in one of these formats"),
    Misused("lengths that lie", audit("string.gguf"), "past its end"),
    Misused("offsets that overlap", audit("overlapping.safetensors"), "whole safetensors"),
    Misused("JSON 10,000 deep", audit("deep.json"), "a whole JSON file"),
    Misused("a vector of another width", audit("narrow.npy"), "take it from the same model"),
    Misused("a vector of NaN", audit("nan.npy"), "extract it again"),
    Misused("a vector of zeros", audit("zero.npy"), "steers nothing"),
    Misused("a vector in a pipe", audit("pipe.npy"), "must be a plain file"),
    Misused("a layer that is not there", audit("v.npy", "--layer", "9"), "between -4 and 3"),
    Misused("an encoder", audit("v.npy", "--model", "all-minilm-l6-v2"), "is an encoder"),
    Misused("a layer that the file has not", audit("two.gguf", "--layer", "3"), "choose one"),
    Misused("a layer as a word", audit("v.npy", "--layer", "last"), "a valid integer"),
    Misused("epsilon of 0", audit("v.npy", "--epsilon", "0"), "epsilon must be a positive"),
    Misused("epsilon NaN", audit("v.npy", "--epsilon", "nan"), "epsilon must be a positive"),
    Misused("epsilon inf", audit("v.npy", "--epsilon", "inf"), "epsilon must be a positive"),
    Misused("epsilon 1e-300", audit("v.npy", "--epsilon", "1e-300"), "epsilon must lie in [1e-140"),
    Misused("a negative strength", audit("v.npy", "--alpha", "-1"), "alpha must be a positive"),
    Misused("strength 1e100", audit("v.npy", "--alpha", "1e100"), "must fit torch.float32"),
    Misused("strength 1e300", audit("v.npy", "--alpha", "1e300"), "alpha must lie in [1e-140"),
    Misused("four prompts", audit("v.npy", "--count", "4"), "greater than or equal"),
    Misused("an unknown observable", audit("v.npy", "--observe", "tokens"), "next-token"),
    Misused("the 0 likeliest", audit("v.npy", "--observe", "topk:0"), "K from 1 up"),
    Misused(
        "the 5,000 digits likeliest",
        audit("v.npy", "--observe", f"topk:{LONG_NUMBER}"),
        "K from 1 up",
    ),
    Misused("all 67 words", audit("v.npy", "--observe", "topk:67"), "K between 1 and 66"),
    Misused("more words than there are", audit("v.npy", "--observe", "topk:999999999"), "got 9999"),
    Misused("a score with prompts", audit("v.npy", "--observe", "score:formality"), "leave"),
    Misused("an unknown trait", audit("v.npy", "--trait", "formalty"), "did you mean"),
    Misused(
        "a trait without completions",
        audit("v.npy", "--trait", "{files}/trait.json"),
        "completions",
    ),
    Misused("no such prompts", audit("v.npy", "--prompts", "{files}/no.txt"), "check the path"),
    Misused("too few prompts", audit("v.npy", "--prompts", "{files}/few.txt"), "at least 8"),
    Misused("a prompt twice", audit("v.npy", "--prompts", "{files}/repeated.txt"), "again"),
    Misused(
        "a prompt twice, spaced otherwise",
        audit("v.npy", "--prompts", "{files}/tokens.txt"),
        "must differ in their tokens",
    ),
    Misused(
        "a prompt beyond the context",
        audit("v.npy", "--prompts", "{files}/long.txt"),
        "must fit the context",
    ),
    Misused("blank prompts", audit("v.npy", "--prompts", "{files}/blank.txt"), "add some"),
    Misused("prompts in a pipe", audit("v.npy", "--prompts", "{files}/pipe.npy"), "plain file"),
    Misused("no vector to compare", audit("v.npy", "--compare", "{files}/no.npy"), "the path"),
    Misused("nothing to apply", audit("v.npy", "--apply", "environments"), "KEY=VALUE"),
    Misused("an unknown key to apply", audit("v.npy", "--apply", "layer=3"), "'layers'?"),
    Misused("the same layer applied", audit("v.npy", "--apply", "layers=1"), "apply another"),
    Misused("a layer that is none", audit("v.npy", "--apply", "layers=9"), "between -4 and 3"),
    Misused("no layer applied", audit("v.npy", "--apply", "layers=x"), "such as 10 or 10,20"),
    Misused(
        "environments that are not there",
        audit("v.npy", "--apply", "environments={files}/no.json"),
        "check the path",
    ),
    Misused(
        "environments in a pipe",
        audit("v.npy", "--apply", "environments={files}/pipe.json"),
        "must be a plain file",
    ),
    Misused(
        "a trait without environments",
        audit("v.npy", "--apply", "environments={files}/trait.json"),
        "it has none; add some",
    ),
    Misused(
        "further prompts that are blank",
        audit("v.npy", "--apply", "prompts={files}/blank.txt"),
        "add some",
    ),
    Misused(
        "further prompts that choose already",
        audit("v.npy", "--apply", "prompts={files}/prompts.txt"),
        "choose the class already; remove them",
    ),
    Misused("an audit into a file", audit("v.npy", "--out", "{out}/kept.txt"), "kept.txt"),
    Misused("no vector", ("audit",), "Missing argument"),
)

CLAIMS = (
    Misused("a layer as a word", claims("--layer", "last"), "a valid integer"),
    Misused("a layer that is not there", claims("--layer", "4"), "between -4 and 3"),
    Misused("a layer of 5,000 digits", claims("--layer", LONG_NUMBER), "--layer"),
    Misused("one layer of two", claims("--layer", "1", "--layer", "-5"), "between -4 and 3"),
    Misused("no worker", claims("--workers", "0"), "greater than or equal"),
    Misused("a seed of -1", claims("--seed", "-1"), "greater than or equal"),
    Misused("claims into a file", claims("--out", "{out}/kept.txt"), "must be a directory"),
    Misused("claims to JSON in a folder", claims("--json", "{out}"), "name a file"),
    Misused("claims to JSON beyond a folder", claims("--json", "{out}/a/b"), "name a file"),
    Misused("an unknown claim", claims("--claim", "epsilon_nul"), "did you mean"),
    Misused("claim 99", claims("--claim", "99"), "claim '99'"),
    Misused("a misspelt model", claims("--model", "smolm2-135m"), "did you mean 'smollm2-135m'"),
    Misused("a model of 100,000 characters", claims("--model", "a" * 100_000), "unknown model"),
    Misused("an empty folder as a model", claims("--model", "{files}/bare_model"), "config.json"),
    Misused("a file as a model", claims("--model", "{files}/v.npy"), "model"),
    Misused("a model 10,000 deep", claims("--model", "{files}/deep_config"), "config.json"),
    Misused("a model that brings code", claims("--model", "{files}/own_code"), "never run"),
    Misused("weights cut short", claims("--model", "{files}/cut_weights"), "whole weights"),
    Misused("trapped weights", claims("--model", "{files}/trapped_weights"), "whole weights"),
    Misused("a layer beyond the model", claims("--layer", "4"), "between -4 and 3"),
    Misused("an unknown trait", claims("--trait", "formalty"), "did you mean 'formality'?"),
    Misused("a trait in a pipe", claims("--trait", "{files}/pipe.json"), "must be a plain file"),
    Misused("a trait 10,000 deep", claims("--trait", "{files}/deep.json"), "must be JSON"),
    Misused("a trait of one pair", claims("--trait", "{files}/one.trait.json"), "2 or more"),
    Misused("a trait of no Unicode", claims("--trait", "{files}/surrogate.trait.json"), "mend it"),
)

READING = (
    Misused("an unknown notebook", ("notebooks", "null_space", "--out", "{out}/new"), "did you"),
    Misused("a notebook elsewhere", ("notebooks", "../a", "--out", "{out}/new"), "notebook '../a'"),
    Misused("a setting without a value", ("notebooks", "--set", "seed"), "KEY=VALUE"),
    Misused("a setting that is no name", ("notebooks", "--set", "a b=1"), "KEY=VALUE"),
    Misused("no results", ("report", "{out}/nowhere"), "no results at"),
    Misused("a report of a file", ("report", "{out}/kept.txt"), "check the path"),
    Misused("a report of no JSON", ("report", "{files}/not_json"), "write it with --out of"),
    Misused("a report 10,000 deep", ("report", "{files}/deep"), "write it with --out of"),
    Misused("a report of another schema", ("report", "{files}/schema"), "run its command again"),
    Misused("a report of NaN", ("report", "{files}/nan"), "a missing number is null"),
    Misused("a report of 5,000 digits", ("report", "{files}/number"), "write it with --out of"),
    Misused("a report of a pipe", ("report", "{files}/pipe"), "must be a plain file"),
    Misused("an unknown format", ("report", "{files}/nameless", "--format", "exe"), "--format"),
    Misused("a report of no provenance", ("report", "{files}/nameless"), "no provenance"),
    Misused("an unknown model to prepare", ("models", "--prepare", "smolm2-135m"), "did you mean"),
    Misused("a model of 100,000 characters", ("models", "--prepare", "a" * 100_000), "unknown"),
)

MISUSED = ROOT + THEOREMS_AND_TOYS + EXTRACTION + CLAIMS + AUDITS + READING
