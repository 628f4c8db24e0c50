"""Rows as aligned text: no colours, no library, 80 columns where it can be."""

import json
from collections.abc import Sequence
from typing import NamedTuple

Row = dict[str, object]


class Column(NamedTuple):
    """One column: the row's key and the heading."""

    key: str
    heading: str


def render(rows: Sequence[Row], columns: Sequence[Column]) -> str:
    """Give the rows as lines under a heading."""
    cells = [[column.heading for column in columns]]
    cells += [[shown(row.get(column.key)) for column in columns] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]
    return "\n".join(lines)


def shown(value: object) -> str:
    """Give a value as a person reads it; what is not known is a dash."""
    if value is None or value == "" or value == [] or value == {}:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.1f}" if abs(value) >= 1 or value == 0 else f"{value:.2f}"
    if isinstance(value, dict):
        return " ".join(f"{key}={shown(part)}" for key, part in value.items())
    if isinstance(value, list):
        return " ".join(shown(part) for part in value)
    return str(value)


def as_json(document: object) -> str:
    """Give a document as JSON for scripts."""
    return json.dumps(document, indent=2)
