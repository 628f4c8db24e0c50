"""Stop points: kept, put farther while the machine drives, and drawn nearer on request."""

import math

import msgspec
import pytest

from lunaredge.agent import authority
from lunaredge.model.task import Leg
from lunaredge.wire.driver import VERSION, Follow, Hello
from lunaredge.wire.messages import (
    AuthorityRenewal,
    AuthorityRequest,
    CommandReply,
    Grant,
    HeldAuthority,
    OnLoss,
)
from tests.agent.rig import BASIS_S_MAX, NODE, Rig, bodies
from tests.agent.toy_machine import PATH, seconds

DRIVE = Leg(path=PATH)


def held(rig: Rig) -> HeldAuthority:
    authority = rig.beat().authority
    assert authority is not None
    return authority


def test_a_machine_goes_no_farther_than_its_stop_point() -> None:
    rig = Rig()
    rig.drive_off(DRIVE, stop_m=12.0)

    rig.run(50)

    assert rig.machine.place == pytest.approx((12.0, 0.0), abs=0.01)
    assert rig.outcomes() == ["accepted", "started"]
    assert held(rig).stop_m == 12.0


def test_a_farther_stop_point_is_asked_for_before_the_machine_would_brake() -> None:
    rig = Rig()
    rig.drive_off(DRIVE, stop_m=30.0)

    rig.run(35)

    assert rig.machine.place[0] < 15.0
    assert len(rig.all(AuthorityRenewal)) >= 1


def test_a_machine_that_is_answered_in_time_never_brakes() -> None:
    rig = Rig()
    grant = rig.drive_off(DRIVE, stop_m=30.0)
    rig.run(35)

    rig.renew(rig.last(AuthorityRenewal).request_no, grant, stop_m=50.0)
    orders = rig.follows_in(60)

    assert {order.order_no for order in orders} == {rig.orders(Follow)[0].order_no}
    assert orders[-1].stop_m == pytest.approx(50.0)
    assert rig.machine.station_m == pytest.approx(0.4 * 95, abs=0.5)


def test_five_lost_answers_do_not_make_it_brake() -> None:
    rig = Rig()
    grant = rig.drive_off(DRIVE, stop_m=30.0)
    rig.run(30)
    asked = rig.all(AuthorityRenewal)

    rig.run(20)
    assert rig.machine.speed_m_s > 0.0
    assert len(rig.all(AuthorityRenewal)) - len(asked) >= 4
    rig.renew(rig.last(AuthorityRenewal).request_no, grant, stop_m=50.0)

    rig.run(20)
    assert rig.machine.station_m == pytest.approx(0.4 * 70, abs=0.5)


def test_a_machine_that_stood_at_its_stop_point_drives_on_when_it_is_put_farther() -> None:
    rig = Rig()
    grant = rig.drive_off(DRIVE, stop_m=12.0)
    rig.run(40)

    rig.renew(rig.last(AuthorityRenewal).request_no, grant, stop_m=50.0)
    rig.run(120)

    assert rig.outcomes() == ["accepted", "started", "done"]


def test_a_nearer_stop_point_in_a_renewal_changes_nothing() -> None:
    rig = Rig()
    grant = rig.drive_off(DRIVE, stop_m=30.0)
    rig.run(35)

    rig.renew(rig.last(AuthorityRenewal).request_no, grant, stop_m=5.0)

    assert held(rig).stop_m == 30.0


def test_who_waits_in_vain_at_a_stop_point_asks_for_another_way() -> None:
    rig = Rig()
    rig.drive_off(DRIVE, stop_m=12.0)
    requests = len(rig.all(AuthorityRequest))

    rig.run(60 + rig.settings.wait_s)

    assert len(rig.all(AuthorityRequest)) == requests + 1

    request = rig.last(AuthorityRequest)
    assert math.dist((request.x_m, request.y_m), (12.0, 0.0)) < 0.01
    assert rig.situation.authority is None


def test_a_shortened_authority_ends_where_it_was_asked_to() -> None:
    rig = Rig()
    grant = rig.drive_off(DRIVE)
    rig.run(10)

    rig.shorten(grant, 25.0)
    rig.run(80)

    assert rig.machine.place == pytest.approx((25.0, 0.0), abs=0.01)
    assert (held(rig).stop_m, held(rig).revision) == (25.0, 2)


def test_a_machine_says_at_once_where_it_stops_after_a_shortening() -> None:
    rig = Rig()
    grant = rig.drive_off(DRIVE)
    rig.run(10)

    effects = rig.shorten(grant, 25.0)

    assert bodies(effects, CommandReply)[-1].ok
    authority = rig.situation.authority
    assert authority is not None
    assert (authority.revision, authority.stop_m) == (2, 25.0)


