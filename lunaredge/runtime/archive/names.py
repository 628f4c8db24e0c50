"""Numbers for the nodes and channels of one file, so that its rows need not repeat names."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lunaredge.errors import JournalCorrupt, StorageError
from lunaredge.runtime.archive.database import check_pages, opened, translated
from lunaredge.wire.telemetry import Channel, Dtype

# A row's number is its segment's, a name's and its part's, one behind the other, in 63 bits.
PART_BITS = 14
NAME_BITS = 24
PARTS_MAX = 1 << PART_BITS
NAMES_MAX = 1 << NAME_BITS
SEGMENT_SHIFT = PART_BITS + NAME_BITS
# Tables of nodes that are remembered; a site has one for each node.
_MET_MAX = 8192

SCHEMA = (
    "CREATE TABLE nodes (id INTEGER PRIMARY KEY, node TEXT NOT NULL UNIQUE)",
    """
    CREATE TABLE series (
        id INTEGER PRIMARY KEY, node INTEGER NOT NULL, channel TEXT NOT NULL,
        unit TEXT NOT NULL, dtype TEXT NOT NULL, UNIQUE (node, channel, unit, dtype)
    )
    """,
)
NAMES_TABLES = ("nodes", "series")
_DTYPES = frozenset(dtype.value for dtype in Dtype)
# Names have no checksums: each stands twice, in its table and in that table's index.
_SERIES_TWICE = """
    SELECT held.id, held.node, held.channel, held.unit, held.dtype,
        named.node, named.channel, named.unit, named.dtype
    FROM series AS named INDEXED BY sqlite_autoindex_series_1
        LEFT JOIN series AS held NOT INDEXED ON held.rowid = named.rowid
    WHERE named.node = ? ORDER BY named.id
"""


class Series(NamedTuple):
    """A channel of a node in one unit and type."""

    id: int
    channel: str
    unit: str
    dtype: str


class Names:
    """The names of a file that is being written; a rollback leaves it wrong."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Take what is in a file whose names agree with their indexes.

        Raises:
            JournalCorrupt: the numbers are not those that we gave.
        """
        self._connection = connection
        self._met: dict[tuple[int, int], tuple[Sequence[Channel], list[int]]] = {}
        """By node and the identity of a table, which is held so that no other takes its place."""
        self._nodes: dict[str, int] = dict(connection.execute("SELECT node, id FROM nodes"))
        self._series: dict[tuple[int, str, str, str], int] = {
            tuple(key): number
            for *key, number in connection.execute(
                "SELECT node, channel, unit, dtype, id FROM series"
            )
        }
        for numbers in (self._nodes.values(), self._series.values()):
            # One that damage made too large would be in no row, and leave no room behind it.
            if max(numbers, default=0) != len(numbers) or min(numbers, default=1) != 1:
                raise JournalCorrupt("the numbers of nodes or channels are damaged")

    def node(self, node: str) -> int:
        """Give a node's number."""
        known = self._nodes.get(node)
        if known is None:
            known = self._insert("INSERT INTO nodes (node) VALUES (?)", (node,))
            self._nodes[node] = known
        return known

    def series(self, node: int, channels: Sequence[Channel]) -> list[int]:
        """Give the numbers of a node's channels; the same sequence again is not looked through."""
        met = self._met.get((node, id(channels)))
        if met is not None:
            return met[1]
        if len(self._met) >= _MET_MAX:
            self._met.clear()
        numbers = self._numbers(node, channels)
        self._met[node, id(channels)] = (channels, numbers)
        return numbers

    def _numbers(self, node: int, channels: Sequence[Channel]) -> list[int]:
        numbers = []
        for channel in channels:
            key = (node, channel.name, channel.unit, channel.dtype.value)
            known = self._series.get(key)
            if known is None:
                query = "INSERT INTO series (node, channel, unit, dtype) VALUES (?, ?, ?, ?)"
                known = self._series[key] = self._insert(query, key)
            numbers.append(known)
        return numbers

    def _insert(self, query: str, values: tuple[object, ...]) -> int:
        number = self._connection.execute(query, values).lastrowid
        assert number is not None
        if number >= NAMES_MAX:
            raise StorageError(f"{number} nodes or channels in one file of the archive")
        return number


def row_id(segment: int, name: int, part: int) -> int:
    """Give the number of a row."""
    return segment << SEGMENT_SHIFT | name << PART_BITS | part


def opened_with_names(
    path: Path, schema: Sequence[str], version: int
) -> tuple[sqlite3.Connection, Names]:
    """Open or make a file to write; what is damaged is met here, with nothing under way in it.

    Raises:
        JournalFull, JournalCorrupt, StorageError: as `database.opened`.
    """
    connection = opened(path, schema, version)
    try:
        check_pages(path, connection, NAMES_TABLES)
        with translated(path):
            return connection, Names(connection)
    except BaseException:
        connection.close()
        raise


def segment_range(segment: int) -> tuple[int, int]:
    """Give the first number of a segment's rows, and the first behind them."""
    return segment << SEGMENT_SHIFT, (segment + 1) << SEGMENT_SHIFT


def node_number(connection: sqlite3.Connection, node: str) -> int | None:
    """Give a node's number in a file; None where it is not there.

    Raises:
        JournalCorrupt: its name stands in the table or in the index, and not in both.
    """
    found = set()
    for place in ("INDEXED BY sqlite_autoindex_nodes_1", "NOT INDEXED"):
        query = f"SELECT id FROM nodes {place} WHERE node = ?"
        found.add(tuple(connection.execute(query, (node,)).fetchall()))
    if len(found) > 1 or any(len(rows) > 1 for rows in found):
        raise JournalCorrupt(f"the name of {node} is damaged")
    (rows,) = found
    return int(rows[0][0]) if rows else None


def series_of(connection: sqlite3.Connection, node: int) -> tuple[list[Series], int]:
    """Give the series of a node in a file, by number, and how many are left out as damaged."""
    sound, damaged = [], 0
    for number, *columns in connection.execute(_SERIES_TWICE, (node,)):
        if columns[:4] == columns[4:] and columns[3] in _DTYPES:
            sound.append(Series(number, *columns[1:4]))
        else:
            damaged += 1
    return sound, damaged
