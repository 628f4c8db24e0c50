from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunaredge.earth.inbox import Inbox
from lunaredge.earth.outbox import FLOOR_DIVISOR, TOTAL_TABLE, Outbox
from lunaredge.earth.stream import TABLE
from lunaredge.ids import BootId, NodeId
from lunaredge.node import Erase, Note, Persist
from lunaredge.units import NS_PER_S
from lunaredge.wire.link import (
    PARTS_BYTES_MAX,
    ItemAck,
    Shipment,
    decode_payload,
)
from lunaredge.wire.messages import RECORD_CLASSES, RecordClass
from tests.earth.box import ERA, SMALL, Box, payload_of
from tests.earth.rig import Disk

DAY_NS = 86_400 * NS_PER_S


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


def test_the_peak_is_the_most_items_and_the_most_bytes_each_for_itself():
    box = Box()
    box.offer(RecordClass.STATE, 5_000)
    most_bytes = box.outbox.size_bytes
    box.acknowledge(RecordClass.STATE, through=box.drain()[-1].id)

    for _ in range(9):
        box.offer(RecordClass.STATE, 10)

    total = box.outbox.total
    assert (box.outbox.items, total.peak_items) == (9, 9)
    assert total.peak_bytes == most_bytes > box.outbox.size_bytes


def test_a_peak_never_falls_below_what_waits_after_a_crash_between_two_rows():
    box = Box()
    box.offer(RecordClass.STATE, 10)
    total = box.disk.rows(TOTAL_TABLE)
    box.offer(RecordClass.STATE, 10)
    after = Outbox(SMALL, ERA)

    for row in (*box.stored(), *total):
        after.restore(row)

    tally = after.streams[RecordClass.STATE].tally
    assert (after.items, after.total.peak_items, tally.peak_items) == (2, 2, 2)


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
    box.outbox.acknowledge(ItemAck(record_class=RecordClass.STATE, through=3), 400)

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
