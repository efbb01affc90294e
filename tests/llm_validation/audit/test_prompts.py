"""Prompt files of each kind, and the two halves."""

import pytest

from identifiability.errors import InvalidInput
from llm_validation.audit.prompts import Halves, read_prompts
from llm_validation.dataset import load_prompts


def _file(folder, name, text):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", "One two.\n\n  Three?  \n"),
        ("a.jsonl", '"One two."\n{"prompt": "Three?"}\n'),
        ("b.jsonl", '{"text": "One two.", "id": 4}\n\n"Three?"'),
        ("a.json", '{"prompts": ["One two.", "Three?"]}'),
        ("bom.txt", "\ufeffOne two.\nThree?"),
    ],
)
def test_files_of_every_kind(tmp_path, name, text):
    assert read_prompts(_file(tmp_path, name, text)) == ("One two.", "Three?")


def test_without_a_file_the_neutral_ones():
    assert read_prompts(None) == load_prompts()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.txt", "x\ny\nx\n", "line 3: the prompt of line 1 again"),
        ("a.txt", "\n \n", "it is empty"),
        ("a.jsonl", '"x"\n{"prompt": 3}\n', "line 2: expected a string"),
        ("a.jsonl", '"x"\n{bad\n', "line 2: expected one JSON value"),
    ],
)
def test_bad_files(tmp_path, name, text, said):
    with pytest.raises(InvalidInput, match=said):
        read_prompts(_file(tmp_path, name, text))


def test_a_file_that_is_not_there_or_no_text(tmp_path):
    with pytest.raises(InvalidInput, match="cannot read"):
        read_prompts(tmp_path / "none.txt")
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInput, match="UTF-8"):
        read_prompts(tmp_path / "a.txt")


def test_halves_are_disjoint_repeat_and_depend_on_the_seed():
    halves = Halves.of(range(40), 20, seed=3)
    assert len(halves.choosing) == len(halves.measuring) == 10
    assert not set(halves.choosing) & set(halves.measuring)
    assert halves == Halves.of(range(40), 20, seed=3)
    assert halves != Halves.of(range(40), 20, seed=4)


def test_fewer_prompts_than_asked_for_are_all_used_and_too_few_refused():
    halves = Halves.of(range(9), 32, seed=0)
    assert (len(halves.choosing), len(halves.measuring)) == (4, 5)
    with pytest.raises(InvalidInput, match="at least 8 prompts"):
        Halves.of(range(7), 32, seed=0)
