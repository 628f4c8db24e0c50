"""What of an archive is exported: which channels of which nodes, of which time, chunk by chunk."""

import fnmatch
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lunaredge.cli.telemetry.folder import known_node
from lunaredge.cli.telemetry.series import windows
from lunaredge.cli.telemetry.times import DAY_NS, HOUR_NS
from lunaredge.errors import QueryError
from lunaredge.runtime.archive.read import ArchiveReader, ChannelInfo, Samples

_NAMES_MAX = 30


class Series(NamedTuple):
    """A channel of a node in one unit, and of which time it tells."""

    node: str
    channel: str
    unit: str
    known_ns: tuple[int, int]


class Selection(NamedTuple):
    """What is exported."""

    reader: ArchiveReader
    series: list[Series]
    """By node, channel and unit."""
    span_ns: tuple[int, int]


class Chunk(NamedTuple):
    """Samples of a series that fit memory."""

    series: Series
    samples: Samples


def selected(reader: ArchiveReader, nodes: Sequence[str], patterns: Sequence[str]) -> list[Series]:
    """Give the channels that are asked for, by node, channel and unit; no names: all.

    Raises:
        QueryError: a node is not there, or nothing has such a name.
    """
    names = sorted({known_node(reader, node) for node in nodes}) or reader.nodes()
    infos = {name: reader.channels(name) for name in names}
    series = [
        found
        for name in names
        for found in _series(name, infos[name])
        if not patterns or any(fnmatch.fnmatchcase(found.channel, each) for each in patterns)
    ]
    if not series:
        known = sorted({info.name for each in infos.values() for info in each})
        more = ", ..." if len(known) > _NAMES_MAX else ""
        told = ", ".join(known[:_NAMES_MAX]) + more if known else "none at all"
        asked = " or ".join(map(repr, patterns)) or "any name"
        raise QueryError(f"no channel of {asked} is there; there are: {told}")
    return series


def by_series(selection: Selection) -> Iterator[Chunk]:
    """Give all samples in order of node, channel, unit and time; a day at a time."""
    for series in selection.series:
        for span_ns in windows(_common(series, selection.span_ns), DAY_NS):
            yield from _chunk(selection.reader, series, span_ns)


def by_time(selection: Selection) -> Iterator[list[Chunk]]:
    """Give all samples hour by hour, and in each node by node."""
    nodes: dict[str, list[Series]] = {}
    for series in selection.series:
        nodes.setdefault(series.node, []).append(series)
    spans = [_common(series, selection.span_ns) for series in selection.series]
    whole_ns = min(start for start, _ in spans), max(end for _, end in spans)
    for hour_ns in windows(whole_ns, HOUR_NS):
        for found in nodes.values():
            chunks = [
                chunk
                for series in found
                for chunk in _chunk(selection.reader, series, _common(series, hour_ns))
            ]
            if chunks:
                yield chunks


def _series(node: str, infos: Sequence[ChannelInfo]) -> list[Series]:
    """Make one of channels that differ in their type alone."""
    spans: dict[tuple[str, str], tuple[int, int]] = {}
    for info in infos:
        first_ns, last_ns = spans.get((info.name, info.unit), (info.first_ns, info.last_ns))
        span_ns = min(first_ns, info.first_ns), max(last_ns, info.last_ns)
        spans[info.name, info.unit] = span_ns
    return [Series(node, *key, span_ns) for key, span_ns in sorted(spans.items())]


def _common(series: Series, span_ns: tuple[int, int]) -> tuple[int, int]:
    return max(series.known_ns[0], span_ns[0]), min(series.known_ns[1] + 1, span_ns[1])


def _chunk(reader: ArchiveReader, series: Series, span_ns: tuple[int, int]) -> Iterator[Chunk]:
    if span_ns[0] < span_ns[1]:
        found = reader.samples(series.node, series.channel, *span_ns, series.unit)
        if len(found.times_ns):
            yield Chunk(series, found)
