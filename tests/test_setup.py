"""The files of the set-up agree with one another and with what is installed."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
HASHED = [f"requirements/{name}.txt" for name in ("lock", "docs", "bootstrap", "models")]
LOCKS = [*HASHED, "requirements/torch.txt", "constraints.txt"]


def requirement_lines(name: str) -> list[str]:
    """Logical lines of a requirements file: continuations joined, comments dropped."""
    text = (ROOT / name).read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def pins(name: str) -> dict[str, Requirement]:
    """Package name -> its one requirement in a requirements file."""
    found = [Requirement(line.split("--hash")[0].strip()) for line in requirement_lines(name)]
    by_name = {canonicalize_name(requirement.name): requirement for requirement in found}
    assert len(by_name) == len(found), f"{name} names a package twice"
    return by_name


@pytest.mark.parametrize("name", LOCKS)
def test_locks_name_no_place(name: str) -> None:
    text = (ROOT / name).read_text()
    places = re.findall(r"\w+://\S*|(?:^|\s)/\S*| @ .*|^\s*-(?!-hash)\S.*", text, re.MULTILINE)
    assert places == []


@pytest.mark.parametrize("name", LOCKS)
def test_locks_pin_exactly(name: str) -> None:
    for requirement in pins(name).values():
        assert re.fullmatch(r"==[\w.+!]+", str(requirement.specifier)), str(requirement)


@pytest.mark.parametrize("name", HASHED)
def test_locks_carry_hashes(name: str) -> None:
    unhashed = [line for line in requirement_lines(name) if "--hash=sha256:" not in line]
    assert unhashed == []


def test_torch_is_locked_alone_and_without_hash() -> None:
    assert set(pins("requirements/torch.txt")) == {"torch"}
    accelerator = re.compile(r"torch|triton|nvidia-.*|cuda-.*")
    assert [name for name in pins("requirements/lock.txt") if accelerator.fullmatch(name)] == []


def locked_pins() -> dict[str, Requirement]:
    """What a whole environment consists of, the documentation's part included."""
    return {
        name: pin
        for lock in ("lock", "docs", "torch")
        for name, pin in pins(f"requirements/{lock}.txt").items()
    }


def test_the_documentation_adds_pins_and_repeats_none() -> None:
    added = set(pins("requirements/docs.txt"))
    assert "sphinx" in added
    assert added & (set(pins("requirements/lock.txt")) | {"torch"}) == set()


def test_constraints_are_the_locks_without_hashes() -> None:
    locked = locked_pins()
    assert {str(r) for r in pins("constraints.txt").values()} == {str(r) for r in locked.values()}


def test_dependencies_are_locked_within_their_ranges() -> None:
    locked = locked_pins()
    groups = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    for requirement in (Requirement(text) for group in groups for text in group):
        pin = locked[canonicalize_name(requirement.name)]
        version = str(pin.specifier).removeprefix("==")
        assert requirement.specifier.contains(version), f"{pin} is outside {requirement}"


def test_citation_has_the_version_of_the_package() -> None:
    found = re.search(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert found is not None
    assert found[1] == PROJECT["version"]


def unmet(requirement: Requirement, seen: set[str]) -> list[str]:
    """Requirements below this one that the environment does not meet, each said once."""
    if str(requirement) in seen:
        return []
    seen.add(str(requirement))
    try:
        installed = distribution(requirement.name)
    except PackageNotFoundError:
        return [f"{requirement} is not installed"]
    if not requirement.specifier.contains(installed.version, prereleases=True):
        return [f"{requirement} is met by {installed.version} only"]
    below = [Requirement(text) for text in installed.requires or []]
    extras = requirement.extras or {""}
    return [
        problem
        for child in below
        if child.marker is None or any(child.marker.evaluate({"extra": extra}) for extra in extras)
        for problem in unmet(child, seen)
    ]


def test_environment_is_complete() -> None:
    """The set-up installs without resolving (``--no-deps``), so nothing else would notice a gap."""
    # `make docs` installs the documentation's; tests of every day do not need them.
    extras = [extra for extra in PROJECT["optional-dependencies"] if extra != "docs"]
    everything = Requirement(f"{PROJECT['name']}[{','.join(extras)}]")
    assert unmet(everything, set()) == []


def test_lessons_and_data_are_found_as_package_resources() -> None:
    scripts = {path.name for path in (ROOT / "notebooks").glob("*.py")}
    assert scripts <= {entry.name for entry in files("identifiability.lessons").iterdir()}
    assert files("identifiability").joinpath("py.typed").is_file()
