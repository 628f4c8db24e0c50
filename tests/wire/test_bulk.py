"""The bulk session: newest first, a window, acknowledgement in any order, a bound that holds."""

from collections.abc import Sequence

import pytest

from lunaredge.ids import BootId
from lunaredge.wire.bulk import (
    SHED_COUNT_MAX,
    WINDOW_COUNT_FIRST,
    WINDOW_COUNT_MAX,
    BulkSender,
    Marker,
)
from lunaredge.wire.messages import HELD_MAX, RecordAck, RecordClass
from lunaredge.wire.session import Item, Limits

FIRST = BootId(1)


def sender(boot: int = 1, bytes_max: int = 1000, marker_bytes: int = 10) -> BulkSender:
    def summed(items: Sequence[Item]) -> Marker:
        return Marker(record=bytes(marker_bytes), count=sum(item.count for item in items))

    return BulkSender(BootId(boot), Limits(bytes_max=bytes_max, resend_ns=10), summed)


def offer(subject: BulkSender, count: int, size: int = 10, now_ns: int = 0) -> None:
    for _ in range(count):
        subject.offer(RecordClass.RAW, bytes(size), 1, now_ns)


def ack(
    through: int = 0, *ranges: tuple[int, int], window: int = 0, boot: BootId = FIRST
) -> RecordAck:
    return RecordAck(
        record_class=RecordClass.RAW, boot=boot, through_seq=through, ranges=ranges, window=window
    )


def sent(subject: BulkSender, now_ns: int = 0) -> list[int]:
    return [upload.seq for upload in subject.due(now_ns)]


def relieved(subject: BulkSender, now_ns: int = 0) -> list[int]:
    """Take all there is, newest first, and give it in the order in which it came."""
    taken: list[int] = []
    while uploads := subject.due(now_ns):
        taken += [upload.seq for upload in uploads]
        for upload in uploads:
            word = RecordAck(
                record_class=upload.record_class,
                boot=upload.boot,
                through_seq=0,
                ranges=((upload.first_seq, upload.seq),),
            )
            subject.acknowledge(word)
    return taken


def restored(items: list[Item], boot: int = 2, marker_bytes: int = 10) -> BulkSender:
    subject = sender(boot, marker_bytes=marker_bytes)
    subject.restore(items)
    return subject


def row(first: int, last: int, *, boot: int = 1, size: int = 10) -> Item:
    return Item(
        boot=BootId(boot),
        record_class=RecordClass.RAW,
        first_seq=first,
        seq=last,
        count=last - first + 1,
        dropped=last > first,
        record=bytes(size),
        offered_ns=0,
    )


# --- order and window ----------------------------------------------------------------------------


def test_the_newest_goes_first_and_the_history_follows() -> None:
    subject = sender()
    offer(subject, 5)

    assert sent(subject) == [5, 4]
    offer(subject, 1)
    subject.acknowledge(ack(0, (4, 5)))
    assert sent(subject) == [6, 3]
    subject.acknowledge(ack(0, (3, 6)))

    assert relieved(subject) == [2, 1]


def test_summaries_go_before_samples_and_the_newest_life_before_older_ones() -> None:
    subject = restored([row(1, 1), row(2, 2)])
    offer(subject, 1)
    subject.offer(RecordClass.SUMMARY, b"", 1, 0)
    subject.acknowledge(ack(window=8))

    found = [(u.record_class.value, u.boot, u.seq) for u in subject.due(0)]

    assert found == [("summary", 2, 1), ("raw", 2, 1), ("raw", 1, 2), ("raw", 1, 1)]


def test_so_many_are_under_way_as_the_receiver_says() -> None:
    subject = sender()
    offer(subject, 100)

    assert len(sent(subject)) == WINDOW_COUNT_FIRST
    subject.acknowledge(ack(window=7))
    assert len(sent(subject)) == 7 - WINDOW_COUNT_FIRST
    subject.acknowledge(ack(window=0))
    assert sent(subject) == []
    subject.acknowledge(ack(window=10**6))

    assert len(sent(subject)) == WINDOW_COUNT_MAX - 7


def test_a_narrower_window_waits_for_what_is_under_way() -> None:
    subject = sender()
    offer(subject, 20)
    subject.acknowledge(ack(window=8))
    assert sent(subject) == list(range(20, 12, -1))

    subject.acknowledge(ack(0, (19, 20), window=4))
    assert sent(subject) == []
    subject.acknowledge(ack(0, (16, 20)))

    assert sent(subject) == [12]


