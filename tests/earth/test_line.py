import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunaredge.earth.contacts import Contacts, sending_ns
from lunaredge.earth.line import Line, LineConfig, LineState
from lunaredge.units import NS_PER_S
from lunaredge.wire.link import DATAGRAM_BYTES_MAX
from tests.earth.rig import LIGHT_S, plan_of, seconds

RATE_BPS = 1e6
CONFIG = LineConfig()
ROUND_TRIP_NS = CONFIG.margin_ns + round(2 * LIGHT_S * NS_PER_S)


def line_of(*windows_s):
    return Line(Contacts(plan_of(*windows_s)), RATE_BPS, CONFIG)


def fill(line, now_ns):
    """Send until the line takes no more; give when the last bit of each datagram lands."""
    landings_ns = []
    line.update(now_ns)
    while line.can_send(now_ns):
        line.charge(DATAGRAM_BYTES_MAX, now_ns)
        landings_ns.append(line._free_ns + round(LIGHT_S * NS_PER_S))
    return landings_ns


def test_nothing_is_sent_before_the_contact_or_in_its_guard():
    line = line_of((10, 100))

    for at_s in (0, 9.9, 10, 10.9):
        assert fill(line, seconds(at_s)) == []
    assert fill(line, seconds(11)) != []


@given(st.lists(st.floats(0, 60), max_size=40))
def test_nothing_is_begun_that_cannot_land(moments_s):
    line = line_of((5, 20), (30, 50))
    ends_ns = {seconds(20), seconds(50)}

    for at_s in sorted(moments_s):
        line.hear(seconds(at_s))
        for landing_ns in fill(line, seconds(at_s)):
            assert any(seconds(at_s) < end_ns and landing_ns <= end_ns for end_ns in ends_ns)


def test_the_buffer_is_filled_a_second_ahead_and_no_more():
    line = line_of((0, 100))
    line.update(seconds(0))

    count = len(fill(line, seconds(10)))

    ahead_ns = count * sending_ns(DATAGRAM_BYTES_MAX, RATE_BPS)
    one_ns = sending_ns(DATAGRAM_BYTES_MAX, RATE_BPS)
    assert CONFIG.burst_ns <= ahead_ns <= CONFIG.burst_ns + one_ns


def test_waking_when_told_keeps_the_line_busy():
    line = line_of((0, 100))
    line.update(seconds(0))
    now_ns, sent = seconds(1), 0

    while now_ns is not None and now_ns < seconds(99):
        line.hear(now_ns)
        sent += len(fill(line, now_ns))
        following_ns = line.free_wakeup_ns()
        assert following_ns is None or following_ns > now_ns, "it spins"
        now_ns = following_ns

    usable_s = 100 - 2 * CONFIG.guard_ns / NS_PER_S - LIGHT_S
    assert sent * DATAGRAM_BYTES_MAX * 8 / RATE_BPS > 0.99 * usable_s


def test_silence_in_a_contact_is_an_outage_until_the_far_end_is_heard():
    line = line_of((0, 1000))
    line.update(seconds(0))

    line.update(seconds(99))
    before = line.state
    line.update(seconds(101))
    silent = line.state
    line.hear(seconds(150))

    assert (before, silent, line.state) == (LineState.OPEN, LineState.OUTAGE, LineState.OPEN)
    assert line.outages == 1


def test_in_an_outage_only_beats_go_out():
    line = line_of((0, 1000))
    line.update(seconds(0))
    fill(line, seconds(90))

    line.update(seconds(119))
    early = line.can_send(seconds(119))
    beats = fill(line, seconds(121))

    assert not early
    assert len(beats) == 1


def test_the_link_clock_stands_still_while_the_line_is_closed():
    line = line_of((0, 50), (500, 1000))
    line.update(seconds(0))
    line.hear(seconds(40))

    line.update(seconds(50))
    closing_ns = line.link_ns
    line.update(seconds(500))
    opening_ns = line.link_ns
    line.update(seconds(510))

    assert closing_ns == opening_ns == 50 * NS_PER_S
    assert line.link_ns == 60 * NS_PER_S


def test_a_process_that_was_stopped_counts_no_outage_on_the_link_clock():
    line = line_of((0, 50), (500, 1000))
    line.update(seconds(0))

    line.update(seconds(600))

    assert line.link_ns == 50 * NS_PER_S


def test_a_thing_is_overdue_after_a_round_trip_and_the_margin():
    line = line_of((0, 1000))
    line.update(seconds(0))
    line.hear(seconds(60))
    sent_ns = line.link_ns

    wait_ns = line.overdue_in_ns(sent_ns)
    line.update(seconds(60) + wait_ns - 1)
    early = sent_ns <= line.overdue_before()
    line.update(seconds(60) + wait_ns)

    assert wait_ns == ROUND_TRIP_NS
    assert not early
    assert sent_ns <= line.overdue_before()


def test_nothing_is_overdue_in_the_first_round_trip_of_a_contact():
    line = line_of((0, 50), (500, 1000))
    line.update(seconds(0))
    line.hear(seconds(20))
    sent_ns = line.link_ns
    line.update(seconds(50))

    line.update(seconds(500))
    at_opening = sent_ns <= line.overdue_before()
    wait_ns = line.overdue_in_ns(sent_ns)
    line.update(seconds(500) + wait_ns)

    assert not at_opening
    assert wait_ns == ROUND_TRIP_NS
    assert sent_ns <= line.overdue_before()


def test_it_wakes_for_each_change_of_the_plan():
    line = line_of((10, 50), (500, 1000))

    line.update(seconds(0))
    first_ns = line.wakeup_ns()
    line.update(seconds(49))
    second_ns = line.wakeup_ns()
    line.update(seconds(50))
    third_ns = line.wakeup_ns()
    line.update(seconds(1000))

    assert (first_ns, second_ns, third_ns) == (seconds(10), seconds(50), seconds(500))
    assert line.wakeup_ns() is None


def test_charging_what_cannot_land_is_our_bug():
    line = line_of((10, 50))
    line.update(seconds(0))

    with pytest.raises(AssertionError, match="cannot land"):
        line.charge(100, seconds(0))
