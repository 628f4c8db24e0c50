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

    assert cadence.wakeup_ns == 120


def test_turns_that_were_missed_are_left_out() -> None:
    cadence = Cadence(10)
    cadence.take(100)

    assert cadence.take(155)
    assert not cadence.take(156)
    assert cadence.wakeup_ns == 165


def test_a_clock_that_went_back_does_not_silence_it() -> None:
    cadence = Cadence(10)
    cadence.take(1000)

    assert cadence.take(50)
    assert cadence.wakeup_ns == 60


def test_whoever_is_awake_within_the_slack_takes_the_turn() -> None:
    cadence = Cadence(10, 3)
    cadence.take(100)

    assert cadence.wakeup_ns == 113
    assert not cadence.take(106)
    assert cadence.take(107)
    assert not cadence.take(116)
    assert cadence.take(117)


def test_early_and_late_turns_keep_the_mean_period() -> None:
    cadence = Cadence(10, 3)

    taken = [now for now in range(0, 1_000, 7) if cadence.take(now)]

    assert len(taken) == 100
    assert max(abs(now - 10 * turn) for turn, now in enumerate(taken)) <= 3


def test_what_is_in_a_hurry_waits_for_nobody_and_keeps_its_period_from_then_on() -> None:
    cadence = Cadence(10, 3)
    cadence.take(100)

    cadence.hurry(104)

    assert cadence.wakeup_ns == 104
    assert cadence.take(104)
    assert cadence.wakeup_ns == 117


def test_a_stall_is_counted_from_the_last_progress() -> None:
    watch = StallWatch(100)
    watch.restart(0)
    watch.progressed("a", 10)
    watch.progressed("a", 60)

    assert not watch.is_stalled(109)
    assert watch.is_stalled(110)
    watch.progressed("b", 110)
    assert not watch.is_stalled(111)
