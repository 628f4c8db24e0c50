from lunaredge.agent.cadence import Cadence
from lunaredge.agent.stall import StallWatch


def test_the_first_turn_is_due_at_once_and_the_next_after_a_period() -> None:
    cadence = Cadence(10)

    assert cadence.take(100)
    assert not cadence.take(109)
    assert cadence.take(110)


def test_a_slightly_late_turn_does_not_shift_the_rhythm() -> None:
    cadence = Cadence(10)
    cadence.take(100)

    cadence.take(113)

    assert cadence.next_ns == 120


def test_turns_that_were_missed_are_left_out() -> None:
    cadence = Cadence(10)
    cadence.take(100)

    assert cadence.take(155)
    assert not cadence.take(156)
    assert cadence.next_ns == 165


def test_a_clock_that_went_back_does_not_silence_it() -> None:
    cadence = Cadence(10)
    cadence.take(1000)

    assert cadence.take(50)
    assert cadence.next_ns == 60


def test_a_stall_is_counted_from_the_last_progress() -> None:
    watch = StallWatch(100)
    watch.restart(0)
    watch.progressed("a", 10)
    watch.progressed("a", 60)

    assert not watch.is_stalled(109)
    assert watch.is_stalled(110)
    watch.progressed("b", 110)
    assert not watch.is_stalled(111)
