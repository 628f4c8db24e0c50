import math

import msgspec
import pytest

from lunaredge.agent import authority
from lunaredge.agent.authority import Lease
from lunaredge.ids import AuthorityId, CommandId
from lunaredge.wire.driver import Sample
from lunaredge.wire.messages import Grant, OnLoss, Shorten
from tests.agent.toy_machine import PATH, Machine, seconds


def grant(**changes: object) -> Grant:
    base = Grant(
        command=CommandId("c1"),
        request_no=1,
        authority=AuthorityId("ma-1"),
        number=1,
        path=PATH,
        stop_m=1000.0,
        overlap_m=0.0,
        revision=1,
        tool_from_m=0.0,
        half_width_m=2.0,
        deviation_m_max=2.0,
        pose_error_m=0.5,
        clock_error_ns=seconds(5),
        speed_m_s_max=0.4,
        lifetime_ns=seconds(900),
        on_loss=OnLoss.STOP_POINT,
    )
    return msgspec.structs.replace(base, **changes)


def sample(**traits: object) -> Sample:
    return msgspec.structs.replace(Machine().sample(0), **traits)


def lease() -> Lease:
    return authority.lease_of(grant(), seconds(10), 100.0)


def test_the_lease_counts_from_the_request_and_is_shortened_by_the_drift() -> None:
    assert lease().expiry_ns < seconds(910)
    assert lease().expiry_ns > seconds(909.9)
    assert lease().renew_ns == seconds(460)


def test_a_lease_is_over_before_its_expiry_by_the_margin() -> None:
    expiry_ns = lease().expiry_ns

    assert not authority.is_over(lease(), seconds(30), expiry_ns - seconds(30) - 1)
    assert authority.is_over(lease(), seconds(30), expiry_ns - seconds(30))


def test_a_renewal_never_shortens_a_lease() -> None:
    shorter = authority.renewed(lease(), seconds(100), seconds(20), 100.0)
    longer = authority.renewed(lease(), seconds(900), seconds(500), 100.0)

    assert shorter == lease()
    assert longer.expiry_ns > seconds(1399)


def test_what_lies_behind_is_given_back_less_the_gap_and_the_pose_error() -> None:
    after = authority.moved(lease(), sample(station_m=10.0, pose_error_m=0.3), 1.0)

    assert after.released_m == pytest.approx(8.7)
    assert authority.held(after).released_m == pytest.approx(8.7)


def test_nothing_is_given_back_before_it_is_behind() -> None:
    after = authority.moved(lease(), sample(station_m=0.5, pose_error_m=0.3), 1.0)

    assert after.released_m == 0.0


def test_what_was_given_back_is_never_taken_again() -> None:
    ahead = authority.moved(lease(), sample(station_m=20.0), 1.0)

    behind = authority.moved(ahead, sample(station_m=5.0, pose_error_m=9.0), 1.0)

    assert behind.released_m == ahead.released_m
    assert behind.station_m == 20.0


def test_a_station_never_passes_the_end() -> None:
    after = authority.moved(lease(), sample(station_m=99.0), 1.0)

    assert after.station_m == pytest.approx(50.0)


def shorten(stop_m: float, from_m: float) -> Shorten:
    return Shorten(
        command=CommandId("c2"),
        authority=AuthorityId("ma-1"),
        stop_m=stop_m,
        from_m=from_m,
        revision=2,
    )


def test_of_what_lies_behind_no_more_is_given_back_than_the_machine_has_surely_left() -> None:
    ahead = msgspec.structs.replace(lease(), station_m=20.0)

    some = authority.shortened(ahead, shorten(40.0, 5.0), (18.0, 22.0), 1.0)
    more = authority.shortened(ahead, shorten(40.0, 1000.0), (18.0, 22.0), 1.0)

    assert some.released_m == pytest.approx(5.0)
    assert more.released_m == pytest.approx(20.0 - 2.0 - 1.0)


def test_what_was_given_back_stays_so_when_less_is_asked_for() -> None:
    ahead = msgspec.structs.replace(lease(), station_m=20.0, released_m=8.0)

    after = authority.shortened(ahead, shorten(40.0, 5.0), (18.0, 22.0), 1.0)

    assert after.released_m == 8.0


