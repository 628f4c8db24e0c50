import pytest

from lunaredge.earth.ledger import ENTRIES_MAX, GRACE_NS, STOPS_EXTRA, TABLE, Ledger
from lunaredge.errors import JournalCorrupt
from lunaredge.node import Row
from lunaredge.wire.link import Directive
from tests.earth.rig import Disk

RESEND_NS = 10
EXPIRY_NS = 1_000


def directive(name, not_before_ns=0):
    return Directive(id=name, not_before_ns=not_before_ns, expires_ns=EXPIRY_NS, frame=b"f")


def ledger_of(*names, stops=(), not_before_ns=0):
    ledger = Ledger()
    for name in names:
        assert ledger.add(directive(name, not_before_ns), f"r-{name}", is_stop=name in stops)
    return ledger


def names(entries):
    return [entry.directive.id for entry in entries]


def test_a_directive_is_handed_on_again_until_it_is_answered():
    ledger = ledger_of("one")

    said = [names(ledger.due(now_ns, RESEND_NS)) for now_ns in (0, 9, 10)]
    entry = ledger.answer("r-one")
    after = ledger.due(100, RESEND_NS)

    assert said == [["one"], [], ["one"]]
    assert entry is not None
    assert after == []


def test_a_directive_waits_for_its_time_and_ends_with_it():
    ledger = ledger_of("one", not_before_ns=500)

    assert ledger.due(499, RESEND_NS) == []
    assert ledger.wakeup_ns(0, RESEND_NS) == 500
    assert names(ledger.due(500, RESEND_NS)) == ["one"]
    assert ledger.due(EXPIRY_NS, RESEND_NS) == []


def test_a_stop_is_repeated_until_it_expires_since_nobody_answers_it():
    ledger = ledger_of("halt", stops=("halt",))

    said = [names(ledger.due(now_ns, RESEND_NS)) for now_ns in (0, 10, 999)]

    assert said == [["halt"]] * 3
    assert ledger.answer("r-halt") is None
    assert ledger.sweep(EXPIRY_NS + GRACE_NS) == []


def test_only_the_first_answer_is_news():
    ledger = ledger_of("one")

    assert ledger.answer("r-one") is not None
    assert ledger.answer("r-one") is None
    assert ledger.answer("r-other") is None


def test_after_its_grace_an_entry_goes_and_is_given_back_when_unanswered():
    ledger = ledger_of("one", "two")
    ledger.answer("r-one")

    early = ledger.sweep(EXPIRY_NS + GRACE_NS - 1)
    over = ledger.sweep(EXPIRY_NS + GRACE_NS)

    assert early == []
    assert names(over) == ["two"]
    assert "one" not in ledger


def test_a_restart_says_everything_unanswered_again_and_knows_the_rest():
    ledger, disk, again = ledger_of("one", "two"), Disk(), Ledger()
    ledger.due(0, RESEND_NS)
    ledger.answer("r-one")
    for effect in ledger.take_effects():
        disk.commit(effect)

    for row in disk.rows():
        again.restore(row)

    assert "one" in again
    assert names(again.due(1, RESEND_NS)) == ["two"]


def test_a_full_ledger_still_has_room_for_stops():
    ledger = ledger_of(*(f"d{index}" for index in range(ENTRIES_MAX)))

    ordinary = ledger.add(directive("more"), "more", is_stop=False)
    stops = [
        ledger.add(directive(f"halt{index}"), "halt", is_stop=True)
        for index in range(STOPS_EXTRA + 1)
    ]

    assert not ordinary
    assert stops == [True] * STOPS_EXTRA + [False]


def test_a_row_that_cannot_be_read_is_said():
    with pytest.raises(JournalCorrupt):
        Ledger().restore(Row(TABLE, "1", 0, b"\xc1"))


def test_what_is_over_asks_for_no_tick_of_its_own():
    ledger = ledger_of("one")
    ledger.due(EXPIRY_NS - 1, RESEND_NS)

    assert ledger.due(EXPIRY_NS + GRACE_NS, RESEND_NS) == []
    assert ledger.wakeup_ns(0, RESEND_NS) is None


def test_what_expired_before_anybody_was_there_wakes_nobody():
    ledger = ledger_of("one")
    assert ledger.wakeup_ns(EXPIRY_NS - 1, RESEND_NS) == 0

    assert ledger.wakeup_ns(EXPIRY_NS, RESEND_NS) is None
    assert ledger.due(EXPIRY_NS, RESEND_NS) == []
