"""Uploads drawn from a seed, and what a plain list would hold of them."""

import math
import random
from typing import NamedTuple

from lunaredge.ids import BootId, NodeId
from lunaredge.node import Keep, KeepKind
from lunaredge.units import NS_PER_S
from lunaredge.wire.messages import RecordClass
from lunaredge.wire.records import Dropped, encode_record
from lunaredge.wire.telemetry import Channel, Dtype, Samples, Series, pack

# 2026-11-23T00:00 UTC.
DAY_NS = 86_400 * NS_PER_S
MIDNIGHT_NS = 20_780 * DAY_NS
BOOT = BootId(1 << 24)
SPAN_NS = 10 * NS_PER_S

TABLE = tuple(
    Channel(name=f"{each.value}.{name}", unit="m", dtype=each)
    for each in Dtype
    for name in ("every", "some", "seldom")
)


class Told(NamedTuple):
    """One sample, as it was given."""

    node: str
    channel: str
    time_ns: int
    value: float
    late: bool


def upload(seq, start_ns, rng, **given):
    """Give a Keep of samples, and what is in it."""
    how = {"node": "dozer-1", "late": False, "rows": 20, "boot": BOOT, "table": TABLE} | given
    node, late, rows, table = how["node"], how["late"], how["rows"], how["table"]
    blank_share = how.get("blank_share", 0.2)
    times_ns = sorted(start_ns + rng.randrange(SPAN_NS) for _ in range(rows))
    series, told, blanks = [], [], []
    for index, channel in enumerate(table):
        share = (1.0, 0.3, 0.02)[index % 3]
        places = [row for row in range(rows) if rng.random() < share]
        values = [_value(channel.dtype, rng) for _ in places]
        series.append(Series(places, values))
        gone = sorted(rng.sample(range(rows), 1)) if rng.random() < blank_share else []
        blanks += [(row, index) for row in gone]
        pairs = sorted(
            [(row, 0, value) for row, value in zip(places, values, strict=True)]
            + [(row, 1, math.nan) for row in gone]
        )
        told += [
            Told(node, channel.name, times_ns[row], float(value), late) for row, _, value in pairs
        ]
    end_ns = start_ns + SPAN_NS
    record = encode_record(pack(table, Samples(times_ns, series, blanks), (start_ns, end_ns)))
    keep = Keep(
        kind=KeepKind.SAMPLES,
        node=NodeId(node),
        boot=how["boot"],
        record_class=RecordClass.RAW,
        first_seq=seq,
        last_seq=seq,
        count=rows,
        received_ns=end_ns,
        start_ns=start_ns,
        end_ns=end_ns,
        late=late,
        channels=table,
        record=record,
    )
    return keep, told


def plain(seq, *, start_ns=MIDNIGHT_NS, **given):
    """Give a Keep of samples of the seq-th ten seconds, without blanks."""
    keep, _ = upload(seq, start_ns + seq * SPAN_NS, random.Random(seq), blank_share=0.0, **given)
    return keep


def marker(first_seq, last_seq, kind=KeepKind.DROPPED, *, start_ns=MIDNIGHT_NS, node="dozer-1"):
    """Give a Keep of what is no samples."""
    is_dropped = kind is KeepKind.DROPPED
    low_ns, high_ns = start_ns + first_seq * SPAN_NS, start_ns + (last_seq + 1) * SPAN_NS
    rows = {"f4.every": (1.0, 3.0, 2.0, last_seq - first_seq + 1)}
    dropped = encode_record(Dropped(site_ns=low_ns, end_ns=high_ns, rows=rows))
    return Keep(
        kind=kind,
        node=NodeId(node),
        boot=BOOT,
        record_class=RecordClass.RAW,
        first_seq=first_seq,
        last_seq=last_seq,
        count=0 if kind is KeepKind.MISSING else 20 * (last_seq - first_seq + 1),
        received_ns=high_ns,
        start_ns=low_ns if is_dropped else 0,
        end_ns=high_ns if is_dropped else 0,
        reason="" if is_dropped else "because",
        record=dropped if is_dropped else b"",
    )


def samples_of(reader, told):
    """Give all that a reader gives of the nodes and channels in a list, as a list would hold it."""
    found = []
    for node, channel in sorted({(each.node, each.channel) for each in told}):
        given = reader.samples(node, channel, 0, 2**62)
        columns = (given.times_ns.tolist(), given.values.tolist(), given.late.tolist())
        found += [Told(node, channel, *row) for row in zip(*columns, strict=True)]
    return found


def as_text(told):
    """Give samples in an order of their own, as text: NaN is NaN."""
    return sorted(map(repr, told))


def _value(dtype, rng):
    match dtype:
        case Dtype.F4:
            return float(rng.randrange(-1000, 1000)) / 8
        case Dtype.F8:
            return rng.uniform(-1e9, 1e9)
        case Dtype.I4:
            return rng.randrange(-(2**31), 2**31)
        case Dtype.I8:
            return rng.randrange(-(2**50), 2**50)
        case Dtype.U1:
            return rng.randrange(256)
