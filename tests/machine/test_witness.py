import pytest

from lunaredge.ids import NodeId
from lunaredge.machine import witness as subject
from lunaredge.machine.bodies import Rectangle
from lunaredge.machine.events import BodiesOverlapped, MachineMoved
from lunaredge.machine.witness import Motion, Witness

NAMES = (NodeId("a"), NodeId("b"), NodeId("c"))
STEP_NS = 200_000_000


def at(x_m: float, y_m: float = 0.0) -> Rectangle:
    return Rectangle(x_m, y_m, 0.0, 1.0, 0.5)


FAR = at(500.0)


def move(witness: Witness, step: int, bodies: list[Rectangle], *motions: Motion) -> None:
    witness.observe(motions, bodies, step * STEP_NS, (step + 1) * STEP_NS)


def test_bodies_that_stand_are_measured_from_the_start() -> None:
    witness = Witness(NAMES, [at(0.0), at(3.5), FAR], 0)

    assert witness.separation_m_min == pytest.approx(1.5)
    assert witness.separations_m()["a b"] == pytest.approx(1.5)


def test_the_least_separation_allows_for_the_way_within_the_step() -> None:
    witness = Witness(NAMES, [at(0.0), at(9.0), FAR], 0)

    move(witness, 0, [at(0.0), at(4.0), FAR], Motion(1, 0.5, 0.0))

    assert witness.separation_m_min == pytest.approx(2.0 - 1.2 * 0.5)


def test_a_turn_counts_with_the_sweep_of_its_corners() -> None:
    witness = Witness(NAMES, [at(0.0), at(4.0), FAR], 0)

    move(witness, 0, [at(0.0), at(4.0), FAR], Motion(1, 0.0, 0.1))

    assert witness.separation_m_min == pytest.approx(2.0 - 0.1 * at(0.0).radius_m)


def test_a_pair_of_movers_is_judged_once_and_closes_by_both_ways() -> None:
    witness = Witness(NAMES, [at(0.0), at(9.0), FAR], 0)
    before = witness.pairs_checked

    move(witness, 0, [at(0.0), at(4.0), FAR], Motion(0, 0.1, 0.0), Motion(1, 0.1, 0.0))

    assert witness.pairs_checked - before == 3
    assert witness.separation_m_min == pytest.approx(2.0 - 1.2 * 0.2)


def test_pairs_that_stand_are_not_judged_again() -> None:
    witness = Witness(NAMES, [at(0.0), at(9.0), FAR], 0)
    before = witness.pairs_checked

    move(witness, 0, [at(0.1), at(9.0), FAR], Motion(0, 0.1, 0.0))

    assert witness.pairs_checked - before == 2


def test_an_overlap_is_told_once_and_lasts_while_it_lasts() -> None:
    witness = Witness(NAMES, [at(0.0), at(9.0), FAR], 0)

    for step in range(3):
        move(witness, step, [at(0.0), at(1.5), FAR], Motion(1, 0.1, 0.0))
    move(witness, 3, [at(0.0), at(3.0), FAR], Motion(1, 0.1, 0.0))
    move(witness, 4, [at(0.0), at(1.5), FAR], Motion(1, 0.1, 0.0))

    assert witness.separation_m_min == 0.0
    assert [(o.machines, o.from_ns, o.to_ns) for o in witness.overlaps] == [
        (("a", "b"), STEP_NS, 3 * STEP_NS),
        (("a", "b"), 5 * STEP_NS, 5 * STEP_NS),
    ]
    told = [event for event in witness.take_events() if isinstance(event, BodiesOverlapped)]
    assert len(told) == 2


def test_a_near_miss_is_no_overlap_however_small_its_bound() -> None:
    witness = Witness(NAMES, [at(0.0), at(9.0), FAR], 0)

    move(witness, 0, [at(0.0), at(2.01), FAR], Motion(1, 0.5, 0.0))

    assert witness.separation_m_min == 0.0
    assert witness.overlaps == []


def test_motion_is_one_interval_until_it_pauses() -> None:
    witness = Witness(NAMES, [at(0.0), at(9.0), FAR], 0)

    for step in (0, 1, 2, 5, 6):
        move(witness, step, [at(0.0), at(9.0), FAR], Motion(0, 0.1, 0.0))

    assert witness.intervals[0] == [[0, 3 * STEP_NS], [5 * STEP_NS, 7 * STEP_NS]]
    assert witness.distances_m == pytest.approx([0.5, 0.0, 0.0])


def test_a_moving_machine_is_noted_once_a_second_and_where_it_rests() -> None:
    witness = Witness(NAMES, [at(0.0), at(9.0), FAR], 0)

    for step in range(11):
        move(witness, step, [at(0.1 * step), at(9.0), FAR], Motion(0, 0.1, 0.0))
    witness.rested(0, at(1.0), 11 * STEP_NS)
    witness.rested(0, at(1.0), 12 * STEP_NS)

    moved = [event for event in witness.take_events() if isinstance(event, MachineMoved)]
    assert [event.t_ns // STEP_NS for event in moved] == [1, 6, 11, 11]


def test_what_nobody_takes_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "EVENTS_MAX", 2)
    monkeypatch.setattr(subject, "INTERVALS_MAX", 1)
    monkeypatch.setattr(subject, "OVERLAPS_MAX", 0)
    witness = Witness(NAMES, [at(0.0), at(1.0), FAR], 0)

    for step in (0, 10, 20):
        move(witness, step, [at(0.0), at(1.0), FAR], Motion(2, 0.1, 0.0))

    assert len(witness.take_events()) == 2
    assert witness.events_dropped == 2
    assert witness.intervals_dropped == 2
    assert witness.overlaps_dropped == 1
