"""The record session: numbering, acknowledgement, going back, shedding."""

from copy import copy

import pytest

from lunaredge.ids import BootId
from lunaredge.wire.messages import RECORD_CLASSES, RecordAck, RecordClass, Upload
from lunaredge.wire.session import WINDOW_COUNT, Limits, Sender, judge

BOOT = BootId(7)
LIMITS = Limits(bytes_max=1000, resend_ns=10)
SHEDDABLE = (RecordClass.RAW, RecordClass.SUMMARY)


def raw_sender(count: int, size_bytes: int = 1) -> Sender:
    sender = Sender(BOOT, LIMITS)
    for _ in range(count):
        sender.offer(RecordClass.RAW, bytes(size_bytes), count=10, now_ns=0)
    return sender


def ack(through_seq: int, record_class: RecordClass = RecordClass.RAW) -> RecordAck:
    return RecordAck(record_class=record_class, boot=BOOT, through_seq=through_seq)


def upload(first_seq: int, seq: int, floor_seq: int) -> Upload:
    return Upload(
        record_class=RecordClass.RAW,
        boot=BOOT,
        first_seq=first_seq,
        seq=seq,
        floor_seq=floor_seq,
        count=1,
        dropped=first_seq != seq,
        record=b"",
    )


def test_each_class_of_a_boot_counts_from_one() -> None:
    sender = Sender(BOOT, LIMITS)

    numbers = [sender.offer(kind, b"x", 1, 0).seq for kind in (*SHEDDABLE, RecordClass.RAW)]

    assert numbers == [1, 1, 2]


def test_uploads_go_out_most_urgent_class_first_and_in_order() -> None:
    sender = Sender(BOOT, LIMITS)
    for record_class in reversed(RECORD_CLASSES):
        sender.offer(record_class, b"x", 1, 0)
        sender.offer(record_class, b"x", 1, 0)

    sent = [(up.record_class, up.seq) for up in sender.due(0)]

    assert sent == [(kind, seq) for kind in RECORD_CLASSES for seq in (1, 2)]


def test_every_upload_says_the_lowest_number_still_held() -> None:
    sender = raw_sender(3)
    sender.acknowledge(ack(1))

    assert [(up.seq, up.floor_seq) for up in sender.due(0)] == [(2, 2), (3, 2)]


def test_an_unacknowledged_upload_is_sent_again_after_its_time_and_not_before() -> None:
    sender = raw_sender(1)

    sent = {now_ns: len(sender.due(now_ns)) for now_ns in (0, 9, 10, 19, 20)}

    assert sent == {0: 1, 9: 0, 10: 1, 19: 0, 20: 1}


def test_all_that_followed_a_lost_upload_goes_out_again_with_it() -> None:
    sender = raw_sender(2)
    sender.due(0)
    sender.offer(RecordClass.RAW, b"x", count=10, now_ns=5)
    sender.due(5)

    assert [up.seq for up in sender.due(10)] == [1, 2, 3]


def test_no_more_than_a_window_is_in_flight() -> None:
    sender = raw_sender(WINDOW_COUNT + 5)

    first, later = sender.due(0), sender.due(1)
    sender.acknowledge(ack(3))

    assert len(first) == WINDOW_COUNT
    assert later == []
    assert [up.seq for up in sender.due(2)] == [
        WINDOW_COUNT + 1,
        WINDOW_COUNT + 2,
        WINDOW_COUNT + 3,
    ]


def test_an_acknowledgement_covers_everything_up_to_its_number() -> None:
    sender = raw_sender(5, size_bytes=4)

    gone = sender.acknowledge(ack(3))

    assert [item.seq for item in gone] == [1, 2, 3]
    assert (sender.count, sender.size_bytes) == (2, 8)


def test_a_marker_is_not_done_with_until_its_last_number_is_acknowledged() -> None:
    sender = raw_sender(12, size_bytes=100)
    sender.shed()

    early, late = sender.acknowledge(ack(1)), sender.acknowledge(ack(2))

    assert early == []
    assert [(item.first_seq, item.seq) for item in late] == [(1, 2)]


def test_an_old_or_repeated_acknowledgement_changes_nothing() -> None:
    sender = raw_sender(5)
    sender.acknowledge(ack(3))

    gone = sender.acknowledge(ack(3)) + sender.acknowledge(ack(1))

    assert gone == []
    assert sender.count == 2


def test_an_acknowledgement_of_another_class_or_boot_changes_nothing() -> None:
    sender = raw_sender(2)

    sender.acknowledge(ack(2, RecordClass.EVENT))
    sender.acknowledge(RecordAck(record_class=RecordClass.RAW, boot=BootId(6), through_seq=2))

    assert sender.count == 2


def test_numbers_go_on_after_everything_was_acknowledged() -> None:
    sender = raw_sender(2)
    sender.acknowledge(ack(2))

    item = sender.offer(RecordClass.RAW, b"x", 1, 0)

    assert item.seq == 3


def test_a_lost_connection_makes_everything_due_again() -> None:
    sender = raw_sender(3)
    sender.due(0)

    sender.resend_all()

    assert [up.seq for up in sender.due(1)] == [1, 2, 3]


def test_only_what_is_old_and_not_on_disk_is_handed_to_the_spool() -> None:
    sender = raw_sender(1)
    sender.offer(RecordClass.RAW, b"x", 1, now_ns=50)

    old, again, rest = sender.to_spool(40), sender.to_spool(40), sender.to_spool(50)

    assert [[item.seq for item in items] for items in (old, again, rest)] == [[1], [], [2]]


