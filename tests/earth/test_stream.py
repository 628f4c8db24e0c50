import msgspec
import pytest

from lunaredge.earth.outbox import Outbox, OutboxConfig
from lunaredge.earth.stream import TABLE
from lunaredge.errors import JournalCorrupt
from lunaredge.node import Row
from lunaredge.wire.link import (
    CHUNK_BYTES,
    WINDOW_COUNT,
)
from lunaredge.wire.messages import RecordClass
from tests.earth.box import ERA, SMALL, Box

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

    box.acknowledge(RecordClass.STATE, 3)

    assert [item.id for item in again] == [2, 4]
    assert box.outbox.streams[RecordClass.STATE]._held == {5}
    assert [row.number for row in box.stored()] == [4]


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


def test_without_the_row_of_numbers_a_new_era_begins():
    box = Box()
    box.offer(RecordClass.STATE, 10)
    box.drain()
    box.disk.scopes.pop(("outbox_total", ""))

    box.restart()

    assert box.outbox.total.era != ERA
    assert [item.id for item in box.drain()] == [1]


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
        Row("outbox_total", "", 0, msgspec.msgpack.encode([1, 2, 3, []])),
    ):
        with pytest.raises(JournalCorrupt):
            outbox.restore(row)

    assert outbox.items == 0
