from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunaredge.earth.inbox import Inbox
from lunaredge.earth.outbox import FLOOR_DIVISOR, Outbox, OutboxConfig
from lunaredge.earth.stream import TABLE
from lunaredge.errors import JournalCorrupt
from lunaredge.ids import BootId, NodeId
from lunaredge.node import Erase, Note, Persist, Row
from lunaredge.units import NS_PER_S
from lunaredge.wire.link import (
    CHUNK_BYTES,
    PARTS_BYTES_MAX,
    WINDOW_COUNT,
    ItemAck,
    Shipment,
    decode_payload,
)
from lunaredge.wire.messages import RECORD_CLASSES, RecordClass
from tests.earth.rig import Disk

ERA = BootId(5)
DAY_NS = 86_400 * NS_PER_S
NEVER = -1
SMALL = OutboxConfig(bytes_max=1_000_000)


class Box:
    """An outbox with a disk under it and a scheduler's numbers."""

    def __init__(self, config=SMALL):
        self.config = config
        self.disk = Disk()
        self.outbox = Outbox(config, ERA)
        self.seqs = Counter()
        self.link_ns = 0

    def offer(self, record_class, size_bytes=200, now_ns=0, *, dropped=False):
        self.seqs[record_class] += 1
        shipment = Shipment(
            node=NodeId("scheduler"),
            boot=BootId(7),
            first_seq=self.seqs[record_class],
            seq=self.seqs[record_class],
            count=1,
            dropped=dropped,
            record=b"" if dropped else bytes(size_bytes),
        )
        taken = self.outbox.offer(record_class, shipment, now_ns)
        self.commit()
        return taken

    def take(self, budget_bytes=PARTS_BYTES_MAX, overdue_before_ns=NEVER):
        self.link_ns += 1
        return self.outbox.take(budget_bytes, self.link_ns, overdue_before_ns)

    def drain(self, limit=10_000):
        items = []
        while len(items) < limit and (more := self.take()):
            items += more
        return items

    def acknowledge(self, record_class, through, *beyond):
        for number in beyond:
            ack = ItemAck(
                record_class=record_class,
                through=through,
                skip=number - through - 1,
                bitmap=b"\x01",
            )
            assert self.outbox.acknowledge(ack, 0)
        known = self.outbox.acknowledge(ItemAck(record_class=record_class, through=through), 0)
        self.commit()
        return known

    def commit(self):
        for effect in self.outbox.take_effects():
            self.disk.commit(effect)

    def restart(self):
        self.outbox = Outbox(self.config, BootId(99))
        for row in self.disk.rows():
            self.outbox.restore(row)
        self.commit()

    def stored(self):
        return self.disk.rows(TABLE)


def payload_of(item):
    return decode_payload(item.chunk)


# --- order and sharing --------------------------------------------------------------------------


def test_the_most_urgent_class_goes_first_and_the_oldest_within_it():
    box = Box()
    for record_class in reversed(RECORD_CLASSES):
        box.offer(record_class, 30)
        box.offer(record_class, 30)

    items = box.take(1_000)

    assert [item.record_class for item in items] == [c for c in RECORD_CLASSES for _ in range(2)]
    assert [item.id for item in items] == [1, 2] * 5


def test_bulk_gets_its_five_percent_while_summaries_fill_the_line():
    box = Box()
    for _ in range(1000):
        box.offer(RecordClass.SUMMARY, 400)
        box.offer(RecordClass.RAW, 400)

    sent_bytes = Counter()
    for item in box.drain(1000):
        sent_bytes[item.record_class] += len(item.chunk)

    share = sent_bytes[RecordClass.RAW] / sum(sent_bytes.values())
    assert share == pytest.approx(1 / FLOOR_DIVISOR, abs=0.005)


def test_each_waiting_class_gets_its_floor_under_a_flood_of_alarms():
    box = Box()
    for record_class in RECORD_CLASSES:
        for _ in range(600):
            box.offer(record_class, 200)

    sent = Counter(item.record_class for item in box.drain(600))

    for record_class in RECORD_CLASSES[1:]:
        assert sent[record_class] == pytest.approx(600 / FLOOR_DIVISOR, abs=3)
    assert sent[RecordClass.ALARM] > 0.75 * 600


def test_a_share_is_not_saved_up_while_there_is_nothing_to_send():
    box = Box()
    for _ in range(400):
        box.offer(RecordClass.SUMMARY, 400)
    box.drain(380)
    for _ in range(10):
        box.offer(RecordClass.RAW, 400)

    classes = [item.record_class for item in box.drain(20)]

    assert classes[:15] == [RecordClass.SUMMARY] * 15


