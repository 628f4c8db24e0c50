"""Telemetry as MCAP: a topic for each node, a message for each time at which it measured.

Messages are Protocol Buffers whose descriptors stand in the file. Foxglove and Rerun decode these
by themselves; of JSON, Rerun shows the bytes alone (0.41, November 2026).
"""

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)
from mcap.writer import Writer

from lunaredge import __version__
from lunaredge.cli.telemetry.selection import Chunk, Selection, Series, by_time
from lunaredge.cli.telemetry.writing import Tell

# Names the fields of a message whose values came late.
LATE = "late"
_LATE_NUMBER = 1
_PACKAGE = "telemetry"


class _Topic(NamedTuple):
    """Where the messages of a node go, and what they are."""

    channel_id: int
    message: type[Any]
    fields: Mapping[Series, str]


def write(selection: Selection, path: Path, tell: Tell) -> int:
    """Write a file; give how many samples are in it. What is no value is NaN.

    Raises:
        OSError: it can't be written.
    """
    count = 0
    with path.open("wb") as stream:
        writer = Writer(stream)
        writer.start(library=f"lunaredge {__version__}")
        topics = _topics(writer, selection.series)
        for chunks in by_time(selection):
            node = chunks[0].series.node
            topic = topics[node]
            for sequence, (time_ns, message) in enumerate(_messages(chunks, topic)):
                payload = message.SerializeToString()
                writer.add_message(topic.channel_id, time_ns, payload, time_ns, sequence)
            count += sum(len(chunk.samples.times_ns) for chunk in chunks)
            tell(count, node)
        writer.finish()  # type: ignore[no-untyped-call]
    return count


def topic_of(node: str) -> str:
    """Give the topic of a node."""
    return f"/site/{node}/telemetry"


def _topics(writer: Writer, series: Sequence[Series]) -> dict[str, _Topic]:
    by_node = {
        node: list(found) for node, found in itertools.groupby(series, key=lambda each: each.node)
    }
    words = dict(zip(by_node, _words(by_node), strict=True))
    return {node: _topic(writer, words[node], ours) for node, ours in by_node.items()}


def _topic(writer: Writer, word: str, series: Sequence[Series]) -> _Topic:
    """Announce a node's topic, with what its fields are called in the archive as its metadata."""
    fields = dict(zip(series, _words(map(_key, series, _unit_counts(series)), LATE), strict=True))
    file = _descriptor(word, list(fields.values()))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    name = f"{_PACKAGE}.{word}"
    message = message_factory.GetMessageClass(pool.FindMessageTypeByName(name))
    described = FileDescriptorSet(file=[file]).SerializeToString()
    schema = writer.register_schema(name, "protobuf", described)
    told = {field: f"{each.channel} [{each.unit}]" for each, field in fields.items()}
    channel_id = writer.register_channel(topic_of(series[0].node), "protobuf", schema, told)
    return _Topic(channel_id, message, fields)


def _unit_counts(series: Sequence[Series]) -> list[int]:
    """Give for each series in how many units its channel is there."""
    counts = Counter(each.channel for each in series)
    return [counts[each.channel] for each in series]


def _key(series: Series, unit_count: int) -> str:
    return series.channel if unit_count == 1 else f"{series.channel}_{series.unit}"


def _words(names: Iterable[str], *taken: str) -> list[str]:
    """Give each name as a word that a descriptor takes, no two alike."""
    words: list[str] = []
    known = set(map(_squeezed, taken))
    for name in names:
        stem = re.sub(r"\W", "_", name, flags=re.ASCII)
        tries = itertools.chain([stem], (f"{stem}_{number}" for number in itertools.count(2)))
        words.append(next(word for word in tries if _squeezed(word) not in known))
        known.add(_squeezed(words[-1]))
    return words


def _squeezed(word: str) -> str:
    """Give what of a word must be its own: as JSON, Protocol Buffers spell a_b and aB alike."""
    return word.replace("_", "").casefold()


def _descriptor(word: str, fields: Sequence[str]) -> FileDescriptorProto:
    """Give what a node's message is: its fields are there only where they have changed."""
    late = FieldDescriptorProto(
        name=LATE,
        number=_LATE_NUMBER,
        type=FieldDescriptorProto.TYPE_STRING,
        label=FieldDescriptorProto.LABEL_REPEATED,
    )
    values = [
        FieldDescriptorProto(
            name=field,
            number=number,
            type=FieldDescriptorProto.TYPE_DOUBLE,
            label=FieldDescriptorProto.LABEL_OPTIONAL,
        )
        for number, field in enumerate(fields, start=_LATE_NUMBER + 1)
    ]
    message = DescriptorProto(name=word, field=[late, *values])
    name = f"{_PACKAGE}/{word}.proto"
    # Of version 2, which tells a field that is 0 from one that is not there.
    return FileDescriptorProto(name=name, package=_PACKAGE, syntax="proto2", message_type=[message])


def _messages(chunks: Sequence[Chunk], topic: _Topic) -> Iterator[tuple[int, Any]]:
    """Put together what channels of one node measured at one time; rising in time."""
    names = [topic.fields[chunk.series] for chunk in chunks]
    counts = [len(chunk.samples.times_ns) for chunk in chunks]
    times_ns = np.concatenate([chunk.samples.times_ns for chunk in chunks])
    order = np.argsort(times_ns, kind="stable")
    columns = (
        times_ns[order].tolist(),
        np.repeat(np.arange(len(chunks)), counts)[order].tolist(),
        np.concatenate([chunk.samples.values for chunk in chunks])[order].tolist(),
        np.concatenate([chunk.samples.late for chunk in chunks])[order].tolist(),
    )
    at_ns, message = -1, None
    for time_ns, place, value, is_late in zip(*columns, strict=True):
        name = names[place]
        # Of two values of one channel at one time each has a message.
        if message is None or time_ns != at_ns or message.HasField(name):
            if message is not None:
                yield at_ns, message
            at_ns, message = time_ns, topic.message()
        setattr(message, name, value)
        if is_late:
            message.late.append(name)
    if message is not None:
        yield at_ns, message
