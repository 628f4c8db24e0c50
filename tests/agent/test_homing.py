"""Going home by the way it came: when, how far, and what ends it."""

from typing import Any

import pytest

from lunaredge.model.polyline import length_m
from lunaredge.model.task import Leg
from lunaredge.node import Actuate
from lunaredge.wire.driver import Follow, Halt
from lunaredge.wire.messages import AuthorityRenewal, CommandReply, Grant, HeldAuthority, OnLoss
from lunaredge.wire.records import Event
from tests.agent.rig import DIG, Rig, config
from tests.agent.toy_machine import PATH, seconds

DRIVE = Leg(path=PATH)
WORK = Leg(path=PATH, goal=DIG)

HOME = (-20.0, 0.0)
FROM_M = 20.0
DAY_S = 86_400.0
LONG_S = 1_400.0
ON_THE_WAY_S = 40.0


def depart(rig: Rig, *legs: Any, **changes: Any) -> Grant:
    """Drive off with a way home behind the machine."""
    wanted: dict[str, Any] = {
        "path": (HOME, *PATH),
        "from_m": FROM_M,
        "on_loss": OnLoss.HOME,
        "home_lifetime_ns": seconds(DAY_S),
    }
    return rig.drive_off(*(legs or (DRIVE,)), **(wanted | changes))


def stranded(rig: Rig, **changes: Any) -> Grant:
    """Let a machine wait at a stop point, 15 m off, and cut it off; give its authority."""
    grant = depart(rig, stop_m=FROM_M + 15.0, **changes)
    rig.run(60)
    assert rig.machine.place == pytest.approx((15.0, 0.0), abs=0.2)
    rig.serves_time = False
    return grant


def held(rig: Rig) -> HeldAuthority:
    authority = rig.situation.authority
    assert authority is not None
    return authority


def test_a_machine_that_is_cut_off_goes_home_by_the_way_it_came() -> None:
    rig = Rig()
    stranded(rig)

    rig.run(rig.settings.reach_s + rig.settings.go_home_after_s - 30)
    assert rig.machine.place == pytest.approx((15.0, 0.0), abs=0.2)
    rig.run(LONG_S)

    assert rig.machine.place == pytest.approx(HOME, abs=0.2)
    assert rig.codes(Event).count("going_home") == 1
    assert rig.situation.state == "holding"


def test_it_holds_its_authority_all_the_way() -> None:
    rig = Rig()
    stranded(rig)

    rig.run(LONG_S)

    assert held(rig).released_m == 0.0
    assert not held(rig).at_stop
    assert held(rig).station_m == pytest.approx(0.0, abs=0.2)


@pytest.mark.parametrize("after_s", [900.0, 60.0], ids=["after its lease", "before its lease"])
def test_work_goes_on_while_the_lease_lives_and_then_it_goes_home(after_s: float) -> None:
    rig = Rig(config(go_home_after_s=after_s))
    rig.machine.work_left_s = 10_000.0
    depart(rig, WORK)
    rig.run(200)
    assert rig.situation.state == "working"
    rig.serves_time = False

    rig.run(500)
    assert rig.situation.state == "working"
    rig.run(LONG_S)

    assert rig.machine.place == pytest.approx(HOME, abs=0.2)


def test_it_goes_back_along_its_whole_way_though_that_came_by_here_before() -> None:
    there_and_back = ((0.0, 0.0), (30.0, 0.0), (0.0, 0.5))
    rig = Rig()
    depart(rig, path=(HOME, *there_and_back), stop_m=FROM_M + 45.0)
    rig.run(150)
    assert rig.machine.place == pytest.approx((15.0, 0.25), abs=0.2)
    rig.serves_time = False

    rig.run(LONG_S)

    way = rig.orders(Follow)[-1].path
    assert length_m(way) == pytest.approx(FROM_M + 45.0, abs=0.3)
    assert rig.machine.place == pytest.approx(HOME, abs=0.2)


def test_whoever_was_carried_off_its_way_does_not_go_home_by_it() -> None:
    rig = Rig()
    stranded(rig)
    rig.machine.carry((15.0, 9.0))

    rig.run(rig.settings.reach_s + rig.settings.go_home_after_s + LONG_S)

    assert rig.machine.place == (15.0, 9.0)
    assert rig.codes(Event).count("going_home") == 0