def test_a_lost_upload_is_sent_again_and_holds_up_no_other() -> None:
    subject = sender()
    offer(subject, 4)
    assert sent(subject, 0) == [4, 3]
    subject.acknowledge(ack(0, (4, 4)))
    assert sent(subject, 5) == [2]

    assert sent(subject, 9) == []
    assert sent(subject, 10) == [3]
    assert sent(subject, 15) == [2]
    subject.acknowledge(ack(0, (2, 4)))

    assert sent(subject, 16) == [1]


def test_what_is_asked_for_is_sent_again_sooner() -> None:
    subject = BulkSender(FIRST, Limits(bytes_max=1000, resend_ns=800), _unsummed)
    offer(subject, 3)
    subject.window_count = 3
    assert sent(subject) == [3, 2, 1]

    # The newest was lost, and what was sent after it has arrived.
    subject.acknowledge(ack(0, (2, 2)))
    assert sent(subject, 99) == []
    assert sent(subject, 100) == [3]

    # Once: should it be refused, it is not sent without end. What was sent last may be on its way.
    assert sent(subject, 250) == []
    assert sent(subject, 800) == [1]


def _unsummed(items: Sequence[Item]) -> Marker:
    raise AssertionError(f"{len(items)} uploads were to be dropped")


def test_after_a_connection_everything_is_sent_anew_and_carefully() -> None:
    subject = sender()
    offer(subject, 20)
    subject.acknowledge(ack(window=16))
    sent(subject)

    subject.resend_all()

    assert sent(subject) == [20, 19]


# --- acknowledgements ----------------------------------------------------------------------------


def test_what_is_committed_in_any_order_is_forgotten_and_given_back_rising() -> None:
    subject = sender()
    offer(subject, 10)
    sent(subject)

    gone = subject.acknowledge(ack(2, (9, 10), (5, 6)))

    assert [item.seq for item in gone] == [1, 2, 5, 6, 9, 10]
    assert (subject.count, subject.size_bytes) == (4, 40)
    assert subject.acknowledge(ack(2, (9, 10), (5, 6))) == []


@pytest.mark.parametrize(
    "word",
    [
        ack(0, (0, 0)),
        ack(0, (9, 3)),
        ack(0, (11, 2**63 - 1)),
        ack(10, boot=BootId(9)),
        RecordAck(record_class=RecordClass.SUMMARY, boot=FIRST, through_seq=10),
    ],
)
def test_a_word_on_what_is_not_held_changes_nothing(word: RecordAck) -> None:
    subject = sender()
    offer(subject, 10)

    assert subject.acknowledge(word) == []
    assert subject.count == 10
    assert relieved(subject) == list(range(10, 0, -1))


def test_the_newest_that_a_marker_stands_for_does_not_acknowledge_all_of_it() -> None:
    subject = restored([row(1, 8)])

    # The receiver took 6 to 8 before they were dropped; that 1 to 5 are gone it has yet to hear.
    assert subject.acknowledge(ack(0, (6, 8))) == []
    assert subject.acknowledge(ack(0, (2, 8))) == []

    assert [item.seq for item in subject.acknowledge(ack(0, (1, 8)))] == [8]
    assert subject.count == 0


# --- disk ----------------------------------------------------------------------------------------


def test_what_is_old_and_not_on_disk_is_given_once() -> None:
    subject = sender()
    offer(subject, 2, now_ns=0)
    offer(subject, 2, now_ns=20)

    assert [item.seq for item in subject.to_spool(10)] == [1, 2]
    assert subject.to_spool(10) == []
    assert [item.seq for item in subject.to_spool(30)] == [3, 4]


def test_a_marker_supersedes_what_it_stands_for_and_nothing_before() -> None:
    subject = restored([row(1, 3), row(4, 4), row(5, 5), row(4, 6), row(7, 7)])

    assert (subject.count, subject.size_bytes) == (3, 30)
    assert relieved(subject) == [7, 6, 3]


def test_a_life_goes_on_counting_where_it_was() -> None:
    subject = restored([row(1, 1, boot=2), row(2, 2, boot=2)])

    assert subject.offer(RecordClass.RAW, b"", 1, 0).seq == 3


