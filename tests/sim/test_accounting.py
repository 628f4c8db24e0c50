"""The books of records: silent when each is accounted for, and speaking of any that is not."""

from lunaredge.sim.checkers import evidence as seen
from lunaredge.sim.checkers.accounting import AccountingChecker
from lunaredge.wire.messages import RecordClass
from tests.sim.exhibits import watch

# --- I4 ---------------------------------------------------------------------------------------


def upload(kind, seq, record_class=RecordClass.STATE, *, first=None, dropped=False, **more):
    return kind(
        at_ns=seq,
        node="a",
        boot=1,
        record_class=record_class,
        first_seq=first or seq,
        seq=seq,
        count=1,
        dropped=dropped,
        **more,
    )


def archived(seq, record_class=RecordClass.STATE, **more):
    return upload(seen.Archived, seq, record_class, store="scheduler", **more)


def test_what_was_sent_and_archived_once_is_accounted_for():
    checker = AccountingChecker()

    texts = watch(
        checker, upload(seen.Offered, 1), upload(seen.Offered, 1), archived(1), archived(2)
    )

    assert texts == []
    assert (checker.produced, checker.archived, checker.offers_repeated) == (1, 1, 1)


def test_a_record_that_never_arrives_is_missed():
    checker = AccountingChecker()

    texts = watch(checker, upload(seen.Offered, 1), upload(seen.Offered, 2), archived(1))

    assert texts == ["a state 2 of boot 1 was sent and never archived"]
    assert checker.missing() == 1


def test_a_record_archived_twice_is_found():
    texts = watch(AccountingChecker(), upload(seen.Offered, 1), archived(1), archived(1))

    assert texts == ["a state 1 was archived twice"]


def test_a_dropped_alarm_is_found():
    texts = watch(
        AccountingChecker(),
        upload(seen.Offered, 1, RecordClass.ALARM, dropped=True),
        archived(1, RecordClass.ALARM, dropped=True),
    )

    assert len(texts) == 2


def test_dropped_telemetry_is_counted_and_forgiven():
    checker = AccountingChecker()

    texts = watch(
        checker,
        upload(seen.Offered, 3, RecordClass.RAW, first=1, dropped=True),
        archived(3, RecordClass.RAW, first=1, dropped=True),
    )

    assert texts == []
    assert checker.dropped_by_class == {"raw": 1}


def test_a_damaged_row_is_told_apart_from_a_record_that_never_came():
    checker = AccountingChecker()
    where = {"at_ns": 2, "node": "a", "boot": 1, "record_class": RecordClass.STATE, "seq": 1}

    texts = watch(
        checker,
        upload(seen.Offered, 1),
        upload(seen.Offered, 2),
        seen.Damaged(store="scheduler", **where),
    )

    assert texts == [
        "a state 1 of boot 1 is damaged on the disk of scheduler",
        "a state 2 of boot 1 was sent and never archived",
    ]
    assert (checker.damaged, checker.lost) == (1, 0)


def test_power_loss_may_take_telemetry_from_memory_only():
    raw = RecordClass.RAW
    checker = AccountingChecker()

    texts = watch(
        checker,
        upload(seen.Offered, 1, raw),
        upload(seen.Offered, 2, raw),
        upload(seen.Spooled, 2, raw),
        upload(seen.Offered, 3),
        seen.Died(at_ns=9, node="a"),
    )

    assert texts == [
        "a raw 2 of boot 1 was sent and never archived",
        "a state 3 of boot 1 was sent and never archived",
    ]
    assert checker.lost == 1
