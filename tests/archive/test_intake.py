"""Uploads in: each number once, nothing lost, nothing believed that can't be."""

import msgspec
import pytest

from lunaredge.archive.streams import RANGES_MAX
from lunaredge.ids import BootId, NodeId
from lunaredge.node import KeepKind
from lunaredge.units import NS_PER_S
from lunaredge.wire.messages import HELD_MAX, Held, RebirthRequest, RecordClass
from lunaredge.wire.records import Dropped, Event
from lunaredge.wire.telemetry import Channel, Dtype, Telemetry, table_of
from tests.archive.rig import BOOT, CHANNELS, DOZER, ROVER, Books, batch, marker, upload


@pytest.fixture
def books() -> Books:
    books = Books()
    books.announce()
    return books


def test_samples_are_kept_with_their_table_and_time(books: Books) -> None:
    books.send(books.samples(1, 1.0, 2.0))
    books.wait(1)

    (keep,) = books.kept
    assert (keep.kind, keep.node, keep.boot) == (KeepKind.SAMPLES, DOZER, BOOT)
    assert (keep.first_seq, keep.last_seq, keep.count) == (1, 1, 2)
    assert keep.channels == CHANNELS
    assert keep.end_ns - keep.start_ns == 2 * NS_PER_S


def test_nothing_is_acknowledged_before_it_is_kept(books: Books) -> None:
    books.send(books.samples(1, 1.0))
    assert not books.kept
    assert not books.acks()

    books.wait(6)

    assert [ack.through_seq for ack in books.acks()] == [1]
    assert len(books.kept) == 1


def test_a_repeated_upload_is_kept_once_and_acknowledged_again(books: Books) -> None:
    books.send(books.samples(1, 1.0))
    books.wait(6)
    books.send(books.samples(1, 1.0))
    books.wait(6)

    assert len(books.kept) == 1
    assert len(books.acks()) == 2
    assert books.intake_row()["duplicates"] == 1


def test_a_repeated_upload_is_known_after_a_restart(books: Books) -> None:
    books.send(books.samples(1, 1.0))
    books.wait(1)
    books.restart()
    books.send(books.samples(1, 1.0))
    books.wait(1)

    assert len(books.kept) == 1
    assert books.intake_row()["archived"] == 1


def test_what_comes_out_of_order_is_kept_and_the_hole_is_asked_for(books: Books) -> None:
    books.send(books.samples(5, 1.0, floor_seq=1))
    books.send(books.samples(4, 1.0, floor_seq=1))
    books.send(books.samples(1, 1.0, floor_seq=1))
    books.wait(6)

    ack = books.acks()[-1]
    assert (ack.through_seq, ack.ranges) == (1, ((4, 5),))
    assert not books.of_kind(KeepKind.MISSING)


def test_a_hole_is_missing_once_its_sender_holds_it_no_more(books: Books) -> None:
    books.send(books.samples(5, 1.0, floor_seq=4))
    books.wait(6)

    (missing,) = books.of_kind(KeepKind.MISSING)
    assert (missing.first_seq, missing.last_seq, missing.count) == (1, 3, 0)
    assert books.acks()[-1].ranges == ((5, 5),)
    assert books.intake_row()["missing"] == 3


def test_holes_of_an_older_life_are_closed_by_what_the_newest_holds(books: Books) -> None:
    for seq in (3, 6):
        books.send(books.samples(seq, 1.0, floor_seq=1))
    later = BootId(BOOT + (1 << 24))
    held = (Held(record_class=RecordClass.RAW, boot=BOOT, floor_seq=4, last_seq=6),)
    books.announce(boot=later, held=held)
    books.wait(1)

    assert [(m.first_seq, m.last_seq) for m in books.of_kind(KeepKind.MISSING)] == [(1, 2)]

    books.announce(boot=later)
    books.wait(1)

    found = [(m.first_seq, m.last_seq) for m in books.of_kind(KeepKind.MISSING)]
    assert found == [(1, 2), (4, 5)]


def test_an_older_birth_that_comes_late_closes_nothing(books: Books) -> None:
    later = BootId(BOOT + (1 << 24))
    books.send(books.samples(3, 1.0, floor_seq=1, boot=later))
    books.announce(boot=BOOT)
    books.wait(1)

    assert not books.of_kind(KeepKind.MISSING)


def test_a_hole_of_the_life_that_speaks_is_not_closed_by_its_birth(books: Books) -> None:
    books.send(books.samples(3, 1.0, floor_seq=1))
    books.announce()
    books.wait(1)

    assert not books.of_kind(KeepKind.MISSING)