def test_a_datagram_is_filled_and_never_overfilled():
    box = Box()
    for _ in range(20):
        box.offer(RecordClass.EVENT, 150)

    sizes = [len(msgspec.msgpack.encode(box.take())) for _ in range(3)]

    assert all(700 < size <= PARTS_BYTES_MAX for size in sizes)


# --- until Earth has it -------------------------------------------------------------------------


def test_an_item_stays_until_it_is_acknowledged():
    box = Box()
    box.offer(RecordClass.STATE)
    box.drain()

    box.acknowledge(RecordClass.STATE, 0)
    kept = len(box.stored())
    box.acknowledge(RecordClass.STATE, 1)

    assert kept == 1
    assert box.stored() == []
    assert box.outbox.items == box.outbox.size_bytes == 0


def test_only_what_is_overdue_is_sent_again_and_it_goes_first():
    box = Box()
    box.offer(RecordClass.STATE, 10)
    box.drain()
    first_ns = box.link_ns
    for _ in range(3):
        box.offer(RecordClass.STATE, 10)
    box.take(100)

    again = box.take(overdue_before_ns=first_ns)
    once = box.take(overdue_before_ns=first_ns)

    assert [item.id for item in again] == [1, 3, 4]
    assert once == []


def test_the_bitmap_keeps_what_arrived_out_of_order_from_being_sent_again():
    box = Box()
    for _ in range(5):
        box.offer(RecordClass.STATE, 10)
    box.drain()

    box.acknowledge(RecordClass.STATE, 1, 3, 5)
    again = box.take(overdue_before_ns=box.link_ns)

    assert [item.id for item in again] == [2, 4]
    assert [row.number for row in box.stored()] == [2, 4]


def test_an_old_acknowledgement_that_comes_late_takes_nothing_back():
    box = Box()
    for _ in range(3):
        box.offer(RecordClass.STATE, 10)
    box.drain()
    box.acknowledge(RecordClass.STATE, 3)

    box.acknowledge(RecordClass.STATE, 1)

    assert box.outbox.items == 0
    assert box.take(overdue_before_ns=box.link_ns) == []


def test_an_acknowledgement_of_what_was_never_sent_changes_nothing():
    box = Box()
    box.offer(RecordClass.STATE)

    assert not box.acknowledge(RecordClass.STATE, 2)
    assert box.outbox.items == 1


def test_a_long_payload_goes_in_pieces_and_ends_with_the_last_acknowledgement():
    box = Box()
    box.offer(RecordClass.STATE, 2_500)

    pieces = box.drain()
    box.acknowledge(RecordClass.STATE, 1, 3)
    kept = box.outbox.items
    again = box.take(overdue_before_ns=box.link_ns)
    box.acknowledge(RecordClass.STATE, 3)

    assert [(p.id, p.part, p.parts) for p in pieces] == [(1, 0, 3), (2, 1, 3), (3, 2, 3)]
    assert all(len(piece.chunk) <= CHUNK_BYTES for piece in pieces)
    assert kept == 1
    assert [item.id for item in again] == [2]
    assert box.outbox.items == 0


def test_no_more_than_a_window_is_in_flight():
    box = Box(OutboxConfig(bytes_max=64 * 1024 * 1024))
    stream = box.outbox.streams[RecordClass.RAW]
    box.offer(RecordClass.RAW, 1)
    stream.tally.last_id = WINDOW_COUNT - 1
    box.offer(RecordClass.RAW, 1)
    box.offer(RecordClass.RAW, 1)

    in_window = box.drain()
    box.acknowledge(RecordClass.RAW, 1)

    assert [item.id for item in in_window] == [1, WINDOW_COUNT]
    assert [item.id for item in box.drain()] == [WINDOW_COUNT + 1]


# --- restarts -----------------------------------------------------------------------------------


def test_a_restart_sends_again_what_was_not_acknowledged_and_gives_no_id_twice():
    box = Box()
    for _ in range(4):
        box.offer(RecordClass.STATE, 10)
    box.drain()
    box.acknowledge(RecordClass.STATE, 1, 3)

    box.restart()
    box.offer(RecordClass.STATE, 10)

    assert [item.id for item in box.drain()] == [2, 4, 5]
    assert box.outbox.total.era == ERA


def test_ids_go_on_after_a_restart_with_everything_acknowledged():
    box = Box()
    box.offer(RecordClass.STATE, 10)
    box.drain()
    box.acknowledge(RecordClass.STATE, 1)

    box.restart()
    box.offer(RecordClass.STATE, 10)

    assert [item.id for item in box.drain()] == [2]


def test_pieces_acknowledged_after_a_restart_are_not_sent_again():
    box = Box()
    box.offer(RecordClass.STATE, 2_500)
    box.drain()

    box.restart()
    box.acknowledge(RecordClass.STATE, 0, 1, 3)

    assert [item.id for item in box.drain()] == [2]


