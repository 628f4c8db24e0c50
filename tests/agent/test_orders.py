import msgspec
import pytest

from lunaredge.agent.orders import Orders
from lunaredge.wire.driver import Follow, Halt, Sample
from tests.agent.rig import DIG, boot_of
from tests.agent.toy_machine import PATH, Machine, seconds

LIFETIME_NS = seconds(20)
STOPPING_NS = seconds(5)
LATE_NS = seconds(3)


def sample(order_no: int, *, at_rest: bool = True, spent_no: int = 0) -> Sample:
    machine = Machine()
    machine.traits = {"order_no": order_no, "at_rest": at_rest, "spent_no": spent_no}
    return machine.sample(0)


def orders(boot: int = 1) -> Orders:
    subject = Orders(boot_of(boot), STOPPING_NS)
    subject.attached(LIFETIME_NS, LATE_NS, 0)
    return subject


def follow(subject: Orders, now_ns: int) -> int:
    return subject.follow(PATH, 50.0, 0.4, (None, 0.0), now_ns).order_no


def test_order_numbers_rise_within_a_boot_and_across_boots() -> None:
    first, second = orders(1), orders(2)

    numbers = [follow(first, 0), first.work(DIG, 0).order_no, follow(second, 0)]

    assert numbers == sorted(set(numbers))
    assert numbers[-1] < 2**63


def test_order_numbers_rise_above_what_the_controller_shows() -> None:
    subject = orders()
    subject.observe(sample(2**40), 1)

    assert follow(subject, 2) == 2**40 + 1


def test_an_order_is_said_again_four_times_in_its_life() -> None:
    subject = orders()
    follow(subject, 0)

    assert subject.wakeup_ns == LIFETIME_NS // 4
    assert subject.refresh(LIFETIME_NS // 4 - 1) is None
    assert subject.refresh(LIFETIME_NS // 4) == subject.current
    assert subject.refresh(LIFETIME_NS // 2) == subject.current


def test_an_order_rests_on_the_newest_sample_also_when_it_is_said_again() -> None:
    subject = orders()
    subject.observe(msgspec.structs.replace(sample(0), clock_ns=7), 1)

    first = subject.follow(PATH, 50.0, 0.4, (None, 0.0), 2)
    subject.observe(msgspec.structs.replace(sample(0), clock_ns=9), 3)
    again = subject.refresh(LIFETIME_NS // 2)

    assert first.basis_ns == 7
    assert isinstance(again, Follow)
    assert again.basis_ns == 9
    assert again.order_no == first.order_no


def test_a_halt_is_said_again_until_rest_is_seen() -> None:
    subject = orders()
    number = follow(subject, 0)
    subject.observe(sample(number, at_rest=False), seconds(1))

    assert subject.halt(seconds(2)) == Halt()
    subject.observe(sample(0, at_rest=False, spent_no=number), seconds(3))
    assert subject.refresh(seconds(7)) == Halt()
    subject.observe(sample(0, spent_no=number), seconds(8))
    assert subject.refresh(seconds(99)) is None


def test_an_old_sample_at_rest_does_not_prove_rest() -> None:
    subject = orders()
    subject.observe(sample(0), seconds(25))
    assert subject.rested(sample(0))

    follow(subject, seconds(26))
    subject.halt(seconds(27))
    subject.observe(sample(0), seconds(28))

    assert not subject.rested(sample(0))


def test_rest_is_proven_when_the_controller_shows_that_the_order_is_spent() -> None:
    subject = orders()
    number = follow(subject, 0)
    subject.observe(sample(number), seconds(1))
    subject.halt(seconds(2))

    subject.observe(sample(0, spent_no=number), seconds(3))

    assert subject.rested(sample(0))
    assert not subject.rested(sample(0, at_rest=False))


def test_a_dead_order_proves_no_rest_a_refresh_on_its_way_may_revive_it() -> None:
    subject = orders()
    number = follow(subject, 0)
    subject.observe(sample(number), seconds(1))
    subject.halt(seconds(2))

    subject.observe(sample(0, spent_no=number - 1), seconds(3))

    assert not subject.rested(sample(0))


def test_rest_is_proven_when_the_order_must_have_died() -> None:
    subject = orders()
    follow(subject, 0)
    subject.halt(seconds(1))

    subject.observe(sample(0), LATE_NS + LIFETIME_NS + STOPPING_NS - 1)
    assert not subject.rested(sample(0))
    subject.observe(sample(0), LATE_NS + LIFETIME_NS + STOPPING_NS)
    assert subject.rested(sample(0))


@pytest.mark.parametrize("shown", [0, 41])
def test_after_attaching_another_lifes_order_may_still_move_the_machine(shown: int) -> None:
    subject = orders()

    subject.observe(sample(shown), seconds(1))

    assert not subject.rested(sample(shown))


def test_a_refresh_puts_the_death_of_the_order_off() -> None:
    subject = orders()
    follow(subject, 0)
    subject.refresh(seconds(5))
    subject.halt(seconds(6))

    subject.observe(sample(0), LATE_NS + LIFETIME_NS + STOPPING_NS)

    assert not subject.rested(sample(0))


def test_without_a_controller_nothing_is_due_and_nothing_is_proven() -> None:
    subject = orders()
    follow(subject, 0)

    subject.detached()

    assert subject.current is None
    assert subject.wakeup_ns is None
    assert not subject.rested(sample(0))


def test_a_controller_that_is_back_must_prove_rest_anew() -> None:
    subject = orders()
    subject.observe(sample(0), seconds(100))
    assert subject.rested(sample(0))

    subject.attached(LIFETIME_NS, LATE_NS, seconds(100))
    subject.observe(sample(0), seconds(101))

    assert not subject.rested(sample(0))


def test_another_pace_puts_the_death_of_the_order_off() -> None:
    subject = orders()
    follow(subject, 0)
    subject.paced(50.0, 0.3, seconds(4))
    subject.halt(seconds(5))

    subject.observe(sample(0), LATE_NS + LIFETIME_NS + STOPPING_NS + seconds(4) - 1)
    too_early = subject.rested(sample(0))
    subject.observe(sample(0), LATE_NS + LIFETIME_NS + STOPPING_NS + seconds(4))

    assert (too_early, subject.rested(sample(0))) == (False, True)


def test_another_pace_rests_on_the_newest_sample() -> None:
    subject = orders()
    number = follow(subject, 0)
    subject.observe(msgspec.structs.replace(sample(number), clock_ns=77), seconds(4))

    paced = subject.paced(50.0, 0.3, seconds(4))

    assert paced is not None
    assert paced.basis_ns == 77


def test_what_another_life_ordered_has_died_after_its_time_and_not_before() -> None:
    subject = orders()

    subject.observe(sample(0), LIFETIME_NS + STOPPING_NS - 1)
    too_early = subject.rested(sample(0))
    subject.observe(sample(0), LIFETIME_NS + STOPPING_NS)

    assert (too_early, subject.rested(sample(0))) == (False, True)


def test_an_order_that_the_controller_still_shows_has_not_been_dropped() -> None:
    subject = orders()
    number = follow(subject, 0)
    subject.observe(sample(number), seconds(1))
    subject.halt(seconds(2))

    subject.observe(sample(number), seconds(3))

    assert not subject.rested(sample(number))