def test_a_stop_nearer_than_the_brakes_allow_is_put_where_the_machine_can_stop() -> None:
    rig = Rig()
    grant = rig.drive_off(DRIVE)
    rig.run(20)
    station_m = rig.machine.station_m

    rig.shorten(grant, station_m)

    rolling_m = 0.5**2 / (2 * 0.1)
    authority = rig.situation.authority
    assert authority is not None
    assert authority.stop_m >= station_m + rolling_m
    rig.run(60)
    assert station_m < rig.machine.station_m <= station_m + rolling_m
    assert rig.machine.station_m <= authority.stop_m


@pytest.mark.parametrize("attached", [True, False])
def test_the_answer_leaves_room_for_orders_that_wait_on_their_way_to_the_controller(
    *, attached: bool
) -> None:
    rig = Rig(lifetime_s=20.0)
    grant = rig.drive_off(DRIVE)
    rig.run(20)
    station_m = rig.machine.station_m
    if not attached:
        rig.node.detached(rig.now_ns)

    rig.shorten(grant, station_m)

    authority = rig.situation.authority
    assert authority is not None
    assert authority.stop_m >= authority.station_m + 0.5 * (20.0 + BASIS_S_MAX)


def test_the_answer_leaves_room_for_orders_of_a_slower_controller_from_before() -> None:
    rig = Rig(lifetime_s=20.0)
    grant = rig.drive_off(DRIVE)
    rig.run(20)
    rig.node.detached(rig.now_ns)
    quick = Hello(version=VERSION, machine=NODE, setpoint_lifetime_s=0.5, basis_s_max=1.0)
    rig.node.attached(quick, rig.now_ns)

    rig.shorten(grant, 0.0)

    authority = rig.situation.authority
    assert authority is not None
    assert authority.stop_m >= rig.machine.station_m + 0.5 * 30.0


def test_a_machine_that_could_not_stop_short_enough_asks_anew_from_where_it_rests() -> None:
    rig = Rig()
    grant = rig.drive_off(DRIVE)
    rig.run(20)

    rig.shorten(grant, rig.machine.station_m)
    rig.run(60)

    request = rig.last(AuthorityRequest)
    assert request.request_no > grant.request_no
    assert (request.x_m, request.y_m) == pytest.approx(rig.machine.place)
    assert rig.situation.authority is None


def test_an_authority_that_an_obstacle_bars_is_given_up_after_a_while() -> None:
    rig = Rig()
    grant = rig.drive_off(DRIVE)
    rig.run(20)
    rig.machine.stand_before_an_obstacle()
    rig.run(rig.settings.wait_s - 5)
    assert held(rig).id == grant.authority

    rig.run(20)

    assert rig.last(AuthorityRequest).request_no > grant.request_no
    assert rig.situation.authority is None


def test_a_machine_goes_on_when_the_obstacle_leaves_in_time() -> None:
    rig = Rig()
    grant = rig.drive_off(DRIVE)
    for _ in range(3):
        rig.run(20)
        rig.machine.stand_before_an_obstacle()
        rig.run(rig.settings.wait_s - 10)
        rig.machine.traits.clear()

    rig.run(120)

    assert rig.last(AuthorityRequest).request_no == grant.request_no
    assert rig.outcomes() == ["accepted", "started", "done"]


def test_a_leg_that_obstacles_bar_time_and_again_fails() -> None:
    rig = Rig()
    rig.drive_off(DRIVE)
    rig.machine.stand_before_an_obstacle()

    for _ in range(5):
        rig.run(rig.settings.wait_s + 10)
        if rig.outcomes()[-1] == "started":
            rig.grant()

    assert rig.outcomes() == ["accepted", "started", "failed"]


def test_a_machine_that_is_carried_along_its_way_gives_it_up() -> None:
    rig = Rig()
    grant = rig.drive_off(DRIVE)
    rig.run(20)

    rig.machine.carry((25.0, 0.0))
    rig.run(60)

    request = rig.last(AuthorityRequest)
    assert request.request_no > grant.request_no
    assert (request.x_m, request.y_m) == (25.0, 0.0)


def test_an_extension_sent_before_a_shortening_comes_too_late() -> None:
    rig = Rig(lifetime_s=2.0)
    grant = rig.drive_off(DRIVE, stop_m=30.0)
    rig.run(35)
    number = rig.last(AuthorityRenewal).request_no

    rig.shorten(grant, 28.0)
    rig.renew(number, grant, stop_m=50.0)

    assert held(rig).stop_m == 28.0


def test_a_repeated_shortening_does_not_shorten_again() -> None:
    rig = Rig()
    grant = rig.drive_off(DRIVE)
    rig.run(10)
    rig.shorten(grant, 25.0, revision=3)

    rig.shorten(grant, 20.0, revision=3)
    rig.shorten(grant, 20.0, revision=2)

    assert held(rig).stop_m == 25.0


def test_a_shortening_of_an_authority_not_held_is_refused() -> None:
    rig = Rig()
    rig.prove()
    stranger = rig.grant_for(
        AuthorityRequest(request_no=1, task="t1", attempt=1, path=PATH, x_m=0.0, y_m=0.0)
    )

    effects = rig.shorten(stranger, 5.0)

    assert bodies(effects, CommandReply)[-1].reason == "authority"


