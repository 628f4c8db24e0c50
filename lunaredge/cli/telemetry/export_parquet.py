"""Telemetry as Parquet: a row for each sample, by node, channel and time."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lunaredge.cli.telemetry.selection import Chunk, Selection, by_series
from lunaredge.cli.telemetry.writing import Tell

# Rows of a group: few enough to hold in memory, enough to compress well and be skipped as one.
GROUP_ROWS = 500_000

_NAME = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    [
        pa.field("node", _NAME, nullable=False),
        pa.field("channel", _NAME, nullable=False),
        pa.field("unit", _NAME, nullable=False),
        pa.field("time", pa.timestamp("ns", tz="UTC"), nullable=False),
        pa.field("value", pa.float64()),
        pa.field("late", pa.bool_(), nullable=False),
    ]
)


def write(selection: Selection, path: Path, tell: Tell) -> int:
    """Write a file; give how many samples are in it. What is no value is null.

    Raises:
        OSError: it can't be written.
    """
    count, held, held_count = 0, [], 0
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        for chunk in by_series(selection):
            held.append(_table(chunk))
            held_count += held[-1].num_rows
            if held_count >= GROUP_ROWS:
                _write(writer, held)
                held, held_count = [], 0
            count += len(chunk.samples.times_ns)
            tell(count, chunk.series.node)
        if held:
            _write(writer, held)
    return count


def _write(writer: pq.ParquetWriter, tables: list[pa.Table]) -> None:
    writer.write_table(pa.concat_tables(tables).unify_dictionaries(), row_group_size=GROUP_ROWS)


def _table(chunk: Chunk) -> pa.Table:
    series, samples = chunk
    places = pa.array(np.zeros(len(samples.times_ns), np.int32))
    names = [
        pa.DictionaryArray.from_arrays(places, pa.array([name]))
        for name in (series.node, series.channel, series.unit)
    ]
    columns = [
        *names,
        pa.array(samples.times_ns, pa.int64()).cast(SCHEMA.field("time").type),
        pa.array(samples.values, pa.float64(), mask=np.isnan(samples.values)),
        pa.array(samples.late),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)