def test_it_sets_off_for_home_only_from_rest_and_once_its_order_is_over() -> None:
    rig = Rig()
    rig.machine.work_left_s = 10_000.0
    depart(rig, WORK, lifetime_ns=seconds(1_200))
    rig.run(200)
    rig.serves_time = False
    rig.run(rig.settings.reach_s + rig.settings.go_home_after_s + 300)

    halts = [order for order in rig.orders(Halt) if isinstance(order, Halt)]
    way = next(order for order in rig.orders(Follow) if order.path[-1] == HOME)
    effects = [effect.order for effect in rig.effects if isinstance(effect, Actuate)]
    assert halts
    assert isinstance(effects[effects.index(way) - 1], Halt)


def test_heard_again_it_stops_and_goes_on_with_its_task() -> None:
    rig = Rig()
    grant = stranded(rig)
    rig.run(rig.settings.reach_s + rig.settings.go_home_after_s + ON_THE_WAY_S)
    x_m, _ = rig.machine.place
    assert HOME[0] < x_m < 14.0

    rig.serves_time = True
    rig.run(60)
    assert rig.machine.speed_m_s == 0.0
    assert rig.machine.place[0] > HOME[0] + 1.0
    renewal = rig.last(AuthorityRenewal)
    rig.renew(renewal.request_no, grant, stop_m=1000.0)
    rig.run(300)

    assert rig.machine.place == pytest.approx(PATH[-1], abs=0.2)
    assert rig.outcomes()[-1] == "done"


@pytest.mark.parametrize(
    "changes",
    [
        {"on_loss": OnLoss.STOP_POINT},
        {"home_lifetime_ns": 0},
        {"home_lifetime_ns": seconds(900)},
    ],
)
def test_without_a_live_way_home_it_stays(changes: dict[str, Any]) -> None:
    rig = Rig()
    stranded(rig, **changes)

    rig.run(LONG_S)

    assert rig.machine.place == pytest.approx((15.0, 0.0), abs=0.2)


@pytest.mark.parametrize("forbid", ["stop", "hold", "pose", "brakes", "battery"])
def test_what_forbids_any_motion_ends_the_trip_home(forbid: str) -> None:
    rig = Rig()
    stranded(rig)
    rig.run(rig.settings.reach_s + rig.settings.go_home_after_s + ON_THE_WAY_S)
    assert rig.machine.speed_m_s > 0.0

    if forbid == "stop":
        rig.stop()
    elif forbid == "hold":
        rig.hold()
    else:
        traits = {"pose": ("pose_error_m", 2.0), "brakes": ("brake_ratio", 0.01)}
        name, value = traits.get(forbid, ("battery_wh", 1.0))
        rig.machine.traits[name] = value
    rig.run(60)

    assert rig.machine.speed_m_s == 0.0
    assert rig.machine.place[0] > HOME[0] + 1.0


def test_a_clock_that_jumps_ends_the_right_to_go_home() -> None:
    rig = Rig()
    stranded(rig)
    rig.run(300)

    rig.now_ns -= seconds(200)
    rig.node.tick(rig.now_ns)
    rig.run(LONG_S)

    assert rig.machine.place == pytest.approx((15.0, 0.0), abs=0.2)


def test_what_is_asked_back_of_the_way_home_is_given_back_and_the_rest_leads_nowhere() -> None:
    rig = Rig(lifetime_s=2.0)
    grant = depart(rig, stop_m=FROM_M + 15.0)
    rig.run(60)

    rig.shorten(grant, stop_m=grant.stop_m, from_m=1000.0)
    assert held(rig).released_m > FROM_M
    rig.serves_time = False
    rig.run(LONG_S)

    assert rig.machine.place == pytest.approx((15.0, 0.0), abs=0.2)


def test_the_start_of_a_path_is_where_the_machine_stands_not_home() -> None:
    rig = Rig()
    depart(rig, from_m=1.0)

    assert rig.last(CommandReply).reason == "grant_start"


def test_a_leg_is_counted_from_where_it_began() -> None:
    rig = Rig()
    depart(rig)

    rig.run(62.5)

    assert rig.situation.progress_ratio == pytest.approx(0.46, abs=0.06)
