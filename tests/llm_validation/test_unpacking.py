"""Extraction: everything, inside its folder, or one sentence."""

from __future__ import annotations

import stat

import pytest

from identifiability.errors import InvalidInput
from llm_validation.unpacking import unzip
from tests.llm_validation.zips import zipped


def test_a_zip_is_extracted_with_its_folders(tmp_path):
    (tmp_path / "a.zip").write_bytes(zipped({"x/": b"", "x/y/z": b"deep", "w": b"top"}))
    (tmp_path / "out").mkdir()
    unzip(tmp_path / "a.zip", tmp_path / "out")
    assert (tmp_path / "out/x/y/z").read_bytes() == b"deep"
    assert (tmp_path / "out/w").read_bytes() == b"top"


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/evil", "a/../../out2/evil"])
def test_a_zip_writes_nothing_outside_its_folder(tmp_path, name):
    (tmp_path / "a.zip").write_bytes(zipped({"good": b"1", name: b"2"}))
    (tmp_path / "out").mkdir()
    with pytest.raises(InvalidInput, match=r"expected plain files inside one folder") as raised:
        unzip(tmp_path / "a.zip", tmp_path / "out")
    assert "\n" not in str(raised.value)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.zip", "out"]


def test_a_link_in_a_zip_is_refused(tmp_path):
    (tmp_path / "a.zip").write_bytes(zipped({"link": b"/etc"}, stat.S_IFLNK | 0o777))
    (tmp_path / "out").mkdir()
    with pytest.raises(InvalidInput, match="the entry 'link', expected plain files"):
        unzip(tmp_path / "a.zip", tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("damage", ["cut", "flipped", "text"])
def test_a_damaged_zip_is_one_sentence(tmp_path, damage):
    whole = zipped({"file": b"content " * 100})
    flipped = whole[:100] + b"#" + whole[101:]
    content = {"cut": whole[:-30], "flipped": flipped, "text": b"no zip at all"}[damage]
    (tmp_path / "a.zip").write_bytes(content)
    (tmp_path / "out").mkdir()
    with pytest.raises(InvalidInput, match="must be a whole zip file, it is damaged") as raised:
        unzip(tmp_path / "a.zip", tmp_path / "out")
    assert "\n" not in str(raised.value)
