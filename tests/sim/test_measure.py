"""Rides read out of the evidence: what is driving, what is waiting, and what is work."""

import pytest

from lunaredge.ids import NodeId, TaskId
from lunaredge.sim.checkers.evidence import Assigned, Reported, TrueBody, Truth
from lunaredge.sim.measure import FREE_M, Ride, Rides, figures, mean_speed_m_s
from lunaredge.sim.options import calm
from lunaredge.sim.run import run_seed
from lunaredge.sim.scenario import roomy
from lunaredge.units import NS_PER_S, ns_from_s

DIGGER, OTHER = NodeId("excavator-1"), NodeId("excavator-2")
DIG = TaskId("dig")


class Story:
    """Two machines on a line, seen each second; the other stands ``apart_m`` beside the road."""

    def __init__(self, apart_m=2.0 * FREE_M):
        self.rides = Rides()
        self.now_ns = 0
        self.x_m = 0.0
        self.heading_rad = 0.0
        self.apart_m = apart_m
        self.look()

    def look(self):
        bodies = (
            TrueBody(DIGGER, self.x_m, 0.0, self.heading_rad, 0.0, 1_000.0),
            TrueBody(OTHER, self.x_m, self.apart_m, 0.0, 0.0, 1_000.0),
        )
        self.rides.see(Truth(at_ns=self.now_ns, bodies=bodies))

    def assigned(self, task=DIG):
        self.rides.see(Assigned(at_ns=self.now_ns, node=DIGGER, task=task, attempt=1))

    def ended(self, outcome="done"):
        report = Reported(at_ns=self.now_ns, node=DIGGER, task=DIG, attempt=1, outcome=outcome)
        self.rides.see(report)

    def drives(self, seconds):
        for _ in range(seconds):
            self.now_ns += NS_PER_S
            self.x_m += 1.0
            self.look()

    def stands(self, seconds):
        for _ in range(seconds):
            self.now_ns += NS_PER_S
            self.look()

    def is_not_shown(self, seconds):
        self.now_ns += seconds * NS_PER_S

    def turns(self, seconds):
        for _ in range(seconds):
            self.now_ns += NS_PER_S
            self.heading_rad += 0.3
            self.look()

    def only_ride(self):
        (ride,) = self.rides.done
        return ride


def test_a_ride_lasts_from_the_first_motion_to_the_last():
    story = Story()

    story.assigned()
    story.stands(7)
    story.drives(10)
    story.stands(5)
    story.ended()

    ride = story.only_ride()
    assert ride.begin_ns - ride.assigned_ns == ns_from_s(7.0)
    assert ride.lasted_ns == ns_from_s(10.0)
    assert ride.driven_m == pytest.approx(10.0)
    assert ride.waited_ns == ride.held_up_ns == 0


def test_standing_under_way_on_a_free_road_is_waiting():
    story = Story()

    story.assigned()
    story.drives(10)
    story.stands(3)
    story.drives(10)
    story.ended()

    ride = story.only_ride()
    assert ride.lasted_ns == ns_from_s(23.0)
    assert ride.waited_ns == ns_from_s(3.0)
    assert ride.held_up_ns == 0


def test_standing_beside_another_machine_is_being_held_up():
    story = Story(apart_m=0.5 * FREE_M)

    story.assigned()
    story.drives(10)
    story.stands(3)
    story.drives(10)
    story.ended()

    ride = story.only_ride()
    assert ride.held_up_ns == ns_from_s(3.0)
    assert ride.waited_ns == 0


def test_turning_on_the_spot_is_no_waiting():
    story = Story()

    story.assigned()
    story.drives(5)
    story.turns(4)
    story.drives(5)
    story.ended()

    assert story.only_ride().lasted_ns == ns_from_s(14.0)
    assert story.only_ride().waited_ns == 0


def test_standing_that_is_not_shown_counts_up_to_the_last_look():
    story = Story()
    story.assigned()
    story.is_not_shown(19)
    story.drives(10)

    story.is_not_shown(29)
    story.drives(10)
    story.ended()

    ride = story.only_ride()
    assert ride.begin_ns == ns_from_s(19.0)
    assert ride.waited_ns == ns_from_s(29.0)


def test_a_command_said_again_begins_no_new_ride():
    story = Story()

    story.assigned()
    story.drives(5)
    story.assigned()
    story.drives(5)
    story.ended()

    assert story.only_ride().lasted_ns == ns_from_s(10.0)


def test_a_task_without_any_motion_is_no_ride():
    story = Story()

    story.assigned()
    story.stands(5)
    story.ended("failed")

    assert story.rides.done == []


def ride(task, speed_m_s, **fields):
    return Ride(
        machine=DIGGER,
        task=TaskId(task),
        assigned_ns=0,
        begin_ns=0,
        end_ns=ns_from_s(100.0),
        driven_m=100.0 * speed_m_s,
        **fields,
    )


def test_speeds_are_compared_over_the_rides_that_are_in_both():
    together = [ride("one", 0.9, waited_ns=NS_PER_S), ride("two", 0.2)]
    alone = [ride("one", 1.0)]

    rows = {row.metric: row.value for row in figures(together, alone)}

    assert rows["speed_pct"] == pytest.approx(90.0)
    assert rows["waited_pct"] == pytest.approx(0.5)
    assert rows["rides"] == 2.0


@pytest.mark.slow
def test_machines_with_room_drive_as_fast_together_as_alone():
    together, alone = Rides(), Rides()
    assert run_seed(1, roomy([0, 1]), calm(), onlooker=together).ok
    assert run_seed(1, roomy([0]), calm(), onlooker=alone).ok

    rows = {row.metric: row.value for row in figures(together.done, alone.done)}

    assert rows["waited_pct"] < 1.0
    assert rows["speed_pct"] >= 95.0
    assert mean_speed_m_s(alone.done) > 0.5