def test_what_was_dropped_is_counted_less_what_had_arrived(books: Books) -> None:
    books.send(books.samples(2, 1.0, 2.0, floor_seq=1))
    dropped = Dropped(
        site_ns=books.now_ns - 10 * NS_PER_S,
        end_ns=books.now_ns,
        rows={"battery_wh": (1.0, 3.0, 3.0, 5)},
        perhaps_sent=((2, 2), (3, 1)),
    )
    books.send(marker(1, 3, 5, dropped, floor_seq=1))
    books.wait(1)

    markers = books.of_kind(KeepKind.DROPPED)
    assert [(m.first_seq, m.last_seq, m.count) for m in markers] == [(1, 1, 3), (3, 3, 0)]
    assert markers[0].record
    assert books.intake_row()["dropped"] == 3


def test_a_node_is_asked_for_a_table_that_is_not_known() -> None:
    books = Books()
    books.send(books.samples(1, 1.0))
    books.send(books.samples(1, 1.0))

    asked = [topic for topic, body in books.published if isinstance(body, RebirthRequest)]
    assert asked == ["lunaredge/v1/yard/dozer-1/rebirth"]
    assert not books.kept
    assert books.archive.refusals.by_reason == {"no_table": 2}

    books.announce()
    books.send(books.samples(1, 1.0))
    books.wait(6)

    assert books.acks()[-1].through_seq == 1


def test_tables_outlive_a_restart(books: Books) -> None:
    books.restart()
    books.send(books.samples(1, 1.0))
    books.wait(1)

    assert len(books.of_kind(KeepKind.SAMPLES)) == 1


def test_a_table_that_its_node_does_not_know_either_holds_nothing_up() -> None:
    books = Books()
    others = (Channel(name="other", unit="1"),)
    sent = upload(1, batch(books.now_ns - NS_PER_S, [1.0], others), 1)
    books.send(sent)
    books.announce()
    books.send(sent)
    books.wait(6)

    (keep,) = books.kept
    assert (keep.kind, keep.reason) == (KeepKind.QUARANTINED, "no_table")
    assert keep.record == sent.record
    assert books.acks()[-1].through_seq == 1


def _long_ago(books: Books) -> Telemetry:
    return batch(NS_PER_S, [1.0])


def _in_2106(books: Books) -> Telemetry:
    return batch(4_294_967_295 * NS_PER_S, [1.0])


def _backwards(books: Books) -> Telemetry:
    good = batch(books.now_ns - 10 * NS_PER_S, [1.0, 2.0])
    return _changed(good, times_ns=good.times_ns[8:] + good.times_ns[:8])


def _too_short(books: Books) -> Telemetry:
    good = batch(books.now_ns - 10 * NS_PER_S, [1.0, 2.0])
    return _changed(good, values=good.values[:-1])


def _too_long(books: Books) -> Telemetry:
    good = batch(books.now_ns - 10 * NS_PER_S, [1.0, 2.0])
    return _changed(good, values=good.values + b"\0\0\0\0")