def test_a_row_that_cannot_be_read_is_said_and_changes_nothing():
    outbox = Outbox(SMALL, ERA)

    for row in (
        Row(TABLE, "2/1", 1, b"\xc1"),
        Row(TABLE, "9/1", 1, b"\x90"),
        Row("outbox_tally", "", 99, b"\x90"),
    ):
        with pytest.raises(JournalCorrupt):
            outbox.restore(row)

    assert outbox.items == 0


# --- drops --------------------------------------------------------------------------------------


def test_under_pressure_the_oldest_raw_goes_first_then_summaries():
    box = Box()
    for _ in range(3):
        box.offer(RecordClass.SUMMARY, 100_000)
    for _ in range(5):
        box.offer(RecordClass.RAW, 100_000)

    for _ in range(3):
        box.offer(RecordClass.ALARM, 200_000)

    tallies = {kind: stream.tally for kind, stream in box.outbox.streams.items()}
    assert tallies[RecordClass.RAW].shed == 5
    assert tallies[RecordClass.SUMMARY].shed == 0
    box.offer(RecordClass.ALARM, 200_000)
    assert tallies[RecordClass.SUMMARY].shed == 2
    assert tallies[RecordClass.ALARM].shed == 0
    assert box.outbox.size_bytes <= SMALL.bytes_max


def test_what_is_dropped_becomes_one_marker_that_earth_is_told_of():
    box = Box()
    for _ in range(9):
        box.offer(RecordClass.RAW, 200_000)

    items = box.drain()
    marker = payload_of(items[0])

    assert (items[0].id, items[0].parts) == (1, 1)
    assert items[0].last_id == items[1].first_id - 1
    assert marker.dropped
    assert (marker.first_seq, marker.seq, marker.count) == (1, 5, 5)
    assert len(box.stored()) == 1 + 4


def test_a_marker_grows_over_one_that_the_scheduler_made():
    box = Box()
    box.offer(RecordClass.RAW, dropped=True)
    for _ in range(6):
        box.offer(RecordClass.RAW, 200_000)

    marker = payload_of(box.drain()[0])

    assert (marker.first_seq, marker.seq, marker.count) == (1, 3, 3)
    assert box.outbox.streams[RecordClass.RAW].tally.dropped_records == 2


def test_what_is_in_flight_is_not_dropped():
    box = Box()
    for _ in range(4):
        box.offer(RecordClass.RAW, 200_000)
    first = box.take()

    for _ in range(2):
        box.offer(RecordClass.ALARM, 200_000)
    rest = [item for item in box.drain() if item.record_class is RecordClass.RAW]

    assert first[0].id == 1
    assert [item.id for item in rest[:208]] == list(range(2, 210))
    assert any(payload.span > 1 for payload in rest)


def test_what_an_earlier_life_may_have_sent_is_marked_one_by_one():
    box = Box()
    for _ in range(4):
        box.offer(RecordClass.RAW, 200_000)
    box.drain(limit=300)

    box.restart()
    for _ in range(3):
        box.offer(RecordClass.RAW, 300_000)
    markers = [item for item in box.drain() if item.parts == 1]

    assert len(markers) == box.outbox.streams[RecordClass.RAW].tally.shed
    assert len(markers) >= 3


def test_alarms_are_refused_rather_than_dropped_when_nothing_else_is_left():
    box = Box()
    taken = [box.offer(RecordClass.ALARM, 200_000) for _ in range(6)]

    box.offer(RecordClass.RAW, 10)

    assert taken == [True, True, True, True, False, False]
    assert box.outbox.streams[RecordClass.ALARM].items == 4


def test_expired_records_are_dropped_counted_and_told():
    box = Box()
    box.offer(RecordClass.RAW, now_ns=0)
    box.offer(RecordClass.RAW, now_ns=2 * DAY_NS)
    box.offer(RecordClass.SUMMARY, now_ns=0)
    box.offer(RecordClass.EVENT, now_ns=0)

    early = box.outbox.sweep(3 * DAY_NS - 1)
    notes = box.outbox.sweep(3 * DAY_NS)

    assert early == []
    assert [type(note) for note in notes] == [Note]
    assert notes[0].fields == {"class": "raw", "reason": "expired", "records": 1}
    assert {kind: s.tally.expired for kind, s in box.outbox.streams.items() if s.tally.expired} == {
        RecordClass.RAW: 1
    }


def test_the_numbers_survive_a_restart():
    box = Box()
    for _ in range(7):
        box.offer(RecordClass.RAW, 200_000)
    before = {kind: stream.tally for kind, stream in box.outbox.streams.items()}

    box.restart()

    assert {kind: stream.tally for kind, stream in box.outbox.streams.items()} == before
    assert box.outbox.total.peak_items == 4


