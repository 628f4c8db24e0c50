"""Two clocks held against each other: what is late, and when they have parted."""

import pytest

from lunaredge.agent.pace import Finding, Pace
from lunaredge.model.task import Leg
from lunaredge.wire.driver import Follow
from lunaredge.wire.records import Event
from tests.agent.rig import Rig
from tests.agent.toy_machine import PATH, seconds

APART_NS = seconds(2)
PERIOD_NS = seconds(5)


def pace(heard: int = 10) -> Pace:
    """Give a watch over two clocks that have run alike for a while, up to time 0."""
    subject = Pace(APART_NS, 100.0)
    for turn in range(-heard, 1):
        assert subject.take(turn * PERIOD_NS, turn * PERIOD_NS) is Finding.ALIKE
    return subject


def run(subject: Pace, *, rate: float, turns: int) -> list[Finding]:
    """Let the board's clock run at that rate of its controller's."""
    return [
        subject.take(turn * PERIOD_NS, round(rate * turn * PERIOD_NS))
        for turn in range(1, turns + 1)
    ]


def test_clocks_that_drift_as_crystals_do_never_part() -> None:
    assert set(run(pace(), rate=1.0 + 190e-6, turns=20_000)) == {Finding.ALIKE}
    assert set(run(pace(), rate=1.0 - 190e-6, turns=20_000)) == {Finding.ALIKE}


@pytest.mark.parametrize("rate", [0.0, 0.5, 0.9, 0.99, 0.999])
def test_a_slow_clock_has_lost_hardly_more_than_allowed_when_it_is_found_out(rate: float) -> None:
    findings = run(pace(), rate=rate, turns=1_000)

    turn = findings.index(Finding.PARTED) + 1
    lost_ns = (turn - 1) * PERIOD_NS * (1.0 - rate)
    assert lost_ns <= APART_NS * 1.3


@pytest.mark.parametrize("rate", [1.001, 1.01, 1.1, 1.9])
def test_a_fast_clock_is_found_out_three_samples_after_it_gained_too_much(rate: float) -> None:
    findings = run(pace(), rate=rate, turns=2_000)

    assert findings.index(Finding.PARTED) - findings.index(Finding.LATE) == 2


def test_a_clock_that_stood_still_is_found_out_by_the_first_sample() -> None:
    assert pace().take(PERIOD_NS + seconds(60), PERIOD_NS) is Finding.PARTED


def test_what_waited_in_a_queue_is_late_by_as_much() -> None:
    subject = pace()
    thawed_ns = 10 * PERIOD_NS

    late_ns = []
    for turn in range(1, 11):
        subject.take(turn * PERIOD_NS, thawed_ns)
        late_ns.append(round(subject.late_ns / PERIOD_NS, 2))

    assert late_ns == pytest.approx([9, 8, 7, 6, 5, 4, 3, 2, 1, 0], abs=0.02)


def test_a_burst_of_late_samples_parts_nothing() -> None:
    subject = pace()

    findings = [subject.take(turn * PERIOD_NS, 30 * PERIOD_NS) for turn in range(1, 31)]

    assert Finding.PARTED not in findings
    assert findings[-1] is Finding.ALIKE


def test_samples_that_stay_late_show_a_clock_that_jumped_ahead() -> None:
    subject = pace()

    findings = [
        subject.take(turn * PERIOD_NS, turn * PERIOD_NS + seconds(100)) for turn in range(1, 5)
    ]

    assert findings == [Finding.LATE, Finding.LATE, Finding.PARTED, Finding.ALIKE]
    assert subject.late_ns == 0


def test_a_controller_that_started_anew_is_another_clock() -> None:
    assert pace().take(-11 * PERIOD_NS, PERIOD_NS) is Finding.RESTARTED


# --- in an agent ----------------------------------------------------------------------------------


def queued(rig: Rig, frozen_s: float) -> None:
    """Freeze the agent, let the machine's samples wait, and hand them over at once."""
    waiting = []
    for _ in range(int(frozen_s // 5.0)):
        rig.machine.advance(rig.now_ns + PERIOD_NS, PERIOD_NS)
        rig.now_ns += PERIOD_NS
        waiting.append(rig.machine.sample(rig.now_ns))
    for sample in waiting:
        rig.node.sense(sample, rig.now_ns)
        rig.carry_out()


def test_a_sample_that_waited_too_long_is_not_taken_for_fresh() -> None:
    rig = Rig()
    rig.prove()
    old = rig.machine.sample(rig.now_ns)
    rig.samples = False
    rig.run(60)

    rig.node.sense(old, rig.now_ns)
    rig.carry_out()

    assert rig.node._parts.pilot.helm.fresh(rig.now_ns) is None


def test_a_burst_after_a_freeze_leaves_the_newest_sample_in_force() -> None:
    rig = Rig()
    rig.drive_off(Leg(path=PATH))
    rig.run(10)

    queued(rig, 60.0)

    fresh = rig.node._parts.pilot.helm.fresh(rig.now_ns)
    assert fresh is not None
    assert (fresh.x_m, fresh.y_m) == rig.machine.place


def test_a_board_that_lost_time_trusts_no_lease_and_asks_for_the_time() -> None:
    rig = Rig()
    rig.drive_off(Leg(path=PATH))
    rig.run(10)
    assert rig.state == "driving"

    rig.machine.ahead_ns += seconds(60)
    rig.sense()

    assert rig.node._parts.pilot.leasing.left_ns(rig.now_ns) == 0
    assert rig.follows_in(30) == []
    assert rig.situation.refused["clock_jump"] == 1


def test_a_controller_that_started_anew_ends_trust_and_is_called_no_jump_of_the_clock() -> None:
    rig = Rig()
    rig.drive_off(Leg(path=PATH))
    rig.run(10)

    rig.machine.ahead_ns = -rig.now_ns
    rig.sense()

    assert rig.node._parts.pilot.leasing.left_ns(rig.now_ns) == 0
    assert rig.follows_in(30) == []
    assert rig.situation.refused["controller_restarted"] == 1
    assert "clock_jump" not in rig.situation.refused
    assert "controller_restarted" in rig.codes(Event)
    assert "clock_jumped" not in rig.codes(Event)


def test_orders_rest_on_the_newest_sample() -> None:
    rig = Rig()
    rig.drive_off(Leg(path=PATH))
    rig.run(30)

    newest = rig.orders(Follow)[-1]

    assert 0 <= rig.now_ns - newest.basis_ns <= 2 * PERIOD_NS


@pytest.mark.parametrize("rate", [1.0, 1.0 + 100e-6, 1.0 - 100e-6])
def test_after_hours_of_running_alike_as_little_is_passed_over_as_at_first(rate: float) -> None:
    subject = pace()
    turns = 5_000
    run(subject, rate=rate, turns=turns)

    measured_ns = (turns + 1) * PERIOD_NS
    finding = subject.take(measured_ns, round(rate * measured_ns) + APART_NS + seconds(0.05))

    assert finding is Finding.LATE


def test_a_sample_that_came_sooner_than_those_before_has_not_waited() -> None:
    subject = pace()

    subject.take(PERIOD_NS, PERIOD_NS - seconds(1))

    assert subject.late_ns == 0
