from itertools import combinations
from typing import Any

import msgspec
import pytest

from lunaredge.agent.permit import INTERRUPTION, Blocker, Facts, blocker, goes_home
from lunaredge.agent.states import TRANSITIONS, Event, State

CLEAR = Facts(
    proven=True,
    locked=False,
    stopped=False,
    sensed=True,
    battery_low=False,
    brakes_good=True,
    strayed=False,
    held=False,
    tasked=True,
    clock_good=True,
    leased=True,
    lease_live=True,
    stops_on_loss=False,
    pose_good=True,
    reachable=True,
    way_home=False,
)
FAULTS: dict[Blocker, dict[str, Any]] = {
    Blocker.UNPROVEN: {"proven": False},
    Blocker.LOCKOUT: {"locked": True},
    Blocker.STOP: {"stopped": True},
    Blocker.SENSOR: {"sensed": False},
    Blocker.BATTERY: {"battery_low": True},
    Blocker.BRAKES: {"brakes_good": False},
    Blocker.CORRIDOR: {"strayed": True},
    Blocker.HOLD: {"held": True},
    Blocker.CLOCK: {"clock_good": False},
    Blocker.POSE: {"pose_good": False},
    Blocker.LEASE: {"lease_live": False},
    Blocker.REACH: {"leased": False, "reachable": False},
}


def test_nothing_forbids_a_machine_with_everything_in_order() -> None:
    assert blocker(CLEAR) is None


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_alone_forbids_motion(fault: Blocker) -> None:
    assert blocker(msgspec.structs.replace(CLEAR, **FAULTS[fault])) is fault


def test_the_stronger_of_two_faults_is_named() -> None:
    for stronger, weaker in combinations(list(Blocker)[:-1], 2):
        facts = msgspec.structs.replace(CLEAR, **FAULTS[weaker], **FAULTS[stronger])
        assert blocker(facts) is stronger


def test_a_live_lease_may_be_used_up_out_of_reach() -> None:
    assert blocker(msgspec.structs.replace(CLEAR, reachable=False)) is None


@pytest.mark.parametrize("fault", FAULTS)
def test_a_machine_goes_home_only_where_nothing_else_is_left(fault: Blocker) -> None:
    facts = msgspec.structs.replace(CLEAR, way_home=True, **FAULTS[fault])

    assert goes_home(facts) == (fault in {Blocker.CLOCK, Blocker.LEASE, Blocker.REACH})
    assert not goes_home(msgspec.structs.replace(facts, way_home=False))
    assert not goes_home(msgspec.structs.replace(facts, pose_good=False))


def test_a_machine_with_work_left_stays_at_it() -> None:
    assert not goes_home(msgspec.structs.replace(CLEAR, way_home=True, reachable=False))


def test_without_a_task_only_what_always_counts_is_shown() -> None:
    facts = msgspec.structs.replace(
        CLEAR, tasked=False, clock_good=False, leased=False, reachable=False
    )

    assert blocker(facts) is None
    assert blocker(msgspec.structs.replace(facts, held=True)) is Blocker.HOLD


def test_every_blocker_of_a_proven_node_has_a_state_that_it_leads_to() -> None:
    assert set(INTERRUPTION) == set(Blocker) - {Blocker.UNPROVEN}
    for state, event in INTERRUPTION.values():
        assert TRANSITIONS[(State.IDLE, event)] is state
        assert TRANSITIONS[(state, Event.CLEAR)] is State.IDLE
