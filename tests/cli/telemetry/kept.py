"""Small archives, made by the real store from what a node would have sent."""

from lunaredge.ids import NodeId
from lunaredge.node import Keep, KeepKind
from lunaredge.runtime.archive.store import ArchiveStore
from lunaredge.units import NS_PER_S
from lunaredge.wire.messages import RecordClass
from lunaredge.wire.records import encode_record
from lunaredge.wire.telemetry import Channel, Dtype, Samples, Series, pack
from tests.runtime.archive.drawn import BOOT

# 2026-11-23T00:00 UTC.
START_NS = 20_780 * 86_400 * NS_PER_S
SPAN_NS = 60 * NS_PER_S
BATTERY = Channel(name="battery_wh", unit="Wh", dtype=Dtype.F8)
SPEED = Channel(name="speed_m_s", unit="m/s", dtype=Dtype.F4)
TABLE = (BATTERY, SPEED)
WAIT_S = 30.0


def minute(seq, values=(), blanks=(), *, node="dozer-1", late=False, table=TABLE):
    """Give a Keep of the seq-th minute: values of the first channel, one each second from 0 on.

    ``blanks`` are rows from which on it has none; the other channel says 0.5 in the first row.
    """
    start_ns = START_NS + (seq - 1) * SPAN_NS
    row_count = max([len(values), *(row + 1 for row in blanks)], default=0)
    times_ns = [start_ns + k * NS_PER_S for k in range(row_count)]
    series = [Series(range(len(values)), values)]
    series += [Series([0] if row_count else [], [0.5] if row_count else [])] * (len(table) - 1)
    span_ns = (start_ns, start_ns + SPAN_NS)
    packed = pack(table, Samples(times_ns, series, [(row, 0) for row in blanks]), span_ns)
    return Keep(
        kind=KeepKind.SAMPLES,
        node=NodeId(node),
        boot=BOOT,
        record_class=RecordClass.RAW,
        first_seq=seq,
        last_seq=seq,
        count=row_count,
        received_ns=span_ns[1],
        start_ns=span_ns[0],
        end_ns=span_ns[1],
        late=late,
        channels=table,
        record=encode_record(packed),
    )


def archived(folder, keeps, *, is_settled=True):
    """Keep all that, and end."""
    store = ArchiveStore.open(folder)
    store.commit(keeps)
    assert not is_settled or store.settle(WAIT_S)
    store.close()
    return folder
