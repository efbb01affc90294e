"""Every command's help ends with examples, and what they say exists."""

import re
import shlex

import pytest
import typer.main
from typer.testing import CliRunner

from identifiability.cli import PROGRAM, app
from identifiability.notebooks import lessons
from identifiability.reporting.drawing import FORMATS
from llm_validation.audit.observable import Observable
from llm_validation.claims.registry import claims
from llm_validation.contrast import METHODS
from llm_validation.dataset import load_trait
from llm_validation.embedded import EMBEDDED
from llm_validation.vectors.write import check_target
from proofs.ledger import select as theorems
from toy_models.matrix import select as methods

ROOT = typer.main.get_command(app)
WIDTH = 80
with ROOT.make_context(PROGRAM, ["--help"], resilient_parsing=True) as _context:
    NAMES = ROOT.list_commands(_context)
    COMMANDS = {name: ROOT.get_command(_context, name) for name in NAMES}


def _help(name):
    environment = {"COLUMNS": str(WIDTH), "NO_COLOR": "1", "TERM": "dumb"}
    done = CliRunner().invoke(app, [name, "--help"], env=environment)
    assert done.exit_code == 0
    return re.sub(r"\x1b\[[\d;]*m", "", done.stdout)


def _examples(name):
    _, heading, after = _help(name).partition("\n Examples ")
    assert heading, f"{name} --help has no examples"
    return [line.strip() for line in after.splitlines() if line.strip()]


def _parsed(example):
    """The command and the values that a shell line gives it; parsed as by the command itself."""
    words = shlex.split(example, comments=True)
    words = words[: words.index("|")] if "|" in words else words
    assert words[0] == PROGRAM
    name, *rest = words[1:]
    return name, COMMANDS[name].make_context(name, rest).params


@pytest.mark.parametrize("name", NAMES)
def test_each_command_has_examples_of_itself_that_fit_the_line(name):
    lines = _examples(name)
    assert all(line.startswith(f"{PROGRAM} ") for line in lines), "an example was wrapped"
    assert max(map(len, lines)) <= WIDTH - 2
    assert sum(line.split()[1] == name for line in lines) >= 2
    assert len(set(lines)) == len(lines)


@pytest.mark.parametrize("name", NAMES)
def test_each_example_has_options_and_values_that_exist(name):
    for example in _examples(name):
        command, given = _parsed(example)
        _check(command, given)


def _check(command, given):
    """Raises where a name in an example is none of ours."""
    if command == "proofs":
        theorems(given["theorems"] or [])
    if command == "toy":
        methods(given["methods"] or [])
    if command == "notebooks":
        assert set(given["names"] or []) <= set(lessons())
    if command == "llm":
        claims(given["claim"] or [])
    if command == "audit":
        Observable.parse(given["observe"])
    if command == "extract":
        assert given["method"] in METHODS
        layers = [int(layer) for layer in given["layer"] or [] if layer != "all"]
        check_target(given["to"], layers)
    if command == "report":
        assert set((given["formats"] or "pdf").split(",")) <= set(FORMATS)
    if command == "models":
        assert given["prepare"] in {None, *EMBEDDED}
    traits = given.get("trait") or []
    for trait in [traits] if isinstance(traits, str) else traits:
        if not trait.endswith(".json"):  # a file of the reader's own
            load_trait(trait)


def test_an_example_with_an_option_that_is_gone_would_be_found():
    with pytest.raises(typer.TyperException, match="No such option"):
        _parsed("identifiability proofs N1 --workers 2 --gone 1")


@pytest.mark.parametrize("name", NAMES)
def test_every_option_says_what_it_is(name):
    assert [one.name for one in COMMANDS[name].params if not getattr(one, "help", None)] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_command_can_be_quiet(name):
    assert "--quiet" in [option for one in COMMANDS[name].params for option in one.opts]


@pytest.mark.parametrize("name", ["verify", "proofs", "toy", "llm", "extract", "audit", "models"])
def test_every_command_with_results_gives_them_as_json(name):
    assert "--json" in [option for one in COMMANDS[name].params for option in one.opts]
