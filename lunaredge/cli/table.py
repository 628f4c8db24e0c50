"""Rows as aligned text: no colours, no library; on a terminal never wider than it is."""

import json
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from itertools import chain, zip_longest
from typing import NamedTuple, TextIO

from lunaredge.cli.cells import cell_count, cut, padded, wrapped
from lunaredge.printable import printable

Row = dict[str, object]

GAP = "  "
# Free text that is cut shorter than this says nothing any more: another column goes first.
FREE_WIDTH_MIN = 14
# And a name that is cut shorter is nobody's.
NAME_WIDTH_MIN = 10


# What is typed as it stands: an option with its value, or what stands in back quotes.
_COMMAND = re.compile(r"--\w+ [^\s;,]+|`[^`]{1,60}`")
_HARD_SPACE = "\N{NO-BREAK SPACE}"


class Column(NamedTuple):
    """One column: the row's key and the heading; what happens to it where there is little room."""

    key: str
    heading: str
    spare: int = 0
    """Left out where there is no room, the highest number first, equals together; 0 stays."""
    is_free: bool = False
    """Free text: may be cut."""
    wraps: bool = False
    """Free text that goes on in further lines instead: where its end matters."""
    wraps_where: str = ""
    """Wraps in the rows that say yes to this key, and is cut in the others."""
    width_min: int = FREE_WIDTH_MIN
    """Of free text: spare columns go before it gets less room than that."""
    is_name: bool = False
    """Cut too, but when nothing else can lose any more; in the first column last of all."""


def render(rows: Sequence[Row], columns: Sequence[Column], width: int | None = None) -> str:
    """Give the rows as lines under a heading; None: as wide as it takes."""
    cells = {
        column: [column.heading, *(shown(row.get(column.key)) for row in rows)]
        for column in columns
    }
    widths = {column: max(map(cell_count, texts)) for column, texts in cells.items()}
    if width is not None:
        widths = _fitted(widths, width)
    kept = [
        [
            _lines(text, room, wraps=c.wraps or bool(row.get(c.wraps_where)))
            for text, row in zip(cells[c], [{}, *rows], strict=True)
        ]
        for c, room in widths.items()
    ]
    rooms = list(widths.values())
    rows_of_lines = [zip_longest(*row, fillvalue="") for row in zip(*kept, strict=True)]
    lines = [
        GAP.join(padded(text, room) for text, room in zip(line, rooms, strict=True)).rstrip()
        for line in chain.from_iterable(rows_of_lines)
    ]
    return "\n".join(line if width is None else cut(line, width) for line in lines)


def width_of_stdout() -> int | None:
    """Give the terminal's width in cells; None where stdout is none: a pipe gets all."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def folded(text: str, stream: TextIO) -> str:
    """Give an answer in lines of a terminal's width; names and commands stay whole."""
    text = printable(text)
    if not stream.isatty():
        return text
    whole = _COMMAND.sub(lambda found: found[0].replace(" ", _HARD_SPACE), text)
    width = shutil.get_terminal_size().columns
    lines = wrapped(whole, width, indent="  ", keeps_words=True)
    return "\n".join(lines).replace(_HARD_SPACE, " ")


def shown(value: object) -> str:
    """Give a value as a person reads it; what is not known is a dash."""
    if value is None or value == "" or value == [] or value == {}:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.1f}" if abs(value) >= 1 or value == 0 else f"{value:.2f}"
    if isinstance(value, dict):
        return " ".join(f"{shown(key)}={shown(part)}" for key, part in value.items())
    if isinstance(value, list):
        return " ".join(shown(part) for part in value)
    return printable(str(value))


def as_json(document: object) -> str:
    """Give a document as JSON for scripts."""
    return json.dumps(document, indent=2)


def _fitted(widths: dict[Column, int], width: int) -> dict[Column, int]:
    """Give the columns that are shown, and how wide: the spare ones go, then free text is cut."""
    kept = dict(widths)
    for spare in sorted({column.spare for column in kept if column.spare}, reverse=True):
        if _surplus(kept, width) <= sum(map(_slack, kept, kept.values())):
            break
        kept = {column: room for column, room in kept.items() if column.spare != spare}
    first = next(iter(kept))
    for slack in (_slack, _other_slack(first), _last_slack, _name_slack):
        while _surplus(kept, width) > 0 and any(map(slack, kept, kept.values())):
            widest = max(kept, key=lambda column: slack(column, kept[column]))
            kept[widest] -= 1
    return kept


def _lines(text: str, width: int, *, wraps: bool) -> list[str]:
    """Give a cell's text in lines of that width: one, unless it wraps."""
    if wraps and cell_count(text) > width:
        return wrapped(text, width)
    return [cut(text, width)]


def _surplus(widths: dict[Column, int], width: int) -> int:
    return sum(widths.values()) + len(GAP) * (len(widths) - 1) - width


def _slack(column: Column, width: int) -> int:
    """Give how many cells a column can lose."""
    return max(0, width - column.width_min) if column.is_free else 0


def _other_slack(first: Column) -> Callable[[Column, int], int]:
    """Give how to tell how many cells a name can lose that is not what a row is called by."""
    return lambda column, width: 0 if column is first else _name_slack(column, width)


def _last_slack(column: Column, width: int) -> int:
    """Give how many cells free text can lose before the name of a row does."""
    return max(0, width - NAME_WIDTH_MIN) if column.is_free else 0


def _name_slack(column: Column, width: int) -> int:
    """Give how many cells a name can lose."""
    return max(0, width - NAME_WIDTH_MIN) if column.is_name else 0
