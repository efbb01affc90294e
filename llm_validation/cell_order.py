"""The order in which cells are begun: those that look at the same states one after another."""

from __future__ import annotations

from collections.abc import Iterable

from identifiability.cell import Cell, canonical

_SEEN = ("layer", "ids", "prompts")  # settings by which continuations are kept


def by_states(cells: Iterable[Cell]) -> list[Cell]:
    """Cells of the same model, layer and prompts together, each group where its first one was.

    Claims name their cells each for itself, and all of them look at the same prompts. So a process
    finds what it has built for a prompt (``kept_continuation``), and need not keep it for long.
    """
    groups: dict[str, int] = {}

    def group(cell: Cell) -> int:
        states = [cell.settings.get(name) for name in _SEEN]
        return groups.setdefault(canonical([cell.context, states]), len(groups))

    return sorted(cells, key=group)
