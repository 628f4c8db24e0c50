"""Numbers for the nodes and channels of one file, so that its rows need not repeat names."""

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from lunaredge.errors import StorageError
from lunaredge.wire.telemetry import Channel

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


class Series(NamedTuple):
    """A channel of a node in one unit and type."""

    id: int
    channel: str
    unit: str
    dtype: str


class Names:
    """The names of a file that is being written; a rollback leaves it wrong."""

    def __init__(self, connection: sqlite3.Connection) -> None:
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


def segment_range(segment: int) -> tuple[int, int]:
    """Give the first number of a segment's rows, and the first behind them."""
    return segment << SEGMENT_SHIFT, (segment + 1) << SEGMENT_SHIFT


def node_number(connection: sqlite3.Connection, node: str) -> int | None:
    """Give a node's number in a file; None where it is not there."""
    row = connection.execute("SELECT id FROM nodes WHERE node = ?", (node,)).fetchone()
    return int(row[0]) if row else None


def series_of(connection: sqlite3.Connection, node: int) -> list[Series]:
    """Give the series of a node in a file, by number."""
    query = "SELECT id, channel, unit, dtype FROM series WHERE node = ? ORDER BY id"
    return [Series(*row) for row in connection.execute(query, (node,))]