def test_a_machine_slows_while_its_pose_gets_worse_and_then_stops() -> None:
    rig = Rig()
    rig.drive_off(DRIVE, pose_error_m=1.0, speed_m_s_max=0.4)
    rig.run(10)
    assert rig.orders(Follow)[-1].speed_m_s == 0.4

    rig.machine.traits["pose_error_m"] = 0.75
    rig.run(10)
    assert rig.orders(Follow)[-1].speed_m_s == pytest.approx(0.2)
    rig.machine.traits["pose_error_m"] = 1.01
    rig.run(20)

    assert rig.machine.speed_m_s == 0.0
    assert rig.situation.state == "holding"
    assert rig.situation.pose_error_m == pytest.approx(1.01)


def test_a_pose_that_is_never_the_same_does_not_starve_the_machine_of_fresh_orders() -> None:
    rig = Rig()
    rig.drive_off(DRIVE)

    for turn in range(40):
        rig.machine.traits = {"pose_error_m": 0.3 + 0.01 * (turn % 3)}
        rig.run(2.5)

    newest = rig.orders(Follow)[-1]
    assert newest.basis_ns >= rig.now_ns - seconds(2.0 * rig.settings.sample_period_s)
    assert rig.machine.station_m > 20.0


def test_weaker_brakes_make_a_machine_slower_and_hardly_any_stop_it() -> None:
    rig = Rig()
    rig.drive_off(DRIVE)
    rig.machine.traits["brake_ratio"] = 0.5

    rig.run(10)
    assert rig.orders(Follow)[-1].speed_m_s == pytest.approx(0.2)
    rig.machine.traits["brake_ratio"] = 0.05
    rig.run(20)

    assert rig.machine.speed_m_s == 0.0
    assert rig.situation.state == "safe"


def test_a_brake_share_that_is_none_is_refused() -> None:
    rig = Rig()
    rig.drive_off(DRIVE)
    rig.machine.traits["brake_ratio"] = 1.5

    rig.run(30)

    assert rig.situation.state == "safe"


@pytest.mark.parametrize(("on_loss", "speed_m_s"), [(OnLoss.STOP, 0.0), (OnLoss.STOP_POINT, 0.1)])
def test_out_of_reach_a_machine_does_what_its_authority_declared(
    on_loss: OnLoss, speed_m_s: float
) -> None:
    rig = Rig()
    rig.drive_off(DRIVE, speed_m_s_max=0.1, on_loss=on_loss)
    rig.serves_time = False

    rig.run(rig.settings.reach_s + 40)

    assert rig.machine.speed_m_s == speed_m_s


def test_a_clock_worse_than_an_authority_was_computed_with_stops_the_machine() -> None:
    rig = Rig()
    rig.drive_off(DRIVE, clock_error_ns=seconds(1e-6))

    rig.run(20)

    assert rig.machine.speed_m_s == 0.0
    assert rig.situation.state == "holding"


def rolled_out() -> tuple[Rig, Grant]:
    """Held between two samples, it has rolled on since the last one that showed its station."""
    rig = Rig(lifetime_s=2.0)
    grant = rig.drive_off(DRIVE)
    rig.run(24.5)
    rig.hold()
    while not rig.node._parts.pilot.helm.at_rest(rig.now_ns):
        rig.run(0.5)
    return rig, grant


def test_a_machine_at_rest_gives_no_ground_back_on_which_it_rolled_out() -> None:
    rig, grant = rolled_out()
    lease = rig.node._parts.pilot.leasing.lease
    assert lease is not None
    assert lease.station_m < rig.machine.station_m - 1.0

    rig.shorten(grant, 1.0)

    told = rig.situation.authority
    assert told is not None
    assert told.revision == 2
    assert told.stop_m >= rig.machine.station_m


def test_a_machine_at_rest_gives_the_ground_ahead_of_it_back_nearly_all() -> None:
    rig, grant = rolled_out()

    rig.shorten(grant, 1.0)

    assert rig.situation.authority.stop_m <= rig.machine.station_m + 0.5


@pytest.mark.parametrize("y_m", [0.0, 2.0])
def test_between_which_stations_a_machine_rests_is_told_by_its_place(y_m: float) -> None:
    rig, _ = rolled_out()
    lease = rig.node._parts.pilot.leasing.lease
    assert lease is not None
    place = msgspec.structs.replace(rig.machine.sample(rig.now_ns), x_m=14.0, y_m=y_m)

    low_m, high_m = authority.span_m(lease, 8.0, place)

    assert low_m == pytest.approx(14.0 - y_m - place.pose_error_m)
    assert high_m == pytest.approx(14.0 + y_m + place.pose_error_m)
    assert authority.span_m(lease, 8.0, None) == (lease.station_m - 8.0, lease.station_m + 8.0)
    assert authority.span_m(lease, 1.0, place)[1] <= lease.station_m + 1.0