def test_a_birth_lists_each_stream_once_and_the_newest_where_there_are_too_many() -> None:
    boots = HELD_MAX + 10
    subject = restored([row(2, 2, boot=boot) for boot in range(1, boots + 1)], boot=boots + 1)
    offer(subject, 3)

    held = subject.held()

    assert len(held) == HELD_MAX
    assert (held[0].boot, held[0].floor_seq, held[0].last_seq) == (boots + 1, 1, 3)
    assert (held[1].boot, held[1].floor_seq, held[1].last_seq) == (boots, 2, 2)
    assert [each.boot for each in held] == sorted((each.boot for each in held), reverse=True)


# --- shedding ------------------------------------------------------------------------------------


def test_the_oldest_samples_go_before_any_summary() -> None:
    subject = sender()
    subject.offer(RecordClass.SUMMARY, bytes(500), 1, 0)
    offer(subject, 60)

    changed = subject.shed()

    assert {marker.record_class for marker, _ in changed} == {RecordClass.RAW}
    assert changed[0][1][0].seq == 1
    assert [v.seq for _, victims in changed for v in victims] == list(
        range(1, 1 + sum(len(victims) for _, victims in changed))
    )
    assert subject.size_bytes <= 1000
    assert subject.dropped == {RecordClass.RAW: sum(marker.count for marker, _ in changed)}


def test_summaries_go_where_samples_are_not_enough() -> None:
    subject = sender()
    for _ in range(30):
        subject.offer(RecordClass.SUMMARY, bytes(40), 1, 0)
    offer(subject, 2)

    subject.shed()

    assert subject.size_bytes <= 1000
    assert subject.dropped[RecordClass.RAW] == 2
    assert subject.dropped[RecordClass.SUMMARY] > 0


def test_within_the_bound_nothing_is_dropped() -> None:
    subject = sender()
    offer(subject, 100)

    assert subject.shed() == []
    assert subject.shed(taken_bytes=0) == []
    assert subject.dropped == {}


def test_what_others_have_taken_of_the_bound_is_not_there() -> None:
    subject = sender()
    offer(subject, 100)

    subject.shed(taken_bytes=600)

    assert subject.size_bytes <= 400


def test_one_marker_stands_for_so_many_uploads_only() -> None:
    subject = sender(bytes_max=100_000)
    offer(subject, 10_100)

    changed = subject.shed()

    assert {len(victims) for _, victims in changed} == {SHED_COUNT_MAX}


def test_one_large_marker_does_not_keep_the_bound_from_holding() -> None:
    # It alone is more than the share that markers may have, and has no neighbour to merge with.
    subject = restored([row(1, 9, boot=2, size=600)], marker_bytes=600)
    offer(subject, 60)

    subject.shed()

    assert subject.size_bytes <= 1000


def test_markers_merge_with_their_neighbours_and_leave_no_gap() -> None:
    subject = sender()
    for _ in range(400):
        offer(subject, 1)
        subject.shed()
        assert subject.size_bytes <= 1000

    items = list(subject._streams[FIRST, RecordClass.RAW].items.values())
    assert [item.first_seq for item in items] == [1, *(item.seq + 1 for item in items[:-1])]
    assert items[-1].seq == 400
    markers = [item for item in items if item.dropped]
    assert sum(item.count for item in markers) == subject.dropped[RecordClass.RAW]
    # An eighth of the bound, and one more until the next turn.
    assert sum(len(item.record) for item in markers) <= 1000 // 8 + 2 * 10


def test_markers_of_many_lives_lose_their_summaries_before_the_bound_breaks() -> None:
    subject = restored([row(1, 9, boot=boot, size=100) for boot in range(1, 21)], boot=30)

    changed = subject.shed()

    assert subject.size_bytes <= 1000
    assert [(marker.boot, len(marker.record)) for marker, _ in changed] == [
        (boot, 0) for boot in range(1, 11)
    ]
    # The count of what is gone is left, and it counts as dropped by the life that dropped it.
    assert all(marker.count == 9 for marker, _ in changed)
    assert subject.dropped == {}


def test_a_bound_that_others_use_up_is_kept_as_well_as_can_be() -> None:
    subject = sender()
    offer(subject, 20)

    subject.shed(taken_bytes=5000)

    assert subject.size_bytes == 0
    assert [(u.first_seq, u.seq, u.count, u.record) for u in subject.due(0)] == [(1, 20, 20, b"")]


def test_a_dropped_upload_under_way_is_not_sent_again() -> None:
    subject = sender()
    offer(subject, 2)
    assert sent(subject) == [2, 1]
    offer(subject, 120)

    subject.shed()

    again = sent(subject, 20)
    assert len(again) == 2
    assert not {1, 2} & set(again)
