"""Telemetry as MCAP: a topic for each node, a message for each time at which it measured.

Messages are JSON objects under a JSON Schema, which Foxglove and Rerun show without a plug-in.
"""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
from mcap.writer import Writer

from lunaredge import __version__
from lunaredge.cli.telemetry.selection import Chunk, Selection, Series, by_time
from lunaredge.cli.telemetry.writing import Tell

# Names the channels of a message whose values came late; no channel has such a name.
LATE = "(late)"


def write(selection: Selection, path: Path, tell: Tell) -> int:
    """Write a file; give how many samples are in it. What is no value is null.

    Raises:
        OSError: it can't be written.
    """
    count = 0
    with path.open("wb") as stream:
        writer = Writer(stream)
        writer.start(library=f"lunaredge {__version__}")
        keys = _keys(selection.series)
        topics = _topics(writer, selection.series, keys)
        for chunks in by_time(selection):
            node = chunks[0].series.node
            for sequence, (time_ns, message) in enumerate(_messages(chunks, keys)):
                writer.add_message(
                    topics[node], time_ns, msgspec.json.encode(message), time_ns, sequence
                )
            count += sum(len(chunk.samples.times_ns) for chunk in chunks)
            tell(count, node)
        writer.finish()  # type: ignore[no-untyped-call]
    return count


def topic_of(node: str) -> str:
    """Give the topic of a node."""
    return f"/site/{node}/telemetry"


def _keys(series: Sequence[Series]) -> dict[Series, str]:
    """Give what each series is called in a message; its unit too where the unit changed."""
    names = [(each.node, each.channel) for each in series]
    counts = Counter(names)
    return {
        each: each.channel if counts[name] == 1 else f"{each.channel} [{each.unit}]"
        for each, name in zip(series, names, strict=True)
    }


def _topics(writer: Writer, series: Sequence[Series], keys: dict[Series, str]) -> dict[str, int]:
    topics = {}
    for node, found in itertools.groupby(series, key=lambda each: each.node):
        ours = list(found)
        schema = writer.register_schema(f"telemetry.{node}", "jsonschema", _schema(ours, keys))
        topics[node] = writer.register_channel(topic_of(node), "json", schema)
    return topics


def _schema(series: Sequence[Series], keys: dict[Series, str]) -> bytes:
    properties: dict[str, object] = {
        keys[each]: {"type": ["number", "null"], "description": each.unit} for each in series
    }
    properties[LATE] = {"type": "array", "items": {"type": "string"}}
    return msgspec.json.encode({"type": "object", "properties": properties})


def _messages(
    chunks: Sequence[Chunk], keys: dict[Series, str]
) -> Iterator[tuple[int, dict[str, object]]]:
    """Put together what channels of one node measured at one time; rising in time."""
    names = [keys[chunk.series] for chunk in chunks]
    counts = [len(chunk.samples.times_ns) for chunk in chunks]
    times_ns = np.concatenate([chunk.samples.times_ns for chunk in chunks])
    order = np.argsort(times_ns, kind="stable")
    columns = (
        times_ns[order].tolist(),
        np.repeat(np.arange(len(chunks)), counts)[order].tolist(),
        np.concatenate([chunk.samples.values for chunk in chunks])[order].tolist(),
        np.concatenate([chunk.samples.late for chunk in chunks])[order].tolist(),
    )
    at_ns, message, late = -1, dict[str, object](), list[str]()
    for time_ns, place, value, is_late in zip(*columns, strict=True):
        # Of two values of one channel at one time each has a message.
        if time_ns != at_ns or names[place] in message:
            if message:
                yield at_ns, _with_late(message, late)
            at_ns, message, late = time_ns, {}, []
        message[names[place]] = value
        if is_late:
            late.append(names[place])
    if message:
        yield at_ns, _with_late(message, late)


def _with_late(message: dict[str, object], late: list[str]) -> dict[str, object]:
    return message | {LATE: late} if late else message