def _changed(good: Telemetry, **fields: object) -> Telemetry:
    names = ("site_ns", "end_ns", "table", "times_ns", "counts", "rows", "values", "blanks")
    return Telemetry(**{**{name: getattr(good, name) for name in names}, **fields})


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (_long_ago, "clock_behind"),
        (_in_2106, "clock_ahead"),
        (_backwards, "times"),
        (_too_short, "columns"),
        (_too_long, "columns"),
    ],
)
def test_what_cannot_be_believed_is_kept_apart_with_its_reason(
    books: Books, made: object, reason: str
) -> None:
    assert callable(made)
    record = made(books)
    sent = upload(1, record, len(record.times_ns) // 8)
    books.send(sent)
    books.send(books.samples(2, 1.0, floor_seq=1))
    books.wait(6)

    (apart,) = books.of_kind(KeepKind.QUARANTINED)
    assert (apart.reason, apart.record) == (reason, sent.record)
    assert len(books.of_kind(KeepKind.SAMPLES)) == 1
    assert books.acks()[-1].through_seq == 2
    row = books.intake_row()
    assert row["quarantined_by_reason"] == {reason: 1}
    assert row["quarantined"] == sent.count


def test_a_count_that_lies_is_quarantined(books: Books) -> None:
    record = batch(books.now_ns - NS_PER_S, [1.0])
    books.send(upload(1, record, 7))
    books.wait(1)

    assert [keep.reason for keep in books.kept] == ["count"]


def test_a_record_of_another_kind_is_quarantined(books: Books) -> None:
    books.send(upload(1, Event(site_ns=books.now_ns, code="boot", text=""), 1))
    books.send(msgspec.structs.replace(books.samples(2, 1.0), record=b"\xc1"))
    books.wait(1)

    assert [keep.reason for keep in books.kept] == ["unexpected", "garbage"]


def test_values_that_are_no_numbers_cost_the_batch_nothing_else(books: Books) -> None:
    good = batch(books.now_ns - 3 * NS_PER_S, [1.0, 2.0, 3.0])
    nan = bytes.fromhex("0000c07f")
    books.send(upload(1, _changed(good, values=good.values[:4] + nan + good.values[8:]), 3))
    books.wait(1)

    assert [keep.kind for keep in books.kept] == [KeepKind.SAMPLES]
    assert books.intake_row()["quarantined_by_reason"] == {"not_finite": 1}


def test_bytes_of_what_is_quarantined_are_bounded() -> None:
    books = Books(quarantine_bytes_max=200)
    books.announce()
    for seq in range(1, 6):
        books.send(upload(seq, _long_ago(books), 1))
    books.wait(1)

    sizes = [len(keep.record) for keep in books.of_kind(KeepKind.QUARANTINED)]
    assert len(sizes) == 5
    assert 0 < sum(sizes) <= 200
    assert sizes[-1] == 0


def test_a_channel_that_changes_its_type_in_one_life_is_refused(books: Books) -> None:
    changed = (Channel(name="battery_wh", unit="Wh", dtype=Dtype.F8), CHANNELS[1])
    books.send(books.samples(1, 1.0))
    books.announce(channels=changed)
    books.send(upload(2, batch(books.now_ns - NS_PER_S, [1.0], changed), 1))
    books.wait(1)

    assert [keep.reason for keep in books.kept] == ["", "type_changed"]
    assert books.kept[1].record


def test_a_channel_may_change_its_type_with_a_new_life(books: Books) -> None:
    changed = (Channel(name="battery_wh", unit="Wh", dtype=Dtype.F8), CHANNELS[1])
    later = BootId(BOOT + (1 << 24))
    books.announce(channels=changed, boot=later)
    books.send(upload(1, batch(books.now_ns - NS_PER_S, [1.0], changed), 1, boot=later))
    books.wait(1)

    assert [keep.kind for keep in books.kept] == [KeepKind.SAMPLES]


def test_tables_of_earlier_lives_are_learnt_as_well() -> None:
    books = Books()
    later = BootId(BOOT + (1 << 24))
    changed = (Channel(name="battery_wh", unit="Wh", dtype=Dtype.F8), CHANNELS[1])
    books.announce(boot=later)
    books.announce(channels=changed, boot=later)
    books.send(books.samples(1, 1.0))
    books.send(upload(1, batch(books.now_ns - NS_PER_S, [1.0], changed), 1, boot=later))
    books.wait(1)

    assert [keep.kind for keep in books.kept] == [KeepKind.SAMPLES, KeepKind.SAMPLES]
    assert books.archive.tables.newest(DOZER) == changed


def test_of_what_was_dropped_without_a_summary_the_count_is_kept(books: Books) -> None:
    books.send(upload(4, batch(0, []), 90, first_seq=1, dropped=True, floor_seq=1))
    books.send(
        msgspec.structs.replace(books.samples(7, 1.0, first_seq=5, dropped=True), record=b"")
    )
    books.wait(1)

    assert [(keep.kind, keep.count) for keep in books.kept] == [
        (KeepKind.QUARANTINED, 90),
        (KeepKind.DROPPED, 1),
    ]


def test_a_birth_that_had_no_room_for_all_that_is_held_closes_nothing(books: Books) -> None:
    books.send(books.samples(3, 1.0, floor_seq=1))
    later = BootId(BOOT + (1 << 24))
    held = tuple(
        Held(record_class=RecordClass.RAW, boot=BootId(n), floor_seq=1, last_seq=1)
        for n in range(1, HELD_MAX + 1)
    )
    books.announce(boot=later, held=held)
    books.wait(1)

    assert not books.of_kind(KeepKind.MISSING)


def test_a_number_of_a_table_cannot_come_to_mean_another(books: Books) -> None:
    books.announce(channels=CHANNELS[:1], table=table_of(CHANNELS))

    assert books.archive.refusals.by_reason == {"table_changed": 1}
    assert books.archive.tables.newest(DOZER) == CHANNELS


def test_nobody_speaks_for_another_node(books: Books) -> None:
    books.send(books.samples(1, 1.0), node=ROVER, topic_node=DOZER)
    books.hear("lunaredge/v1/yard/dozer-1/up/raw", _frame_under_anothers_key(books))
    books.wait(1)

    assert not books.kept
    assert books.archive.refusals.by_reason == {"not_its_topic": 1, "not_authentic": 1}


def _frame_under_anothers_key(books: Books) -> bytes:
    return books.frame(books.samples(1, 1.0), books.tagger(ROVER), node=DOZER)


def test_a_tag_for_the_archive_cannot_be_changed(books: Books) -> None:
    frame = bytearray(books.frame(books.samples(1, 1.0), books.tagger(DOZER)))
    at = frame.index(b"telemetry")
    frame[at] ^= 1
    books.hear("lunaredge/v1/yard/dozer-1/up/raw", bytes(frame))
    books.wait(1)

    assert not books.kept
    assert books.archive.refusals.by_reason == {"checksum": 1}


def test_a_million_strangers_leave_nothing_behind(books: Books) -> None:
    signer = books.signers[DOZER]
    payload = books.frame(books.samples(1, 1.0), signer)
    for number in range(20_000):
        books.hear(f"lunaredge/v1/yard/stranger-{number}/up/raw", payload)

    assert books.archive.refusals.by_reason == {"unknown_node": 20_000}
    assert not list(books.archive.intake.streams)
    assert books.intake_row("")["refused"] == {"unknown_node": 20_000}


def test_a_stream_with_too_many_holes_takes_no_more_until_they_are_filled(books: Books) -> None:
    for k in range(RANGES_MAX):
        books.send(books.samples(2 * k + 2, 1.0, floor_seq=1))
    books.send(books.samples(2 * RANGES_MAX + 2, 1.0, floor_seq=1))
    books.send(books.samples(1, 1.0, floor_seq=1))

    assert books.archive.refusals.by_reason == {"scattered": 1}
    books.wait(1)
    assert len(books.kept) == RANGES_MAX + 1


def test_lives_older_than_all_that_are_told_apart_wait_until_one_is_finished(books: Books) -> None:
    for life in range(2, 70):
        books.send(books.samples(1, 1.0, boot=BootId(life << 24)))
    books.send(books.samples(1, 1.0, boot=BootId(1 << 24)))
    assert books.archive.refusals.by_reason == {"outlived": 1}

    books.wait(10)
    books.send(books.samples(1, 1.0, boot=BootId(1 << 24)))

    assert books.archive.refusals.by_reason == {"outlived": 1}
    books.wait(10)
    assert books.acks()[-1].boot == 1 << 24


def test_a_node_that_began_anew_a_hundred_times_delivers_all_its_lives(books: Books) -> None:
    lives = {BootId(life << 24): 4 for life in range(1, 101)}
    for _ in range(10):
        for boot, left in reversed(lives.items()):
            if left:
                seq = 5 - left
                books.send(books.samples(seq, 1.0, ago_s=left, boot=boot, floor_seq=seq))
        books.wait(10)
        for ack in books.acks():
            lives[ack.boot] = min(lives[ack.boot], 4 - ack.through_seq)

    assert set(lives.values()) == {0}
    kept = {(keep.boot, keep.first_seq) for keep in books.kept}
    assert len(kept) == len(books.kept) == 400


def test_a_floor_above_its_own_upload_is_not_believed(books: Books) -> None:
    books.send(books.samples(1, 1.0))
    books.send(books.samples(2, 1.0, floor_seq=10**6))
    books.send(books.samples(3, 1.0))
    books.wait(10)

    assert [keep.kind for keep in books.kept] == [KeepKind.SAMPLES] * 3
    assert books.acks()[-1].through_seq == 3


def test_what_comes_late_is_kept_as_late(books: Books) -> None:
    books.send(books.samples(1, 1.0, ago_s=3600))
    books.send(books.samples(3, 1.0, ago_s=1, floor_seq=1))
    books.send(books.samples(2, 1.0, ago_s=60, floor_seq=1))
    books.wait(1)

    assert [keep.late for keep in books.kept] == [True, False, True]


def test_a_batch_that_says_that_nothing_changed_is_kept_for_its_time(books: Books) -> None:
    books.send(upload(1, batch(books.now_ns - NS_PER_S, []), 0))
    books.wait(1)

    (keep,) = books.kept
    assert (keep.kind, keep.count) == (KeepKind.SAMPLES, 0)
    assert keep.end_ns > keep.start_ns


def test_another_sites_frames_are_nobodys(books: Books) -> None:
    books.hear("lunaredge/v1/moonbase/dozer-1/up/raw", b"")
    books.hear(f"lunaredge/v1/yard/{NodeId('dozer-1')}/up/raw", b"\x00" * 10)

    assert books.archive.refusals.by_reason == {"topic": 1, "garbage": 1}


def test_why_something_is_quarantined_is_known_after_a_restart(books: Books) -> None:
    books.send(msgspec.structs.replace(books.samples(1, 1.0, 2.0), count=7))
    books.send(books.samples(2, 1.0, ago_s=-300.0))
    before = books.intake_row()["quarantined_by_reason"]

    books.restart()

    assert before == {"count": 1, "clock_ahead": 1}
    assert books.intake_row()["quarantined_by_reason"] == before
