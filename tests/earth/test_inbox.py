import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunaredge.earth.inbox import ERAS_MAX, PIECE_TABLE, TABLE, Inbox
from lunaredge.errors import JournalCorrupt, RemoteProtocolError
from lunaredge.ids import BootId
from lunaredge.node import Row
from lunaredge.wire.link import BITMAP_BYTES_MAX, WINDOW_COUNT, Item
from lunaredge.wire.messages import RecordClass
from tests.earth.rig import Disk

KIND = RecordClass.STATE


def item(number, chunk=b"x", **changes):
    fields = {
        "record_class": KIND,
        "id": number,
        "behind": number - 1,
        "span": 1,
        "part": 0,
        "parts": 1,
        "born_ns": 0,
        "chunk": chunk,
    }
    return Item(**(fields | changes))


def piece(first_id, part, parts, chunk=b"p"):
    return item(first_id + part, chunk, part=part, parts=parts)


def inbox_of(era=5):
    inbox = Inbox()
    inbox.era = BootId(era)
    return inbox


def held(inbox):
    """Give what the acknowledgements say, as a set of ids."""
    acks = inbox.acks()
    through = acks[0].through
    assert {ack.through for ack in acks} == {through}
    return set(range(1, through + 1)) | {number for ack in acks for number in ack.ids()}


@given(st.lists(st.integers(1, 60), max_size=120))
def test_each_id_is_taken_once_in_any_order_and_acknowledged(numbers):
    inbox, taken = inbox_of(), []

    for number in numbers:
        taken += [number] if inbox.take(item(number)) else []

    assert sorted(taken) == sorted(set(numbers))
    assert not numbers or held(inbox) == set(numbers)


def test_holes_beyond_one_bitmap_take_more_acknowledgements():
    inbox = inbox_of()
    far = 8 * BITMAP_BYTES_MAX + 100

    for number in (2, far):
        inbox.take(item(number))
    acks = inbox.acks()

    assert len(acks) == 2
    assert held(inbox) == {2, far}
    assert all(len(ack.bitmap) <= BITMAP_BYTES_MAX for ack in acks)


def test_what_is_beyond_the_window_is_refused_and_may_come_again():
    inbox = inbox_of()

    with pytest.raises(RemoteProtocolError, match="ahead"):
        inbox.take(item(WINDOW_COUNT + 1))
    inbox.take(item(1))

    assert inbox.take(item(WINDOW_COUNT + 1)) == b"x"


def test_a_marker_may_reach_far_when_nothing_is_missing_before_it():
    inbox = inbox_of()

    inbox.take(item(1, span=10**15))

    assert inbox.acks()[0].through == 10**15
    assert inbox.take(item(10**15, behind=0)) is None


def test_pieces_are_put_together_in_any_order_and_leave_no_rows():
    inbox, disk = inbox_of(), Disk()

    wholes = [inbox.take(piece(1, part, 3, bytes([part]))) for part in (2, 0, 2, 1)]
    for effect in inbox.take_effects():
        disk.commit(effect)

    assert wholes == [None, None, None, b"\x00\x01\x02"]
    assert disk.rows(PIECE_TABLE) == []


def test_pieces_survive_a_restart():
    inbox, disk = inbox_of(), Disk()
    inbox.take(piece(1, 0, 2, b"a"))
    for effect in inbox.take_effects():
        disk.commit(effect)

    again = inbox_of()
    for row in disk.rows():
        again.restore(row)

    assert again.take(piece(1, 0, 2, b"a")) is None
    assert again.take(piece(1, 1, 2, b"b")) == b"ab"


def test_a_piece_that_contradicts_the_others_is_refused():
    inbox = inbox_of()
    inbox.take(piece(1, 3, 4))

    with pytest.raises(RemoteProtocolError, match="pieces"):
        inbox.take(piece(1, 0, 2))


def test_a_marker_ends_a_payload_that_came_in_part():
    inbox, disk = inbox_of(), Disk()
    inbox.take(piece(1, 0, 3))
    inbox.take(piece(1, 2, 3))

    whole = inbox.take(item(1, b"dropped", span=3))
    again = inbox.take(item(1, b"dropped", span=3))
    for effect in inbox.take_effects():
        disk.commit(effect)

    assert (whole, again) == (b"dropped", None)
    assert held(inbox) == {1, 2, 3}
    assert disk.rows(PIECE_TABLE) == []


def test_ids_that_the_site_no_longer_holds_are_counted_as_missing_and_not_waited_for():
    inbox = inbox_of()
    inbox.take(item(3, behind=2))

    inbox.take(item(10, behind=2))

    assert inbox.totals()[KIND].missing == 6
    assert held(inbox) == {1, 2, 3, 4, 5, 6, 7, 10}


def test_an_outbox_on_a_new_disk_starts_again_in_its_own_era():
    inbox = inbox_of()
    inbox.take(item(1))

    inbox.era = BootId(3)
    taken = inbox.take(item(1))

    assert taken == b"x"
    assert held(inbox) == {1}


def test_eras_are_bounded():
    inbox, disk = inbox_of(), Disk()

    for era in range(1, 3 * ERAS_MAX):
        inbox.era = BootId(era)
        inbox.take(item(1))
        for effect in inbox.take_effects():
            disk.commit(effect)

    assert len(disk.rows(TABLE)) <= ERAS_MAX + 1
    assert inbox.take(item(1)) is None


def test_totals_sum_all_eras():
    inbox = inbox_of()
    for era in (5, 6):
        inbox.era = BootId(era)
        inbox.take(item(1))
        inbox.count(KIND, dropped=False, records=1)
        inbox.take(item(2))
        inbox.count(KIND, dropped=True, records=40)
        inbox.take(item(2))

    totals = inbox.totals()[KIND]

    assert (totals.delivered, totals.dropped, totals.dropped_records) == (2, 2, 80)
    assert totals.duplicates == 2


def test_a_row_that_cannot_be_read_is_said_and_changes_nothing():
    inbox = Inbox()

    for row in (Row(TABLE, "x", 0, b"\x90"), Row(TABLE, "5", 9, b"\x90"), Row(TABLE, "5", 0, b"!")):
        with pytest.raises(JournalCorrupt):
            inbox.restore(row)

    assert inbox.acks() == []
