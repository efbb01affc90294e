"""Which paths are looked into at all, and how a file's words come into a sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from identifiability.errors import InvalidInput
from llm_validation.vectors.contents import MAX_BYTES, damaged, file_size, listed
from tests.llm_validation.vectors.examples import written


def test_the_size_is_that_of_the_file(tmp_path):
    assert file_size(written(tmp_path / "v.npy", b"12345")) == 5


def test_what_is_no_plain_file_is_one_sentence(tmp_path):
    os.mkfifo(tmp_path / "pipe.npy")  # nobody writes to it: opening it would wait for good
    (tmp_path / "dev.npy").symlink_to("/dev/zero")
    (tmp_path / "dir.npy").mkdir()
    for name in ("pipe.npy", "dev.npy", "dir.npy"):
        with pytest.raises(InvalidInput, match=f"{name} must be a plain file; check the path"):
            file_size(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("none.npy", "cannot read .*none.npy: No such file or directory; check the path"),
        ("nul\0.npy", "cannot read .*: embedded null byte; check the path"),
        ("n" * 300, "cannot read .*: File name too long"),
    ],
)
def test_what_cannot_be_opened_is_one_sentence(tmp_path, name, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        file_size(tmp_path / name)


def test_an_empty_or_enormous_file_is_refused_unread(tmp_path):
    with pytest.raises(InvalidInput, match="it is empty; write it again"):
        file_size(written(tmp_path / "v.npy", b""))
    with (tmp_path / "model.npy").open("wb") as stream:
        stream.truncate(MAX_BYTES + 2**20)
    with pytest.raises(InvalidInput, match="at most 1024 MiB, got 1025 MiB; is it a model"):
        file_size(tmp_path / "model.npy")


def test_a_sentence_stays_one_line_of_bounded_length():
    error = damaged(Path("v.npy"), "npy", "several\nlines " + "x" * 500)
    assert "several lines x" in str(error)
    assert len(str(error)) < 300
    assert str(damaged(Path("v.npy"), "npy", MemoryError())).count("MemoryError") == 1
    names = listed(["a\nb", "x" * 500, *range(3, 20)])
    assert names.startswith(r"'a\nb', 'xxx")
    assert names.endswith("11, 12 and 7 more")
    assert len(names) < 150
