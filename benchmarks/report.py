"""How a measurement is told: a table for people, then one line of JSON for machines."""

import json
from collections.abc import Mapping, Sequence


def tell(title: str, rows: Sequence[Mapping[str, object]], told: Mapping[str, object]) -> None:
    """Print a table of rows with the same names, then one line of JSON."""
    print(f"\n{title}\n")
    print("\n".join(columns(rows)))
    print("\n" + json.dumps({**told, "rows": list(rows)}), flush=True)


def columns(rows: Sequence[Mapping[str, object]]) -> list[str]:
    """Return rows with the same names as lines of a table."""
    names = list(rows[0])
    cells = [names, *([_shown(row[name]) for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.2f}" if isinstance(value, float) else str(value)