def test_the_backlog_of_an_outage_is_drained_when_its_last_item_is_acknowledged():
    box = Box()
    for _ in range(2):
        box.offer(RecordClass.STATE, 10)
    box.outbox.begin_drain(100)
    box.offer(RecordClass.STATE, 10)
    box.drain()
    tally = box.outbox.streams[RecordClass.STATE].tally

    box.outbox.acknowledge(ItemAck(record_class=RecordClass.STATE, through=1), 200)
    halfway_ns = tally.drained_ns
    box.outbox.acknowledge(ItemAck(record_class=RecordClass.STATE, through=2), 300)

    assert (halfway_ns, tally.drained_ns) == (0, 300)
    assert box.outbox.streams[RecordClass.ALARM].tally.drained_ns == 100


# --- everything at once -------------------------------------------------------------------------

CLASSES = st.sampled_from(RECORD_CLASSES)
STEPS = st.one_of(
    st.tuples(st.just("offer"), CLASSES, st.integers(0, 120_000)),
    st.tuples(st.just("send"), st.integers(1, 40), st.randoms(use_true_random=False)),
    st.tuples(st.just("repeat"), st.integers(0, 400)),
    st.tuples(st.just("acknowledge")),
    st.tuples(st.just("restart_site")),
    st.tuples(st.just("restart_earth")),
)


class Earth:
    """An inbox with a disk under it; keeps what came out, doubles and all."""

    def __init__(self):
        self.disk, self.inbox = Disk(), Inbox()
        self.inbox.era = ERA
        self.got, self.dropped = Counter(), Counter()

    def take(self, item):
        whole = self.inbox.take(item)
        for effect in self.inbox.take_effects():
            self.disk.commit(effect)
        if whole is not None:
            shipment = decode_payload(whole)
            for seq in range(shipment.first_seq, shipment.seq + 1):
                (self.dropped if shipment.dropped else self.got)[(item.record_class, seq)] += 1

    def restart(self):
        self.inbox = Inbox()
        self.inbox.era = ERA
        for row in self.disk.rows():
            self.inbox.restore(row)


class Both:
    """An outbox and an inbox, with a way between that loses every third item."""

    def __init__(self):
        self.box, self.earth, self.under_way = Box(), Earth(), []

    def offer(self, record_class, size_bytes):
        self.box.offer(record_class, size_bytes)

    def send(self, limit, rng):
        items = self.box.drain(limit)
        self.under_way += items
        rng.shuffle(items)
        for item in items[: len(items) * 2 // 3]:
            self.earth.take(item)

    def repeat(self, count):
        for item in self.under_way[:count]:
            self.earth.take(item)

    def acknowledge(self):
        for ack in self.earth.inbox.acks():
            assert self.box.outbox.acknowledge(ack, 0)
        self.box.commit()

    def restart_site(self):
        self.box.restart()

    def restart_earth(self):
        self.earth.restart()

    def heal(self):
        for _ in range(3):
            for item in self.box.drain() + self.box.take(10**9, self.box.link_ns):
                self.earth.take(item)
            self.acknowledge()


@given(st.lists(STEPS, max_size=40))
def test_every_record_is_delivered_once_or_marked_as_dropped_once(steps):
    both = Both()

    for name, *arguments in steps:
        getattr(both, name)(*arguments)
    both.heal()

    box = both.box
    ended = both.earth.got + both.earth.dropped
    tallies = [stream.tally for stream in box.outbox.streams.values()]
    assert all(tally.taken == tally.delivered + tally.expired + tally.shed for tally in tallies)
    assert box.stored() == []
    assert box.outbox.size_bytes == 0
    assert all(count == 1 for count in ended.values()), ended
    assert len(ended) == sum(tally.taken for tally in tallies)


def test_every_row_written_is_erased_in_the_end():
    box = Box()
    written, erased = set(), set()
    for kind in RECORD_CLASSES:
        for _ in range(3):
            shipment = Shipment(
                node=NodeId("scheduler"),
                boot=BootId(7),
                first_seq=1,
                seq=1,
                count=1,
                dropped=False,
                record=bytes(1_500),
            )
            box.outbox.offer(kind, shipment, 0)
    box.drain()
    for kind in RECORD_CLASSES:
        box.outbox.acknowledge(ItemAck(record_class=kind, through=6), 0)

    for effect in box.outbox.take_effects():
        if isinstance(effect, Persist) and effect.table == TABLE:
            written.add((effect.scope, effect.number))
        if isinstance(effect, Erase):
            erased.add((effect.scope, effect.through))

    assert len(written) == 15
    assert written == erased
