"""From ``results.json`` to the report and to files of its figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jinja2 import UndefinedError

from identifiability.choose import shortened, shown_path
from identifiability.errors import InvalidInput
from identifiability.results import WRITTEN_BY, output_directory, read_json, replacing


def build_report(directory: Path, formats: Sequence[str] = ()) -> Path:
    """Write ``report/index.html`` from the results in a directory and return its path.

    Parameters
    ----------
    directory
        As ``verify``, ``toy``, ``llm`` or ``audit`` wrote it. Audits in folders directly in it are
        shown too.
    formats
        Formats in which every figure is also written, to ``figures/`` of the directory: ``pdf``,
        ``svg``, ``png``.

    Raises
    ------
    InvalidInput
        If there are no results, they cannot be read or are not as this version writes them, a
        format is unknown, or the report cannot be written.
    """
    from identifiability.reporting.page import render

    _check_formats(formats)
    with _as_written(directory):
        results = joined(directory)
        page = render(results).encode()  # half of a surrogate pair cannot be
    target = output_directory(directory / "report") / "index.html"
    with replacing(target) as stream:
        stream.write(page)
    if formats:
        with _as_written(directory):
            write_figures(results, directory / "figures", formats)
    return target


@contextmanager
def _as_written(directory: Path) -> Iterator[None]:
    """The results are such as this version writes, or one sentence.

    Nothing describes all that results may hold, so that it is seen where a page or a figure trips
    over it; the error itself is the cause of the one raised.
    """
    try:
        yield
    except InvalidInput:
        raise
    except _NOT_AS_WRITTEN as error:
        what = shortened(f"{type(error).__name__}: {error}")
        raise InvalidInput(
            f"the results in {shown_path(directory)} are not as this version writes them ({what}); "
            f"write them again with {WRITTEN_BY}"
        ) from error


def write_figures(results: dict[str, Any], directory: Path, formats: Sequence[str]) -> list[Path]:
    """Each figure that joined results allow, in each format; the paths."""
    from identifiability.reporting.gallery import every_picture

    output_directory(directory)
    written = []
    for picture in every_picture(results):
        for kind in dict.fromkeys(formats):
            written.append(directory / f"{picture.name}.{kind}")
            with replacing(written[-1]) as stream:
                stream.write(picture.written(kind))
    return written


def joined(directory: Path) -> dict[str, Any]:
    """What a directory holds, as parts of one whole: ``proofs``, ``toy``, ``llm``, ``audits``.

    ``toy``, ``llm`` and ``audit`` write their part on its own, ``verify`` all but audits.
    """
    results = read_json(directory / "results.json")
    if "provenance" not in results:
        raise InvalidInput(
            f"{shown_path(directory / 'results.json')} must say where it comes from, got no "
            f"provenance; write it with {WRITTEN_BY}"
        )
    whole = {"proofs": None, "toy": None, "llm": None, "audits": {}}
    part = next((p for p, key in _PARTS.items() if key in results), None)
    if part is None:
        whole |= results
    else:
        whole |= {key: results[key] for key in ("version", "schema", "provenance")}
        whole |= {part: {"audit": results} if part == "audits" else results}
    beneath = {path.parent.name: path for path in sorted(directory.glob("*/results.json"))}
    found = {name: read_json(path) for name, path in beneath.items()}
    return whole | {
        "audits": whole["audits"] | {n: r for n, r in found.items() if _PARTS["audits"] in r}
    }


# No LookupError: a template that is not there is one, and no fault of the results.
_NOT_AS_WRITTEN = (
    UndefinedError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    ValueError,
    ArithmeticError,
)

# What only that part's results have; an audit has claims too, and comes first.
_PARTS = {"audits": "vector", "toy": "runs", "llm": "claims"}


def _check_formats(formats: Sequence[str]) -> None:
    from identifiability.reporting.drawing import FORMATS

    if unknown := [kind for kind in formats if kind not in FORMATS]:
        raise InvalidInput(
            f"--format must be of {', '.join(FORMATS)}, got {unknown[0]!r}; "
            f"write for example --format {','.join(FORMATS[:2])}"
        )