def test_a_new_life_sends_the_old_lifes_spool_under_its_old_boot() -> None:
    spool = raw_sender(2).to_spool(0)
    sender = Sender(BootId(8), LIMITS)

    sender.restore(spool)
    sender.offer(RecordClass.RAW, b"x", 1, 0)

    assert [(up.boot, up.seq) for up in sender.due(0)] == [(7, 1), (7, 2), (8, 1)]


def test_shedding_drops_the_oldest_raw_records_and_says_how_many() -> None:
    sender = raw_sender(12, size_bytes=100)

    (marker,) = sender.shed()

    assert (marker.first_seq, marker.seq, marker.count, marker.dropped) == (1, 2, 20, True)
    assert sender.dropped == {RecordClass.RAW: 20}
    assert sender.size_bytes == LIMITS.bytes_max


def test_shedding_again_grows_the_same_marker() -> None:
    sender = raw_sender(12, size_bytes=100)
    sender.shed()
    sender.offer(RecordClass.RAW, bytes(100), count=10, now_ns=0)

    (marker,) = sender.shed()

    assert (marker.first_seq, marker.seq, marker.count) == (1, 3, 30)
    assert sender.dropped == {RecordClass.RAW: 30}


def test_an_earlier_lifes_records_are_shed_under_their_own_boot() -> None:
    sender = Sender(BootId(8), LIMITS)
    sender.restore(raw_sender(12, size_bytes=100).to_spool(0))

    (marker,) = sender.shed()

    assert (marker.boot, marker.first_seq, marker.seq) == (BOOT, 1, 2)


def test_summaries_go_only_when_no_raw_record_is_left() -> None:
    sender = raw_sender(2, size_bytes=100)
    for _ in range(12):
        sender.offer(RecordClass.SUMMARY, bytes(100), 1, 0)

    markers = sender.shed()

    assert [(m.record_class, m.first_seq, m.seq) for m in markers] == [
        (RecordClass.RAW, 1, 2),
        (RecordClass.SUMMARY, 1, 2),
    ]


@pytest.mark.parametrize("record_class", [RecordClass.ALARM, RecordClass.EVENT, RecordClass.STATE])
def test_alarms_events_and_task_state_are_never_shed(record_class: RecordClass) -> None:
    sender = Sender(BOOT, LIMITS)
    for _ in range(20):
        sender.offer(record_class, bytes(100), 1, 0)

    assert sender.shed() == []
    assert sender.count == 20


def test_a_marker_counts_again_what_was_sent_but_not_acknowledged() -> None:
    sender = raw_sender(12, size_bytes=100)
    committed = sender.due(0)[0]

    (marker,) = sender.shed()
    verdict = judge(committed.seq, upload(marker.first_seq, marker.seq, marker.first_seq))

    # So an archive takes the counts of the numbers it has off a marker's count.
    assert verdict.accepted
    assert marker.count == 2 * committed.count


def test_a_stream_with_nothing_left_to_give_is_not_marked_anew_each_time() -> None:
    sender = raw_sender(2, size_bytes=100)
    for _ in range(20):
        sender.offer(RecordClass.ALARM, bytes(100), 1, 0)

    first, second = sender.shed(), sender.shed()

    assert len(first) == 1
    assert second == []


def test_power_lost_between_a_marker_and_its_erasing_restores_the_marker_alone() -> None:
    sender = raw_sender(14, size_bytes=100)
    rows = {item.seq: copy(item) for item in sender.to_spool(0)}
    (marker,) = sender.shed()
    rows[marker.seq] = marker

    restarted = Sender(BootId(8), LIMITS)
    restarted.restore([rows[seq] for seq in sorted(rows)])

    assert restarted.count == sender.count
    assert restarted.size_bytes == sender.size_bytes


def test_power_lost_before_a_marker_is_written_leaves_the_rows_that_it_stands_for() -> None:
    sender = Sender(BOOT, LIMITS)
    sender.restore(raw_sender(10, size_bytes=100).to_spool(0))
    rows = [copy(item) for items in sender._streams.values() for item in items]
    sender.offer(RecordClass.RAW, bytes(100), count=10, now_ns=0)
    (marker,) = sender.shed()

    restarted = Sender(BootId(8), LIMITS)
    restarted.restore(rows)

    assert (marker.first_seq, marker.seq) == (1, 1)
    assert [up.seq for up in restarted.due(0)] == list(range(1, 11))


@pytest.mark.parametrize(
    ("through_seq", "judged", "expected"),
    [
        (0, upload(1, 1, 1), (True, False, 0, 1)),
        (4, upload(5, 5, 3), (True, False, 0, 5)),
        (5, upload(5, 5, 5), (False, True, 0, 5)),
        (9, upload(5, 5, 5), (False, True, 0, 9)),
        (3, upload(5, 5, 4), (False, False, 0, 3)),
        (3, upload(5, 5, 5), (True, False, 1, 5)),
        (0, upload(9, 9, 9), (True, False, 8, 9)),
        (0, upload(1, 6, 1), (True, False, 0, 6)),
        (4, upload(1, 6, 1), (True, False, 0, 6)),
        (6, upload(1, 6, 1), (False, True, 0, 6)),
        (2, upload(5, 9, 5), (True, False, 2, 9)),
        (2, upload(5, 9, 4), (False, False, 0, 2)),
    ],
    ids=[
        "first",
        "next",
        "repeated",
        "long-past",
        "ahead",
        "hole-that-stays",
        "receiver-new",
        "marker",
        "marker-over-committed",
        "marker-repeated",
        "marker-after-hole",
        "marker-ahead",
    ],
)
def test_an_upload_is_judged_by_what_is_committed(
    through_seq: int, judged: Upload, expected: tuple[bool, bool, int, int]
) -> None:
    verdict = judge(through_seq, judged)

    assert expected == (
        verdict.accepted,
        verdict.duplicate,
        verdict.missing,
        verdict.through_seq,
    )
