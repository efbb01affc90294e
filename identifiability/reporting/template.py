"""Templates of pages: what is filled in is escaped, and a name that is not there is an error."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


def template(package: str, name: str, filters: Iterable[Callable[..., Any]] = ()) -> Any:
    """The template of that name in a package's folder, with filters by their own names."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(package, "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {one.__name__: one for one in filters}
    return environment.get_template(name)
