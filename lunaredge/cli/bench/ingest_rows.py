"""The peer of `bench ingest`: a msgpack map for each sample, validated by pydantic, a row each.

As one writes it at first: it is no straw man, though. Rows travel in one payload, are validated in
one call, inserted by one `executemany`, and keyed so that a repeated one is stored once.
"""

import importlib
import sqlite3
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, create_model

from lunaredge.cli.bench.ingest_commit import CHANNELS, draw_batches

# By name, and typed Any: it comes without types.
msgpack: Any = importlib.import_module("msgpack")

NODE = "rover-1"
BOOT = 1 << 24

_FIELDS: dict[str, Any] = {
    "node": (str, ...),
    "boot": (int, ...),
    "seq": (int, ...),
    "time_ns": (int, ...),
    **dict.fromkeys(CHANNELS, (float, ...)),
}
Sample: type[BaseModel] = create_model("Sample", **_FIELDS)
_SAMPLES: TypeAdapter[list[BaseModel]] = TypeAdapter(list[Sample])  # type: ignore[valid-type]


def payloads() -> list[bytes]:
    """Give the payload of every batch."""
    return [
        msgpack.packb(
            [
                {
                    "node": NODE,
                    "boot": BOOT,
                    "seq": batch.first_seq + i,
                    "time_ns": batch.times_ns[i],
                    **dict(zip(CHANNELS, row, strict=True)),
                }
                for i, row in enumerate(batch.rows)
            ]
        )
        for batch in draw_batches()
    ]


class RowArchive:
    """A table with a column for each channel."""

    def __init__(self, folder: Path) -> None:
        self._connection = sqlite3.connect(folder / "rows.sqlite", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = full")
        channels = ", ".join(f"{name} REAL NOT NULL" for name in CHANNELS)
        self._connection.execute(
            "CREATE TABLE samples (node TEXT NOT NULL, boot INTEGER NOT NULL, seq INTEGER NOT NULL,"
            f" time_ns INTEGER NOT NULL, {channels}, PRIMARY KEY (node, boot, seq))"
        )
        self._insert = f"INSERT OR IGNORE INTO samples VALUES ({', '.join('?' * len(_FIELDS))})"

    def take(self, payloads: list[bytes]) -> None:
        """Decode, check and commit."""
        self._connection.execute("BEGIN IMMEDIATE")
        for payload in payloads:
            samples = _SAMPLES.validate_python(msgpack.unpackb(payload))
            self._connection.executemany(
                self._insert, [tuple(sample.__dict__.values()) for sample in samples]
            )
        self._connection.execute("COMMIT")

    def settle(self) -> None:
        """Do nothing: a row stays where it is."""

    def stored(self) -> tuple[int, float]:
        """Read everything back."""
        query = f"SELECT {', '.join(CHANNELS)} FROM samples ORDER BY seq"
        rows = self._connection.execute(query).fetchall()
        return len(rows), sum(value for row in rows for value in row)

    def close(self) -> None:
        """Close the store."""
        self._connection.close()
