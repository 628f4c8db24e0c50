"""What is left of telemetry that is dropped: of each channel least, most, last and how many.

Pure. A stream is of one life and a life has one channel table, so a name means one thing in all
that a marker stands for.
"""

from collections.abc import Callable, Sequence

from lunaredge.errors import RemoteProtocolError
from lunaredge.wire.bulk import Marker
from lunaredge.wire.records import (
    PERHAPS_SENT_MAX,
    Dropped,
    Record,
    Summary,
    decode_record,
    encode_record,
)
from lunaredge.wire.session import Item
from lunaredge.wire.telemetry import Channel, Telemetry, unpack

ChannelsOf = Callable[[int], tuple[Channel, ...] | None]
"""Gives the channels of a table; None of an unknown one."""

Row = tuple[float, float, float, int]


def marker_of(items: Sequence[Item], channels_of: ChannelsOf) -> Marker:
    """Give what stands for uploads of one stream, the oldest first.

    What can't be read, or has a table that nobody knows any more, is but counted.
    """
    rows: dict[str, Row] = {}
    spans_ns: list[int] = []
    for item in items:
        record = _record(item)
        if isinstance(record, Telemetry | Summary | Dropped):
            spans_ns += (record.site_ns, record.end_ns)
            _add(rows, _rows_of(record, channels_of))
    listed, more_count = _perhaps_sent(items)
    dropped = Dropped(
        site_ns=min(spans_ns, default=0),
        end_ns=max(spans_ns, default=0),
        rows=rows,
        perhaps_sent=tuple(listed[:PERHAPS_SENT_MAX]),
        perhaps_more_count=more_count + sum(count for _, count in listed[PERHAPS_SENT_MAX:]),
    )
    return Marker(record=encode_record(dropped), count=sum(item.count for item in items))


def _record(item: Item) -> Record | None:
    try:
        return decode_record(item.record)
    except RemoteProtocolError:
        return None


def _rows_of(record: Telemetry | Summary | Dropped, channels_of: ChannelsOf) -> dict[str, Row]:
    if not isinstance(record, Telemetry):
        return record.rows
    channels = channels_of(record.table)
    if channels is None:
        return {}
    try:
        samples = unpack(record, channels)
    except RemoteProtocolError:
        return {}
    return {
        channel.name: (min(values), max(values), values[-1], len(values))
        for channel, (_, values) in zip(channels, samples.series, strict=True)
        if values
    }


def _add(rows: dict[str, Row], newer: dict[str, Row]) -> None:
    for name, (low, high, last, count) in newer.items():
        known = rows.get(name)
        if known is None:
            rows[name] = (low, high, last, count)
        else:
            rows[name] = (min(low, known[0]), max(high, known[1]), last, count + known[3])


def _perhaps_sent(items: Sequence[Item]) -> tuple[list[tuple[int, int]], int]:
    """Give what `Dropped` has to say of what may have arrived, and the samples it can't tell of."""
    listed: list[tuple[int, int]] = []
    more_count, unsent_seq, unsent_count = 0, 0, 0
    for item in items:
        if item.dropped:
            record = _record(item)
            if isinstance(record, Dropped):
                listed += record.perhaps_sent
                more_count += record.perhaps_more_count
            else:
                more_count += item.count
        elif item.sent_ns is None:
            unsent_seq, unsent_count = item.seq, unsent_count + item.count
        elif item.count:
            listed.append((item.seq, item.count))
    if unsent_count:
        listed.append((unsent_seq, unsent_count))
    return listed, more_count
