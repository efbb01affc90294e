"""Files of vectors: damaged, lying, hostile, or holding something that is no steering vector."""

from __future__ import annotations

import numpy as np

from llm_validation.vectors import SteeringVector, read_vector, read_vectors, write_vectors
from tests.bad_input.case import Answered, Refused, Room
from tests.bad_input.vector_files import VALUES
from tests.llm_validation.architectures import WIDTH


def read(name: str, **options):
    """Reads that file; the layer is said unless the file has to say it."""
    return lambda room: read_vector(room.files / name, **({"layer": 1} | options))


def write(name: str, values=VALUES, layer: int = 1):
    """Writes a vector of these values into the folder of the case."""
    return lambda room: write_vectors(room.out / name, SteeringVector(values, layer))


def written_and_read(name: str, values=VALUES):
    """What comes back from a file that was just written, and deleted again."""

    def call(room: Room) -> np.ndarray:
        path = room.out / name
        write_vectors(path, SteeringVector(values, 1))
        found = read_vector(path, layer=1).vector
        path.unlink()
        return found

    return call


REFUSED = (
    Refused("no such file", read("nothing.npy"), "check the path"),
    Refused("an empty file", read("empty.npy"), "it is empty; write it again"),
    Refused("a folder", read("folder.npy"), "must be a plain file"),
    Refused("a pipe", read("pipe.npy"), "must be a plain file"),
    Refused("a link to itself", read("loop.npy"), "check the path"),
    Refused("a NUL in the name", read("v\0.npy"), "check the path"),
    Refused("a name that is too long", read("v" * 5_000 + ".npy"), "check the path"),
    Refused("a file of 2 GiB", read("large.npy"), "Save the vectors alone"),
    Refused("a text file", read("v.txt"), "in one of these formats"),
    Refused("a name without a suffix", read("v"), "in one of these formats"),
    Refused("text called npy", read("text.npy"), "a whole npy file"),
    Refused("a pickle in npy", read("pickled.npy"), "Python objects are never read"),
    Refused("a zip bomb in npz", read("bomb.npz"), "in one of these formats"),
    Refused("a zip bomb called npy", read("bomb.npy"), "a whole npy file"),
    Refused("npy of 8 TiB, it says", read("long.npy"), "too short for the shape"),
    Refused("npy of -1 entries", read("negative.npy"), "too short for the shape"),
    Refused("npy with a header 3,000 deep", read("deep.npy"), "a whole npy file"),
    Refused("complex numbers", read("complex.npy"), "must be real numbers"),
    Refused("words", read("words.npy"), "must be real numbers"),
    Refused("NaN", read("nan.npy"), "extract it again"),
    Refused("zeros", read("zero.npy"), "steers nothing"),
    Refused("1e-300", read("tiny.npy"), "in the range of float32"),
    Refused("1e300", read("great.npy"), "in the range of float32"),
    Refused("one number", read("scalar.npy"), "must be (d,)"),
    Refused("another width", read("narrow.npy", width=WIDTH), "take it from the same model"),
    Refused("rows without a model", read("rows.npy"), "save the one row that is meant"),
    Refused(
        "rows that are not the layers of the model",
        lambda room: read_vectors(room.files / "rows.npy", model=room.model),
        "save the row that is meant",
    ),
    Refused(
        "a layer that the model has not",
        lambda room: read_vector(room.files / "v.npy", layer=4, model=room.model),
        "between -4 and 3",
    ),
    Refused("a layer as text", read("v.npy", layer="1"), "layer must be an integer"),
    Refused("a layer True", read("v.npy", layer=True), "layer must be an integer"),
    Refused("a negative layer without a model", read("v.npy", layer=-1), "0 or more"),
    Refused("a layer that is not there", read("v.gguf", layer=2), "choose one of them"),
    Refused("a key that is not there", read("v.pt", key="layer.2"), "did you mean 'layer.1'?"),
    Refused("a key that is a number", read("v.pt", key=3), "unknown key 3"),
    Refused("a key of a file without any", read("v.npy", key="v"), "leave key= out"),
    Refused(
        "a layer that the file does not say",
        lambda room: read_vectors(room.files / "v.npy"),
        "give layer=",
    ),
    Refused("a pickle that runs code", read("trap.pt"), "it was not run"),
    Refused("a bare pickle that runs code", read("bare.pt"), "must be saved again"),
    Refused("a zip bomb called pt", read("bomb.pt"), "compressed or longer than the file"),
    Refused("a stride of 0", read("stride.pt"), "larger than the file"),
    Refused("a sparse tensor", read("sparse.pt"), "it was not run"),
    Refused("safetensors that overlap", read("overlapping.safetensors"), "a whole safetensors"),
    Refused("safetensors past the end", read("past.safetensors"), "a whole safetensors"),
    Refused("safetensors with a gap", read("gap.safetensors"), "a whole safetensors"),
    Refused("a header of 2^60 bytes", read("long.safetensors"), "a whole safetensors"),
    Refused("a header 10,000 deep", read("deep.safetensors"), "a whole safetensors"),
    Refused("safetensors of nothing", read("none.safetensors"), "save the vectors in float32"),
    Refused("a GGUF string of 2^60 bytes", read("string.gguf"), "past its end"),
    Refused("a GGUF array of 2^62 entries", read("array.gguf"), "past its end"),
    Refused("a GGUF of 2^62 tensors", read("many.gguf"), "past its end"),
    Refused("a GGUF model", read("model.gguf"), "give the vectors, not a model"),
    Refused("GGUF tensors that overlap", read("overlapping.gguf"), "or in another"),
    Refused("a GGUF tensor of 2^61 numbers", read("past.gguf"), "past its end"),
    Refused("JSON 10,000 deep", read("deep.json"), "a whole JSON file"),
    Refused("half a JSON file", read("half.json"), "a whole JSON file"),
    Refused("NaN in JSON", read("nan.json"), "which is not a number"),
    Refused("numbers as text", read("words.json"), "a list of numbers"),
    Refused("a number of 5,000 digits", read("number.json"), "a whole JSON file"),
    Refused("an integer of 400 digits", read("great.json"), "scale it"),
    Refused("rows of two lengths", read("ragged.json"), "lists of equal length"),
    Refused("a layer that is there twice", read("twice.json"), "more than once"),
    Refused("JSON without a list", read("none.json"), "got none; add it"),
    Refused("writing NaN", write("a.npy", np.nan * VALUES), "extract it again"),
    Refused("writing zeros", write("a.pt", 0 * VALUES), "not zero"),
    Refused("writing 1e300", write("a.json", 1e300 * VALUES), "scale it"),
    Refused("writing 1e-300", write("a.json", 1e-300 * VALUES), "scale it"),
    Refused("writing a matrix", write("a.npy", np.eye(2)), "must be (d,)"),
    Refused("writing layer -1", write("a.npy", layer=-1), "layers from 0"),
    Refused("writing layer 0 to GGUF", write("a.gguf", layer=0), "choose .safetensors"),
    Refused("writing an unknown format", write("a.zip"), "in one of these formats"),
    Refused("writing beyond a folder", write("none/a.npy"), "choose a directory"),
    Refused("writing over a folder", write("kept.npy"), "cannot write"),
    Refused("writing under a file", write("kept.txt/a.npy"), "cannot write"),
    Refused("writing a name too long", write("a" * 250 + ".npy"), "cannot write"),
    Refused(
        "writing nothing",
        lambda room: write_vectors(room.out / "a.pt", []),
        "at least one steering vector",
    ),
    Refused(
        "writing two vectors into npy",
        lambda room: write_vectors(
            room.out / "a.npy", [SteeringVector(VALUES, 1), SteeringVector(VALUES, 2)]
        ),
        "choose .safetensors for several",
    ),
)

ANSWERED = (
    Answered("width 2", written_and_read("a.npy", VALUES[:2]), lambda v: v.shape == (2,)),
    Answered(
        "the smallest that float32 holds",
        written_and_read("a.gguf", VALUES * np.finfo(np.float32).tiny),
        lambda v: np.allclose(v / np.finfo(np.float32).tiny, VALUES, rtol=1e-6),
    ),
    Answered("a name in unicode", written_and_read("é ✨.json"), lambda v: (v == VALUES).all()),
    Answered(
        "a name with spaces and quotes", written_and_read("a 'b' \"c\".pt"), lambda v: v.any()
    ),
    Answered(
        "a link is replaced, and what it leads to stays",
        lambda room: _through_a_link(room),
        lambda kept: kept == "kept",
    ),
)


def _through_a_link(room: Room) -> str:
    link = room.out / "link.npy"
    link.symlink_to("kept.txt")
    write_vectors(link, SteeringVector(VALUES, 1))
    assert not link.is_symlink()
    link.unlink()
    return (room.out / "kept.txt").read_text()
