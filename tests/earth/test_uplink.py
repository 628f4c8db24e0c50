import pytest

from lunaredge.earth.uplink import ANSWER_WAIT_NS, ORDERS_MAX, STOPS_EXTRA, TABLE, Orders
from lunaredge.errors import JournalCorrupt
from lunaredge.ids import ClientId
from lunaredge.node import Row
from lunaredge.wire.link import PARTS_BYTES_MAX, Answered, Directive
from tests.earth.rig import Disk

ANN = ClientId("ann")
EXPIRY_NS = 1_000
NEVER = -1


def directive(name, size_bytes=100):
    return Directive(id=name, not_before_ns=0, expires_ns=EXPIRY_NS, frame=bytes(size_bytes))


def answer(name):
    return Answered(directive=name, ok=True, text="done", rows=b"[]")


def orders_of(*names, stops=()):
    orders = Orders()
    for name in names:
        assert orders.add(directive(name), ANN, name, is_stop=name in stops)
    return orders


def restarted(orders):
    disk, again = Disk(), Orders()
    for effect in orders.take_effects():
        disk.commit(effect)
    for row in disk.rows():
        again.restore(row)
    return again


def names(directives):
    return [directive.id for directive in directives]


def test_stops_go_first_then_the_oldest():
    orders = orders_of("one", "two", "halt", stops=("halt",))

    assert names(orders.take(PARTS_BYTES_MAX, 0, 0, NEVER)) == ["halt", "one", "two"]


def test_a_directive_goes_again_only_when_it_is_overdue():
    orders = orders_of("one")
    orders.take(PARTS_BYTES_MAX, 0, 50, NEVER)

    early = orders.take(PARTS_BYTES_MAX, 0, 60, 49)
    late = orders.take(PARTS_BYTES_MAX, 0, 70, 50)

    assert names(early) == []
    assert names(late) == ["one"]


def test_a_directive_stays_until_the_site_has_it():
    orders = orders_of("one", "two")
    orders.take(PARTS_BYTES_MAX, 0, 0, NEVER)

    orders.acknowledge("one")

    assert names(orders.take(PARTS_BYTES_MAX, 0, 1, 0)) == ["two"]
    assert orders.waiting == 1


def test_an_expired_directive_is_not_sent_and_is_given_back():
    orders = orders_of("one", "two")
    orders.acknowledge("two")

    late = orders.take(PARTS_BYTES_MAX, EXPIRY_NS, 0, NEVER)
    expired = orders.sweep(EXPIRY_NS)

    assert late == []
    assert [order.directive.id for order in expired] == ["one"]
    assert orders.get("two") is not None


def test_what_was_taken_waits_for_its_answer_for_a_month():
    orders = orders_of("one")
    orders.acknowledge("one")

    orders.sweep(EXPIRY_NS + ANSWER_WAIT_NS - 1)
    waiting = orders.get("one")
    orders.sweep(EXPIRY_NS + ANSWER_WAIT_NS)

    assert waiting is not None
    assert orders.get("one") is None


def test_the_first_answer_counts():
    orders = orders_of("one")

    first = orders.answer(answer("one"))
    second = orders.answer(answer("one"))
    stranger = orders.answer(answer("other"))

    assert first is not None
    assert first.answer == answer("one")
    assert second is stranger is None


def test_everything_survives_a_restart():
    orders = orders_of("one", "two", "three")
    orders.take(PARTS_BYTES_MAX, 0, 0, NEVER)
    orders.acknowledge("one")
    orders.answer(answer("two"))

    again = restarted(orders)

    assert names(again.take(PARTS_BYTES_MAX, 0, 1, NEVER)) == ["three"]
    assert again.answer(answer("two")) is None
    assert again.answer(answer("one")) is not None


def test_no_datagram_is_overfilled():
    orders = Orders()
    for name in ("one", "two"):
        orders.add(directive(name, 600), ANN, name, is_stop=False)

    assert names(orders.take(PARTS_BYTES_MAX, 0, 0, NEVER)) == ["one"]
    assert names(orders.take(PARTS_BYTES_MAX, 0, 0, NEVER)) == ["two"]


def test_a_full_queue_still_has_room_for_stops():
    orders = orders_of(*(f"d{index}" for index in range(ORDERS_MAX)))

    ordinary = orders.add(directive("more"), ANN, "more", is_stop=False)
    stops = [
        orders.add(directive(f"halt{index}"), ANN, "halt", is_stop=True)
        for index in range(STOPS_EXTRA + 1)
    ]

    assert not ordinary
    assert stops == [True] * STOPS_EXTRA + [False]


def test_a_row_that_cannot_be_read_is_said():
    with pytest.raises(JournalCorrupt):
        Orders().restore(Row(TABLE, "1", 0, b"\xc1"))