def test_a_stop_point_is_drawn_in_no_nearer_than_the_machine_can_stop() -> None:
    ahead = msgspec.structs.replace(lease(), station_m=20.0)

    near = authority.shortened(ahead, shorten(0.0, 0.0), (18.0, 22.0), 1.0)
    far = authority.shortened(ahead, shorten(30.0, 0.0), (18.0, 22.0), 1.0)
    drawn_in = msgspec.structs.replace(ahead, stop_m=25.0)
    no_farther = authority.shortened(drawn_in, shorten(45.0, 0.0), (18.0, 22.0), 1.0)

    assert (near.stop_m, far.stop_m, no_farther.stop_m) == (22.0, 30.0, 25.0)


def test_a_renewal_lengthens_the_way_home_as_well() -> None:
    home = grant(on_loss=OnLoss.HOME, home_lifetime_ns=seconds(7200))
    before = authority.lease_of(home, seconds(10), 100.0)

    after = authority.renewed(before, seconds(900), seconds(500), 100.0)

    assert before.home_expiry_ns == pytest.approx(seconds(7210), abs=seconds(1))
    assert after.home_expiry_ns == pytest.approx(seconds(7700), abs=seconds(1))


def test_the_corridor_is_half_a_width_to_either_side() -> None:
    assert authority.contains(lease(), (10.0, 1.9))
    assert not authority.contains(lease(), (10.0, 2.1))
    assert not authority.contains(lease(), (-2.1, 0.0))


def test_the_corridor_ends_the_overlap_beyond_the_stop_point() -> None:
    rolling = authority.lease_of(grant(stop_m=10.0, overlap_m=3.0), 0, 100.0)

    assert authority.contains(rolling, (14.9, 0.0))
    assert not authority.contains(rolling, (15.1, 0.0))


def test_whoever_goes_back_is_at_home_at_the_end() -> None:
    home = grant(on_loss=OnLoss.HOME, home_lifetime_ns=seconds(7200))
    out = msgspec.structs.replace(authority.lease_of(home, 0, 100.0), base_m=10.0, station_m=10.0)

    assert authority.moved_back(out, sample(station_m=4.0)).station_m == pytest.approx(6.0)
    assert authority.moved_back(out, sample(station_m=10.4)).station_m == 0.0


@pytest.mark.parametrize(
    ("on_loss", "at_stop", "told"),
    [
        (OnLoss.STOP_POINT, True, True),
        (OnLoss.STOP_POINT, False, False),
        (OnLoss.HOME, True, False),
    ],
)
def test_it_says_to_be_at_its_stop_only_where_it_will_not_go_back(
    on_loss: OnLoss, *, at_stop: bool, told: bool
) -> None:
    there = authority.lease_of(grant(on_loss=on_loss), 0, 100.0)

    word = authority.held(msgspec.structs.replace(there, at_stop=at_stop))

    assert word.at_stop is told


def test_what_was_given_back_is_outside_the_corridor() -> None:
    after = authority.moved(lease(), sample(station_m=20.0), 1.0)

    assert not authority.contains(after, (10.0, 0.0))


def test_a_grant_must_begin_where_the_machine_stands() -> None:
    assert authority.flaw(grant(), sample(x_m=0.3, y_m=0.4)) is None
    assert authority.flaw(grant(), sample(x_m=0.31, y_m=0.4)) == "grant_start"


@pytest.mark.parametrize(
    "changes",
    [
        {"path": ()},
        {"path": ((0.0, 0.0), (math.nan, 0.0))},
        {"half_width_m": 0.0},
        {"half_width_m": 1000.1},
        {"from_m": -0.1},
        {"from_m": 9.0, "stop_m": 8.0},
        {"stop_m": math.nan},
        {"stop_m": 1e7},
        {"overlap_m": -0.1},
        {"overlap_m": math.nan},
        {"overlap_m": 1e4},
        {"home_lifetime_ns": 2**62},
        {"deviation_m_max": 0.0},
        {"deviation_m_max": 2.1},
        {"half_width_m": math.nan},
        {"pose_error_m": -1.0},
        {"speed_m_s_max": 0.0},
        {"speed_m_s_max": math.inf},
        {"tool_from_m": -0.1},
        {"lifetime_ns": 0},
        {"lifetime_ns": 2**62},
    ],
)
def test_a_grant_with_values_that_can_not_be_is_flawed(changes: dict[str, object]) -> None:
    assert authority.flaw(grant(**changes), sample()) == "grant_values"
