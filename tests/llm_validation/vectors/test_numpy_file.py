"""Arrays of any real dtype, and headers that lie."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile

import numpy as np
import pytest

from identifiability.errors import InvalidInput
from llm_validation.vectors import read_vector
from llm_validation.vectors.numpy_file import encoded, read
from tests.llm_validation.vectors.examples import written


@pytest.mark.parametrize("dtype", ["<f8", ">f8", "<f4", "<f2", "<i4", "|u1"])
@pytest.mark.parametrize("shape", [(6,), (1, 6), (1, 1, 6)])
def test_every_real_array_of_one_vector_is_read(tmp_path, dtype, shape):
    values = np.arange(1, 7).astype(dtype).reshape(shape)
    np.save(tmp_path / "v.npy", values)
    assert read_vector(tmp_path / "v.npy", layer=0).vector.tolist() == [1, 2, 3, 4, 5, 6]


def test_columns_first_is_not_rows_first(tmp_path):
    values = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    np.save(tmp_path / "v.npy", values)
    assert (read(tmp_path / "v.npy").arrays[""] == values).all()


def test_a_long_header_of_version_2_is_read(tmp_path):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.arange(3.0), version=(2, 0))
    assert read(written(tmp_path / "v.npy", stream.getvalue())).arrays[""].tolist() == [0, 1, 2]


def headed(header: str, version: tuple[int, int] = (1, 0)) -> bytes:
    return b"\x93NUMPY" + bytes(version) + struct.pack("<H", len(header)) + header.encode()


def stated(shape: str, descr: str = "'<f8'") -> bytes:
    return headed(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}") + bytes(64)


class Hostile:
    """Raises if it is ever unpickled."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('a pickle ran')",))


def zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("v.npy", bytes(10**7))
    return stream.getvalue()


def of_objects() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array([Hostile()], object), allow_pickle=True)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (of_objects(), "got object: Python objects are never read"),
        (pickle.dumps(Hostile()), "the magic string is not correct"),
        (zipped(), "the magic string is not correct"),
        (stated("(9,)"), r"too short for the shape \(9,\)"),
        (stated("(10**12,)"), "malformed"),
        (stated("(1000000000000,)"), "too short for the shape"),
        (stated("(4611686018427387904, 4)"), "too short for the shape"),
        (stated("(-1,)"), r"too short for the shape \(-1,\)"),
        (stated("(-2, -2)"), r"too short for the shape \(-2, -2\)"),
        (stated("(2,)", "'|V0'"), r"must hold numbers, got \|V0"),
        (stated("2"), "shape is not valid"),
        (stated("(2,)", "'rubbish'"), "descr is not a valid dtype"),
        (headed("-" * 9900), "MemoryError|Recursion|malformed|too many|parser"),
        (headed("(" * 9900), "must be a whole npy"),
        (headed("[" * 65000), "Header info length"),
        (headed("{}", (3, 0)), r"version \(3, 0\), expected 1.0 or 2.0"),
        (b"\x93NUMPY\x01\x00\xff\xff{", "must be a whole npy"),
    ],
)
def test_a_header_that_lies_is_one_sentence(tmp_path, content, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        read(written(tmp_path / "v.npy", content))


@pytest.mark.parametrize("descr", ["'<c16'", "'|b1'", "[('a', '<f8')]", "'<U1'", "'<M8[s]'"])
def test_what_is_no_real_number_is_refused_as_a_vector(tmp_path, descr):
    with pytest.raises(InvalidInput, match="its vector must be real numbers, got"):
        read_vector(written(tmp_path / "v.npy", stated("(2,)", descr)), layer=1)


def test_one_vector_fits():
    with pytest.raises(InvalidInput, match=r"a .npy file holds one vector, got 2; choose .safet"):
        encoded({1: np.ones(3), 2: np.ones(3)}, {})
